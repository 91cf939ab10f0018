/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What FFmpeg encoded goes through KvsAudioStream into a Matroska file, from which FFmpeg has to
 * read the same sound. Without ffmpeg and ffprobe there is nothing to see here. */
#include "media/audio-stream.h"

#include <check.h>
#include <glib/gstdio.h>
#include <string.h>

#include "../suite.h"
#include "bytes.h"
#include "mkv/muxer.h"

#define NS_PER_MS G_GINT64_CONSTANT (1000000)
#define G711_BUFFER_BYTES 320

static const guint8 segment_uid[KVS_MKV_SEGMENT_UID_BYTES] = { 1 };

/* Where all files are; Check forks the tests, and makes and removes it outside of them. */
static gchar *folder;

static void
make_folder (void)
{
  folder = g_dir_make_tmp ("kvs-audio-XXXXXX", NULL);
  ck_assert_ptr_nonnull (folder);
}

static void
remove_folder (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const gchar *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree gchar *path = g_build_filename (folder, name, NULL);

    g_unlink (path);
  }
  g_rmdir (folder);
  g_clear_pointer (&folder, g_free);
}

static gboolean
has_tools (void)
{
  g_autofree gchar *ffmpeg = g_find_program_in_path ("ffmpeg");
  g_autofree gchar *ffprobe = g_find_program_in_path ("ffprobe");

  return ffmpeg != NULL && ffprobe != NULL;
}

/* Runs a command in the folder. Returns: what it printed */
static gchar *
run (const gchar *command)
{
  g_auto (GStrv) argv = NULL;
  g_autofree gchar *output = NULL, *errors = NULL;
  g_autoptr (GError) error = NULL;
  gint status;

  ck_assert (g_shell_parse_argv (command, NULL, &argv, NULL));
  ck_assert_msg (g_spawn_sync (folder, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output,
                               &errors, &status, &error),
                 "%s", error != NULL ? error->message : "");
  ck_assert_msg (status == 0 && *errors == '\0', "%s: %s", command, errors);
  return g_steal_pointer (&output);
}

static GBytes *
read_file (const gchar *name)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  gchar *data;
  gsize size;

  ck_assert (g_file_get_contents (path, &data, &size, NULL));
  return g_bytes_new_take (data, size);
}

static void
append_bytes (GByteArray *file, GBytes *bytes)
{
  g_byte_array_append (file, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
}

static void
append_frame (GByteArray *file, const KvsFrame *frame)
{
  guint8 start[KVS_MKV_SIMPLE_BLOCK_MAX_BYTES];
  gsize n = kvs_mkv_write_simple_block_start (start, frame->info.track_number,
                                              (gint16) (frame->info.pts_ns / NS_PER_MS),
                                              frame->info.flags, frame->size_bytes);

  g_byte_array_append (file, start, (guint) n);
  for (guint i = 0; i < frame->n_slices; i++)
    g_byte_array_append (file, frame->slices[i].data, (guint) frame->slices[i].size);
}

/* Returns: where the buffer ends in time */
static gint64
append_buffer (GByteArray *file, KvsAudioStream *stream, GBytes *buffer, gint64 time_ns)
{
  KvsAudioBufferInfo buffer_info;
  g_autoptr (GError) error = NULL;
  const KvsAudioPacket *packets;
  guint n;

  ck_assert_msg (kvs_audio_stream_parse (stream, buffer, &buffer_info, &error), "%s",
                 error != NULL ? error->message : "no error");
  ck_assert_uint_eq (buffer_info.used_bytes, g_bytes_get_size (buffer));
  packets = kvs_audio_stream_get_packets (stream, &n);
  for (guint i = 0; i < n; i++) {
    gint64 packet_ns = time_ns + packets[i].time_offset_ns;
    KvsFrameInfo info = { 1, KVS_FRAME_FLAG_KEY_FRAME, packet_ns, packet_ns,
                          packets[i].duration_ns };
    g_autoptr (KvsFrame) frame = kvs_audio_stream_make_frame (stream, &info, buffer, i);

    append_frame (file, frame);
  }
  return time_ns + buffer_info.duration_ns;
}

/* The file is written with the track as it is after all buffers. */
static void
write_file (const gchar *name, KvsAudioStream *stream, GPtrArray *buffers)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  g_autoptr (GByteArray) file = g_byte_array_new (), blocks = g_byte_array_new ();
  guint8 cluster[KVS_MKV_CLUSTER_START_MAX_BYTES];
  gsize cluster_size = kvs_mkv_write_cluster_start (cluster, 0);
  g_autoptr (KvsTrack) track = NULL;
  g_autoptr (GBytes) header = NULL;
  gint64 time_ns = 0;

  for (guint i = 0; i < buffers->len; i++)
    time_ns = append_buffer (blocks, stream, buffers->pdata[i], time_ns);
  track = kvs_audio_stream_make_track (stream, 1, "sound");
  header = kvs_mkv_header_new ((const KvsTrack *const[]) { track }, 1, NS_PER_MS, segment_uid);
  append_bytes (file, header);
  g_byte_array_append (file, cluster, (guint) cluster_size);
  g_byte_array_append (file, blocks->data, blocks->len);
  ck_assert (g_file_set_contents (path, (const gchar *) file->data, file->len, NULL));
}

/* Its packets, each in a buffer of its own, with their headers or without. */
static GPtrArray *
split_adts (GBytes *adts, gboolean as_raw)
{
  g_autoptr (KvsAudioStream) stream = kvs_audio_stream_new_aac (TRUE, NULL, NULL);
  GPtrArray *buffers = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  KvsAudioBufferInfo info;
  const KvsAudioPacket *packets;
  gsize last_end = 0;
  guint n;

  ck_assert (kvs_audio_stream_parse (stream, adts, &info, NULL));
  packets = kvs_audio_stream_get_packets (stream, &n);
  ck_assert_uint_gt (n, 10);
  for (guint i = 0; i < n; i++) {
    gsize end = packets[i].offset + packets[i].size;
    gsize start = as_raw ? packets[i].offset : last_end;

    g_ptr_array_add (buffers, g_bytes_new_from_bytes (adts, start, end - start));
    last_end = end;
  }
  return buffers;
}

static GPtrArray *
split_evenly (GBytes *bytes, gsize buffer_bytes)
{
  GPtrArray *buffers = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  gsize size = g_bytes_get_size (bytes);

  for (gsize at = 0; at < size; at += buffer_bytes)
    g_ptr_array_add (buffers, g_bytes_new_from_bytes (bytes, at, MIN (buffer_bytes, size - at)));
  return buffers;
}

static void
check_file (const gchar *name, const gchar *expected_stream, const gchar *source_args)
{
  g_autofree gchar *probe_command = g_strdup_printf (
    "ffprobe -v error -show_entries "
    "stream=codec_name,sample_rate,channels,bits_per_sample -of compact=nk=1:p=0 %s",
    name);
  g_autofree gchar *stream = run (probe_command);
  g_autofree gchar *decode_command
      = g_strdup_printf ("ffmpeg -v error -i %s -c:a pcm_s16le -f md5 -", name);
  g_autofree gchar *source_command
      = g_strdup_printf ("ffmpeg -v error %s -c:a pcm_s16le -f md5 -", source_args);
  g_autofree gchar *sound = run (decode_command);
  g_autofree gchar *source_sound = run (source_command);

  ck_assert_str_eq (g_strchomp (stream), expected_stream);
  ck_assert_str_eq (sound, source_sound);
}

/* mkvinfo complains of what is not as the specification of Matroska says. */
static void
check_with_mkvinfo (const gchar *name, const gchar *expected_part)
{
  g_autofree gchar *program = g_find_program_in_path ("mkvinfo");
  g_autofree gchar *command = g_strdup_printf ("mkvinfo --ui-language en_US --all %s", name);
  g_autofree gchar *output = NULL;

  if (program == NULL)
    return;
  output = run (command);
  ck_assert_msg (strcasestr (output, "error") == NULL && strcasestr (output, "warning") == NULL,
                 "%s", output);
  ck_assert_msg (strstr (output, expected_part) != NULL, "%s", output);
}

static const struct {
  guint sample_rate, channels;
  const gchar *codec_data; /* with bits behind it that players refuse */
} aac[] = {
  { 44100, 2, "121056e500" },
  { 16000, 1, "14081fe0" },
  { 48000, 6, "11b056e500" },
};

START_TEST (test_aac)
{
  g_autofree gchar *encode = g_strdup_printf (
    "ffmpeg -y -v error -f lavfi -i aevalsrc=sin(2764*t)/2+random(0)/9:d=1:s=%u -ac %u -c:a aac "
    "sound.aac",
    aac[_i].sample_rate, aac[_i].channels);
  g_autofree gchar *expected
      = g_strdup_printf ("aac|%u|%u|0", aac[_i].sample_rate, aac[_i].channels);
  g_autofree gchar *frequency = g_strdup_printf ("Sampling frequency: %u", aac[_i].sample_rate);
  g_autoptr (GBytes) codec_data = bytes_from_hex (aac[_i].codec_data);
  g_autoptr (KvsAudioStream) raw = kvs_audio_stream_new_aac (FALSE, codec_data, NULL);
  g_autoptr (KvsAudioStream) adts = kvs_audio_stream_new_aac (TRUE, NULL, NULL);
  g_autoptr (KvsAudioStream) adts_whole = kvs_audio_stream_new_aac (TRUE, NULL, NULL);
  g_autoptr (GPtrArray) raw_buffers = NULL, adts_buffers = NULL, whole = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (!has_tools ())
    return;
  g_free (run (encode));
  bytes = read_file ("sound.aac");
  raw_buffers = split_adts (bytes, TRUE);
  adts_buffers = split_adts (bytes, FALSE);
  whole = split_evenly (bytes, g_bytes_get_size (bytes));
  write_file ("raw.mkv", raw, raw_buffers);
  write_file ("adts.mkv", adts, adts_buffers);
  write_file ("whole.mkv", adts_whole, whole);
  check_file ("raw.mkv", expected, "-i sound.aac");
  check_file ("adts.mkv", expected, "-i sound.aac");
  check_file ("whole.mkv", expected, "-i sound.aac");
  check_with_mkvinfo ("raw.mkv", frequency);
}
END_TEST

static const struct {
  KvsG711Law law;
  const gchar *name;
  guint sample_rate, channels;
} g711[] = {
  { KVS_G711_A_LAW, "alaw", 8000, 1 },
  { KVS_G711_MU_LAW, "mulaw", 8000, 1 },
  { KVS_G711_A_LAW, "alaw", 16000, 2 },
  { KVS_G711_MU_LAW, "mulaw", 44100, 2 },
};

START_TEST (test_g711)
{
  guint rate = g711[_i].sample_rate, channels = g711[_i].channels;
  g_autofree gchar *encode = g_strdup_printf (
    "ffmpeg -y -v error -f lavfi -i aevalsrc=sin(2764*t)/2:d=1:s=%u -ac %u -c:a pcm_%s -f %s sound",
    rate, channels, g711[_i].name, g711[_i].name);
  g_autofree gchar *expected = g_strdup_printf ("pcm_%s|%u|%u|8", g711[_i].name, rate, channels);
  g_autofree gchar *source
      = g_strdup_printf ("-f %s -ar %u -ac %u -i sound", g711[_i].name, rate, channels);
  g_autoptr (KvsAudioStream) stream
      = kvs_audio_stream_new_g711 (g711[_i].law, rate, channels, NULL);
  g_autoptr (GPtrArray) buffers = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (!has_tools ())
    return;
  g_free (run (encode));
  bytes = read_file ("sound");
  buffers = split_evenly (bytes, G711_BUFFER_BYTES);
  write_file ("sound.mkv", stream, buffers);
  check_file ("sound.mkv", expected, source);
  check_with_mkvinfo ("sound.mkv", "Bit depth: 8");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("audio-stream-file");
  TCase *tc = tcase_create ("audio-stream-file");

  tcase_set_timeout (tc, 60);
  tcase_add_unchecked_fixture (tc, make_folder, remove_folder);
  tcase_add_loop_test (tc, test_aac, 0, G_N_ELEMENTS (aac));
  tcase_add_loop_test (tc, test_g711, 0, G_N_ELEMENTS (g711));
  suite_add_tcase (s, tc);
  return run_suite (s);
}
