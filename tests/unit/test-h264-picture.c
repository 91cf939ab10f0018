/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/h264.h"

#include <check.h>

#include "../suite.h"
#include "bytes.h"
#include "h264-units.h"

static const struct {
  const gchar *hex;
  gboolean key, recovery_point;
} access_units[] = {
  { AUD SPS PPS IDR, TRUE, FALSE },
  { IDR, TRUE, FALSE },
  { AUD SLICE, FALSE, FALSE },
  { SPS PPS SLICE, FALSE, FALSE },
  { AUD SPS PPS SEI_NOW SLICE, FALSE, TRUE },
  { AUD SPS PPS SEI_LATER SLICE, FALSE, FALSE },
  { AUD SPS PPS SEI_CUT SLICE, FALSE, FALSE },
  { AUD PPS SEI_NOW SLICE, FALSE, FALSE },
  { SPS PPS, FALSE, FALSE },
  { "", FALSE, FALSE },
};

START_TEST (test_access_unit)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autoptr (GBytes) bytes = NULL;
  const guint8 *data;
  const KvsNalUnit *list;

  split (access_units[_i].hex, &bytes, units);
  data = g_bytes_get_data (bytes, NULL);
  list = (const KvsNalUnit *) units->data;
  ck_assert_int_eq (kvs_h264_access_unit_is_key (data, list, units->len), access_units[_i].key);
  ck_assert_int_eq (kvs_h264_access_unit_is_recovery_point (data, list, units->len),
                    access_units[_i].recovery_point);
}
END_TEST

/* first_mb_in_slice 0, then slice_type 0 to 9 */
#define P_SLICE START_CODE "41c0 "
#define B_SLICE START_CODE "01a0 "
#define I_SLICE START_CODE "41b084 "
#define SP_SLICE START_CODE "4190 "
#define SI_SLICE START_CODE "4194 "
#define ALL_P_SLICE START_CODE "4198 "
#define ALL_I_SLICE START_CODE "418884 "
#define ALL_SI_SLICE START_CODE "418a84 "
/* first_mb_in_slice 120 */
#define LATER_I_SLICE START_CODE "4103c884 "
#define LATER_P_SLICE START_CODE "4103cc84 "

static const struct {
  const gchar *hex;
  gboolean is_idr, is_intra;
  gint recovery_frame_cnt;
  gboolean is_start; /* when it was flagged */
} pictures[] = {
  { AUD SPS PPS IDR, TRUE, TRUE, -1, TRUE },
  { SEI_NOW IDR P_SLICE, TRUE, TRUE, 0, TRUE },
  { P_SLICE, FALSE, FALSE, -1, FALSE },
  { B_SLICE, FALSE, FALSE, -1, FALSE },
  { SP_SLICE, FALSE, FALSE, -1, FALSE },
  { ALL_P_SLICE, FALSE, FALSE, -1, FALSE },
  { AUD SPS PPS I_SLICE, FALSE, TRUE, -1, TRUE },
  { ALL_I_SLICE LATER_I_SLICE, FALSE, TRUE, -1, TRUE },
  { SI_SLICE ALL_SI_SLICE, FALSE, TRUE, -1, TRUE },
  /* one intra slice makes no intra picture, wherever it lies */
  { I_SLICE LATER_P_SLICE, FALSE, FALSE, -1, FALSE },
  { P_SLICE LATER_I_SLICE, FALSE, FALSE, -1, FALSE },
  { SPS PPS SEI_NOW I_SLICE, FALSE, TRUE, 0, TRUE },
  /* intra refresh: an end is promised, nothing more */
  { SPS PPS SEI_LATER P_SLICE, FALSE, FALSE, 3, TRUE },
  { SEI_CUT SEI_LATER P_SLICE, FALSE, FALSE, 3, TRUE },
  { SEI_CUT P_SLICE, FALSE, FALSE, -1, FALSE },
  /* recovery_frame_cnt 65535, and one more than there can be */
  { START_CODE "06 0605000080 0040 80 " P_SLICE, FALSE, FALSE, 65535, TRUE },
  { START_CODE "06 060500008000c0 80 " P_SLICE, FALSE, FALSE, -1, FALSE },
  /* data partitions: B begins with what would read as an inter slice */
  { START_CODE "428884 " START_CODE "43c0 " START_CODE "44c0 ", FALSE, TRUE, -1, TRUE },
  { START_CODE "42c0 ", FALSE, FALSE, -1, FALSE },
  /* an alpha picture, another view's slice */
  { ALL_I_SLICE START_CODE "1398 " START_CODE "5498 ", FALSE, TRUE, -1, TRUE },
  /* nothing but a header, no such slice type, parameter sets alone, nothing */
  { START_CODE "41 ", FALSE, FALSE, -1, FALSE },
  { START_CODE "418b ", FALSE, FALSE, -1, FALSE },
  { SPS PPS, FALSE, FALSE, -1, FALSE },
  { "", FALSE, FALSE, -1, FALSE },
};

START_TEST (test_picture)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autoptr (GBytes) bytes = NULL;
  KvsH264Picture picture;

  split (pictures[_i].hex, &bytes, units);
  kvs_h264_access_unit_inspect (g_bytes_get_data (bytes, NULL), (const KvsNalUnit *) units->data,
                                units->len, &picture);
  ck_assert_int_eq (picture.is_idr, pictures[_i].is_idr);
  ck_assert_int_eq (picture.is_intra, pictures[_i].is_intra);
  ck_assert_int_eq (picture.recovery_frame_cnt, pictures[_i].recovery_frame_cnt);
  ck_assert_int_eq (kvs_h264_picture_is_random_access (&picture, TRUE), pictures[_i].is_start);
  ck_assert_int_eq (kvs_h264_picture_is_random_access (&picture, FALSE), pictures[_i].is_idr);
}
END_TEST

START_TEST (test_nal_types)
{
  static const guint8 idr = 0x65, sps = 0x67, sei = 0x06, aud = 0x09, pps = 0x28;

  ck_assert_uint_eq (kvs_h264_nal_type (&idr), KVS_H264_NAL_SLICE_IDR);
  ck_assert_uint_eq (kvs_h264_nal_type (&sps), KVS_H264_NAL_SPS);
  ck_assert_uint_eq (kvs_h264_nal_type (&sei), KVS_H264_NAL_SEI);
  ck_assert_uint_eq (kvs_h264_nal_type (&aud), KVS_H264_NAL_AUD);
  ck_assert_uint_eq (kvs_h264_nal_type (&pps), KVS_H264_NAL_PPS);
  for (guint type = 0; type < 32; type++)
    ck_assert_int_eq (kvs_h264_nal_type_is_vcl (type), type >= 1 && type <= 5);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("h264-picture");
  TCase *tc = tcase_create ("h264-picture");

  tcase_add_loop_test (tc, test_access_unit, 0, G_N_ELEMENTS (access_units));
  tcase_add_loop_test (tc, test_picture, 0, G_N_ELEMENTS (pictures));
  tcase_add_test (tc, test_nal_types);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
