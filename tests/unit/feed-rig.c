/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "feed-rig.h"

#include <check.h>

#include "service-rules.h"

static const gchar letters[] = "?VAB";

FeedRig *
feed_rig_new (void)
{
  FeedRig *rig = g_new0 (FeedRig, 1);

  rig->definition = kvs_stream_definition_new ("cam");
  rig->definition->max_unacknowledged = 0; /* see test-fragment-window.c */
  return rig;
}

/* What a track is; another @variant is another configuration. */
void
feed_rig_change_track (FeedRig *rig, guint track_number, guint variant)
{
  gboolean is_video = track_number == FEED_VIDEO;
  KvsTrack *track = kvs_track_new (
      track_number, is_video ? KVS_TRACK_TYPE_VIDEO : KVS_TRACK_TYPE_AUDIO,
      is_video ? KVS_CODEC_ID_AVC : KVS_CODEC_ID_AAC, NULL, NULL);

  track->content_type = g_strdup (is_video ? "video/h264" : "audio/aac");
  track->width = is_video ? 320 + variant : 0;
  track->sample_rate = is_video ? 0 : 48000 + variant;
  kvs_track_free (rig->tracks[track_number - 1]);
  rig->tracks[track_number - 1] = track;
}

/* The definition counts from here on. */
void
feed_rig_begin (FeedRig *rig, guint n_tracks)
{
  rig->buffer = kvs_fragment_buffer_new (rig->definition, NULL);
  rig->feed = kvs_feed_new (rig->buffer, rig->definition);
  for (guint number = 1; number <= n_tracks; number++) {
    kvs_feed_add_track (rig->feed, number,
                        number == FEED_VIDEO ? KVS_TRACK_TYPE_VIDEO : KVS_TRACK_TYPE_AUDIO);
    feed_rig_change_track (rig, number, 0);
  }
}

void
feed_rig_free (FeedRig *rig)
{
  kvs_feed_free (rig->feed);
  kvs_fragment_buffer_free (rig->buffer);
  kvs_stream_definition_free (rig->definition);
  for (guint i = 0; i < KVS_MAX_TRACKS; i++)
    kvs_track_free (rig->tracks[i]);
  g_free (rig->effect.content_type);
  g_free (rig);
}

KvsFrame *
feed_frame_new (guint64 id, guint track_number, gboolean is_key, gint64 dts_ms, gint64 pts_ms)
{
  KvsFrame *frame = media_frame_new (id, is_key, FEED_START + pts_ms * MEDIA_MS, 40);

  frame->info.track_number = track_number;
  frame->info.dts_ns = FEED_START + dts_ms * MEDIA_MS;
  return frame;
}

KvsPushResult
feed_rig_push (FeedRig *rig, guint track_number, gboolean is_key, gint64 dts_ms, gint64 pts_ms)
{
  g_autoptr (KvsTrack) track = g_steal_pointer (&rig->tracks[track_number - 1]);
  KvsFrame *frame = feed_frame_new (rig->next_id++, track_number, is_key, dts_ms, pts_ms);

  return kvs_feed_push (rig->feed, frame, track, &rig->effect);
}

void
feed_rig_end (FeedRig *rig)
{
  kvs_feed_end (rig->feed, &rig->effect);
}

/* ---- the service ---- */

static KvsReadStatus
read_session (FeedRig *rig, Wire *wire)
{
  KvsReadStatus status = KVS_READ_DATA;
  guint8 out[1000];
  gsize n_read;

  while (status == KVS_READ_DATA) {
    status = kvs_fragment_buffer_read (rig->buffer, out, sizeof out, &n_read);
    wire_push (wire, out, n_read);
  }
  return status;
}

static void
describe (GString *text, const Wire *wire, gint64 base_ms)
{
  guint declared = wire_declared_tracks (wire);

  g_string_append (text, text->len > 0 ? " | " : "");
  for (guint number = 1; number <= KVS_MAX_TRACKS; number++)
    if ((declared & 1u << number) != 0)
      g_string_append_c (text, letters[number]);
  g_string_append_c (text, ':');
  for (guint i = 0; i < wire->clusters->len; i++) {
    const WireCluster *cluster = g_ptr_array_index (wire->clusters, i);

    g_string_append (text, i > 0 ? " /" : "");
    for (guint k = 0; k < cluster->blocks->len; k++) {
      const WireBlock *block = &g_array_index (cluster->blocks, WireBlock, k);

      g_string_append_printf (text, " %c%d", letters[block->track],
                              (gint) (block->time + base_ms));
    }
  }
}

/* One Session after the other, as long as there is something to send; all is acknowledged.
 * Returns: (transfer full): for each Session the tracks of its header and the times of its frames, "/"
 *   between Fragments and "|" between Sessions */
gchar *
feed_rig_drain (FeedRig *rig)
{
  GString *text = g_string_new (NULL);
  KvsReadStatus status = KVS_READ_END;

  while (status == KVS_READ_END) {
    g_autoptr (KvsSegment) segment = kvs_fragment_buffer_begin_session (rig->buffer);
    g_autoptr (Wire) wire = wire_new ();
    gint64 base_ms = rig->definition->absolute_fragment_times ? 0 : 1;

    if (segment == NULL)
      break;
    status = read_session (rig, wire);
    service_rules_check (wire, rig->definition->timecode_scale_ns, text->str);
    base_ms = base_ms * segment->start_ns / MEDIA_MS - FEED_START / MEDIA_MS;
    describe (text, wire, base_ms);
    for (guint i = 0; i < wire->clusters->len; i++)
      kvs_fragment_buffer_persisted (
          rig->buffer, ((WireCluster *) g_ptr_array_index (wire->clusters, i))->timecode);
    kvs_fragment_buffer_end_session (rig->buffer);
  }
  return g_string_free (text, FALSE);
}

KvsBufferStats
feed_rig_stats (FeedRig *rig)
{
  KvsBufferStats stats;

  kvs_fragment_buffer_get_stats (rig->buffer, &stats);
  return stats;
}

guint64
feed_count_dropped (const KvsBufferStats *stats)
{
  guint64 n = 0;

  for (guint i = 0; i < KVS_N_DROP_REASONS; i++)
    n += stats->frames_dropped[i];
  return n;
}
