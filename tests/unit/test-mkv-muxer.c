/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkv/muxer.h"

#include <check.h>
#include <glib/gstdio.h>
#include <string.h>

#include "../suite.h"
#include "bytes.h"
#include "media/h264.h"
#include "mkv/ebml-writer.h"

static const guint8 segment_uid[KVS_MKV_SEGMENT_UID_BYTES] = {
  0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
};

static const struct {
  guint64 value;
  const gchar *size;
  const gchar *number;
} numbers[] = {
  { 0, "80", "8100" },
  { 126, "fe", "817e" },
  { 127, "407f", "817f" },
  { 255, "40ff", "81ff" },
  { 256, "4100", "820100" },
  { 16382, "7ffe", "823ffe" },
  { 16383, "203fff", "823fff" },
  { 2097150, "3ffffe", "831ffffe" },
  { 2097151, "101fffff", "831fffff" },
  { 268435455, "080fffffff", "840fffffff" },
  { G_GUINT64_CONSTANT (34359738367), "0407ffffffff", "8507ffffffff" },
  { G_GUINT64_CONSTANT (4398046511103), "0203ffffffffff", "8603ffffffffff" },
  { G_GUINT64_CONSTANT (562949953421311), "0101ffffffffffff", "8701ffffffffffff" },
  { KVS_EBML_MAX_SIZE, "01fffffffffffffe", "87fffffffffffffe" },
};

START_TEST (test_numbers)
{
  guint8 out[1 + KVS_EBML_UINT_MAX_BYTES];
  g_autofree gchar *size = hex_from_data (out, kvs_ebml_put_size (out, numbers[_i].value));
  g_autofree gchar *number = hex_from_data (out, kvs_ebml_put_uint (out, numbers[_i].value));

  ck_assert_str_eq (size, numbers[_i].size);
  ck_assert_str_eq (number, numbers[_i].number);
}
END_TEST

/* Written out by hand from RFC 8794 and RFC 9559. The application's name is put in between, since
 * its length changes with the version. */
START_TEST (test_header)
{
  g_autoptr (GBytes) video_private = bytes_from_hex ("0142c00d");
  g_autoptr (GBytes) audio_private = bytes_from_hex ("1208");
  g_autoptr (KvsTrack) video = kvs_track_new (1, KVS_TRACK_TYPE_VIDEO, KVS_CODEC_ID_AVC, "cam",
                                              video_private);
  g_autoptr (KvsTrack) audio = kvs_track_new (2, KVS_TRACK_TYPE_AUDIO, KVS_CODEC_ID_AAC, NULL,
                                              audio_private);
  const KvsTrack *tracks[] = { video, audio };
  const gchar *app = "kvssink " KVS_VERSION;
  g_autofree gchar *app_hex = hex_from_data (app, strlen (app));
  g_autofree gchar *expected = NULL;
  g_autoptr (GBytes) header = NULL;

  video->width = 1920;
  video->height = 1080;
  audio->sample_rate = 44100;
  audio->channels = 2;
  audio->bit_depth = 16;
  header = kvs_mkv_header_new (tracks, 2, 1000000, segment_uid);
  expected = g_strdup_printf (
    "1a45dfa3 a3 428681 01 42f781 01 42f281 04 42f381 08 428288 6d6174726f736b61"
    "428781 04 428581 02"
    "18538067 01ffffffffffffff"
    "1549a966 %02x 73a490 101112131415161718191a1b1c1d1e1f 2ad7b183 0f4240 4d80%02x %s 5741%02x %s"
    "1654ae6b f3"
    "ae bc d781 01 73c581 01 8381 01 9c81 00 22b59c83 756e64"
    "86 8f 565f4d504547342f49534f2f415643 536e83 63616d 63a284 0142c00d e088 b082 0780 ba82 0438"
    "ae b3 d781 02 73c581 02 8381 02 9c81 00 22b59c83 756e64"
    "86 85 415f414143 63a282 1208 e191 b588 40e5888000000000 9f81 02 626481 10",
    (guint) (0x80 | (19 + 7 + 2 * (3 + strlen (app)))), (guint) (0x80 | strlen (app)), app_hex,
    (guint) (0x80 | strlen (app)), app_hex);
  assert_bytes_eq_hex (header, expected);
}
END_TEST

static gboolean
contains (GBytes *bytes, const gchar *hex)
{
  g_autoptr (GBytes) needle = bytes_from_hex (hex);

  return memmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                 g_bytes_get_data (needle, NULL), g_bytes_get_size (needle)) != NULL;
}

/* Pixel size 0 would make the file invalid; a reader then gets it from the avcC. */
START_TEST (test_header_without_size)
{
  g_autoptr (KvsTrack) track = kvs_track_new (1, KVS_TRACK_TYPE_VIDEO, KVS_CODEC_ID_AVC, "", NULL);
  const KvsTrack *tracks[] = { track };
  g_autoptr (GBytes) header = kvs_mkv_header_new (tracks, 1, 1000000, segment_uid);

  ck_assert (!contains (header, "b081 00"));
  ck_assert (!contains (header, "536e80"));
  ck_assert (!contains (header, "63a280"));
}
END_TEST

/* A codec private larger than 64 KiB, as the old packager could not replay it. */
START_TEST (test_header_large_private)
{
  g_autofree guint8 *data = g_malloc0 (70000);
  g_autoptr (GBytes) private = g_bytes_new (data, 70000);
  g_autoptr (KvsTrack) track = kvs_track_new (1, KVS_TRACK_TYPE_VIDEO, KVS_CODEC_ID_AVC, NULL,
                                              private);
  const KvsTrack *tracks[] = { track };
  g_autoptr (GBytes) header = kvs_mkv_header_new (tracks, 1, 1000000, segment_uid);

  ck_assert (contains (header, "63a2 211170 000000"));
  ck_assert_uint_gt (g_bytes_get_size (header), 70000);
}
END_TEST

START_TEST (test_cluster_start)
{
  static const struct {
    guint64 timecode;
    const gchar *hex;
  } cases[] = {
    { 0, "1f43b675ff e78100" },
    { G_GUINT64_CONSTANT (1700000000123), "1f43b675ff e786018bcfe5687b" },
    { G_MAXUINT64, "1f43b675ff e788ffffffffffffffff" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint8 out[KVS_MKV_CLUSTER_START_MAX_BYTES];
    gsize n = kvs_mkv_write_cluster_start (out, cases[i].timecode);
    g_autoptr (GBytes) bytes = NULL;

    ck_assert_uint_le (n, sizeof out);
    bytes = g_bytes_new (out, n);
    assert_bytes_eq_hex (bytes, cases[i].hex);
  }
}
END_TEST

START_TEST (test_simple_block_start)
{
  static const struct {
    guint track;
    gint16 timecode;
    guint flags;
    gsize payload;
    const gchar *hex;
  } cases[] = {
    { 1, 0, KVS_FRAME_FLAG_KEY_FRAME, 10, "a3 8e 81 0000 80" },
    { 2, 40, KVS_FRAME_FLAG_NONE, 122, "a3 fe 82 0028 00" },
    { 2, 40, KVS_FRAME_FLAG_NONE, 123, "a3 407f 82 0028 00" },
    { 3, -40, KVS_FRAME_FLAG_DISCARDABLE, 20000, "a3 204e24 83 ffd8 01" },
    { 1, G_MININT16, KVS_FRAME_FLAG_INVISIBLE, 0, "a3 84 81 8000 08" },
    { 1, G_MAXINT16,
      KVS_FRAME_FLAG_KEY_FRAME | KVS_FRAME_FLAG_INVISIBLE | KVS_FRAME_FLAG_DISCARDABLE,
      50 * 1024 * 1024, "a3 13200004 81 7fff 89" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint8 out[KVS_MKV_SIMPLE_BLOCK_MAX_BYTES];
    gsize n = kvs_mkv_write_simple_block_start (out, cases[i].track, cases[i].timecode,
                                                (KvsFrameFlags) cases[i].flags, cases[i].payload);
    g_autoptr (GBytes) bytes = NULL;

    ck_assert_uint_le (n, sizeof out);
    bytes = g_bytes_new (out, n);
    assert_bytes_eq_hex (bytes, cases[i].hex);
  }
}
END_TEST

START_TEST (test_tags)
{
  static const KvsMkvTag two[] = { { "place", "door" }, { "n", "" } };
  static const KvsMkvTag end[] = { { KVS_MKV_TAG_END_OF_FRAGMENT, "" } };
  g_autoptr (GBytes) two_bytes = kvs_mkv_tags_new (two, 2);
  g_autoptr (GBytes) end_bytes = kvs_mkv_tags_new (end, 1);

  assert_bytes_eq_hex (two_bytes, "1254c367 9f 7373 9c 67c8 8f 45a385 706c616365 448784 646f6f72"
                                  "67c8 87 45a381 6e 448780");
  assert_bytes_eq_hex (end_bytes,
                       "1254c367 ac 7373 a9 67c8 a6 45a3a0"
                       "4157535f4b494e45534953564944454f5f454e445f4f465f465241474d454e54 448780");
}
END_TEST

/* Two pictures of one orange, 64x48, from x264. */
#define SPS "6742c00ad9047b011000000300100000030320f1226480"
#define PPS "68cb83cb20"
#define IDR "6588840bf118a00023711c0004a36380008b949c9c9d75d75d75d75e"
#define SLICE "419a3815e360"
/* WAVEFORMATEX: mu-law, 1 channel, 8000 Hz, 8 bits */
#define MULAW "0700 0100 401f0000 401f0000 0100 0800 0000"

#define START_MS G_GUINT64_CONSTANT (1700000000000)

static GBytes *
avcc_of_example (void)
{
  g_autoptr (GPtrArray) sps = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (GPtrArray) pps = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  g_ptr_array_add (sps, bytes_from_hex (SPS));
  g_ptr_array_add (pps, bytes_from_hex (PPS));
  return kvs_h264_avcc_new (sps, pps, NULL);
}

static void
append_block (GByteArray *file, guint track, gint16 timecode, KvsFrameFlags flags,
              GBytes *payload)
{
  guint8 start[KVS_MKV_SIMPLE_BLOCK_MAX_BYTES];
  gsize size;
  const guint8 *data = g_bytes_get_data (payload, &size);
  gsize n = kvs_mkv_write_simple_block_start (start, track, timecode, flags, size);

  g_byte_array_append (file, start, (guint) n);
  g_byte_array_append (file, data, (guint) size);
}

static void
append_picture (GByteArray *file, gint16 timecode, gboolean key, const gchar *nal_hex)
{
  g_autoptr (GBytes) nal = bytes_from_hex (nal_hex);
  g_autofree gchar *hex = g_strdup_printf ("%08x %s", (guint) g_bytes_get_size (nal), nal_hex);
  g_autoptr (GBytes) payload = bytes_from_hex (hex);

  append_block (file, 1, timecode, key ? KVS_FRAME_FLAG_KEY_FRAME : KVS_FRAME_FLAG_NONE, payload);
}

static void
append_bytes (GByteArray *file, GBytes *bytes)
{
  g_byte_array_append (file, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
}

/* As the uploader puts a session together: header, and three fragments with tags around them. */
static GByteArray *
session_file (void)
{
  static const KvsMkvTag place[] = { { "place", "door" } };
  static const KvsMkvTag end[] = { { KVS_MKV_TAG_END_OF_FRAGMENT, "" } };
  GByteArray *file = g_byte_array_new ();
  g_autoptr (GBytes) avcc = avcc_of_example ();
  g_autoptr (GBytes) mulaw = bytes_from_hex (MULAW);
  g_autoptr (GBytes) silence = bytes_from_hex ("ffffffffffffffff");
  g_autoptr (KvsTrack) video = kvs_track_new (1, KVS_TRACK_TYPE_VIDEO, KVS_CODEC_ID_AVC, "picture",
                                              avcc);
  g_autoptr (KvsTrack) audio = kvs_track_new (2, KVS_TRACK_TYPE_AUDIO, KVS_CODEC_ID_MS_ACM, "sound",
                                              mulaw);
  const KvsTrack *tracks[] = { video, audio };
  g_autoptr (GBytes) tags = kvs_mkv_tags_new (place, 1);
  g_autoptr (GBytes) end_tags = kvs_mkv_tags_new (end, 1);
  g_autoptr (GBytes) header = NULL;

  video->width = 64;
  video->height = 48;
  audio->sample_rate = 8000;
  audio->channels = 1;
  header = kvs_mkv_header_new (tracks, 2, 1000000, segment_uid);
  append_bytes (file, header);
  for (guint i = 0; i < 3; i++) {
    guint8 start[KVS_MKV_CLUSTER_START_MAX_BYTES];

    if (i == 1)
      append_bytes (file, tags);
    g_byte_array_append (file, start,
                         (guint) kvs_mkv_write_cluster_start (start, START_MS + 2000 * i));
    append_picture (file, 0, TRUE, IDR);
    append_block (file, 2, 10, KVS_FRAME_FLAG_KEY_FRAME, silence);
    append_picture (file, 1000, FALSE, SLICE);
  }
  append_bytes (file, end_tags);
  return file;
}

/* Runs a program over the file and gives what it printed; NULL where it is not installed. */
static gchar *
run_reader (const gchar *const *args, const gchar *path, gint *status)
{
  g_autofree gchar *program = g_find_program_in_path (args[0]);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_auto (GStrv) env = g_environ_setenv (g_get_environ (), "LC_ALL", "C", TRUE);
  g_autofree gchar *errors = NULL;
  gchar *output = NULL;
  g_autofree gchar *own_output = NULL;

  if (program == NULL)
    return NULL;
  for (; *args != NULL; args++)
    g_ptr_array_add (argv, (gpointer) *args);
  g_ptr_array_add (argv, (gpointer) path);
  g_ptr_array_add (argv, NULL);
  ck_assert (g_spawn_sync (NULL, (gchar **) argv->pdata, env, G_SPAWN_SEARCH_PATH, NULL, NULL,
                           &own_output, &errors, status, NULL));
  output = g_strconcat (own_output, errors, NULL);
  return output;
}

static gchar *
write_session_file (void)
{
  g_autoptr (GByteArray) file = session_file ();
  gchar *path = NULL;
  gint fd = g_file_open_tmp ("kvs-muxer-XXXXXX.mkv", &path, NULL);

  ck_assert_int_ge (fd, 0);
  ck_assert (g_close (fd, NULL));
  ck_assert (g_file_set_contents (path, (const gchar *) file->data, file->len, NULL));
  return path;
}

START_TEST (test_mkvinfo_reads_it)
{
  static const gchar *const args[] = { "mkvinfo", "--all", NULL };
  g_autofree gchar *path = write_session_file ();
  gint status = 0;
  g_autofree gchar *output = run_reader (args, path, &status);
  guint n_blocks = 0;

  g_unlink (path);
  if (output == NULL)
    return;
  ck_assert_msg (status == 0, "%s", output);
  ck_assert_msg (strcasestr (output, "error") == NULL && strcasestr (output, "warning") == NULL
                 && strcasestr (output, "unknown element") == NULL
                 && strcasestr (output, "missing") == NULL, "%s", output);
  for (const gchar *at = output; (at = strstr (at, "Simple block:")) != NULL; at++)
    n_blocks++;
  ck_assert_msg (n_blocks == 9, "%s", output);
  ck_assert_msg (strstr (output, KVS_MKV_TAG_END_OF_FRAGMENT) != NULL, "%s", output);
}
END_TEST

START_TEST (test_ffprobe_decodes_it)
{
  static const gchar *const args[] = {
    "ffprobe", "-v", "warning", "-show_entries",
    "stream=codec_name,width,height,sample_rate:frame=stream_index,key_frame,pts", "-of",
    "compact=nk=1:p=0", NULL
  };
  g_autofree gchar *path = write_session_file ();
  gint status = 0;
  g_autofree gchar *output = run_reader (args, path, &status);

  g_unlink (path);
  if (output == NULL)
    return;
  ck_assert_int_eq (status, 0);
  ck_assert_str_eq (output, "0|1|1700000000000\n1|1|1700000000010\n0|0|1700000001000\n"
                            "0|1|1700000002000\n1|1|1700000002010\n0|0|1700000003000\n"
                            "0|1|1700000004000\n1|1|1700000004010\n0|0|1700000005000\n"
                            "h264|64|48\npcm_mulaw|8000\n");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("mkv-muxer");
  TCase *tc = tcase_create ("mkv-muxer");

  tcase_set_timeout (tc, 60);
  tcase_add_loop_test (tc, test_numbers, 0, G_N_ELEMENTS (numbers));
  tcase_add_test (tc, test_header);
  tcase_add_test (tc, test_header_without_size);
  tcase_add_test (tc, test_header_large_private);
  tcase_add_test (tc, test_cluster_start);
  tcase_add_test (tc, test_simple_block_start);
  tcase_add_test (tc, test_tags);
  tcase_add_test (tc, test_mkvinfo_reads_it);
  tcase_add_test (tc, test_ffprobe_decodes_it);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
