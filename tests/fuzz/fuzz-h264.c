/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same bytes as an SPS, as an avcC and as an access unit. Whatever is accepted must be within
 * its limits, and an avcC made of it must read back as the same. */
#include "fuzz.h"

#include "media/h264.h"

static void
check_sps (const KvsH264Sps *sps)
{
  g_assert_cmpuint (sps->id, <, KVS_H264_N_SPS_IDS);
  g_assert_cmpuint (sps->chroma_format_idc, <=, 3);
  g_assert_cmpuint (sps->bit_depth_luma, >=, 8);
  g_assert_cmpuint (sps->bit_depth_luma, <=, 14);
  g_assert_cmpuint (sps->bit_depth_chroma, >=, 8);
  g_assert_cmpuint (sps->bit_depth_chroma, <=, 14);
  g_assert_cmpuint (sps->width, >=, 1);
  g_assert_cmpuint (sps->width, <=, KVS_H264_MAX_DIMENSION);
  g_assert_cmpuint (sps->height, >=, 1);
  g_assert_cmpuint (sps->height, <=, KVS_H264_MAX_DIMENSION);
}

static void
try_sps (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  KvsH264Sps sps;

  if (kvs_h264_sps_parse (data, size, &sps, &error))
    check_sps (&sps);
  else
    g_assert_nonnull (error);
}

/* Parsing an avcC that we made, and making it again, changes nothing. */
static void
check_made_avcc (GBytes *made)
{
  g_auto (KvsH264Avcc) parsed = { 0 };
  g_autoptr (GBytes) again = NULL;

  g_assert_true (kvs_h264_avcc_parse (made, &parsed, NULL));
  again = kvs_h264_avcc_new (parsed.sps, parsed.pps, NULL);
  g_assert_nonnull (again);
  g_assert_true (g_bytes_equal (made, again));
}

static void
try_avcc (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_auto (KvsH264Avcc) avcc = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) made = NULL;

  if (!kvs_h264_avcc_parse (bytes, &avcc, &error)) {
    g_assert_nonnull (error);
    return;
  }
  g_assert_cmpuint (avcc.nal_length_size, >=, 1);
  g_assert_cmpuint (avcc.nal_length_size, <=, 4);
  made = kvs_h264_avcc_new (avcc.sps, avcc.pps, &error);
  g_assert_cmpint (made == NULL, ==, error != NULL);
  if (made != NULL)
    check_made_avcc (made);
}

static void
check_picture (const guint8 *data, const KvsNalUnit *units, guint n_units)
{
  KvsH264Picture picture;

  kvs_h264_access_unit_inspect (data, units, n_units, &picture);
  g_assert_cmpint (picture.is_idr, ==, kvs_h264_access_unit_is_key (data, units, n_units));
  g_assert_true (picture.is_intra || !picture.is_idr);
  g_assert_cmpint (picture.recovery_frame_cnt, >=, -1);
  g_assert_cmpint (picture.recovery_frame_cnt, <=, 0xffff);
  g_assert_cmpint (kvs_h264_picture_is_random_access (&picture, FALSE), ==, picture.is_idr);
}

static void
try_access_unit (const guint8 *data, gsize size)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autoptr (KvsH264ParameterSets) sets = kvs_h264_parameter_sets_new ();
  g_autoptr (GError) error = NULL, make_error = NULL;
  g_autoptr (GBytes) made = NULL;
  const KvsNalUnit *list;
  gboolean changed, good;

  kvs_nal_split_annexb (data, size, units);
  list = (const KvsNalUnit *) units->data;
  check_picture (data, list, units->len);
  kvs_h264_access_unit_is_recovery_point (data, list, units->len);
  good = kvs_h264_parameter_sets_add_access_unit (sets, data, list, units->len, &changed, &error);
  g_assert_cmpint (good, ==, error == NULL);
  if (kvs_h264_parameter_sets_get_sps (sets) != NULL)
    check_sps (kvs_h264_parameter_sets_get_sps (sets));
  made = kvs_h264_parameter_sets_make_avcc (sets, &make_error);
  g_assert_cmpint (made == NULL, ==, make_error != NULL);
  if (made != NULL)
    check_made_avcc (made);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  try_sps (data, size);
  try_avcc (data, size);
  try_access_unit (data, size);
  return 0;
}
