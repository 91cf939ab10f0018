/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first byte says what the others are: ADTS, raw AAC with its AudioSpecificConfig, or G.711.
 * Whatever is found must lie in the buffer and in order, and only a changed track is called one. */
#include "fuzz.h"

#include "media/audio-stream.h"

#define N_KINDS 3

static gint64
check_packets (const KvsAudioStream *stream, GBytes *buffer, gsize used_bytes)
{
  gsize end = 0;
  gint64 end_ns = 0;
  guint n;
  const KvsAudioPacket *packets = kvs_audio_stream_get_packets (stream, &n);

  for (guint i = 0; i < n; i++) {
    KvsFrameInfo info = { .track_number = 1 };
    g_autoptr (KvsFrame) frame = kvs_audio_stream_make_frame (stream, &info, buffer, i);

    g_assert_cmpuint (packets[i].size, >, 0);
    g_assert_cmpuint (packets[i].offset, >=, end);
    g_assert_cmpuint (packets[i].size, <=, used_bytes - packets[i].offset);
    g_assert_cmpint (packets[i].time_offset_ns, ==, end_ns);
    g_assert_cmpint (packets[i].duration_ns, >=, 0);
    g_assert_cmpuint (frame->size_bytes, ==, packets[i].size);
    g_assert_true (frame->slices[0].data
                   == (const guint8 *) g_bytes_get_data (buffer, NULL) + packets[i].offset);
    end = packets[i].offset + packets[i].size;
    end_ns = packets[i].time_offset_ns + packets[i].duration_ns;
  }
  return end_ns;
}

static gboolean
tracks_equal (const KvsTrack *a, const KvsTrack *b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return kvs_track_equal (a, b);
}

/* Returns: how much was used */
static gsize
parse_once (KvsAudioStream *stream, GBytes *buffer)
{
  g_autoptr (KvsTrack) before = kvs_audio_stream_make_track (stream, 1, NULL);
  g_autoptr (KvsTrack) after = NULL;
  g_autoptr (GError) error = NULL;
  gsize size = g_bytes_get_size (buffer);
  KvsAudioBufferInfo info;
  gboolean good = kvs_audio_stream_parse (stream, buffer, &info, &error);
  guint n;

  after = kvs_audio_stream_make_track (stream, 1, NULL);
  g_assert_cmpint (good, ==, error == NULL);
  g_assert_cmpuint (info.used_bytes, <=, size);
  g_assert_true (good || info.used_bytes == size);
  g_assert_cmpint (info.duration_ns, ==, check_packets (stream, buffer, info.used_bytes));
  g_assert_cmpint (info.config_changed, ==, !tracks_equal (before, after));
  kvs_audio_stream_get_packets (stream, &n);
  g_assert_true (n == 0 || after != NULL);
  g_assert_true (n > 0 || !info.config_changed);
  g_assert_true (n > 0 || size == 0 || !good);
  return info.used_bytes;
}

static void
parse (KvsAudioStream *stream, const guint8 *data, gsize size)
{
  gsize used;

  for (gsize at = 0; at < size; at += used) {
    g_autoptr (GBytes) buffer = g_bytes_new_static (data + at, size - at);

    used = parse_once (stream, buffer);
    g_assert_cmpuint (used, >, 0);
  }
}

static KvsAudioStream *
new_raw (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) codec_data = g_bytes_new_static (data, size);
  g_autoptr (GError) error = NULL;
  KvsAudioStream *stream = kvs_audio_stream_new_aac (FALSE, codec_data, &error);

  g_assert_cmpint (stream == NULL, ==, error != NULL);
  return stream;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (KvsAudioStream) stream = NULL;

  if (size < 2)
    return 0;
  if (data[0] % N_KINDS == 0)
    stream = kvs_audio_stream_new_aac (TRUE, NULL, NULL);
  else if (data[0] % N_KINDS == 1)
    stream = new_raw (data + 1, size - 1);
  else
    stream = kvs_audio_stream_new_g711 (KVS_G711_A_LAW, data[0] * 1000u, data[1], NULL);
  if (stream != NULL)
    parse (stream, data + 1, size - 1);
  return 0;
}
