/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Goes through an SPS's video usability information: ISO/IEC 23008-2 annex E. */
#include "media/h265-private.h"

#define EXTENDED_SAR 255
#define MAX_CPB_CNT_MINUS1 31
#define MAX_MIN_SPATIAL_SEGMENTATION_IDC 4095

/* E.2.3 */
static void
skip_sub_layer_hrd (KvsBitReader *reader, guint n_cpbs, gboolean has_sub_pic)
{
  for (guint i = 0; i < n_cpbs && !reader->failed; i++) {
    kvs_bit_reader_read_ue (reader); /* bit_rate_value_minus1 */
    kvs_bit_reader_read_ue (reader); /* cpb_size_value_minus1 */
    if (has_sub_pic) {
      kvs_bit_reader_read_ue (reader); /* cpb_size_du_value_minus1 */
      kvs_bit_reader_read_ue (reader); /* bit_rate_du_value_minus1 */
    }
    kvs_bit_reader_skip (reader, 1); /* cbr_flag */
  }
}

/* E.2.2: what all sub-layers share */
static void
skip_common_hrd (KvsBitReader *reader, guint *n_kinds, gboolean *has_sub_pic)
{
  *n_kinds = kvs_bit_reader_read (reader, 1); /* nal_hrd_parameters_present_flag */
  *n_kinds += kvs_bit_reader_read (reader, 1); /* vcl_hrd_parameters_present_flag */
  *has_sub_pic = FALSE;
  if (*n_kinds == 0)
    return;
  *has_sub_pic = kvs_bit_reader_read (reader, 1) != 0;
  if (*has_sub_pic)
    kvs_bit_reader_skip (reader, 8 + 5 + 1 + 5);
  kvs_bit_reader_skip (reader, 4 + 4); /* bit_rate_scale, cpb_size_scale */
  if (*has_sub_pic)
    kvs_bit_reader_skip (reader, 4); /* cpb_size_du_scale */
  kvs_bit_reader_skip (reader, 5 + 5 + 5);
}

/* hrd_parameters (1, max_sub_layers - 1), E.2.2 */
static void
skip_hrd (KvsBitReader *reader, guint max_sub_layers)
{
  gboolean has_sub_pic;
  guint n_kinds;

  skip_common_hrd (reader, &n_kinds, &has_sub_pic);
  for (guint i = 0; i < max_sub_layers && !reader->failed; i++) {
    gboolean is_low_delay = FALSE;
    guint32 cpb_cnt_minus1 = 0;

    /* fixed_pic_rate_general_flag, or else fixed_pic_rate_within_cvs_flag */
    if (kvs_bit_reader_read (reader, 1) != 0 || kvs_bit_reader_read (reader, 1) != 0)
      kvs_bit_reader_read_ue (reader); /* elemental_duration_in_tc_minus1 */
    else
      is_low_delay = kvs_bit_reader_read (reader, 1) != 0;
    if (!is_low_delay)
      cpb_cnt_minus1 = kvs_bit_reader_read_ue (reader);
    if (cpb_cnt_minus1 > MAX_CPB_CNT_MINUS1) {
      reader->failed = TRUE;
      return;
    }
    for (guint kind = 0; kind < n_kinds; kind++)
      skip_sub_layer_hrd (reader, cpb_cnt_minus1 + 1, has_sub_pic);
  }
}

/* E.2.1, up to default_display_window_flag */
static void
skip_picture_description (KvsBitReader *reader)
{
  if (kvs_bit_reader_read (reader, 1) != 0 /* aspect_ratio_info_present_flag */
      && kvs_bit_reader_read (reader, 8) == EXTENDED_SAR)
    kvs_bit_reader_skip (reader, 16 + 16);
  if (kvs_bit_reader_read (reader, 1) != 0) /* overscan_info_present_flag */
    kvs_bit_reader_skip (reader, 1);
  if (kvs_bit_reader_read (reader, 1) != 0) { /* video_signal_type_present_flag */
    kvs_bit_reader_skip (reader, 3 + 1);
    if (kvs_bit_reader_read (reader, 1) != 0) /* colour_description_present_flag */
      kvs_bit_reader_skip (reader, 8 + 8 + 8);
  }
  if (kvs_bit_reader_read (reader, 1) != 0) { /* chroma_loc_info_present_flag */
    kvs_bit_reader_read_ue (reader);
    kvs_bit_reader_read_ue (reader);
  }
  kvs_bit_reader_skip (reader, 1 + 1 + 1); /* neutral chroma, fields, frame_field_info */
  if (kvs_bit_reader_read (reader, 1) != 0) { /* default_display_window_flag */
    for (guint i = 0; i < 4; i++)
      kvs_bit_reader_read_ue (reader);
  }
}

/* E.2.1, vui_timing_info */
static void
skip_timing (KvsBitReader *reader, guint max_sub_layers)
{
  kvs_bit_reader_skip (reader, 32 + 32);
  if (kvs_bit_reader_read (reader, 1) != 0) /* vui_poc_proportional_to_timing_flag */
    kvs_bit_reader_read_ue (reader);
  if (kvs_bit_reader_read (reader, 1) != 0) /* vui_hrd_parameters_present_flag */
    skip_hrd (reader, max_sub_layers);
}

guint
kvs_h265_vui_read_min_spatial_segmentation (KvsBitReader *reader, guint max_sub_layers)
{
  guint32 idc;

  skip_picture_description (reader);
  if (kvs_bit_reader_read (reader, 1) != 0) /* vui_timing_info_present_flag */
    skip_timing (reader, max_sub_layers);
  if (kvs_bit_reader_read (reader, 1) == 0) /* bitstream_restriction_flag */
    return 0;
  kvs_bit_reader_skip (reader, 1 + 1 + 1);
  idc = kvs_bit_reader_read_ue (reader);
  return reader->failed || idc > MAX_MIN_SPATIAL_SEGMENTATION_IDC ? 0 : idc;
}
