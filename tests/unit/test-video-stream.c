/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bytes.h"
#include "error.h"
#include "media/video-stream.h"

#include "../suite.h"

/* of x264 and x265, 320x240 */
#define SPS "6742c015da0507ec05a830303528000003000800000301e478b175"
#define SPS_LEVEL_30 "6742c01eda0507ec05a830303528000003000800000301e478b175"
#define PPS "68ce3c80"
#define AVCC_HEAD "0142c015"
#define AVCC AVCC_HEAD "ff e1 001b" SPS "01 0004" PPS
#define AVCC_LENGTH_2 AVCC_HEAD "fd e1 001b" SPS "01 0004" PPS
#define AVCC_EMPTY AVCC_HEAD "ff e0 00"
#define IDR "65b804"
#define P_SLICE "41e002"
#define I_SLICE "41b802"
#define START "00000001"

#define VPS_265 "40010c01ffff01600000030090000003000003003f959409"
#define SPS_265 \
  "4201010160000003009000000300000300" \
  "3fa00a080f16595952930bffc00040005a83030302000003000200000300" \
  "3c10"
#define PPS_265 "4401c073c189"
#define IDR_265 "2601af"
#define TRAIL_265 "0201d0"
#define CRA_265 "2a01af"

static KvsVideoStream *
stream_new (KvsVideoCodec codec, gboolean is_byte_stream, const gchar *codec_data)
{
  g_autoptr (GBytes) bytes = codec_data != NULL ? bytes_from_hex (codec_data) : NULL;
  g_autoptr (GError) error = NULL;
  KvsVideoStream *stream = kvs_video_stream_new (codec, is_byte_stream, bytes, &error);

  ck_assert_msg (stream != NULL, "%s", error != NULL ? error->message : "no error");
  return stream;
}

static KvsAccessUnitInfo
parse (KvsVideoStream *stream, const gchar *access_unit, gboolean is_flagged)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (access_unit);
  g_autoptr (GError) error = NULL;
  KvsAccessUnitInfo info;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  gboolean good = kvs_video_stream_parse (stream, data, size, is_flagged, &info, &error);

  ck_assert_msg (good, "%s", error != NULL ? error->message : "no error");
  return info;
}

static void
check_config (const KvsVideoStream *stream, const gchar *hex)
{
  GBytes *config = kvs_video_stream_get_codec_private (stream);

  ck_assert_ptr_nonnull (config);
  assert_bytes_eq_hex (config, hex);
}

static gchar *
without_blanks (const gchar *hex)
{
  g_auto (GStrv) parts = g_strsplit (hex, " ", -1);

  return g_strjoinv (NULL, parts);
}

START_TEST (test_codec_data_is_taken_as_it_is)
{
  g_autoptr (KvsVideoStream) stream = stream_new (KVS_VIDEO_CODEC_H264, FALSE, AVCC);
  g_autofree gchar *avcc = without_blanks (AVCC);
  guint width, height;

  check_config (stream, avcc);
  kvs_video_stream_get_size (stream, &width, &height);
  ck_assert_uint_eq (width, 320);
  ck_assert_uint_eq (height, 240);
}
END_TEST

START_TEST (test_same_sets_in_band_change_nothing)
{
  g_autoptr (KvsVideoStream) stream = stream_new (KVS_VIDEO_CODEC_H264, FALSE, AVCC);
  KvsAccessUnitInfo info
      = parse (stream, "0000001b" SPS "00000004" PPS "00000003" IDR, FALSE);

  ck_assert (!info.config_changed);
  ck_assert (info.has_picture);
  ck_assert (info.is_key);
}
END_TEST

START_TEST (test_other_sets_in_band_change_the_config)
{
  g_autoptr (KvsVideoStream) stream = stream_new (KVS_VIDEO_CODEC_H264, FALSE, AVCC_LENGTH_2);
  KvsAccessUnitInfo info = parse (stream, "001b" SPS_LEVEL_30 "0003" IDR, FALSE);
  g_autofree gchar *avcc
      = without_blanks ("0142c01e fd e1 001b" SPS_LEVEL_30 "01 0004" PPS);

  ck_assert (info.config_changed);
  /* Frames keep their lengths of two bytes, and the new header says so. */
  check_config (stream, avcc);
}
END_TEST

START_TEST (test_sets_in_band_only)
{
  g_autoptr (KvsVideoStream) bytes = stream_new (KVS_VIDEO_CODEC_H264, TRUE, NULL);
  g_autoptr (KvsVideoStream) avc3 = stream_new (KVS_VIDEO_CODEC_H264, FALSE, AVCC_EMPTY);
  g_autofree gchar *avcc = without_blanks (AVCC);
  KvsAccessUnitInfo info;

  ck_assert_ptr_null (kvs_video_stream_get_codec_private (bytes));
  info = parse (bytes, START P_SLICE, FALSE);
  ck_assert (!info.is_key);
  ck_assert_ptr_null (kvs_video_stream_get_codec_private (bytes));
  /* Parameter sets may come in a buffer of their own. */
  info = parse (bytes, START SPS START PPS, TRUE);
  ck_assert (info.config_changed);
  ck_assert (!info.has_picture);
  ck_assert (!info.is_key);
  check_config (bytes, avcc);

  ck_assert_ptr_null (kvs_video_stream_get_codec_private (avc3));
  info = parse (avc3, "0000001b" SPS "00000004" PPS "00000003" IDR, TRUE);
  ck_assert (info.config_changed);
  check_config (avc3, avcc);
}
END_TEST

START_TEST (test_key_frames)
{
  g_autoptr (KvsVideoStream) stream = stream_new (KVS_VIDEO_CODEC_H264, TRUE, NULL);

  parse (stream, START SPS START PPS START IDR, TRUE);
  ck_assert (parse (stream, START IDR, FALSE).is_key);
  ck_assert (parse (stream, START I_SLICE, TRUE).is_key);
  ck_assert (!parse (stream, START I_SLICE, FALSE).is_key);
  /* A camera that flags every picture. */
  ck_assert (!parse (stream, START P_SLICE, TRUE).is_key);
}
END_TEST

START_TEST (test_h265)
{
  g_autoptr (KvsVideoStream) stream = stream_new (KVS_VIDEO_CODEC_H265, TRUE, NULL);
  g_autoptr (KvsVideoStream) again = NULL;
  g_autofree gchar *hvcc = NULL;
  guint width, height;
  gsize size;
  const guint8 *data;

  ck_assert (!parse (stream, START TRAIL_265, TRUE).is_key);
  ck_assert (parse (stream, START VPS_265 START SPS_265 START PPS_265 START IDR_265, FALSE)
                 .config_changed);
  ck_assert (parse (stream, START IDR_265, FALSE).is_key);
  ck_assert (parse (stream, START CRA_265, FALSE).is_key);
  ck_assert (!parse (stream, START TRAIL_265, TRUE).is_key);
  kvs_video_stream_get_size (stream, &width, &height);
  ck_assert_uint_eq (width, 320);
  ck_assert_uint_eq (height, 240);

  /* What it made is codec_data that it takes. */
  data = g_bytes_get_data (kvs_video_stream_get_codec_private (stream), &size);
  hvcc = hex_from_data (data, size);
  again = stream_new (KVS_VIDEO_CODEC_H265, FALSE, hvcc);
  check_config (again, hvcc);
}
END_TEST

START_TEST (test_frames)
{
  g_autoptr (KvsVideoStream) stream = stream_new (KVS_VIDEO_CODEC_H264, TRUE, NULL);
  g_autoptr (GBytes) bytes = bytes_from_hex (START IDR "000001" P_SLICE);
  const KvsFrameInfo frame_info = { .track_number = 1 };
  g_autoptr (KvsFrame) frame = NULL;
  KvsAccessUnitInfo info;
  KvsPayload payload;

  kvs_payload_init_bytes (&payload, bytes);
  ck_assert (kvs_video_stream_parse (stream, payload.data, payload.size, TRUE, &info, NULL));
  frame = kvs_video_stream_make_frame (stream, &frame_info, &payload);
  ck_assert_uint_eq (frame->size_bytes, 4 + 3 + 4 + 3);
  ck_assert_uint_eq (frame->n_slices, 4);
}
END_TEST

START_TEST (test_damaged)
{
  static const gchar *const broken[] = { "0000ffff65b8", "000000", "00000003" };
  g_autoptr (KvsVideoStream) stream = stream_new (KVS_VIDEO_CODEC_H264, FALSE, AVCC);
  g_autoptr (GBytes) not_avcc = bytes_from_hex ("0042");
  g_autoptr (GError) error = NULL;
  KvsAccessUnitInfo info;

  for (guint i = 0; i < G_N_ELEMENTS (broken); i++) {
    g_autoptr (GBytes) bytes = bytes_from_hex (broken[i]);
    gsize size;
    const guint8 *data = g_bytes_get_data (bytes, &size);

    ck_assert (!kvs_video_stream_parse (stream, data, size, TRUE, &info, &error));
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
    g_clear_error (&error);
  }
  ck_assert (kvs_video_stream_parse (stream, NULL, 0, TRUE, &info, NULL));
  ck_assert (!info.has_picture);
  ck_assert_ptr_null (kvs_video_stream_new (KVS_VIDEO_CODEC_H264, FALSE, not_avcc, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("video-stream");
  TCase *tcase = tcase_create ("video-stream");

  tcase_add_test (tcase, test_codec_data_is_taken_as_it_is);
  tcase_add_test (tcase, test_same_sets_in_band_change_nothing);
  tcase_add_test (tcase, test_other_sets_in_band_change_the_config);
  tcase_add_test (tcase, test_sets_in_band_only);
  tcase_add_test (tcase, test_key_frames);
  tcase_add_test (tcase, test_h265);
  tcase_add_test (tcase, test_frames);
  tcase_add_test (tcase, test_damaged);
  suite_add_tcase (suite, tcase);
  return run_suite (suite);
}
