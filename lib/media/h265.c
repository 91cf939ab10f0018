/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kinds of pictures, and the parameter sets other than the SPS. */
#include "media/h265.h"

#include "error.h"
#include "media/h265-private.h"

static KvsH265Picture
picture_of_type (guint nal_type)
{
  switch (nal_type) {
  case KVS_H265_NAL_RADL_N:
  case KVS_H265_NAL_RADL_R:
    return KVS_H265_PICTURE_RADL;
  case KVS_H265_NAL_RASL_N:
  case KVS_H265_NAL_RASL_R:
    return KVS_H265_PICTURE_RASL;
  case KVS_H265_NAL_BLA_W_LP:
  case KVS_H265_NAL_BLA_W_RADL:
  case KVS_H265_NAL_BLA_N_LP:
    return KVS_H265_PICTURE_BLA;
  case KVS_H265_NAL_IDR_W_RADL:
  case KVS_H265_NAL_IDR_N_LP:
    return KVS_H265_PICTURE_IDR;
  case KVS_H265_NAL_CRA:
    return KVS_H265_PICTURE_CRA;
  default:
    /* types 2 to 5 are trailing pictures as well; 10 to 15 and 22 on are reserved: 7.4.2.2 */
    return nal_type < KVS_H265_NAL_RADL_N ? KVS_H265_PICTURE_TRAILING : KVS_H265_PICTURE_NONE;
  }
}

/**
 * kvs_h265_access_unit_get_picture:
 * @data: an access unit
 * @units: where its NAL units lie in @data
 * @n_units: how many
 *
 * Looks at the NAL unit headers up to the first slice of the base layer: all slices of a picture
 * have the same type (ISO/IEC 23008-2 7.4.2.2). Other layers, such as the second view of a
 * stereoscopic camera, do not count.
 *
 * Returns: what kind of picture the access unit holds
 */
KvsH265Picture
kvs_h265_access_unit_get_picture (const guint8 *data, const KvsNalUnit *units, guint n_units)
{
  for (guint i = 0; i < n_units; i++) {
    const guint8 *nal = data + units[i].offset;
    KvsH265Picture picture;

    if (units[i].size < KVS_H265_NAL_HEADER_BYTES || kvs_h265_nal_layer_id (nal) != 0)
      continue;
    picture = picture_of_type (kvs_h265_nal_type (nal));
    if (picture != KVS_H265_PICTURE_NONE)
      return picture;
  }
  return KVS_H265_PICTURE_NONE;
}

gboolean
kvs_h265_fail (GError **error, const gchar *what, gint64 value)
{
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA, "H.265 %s is %" G_GINT64_FORMAT, what, value);
  return FALSE;
}

gboolean
kvs_h265_fail_cut (GError **error, const gchar *set, gsize size)
{
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
               "H.265 %s of %" G_GSIZE_FORMAT " bytes is cut off or damaged", set, size);
  return FALSE;
}

gboolean
kvs_h265_read_bounded (KvsBitReader *reader, const gchar *what, guint32 max, guint32 *value,
                       GError **error)
{
  *value = kvs_bit_reader_read_ue (reader);
  if (*value > max)
    return kvs_h265_fail (error, what, *value);
  return TRUE;
}

/* 7.3.3: what a sub-layer has of its own is stepped over */
static void
skip_sub_layer_profiles (KvsBitReader *reader, guint max_sub_layers)
{
  gboolean has_profile[KVS_H265_MAX_SUB_LAYERS], has_level[KVS_H265_MAX_SUB_LAYERS];

  for (guint i = 0; i + 1 < max_sub_layers; i++) {
    has_profile[i] = kvs_bit_reader_read (reader, 1) != 0;
    has_level[i] = kvs_bit_reader_read (reader, 1) != 0;
  }
  if (max_sub_layers > 1)
    kvs_bit_reader_skip (reader, 2 * (9 - max_sub_layers)); /* reserved_zero_2bits up to 7 */
  for (guint i = 0; i + 1 < max_sub_layers; i++)
    kvs_bit_reader_skip (reader, (has_profile[i] ? 88 : 0) + (has_level[i] ? 8 : 0));
}

void
kvs_h265_read_profile (KvsBitReader *reader, guint max_sub_layers, KvsH265Profile *out)
{
  out->space = (guint8) kvs_bit_reader_read (reader, 2);
  out->is_high_tier = kvs_bit_reader_read (reader, 1) != 0;
  out->idc = (guint8) kvs_bit_reader_read (reader, 5);
  out->compatibility_flags = kvs_bit_reader_read (reader, 32);
  out->constraint_flags = (guint64) kvs_bit_reader_read (reader, 16) << 32;
  out->constraint_flags |= kvs_bit_reader_read (reader, 32);
  out->level_idc = (guint8) kvs_bit_reader_read (reader, 8);
  skip_sub_layer_profiles (reader, max_sub_layers);
}

/* 7.3.2.1, up to profile_tier_level(). @nal has a whole header and is a VPS. */
gboolean
kvs_h265_vps_parse (const guint8 *nal, gsize size, KvsH265Vps *out, GError **error)
{
  KvsBitReader reader;

  kvs_bit_reader_init (&reader, nal + KVS_H265_NAL_HEADER_BYTES, size - KVS_H265_NAL_HEADER_BYTES);
  *out = (KvsH265Vps) { .id = kvs_bit_reader_read (&reader, 4) };
  kvs_bit_reader_skip (&reader, 2 + 6); /* vps_base_layer_..._flag, vps_max_layers_minus1 */
  out->max_sub_layers = kvs_bit_reader_read (&reader, 3) + 1;
  if (out->max_sub_layers > KVS_H265_MAX_SUB_LAYERS)
    return kvs_h265_fail (error, "VPS: vps_max_sub_layers_minus1", out->max_sub_layers - 1);
  kvs_bit_reader_skip (&reader, 1); /* vps_temporal_id_nesting_flag */
  if (kvs_bit_reader_read (&reader, 16) != 0xffff)
    return kvs_h265_fail_cut (error, "VPS", size);
  kvs_h265_read_profile (&reader, out->max_sub_layers, &out->profile);
  kvs_bit_reader_skip (&reader, 1); /* one more shows that nothing is cut off */
  return !reader.failed || kvs_h265_fail_cut (error, "VPS", size);
}

/* 7.3.2.3.1: from dependent_slice_segments_enabled_flag to transquant_bypass_enabled_flag */
static gboolean
skip_to_tiles (KvsBitReader *reader, GError **error)
{
  guint32 value;
  gint32 cb, cr;

  kvs_bit_reader_skip (reader, 1 + 1 + 3 + 1 + 1);
  if (!kvs_h265_read_bounded (reader, "PPS: num_ref_idx_l0_default_active_minus1", 14, &value,
                              error)
      || !kvs_h265_read_bounded (reader, "PPS: num_ref_idx_l1_default_active_minus1", 14, &value,
                                 error))
    return FALSE;
  kvs_bit_reader_read_se (reader); /* init_qp_minus26 */
  kvs_bit_reader_skip (reader, 1 + 1); /* constrained_intra_pred, transform_skip_enabled */
  if (kvs_bit_reader_read (reader, 1) != 0
      && !kvs_h265_read_bounded (reader, "PPS: diff_cu_qp_delta_depth", 3, &value, error))
    return FALSE;
  cb = kvs_bit_reader_read_se (reader);
  cr = kvs_bit_reader_read_se (reader);
  if (cb < -12 || cb > 12)
    return kvs_h265_fail (error, "PPS: pps_cb_qp_offset", cb);
  if (cr < -12 || cr > 12)
    return kvs_h265_fail (error, "PPS: pps_cr_qp_offset", cr);
  kvs_bit_reader_skip (reader, 1 + 1 + 1 + 1);
  return TRUE;
}

/* 7.3.2.3.1, up to entropy_coding_sync_enabled_flag. @nal has a whole header and is a PPS. */
gboolean
kvs_h265_pps_parse (const guint8 *nal, gsize size, KvsH265Pps *out, GError **error)
{
  KvsBitReader reader;
  guint32 id, sps_id;
  gboolean has_tiles, has_wavefronts;

  kvs_bit_reader_init (&reader, nal + KVS_H265_NAL_HEADER_BYTES, size - KVS_H265_NAL_HEADER_BYTES);
  if (!kvs_h265_read_bounded (&reader, "PPS: pps_pic_parameter_set_id", KVS_H265_N_PPS_IDS - 1, &id,
                              error)
      || !kvs_h265_read_bounded (&reader, "PPS: pps_seq_parameter_set_id", KVS_H265_N_SPS_IDS - 1,
                                 &sps_id, error)
      || !skip_to_tiles (&reader, error))
    return FALSE;
  has_tiles = kvs_bit_reader_read (&reader, 1) != 0;
  has_wavefronts = kvs_bit_reader_read (&reader, 1) != 0;
  if (reader.failed)
    return kvs_h265_fail_cut (error, "PPS", size);
  *out = (KvsH265Pps) { .id = id, .sps_id = sps_id, .parallelism_type = 1 };
  if (has_tiles)
    out->parallelism_type = has_wavefronts ? 0 : 2;
  else if (has_wavefronts)
    out->parallelism_type = 3;
  return TRUE;
}
