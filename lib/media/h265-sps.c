/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/h265.h"

#include "error.h"
#include "media/h265-private.h"

/* st_ref_pic_set(): 7.4.8; a decoded picture buffer has at most 16 pictures */
#define MAX_REF_PIC_SETS 64
#define MAX_DELTA_POCS 16

/**
 * RefPicSet:
 * @n: number of @deltas
 * @deltas: picture order counts relative to the current picture, in the order of the standard:
 *   first the negative ones, falling, then the positive ones, rising
 */
typedef struct {
  guint n;
  gint deltas[MAX_DELTA_POCS];
} RefPicSet;

static gboolean
read_bounded (KvsBitReader *reader, const gchar *what, guint32 max, guint32 *value, GError **error)
{
  g_autofree gchar *where = NULL;

  *value = kvs_bit_reader_read_ue (reader);
  if (*value <= max)
    return TRUE;
  where = g_strconcat ("SPS: ", what, NULL);
  return kvs_h265_fail (error, where, *value);
}

/* One direction: 7.4.3.2.1, conf_win_left_offset and following. The sum cannot overflow. */
static gboolean
crop (guint coded, guint unit, guint32 before, guint32 after, guint *size, GError **error)
{
  guint64 cut = unit * ((guint64) before + after);

  if (cut >= coded)
    return kvs_h265_fail (error, "SPS: cropping, in pixels,", (gint64) cut);
  *size = coded - (guint) cut;
  return TRUE;
}

/* From chroma_format_idc to the conformance window; coded has the sizes before cropping. */
static gboolean
read_picture_size (KvsBitReader *reader, KvsH265Sps *out, guint32 coded[2], GError **error)
{
  guint32 chroma_format_idc, offsets[4] = { 0 };
  guint unit_x, unit_y;

  if (!read_bounded (reader, "chroma_format_idc", 3, &chroma_format_idc, error))
    return FALSE;
  out->chroma_format_idc = (guint8) chroma_format_idc;
  if (chroma_format_idc == 3)
    kvs_bit_reader_skip (reader, 1); /* separate_colour_plane_flag */
  if (!read_bounded (reader, "pic_width_in_luma_samples", KVS_H265_MAX_DIMENSION, &coded[0], error)
      || !read_bounded (reader, "pic_height_in_luma_samples", KVS_H265_MAX_DIMENSION, &coded[1],
                        error))
    return FALSE;
  if (kvs_bit_reader_read (reader, 1) != 0) { /* conformance_window_flag */
    for (gsize i = 0; i < G_N_ELEMENTS (offsets); i++)
      offsets[i] = kvs_bit_reader_read_ue (reader);
  }
  /* SubWidthC and SubHeightC: table 6-1 */
  unit_x = chroma_format_idc == 1 || chroma_format_idc == 2 ? 2 : 1;
  unit_y = chroma_format_idc == 1 ? 2 : 1;
  return crop (coded[0], unit_x, offsets[0], offsets[1], &out->width, error)
         && crop (coded[1], unit_y, offsets[2], offsets[3], &out->height, error);
}

/* From bit_depth_luma_minus8 to sps_max_latency_increase_plus1[] */
static gboolean
read_depths (KvsBitReader *reader, KvsH265Sps *out, guint *poc_lsb_bits, GError **error)
{
  guint32 luma, chroma, log2_max_poc, value;
  guint n_orderings;

  if (!read_bounded (reader, "bit_depth_luma_minus8", 8, &luma, error)
      || !read_bounded (reader, "bit_depth_chroma_minus8", 8, &chroma, error)
      || !read_bounded (reader, "log2_max_pic_order_cnt_lsb_minus4", 12, &log2_max_poc, error))
    return FALSE;
  out->bit_depth_luma = (guint8) (8 + luma);
  out->bit_depth_chroma = (guint8) (8 + chroma);
  *poc_lsb_bits = log2_max_poc + 4;
  /* sps_sub_layer_ordering_info_present_flag */
  n_orderings = kvs_bit_reader_read (reader, 1) != 0 ? out->max_sub_layers : 1;
  for (guint i = 0; i < n_orderings; i++) {
    if (!read_bounded (reader, "sps_max_dec_pic_buffering_minus1", 15, &value, error)
        || !read_bounded (reader, "sps_max_num_reorder_pics", 15, &value, error))
      return FALSE;
    kvs_bit_reader_read_ue (reader); /* sps_max_latency_increase_plus1 */
  }
  return TRUE;
}

/* Blocks have 8 to 64 samples a side, and a picture has a whole number of the smallest ones. */
static gboolean
read_block_sizes (KvsBitReader *reader, const guint32 coded[2], GError **error)
{
  guint32 log2_min, value, min_size;

  if (!read_bounded (reader, "log2_min_luma_coding_block_size_minus3", 3, &log2_min, error)
      || !read_bounded (reader, "log2_diff_max_min_luma_coding_block_size", 3, &value, error)
      || !read_bounded (reader, "log2_min_luma_transform_block_size_minus2", 3, &value, error)
      || !read_bounded (reader, "log2_diff_max_min_luma_transform_block_size", 3, &value, error)
      || !read_bounded (reader, "max_transform_hierarchy_depth_inter", 4, &value, error)
      || !read_bounded (reader, "max_transform_hierarchy_depth_intra", 4, &value, error))
    return FALSE;
  min_size = 8u << log2_min;
  if (coded[0] % min_size != 0)
    return kvs_h265_fail (error, "SPS: pic_width_in_luma_samples", coded[0]);
  if (coded[1] % min_size != 0)
    return kvs_h265_fail (error, "SPS: pic_height_in_luma_samples", coded[1]);
  return TRUE;
}

/* 7.3.4; the values do not matter here */
static void
skip_scaling_lists (KvsBitReader *reader)
{
  for (guint size_id = 0; size_id < 4; size_id++) {
    for (guint matrix_id = 0; matrix_id < 6; matrix_id += size_id == 3 ? 3 : 1) {
      guint n_values = MIN (64u, 1u << (4 + 2 * size_id)) + (size_id > 1 ? 1 : 0);

      if (kvs_bit_reader_read (reader, 1) == 0) { /* scaling_list_pred_mode_flag */
        kvs_bit_reader_read_ue (reader); /* scaling_list_pred_matrix_id_delta */
        continue;
      }
      for (guint i = 0; i < n_values && !reader->failed; i++)
        kvs_bit_reader_read_se (reader);
    }
  }
}

/* The set's order: 7.4.8, (7-61) to (7-66), come to a sorted list on either side. */
static gboolean
add_delta (RefPicSet *set, gint delta)
{
  guint at = 0;

  if (set->n >= MAX_DELTA_POCS)
    return FALSE;
  while (at < set->n && (delta < 0 ? set->deltas[at] < 0 && set->deltas[at] > delta
                                   : set->deltas[at] < delta))
    at++;
  for (guint i = set->n; i > at; i--)
    set->deltas[i] = set->deltas[i - 1];
  set->deltas[at] = delta;
  set->n++;
  return TRUE;
}

/* A set that is told by what differs from the one before it. */
static gboolean
read_predicted_set (KvsBitReader *reader, RefPicSet *set, GError **error)
{
  const RefPicSet before = *set;
  gboolean is_negative = kvs_bit_reader_read (reader, 1) != 0;
  guint32 distance;
  gint delta_rps;

  if (!read_bounded (reader, "abs_delta_rps_minus1", 0x7fff, &distance, error))
    return FALSE;
  delta_rps = is_negative ? -(gint) (distance + 1) : (gint) (distance + 1);
  set->n = 0;
  for (guint j = 0; j <= before.n; j++) {
    gint delta = (j < before.n ? before.deltas[j] : 0) + delta_rps;
    /* use_delta_flag is there, and not 1, only without used_by_curr_pic_flag */
    gboolean is_kept
        = kvs_bit_reader_read (reader, 1) != 0 || kvs_bit_reader_read (reader, 1) != 0;

    if (is_kept && delta != 0 && !add_delta (set, delta))
      return kvs_h265_fail (error, "SPS: number of reference pictures", MAX_DELTA_POCS + 1);
  }
  return TRUE;
}

static gboolean
read_explicit_set (KvsBitReader *reader, RefPicSet *set, GError **error)
{
  guint32 n_negative, n_positive, distance;
  gint delta = 0;

  if (!read_bounded (reader, "num_negative_pics", MAX_DELTA_POCS, &n_negative, error)
      || !read_bounded (reader, "num_positive_pics", MAX_DELTA_POCS - n_negative, &n_positive,
                        error))
    return FALSE;
  for (set->n = 0; set->n < n_negative + n_positive; set->n++) {
    gboolean is_negative = set->n < n_negative;

    if (!read_bounded (reader, "delta_poc_minus1", 0x7fff, &distance, error))
      return FALSE;
    if (set->n == n_negative)
      delta = 0;
    delta += is_negative ? -(gint) (distance + 1) : (gint) (distance + 1);
    set->deltas[set->n] = delta;
    kvs_bit_reader_skip (reader, 1); /* used_by_curr_pic_flag */
  }
  return TRUE;
}

/* 7.3.7, for all sets of an SPS: each can only be predicted from the one before it */
static gboolean
skip_ref_pic_sets (KvsBitReader *reader, GError **error)
{
  RefPicSet set = { 0 };
  guint32 n_sets;

  if (!read_bounded (reader, "num_short_term_ref_pic_sets", MAX_REF_PIC_SETS, &n_sets, error))
    return FALSE;
  for (guint i = 0; i < n_sets && !reader->failed; i++) {
    gboolean is_predicted = i > 0 && kvs_bit_reader_read (reader, 1) != 0;

    if (is_predicted ? !read_predicted_set (reader, &set, error)
                     : !read_explicit_set (reader, &set, error))
      return FALSE;
  }
  return TRUE;
}

/* From scaling_list_enabled_flag to strong_intra_smoothing_enabled_flag */
static gboolean
skip_tools (KvsBitReader *reader, guint poc_lsb_bits, GError **error)
{
  guint32 n_long_term, value;

  if (kvs_bit_reader_read (reader, 1) != 0 && kvs_bit_reader_read (reader, 1) != 0)
    skip_scaling_lists (reader);
  kvs_bit_reader_skip (reader, 1 + 1); /* amp_enabled_flag, sample_adaptive_offset_enabled_flag */
  if (kvs_bit_reader_read (reader, 1) != 0) { /* pcm_enabled_flag */
    kvs_bit_reader_skip (reader, 4 + 4);
    if (!read_bounded (reader, "log2_min_pcm_luma_coding_block_size_minus3", 2, &value, error)
        || !read_bounded (reader, "log2_diff_max_min_pcm_luma_coding_block_size", 2, &value, error))
      return FALSE;
    kvs_bit_reader_skip (reader, 1);
  }
  if (!skip_ref_pic_sets (reader, error))
    return FALSE;
  if (kvs_bit_reader_read (reader, 1) != 0) { /* long_term_ref_pics_present_flag */
    if (!read_bounded (reader, "num_long_term_ref_pics_sps", 32, &n_long_term, error))
      return FALSE;
    kvs_bit_reader_skip (reader, n_long_term * (poc_lsb_bits + 1));
  }
  kvs_bit_reader_skip (reader, 1 + 1);
  return TRUE;
}

static gboolean
read_sps (KvsBitReader *reader, KvsH265Sps *out, GError **error)
{
  guint32 id, coded[2];
  guint poc_lsb_bits;

  out->vps_id = kvs_bit_reader_read (reader, 4);
  out->max_sub_layers = kvs_bit_reader_read (reader, 3) + 1;
  if (out->max_sub_layers > KVS_H265_MAX_SUB_LAYERS)
    return kvs_h265_fail (error, "SPS: sps_max_sub_layers_minus1", out->max_sub_layers - 1);
  out->temporal_id_nesting = kvs_bit_reader_read (reader, 1) != 0;
  kvs_h265_read_profile (reader, out->max_sub_layers, &out->profile);
  if (!read_bounded (reader, "sps_seq_parameter_set_id", KVS_H265_N_SPS_IDS - 1, &id, error))
    return FALSE;
  out->id = id;
  return read_picture_size (reader, out, coded, error)
         && read_depths (reader, out, &poc_lsb_bits, error)
         && read_block_sizes (reader, coded, error)
         && skip_tools (reader, poc_lsb_bits, error);
}

/**
 * kvs_h265_sps_parse:
 * @nal: an SPS NAL unit of the base layer, header included, emulation prevention bytes still in it
 * @size: of @nal in bytes
 * @out: (out): what it says, valid only on success
 * @error: %KVS_ERROR_BAD_MEDIA, naming the field that is out of its range
 *
 * Reads a sequence parameter set (ISO/IEC 23008-2 7.3.2.2.1). All up to the VUI must be there and
 * within its limits. The VUI is read for min_spatial_segmentation_idc; since cameras are known to
 * write it wrongly, and nothing else hangs on it, an SPS with a bad one is still good.
 *
 * Returns: whether @nal is a good SPS
 */
gboolean
kvs_h265_sps_parse (const guint8 *nal, gsize size, KvsH265Sps *out, GError **error)
{
  KvsBitReader reader;
  gboolean has_vui;

  if (size < KVS_H265_NAL_HEADER_BYTES)
    return kvs_h265_fail_cut (error, "SPS", size);
  if (kvs_h265_nal_type (nal) != KVS_H265_NAL_SPS)
    return kvs_h265_fail (error, "SPS: nal_unit_type", kvs_h265_nal_type (nal));
  if (kvs_h265_nal_layer_id (nal) != 0)
    return kvs_h265_fail (error, "SPS: nuh_layer_id", kvs_h265_nal_layer_id (nal));
  kvs_bit_reader_init (&reader, nal + KVS_H265_NAL_HEADER_BYTES, size - KVS_H265_NAL_HEADER_BYTES);
  *out = (KvsH265Sps) { 0 };
  if (!read_sps (&reader, out, error)) {
    if (!reader.failed)
      return FALSE;
    g_clear_error (error); /* a 0 that stood for what was not there was out of its range */
    return kvs_h265_fail_cut (error, "SPS", size);
  }
  has_vui = kvs_bit_reader_read (&reader, 1) != 0;
  if (reader.failed)
    return kvs_h265_fail_cut (error, "SPS", size);
  if (has_vui)
    out->min_spatial_segmentation_idc
        = kvs_h265_vui_read_min_spatial_segmentation (&reader, out->max_sub_layers);
  return TRUE;
}
