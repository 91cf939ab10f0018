/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/h265.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "bits.h"
#include "bytes.h"
#include "error.h"
#include "h265-fields.h"
#include "h265-streams.h"

static void
parse_hvcc (const gchar *hex, KvsH265Hvcc *out)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (hex);
  g_autoptr (GError) error = NULL;

  ck_assert_msg (kvs_h265_hvcc_parse (bytes, out, &error), "%s", error ? error->message : "");
}

START_TEST (test_same_hvcc_as_others)
{
  g_auto (KvsH265Hvcc) hvcc = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) made = NULL;

  parse_hvcc (streams[_i].hvcc, &hvcc);
  made = kvs_h265_hvcc_new (hvcc.vps, hvcc.sps, hvcc.pps, &error);
  ck_assert_msg (made != NULL, "%s: %s", streams[_i].what, error ? error->message : "");
  assert_bytes_eq_hex (made, streams[_i].hvcc);
}
END_TEST

#define HIGH_TIER "2:0 1:1 5:2 32:0x20000000 16:0x8000 32:0 8:60 "
#define MAIN_TIER "2:0 1:0 5:1 32:0x60000000 16:0xb000 32:0 8:120 "

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

static GBytes *
sps_of (const gchar *start, const gchar *profile, const gchar *id, const gchar *segmentation)
{
  g_autofree gchar *fields
      = g_strconcat (start, profile, id, SIZE DEPTHS BLOCKS TOOLS NO_SETS REST "1:1 " VUI_PLAIN
                     "1:0 1:1 1:0 1:0 1:0 ", segmentation, " e:2 e:1 e:15 e:15 " END, NULL);

  return nal_from_fields ("4201", fields);
}

/* Sets come in any order and more than once; the hvcC has them once, by id, the last one of each,
 * with a profile, tier and level that hold for all. */
START_TEST (test_hvcc_of_several)
{
  g_autoptr (GPtrArray) vps = array_of (
      nal_from_fields (VPS_HEADER, VPS ("4:3", "3:1", PROFILE "16:0 ")),
      nal_from_fields (VPS_HEADER, VPS ("4:1", "3:0", PROFILE)), NULL);
  g_autoptr (GPtrArray) sps = array_of (sps_of ("4:1 3:0 1:0 ", MAIN_TIER, "e:2 ", "e:50"),
                                        sps_of ("4:1 3:0 1:1 ", PROFILE, "e:0 ", "e:0"),
                                        sps_of ("4:1 3:0 1:1 ", HIGH_TIER, "e:0 ", "e:30"), NULL);
  g_autoptr (GPtrArray) pps = array_of (
      nal_from_fields (PPS_HEADER, PPS ("e:63", "1:1", "1:0")),
      nal_from_fields (PPS_HEADER, PPS ("e:7", "1:1", "1:0")), NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) hvcc = kvs_h265_hvcc_new (vps, sps, pps, &error);
  g_auto (KvsH265Hvcc) parsed = { 0 };

  ck_assert_msg (hvcc != NULL, "%s", error ? error->message : "");
  ck_assert (kvs_h265_hvcc_parse (hvcc, &parsed, NULL));
  ck_assert_uint_eq (parsed.profile.idc, 2);
  ck_assert (parsed.profile.is_high_tier);
  ck_assert_uint_eq (parsed.profile.level_idc, 60);
  ck_assert_uint_eq (parsed.profile.compatibility_flags, 0x20000000);
  ck_assert (parsed.profile.constraint_flags == G_GUINT64_CONSTANT (0x800000000000));
  ck_assert_uint_eq (parsed.n_temporal_layers, 2);
  ck_assert (!parsed.temporal_id_nested);
  ck_assert_uint_eq (parsed.min_spatial_segmentation_idc, 30);
  ck_assert_uint_eq (parsed.parallelism_type, 2);
  ck_assert_uint_eq (parsed.width, 1280);
  ck_assert_uint_eq (parsed.height, 720);
  ck_assert_uint_eq (parsed.vps->len, 2);
  ck_assert_uint_eq (parsed.sps->len, 2);
  ck_assert_uint_eq (parsed.pps->len, 2);
  ck_assert (g_bytes_equal (parsed.vps->pdata[0], vps->pdata[1]));
  ck_assert (g_bytes_equal (parsed.sps->pdata[0], sps->pdata[2]));
  ck_assert (g_bytes_equal (parsed.pps->pdata[0], pps->pdata[1]));
}
END_TEST

static const struct {
  const gchar *pps, *segmentation;
  guint type;
} parallelisms[] = {
  { PPS ("e:0", "1:0", "1:0"), "e:1", 1 },
  { PPS ("e:0", "1:1", "1:0"), "e:1", 2 },
  { PPS ("e:0", "1:0", "1:1"), "e:1", 3 },
  { PPS ("e:0", "1:1", "1:1"), "e:1", 0 },
  { PPS ("e:0", "1:0", "1:1"), "e:0", 0 },
};

/* PPS that do it in different ways have no common type. */
START_TEST (test_parallelism)
{
  g_autoptr (GPtrArray) vps = array_of (
      nal_from_fields (VPS_HEADER, VPS ("4:0", "3:0", PROFILE)), NULL);
  g_autoptr (GPtrArray) sps = array_of (
      sps_of ("4:0 3:0 1:1 ", PROFILE, "e:0 ", parallelisms[_i].segmentation), NULL);
  g_autoptr (GPtrArray) pps = array_of (nal_from_fields (PPS_HEADER, parallelisms[_i].pps), NULL);
  g_autoptr (GBytes) alike = kvs_h265_hvcc_new (vps, sps, pps, NULL);
  g_autoptr (GBytes) mixed = NULL;
  g_auto (KvsH265Hvcc) parsed = { 0 }, parsed_mixed = { 0 };

  ck_assert (kvs_h265_hvcc_parse (alike, &parsed, NULL));
  ck_assert_uint_eq (parsed.parallelism_type, parallelisms[_i].type);
  g_ptr_array_add (pps, nal_from_fields (PPS_HEADER, PPS ("e:1", "1:1", "1:1")));
  mixed = kvs_h265_hvcc_new (vps, sps, pps, NULL);
  ck_assert (kvs_h265_hvcc_parse (mixed, &parsed_mixed, NULL));
  ck_assert_uint_eq (parsed_mixed.parallelism_type, 0);
}
END_TEST

START_TEST (test_hvcc_refuses)
{
  g_autoptr (GPtrArray) none = array_of (NULL, NULL);
  g_autoptr (GPtrArray) vps = array_of (
      nal_from_fields (VPS_HEADER, VPS ("4:0", "3:0", PROFILE)), NULL);
  g_autoptr (GPtrArray) sps = array_of (sps_of ("4:0 3:0 1:1 ", PROFILE, "e:0 ", "e:0"), NULL);
  g_autoptr (GPtrArray) pps = array_of (
      nal_from_fields (PPS_HEADER, PPS ("e:0", "1:0", "1:0")), NULL);
  g_autoptr (GPtrArray) empty = array_of (g_bytes_new (NULL, 0), NULL);
  g_autoptr (GPtrArray) cut_vps = array_of (bytes_from_hex ("4001 0c01ffff01"), NULL);
  g_autoptr (GPtrArray) odd_vps = array_of (
      nal_from_fields (VPS_HEADER, VPS ("4:0", "3:7", PROFILE)), NULL);
  g_autoptr (GPtrArray) no_vps = array_of (
      nal_from_fields (VPS_HEADER, "4:0 2:3 6:0 3:0 1:1 16:0xfffe " PROFILE "8:1"), NULL);
  g_autoptr (GPtrArray) layer_vps = array_of (
      nal_from_fields ("4009", VPS ("4:0", "3:0", PROFILE)), NULL);
  g_autoptr (GPtrArray) short_vps = array_of (bytes_from_hex ("40"), NULL);
  g_autoptr (GPtrArray) cut_pps = array_of (bytes_from_hex ("4401 c1"), NULL);
  g_autoptr (GPtrArray) odd_pps = array_of (
      nal_from_fields (PPS_HEADER, PPS ("e:64", "1:0", "1:0")), NULL);
  g_autoptr (GPtrArray) bad_pps = array_of (
      nal_from_fields (PPS_HEADER, "e:0 e:0 8:0 e:15 8:255 8:255 8:255"), NULL);
  const struct {
    GPtrArray *vps, *sps, *pps;
  } cases[] = {
    { none, sps, pps }, { vps, none, pps }, { vps, sps, none }, { sps, sps, pps },
    { vps, pps, pps }, { vps, sps, sps }, { empty, sps, pps }, { cut_vps, sps, pps },
    { odd_vps, sps, pps }, { no_vps, sps, pps }, { layer_vps, sps, pps }, { short_vps, sps, pps },
    { vps, sps, cut_pps }, { vps, sps, odd_pps }, { vps, sps, bad_pps },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    ck_assert_ptr_null (kvs_h265_hvcc_new (cases[i].vps, cases[i].sps, cases[i].pps, &error));
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  }
}
END_TEST

START_TEST (test_too_long_set)
{
  g_autoptr (KvsH265ParameterSets) sets = kvs_h265_parameter_sets_new ();
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *nal = g_malloc (G_MAXUINT16 + 1);
  gboolean changed = FALSE;

  memset (nal, 0xff, G_MAXUINT16 + 1);
  memcpy (nal, "\x44\x01", 2);
  ck_assert (!kvs_h265_parameter_sets_add_nal (sets, nal, G_MAXUINT16 + 1, &changed, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  ck_assert (kvs_h265_parameter_sets_add_nal (sets, nal, G_MAXUINT16, &changed, NULL));
}
END_TEST

START_TEST (test_hvcc_parse_cut)
{
  g_autoptr (GBytes) whole = bytes_from_hex (streams[0].hvcc);

  for (gsize n = 0; n < g_bytes_get_size (whole); n++) {
    g_autofree guint8 *copy = g_memdup2 (g_bytes_get_data (whole, NULL), n);
    g_autoptr (GBytes) cut = g_bytes_new (copy, n);
    g_auto (KvsH265Hvcc) hvcc = { 0 };
    g_autoptr (GError) error = NULL;

    ck_assert (!kvs_h265_hvcc_parse (cut, &hvcc, &error));
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  }
}
END_TEST

#define FIELDS "01600000009000000000003c0000000000000000"

/* Reserved bits that are not set, arrays of SEI messages, empty and repeated arrays, a damaged SPS:
 * no reason to lose the picture. */
START_TEST (test_hvcc_parse_forms)
{
  static const gchar *const bad[] = {
    "02" FIELDS "00 00", "01" FIELDS "00 01 20 0001 0002 4201", "01" FIELDS "00 01 20 0001 0001 40",
    "01" FIELDS "00 01 20 0001 0000", "01" FIELDS "00 01 20 0002 0002 4001",
    "01" FIELDS "00 02 20 0000", "01" FIELDS "00",
  };
  g_auto (KvsH265Hvcc) none = { 0 }, old = { 0 }, sei = { 0 };

  parse_hvcc ("01" FIELDS "00 00", &none);
  ck_assert_uint_eq (none.vps->len + none.sps->len + none.pps->len, 0);
  ck_assert_uint_eq (none.width, 0);
  ck_assert_uint_eq (none.nal_length_size, 1);
  ck_assert (!none.temporal_id_nested);
  parse_hvcc ("00" FIELDS "0d 00", &old);
  ck_assert_uint_eq (old.nal_length_size, 2);
  ck_assert_uint_eq (old.n_temporal_layers, 1);
  parse_hvcc ("01" FIELDS "0f 04 a7 0001 0003 4e0105 a0 0000 21 0001 0003 420101 a2 0002 0002 4401 "
              "0003 4401c1", &sei);
  ck_assert_uint_eq (sei.nal_length_size, 4);
  ck_assert_uint_eq (sei.sps->len, 1);
  ck_assert_uint_eq (sei.pps->len, 2);
  ck_assert_uint_eq (sei.width, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GBytes) bytes = bytes_from_hex (bad[i]);
    g_auto (KvsH265Hvcc) hvcc = { 0 };

    ck_assert_msg (!kvs_h265_hvcc_parse (bytes, &hvcc, NULL), "%s", bad[i]);
  }
}
END_TEST

/* ---- collector ---- */

static gboolean
collect (KvsH265ParameterSets *sets, const gchar *hex, gboolean *changed)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autoptr (GBytes) bytes = bytes_from_hex (hex);
  g_autoptr (GError) error = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  gboolean good;

  kvs_nal_split_annexb (data, size, units);
  good = kvs_h265_parameter_sets_add_access_unit (sets, data, (const KvsNalUnit *) units->data,
                                                  units->len, changed, &error);
  ck_assert_int_eq (good, error == NULL);
  return good;
}

#define START_CODE "00000001 "
#define AUD START_CODE "460150 "
#define VPS_NAL START_CODE "40010c01ffff01600000030090000003000003003c959409 "
#define SPS_NAL START_CODE \
  "42010101600000030090000003000003003ca00a080f16595952930bc05a020000030002000003003210 "
#define PPS_NAL START_CODE "4401c073c189 "
#define SMALL_SETS START_CODE "40010c01ffff01600000030090000003000003001e959409 " \
  START_CODE "42010101600000030090000003000003001ea042085965654a4c2f016808000003000800000300c840 " \
  START_CODE "4401c073c089 "
#define IDR START_CODE "2801af "
#define SLICE START_CODE "0201d0 "

/* A camera repeats its sets with every key frame; only a real change may start a new session. */
START_TEST (test_collector)
{
  g_autoptr (KvsH265ParameterSets) sets = kvs_h265_parameter_sets_new ();
  g_autoptr (GBytes) hvcc = NULL, changed_hvcc = NULL;
  gboolean changed;

  ck_assert_ptr_null (kvs_h265_parameter_sets_get_sps (sets));
  ck_assert (collect (sets, AUD SLICE, &changed));
  ck_assert (!changed && !kvs_h265_parameter_sets_is_complete (sets));
  ck_assert (collect (sets, SPS_NAL PPS_NAL, &changed));
  ck_assert (changed && !kvs_h265_parameter_sets_is_complete (sets));
  ck_assert_ptr_null (kvs_h265_parameter_sets_make_hvcc (sets, NULL));
  ck_assert (collect (sets, VPS_NAL IDR, &changed));
  ck_assert (changed && kvs_h265_parameter_sets_is_complete (sets));
  ck_assert (collect (sets, AUD VPS_NAL SPS_NAL PPS_NAL "0000 " IDR, &changed));
  ck_assert (!changed);

  hvcc = kvs_h265_parameter_sets_make_hvcc (sets, NULL);
  assert_bytes_eq_hex (hvcc, streams[0].hvcc);
  ck_assert_uint_eq (kvs_h265_parameter_sets_get_sps (sets)->width, 320);

  /* the same ids with another size, as after a camera's settings were changed */
  ck_assert (collect (sets, SMALL_SETS, &changed));
  ck_assert (changed);
  ck_assert_uint_eq (kvs_h265_parameter_sets_get_sps (sets)->width, 32);
  changed_hvcc = kvs_h265_parameter_sets_make_hvcc (sets, NULL);
  assert_bytes_eq_hex (changed_hvcc, streams[1].hvcc);

  kvs_h265_parameter_sets_reset (sets);
  ck_assert (!kvs_h265_parameter_sets_is_complete (sets));
}
END_TEST

/* A damaged set neither replaces the good one nor keeps others out; one of a second view is no set
 * of the first. */
START_TEST (test_collector_damage)
{
  g_autoptr (KvsH265ParameterSets) sets = kvs_h265_parameter_sets_new ();
  g_autoptr (GBytes) hvcc = NULL;
  gboolean changed;

  ck_assert (collect (sets, VPS_NAL SPS_NAL, &changed));
  ck_assert (!collect (sets, START_CODE "40010c01ff " START_CODE "420101016000 " START_CODE "42 "
                       START_CODE "4401c0 " PPS_NAL IDR, &changed));
  ck_assert (changed);
  ck_assert (collect (sets, START_CODE "42090101 " START_CODE "4409c1 " IDR, &changed));
  ck_assert (!changed);
  hvcc = kvs_h265_parameter_sets_make_hvcc (sets, NULL);
  assert_bytes_eq_hex (hvcc, streams[0].hvcc);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("h265-hvcc");
  TCase *tc = tcase_create ("h265-hvcc");

  tcase_add_loop_test (tc, test_same_hvcc_as_others, 0, G_N_ELEMENTS (streams));
  tcase_add_test (tc, test_hvcc_of_several);
  tcase_add_loop_test (tc, test_parallelism, 0, G_N_ELEMENTS (parallelisms));
  tcase_add_test (tc, test_hvcc_refuses);
  tcase_add_test (tc, test_too_long_set);
  tcase_add_test (tc, test_hvcc_parse_cut);
  tcase_add_test (tc, test_hvcc_parse_forms);
  tcase_add_test (tc, test_collector);
  tcase_add_test (tc, test_collector_damage);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
