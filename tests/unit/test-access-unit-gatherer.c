/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/access-unit.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "bits.h"
#include "bytes.h"
#include "error.h"

/* NAL units of H.264 without sets: where first_mb_in_slice is 0 there is another picture */
#define AUD_NAL "0910"
#define SPS_NAL "6742c00dd90141"
#define PPS_NAL "68"
#define SEI_NAL "06050380"
#define FIRST_NAL "419a02"
#define LATER_NAL "4103c9a4"
#define PREFIX_NAL "4e400107"
#define FILLER_NAL "0cff80"

#define S3 "000001"
#define S4 "00000001"

#define NONE KVS_ACCESS_UNIT_NO_TIME

/* KvsAccessUnitTag, is_last, bytes as hex */
typedef struct {
  KvsAccessUnitTag tag;
  gboolean is_last;
  const gchar *hex;
} Buffer;

typedef struct {
  gint64 pts, dts, duration;
  guint any_flags, picture_flags;
  const gchar *hex;
} Expected;

#define BUFFER(pts, hex) { { pts, pts, NONE, 0 }, FALSE, hex }
#define LAST(pts, hex) { { pts, pts, NONE, 0 }, TRUE, hex }
#define UNIT(pts, hex) { pts, pts, NONE, 0, 0, hex }

static const struct {
  const gchar *what;
  Buffer buffers[10];
  Expected units[6];
} streams[] = {
  { "one NAL unit a buffer",
    { BUFFER (1, S4 AUD_NAL), BUFFER (1, S4 SPS_NAL), BUFFER (1, S4 PPS_NAL),
      BUFFER (1, S4 FIRST_NAL), BUFFER (1, S3 LATER_NAL), BUFFER (2, S4 AUD_NAL),
      BUFFER (2, S3 FIRST_NAL), BUFFER (3, S4 FIRST_NAL) },
    { UNIT (1, S4 AUD_NAL S4 SPS_NAL S4 PPS_NAL S4 FIRST_NAL S3 LATER_NAL),
      UNIT (2, S4 AUD_NAL S3 FIRST_NAL), UNIT (3, S4 FIRST_NAL) } },
  { "several access units in a buffer: the first that begins there has the times",
    { BUFFER (1, S4 FIRST_NAL),
      BUFFER (2, S3 LATER_NAL "0000" S4 FIRST_NAL S3 LATER_NAL S3 FIRST_NAL),
      BUFFER (3, S4 LATER_NAL S4 SEI_NAL), BUFFER (4, S4 FIRST_NAL) },
    { UNIT (1, S4 FIRST_NAL S3 LATER_NAL "0000"), UNIT (2, S4 FIRST_NAL S3 LATER_NAL),
      UNIT (NONE, S3 FIRST_NAL S4 LATER_NAL), UNIT (3, S4 SEI_NAL S4 FIRST_NAL) } },
  { "the first known times count",
    { { { NONE, NONE, 0, 0 }, FALSE, S4 AUD_NAL }, { { NONE, 4, 0, 0 }, FALSE, S4 FIRST_NAL },
      { { 5, 6, 7, 0 }, FALSE, S4 LATER_NAL }, { { 8, 8, 8, 0 }, FALSE, S4 LATER_NAL } },
    { { 5, 4, 7, 0, 0, S4 AUD_NAL S4 FIRST_NAL S4 LATER_NAL S4 LATER_NAL } } },
  { "flags of all buffers, and of the picture",
    { { { 1, 1, NONE, 1 }, FALSE, S4 AUD_NAL }, { { 1, 1, NONE, 2 }, FALSE, S4 SEI_NAL },
      { { 1, 1, NONE, 4 }, FALSE, S4 FIRST_NAL }, { { 1, 1, NONE, 8 }, FALSE, S4 LATER_NAL },
      { { 2, 2, NONE, 16 }, FALSE, S4 SPS_NAL }, { { 2, 2, NONE, 32 }, FALSE, S4 SEI_NAL } },
    { { 1, 1, NONE, 15, 4, S4 AUD_NAL S4 SEI_NAL S4 FIRST_NAL S4 LATER_NAL },
      { 2, 2, NONE, 48, 16, S4 SPS_NAL S4 SEI_NAL } } },
  { "a last buffer ends a picture, but not parameter sets",
    { LAST (1, S4 SPS_NAL), LAST (1, S4 PPS_NAL), BUFFER (1, S4 FIRST_NAL), LAST (1, S4 LATER_NAL),
      LAST (2, S4 LATER_NAL), LAST (3, S4 FIRST_NAL), BUFFER (3, S4 FILLER_NAL),
      LAST (4, S4 FIRST_NAL), LAST (5, S4 LATER_NAL S4 PREFIX_NAL) },
    { UNIT (1, S4 SPS_NAL S4 PPS_NAL S4 FIRST_NAL S4 LATER_NAL), UNIT (2, S4 LATER_NAL),
      UNIT (3, S4 FIRST_NAL), UNIT (3, S4 FILLER_NAL S4 FIRST_NAL),
      UNIT (5, S4 LATER_NAL S4 PREFIX_NAL) } },
  { "prefix NAL units are with what follows them",
    { BUFFER (1, S4 PREFIX_NAL), BUFFER (1, S4 FIRST_NAL), BUFFER (1, S4 PREFIX_NAL),
      BUFFER (1, S4 LATER_NAL), BUFFER (2, S4 PREFIX_NAL), BUFFER (NONE, S4 FIRST_NAL),
      BUFFER (3, S4 PREFIX_NAL S4 LATER_NAL S4 PREFIX_NAL S4 FIRST_NAL S4 PREFIX_NAL),
      BUFFER (4, S4 FIRST_NAL S4 PREFIX_NAL), BUFFER (5, S4 PREFIX_NAL) },
    { UNIT (1, S4 PREFIX_NAL S4 FIRST_NAL S4 PREFIX_NAL S4 LATER_NAL),
      UNIT (2, S4 PREFIX_NAL S4 FIRST_NAL S4 PREFIX_NAL S4 LATER_NAL),
      UNIT (3, S4 PREFIX_NAL S4 FIRST_NAL),
      UNIT (4, S4 PREFIX_NAL S4 FIRST_NAL S4 PREFIX_NAL S4 PREFIX_NAL) } },
  { "empty buffers have no times, but an end they can say",
    { BUFFER (1, ""), BUFFER (2, S4 FIRST_NAL), LAST (3, ""), LAST (4, "") },
    { UNIT (2, S4 FIRST_NAL) } },
  { "nothing", { BUFFER (1, "") }, { UNIT (NONE, NULL) } },
};

static KvsAccessUnitGatherer *
gatherer_new (KvsVideoCodec codec, gboolean is_byte_stream, GBytes *codec_data)
{
  g_autoptr (GError) error = NULL;
  KvsAccessUnitGatherer *gatherer
      = kvs_access_unit_gatherer_new (codec, is_byte_stream, codec_data, &error);

  ck_assert_msg (gatherer != NULL, "%s", error ? error->message : "");
  return gatherer;
}

static void
push (KvsAccessUnitGatherer *gatherer, const Buffer *buffer)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (buffer->hex);
  g_autoptr (GError) error = NULL;
  gboolean good = kvs_access_unit_gatherer_push (gatherer, bytes, &buffer->tag, buffer->is_last,
                                                 &error);

  ck_assert_msg (good, "%s", error ? error->message : "");
}

/* What the gatherer tells of NAL units is what one finds who looks.
 * @length_size: 0 with start codes */
static void
assert_nals (const KvsAccessUnit *unit, guint length_size)
{
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  gsize size;
  const guint8 *data = g_bytes_get_data (unit->bytes, &size);

  if (length_size > 0)
    ck_assert (kvs_nal_split_length_prefixed (data, size, length_size, found, NULL));
  else
    kvs_nal_split_annexb (data, size, found);
  ck_assert_uint_eq (unit->n_nals, found->len);
  ck_assert_mem_eq (unit->nals, found->data, found->len * sizeof (KvsNalUnit));
}

static void
assert_next (KvsAccessUnitGatherer *gatherer, const gchar *expected_hex)
{
  g_auto (KvsAccessUnit) unit = { 0 };

  ck_assert (kvs_access_unit_gatherer_pop (gatherer, &unit));
  assert_bytes_eq_hex (unit.bytes, expected_hex);
}

static void
assert_next_with_lengths (KvsAccessUnitGatherer *gatherer, guint length_size,
                          const gchar *expected_hex)
{
  g_auto (KvsAccessUnit) unit = { 0 };

  ck_assert (kvs_access_unit_gatherer_pop (gatherer, &unit));
  assert_bytes_eq_hex (unit.bytes, expected_hex);
  assert_nals (&unit, length_size);
}

static void
assert_no_more (KvsAccessUnitGatherer *gatherer)
{
  g_auto (KvsAccessUnit) unit = { 0 };

  ck_assert (!kvs_access_unit_gatherer_pop (gatherer, &unit));
  ck_assert_ptr_null (unit.bytes);
}

START_TEST (test_stream)
{
  g_autoptr (KvsAccessUnitGatherer) gatherer = gatherer_new (KVS_VIDEO_CODEC_H264, TRUE, NULL);
  const Expected *expected = streams[_i].units;

  for (guint i = 0; i < 10 && streams[_i].buffers[i].hex != NULL; i++)
    push (gatherer, &streams[_i].buffers[i]);
  kvs_access_unit_gatherer_finish (gatherer);
  for (; expected->hex != NULL; expected++) {
    g_auto (KvsAccessUnit) unit = { 0 };

    ck_assert_msg (kvs_access_unit_gatherer_pop (gatherer, &unit), "%s", streams[_i].what);
    assert_bytes_eq_hex (unit.bytes, expected->hex);
    assert_nals (&unit, 0);
    ck_assert_int_eq (unit.pts_ns, expected->pts);
    ck_assert_int_eq (unit.dts_ns, expected->dts);
    ck_assert_int_eq (unit.duration_ns, expected->duration);
    ck_assert_uint_eq (unit.any_flags, expected->any_flags);
    ck_assert_uint_eq (unit.picture_flags, expected->picture_flags);
  }
  assert_no_more (gatherer);
}
END_TEST

/* When it comes out matters to who waits for it. */
START_TEST (test_comes_out_at_once)
{
  g_autoptr (KvsAccessUnitGatherer) gatherer = gatherer_new (KVS_VIDEO_CODEC_H264, TRUE, NULL);

  push (gatherer, &(Buffer) BUFFER (1, S4 FIRST_NAL));
  assert_no_more (gatherer);
  push (gatherer, &(Buffer) BUFFER (2, S4 AUD_NAL));
  assert_next (gatherer, S4 FIRST_NAL);
  push (gatherer, &(Buffer) LAST (2, S4 FIRST_NAL));
  assert_next (gatherer, S4 AUD_NAL S4 FIRST_NAL);
  push (gatherer, &(Buffer) LAST (3, S4 SPS_NAL));
  assert_no_more (gatherer);
  kvs_access_unit_gatherer_finish (gatherer);
  assert_next (gatherer, S4 SPS_NAL);
  kvs_access_unit_gatherer_finish (gatherer);
  assert_no_more (gatherer);
}
END_TEST

START_TEST (test_clear)
{
  g_autoptr (KvsAccessUnitGatherer) gatherer = gatherer_new (KVS_VIDEO_CODEC_H264, TRUE, NULL);

  push (gatherer, &(Buffer) BUFFER (1, S4 FIRST_NAL S4 FIRST_NAL S4 PREFIX_NAL));
  kvs_access_unit_gatherer_clear (gatherer);
  assert_no_more (gatherer);
  /* nothing is left that this slice could belong to */
  push (gatherer, &(Buffer) BUFFER (2, S4 LATER_NAL));
  kvs_access_unit_gatherer_finish (gatherer);
  assert_next (gatherer, S4 LATER_NAL);
  /* and freeing with something in it leaks nothing */
  push (gatherer, &(Buffer) BUFFER (3, S4 FIRST_NAL S4 FIRST_NAL S4 PREFIX_NAL));
}
END_TEST

START_TEST (test_one_buffer_is_not_copied)
{
  g_autoptr (KvsAccessUnitGatherer) gatherer = gatherer_new (KVS_VIDEO_CODEC_H264, TRUE, NULL);
  g_autoptr (GBytes) bytes = bytes_from_hex (S4 AUD_NAL S4 FIRST_NAL S4 LATER_NAL);
  g_auto (KvsAccessUnit) unit = { 0 };
  const KvsAccessUnitTag tag = { 1, 1, 1, 0 };

  ck_assert (kvs_access_unit_gatherer_push (gatherer, bytes, &tag, TRUE, NULL));
  ck_assert (kvs_access_unit_gatherer_pop (gatherer, &unit));
  ck_assert_ptr_eq (unit.bytes, bytes);
}
END_TEST

/* ---- lengths ---- */

START_TEST (test_lengths)
{
  static const struct {
    const gchar *first, *later, *next;
  } forms[] = {
    { "03" FIRST_NAL, "04" LATER_NAL, "00" "02" AUD_NAL },
    { "0003" FIRST_NAL, "0004" LATER_NAL, "0002" AUD_NAL },
    { "000003" FIRST_NAL, "000004" LATER_NAL, "000002" AUD_NAL },
    { "00000003" FIRST_NAL, "00000004" LATER_NAL, "00000002" AUD_NAL },
  };
  g_autofree gchar *avcc_hex = g_strdup_printf ("0142c00d%02xe000", 0xfc + _i);
  g_autoptr (GBytes) avcc = bytes_from_hex (avcc_hex);
  g_autoptr (KvsAccessUnitGatherer) gatherer = gatherer_new (KVS_VIDEO_CODEC_H264, FALSE, avcc);
  g_autofree gchar *picture = g_strconcat (forms[_i].first, forms[_i].later, NULL);
  g_autofree gchar *two = g_strconcat (forms[_i].later, forms[_i].next, forms[_i].first, NULL);
  g_autofree gchar *last = g_strconcat (forms[_i].next, forms[_i].first, NULL);

  push (gatherer, &(Buffer) BUFFER (1, forms[_i].first));
  push (gatherer, &(Buffer) BUFFER (1, two));
  /* a unit of length 0 is with the one before it */
  if (_i == 0)
    assert_next_with_lengths (gatherer, 1, "03" FIRST_NAL "04" LATER_NAL "00");
  else
    assert_next_with_lengths (gatherer, (guint) _i + 1, picture);
  kvs_access_unit_gatherer_finish (gatherer);
  assert_next_with_lengths (gatherer, (guint) _i + 1, _i == 0 ? last + 2 : last);
}
END_TEST

/* Main, 4 bits of frame_num and 8 of pic_order_cnt_lsb */
#define SPS_FIELDS \
  "8:77 8:0 8:30 e:0 e:0 e:0 e:4 e:1 1:0 e:44 e:17 1:1 1:1 1:0 1:0 1:1"
#define PPS_FIELDS "e:0 e:0 1:0 1:0 e:0 e:0 e:0 1:0 2:0 s:0 s:0 s:0 1:0 1:0 1:0 1:1"

static GBytes *
avcc_new (void)
{
  g_autoptr (GBytes) sps = nal_from_fields ("67", SPS_FIELDS);
  g_autoptr (GBytes) pps = nal_from_fields ("68", PPS_FIELDS);
  g_autofree gchar *sps_hex = hex_from_data (g_bytes_get_data (sps, NULL), g_bytes_get_size (sps));
  g_autofree gchar *pps_hex = hex_from_data (g_bytes_get_data (pps, NULL), g_bytes_get_size (pps));
  g_autofree gchar *hex
      = g_strdup_printf ("014d001effe1%04x%s01%04x%s", (guint) g_bytes_get_size (sps), sps_hex,
                         (guint) g_bytes_get_size (pps), pps_hex);

  return bytes_from_hex (hex);
}

/* Without the sets of the avcC nothing would tell the last slice from one of the same picture. */
START_TEST (test_sets_of_avcc)
{
  g_autoptr (GBytes) avcc = avcc_new ();
  g_autoptr (KvsAccessUnitGatherer) gatherer = gatherer_new (KVS_VIDEO_CODEC_H264, FALSE, avcc);

  /* first_mb_in_slice 120, slice_type 5, frame_num 1 or 2 */
  push (gatherer, &(Buffer) BUFFER (1, "00000006 4103c9a20455"));
  push (gatherer, &(Buffer) BUFFER (1, "00000006 4103c9a20455"));
  assert_no_more (gatherer);
  push (gatherer, &(Buffer) BUFFER (2, "00000006 4103c9a40455"));
  assert_next (gatherer, "00000006 4103c9a20455 00000006 4103c9a20455");
}
END_TEST

/* what x265 made of 32x32 pixels */
#define HVCC \
  "0101600000009000000000001ef000fcfdf8f800000f03200001001840010c01ffff01600000030090000003" \
  "000003001e959409210001002942010101600000030090000003000003001ea042085965654a4c2f01680800" \
  "0003000800000300c84022000100064401c073c089"

START_TEST (test_h265)
{
  g_autoptr (GBytes) hvcc = bytes_from_hex (HVCC);
  g_autoptr (KvsAccessUnitGatherer) gatherer = gatherer_new (KVS_VIDEO_CODEC_H265, FALSE, hvcc);

  push (gatherer, &(Buffer) BUFFER (1, "00000003 2601ff"));
  push (gatherer, &(Buffer) BUFFER (1, "00000003 26017f"));
  push (gatherer, &(Buffer) LAST (2, "00000003 4e01ff"));
  assert_next (gatherer, "00000003 2601ff 00000003 26017f");
  push (gatherer, &(Buffer) LAST (2, "00000003 0201ff"));
  assert_next (gatherer, "00000003 4e01ff 00000003 0201ff");
}
END_TEST

START_TEST (test_codec_data_that_is_none)
{
  g_autoptr (GBytes) bytes = bytes_from_hex ("0102");

  for (gint codec = KVS_VIDEO_CODEC_H264; codec <= KVS_VIDEO_CODEC_H265; codec++) {
    g_autoptr (GError) error = NULL;

    ck_assert_ptr_null (kvs_access_unit_gatherer_new (codec, FALSE, bytes, &error));
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  }
}
END_TEST

/* ---- damage and limits ---- */

static void
assert_push_fails (KvsAccessUnitGatherer *gatherer, GBytes *bytes, gboolean is_last)
{
  g_autoptr (GError) error = NULL;
  const KvsAccessUnitTag tag = { 9, 9, 9, 0 };

  ck_assert (!kvs_access_unit_gatherer_push (gatherer, bytes, &tag, is_last, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
}

START_TEST (test_damaged_buffer)
{
  g_autoptr (KvsAccessUnitGatherer) bytes = gatherer_new (KVS_VIDEO_CODEC_H264, TRUE, NULL);
  g_autoptr (KvsAccessUnitGatherer) lengths = gatherer_new (KVS_VIDEO_CODEC_H264, FALSE, NULL);
  g_autoptr (GBytes) no_start_code = bytes_from_hex (FIRST_NAL);
  g_autoptr (GBytes) too_short = bytes_from_hex ("00000004" LATER_NAL "00000009" LATER_NAL);

  push (bytes, &(Buffer) BUFFER (1, S4 FIRST_NAL));
  assert_push_fails (bytes, no_start_code, FALSE);
  push (bytes, &(Buffer) BUFFER (1, S4 LATER_NAL));
  /* lost though it be, it was the last one */
  assert_push_fails (bytes, no_start_code, TRUE);
  assert_next (bytes, S4 FIRST_NAL S4 LATER_NAL);

  push (lengths, &(Buffer) BUFFER (1, "00000003" FIRST_NAL));
  assert_push_fails (lengths, too_short, FALSE);
  push (lengths, &(Buffer) BUFFER (1, "00000002" AUD_NAL));
  assert_next (lengths, "00000003" FIRST_NAL);
}
END_TEST

static GBytes *
large_slice_new (const gchar *start_hex, gsize size)
{
  g_autoptr (GBytes) start = bytes_from_hex (start_hex);
  guint8 *data = g_malloc (size);

  memset (data, 0xff, size);
  memcpy (data, g_bytes_get_data (start, NULL), g_bytes_get_size (start));
  return g_bytes_new_take (data, size);
}

/* Exactly as much as there may be, and one byte more. */
START_TEST (test_largest)
{
  const gsize million = 1000 * 1000;
  g_autoptr (KvsAccessUnitGatherer) gatherer = gatherer_new (KVS_VIDEO_CODEC_H264, TRUE, NULL);
  g_autoptr (GBytes) first = large_slice_new (S4 FIRST_NAL, million);
  g_autoptr (GBytes) later = large_slice_new (S4 LATER_NAL, million);
  g_autoptr (GBytes) small = bytes_from_hex (S4 LATER_NAL);
  const KvsAccessUnitTag tag = { 1, 1, 1, 0 };
  g_auto (KvsAccessUnit) whole = { 0 };

  for (guint round = 0; round < 2; round++) {
    ck_assert (kvs_access_unit_gatherer_push (gatherer, first, &tag, FALSE, NULL));
    for (guint i = 1; i < 50; i++)
      ck_assert (kvs_access_unit_gatherer_push (gatherer, later, &tag, FALSE, NULL));
  }
  ck_assert (kvs_access_unit_gatherer_pop (gatherer, &whole));
  ck_assert_uint_eq (g_bytes_get_size (whole.bytes), KVS_ACCESS_UNIT_MAX_BYTES);

  assert_push_fails (gatherer, small, FALSE);
  /* said once; what else there is of it is dropped too, the marker ends it */
  ck_assert (kvs_access_unit_gatherer_push (gatherer, small, &tag, FALSE, NULL));
  ck_assert (kvs_access_unit_gatherer_push (gatherer, small, &tag, _i == 0, NULL));
  assert_no_more (gatherer);
  push (gatherer, &(Buffer) LAST (2, S4 FIRST_NAL));
  assert_next (gatherer, S4 FIRST_NAL);
  assert_no_more (gatherer);
}
END_TEST

START_TEST (test_too_many_buffers)
{
  g_autoptr (KvsAccessUnitGatherer) gatherer = gatherer_new (KVS_VIDEO_CODEC_H264, TRUE, NULL);
  g_autoptr (GBytes) later = bytes_from_hex (S4 LATER_NAL);
  const KvsAccessUnitTag tag = { 1, 1, 1, 0 };

  for (guint i = 0; i < KVS_ACCESS_UNIT_MAX_BUFFERS; i++)
    ck_assert (kvs_access_unit_gatherer_push (gatherer, later, &tag, FALSE, NULL));
  assert_push_fails (gatherer, later, FALSE);
  kvs_access_unit_gatherer_finish (gatherer);
  assert_no_more (gatherer);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("access-unit-gatherer");
  TCase *tc = tcase_create ("access-unit-gatherer");

  tcase_set_timeout (tc, 60);
  tcase_add_loop_test (tc, test_stream, 0, G_N_ELEMENTS (streams));
  tcase_add_test (tc, test_comes_out_at_once);
  tcase_add_test (tc, test_clear);
  tcase_add_test (tc, test_one_buffer_is_not_copied);
  tcase_add_loop_test (tc, test_lengths, 0, 4);
  tcase_add_test (tc, test_sets_of_avcc);
  tcase_add_test (tc, test_h265);
  tcase_add_test (tc, test_codec_data_that_is_none);
  tcase_add_test (tc, test_damaged_buffer);
  tcase_add_loop_test (tc, test_largest, 0, 2);
  tcase_add_test (tc, test_too_many_buffers);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
