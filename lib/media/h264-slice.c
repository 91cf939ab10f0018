/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/h264-slice.h"

#include <string.h>

#include "media/bit-reader.h"

#define MAX_SLICE_GROUPS 8

/* slice_group_map_type, 7.4.2.2; 3 to 5 change from picture to picture */
#define SLICE_GROUPS_INTERLEAVED 0
#define SLICE_GROUPS_FOREGROUND 2
#define SLICE_GROUPS_EXPLICIT 6

/* 7.3.2.2, from slice_group_map_type on */
static void
skip_slice_groups (KvsBitReader *bits, guint n_groups)
{
  guint32 map_type = kvs_bit_reader_read_ue (bits);

  if (map_type == SLICE_GROUPS_INTERLEAVED) {
    for (guint i = 0; i < n_groups; i++)
      kvs_bit_reader_read_ue (bits); /* run_length_minus1 */
  } else if (map_type == SLICE_GROUPS_FOREGROUND) {
    for (guint i = 0; i + 1 < n_groups; i++) {
      kvs_bit_reader_read_ue (bits); /* top_left */
      kvs_bit_reader_read_ue (bits); /* bottom_right */
    }
  } else if (map_type == SLICE_GROUPS_EXPLICIT) {
    guint32 n_units_minus1 = kvs_bit_reader_read_ue (bits);

    for (guint32 i = 0; i <= n_units_minus1 && !bits->failed; i++)
      kvs_bit_reader_skip (bits, g_bit_storage (n_groups - 1)); /* slice_group_id */
  } else if (map_type > SLICE_GROUPS_FOREGROUND && map_type < SLICE_GROUPS_EXPLICIT) {
    kvs_bit_reader_skip (bits, 1); /* slice_group_change_direction_flag */
    kvs_bit_reader_read_ue (bits); /* slice_group_change_rate_minus1 */
  }
}

/* 7.3.2.2, up to redundant_pic_cnt_present_flag */
static gboolean
parse_pps (const guint8 *nal, gsize size, guint32 *id, KvsH264Pps *out)
{
  KvsBitReader bits;
  guint32 n_groups_minus1;

  kvs_bit_reader_init (&bits, nal + 1, size - 1);
  *id = kvs_bit_reader_read_ue (&bits);
  *out = (KvsH264Pps) { .is_known = TRUE, .sps_id = kvs_bit_reader_read_ue (&bits) };
  if (*id >= KVS_H264_N_PPS_IDS || out->sps_id >= KVS_H264_N_SPS_IDS)
    return FALSE;
  kvs_bit_reader_skip (&bits, 1); /* entropy_coding_mode_flag */
  out->has_bottom_field_order = kvs_bit_reader_read (&bits, 1) != 0;
  n_groups_minus1 = kvs_bit_reader_read_ue (&bits);
  if (n_groups_minus1 >= MAX_SLICE_GROUPS)
    return FALSE;
  if (n_groups_minus1 > 0)
    skip_slice_groups (&bits, n_groups_minus1 + 1);
  kvs_bit_reader_read_ue (&bits); /* num_ref_idx_l0_default_active_minus1 */
  kvs_bit_reader_read_ue (&bits); /* num_ref_idx_l1_default_active_minus1 */
  kvs_bit_reader_skip (&bits, 1 + 2); /* weighted_pred_flag, weighted_bipred_idc */
  kvs_bit_reader_read_se (&bits); /* pic_init_qp_minus26 */
  kvs_bit_reader_read_se (&bits); /* pic_init_qs_minus26 */
  kvs_bit_reader_read_se (&bits); /* chroma_qp_index_offset */
  kvs_bit_reader_skip (&bits, 1 + 1); /* deblocking_filter_control_..., constrained_intra_... */
  out->has_redundant_pictures = kvs_bit_reader_read (&bits, 1) != 0;
  return !bits.failed;
}

/**
 * kvs_h264_slice_reader_add_nal:
 * @reader: a reader
 * @nal: a NAL unit of any type
 * @size: of @nal in bytes, at least 1
 *
 * Takes what slice headers need of an SPS or PPS; passes other NAL units over. A damaged one makes
 * all of its kind unknown, as there is no saying in whose place it was to come: headers are better
 * not read than read with the wrong field widths.
 */
void
kvs_h264_slice_reader_add_nal (KvsH264SliceReader *reader, const guint8 *nal, gsize size)
{
  guint type = kvs_h264_nal_type (nal);
  KvsH264Sps sps;
  KvsH264Pps pps;
  guint32 id;

  if (type == KVS_H264_NAL_SPS) {
    if (kvs_h264_sps_parse (nal, size, &sps, NULL)) {
      reader->has_sps[sps.id] = TRUE;
      reader->sps[sps.id] = sps;
    } else {
      memset (reader->has_sps, 0, sizeof reader->has_sps);
    }
  } else if (type == KVS_H264_NAL_PPS) {
    if (parse_pps (nal, size, &id, &pps))
      reader->pps[id] = pps;
    else
      memset (reader->pps, 0, sizeof reader->pps);
  }
}

static void
read_pic_order_cnt (KvsBitReader *bits, const KvsH264Sps *sps, const KvsH264Pps *pps,
                    KvsH264SliceHeader *out)
{
  gboolean has_bottom = pps->has_bottom_field_order && !out->is_field;

  if (sps->pic_order_cnt_type == 0) {
    out->pic_order_cnt_lsb = kvs_bit_reader_read (bits, sps->log2_max_pic_order_cnt_lsb);
    if (has_bottom)
      out->delta_pic_order_cnt_bottom = kvs_bit_reader_read_se (bits);
  } else if (sps->pic_order_cnt_type == 1 && !sps->delta_pic_order_always_zero) {
    out->delta_pic_order_cnt[0] = kvs_bit_reader_read_se (bits);
    if (has_bottom)
      out->delta_pic_order_cnt[1] = kvs_bit_reader_read_se (bits);
  }
}

/**
 * kvs_h264_slice_reader_read:
 * @reader: a reader
 * @nal: a slice or a slice data partition A: nal_unit_type 1, 2 or 5
 * @size: of @nal in bytes, at least 1
 * @out: (out caller-allocates): what its header says; undefined after a failure
 *
 * Reads a slice header (ISO/IEC 14496-10 7.3.3) up to redundant_pic_cnt; where the SPS or PPS is
 * not known only up to pic_parameter_set_id.
 *
 * Returns: whether the header could be read as far as that
 */
gboolean
kvs_h264_slice_reader_read (const KvsH264SliceReader *reader, const guint8 *nal, gsize size,
                            KvsH264SliceHeader *out)
{
  KvsBitReader bits;
  const KvsH264Pps *pps;
  const KvsH264Sps *sps;

  kvs_bit_reader_init (&bits, nal + 1, size - 1);
  *out = (KvsH264SliceHeader) {
    .is_idr = kvs_h264_nal_type (nal) == KVS_H264_NAL_SLICE_IDR,
    .is_reference = (nal[0] & 0x60) != 0,
  };
  out->first_mb = kvs_bit_reader_read_ue (&bits);
  kvs_bit_reader_read_ue (&bits); /* slice_type */
  out->pps_id = kvs_bit_reader_read_ue (&bits);
  if (bits.failed || out->pps_id >= KVS_H264_N_PPS_IDS)
    return FALSE;
  pps = &reader->pps[out->pps_id];
  if (!pps->is_known || !reader->has_sps[pps->sps_id])
    return TRUE;

  sps = &reader->sps[pps->sps_id];
  out->is_complete = TRUE;
  if (sps->separate_colour_plane)
    out->colour_plane_id = kvs_bit_reader_read (&bits, 2);
  out->frame_num = kvs_bit_reader_read (&bits, sps->log2_max_frame_num);
  if (!sps->frame_mbs_only) {
    out->is_field = kvs_bit_reader_read (&bits, 1) != 0;
    out->is_bottom_field = out->is_field && kvs_bit_reader_read (&bits, 1) != 0;
  }
  if (out->is_idr)
    out->idr_pic_id = kvs_bit_reader_read_ue (&bits);
  read_pic_order_cnt (&bits, sps, pps, out);
  if (pps->has_redundant_pictures)
    out->redundant_pic_cnt = kvs_bit_reader_read_ue (&bits);
  return !bits.failed;
}

/**
 * kvs_h264_slice_header_differs:
 * @a: header of a slice
 * @b: header of the slice that follows it
 *
 * The comparison of ISO/IEC 14496-10 7.4.1.2.4. Where one of the headers is not complete, those
 * fields count that both have.
 *
 * Returns: whether they are of different primary coded pictures
 */
gboolean
kvs_h264_slice_header_differs (const KvsH264SliceHeader *a, const KvsH264SliceHeader *b)
{
  if (a->is_idr != b->is_idr || a->is_reference != b->is_reference || a->pps_id != b->pps_id)
    return TRUE;
  if (!a->is_complete || !b->is_complete)
    return FALSE;
  return a->frame_num != b->frame_num || a->is_field != b->is_field
         || a->is_bottom_field != b->is_bottom_field || a->idr_pic_id != b->idr_pic_id
         || a->pic_order_cnt_lsb != b->pic_order_cnt_lsb
         || a->delta_pic_order_cnt_bottom != b->delta_pic_order_cnt_bottom
         || a->delta_pic_order_cnt[0] != b->delta_pic_order_cnt[0]
         || a->delta_pic_order_cnt[1] != b->delta_pic_order_cnt[1];
}
