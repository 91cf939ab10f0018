/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same bytes as an SPS, as an hvcC and as an access unit. Whatever is accepted must be within
 * its limits, and an hvcC made of it must read back as the same. */
#include "fuzz.h"

#include "media/h265.h"

static void
check_sps (const KvsH265Sps *sps)
{
  g_assert_cmpuint (sps->id, <, KVS_H265_N_SPS_IDS);
  g_assert_cmpuint (sps->vps_id, <, KVS_H265_N_VPS_IDS);
  g_assert_cmpuint (sps->max_sub_layers, >=, 1);
  g_assert_cmpuint (sps->max_sub_layers, <=, KVS_H265_MAX_SUB_LAYERS);
  g_assert_cmpuint (sps->profile.space, <=, 3);
  g_assert_cmpuint (sps->profile.idc, <=, 31);
  g_assert_cmpuint (sps->profile.constraint_flags >> 48, ==, 0);
  g_assert_cmpuint (sps->chroma_format_idc, <=, 3);
  g_assert_cmpuint (sps->bit_depth_luma, >=, 8);
  g_assert_cmpuint (sps->bit_depth_luma, <=, 16);
  g_assert_cmpuint (sps->bit_depth_chroma, >=, 8);
  g_assert_cmpuint (sps->bit_depth_chroma, <=, 16);
  g_assert_cmpuint (sps->min_spatial_segmentation_idc, <=, 4095);
  g_assert_cmpuint (sps->width, >=, 1);
  g_assert_cmpuint (sps->width, <=, KVS_H265_MAX_DIMENSION);
  g_assert_cmpuint (sps->height, >=, 1);
  g_assert_cmpuint (sps->height, <=, KVS_H265_MAX_DIMENSION);
}

static void
try_sps (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  KvsH265Sps sps;

  if (kvs_h265_sps_parse (data, size, &sps, &error))
    check_sps (&sps);
  else
    g_assert_nonnull (error);
}

/* Parsing an hvcC that we made, and making it again, changes nothing. */
static void
check_made_hvcc (GBytes *made)
{
  g_auto (KvsH265Hvcc) parsed = { 0 };
  g_autoptr (GBytes) again = NULL;

  g_assert_true (kvs_h265_hvcc_parse (made, &parsed, NULL));
  g_assert_cmpuint (parsed.nal_length_size, ==, KVS_H265_HVCC_NAL_LENGTH_SIZE);
  g_assert_cmpuint (parsed.n_temporal_layers, >=, 1);
  g_assert_cmpuint (parsed.width, >=, 1);
  g_assert_cmpuint (parsed.height, >=, 1);
  again = kvs_h265_hvcc_new (parsed.vps, parsed.sps, parsed.pps, NULL);
  g_assert_nonnull (again);
  g_assert_true (g_bytes_equal (made, again));
}

static void
try_hvcc (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_auto (KvsH265Hvcc) hvcc = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) made = NULL;

  if (!kvs_h265_hvcc_parse (bytes, &hvcc, &error)) {
    g_assert_nonnull (error);
    return;
  }
  g_assert_cmpuint (hvcc.nal_length_size, >=, 1);
  g_assert_cmpuint (hvcc.nal_length_size, <=, 4);
  g_assert_cmpuint (hvcc.width, <=, KVS_H265_MAX_DIMENSION);
  g_assert_cmpint (hvcc.width == 0, ==, hvcc.height == 0);
  made = kvs_h265_hvcc_new (hvcc.vps, hvcc.sps, hvcc.pps, &error);
  g_assert_cmpint (made == NULL, ==, error != NULL);
  if (made != NULL)
    check_made_hvcc (made);
}

static gboolean
has_irap (const guint8 *data, const KvsNalUnit *units, guint n_units)
{
  for (guint i = 0; i < n_units; i++) {
    if (kvs_h265_nal_type_is_irap (kvs_h265_nal_type (data + units[i].offset)))
      return TRUE;
  }
  return FALSE;
}

static void
try_access_unit (const guint8 *data, gsize size)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autoptr (KvsH265ParameterSets) sets = kvs_h265_parameter_sets_new ();
  g_autoptr (GError) error = NULL, make_error = NULL;
  g_autoptr (GBytes) made = NULL;
  const KvsNalUnit *list;
  KvsH265Picture picture;
  gboolean changed, good;

  kvs_nal_split_annexb (data, size, units);
  list = (const KvsNalUnit *) units->data;
  picture = kvs_h265_access_unit_get_picture (data, list, units->len);
  if (kvs_h265_picture_is_key (picture))
    g_assert_true (has_irap (data, list, units->len));
  good = kvs_h265_parameter_sets_add_access_unit (sets, data, list, units->len, &changed, &error);
  g_assert_cmpint (good, ==, error == NULL);
  if (kvs_h265_parameter_sets_get_sps (sets) != NULL)
    check_sps (kvs_h265_parameter_sets_get_sps (sets));
  made = kvs_h265_parameter_sets_make_hvcc (sets, &make_error);
  g_assert_cmpint (made == NULL, ==, make_error != NULL);
  g_assert_cmpint (made != NULL, ==, kvs_h265_parameter_sets_is_complete (sets));
  if (made != NULL)
    check_made_hvcc (made);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  try_sps (data, size);
  try_hvcc (data, size);
  try_access_unit (data, size);
  return 0;
}
