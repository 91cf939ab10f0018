/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/fragment.h"

#include <string.h>

/**
 * kvs_segment_new:
 * @header: EBML header to Tracks, as kvs_mkv_header_new() gives it
 * @start_ns: epoch time that relative Cluster timecodes count from
 *
 * Returns: (transfer full): a new segment
 */
KvsSegment *
kvs_segment_new (GBytes *header, gint64 start_ns)
{
  KvsSegment *segment = g_new (KvsSegment, 1);

  g_atomic_ref_count_init (&segment->refs);
  segment->header = g_bytes_ref (header);
  segment->start_ns = start_ns;
  return segment;
}

/**
 * kvs_segment_ref:
 * @segment: a segment
 *
 * Any thread.
 *
 * Returns: (transfer full): the same segment
 */
KvsSegment *
kvs_segment_ref (KvsSegment *segment)
{
  g_atomic_ref_count_inc (&segment->refs);
  return segment;
}

/**
 * kvs_segment_unref:
 * @segment: (transfer full): a segment
 *
 * Any thread.
 */
void
kvs_segment_unref (KvsSegment *segment)
{
  if (!g_atomic_ref_count_dec (&segment->refs))
    return;
  g_bytes_unref (segment->header);
  g_free (segment);
}

static void
part_clear (gpointer data)
{
  kvs_frame_free (((KvsFragmentPart *) data)->frame);
}

/**
 * kvs_fragment_new:
 * @segment: what it belongs to
 * @timecode: of the Cluster
 * @tags: (nullable) (transfer full): Matroska Tags that go before it
 *
 * Returns: (transfer full): an empty fragment
 */
KvsFragment *
kvs_fragment_new (KvsSegment *segment, guint64 timecode, GBytes *tags)
{
  KvsFragment *fragment = g_new0 (KvsFragment, 1);

  fragment->segment = kvs_segment_ref (segment);
  fragment->timecode = timecode;
  fragment->tags = tags;
  fragment->size_bytes = tags != NULL ? g_bytes_get_size (tags) : 0;
  fragment->parts = g_array_new (FALSE, FALSE, sizeof (KvsFragmentPart));
  g_array_set_clear_func (fragment->parts, part_clear);
  fragment->start_ns = G_MAXINT64;
  fragment->end_ns = G_MININT64;
  return fragment;
}

/**
 * kvs_fragment_append:
 * @fragment: a fragment that is not complete
 * @head: Matroska bytes that go before the payload
 * @head_size: up to %KVS_FRAME_HEAD_MAX_BYTES
 * @frame: (transfer full): the frame
 */
void
kvs_fragment_append (KvsFragment *fragment, const guint8 *head, gsize head_size, KvsFrame *frame)
{
  KvsFragmentPart part = { .frame = frame, .head_size = (guint8) head_size };

  memcpy (part.head, head, head_size);
  g_array_append_val (fragment->parts, part);
  fragment->size_bytes += head_size + frame->size_bytes;
  fragment->start_ns = MIN (fragment->start_ns, frame->info.pts_ns);
  fragment->end_ns = MAX (fragment->end_ns, frame->info.pts_ns + frame->info.duration_ns);
}

/**
 * kvs_fragment_free:
 * @fragment: (transfer full) (nullable): a fragment
 */
void
kvs_fragment_free (KvsFragment *fragment)
{
  if (fragment == NULL)
    return;
  kvs_segment_unref (fragment->segment);
  g_clear_pointer (&fragment->tags, g_bytes_unref);
  g_array_unref (fragment->parts);
  g_free (fragment);
}

static gsize
read_tags (const KvsFragment *fragment, KvsFragmentCursor *cursor, guint8 *out, gsize size)
{
  gsize tags_size;
  const guint8 *tags;
  gsize n;

  if (fragment->tags == NULL)
    return 0;
  tags = g_bytes_get_data (fragment->tags, &tags_size);
  n = MIN (tags_size - cursor->tags_bytes, size);
  if (n > 0)
    memcpy (out, tags + cursor->tags_bytes, n);
  cursor->tags_bytes += n;
  return n;
}

static KvsSlice
slice_at (const KvsFragment *fragment, const KvsFragmentCursor *cursor)
{
  const KvsFragmentPart *part = &g_array_index (fragment->parts, KvsFragmentPart, cursor->part);

  if (cursor->slice == 0)
    return (KvsSlice) { part->head, part->head_size };
  return part->frame->slices[cursor->slice - 1];
}

static void
next_slice (const KvsFragment *fragment, KvsFragmentCursor *cursor)
{
  const KvsFragmentPart *part = &g_array_index (fragment->parts, KvsFragmentPart, cursor->part);

  cursor->offset = 0;
  if (cursor->slice++ < part->frame->n_slices)
    return;
  cursor->slice = 0;
  cursor->part++;
}

/**
 * kvs_fragment_read:
 * @fragment: a fragment
 * @cursor: (inout): where to go on; all zeros for the beginning
 * @out: where the bytes go
 * @size: room in @out
 *
 * Returns: how many bytes were copied; less than @size when there are no more for now
 */
gsize
kvs_fragment_read (const KvsFragment *fragment, KvsFragmentCursor *cursor, guint8 *out, gsize size)
{
  gsize done = read_tags (fragment, cursor, out, size);

  while (done < size && cursor->part < fragment->parts->len) {
    KvsSlice slice = slice_at (fragment, cursor);
    gsize n = MIN (slice.size - cursor->offset, size - done);

    memcpy (out + done, slice.data + cursor->offset, n);
    done += n;
    cursor->offset += n;
    if (cursor->offset == slice.size)
      next_slice (fragment, cursor);
  }
  return done;
}

/**
 * kvs_fragment_is_begun:
 * @cursor: how far a fragment was read
 *
 * Returns: whether anything of it was read
 */
gboolean
kvs_fragment_is_begun (const KvsFragmentCursor *cursor)
{
  return cursor->tags_bytes > 0 || cursor->part > 0 || cursor->slice > 0 || cursor->offset > 0;
}

/**
 * kvs_fragment_is_read:
 * @fragment: a fragment
 * @cursor: how far it was read
 *
 * Returns: whether there is nothing more to read, now and later
 */
gboolean
kvs_fragment_is_read (const KvsFragment *fragment, const KvsFragmentCursor *cursor)
{
  return fragment->complete && cursor->part == fragment->parts->len;
}
