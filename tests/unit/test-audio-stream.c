/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/audio-stream.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "bits.h"
#include "bytes.h"
#include "error.h"

/* ADTS frames of AAC LC, with sampling_frequency_index and channel_configuration */
#define ADTS(index, channels, length) \
  "12:0xfff 1:0 2:0 1:1 2:1 4:" index " 1:0 3:" channels " 4:0 13:" length " 11:0x7ff 2:0 "
#define FRAME_44100_STEREO ADTS ("4", "2", "9") "16:0x21aa "
#define FRAME_44100_MONO ADTS ("4", "1", "8") "8:0x01 "
#define FRAME_48000_STEREO ADTS ("3", "2", "10") "24:0x21bbbb "
/* three blocks of 1, 2 and 3 bytes, with CRCs */
#define FRAME_OF_BLOCKS \
  "12:0xfff 1:1 2:0 1:0 2:1 4:4 1:0 3:2 1:0 1:0 1:0 1:0 13:25 11:0x7ff 2:2 16:3 16:7 16:0xcccc " \
  "8:1 16:0xcccc 16:2 16:0xcccc 24:3 16:0xcccc "
/* whose second block is at a place that only a decoder finds */
#define FRAME_TWO_BLOCKS_NO_CRC \
  "12:0xfff 1:0 2:0 1:1 2:1 4:4 1:0 3:2 4:0 13:9 11:0x7ff 2:1 16:1 "

/* Channels by a program_config_element(): one or two pairs in front; and without one */
#define PCE(pairs) "4:0 2:1 4:3 4:" pairs " 4:0 4:0 2:0 3:0 4:0 1:0 1:0 1:0 "
#define FRAME_PCE_2 ADTS ("3", "0", "16") "3:5 " PCE ("1") "1:1 4:0 a: 8:0 8:0x21 8:1 "
#define FRAME_PCE_4 ADTS ("3", "0", "15") "3:5 " PCE ("2") "1:1 4:0 1:1 4:1 a: 8:0 8:0x21 "
#define FRAME_NO_PCE ADTS ("3", "0", "9") "16:0x2100 "

static KvsAudioStream *
aac_new (const gchar *codec_data)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (codec_data);
  g_autoptr (GError) error = NULL;
  KvsAudioStream *stream = kvs_audio_stream_new_aac (FALSE, bytes, &error);

  ck_assert_msg (stream != NULL, "%s", error != NULL ? error->message : "no error");
  return stream;
}

static KvsAudioStream *
adts_new (void)
{
  KvsAudioStream *stream = kvs_audio_stream_new_aac (TRUE, NULL, NULL);

  ck_assert_ptr_nonnull (stream);
  return stream;
}

static KvsAudioStream *
g711_new (KvsG711Law law, guint sample_rate, guint channels)
{
  KvsAudioStream *stream = kvs_audio_stream_new_g711 (law, sample_rate, channels, NULL);

  ck_assert_ptr_nonnull (stream);
  return stream;
}

static KvsAudioBufferInfo
parse_bytes (KvsAudioStream *stream, GBytes *bytes)
{
  g_autoptr (GError) error = NULL;
  KvsAudioBufferInfo info;
  gboolean good = kvs_audio_stream_parse (stream, bytes, &info, &error);

  ck_assert_msg (good, "%s", error != NULL ? error->message : "no error");
  return info;
}

static KvsAudioBufferInfo
parse (KvsAudioStream *stream, const gchar *fields)
{
  g_autoptr (GBytes) bytes = bits_from_fields (fields);

  return parse_bytes (stream, bytes);
}

/* Of n bytes, whatever they are */
static KvsAudioBufferInfo
parse_any (KvsAudioStream *stream, gsize n)
{
  g_autofree guint8 *data = g_malloc0 (n);
  g_autoptr (GBytes) bytes = g_bytes_new (data, n);

  return parse_bytes (stream, bytes);
}

/* Each packet as "offset+size@time+duration " */
static void
check_packets (const KvsAudioStream *stream, const gchar *expected)
{
  g_autoptr (GString) found = g_string_new (NULL);
  guint n;
  const KvsAudioPacket *packets = kvs_audio_stream_get_packets (stream, &n);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (found,
                            "%" G_GSIZE_FORMAT "+%" G_GSIZE_FORMAT "@%" G_GINT64_FORMAT
                            "+%" G_GINT64_FORMAT " ",
                            packets[i].offset, packets[i].size, packets[i].time_offset_ns,
                            packets[i].duration_ns);
  ck_assert_str_eq (found->str, expected);
}

static void
check_track (const KvsAudioStream *stream, const gchar *config, guint sample_rate, guint channels)
{
  g_autoptr (KvsTrack) track = kvs_audio_stream_make_track (stream, 2, "sound");

  ck_assert_ptr_nonnull (track);
  ck_assert_uint_eq (track->number, 2);
  ck_assert_int_eq (track->type, KVS_TRACK_TYPE_AUDIO);
  ck_assert_str_eq (track->name, "sound");
  assert_bytes_eq_hex (track->codec_private, config);
  ck_assert_uint_eq (track->sample_rate, sample_rate);
  ck_assert_uint_eq (track->channels, channels);
}

/* ---- raw AAC ---- */

static const struct {
  const gchar *codec_data, *config;
  guint sample_rate, channels;
  gint64 duration_ns;
} raw[] = {
  { "1210", "1210", 44100, 2, 23219954 },
  { "1188", "1188", 48000, 1, 21333333 },
  { "121056e500", "1210", 44100, 2, 23219954 },
  /* what cameras' RTP sessions bring, which players of the service refuse */
  { "14081fe0", "1408", 16000, 1, 64000000 },
  /* HE-AAC, announced in front of and behind the core; twice the rate after decoding */
  { "2b118800", "1310", 24000, 2, 42666666 },
  { "131056e598", "1310", 24000, 2, 42666666 },
  /* 960 samples; ER AAC LD of 512 */
  { "1194", "1194", 48000, 2, 20000000 },
  { "b98800", "b98800", 48000, 1, 10666666 },
};

START_TEST (test_raw)
{
  g_autoptr (KvsAudioStream) stream = aac_new (raw[_i].codec_data);
  g_autofree gchar *packets = g_strdup_printf ("0+300@0+%" G_GINT64_FORMAT " ",
                                               raw[_i].duration_ns);
  g_autoptr (KvsTrack) track = kvs_audio_stream_make_track (stream, 1, NULL);
  KvsAudioBufferInfo info;

  ck_assert_int_eq (kvs_audio_stream_get_codec (stream), KVS_AUDIO_CODEC_AAC);
  check_track (stream, raw[_i].config, raw[_i].sample_rate, raw[_i].channels);
  ck_assert_str_eq (track->codec_id, KVS_CODEC_ID_AAC);
  ck_assert_uint_eq (track->bit_depth, 0);

  info = parse_any (stream, 300);
  ck_assert (!info.config_changed);
  ck_assert_uint_eq (info.used_bytes, 300);
  ck_assert_int_eq (info.duration_ns, raw[_i].duration_ns);
  check_packets (stream, packets);
}
END_TEST

START_TEST (test_raw_needs_a_config)
{
  g_autoptr (GBytes) cut = bytes_from_hex ("12");
  g_autoptr (GError) none_error = NULL, cut_error = NULL;

  ck_assert_ptr_null (kvs_audio_stream_new_aac (FALSE, NULL, &none_error));
  ck_assert (g_error_matches (none_error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  ck_assert_ptr_nonnull (strstr (none_error->message, "without codec_data"));
  ck_assert_ptr_null (kvs_audio_stream_new_aac (FALSE, cut, &cut_error));
  ck_assert (g_error_matches (cut_error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
}
END_TEST

/* ---- ADTS ---- */

START_TEST (test_adts_has_no_track_before_its_first_frame)
{
  g_autoptr (KvsAudioStream) stream = adts_new ();
  KvsAudioBufferInfo info;

  ck_assert_ptr_null (kvs_audio_stream_make_track (stream, 1, NULL));
  info = parse (stream, "");
  ck_assert (!info.config_changed);
  ck_assert_ptr_null (kvs_audio_stream_make_track (stream, 1, NULL));

  info = parse (stream, FRAME_44100_STEREO);
  ck_assert (info.config_changed);
  check_track (stream, "1210", 44100, 2);
  check_packets (stream, "7+2@0+23219954 ");
  info = parse (stream, FRAME_44100_STEREO);
  ck_assert (!info.config_changed);
}
END_TEST

/* The frames are what counts, whatever the caps say. */
START_TEST (test_adts_passes_over_codec_data)
{
  g_autoptr (GBytes) damaged = bytes_from_hex ("00");
  g_autoptr (KvsAudioStream) stream = kvs_audio_stream_new_aac (TRUE, damaged, NULL);

  ck_assert_ptr_nonnull (stream);
  parse (stream, FRAME_48000_STEREO);
  check_track (stream, "1190", 48000, 2);
}
END_TEST

START_TEST (test_adts_several_frames_and_blocks)
{
  g_autoptr (KvsAudioStream) stream = adts_new ();
  KvsAudioBufferInfo info = parse (stream, FRAME_44100_STEREO FRAME_OF_BLOCKS FRAME_44100_STEREO);

  ck_assert_uint_eq (info.used_bytes, 9 + 25 + 9);
  ck_assert_int_eq (info.duration_ns, 116099773);
  check_packets (stream, "7+2@0+23219954 22+1@23219954+23219955 25+2@46439909+23219954 "
                         "29+3@69659863+23219955 41+2@92879818+23219955 ");
}
END_TEST

/* A long file in one buffer: times do not drift by what each is rounded. */
START_TEST (test_adts_times_do_not_drift)
{
  g_autoptr (KvsAudioStream) stream = adts_new ();
  g_autoptr (GString) fields = g_string_new (NULL);
  const KvsAudioPacket *packets;
  guint n;

  for (guint i = 0; i < 441; i++)
    g_string_append (fields, FRAME_44100_STEREO);
  ck_assert_int_eq (parse (stream, fields->str).duration_ns, 10240000000);
  packets = kvs_audio_stream_get_packets (stream, &n);
  ck_assert_uint_eq (n, 441);
  for (guint i = 1; i < n; i++)
    ck_assert_int_eq (packets[i].time_offset_ns,
                      packets[i - 1].time_offset_ns + packets[i - 1].duration_ns);
}
END_TEST

START_TEST (test_adts_other_config)
{
  static const struct {
    const gchar *fields, *config;
    guint sample_rate, channels;
  } frames[] = {
    { FRAME_44100_STEREO, "1210", 44100, 2 },
    { FRAME_44100_MONO, "1208", 44100, 1 },
    { FRAME_48000_STEREO, "1190", 48000, 2 },
    /* AAC Main */
    { "12:0xfff 1:0 2:0 1:1 2:0 4:3 1:0 3:2 4:0 13:8 11:0x7ff 2:0 8:1", "0990", 48000, 2 },
    { FRAME_44100_STEREO, "1210", 44100, 2 },
  };
  g_autoptr (KvsAudioStream) stream = adts_new ();

  for (guint i = 0; i < G_N_ELEMENTS (frames); i++) {
    ck_assert (parse (stream, frames[i].fields).config_changed);
    check_track (stream, frames[i].config, frames[i].sample_rate, frames[i].channels);
    ck_assert (!parse (stream, frames[i].fields).config_changed);
  }
}
END_TEST

/* Nothing is lost, and no packet is taken for one of the other track. */
START_TEST (test_adts_other_config_within_a_buffer)
{
  g_autoptr (KvsAudioStream) stream = adts_new ();
  g_autoptr (GBytes) bytes = bits_from_fields (FRAME_44100_STEREO FRAME_44100_STEREO
                                               FRAME_48000_STEREO FRAME_48000_STEREO);
  g_autoptr (GBytes) rest = g_bytes_new_from_bytes (bytes, 18, 20);
  KvsAudioBufferInfo info = parse_bytes (stream, bytes);

  ck_assert (info.config_changed);
  ck_assert_uint_eq (info.used_bytes, 18);
  ck_assert_int_eq (info.duration_ns, 46439909);
  check_packets (stream, "7+2@0+23219954 16+2@23219954+23219955 ");
  check_track (stream, "1210", 44100, 2);

  info = parse_bytes (stream, rest);
  ck_assert (info.config_changed);
  ck_assert_uint_eq (info.used_bytes, 20);
  check_packets (stream, "7+3@0+21333333 17+3@21333333+21333333 ");
  check_track (stream, "1190", 48000, 2);
}
END_TEST

START_TEST (test_adts_program_config)
{
  g_autoptr (KvsAudioStream) stream = adts_new ();
  KvsAudioBufferInfo info = parse (stream, FRAME_PCE_2);
  g_autoptr (KvsTrack) track = kvs_audio_stream_make_track (stream, 1, NULL);

  ck_assert (info.config_changed);
  ck_assert_uint_eq (track->channels, 2);
  info = parse (stream, FRAME_NO_PCE FRAME_PCE_2 FRAME_NO_PCE);
  ck_assert (!info.config_changed);
  ck_assert_uint_eq (info.used_bytes, 9 + 16 + 9);
  info = parse (stream, FRAME_NO_PCE FRAME_PCE_4);
  ck_assert_uint_eq (info.used_bytes, 9);
  info = parse (stream, FRAME_PCE_4);
  ck_assert (info.config_changed);
  g_clear_pointer (&track, kvs_track_free);
  track = kvs_audio_stream_make_track (stream, 1, NULL);
  ck_assert_uint_eq (track->channels, 4);
}
END_TEST

static const struct {
  const gchar *fields;
  const gchar *packets; /* which are there all the same */
  const gchar *error_part;
} bad_adts[] = {
  { "32:0 32:0 32:0", "", "no syncword" },
  { "8:0xff", "", "cut off" },
  { "8:0 " FRAME_44100_STEREO, "", "no syncword" },
  { ADTS ("4", "2", "10") "16:1", "", "claims 10 bytes" },
  { FRAME_44100_STEREO "8:0", "7+2@0+23219954 ", "At offset 9: ADTS header is cut off" },
  { FRAME_44100_STEREO FRAME_44100_STEREO "32:0 32:0", "7+2@0+23219954 16+2@23219954+23219955 ",
    "At offset 18: ADTS: no syncword" },
  { FRAME_44100_STEREO ADTS ("4", "2", "10") "16:1", "7+2@0+23219954 ", "offset 9 claims 10" },
  { FRAME_TWO_BLOCKS_NO_CRC, "", "without CRC is 2" },
  { FRAME_44100_STEREO FRAME_TWO_BLOCKS_NO_CRC FRAME_48000_STEREO, "7+2@0+23219954 ",
    "At offset 9: AAC: number of blocks" },
  { FRAME_NO_PCE, "", "no good program config" },
};

START_TEST (test_bad_adts)
{
  g_autoptr (KvsAudioStream) stream = adts_new ();
  g_autoptr (GBytes) bytes = bits_from_fields (bad_adts[_i].fields);
  g_autoptr (GError) error = NULL;
  gboolean has_packets = *bad_adts[_i].packets != '\0';
  KvsAudioBufferInfo info;

  ck_assert (!kvs_audio_stream_parse (stream, bytes, &info, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  ck_assert_msg (strstr (error->message, bad_adts[_i].error_part) != NULL, "%s", error->message);
  check_packets (stream, bad_adts[_i].packets);
  ck_assert_uint_eq (info.used_bytes, g_bytes_get_size (bytes));
  ck_assert_int_eq (info.config_changed, has_packets);
  ck_assert_int_eq (info.duration_ns > 0, has_packets);

  /* and the next buffer is good again */
  ck_assert_int_eq (parse (stream, FRAME_44100_STEREO).config_changed, !has_packets);
  check_packets (stream, "7+2@0+23219954 ");
}
END_TEST

static const gchar *const damaged[] = {
  ADTS ("3", "2", "11") "24:0x21bbbb",
  FRAME_44100_STEREO ADTS ("3", "2", "11") "24:0x21bbbb",
  "12:0xfff 1:0 2:0 1:1 2:1 4:3 1:0 3:2 4:0 13:9 11:0x7ff 2:1 16:1", /* two blocks, no CRC */
};

/* A new track costs a new session, which a damaged frame is not worth. */
START_TEST (test_damage_is_no_other_config)
{
  g_autoptr (KvsAudioStream) stream = adts_new ();
  g_autoptr (GBytes) bytes = bits_from_fields (damaged[_i]);

  parse (stream, FRAME_44100_STEREO);
  while (g_bytes_get_size (bytes) > 0) {
    KvsAudioBufferInfo info;
    gboolean good = kvs_audio_stream_parse (stream, bytes, &info, NULL);
    GBytes *rest = g_bytes_new_from_bytes (bytes, info.used_bytes,
                                           g_bytes_get_size (bytes) - info.used_bytes);

    ck_assert (!info.config_changed);
    ck_assert_int_eq (good, g_bytes_get_size (rest) > 0);
    g_bytes_unref (bytes);
    bytes = rest;
  }
  check_track (stream, "1210", 44100, 2);
}
END_TEST

/* ---- G.711 ---- */

static const struct {
  KvsG711Law law;
  guint sample_rate, channels;
  const gchar *config;
  gsize n_bytes;
  const gchar *packets;
} g711[] = {
  { KVS_G711_A_LAW, 8000, 1, "0600 0100 401f0000 401f0000 0100 0800 0000", 160,
    "0+160@0+20000000 " },
  { KVS_G711_MU_LAW, 8000, 2, "0700 0200 401f0000 803e0000 0200 0800 0000", 160,
    "0+160@0+10000000 " },
  { KVS_G711_MU_LAW, 44100, 1, "0700 0100 44ac0000 44ac0000 0100 0800 0000", 1,
    "0+1@0+22675 " },
};

START_TEST (test_g711)
{
  g_autoptr (KvsAudioStream) stream
      = g711_new (g711[_i].law, g711[_i].sample_rate, g711[_i].channels);
  g_autoptr (KvsTrack) track = kvs_audio_stream_make_track (stream, 1, NULL);
  KvsAudioBufferInfo info = parse_any (stream, g711[_i].n_bytes);

  ck_assert_int_eq (kvs_audio_stream_get_codec (stream),
                    g711[_i].law == KVS_G711_A_LAW ? KVS_AUDIO_CODEC_ALAW : KVS_AUDIO_CODEC_MULAW);
  check_track (stream, g711[_i].config, g711[_i].sample_rate, g711[_i].channels);
  ck_assert_str_eq (track->codec_id, KVS_CODEC_ID_MS_ACM);
  ck_assert_uint_eq (track->bit_depth, 8);
  ck_assert (!info.config_changed);
  ck_assert_uint_eq (info.used_bytes, g711[_i].n_bytes);
  check_packets (stream, g711[_i].packets);
}
END_TEST

START_TEST (test_bad_g711)
{
  g_autoptr (KvsAudioStream) stream = g711_new (KVS_G711_A_LAW, 8000, 2);
  g_autoptr (GBytes) odd = g_bytes_new_static ("abc", 3);
  g_autoptr (GError) error = NULL, rate_error = NULL;
  KvsAudioBufferInfo info;

  ck_assert (!kvs_audio_stream_parse (stream, odd, &info, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  ck_assert_ptr_nonnull (strstr (error->message, "3 bytes cannot be G.711 of 2 channels"));
  check_packets (stream, "");
  ck_assert_ptr_null (kvs_audio_stream_new_g711 (KVS_G711_A_LAW, 0, 1, &rate_error));
  ck_assert (g_error_matches (rate_error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
}
END_TEST

/* ---- all ---- */

START_TEST (test_empty_buffer)
{
  KvsAudioStream *streams[] = { aac_new ("1210"), adts_new (),
                                g711_new (KVS_G711_A_LAW, 8000, 2) };
  static const gchar *const before[] = { "8:1", FRAME_44100_STEREO, "16:1" };

  for (guint i = 0; i < G_N_ELEMENTS (streams); i++) {
    KvsAudioBufferInfo info;

    parse (streams[i], before[i]);
    info = parse (streams[i], "");
    ck_assert (!info.config_changed);
    ck_assert_uint_eq (info.used_bytes, 0);
    ck_assert_int_eq (info.duration_ns, 0);
    check_packets (streams[i], "");
    kvs_audio_stream_free (streams[i]);
  }
}
END_TEST

START_TEST (test_frames_refer_to_the_buffer)
{
  g_autoptr (KvsAudioStream) stream = adts_new ();
  GBytes *bytes = bits_from_fields (FRAME_44100_STEREO FRAME_44100_STEREO);
  const guint8 *data = g_bytes_get_data (bytes, NULL);
  KvsFrameInfo info = { 2, KVS_FRAME_FLAG_KEY_FRAME, 100, 100, 23219954 };
  g_autoptr (KvsFrame) frame = NULL;

  parse_bytes (stream, bytes);
  frame = kvs_audio_stream_make_frame (stream, &info, bytes, 1);
  g_bytes_unref (bytes); /* the frame keeps it */
  g_clear_pointer (&stream, kvs_audio_stream_free);
  ck_assert_int_eq (memcmp (&frame->info, &info, sizeof info), 0);
  ck_assert_uint_eq (frame->n_slices, 1);
  ck_assert_uint_eq (frame->size_bytes, 2);
  ck_assert_ptr_eq (frame->slices[0].data, data + 16);
  ck_assert_int_eq (frame->slices[0].data[1], 0xaa);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("audio-stream");
  TCase *tc = tcase_create ("audio-stream");

  tcase_add_loop_test (tc, test_raw, 0, G_N_ELEMENTS (raw));
  tcase_add_test (tc, test_raw_needs_a_config);
  tcase_add_test (tc, test_adts_has_no_track_before_its_first_frame);
  tcase_add_test (tc, test_adts_passes_over_codec_data);
  tcase_add_test (tc, test_adts_several_frames_and_blocks);
  tcase_add_test (tc, test_adts_times_do_not_drift);
  tcase_add_test (tc, test_adts_other_config);
  tcase_add_test (tc, test_adts_other_config_within_a_buffer);
  tcase_add_test (tc, test_adts_program_config);
  tcase_add_loop_test (tc, test_bad_adts, 0, G_N_ELEMENTS (bad_adts));
  tcase_add_loop_test (tc, test_damage_is_no_other_config, 0, G_N_ELEMENTS (damaged));
  tcase_add_loop_test (tc, test_g711, 0, G_N_ELEMENTS (g711));
  tcase_add_test (tc, test_bad_g711);
  tcase_add_test (tc, test_empty_buffer);
  tcase_add_test (tc, test_frames_refer_to_the_buffer);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
