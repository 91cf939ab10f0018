/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/aac.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "bits.h"
#include "bytes.h"
#include "error.h"

/* ---- AudioSpecificConfig ---- */

/* a program_config_element() up to its comment: front pair, side pair, back single, LFE, one data
 * stream and one coupling channel, all mixdowns */
#define PCE \
  "4:0 2:1 4:3 4:1 4:1 4:1 2:1 3:1 4:1 1:1 4:2 1:1 4:3 1:1 2:1 1:1 1:1 4:0 1:1 4:1 1:0 4:2 " \
  "4:0 4:0 1:1 4:3 a: "
/* the same without mixdowns, and fewer elements */
#define SMALL_PCE "4:0 2:1 4:3 4:2 4:0 4:0 2:1 3:0 4:0 1:0 1:0 1:0 1:1 4:0 1:0 4:1 4:0 a: "
#define LC_48000 "5:2 4:3 "
#define GA "1:0 1:0 1:0 "

static const struct {
  const gchar *what;
  const gchar *fields; /* bits, or bytes in hex after a '#' */
  guint object_type, sample_rate, channel_config, channels, samples_per_frame;
  guint sbr_rate; /* 0 without spectral band replication */
  gboolean has_ps;
  const gchar *core; /* bits, or bytes in hex after a '#' */
} configs[] = {
  { "FFmpeg, 44100 stereo", "#121056e500", 2, 44100, 2, 2, 1024, 0, FALSE, "#1210" },
  { "FFmpeg, 48000 mono", "#118856e500", 2, 48000, 1, 1, 1024, 0, FALSE, "#1188" },
  { "FFmpeg, 8000 mono", "#158856e500", 2, 8000, 1, 1, 1024, 0, FALSE, "#1588" },
  { "FFmpeg, 5.1", "#11b056e500", 2, 48000, 6, 6, 1024, 0, FALSE, "#11b0" },
  { "FFmpeg, 7.1", "#103856e500", 2, 96000, 7, 8, 1024, 0, FALSE, "#1038" },
  { "FFmpeg, 5.1 by a program config element",
    "#118004c844002000c40d4c61766335392e33372e31303056e500", 2, 48000, 0, 6, 1024, 0, FALSE,
    "#118004c844002000c400" },
  { "FFmpeg, 6.1 by a program config element",
    "#1200050848002000c4400d4c61766335392e33372e31303056e500", 2, 44100, 0, 7, 1024, 0, FALSE,
    "#1200050848002000c44000" },
  { "bits of a LATM multiplex behind it", "#14081fe0", 2, 16000, 1, 1, 1024, 0, FALSE, "#1408" },
  { "960 samples", LC_48000 "4:2 1:1 1:0 1:0", 2, 48000, 2, 2, 960, 0, FALSE,
    LC_48000 "4:2 1:1 1:0 1:0" },
  { "core coder, extension", LC_48000 "4:2 1:0 1:1 14:300 1:1 1:0", 2, 48000, 2, 2, 1024, 0, FALSE,
    LC_48000 "4:2 1:0 1:1 14:300 1:1 1:0" },
  { "Main", "5:1 4:11 4:3 " GA, 1, 8000, 3, 3, 1024, 0, FALSE, "5:1 4:11 4:3 " GA },
  { "a frequency of its own", "5:2 4:15 24:12345 4:2 " GA, 2, 12345, 2, 2, 1024, 0, FALSE,
    "5:2 4:15 24:12345 4:2 " GA },
  { "a frequency written out", "5:2 4:15 24:44100 4:2 " GA, 2, 44100, 2, 2, 1024, 0, FALSE,
    "#1210" },
  { "00 00 03 among the bytes", "5:2 4:15 24:6 4:1 " GA "24:3", 2, 6, 1, 1, 1024, 0, FALSE,
    "5:2 4:15 24:6 4:1 " GA },
  { "HE-AAC, announced first", "5:5 4:6 4:2 4:3 5:2 " GA, 2, 24000, 2, 2, 1024, 48000, FALSE,
    "5:2 4:6 4:2 " GA },
  { "HE-AAC v2, announced first", "5:29 4:6 4:1 4:15 24:48001 5:2 " GA, 2, 24000, 1, 1, 1024, 48001,
    TRUE, "5:2 4:6 4:1 " GA },
  { "HE-AAC, announced behind", "5:2 4:6 4:2 " GA "11:0x2b7 5:5 1:1 4:3",
    2, 24000, 2, 2, 1024, 48000, FALSE, "5:2 4:6 4:2 " GA },
  { "HE-AAC v2, announced behind", "5:2 4:6 4:1 " GA "11:0x2b7 5:5 1:1 4:3 11:0x548 1:1",
    2, 24000, 1, 1, 1024, 48000, TRUE, "5:2 4:6 4:1 " GA },
  { "HE-AAC, no PS announced", "5:2 4:6 4:1 " GA "11:0x2b7 5:5 1:1 4:3 11:0x548 1:0",
    2, 24000, 1, 1, 1024, 48000, FALSE, "5:2 4:6 4:1 " GA },
  { "an announcement without a rate", "5:2 4:6 4:2 " GA "11:0x2b7 5:5 1:1 4:14",
    2, 24000, 2, 2, 1024, 0, FALSE, "5:2 4:6 4:2 " GA },
  { "an announcement cut off", "5:2 4:6 4:2 " GA "11:0x2b7 5:5 1:1 4:15", 2, 24000, 2, 2, 1024, 0,
    FALSE, "5:2 4:6 4:2 " GA },
  { "HE-AAC with a program config element", "5:5 4:6 4:0 4:3 5:2 " GA PCE "8:2 16:0xabcd",
    2, 24000, 0, 6, 1024, 48000, FALSE, "5:2 4:6 4:0 " GA PCE "8:0" },
  { "a program config element, then HE-AAC", "5:2 4:6 4:0 " GA SMALL_PCE "8:0 11:0x2b7 5:5 1:1 4:3",
    2, 24000, 0, 4, 1024, 48000, FALSE, "5:2 4:6 4:0 " GA SMALL_PCE "8:0" },
  { "ER LC", "5:17 4:3 4:2 1:0 1:0 1:1 1:1 1:0 1:1 1:0 2:1", 17, 48000, 2, 2, 1024, 0, FALSE,
    "5:17 4:3 4:2 1:0 1:0 1:1 1:1 1:0 1:1 1:0 2:1" },
  { "ER LD", "5:23 4:3 4:1 " GA "2:0", 23, 48000, 1, 1, 512, 0, FALSE, "5:23 4:3 4:1 " GA "2:0" },
  { "ER LD, 480", "5:23 4:3 4:1 1:1 1:0 1:0 2:0", 23, 48000, 1, 1, 480, 0, FALSE,
    "5:23 4:3 4:1 1:1 1:0 1:0 2:0" },
  { "ELD, left as it is", "5:31 6:7 4:4 4:1 1:1 20:0xabcde", 39, 44100, 1, 1, 480, 0, FALSE,
    "5:31 6:7 4:4 4:1 1:1 20:0xabcde" },
  { "USAC, left as it is", "5:31 6:10 4:4 4:0 20:0xabcde", 42, 44100, 0, 0, 1024, 0, FALSE,
    "5:31 6:10 4:4 4:0 20:0xabcde" },
  { "BSAC in HE-AAC", "5:5 4:6 4:2 4:3 5:22 4:2 20:1", 22, 24000, 2, 2, 1024, 48000, FALSE,
    "5:5 4:6 4:2 4:3 5:22 4:2 20:1" },
};

static GBytes *
config_bytes (const gchar *fields)
{
  return *fields == '#' ? bytes_from_hex (fields + 1) : bits_from_fields (fields);
}

START_TEST (test_config)
{
  g_autoptr (GBytes) bytes = config_bytes (configs[_i].fields);
  g_autoptr (GBytes) expected = config_bytes (configs[_i].core);
  g_autofree gchar *expected_hex = hex_from_data (g_bytes_get_data (expected, NULL),
                                                  g_bytes_get_size (expected));
  g_autoptr (GBytes) core = NULL;
  g_autoptr (GError) error = NULL;
  KvsAacConfig config, again;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  ck_assert_msg (kvs_aac_config_parse (data, size, &config, &error), "%s: %s", configs[_i].what,
                 error ? error->message : "");
  ck_assert_uint_eq (config.object_type, configs[_i].object_type);
  ck_assert_uint_eq (config.sample_rate, configs[_i].sample_rate);
  ck_assert_uint_eq (config.channel_config, configs[_i].channel_config);
  ck_assert_uint_eq (config.channels, configs[_i].channels);
  ck_assert_uint_eq (config.samples_per_frame, configs[_i].samples_per_frame);
  ck_assert_msg (config.has_sbr == (configs[_i].sbr_rate != 0), "%s", configs[_i].what);
  ck_assert_int_eq (config.has_ps, configs[_i].has_ps);
  ck_assert_uint_eq (config.extension_sample_rate,
                     configs[_i].sbr_rate != 0 ? configs[_i].sbr_rate : configs[_i].sample_rate);

  core = kvs_aac_config_make_core (data, size, &again, &error);
  ck_assert_ptr_nonnull (core);
  assert_bytes_eq_hex (core, expected_hex);
  ck_assert_uint_eq (again.channels, config.channels);
}
END_TEST

static const struct {
  const gchar *fields;
  const gchar *error_part;
} bad_configs[] = {
  { "", "cut off" },
  { "#12", "cut off" },
  { "5:2 4:15 16:1", "cut off" },
  { "5:31 3:7", "cut off" },
  { "5:5 4:6 4:2 3:0", "cut off" },
  { LC_48000 "4:0 " GA "8:1", "cut off" },
  { LC_48000 "4:0 " GA PCE "8:3 16:1", "cut off" },
  { LC_48000 "4:0 " GA "4:0 2:1 4:3 4:0 4:0 4:0 2:0 3:0 4:0 1:0 1:0 1:0 a: 8:0", "channels is 0" },
  { "5:0 4:3 4:2 " GA, "audioObjectType is 0" },
  { "5:5 4:6 4:2 4:3 5:29 " GA, "audioObjectType is 29" },
  { "5:2 4:13 4:2 " GA, "frequency is 0" },
  { "5:2 4:15 24:0 4:2 " GA, "frequency is 0" },
  { "5:5 4:6 4:2 4:14 5:2 " GA, "frequency is 0" },
  { LC_48000 "4:8 " GA, "channelConfiguration is 8" },
  { LC_48000 "4:15 " GA, "channelConfiguration is 15" },
  { "5:17 4:3 4:2 " GA "2:2 8:0", "epConfig is 2" },
};

START_TEST (test_bad_config)
{
  g_autoptr (GBytes) bytes = config_bytes (bad_configs[_i].fields);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_autoptr (GError) error = NULL;
  KvsAacConfig config;

  ck_assert_msg (!kvs_aac_config_parse (data, g_bytes_get_size (bytes), &config, &error), "%s",
                 bad_configs[_i].fields);
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  ck_assert_msg (strstr (error->message, bad_configs[_i].error_part) != NULL, "%s", error->message);
  ck_assert_ptr_null (kvs_aac_config_make_core (data, g_bytes_get_size (bytes), &config, NULL));
}
END_TEST

/* ISO/IEC 14496-3 table 1.19 */
START_TEST (test_channel_configs)
{
  static const guint expected[] = { 0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0 };

  for (guint i = 1; i < G_N_ELEMENTS (expected); i++) {
    const guint16 bits = GUINT16_TO_BE ((guint16) (2 << 11 | 3 << 7 | i << 3));
    KvsAacConfig config;
    gboolean good = kvs_aac_config_parse ((const guint8 *) &bits, 2, &config, NULL);

    ck_assert_int_eq (good, expected[i] != 0);
    if (good)
      ck_assert_uint_eq (config.channels, expected[i]);
  }
}
END_TEST

/* ---- ADTS ---- */

/* MPEG-4, LC, 44100 Hz, stereo */
#define ADTS(length, blocks) \
  "12:0xfff 1:0 2:0 1:1 2:1 4:4 1:0 3:2 1:0 1:0 1:0 1:0 13:" length " 11:0x7ff 2:" blocks " "
#define ADTS_CRC(length, blocks) \
  "12:0xfff 1:1 2:0 1:0 2:1 4:4 1:0 3:2 1:0 1:0 1:0 1:0 13:" length " 11:0x7ff 2:" blocks " "

static const struct {
  const gchar *fields;
  const gchar *packets; /* "offset+size" of each */
  const gchar *error_part;
} splits[] = {
  { "", "", NULL },
  { ADTS ("9", "0") "16:1", "7+2 ", NULL },
  { ADTS ("9", "0") "16:1 " ADTS ("8", "0") "8:255 " ADTS ("10", "0") "24:7",
    "7+2 16+1 24+3 ", NULL },
  { ADTS_CRC ("12", "0") "16:0xcccc 24:1", "9+3 ", NULL },
  { ADTS_CRC ("12", "0") "16:0xcccc 24:1 " ADTS ("8", "0") "8:1", "9+3 19+1 ", NULL },
  /* three blocks of 1, 2 and 3 bytes, each with a CRC; positions 3 and 7 */
  { ADTS_CRC ("25", "2") "16:3 16:7 16:0xcccc 8:1 16:0xcccc 16:2 16:0xcccc 24:3 16:0xcccc",
    "13+1 16+2 20+3 ", NULL },
  { ADTS ("9", "1") "16:1", "", "without CRC is 2" },
  { ADTS_CRC ("25", "2") "16:2 16:7 16:0xcccc 32:1 32:1 32:1", "", "raw_data_block_position" },
  { ADTS_CRC ("25", "2") "16:7 16:3 16:0xcccc 32:1 32:1 32:1", "", "raw_data_block_position" },
  { ADTS_CRC ("25", "2") "16:3 16:10 16:0xcccc 32:1 32:1 32:1", "", "raw_data_block_position" },
  { ADTS_CRC ("25", "2") "16:3 16:65535 16:0xcccc 32:1 32:1 32:1", "", "raw_data_block_position" },
  { ADTS ("9", "0") "16:1 8:0", "7+2 ", "At offset 9: ADTS header is cut off after 1 bytes" },
  { ADTS ("9", "0") "16:1 32:0 32:0", "7+2 ", "At offset 9: ADTS: no syncword" },
  { ADTS ("9", "0") "16:1 " ADTS ("10", "0") "16:1", "7+2 ", "claims 10 bytes" },
  { ADTS ("7", "0") "16:1", "", "aac_frame_length of an ADTS frame is 7" },
  { ADTS_CRC ("9", "0") "16:1", "", "aac_frame_length of an ADTS frame is 9" },
  { ADTS_CRC ("13", "2") "32:1 32:2", "", "aac_frame_length of an ADTS frame is 13" },
  { ADTS ("0", "0") "16:1", "", "aac_frame_length of an ADTS frame is 0" },
  { "12:0xfff 1:0 2:3 1:1 2:1 4:4 1:0 3:2 4:0 13:9 11:0 2:0 16:1", "", "layer" },
  { "12:0xfff 1:0 2:0 1:1 2:1 4:13 1:0 3:2 4:0 13:9 11:0 2:0 16:1", "",
    "index of an ADTS frame is 13" },
  { "12:0xffe 1:0 2:0 1:1 2:1 4:4 1:0 3:2 4:0 13:9 11:0 2:0 16:1", "", "no syncword" },
};

START_TEST (test_adts_split)
{
  g_autoptr (GArray) packets = g_array_new (FALSE, FALSE, sizeof (KvsAacPacket));
  g_autoptr (GBytes) bytes = bits_from_fields (splits[_i].fields);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_autoptr (GString) found = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  gboolean good = kvs_aac_adts_split (data, g_bytes_get_size (bytes), packets, &error);

  for (guint i = 0; i < packets->len; i++) {
    const KvsAacPacket *packet = &g_array_index (packets, KvsAacPacket, i);

    g_string_append_printf (found, "%" G_GSIZE_FORMAT "+%" G_GSIZE_FORMAT " ", packet->offset,
                            packet->size);
  }
  ck_assert_str_eq (found->str, splits[_i].packets);
  ck_assert_msg (good == (splits[_i].error_part == NULL), "%s", error ? error->message : "good");
  if (good)
    return;
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  ck_assert_msg (strstr (error->message, splits[_i].error_part) != NULL, "%s", error->message);
}
END_TEST

START_TEST (test_adts_header)
{
  g_autoptr (GBytes) bytes = bytes_from_hex ("fff150802b3ffc");
  g_autoptr (GBytes) crc = bits_from_fields (ADTS_CRC ("8191", "3"));
  KvsAacAdtsHeader header;

  /* the frame itself is not there */
  ck_assert (kvs_aac_adts_parse_header (g_bytes_get_data (bytes, NULL), 7, &header, NULL));
  ck_assert_uint_eq (header.object_type, KVS_AAC_LC);
  ck_assert_uint_eq (header.sample_rate, 44100);
  ck_assert_uint_eq (header.channel_config, 2);
  ck_assert_uint_eq (header.header_size, 7);
  ck_assert_uint_eq (header.frame_size, 345);
  ck_assert_uint_eq (header.n_blocks, 1);
  ck_assert (!header.has_crc);
  ck_assert (kvs_aac_adts_parse_header (g_bytes_get_data (crc, NULL), 7, &header, NULL));
  ck_assert_uint_eq (header.header_size, 7 + 3 * 2 + 2);
  ck_assert_uint_eq (header.frame_size, 8191);
  ck_assert_uint_eq (header.n_blocks, 4);
  ck_assert (header.has_crc);
}
END_TEST

/* The beginnings of what FFmpeg's encoder made, and what its aac_adtstoasc made of them, but for
 * the comment */
static const struct {
  const gchar *adts, *config; /* config NULL: an error */
  guint sample_rate, channels;
} made_configs[] = {
  { "fff150802b3ffcde02004c61", "1210", 44100, 2 },
  { "fff14c401b7ffcde02004c61", "1188", 48000, 1 },
  { "fff16c404c1ffcde02004c61", "1588", 8000, 1 },
  { "fff14d802fdffcde02004c61", "11b0", 48000, 6 },
  { "fff141c01ffffcde02004c61", "1038", 96000, 8 },
  { "fff170404abffcde02004c61", "1608", 7350, 1 },
  { "fff14c0038bffca0990880040018800d4c617663353920202020202020", "118004c844002000c400",
    48000, 6 },
  { "fff14c0038bffc de02004c61 7663", NULL, 0, 0 },
  { "fff14c0038bffc a0990880", NULL, 0, 0 },
  { "fff14c0038bffc", NULL, 0, 0 },
  { "fff14c0038bf", NULL, 0, 0 },
  { "00000000000000", NULL, 0, 0 },
};

START_TEST (test_adts_config)
{
  g_autoptr (GBytes) adts = bytes_from_hex (made_configs[_i].adts);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (adts, NULL), g_bytes_get_size (adts));
  g_autoptr (GError) error = NULL;
  KvsAacConfig config;
  g_autoptr (GBytes) made
      = kvs_aac_adts_make_config (data, g_bytes_get_size (adts), &config, &error);

  if (made_configs[_i].config == NULL) {
    ck_assert_ptr_null (made);
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
    return;
  }
  ck_assert_msg (made != NULL, "%s", error ? error->message : "");
  assert_bytes_eq_hex (made, made_configs[_i].config);
  ck_assert_uint_eq (config.object_type, KVS_AAC_LC);
  ck_assert_uint_eq (config.sample_rate, made_configs[_i].sample_rate);
  ck_assert_uint_eq (config.channels, made_configs[_i].channels);
  ck_assert_uint_eq (config.samples_per_frame, 1024);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("aac");
  TCase *tc = tcase_create ("aac");

  tcase_add_loop_test (tc, test_config, 0, G_N_ELEMENTS (configs));
  tcase_add_loop_test (tc, test_bad_config, 0, G_N_ELEMENTS (bad_configs));
  tcase_add_test (tc, test_channel_configs);
  tcase_add_loop_test (tc, test_adts_split, 0, G_N_ELEMENTS (splits));
  tcase_add_test (tc, test_adts_header);
  tcase_add_loop_test (tc, test_adts_config, 0, G_N_ELEMENTS (made_configs));
  suite_add_tcase (s, tc);
  return run_suite (s);
}
