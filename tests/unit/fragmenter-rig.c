/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fragmenter-rig.h"

#include <check.h>

static void
line_free (gpointer data)
{
  Line *line = data;

  kvs_segment_unref (line->segment);
  wire_free (line->wire);
  g_free (line);
}

void
rig_set_tracks (Rig *rig)
{
  g_autoptr (KvsTrack) track = media_track_new ();
  const KvsTrack *tracks[] = { track };

  ck_assert_ptr_null (kvs_fragmenter_set_tracks (rig->fragmenter, tracks, 1, G_MAXINT64));
}

Rig *
rig_new (void)
{
  Rig *rig = g_new0 (Rig, 1);

  rig->definition = kvs_stream_definition_new ("cam");
  rig->lines = g_ptr_array_new_with_free_func (line_free);
  rig->verdicts = g_string_new (NULL);
  return rig;
}

/* The definition counts from here on. */
void
rig_begin (Rig *rig)
{
  rig->fragmenter = kvs_fragmenter_new (rig->definition);
  rig_set_tracks (rig);
}

void
rig_free (Rig *rig)
{
  kvs_fragmenter_free (rig->fragmenter);
  kvs_stream_definition_free (rig->definition);
  g_ptr_array_unref (rig->lines);
  g_string_free (rig->verdicts, TRUE);
  g_free (rig);
}

static Line *
last_line (Rig *rig)
{
  return rig->lines->len > 0 ? g_ptr_array_index (rig->lines, rig->lines->len - 1) : NULL;
}

const WireCluster *
rig_cluster (Rig *rig, guint line, guint cluster)
{
  ck_assert_uint_lt (line, rig->lines->len);
  {
    const Wire *wire = ((Line *) g_ptr_array_index (rig->lines, line))->wire;

    ck_assert_uint_lt (cluster, wire->clusters->len);
    return g_ptr_array_index (wire->clusters, cluster);
  }
}

const WireBlock *
rig_block (Rig *rig, guint line, guint cluster, guint block)
{
  const WireCluster *found = rig_cluster (rig, line, cluster);

  ck_assert_uint_lt (block, found->blocks->len);
  return &g_array_index (found->blocks, WireBlock, block);
}

guint
rig_count_clusters (Rig *rig, guint line)
{
  return ((Line *) g_ptr_array_index (rig->lines, line))->wire->clusters->len;
}

static void
open_line (Rig *rig, KvsSegment *segment)
{
  Line *line = last_line (rig);
  gsize size;
  const guint8 *data;

  if (line != NULL && line->segment == segment)
    return;
  line = g_new0 (Line, 1);
  line->segment = kvs_segment_ref (segment);
  line->wire = wire_new ();
  data = g_bytes_get_data (segment->header, &size);
  wire_push (line->wire, data, size);
  ck_assert_uint_eq (line->wire->header->len, size);
  g_ptr_array_add (rig->lines, line);
}

KvsFragmenterVerdict
rig_push (Rig *rig, gboolean is_key, gint64 pts_ns, gint64 duration_ns, gsize size)
{
  g_autoptr (KvsFrame) frame = media_frame_new (rig->next_id, is_key, pts_ns, size);
  KvsFragmenterStep step;

  frame->info.duration_ns = duration_ns;
  kvs_fragmenter_step (rig->fragmenter, frame, &step);
  ck_assert_ptr_null (step.closed_segment);
  if (step.verdict != KVS_FRAGMENTER_ADD && step.verdict != KVS_FRAGMENTER_OPEN) {
    g_string_append_c (rig->verdicts, 'n');
    return step.verdict;
  }
  ck_assert_uint_eq (frame->index, rig->next_id);
  rig->next_id++;
  if (step.verdict == KVS_FRAGMENTER_OPEN)
    open_line (rig, step.segment);
  g_string_append_c (rig->verdicts, step.verdict == KVS_FRAGMENTER_ADD ? 'a'
                                    : step.forced                      ? 'f'
                                                                       : 'o');
  ck_assert (step.is_sendable);
  ck_assert_uint_le (step.head_size, sizeof step.head);
  wire_push (last_line (rig)->wire, step.head, step.head_size);
  wire_push (last_line (rig)->wire, frame->slices[0].data, frame->slices[0].size);
  ck_assert_uint_eq (last_line (rig)->wire->pending->len, 0);
  return step.verdict;
}

