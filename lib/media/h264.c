/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/h264.h"

#include "error.h"
#include "media/bit-reader.h"

#define MACROBLOCK_PIXELS 16

static gboolean
bad_sps (GError **error, const gchar *what, gint64 value)
{
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
               "H.264 SPS: %s is %" G_GINT64_FORMAT, what, value);
  return FALSE;
}

/* Reads ue(v) that must not be above max. */
static gboolean
read_bounded (KvsBitReader *reader, const gchar *what, guint32 max, guint32 *value, GError **error)
{
  *value = kvs_bit_reader_read_ue (reader);
  if (*value > max)
    return bad_sps (error, what, *value);
  return TRUE;
}

/* The profiles whose SPS has chroma format, bit depths and scaling lists: 7.3.2.1.1, and 144, the
 * High 4:4:4 Profile of the 2005 edition, which had the same fields. */
static gboolean
profile_has_chroma_format (guint8 profile_idc)
{
  static const guint8 profiles[] = {
    44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244,
  };

  for (gsize i = 0; i < G_N_ELEMENTS (profiles); i++) {
    if (profiles[i] == profile_idc)
      return TRUE;
  }
  return FALSE;
}

/* 7.3.2.1.1.1; the values only matter in so far as a next scale of 0 ends a list */
static gboolean
skip_scaling_list (KvsBitReader *reader, guint n_values, GError **error)
{
  gint last_scale = 8, next_scale = 8;

  for (guint i = 0; i < n_values && next_scale != 0; i++) {
    gint32 delta_scale = kvs_bit_reader_read_se (reader);

    if (delta_scale < -128 || delta_scale > 127)
      return bad_sps (error, "delta_scale", delta_scale);
    next_scale = (last_scale + delta_scale + 256) % 256;
    last_scale = next_scale != 0 ? next_scale : last_scale;
  }
  return TRUE;
}

static gboolean
read_chroma_format (KvsBitReader *reader, KvsH264Sps *out, GError **error)
{
  guint32 chroma_format_idc, luma, chroma;
  guint n_lists;

  if (!read_bounded (reader, "chroma_format_idc", 3, &chroma_format_idc, error))
    return FALSE;
  if (chroma_format_idc == 3)
    out->separate_colour_plane = kvs_bit_reader_read (reader, 1) != 0;
  if (!read_bounded (reader, "bit_depth_luma_minus8", 6, &luma, error)
      || !read_bounded (reader, "bit_depth_chroma_minus8", 6, &chroma, error))
    return FALSE;
  out->chroma_format_idc = (guint8) chroma_format_idc;
  out->bit_depth_luma = (guint8) (8 + luma);
  out->bit_depth_chroma = (guint8) (8 + chroma);
  kvs_bit_reader_skip (reader, 1); /* qpprime_y_zero_transform_bypass_flag */
  if (kvs_bit_reader_read (reader, 1) == 0) /* seq_scaling_matrix_present_flag */
    return TRUE;
  n_lists = chroma_format_idc == 3 ? 12 : 8;
  for (guint i = 0; i < n_lists; i++) {
    if (kvs_bit_reader_read (reader, 1) != 0 && !skip_scaling_list (reader, i < 6 ? 16 : 64, error))
      return FALSE;
  }
  return TRUE;
}

/* From log2_max_frame_num_minus4 to gaps_in_frame_num_value_allowed_flag. */
static gboolean
read_numbering (KvsBitReader *reader, KvsH264Sps *out, GError **error)
{
  guint32 frame_num, poc_type, poc_lsb, n_cycle, n_ref_frames;

  if (!read_bounded (reader, "log2_max_frame_num_minus4", 12, &frame_num, error)
      || !read_bounded (reader, "pic_order_cnt_type", 2, &poc_type, error))
    return FALSE;
  out->log2_max_frame_num = (guint8) (4 + frame_num);
  out->pic_order_cnt_type = (guint8) poc_type;
  if (poc_type == 0) {
    if (!read_bounded (reader, "log2_max_pic_order_cnt_lsb_minus4", 12, &poc_lsb, error))
      return FALSE;
    out->log2_max_pic_order_cnt_lsb = (guint8) (4 + poc_lsb);
  }
  if (poc_type == 1) {
    out->delta_pic_order_always_zero = kvs_bit_reader_read (reader, 1) != 0;
    kvs_bit_reader_read_se (reader); /* offset_for_non_ref_pic */
    kvs_bit_reader_read_se (reader); /* offset_for_top_to_bottom_field */
    if (!read_bounded (reader, "num_ref_frames_in_pic_order_cnt_cycle", 255, &n_cycle, error))
      return FALSE;
    for (guint i = 0; i < n_cycle; i++)
      kvs_bit_reader_read_se (reader);
  }
  if (!read_bounded (reader, "max_num_ref_frames", 16, &n_ref_frames, error))
    return FALSE;
  kvs_bit_reader_skip (reader, 1);
  return TRUE;
}

/* One direction: 7.4.2.1.1, frame_cropping_flag. The sums cannot overflow 64 bits. */
static gboolean
crop (guint coded, guint unit, guint32 before, guint32 after, guint *size, GError **error)
{
  guint64 cut = unit * ((guint64) before + after);

  if (cut >= coded)
    return bad_sps (error, "cropping, in pixels,", (gint64) cut);
  *size = coded - (guint) cut;
  return TRUE;
}

static gboolean
read_picture_size (KvsBitReader *reader, KvsH264Sps *out, GError **error)
{
  const guint32 max_units = KVS_H264_MAX_DIMENSION / MACROBLOCK_PIXELS;
  guint32 width_mbs, height_units;
  guint32 offsets[4] = { 0 };
  guint coded_width, coded_height, fields, unit_x, unit_y;

  if (!read_bounded (reader, "pic_width_in_mbs_minus1", max_units - 1, &width_mbs, error)
      || !read_bounded (reader, "pic_height_in_map_units_minus1", max_units - 1, &height_units,
                        error))
    return FALSE;
  out->frame_mbs_only = kvs_bit_reader_read (reader, 1) != 0;
  if (!out->frame_mbs_only)
    kvs_bit_reader_skip (reader, 1); /* mb_adaptive_frame_field_flag */
  kvs_bit_reader_skip (reader, 1); /* direct_8x8_inference_flag */
  if (kvs_bit_reader_read (reader, 1) != 0) {
    for (gsize i = 0; i < G_N_ELEMENTS (offsets); i++)
      offsets[i] = kvs_bit_reader_read_ue (reader);
  }

  /* a map unit of a stream that may be interlaced is two macroblocks high */
  fields = out->frame_mbs_only ? 1 : 2;
  coded_width = (width_mbs + 1) * MACROBLOCK_PIXELS;
  coded_height = (height_units + 1) * MACROBLOCK_PIXELS * fields;
  if (coded_height > KVS_H264_MAX_DIMENSION)
    return bad_sps (error, "coded height", coded_height);
  /* SubWidthC and SubHeightC; planes of 4:4:4, separate or not, are cropped by single samples */
  unit_x = out->chroma_format_idc == 1 || out->chroma_format_idc == 2 ? 2 : 1;
  unit_y = (out->chroma_format_idc == 1 ? 2 : 1) * fields;
  return crop (coded_width, unit_x, offsets[0], offsets[1], &out->width, error)
         && crop (coded_height, unit_y, offsets[2], offsets[3], &out->height, error);
}

/**
 * kvs_h264_sps_parse:
 * @nal: an SPS NAL unit, header included, emulation prevention bytes still in it
 * @size: of @nal in bytes
 * @out: (out caller-allocates): what it says; undefined after an error
 * @error: %KVS_ERROR_BAD_MEDIA, naming the field that is out of its range
 *
 * Reads a sequence parameter set up to the picture's cropping (ISO/IEC 14496-10 7.3.2.1.1); the
 * VUI that may follow is not looked at.
 *
 * Returns: whether @nal is a good SPS
 */
gboolean
kvs_h264_sps_parse (const guint8 *nal, gsize size, KvsH264Sps *out, GError **error)
{
  KvsBitReader reader;
  guint32 id;

  if (size < 1 || kvs_h264_nal_type (nal) != KVS_H264_NAL_SPS)
    return bad_sps (error, "nal_unit_type", size < 1 ? -1 : (gint64) kvs_h264_nal_type (nal));
  kvs_bit_reader_init (&reader, nal + 1, size - 1);
  *out = (KvsH264Sps) { .chroma_format_idc = 1, .bit_depth_luma = 8, .bit_depth_chroma = 8 };
  out->profile_idc = (guint8) kvs_bit_reader_read (&reader, 8);
  out->constraint_flags = (guint8) kvs_bit_reader_read (&reader, 8);
  out->level_idc = (guint8) kvs_bit_reader_read (&reader, 8);
  if (!read_bounded (&reader, "seq_parameter_set_id", KVS_H264_N_SPS_IDS - 1, &id, error))
    return FALSE;
  out->id = id;
  if (profile_has_chroma_format (out->profile_idc)
      && !read_chroma_format (&reader, out, error))
    return FALSE;
  if (!read_numbering (&reader, out, error) || !read_picture_size (&reader, out, error))
    return FALSE;
  kvs_bit_reader_skip (&reader, 1); /* vui_parameters_present_flag shows that nothing is cut off */
  if (reader.failed) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "H.264 SPS of %" G_GSIZE_FORMAT " bytes is cut off or damaged", size);
    return FALSE;
  }
  return TRUE;
}
