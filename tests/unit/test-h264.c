/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/h264.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "bytes.h"
#include "error.h"
#include "h264-streams.h"
#include "h264-units.h"

static void
parse_avcc (const gchar *hex, KvsH264Avcc *out)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (hex);
  g_autoptr (GError) error = NULL;

  ck_assert_msg (kvs_h264_avcc_parse (bytes, out, &error), "%s", error ? error->message : "");
}

START_TEST (test_real_sps)
{
  g_auto (KvsH264Avcc) avcc = { 0 };
  g_autoptr (GError) error = NULL;
  KvsH264Sps sps;
  gsize size;
  const guint8 *nal;

  parse_avcc (streams[_i].avcc, &avcc);
  ck_assert_uint_eq (avcc.sps->len, 1);
  nal = g_bytes_get_data (g_ptr_array_index (avcc.sps, 0), &size);
  ck_assert_msg (kvs_h264_sps_parse (nal, size, &sps, &error), "%s: %s", streams[_i].what,
                 error ? error->message : "");
  ck_assert_msg (sps.width == streams[_i].width && sps.height == streams[_i].height,
                 "%s: got %ux%u, want %ux%u", streams[_i].what, sps.width, sps.height,
                 streams[_i].width, streams[_i].height);
  ck_assert_uint_eq (sps.id, 0);
  ck_assert_uint_eq (sps.profile_idc, streams[_i].profile_idc);
  ck_assert_uint_eq (sps.level_idc, streams[_i].level_idc);
  ck_assert_uint_eq (sps.chroma_format_idc, streams[_i].chroma_format_idc);
  ck_assert_uint_eq (sps.bit_depth_luma, streams[_i].bit_depth);
  ck_assert_uint_eq (sps.bit_depth_chroma, streams[_i].bit_depth);
  ck_assert_int_eq (sps.frame_mbs_only, !streams[_i].interlaced);
}
END_TEST

/* A cut SPS, as packet loss leaves it, never gives a size that could go into a header unless the
 * whole of what comes before the VUI is there. */
START_TEST (test_cut_sps)
{
  g_auto (KvsH264Avcc) avcc = { 0 };
  gsize size;
  const guint8 *nal;

  parse_avcc (streams[_i].avcc, &avcc);
  nal = g_bytes_get_data (g_ptr_array_index (avcc.sps, 0), &size);
  for (gsize n = 0; n < size; n++) {
    g_autoptr (GError) error = NULL;
    g_autofree guint8 *cut = g_memdup2 (nal, n);
    KvsH264Sps sps;

    if (kvs_h264_sps_parse (cut, n, &sps, &error)) {
      ck_assert_uint_eq (sps.width, streams[_i].width);
      ck_assert_uint_eq (sps.height, streams[_i].height);
    } else {
      ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
    }
    if (n < 7)
      ck_assert (error != NULL);
  }
}
END_TEST

START_TEST (test_same_avcc_as_ffmpeg)
{
  g_auto (KvsH264Avcc) avcc = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) made = NULL;

  parse_avcc (streams[_i].avcc, &avcc);
  ck_assert_uint_eq (avcc.nal_length_size, 4);
  ck_assert_uint_eq (avcc.profile_idc, streams[_i].profile_idc);
  ck_assert_uint_eq (avcc.level_idc, streams[_i].level_idc);
  made = kvs_h264_avcc_new (avcc.sps, avcc.pps, &error);
  ck_assert_msg (made != NULL, "%s: %s", streams[_i].what, error ? error->message : "");
  assert_bytes_eq_hex (made, streams[_i].avcc);
}
END_TEST

/* Fields by hand, for what x264 does not write. Bits as '0' and '1', blanks passed over; emulation
 * prevention bytes are put in as an encoder must (7.4.1). */
static GBytes *
nal_from_bits (const gchar *header_hex, const gchar *bits)
{
  g_autoptr (GBytes) header = bytes_from_hex (header_hex);
  g_autoptr (GByteArray) raw = g_byte_array_new ();
  GByteArray *nal = g_byte_array_new ();
  guint n_bits = 0, zeros = 0;

  g_byte_array_append (raw, g_bytes_get_data (header, NULL), (guint) g_bytes_get_size (header));
  for (; *bits != '\0'; bits++) {
    guint8 zero = 0;

    if (*bits == ' ')
      continue;
    if (n_bits % 8 == 0)
      g_byte_array_append (raw, &zero, 1);
    if (*bits == '1')
      raw->data[raw->len - 1] |= (guint8) (0x80 >> n_bits % 8);
    n_bits++;
  }
  for (guint i = 0; i < raw->len; i++) {
    guint8 three = 3;

    if (zeros >= 2 && raw->data[i] <= 3) {
      g_byte_array_append (nal, &three, 1);
      zeros = 0;
    }
    g_byte_array_append (nal, &raw->data[i], 1);
    zeros = raw->data[i] == 0 ? zeros + 1 : 0;
  }
  return g_byte_array_free_to_bytes (nal);
}

/* ue(v): 0 "1", 1 "010", 2 "011", 3 "00100", 4 "00101", 7 "0001000" */
#define UE_119 "0000001111000" /* 120 macroblocks: 1920 */
#define UE_67 "0000001000100"  /* 68 macroblocks: 1088 */
#define UE_33 "00000100010"    /* 34 map units of two macroblocks */
#define BASE "1 1 1 1 " /* sps id 0, log2_max_frame_num 4, poc type 0, log2 lsb 4 */
#define REFS "010 0 "   /* one reference frame, no gaps */

/* Scaling lists of all sorts: each value as the last; the default at once, by a scale of 0; an end
 * after one value; and 64 values. */
#define LIST_16 "1 1111111111111111 "
#define LIST_DEFAULT "1 000010001 "
#define LIST_SHORT "1 010 000010011 "
#define LIST_64 "1 11111111 11111111 11111111 11111111 11111111 11111111 11111111 11111111 "
#define NO_LIST "0 "

static const struct {
  const gchar *what;
  const gchar *header;
  const gchar *bits;
  guint id, width, height; /* width 0: an error */
  const gchar *error_part;
} made_sps[] = {
  { "1080p, no VUI", "67420028", BASE REFS UE_119 UE_67 "1 1 1 1 1 1 00101 0 1",
    0, 1920, 1080, NULL },
  { "id 31", "67420028", "00000100000 1 1 1" REFS UE_119 UE_67 "1 1 0 0 1", 31, 1920, 1088, NULL },
  { "poc type 1 with a cycle", "67420028",
    "1 1 010 0 1 1 011 1 00100" REFS UE_119 UE_67 "1 1 0 0 1", 0, 1920, 1088, NULL },
  { "poc type 2", "67420028", "1 1 011" REFS UE_119 UE_67 "1 1 0 0 1", 0, 1920, 1088, NULL },
  { "separate planes, interlaced, one line of each field and one column cropped", "67f40028",
    "1 00100 1 1 1 0 0 1 1 1" REFS UE_119 UE_33 "0 0 1 1 010 1 1 010 0 1", 0, 1919, 1086, NULL },
  { "profile of the 2005 edition", "67900028", "1 010 1 1 0 0 1 1 1" REFS UE_119 UE_67 "1 1 0 0 1",
    0, 1920, 1088, NULL },
  { "scaling lists", "67640028",
    "1 010 1 1 0 1 " LIST_16 LIST_DEFAULT NO_LIST LIST_SHORT NO_LIST LIST_16 LIST_64 LIST_SHORT
    "1 1 1 " REFS UE_119 UE_67 "1 1 0 0 1", 0, 1920, 1088, NULL },
  { "scaling lists of 4:4:4", "67f40028",
    "1 00100 0 1 1 0 1 " NO_LIST NO_LIST NO_LIST NO_LIST NO_LIST NO_LIST LIST_64 LIST_DEFAULT
    NO_LIST NO_LIST LIST_64 LIST_SHORT "1 1 1 " REFS UE_119 UE_67 "1 1 0 0 1",
    0, 1920, 1088, NULL },
  { "a scaling list out of range", "67640028",
    "1 010 1 1 0 1 1 00000000100000011 1 1 1 " REFS UE_119 UE_67 "1 1 0 0 1",
    0, 0, 0, "delta_scale is -129" },
  { "emulation prevention within a field", "67420028",
    "1 1 010 0 1 00000000000000000000000000000001 0000000000000000000000000000001 1" REFS UE_119
    UE_67 "1 1 0 0 1", 0, 1920, 1088, NULL },
  { "an Exp-Golomb code without end", "67420028",
    "1 1 010 0 1 0000000000000000000000000000000000000001 1 1 1", 0, 0, 0, "cut off" },
  { "id 32", "67420028", "00000100001 1 1 1" REFS UE_119 UE_67 "1 1 0 0 1",
    0, 0, 0, "seq_parameter_set_id is 32" },
  { "poc type 3", "67420028", "1 1 00100 1" REFS UE_119 UE_67 "1 1 0 0 1",
    0, 0, 0, "pic_order_cnt_type is 3" },
  { "17 reference frames", "67420028", BASE "000010010 0" UE_119 UE_67 "1 1 0 0 1",
    0, 0, 0, "max_num_ref_frames is 17" },
  { "too wide", "67420028", BASE REFS "000000000010000000001" UE_67 "1 1 0 0 1",
    0, 0, 0, "pic_width_in_mbs_minus1 is 1024" },
  { "cropped to nothing", "67420028", BASE REFS "1 1 1 1 1 0001000 010 1 1 0 1",
    0, 0, 0, "cropping" },
  { "chroma_format_idc 4", "67640028", "1 00101 1 1 0 0 1 1 1" REFS UE_119 UE_67 "1 1 0 0 1",
    0, 0, 0, "chroma_format_idc is 4" },
  { "bit depth 15", "67640028", "1 010 0001000 1 0 0 1 1 1" REFS UE_119 UE_67 "1 1 0 0 1",
    0, 0, 0, "bit_depth_luma_minus8 is 7" },
  { "a PPS", "68420028", BASE REFS UE_119 UE_67 "1 1 0 0 1", 0, 0, 0, "nal_unit_type is 8" },
};

START_TEST (test_made_sps)
{
  g_autoptr (GBytes) nal = nal_from_bits (made_sps[_i].header, made_sps[_i].bits);
  g_autoptr (GError) error = NULL;
  KvsH264Sps sps;
  gsize size;
  const guint8 *data = g_bytes_get_data (nal, &size);
  gboolean good = kvs_h264_sps_parse (data, size, &sps, &error);

  if (made_sps[_i].width == 0) {
    ck_assert_msg (!good, "%s: taken for %ux%u", made_sps[_i].what, sps.width, sps.height);
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
    ck_assert_msg (strstr (error->message, made_sps[_i].error_part) != NULL, "%s: %s",
                   made_sps[_i].what, error->message);
    return;
  }
  ck_assert_msg (good, "%s: %s", made_sps[_i].what, error ? error->message : "");
  ck_assert_msg (sps.width == made_sps[_i].width && sps.height == made_sps[_i].height,
                 "%s: got %ux%u", made_sps[_i].what, sps.width, sps.height);
  ck_assert_uint_eq (sps.id, made_sps[_i].id);
}
END_TEST

static GBytes *
sps_with_id (guint id, guint level_idc, guint constraint_flags)
{
  static const gchar *ids[] = { "1", "010", "011" };
  g_autofree gchar *header = g_strdup_printf ("6742%02x%02x", constraint_flags, level_idc);
  g_autofree gchar *bits = g_strconcat (ids[id], " 1 1 1 " REFS UE_119 UE_67 "1 1 0 0 1", NULL);

  return nal_from_bits (header, bits);
}

static GPtrArray *
array_of (GBytes *first, ...)
{
  GPtrArray *array = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  va_list more;

  va_start (more, first);
  for (GBytes *bytes = first; bytes != NULL; bytes = va_arg (more, GBytes *))
    g_ptr_array_add (array, bytes);
  va_end (more);
  return array;
}

/* Sets come in any order and more than once; the avcC has them once, by id, the last one of each,
 * with a profile and level that hold for all. */
START_TEST (test_avcc_of_several)
{
  g_autoptr (GPtrArray) sps = array_of (sps_with_id (2, 30, 0xc0), sps_with_id (0, 10, 0xe0),
                                        sps_with_id (0, 40, 0x40), NULL);
  g_autoptr (GPtrArray) pps = array_of (bytes_from_hex ("68 5b 20"), bytes_from_hex ("68 ce 38"),
                                        bytes_from_hex ("68 ce 39 00 00"), NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) avcc = kvs_h264_avcc_new (sps, pps, &error);
  g_auto (KvsH264Avcc) parsed = { 0 };
  g_autoptr (GBytes) expected_first = sps_with_id (0, 40, 0x40);

  ck_assert_msg (avcc != NULL, "%s", error ? error->message : "");
  ck_assert (kvs_h264_avcc_parse (avcc, &parsed, NULL));
  ck_assert_uint_eq (parsed.profile_idc, 66);
  ck_assert_uint_eq (parsed.constraint_flags, 0x40);
  ck_assert_uint_eq (parsed.level_idc, 40);
  ck_assert_uint_eq (parsed.sps->len, 2);
  ck_assert (g_bytes_equal (g_ptr_array_index (parsed.sps, 0), expected_first));
  ck_assert_uint_eq (parsed.pps->len, 2);
  assert_bytes_eq_hex (g_ptr_array_index (parsed.pps, 0), "68 ce 39");
  assert_bytes_eq_hex (g_ptr_array_index (parsed.pps, 1), "68 5b 20");
}
END_TEST

START_TEST (test_avcc_refuses)
{
  g_autoptr (GPtrArray) none = array_of (NULL, NULL);
  g_autoptr (GPtrArray) sps = array_of (sps_with_id (0, 40, 0), NULL);
  g_autoptr (GPtrArray) pps = array_of (bytes_from_hex ("68 ce 38"), NULL);
  g_autoptr (GPtrArray) cut_pps = array_of (bytes_from_hex ("68 01"), NULL);
  g_autoptr (GPtrArray) empty = array_of (g_bytes_new (NULL, 0), NULL);
  const struct {
    GPtrArray *sps, *pps;
  } cases[] = {
    { none, pps }, { sps, none }, { pps, sps }, { sps, cut_pps }, { sps, empty }, { empty, pps },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    ck_assert_ptr_null (kvs_h264_avcc_new (cases[i].sps, cases[i].pps, &error));
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  }
}
END_TEST

/* pic_parameter_set_id as ue(v), then SPS id 0 */
static GBytes *
pps_with_id (guint id)
{
  GString *bits = g_string_new (NULL);
  guint code = id + 1, n_bits = g_bit_storage (code);
  GBytes *nal;

  for (guint i = 1; i < n_bits; i++)
    g_string_append_c (bits, '0');
  for (guint i = n_bits; i-- > 0;)
    g_string_append_c (bits, (code >> i & 1) != 0 ? '1' : '0');
  g_string_append (bits, "1 11");
  nal = nal_from_bits ("68", bits->str);
  g_string_free (bits, TRUE);
  return nal;
}

/* 256 ids exist, but an avcC can count only 255 */
START_TEST (test_avcc_pps_limit)
{
  g_autoptr (GPtrArray) sps = array_of (sps_with_id (0, 40, 0), NULL);
  g_autoptr (GPtrArray) pps = array_of (NULL, NULL);
  g_autoptr (GBytes) full = NULL, too_many = NULL;
  g_auto (KvsH264Avcc) parsed = { 0 };
  g_autoptr (GError) error = NULL;

  for (guint id = 0; id < KVS_H264_AVCC_MAX_PPS; id++)
    g_ptr_array_add (pps, pps_with_id (id));
  full = kvs_h264_avcc_new (sps, pps, NULL);
  ck_assert_ptr_nonnull (full);
  ck_assert (kvs_h264_avcc_parse (full, &parsed, NULL));
  ck_assert_uint_eq (parsed.pps->len, KVS_H264_AVCC_MAX_PPS);
  g_ptr_array_add (pps, pps_with_id (255));
  too_many = kvs_h264_avcc_new (sps, pps, &error);
  ck_assert_ptr_null (too_many);
  ck_assert_msg (strstr (error->message, "256 PPS") != NULL, "%s", error->message);
}
END_TEST

START_TEST (test_avcc_parse_cut)
{
  g_autoptr (GBytes) whole = bytes_from_hex (streams[3].avcc);
  gsize without_extension = g_bytes_get_size (whole) - 4;

  for (gsize n = 0; n < g_bytes_get_size (whole); n++) {
    g_autoptr (GBytes) cut = g_bytes_new (g_bytes_get_data (whole, NULL), n);
    g_auto (KvsH264Avcc) avcc = { 0 };
    g_autoptr (GError) error = NULL;
    gboolean good = kvs_h264_avcc_parse (cut, &avcc, &error);

    ck_assert_int_eq (good, n >= without_extension);
    if (!good)
      ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  }
}
END_TEST

/* Reserved bits that a camera did not set are no reason to lose its picture. */
START_TEST (test_avcc_parse_forms)
{
  g_auto (KvsH264Avcc) avcc = { 0 }, no_sets = { 0 }, bad = { 0 };
  g_autoptr (GBytes) empty_set = bytes_from_hex (
    "0142c00d ffe1 0000 07 000168 000168 000168 000168 000168 000168 000168");
  g_autoptr (GBytes) other_version = bytes_from_hex ("0242c00d ffe000");
  g_autoptr (GBytes) swapped = bytes_from_hex ("0142c00d ffe1 0003 68ce38 01 0003 68ce38");

  parse_avcc ("0142c00d 01 01 0004 6742c00d 01 0003 68ce38", &avcc);
  ck_assert_uint_eq (avcc.nal_length_size, 2);
  ck_assert_uint_eq (avcc.sps->len, 1);
  assert_bytes_eq_hex (g_ptr_array_index (avcc.pps, 0), "68ce38");
  parse_avcc ("0142c00d ffe000", &no_sets);
  ck_assert_uint_eq (no_sets.sps->len + no_sets.pps->len, 0);
  ck_assert (!kvs_h264_avcc_parse (other_version, &bad, NULL));
  kvs_h264_avcc_clear (&bad);
  ck_assert (!kvs_h264_avcc_parse (swapped, &bad, NULL));
  kvs_h264_avcc_clear (&bad);
  ck_assert (!kvs_h264_avcc_parse (empty_set, &bad, NULL));
}
END_TEST

static gboolean
collect (KvsH264ParameterSets *sets, const gchar *hex, gboolean *changed)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  gboolean good;

  split (hex, &bytes, units);
  good = kvs_h264_parameter_sets_add_access_unit (sets, g_bytes_get_data (bytes, NULL),
                                                  (const KvsNalUnit *) units->data, units->len,
                                                  changed, &error);
  ck_assert_int_eq (good, error == NULL);
  return good;
}

/* A camera repeats its sets with every key frame; only a real change may start a new session. */
START_TEST (test_collector)
{
  g_autoptr (KvsH264ParameterSets) sets = kvs_h264_parameter_sets_new ();
  g_autoptr (GBytes) avcc = NULL, changed_avcc = NULL;
  gboolean changed;

  ck_assert_ptr_null (kvs_h264_parameter_sets_get_sps (sets));
  ck_assert (collect (sets, AUD SLICE, &changed));
  ck_assert (!changed && !kvs_h264_parameter_sets_is_complete (sets));
  ck_assert (collect (sets, SPS, &changed));
  ck_assert (changed && !kvs_h264_parameter_sets_is_complete (sets));
  ck_assert_ptr_null (kvs_h264_parameter_sets_make_avcc (sets, NULL));
  ck_assert (collect (sets, PPS IDR, &changed));
  ck_assert (changed && kvs_h264_parameter_sets_is_complete (sets));
  ck_assert (collect (sets, AUD SPS PPS IDR, &changed));
  ck_assert (!changed);

  avcc = kvs_h264_parameter_sets_make_avcc (sets, NULL);
  assert_bytes_eq_hex (avcc, streams[0].avcc);
  ck_assert_uint_eq (kvs_h264_parameter_sets_get_sps (sets)->width, 320);

  /* the same id with another size, as after a camera's settings were changed */
  ck_assert (collect (sets, RESIZED_SPS, &changed));
  ck_assert (changed);
  ck_assert_uint_eq (kvs_h264_parameter_sets_get_sps (sets)->width, 16);
  changed_avcc = kvs_h264_parameter_sets_make_avcc (sets, NULL);
  assert_bytes_eq_hex (changed_avcc, streams[1].avcc);

  kvs_h264_parameter_sets_reset (sets);
  ck_assert (!kvs_h264_parameter_sets_is_complete (sets));
}
END_TEST

/* One damaged set neither replaces the good one nor keeps others out. */
START_TEST (test_collector_damage)
{
  g_autoptr (KvsH264ParameterSets) sets = kvs_h264_parameter_sets_new ();
  g_autoptr (GBytes) avcc = NULL;
  gboolean changed;

  ck_assert (collect (sets, SPS, &changed));
  ck_assert (!collect (sets, START_CODE "6742c00d" PPS IDR, &changed));
  ck_assert (changed);
  avcc = kvs_h264_parameter_sets_make_avcc (sets, NULL);
  assert_bytes_eq_hex (avcc, streams[0].avcc);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("h264");
  TCase *tc = tcase_create ("h264");

  tcase_add_loop_test (tc, test_real_sps, 0, G_N_ELEMENTS (streams));
  tcase_add_loop_test (tc, test_cut_sps, 0, G_N_ELEMENTS (streams));
  tcase_add_loop_test (tc, test_same_avcc_as_ffmpeg, 0, G_N_ELEMENTS (streams));
  tcase_add_loop_test (tc, test_made_sps, 0, G_N_ELEMENTS (made_sps));
  tcase_add_test (tc, test_avcc_of_several);
  tcase_add_test (tc, test_avcc_refuses);
  tcase_add_test (tc, test_avcc_pps_limit);
  tcase_add_test (tc, test_avcc_parse_cut);
  tcase_add_test (tc, test_avcc_parse_forms);
  tcase_add_test (tc, test_collector);
  tcase_add_test (tc, test_collector_damage);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
