/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "body.h"

#include "mkv/muxer.h"

#define NS_PER_MS 1000000

static void
append_header (GByteArray *bytes, const BenchClip *clip)
{
  static const guint8 uid[KVS_MKV_SEGMENT_UID_BYTES] = { 1 };
  g_autoptr (GBytes) codec_private = g_bytes_new (clip->codec_data, clip->codec_data_bytes);
  g_autoptr (KvsTrack) track = kvs_track_new (1, KVS_TRACK_TYPE_VIDEO, KVS_CODEC_ID_AVC,
                                              "kinesis_video", codec_private);
  const KvsTrack *tracks[] = { track };
  g_autoptr (GBytes) header = NULL;

  track->width = clip->width;
  track->height = clip->height;
  header = kvs_mkv_header_new (tracks, 1, NS_PER_MS, uid);
  g_byte_array_append (bytes, g_bytes_get_data (header, NULL), (guint) g_bytes_get_size (header));
}

/**
 * bench_body_new:
 * @n_frames: how many; the clip begins anew as often as needed
 * @start_ms: time of the first frame
 */
BenchBody *
bench_body_new (const BenchClip *clip, guint64 n_frames, gint64 start_ms)
{
  BenchBody *body = g_new0 (BenchBody, 1);
  gint64 cluster_ms = 0;
  guint8 head[KVS_MKV_CLUSTER_START_MAX_BYTES + KVS_MKV_SIMPLE_BLOCK_MAX_BYTES];

  body->bytes = g_byte_array_new ();
  body->frame_ends = g_array_new (FALSE, FALSE, sizeof (guint64));
  append_header (body->bytes, clip);
  for (guint64 i = 0; i < n_frames; i++) {
    gint64 time_ms = start_ms + bench_clip_time_ns (clip, i) / NS_PER_MS;
    gsize head_bytes = 0;
    guint64 end;
    guint32 size;
    gboolean is_key;
    const guint8 *data = bench_clip_frame (clip, i, &size, &is_key);

    if (is_key) {
      head_bytes = kvs_mkv_write_cluster_start (head, (guint64) time_ms);
      cluster_ms = time_ms;
    }
    head_bytes += kvs_mkv_write_simple_block_start (
      head + head_bytes, 1, (gint16) (time_ms - cluster_ms),
      is_key ? KVS_FRAME_FLAG_KEY_FRAME : KVS_FRAME_FLAG_NONE, size);
    g_byte_array_append (body->bytes, head, (guint) head_bytes);
    g_byte_array_append (body->bytes, data, size);
    end = body->bytes->len;
    g_array_append_val (body->frame_ends, end);
  }
  return body;
}

void
bench_body_free (BenchBody *body)
{
  g_byte_array_unref (body->bytes);
  g_array_unref (body->frame_ends);
  g_free (body);
}
