/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* H.264: what a slice header says of the picture that the slice belongs to. */
#pragma once

#include <glib.h>

#include "media/h264.h"

G_BEGIN_DECLS

/**
 * KvsH264Pps: what a PPS says of slice headers; of use only where @is_known.
 * @sps_id: seq_parameter_set_id, 0 to 31
 * @has_bottom_field_order: bottom_field_pic_order_in_frame_present_flag
 * @has_redundant_pictures: redundant_pic_cnt_present_flag
 */
typedef struct {
  gboolean is_known;
  guint sps_id;
  gboolean has_bottom_field_order;
  gboolean has_redundant_pictures;
} KvsH264Pps;

/**
 * KvsH264SliceReader:
 *
 * The parameter sets that slice headers are read with, each under its id. Zeros are an empty one.
 */
typedef struct {
  gboolean has_sps[KVS_H264_N_SPS_IDS];
  KvsH264Sps sps[KVS_H264_N_SPS_IDS];
  KvsH264Pps pps[KVS_H264_N_PPS_IDS];
} KvsH264SliceReader;

/**
 * KvsH264SliceHeader: the fields that ISO/IEC 14496-10 7.4.1.2.4 compares, and those before them.
 * @is_idr: IdrPicFlag
 * @is_reference: whether nal_ref_idc is not 0
 * @first_mb: first_mb_in_slice
 * @pps_id: pic_parameter_set_id
 * @is_complete: whether the SPS and PPS are known, and thus the fields that follow; all 0 otherwise
 *
 * Fields that a slice does not have are 0.
 */
typedef struct {
  gboolean is_idr;
  gboolean is_reference;
  guint32 first_mb;
  guint32 pps_id;
  gboolean is_complete;
  guint32 colour_plane_id;
  guint32 frame_num;
  gboolean is_field;
  gboolean is_bottom_field;
  guint32 idr_pic_id;
  guint32 pic_order_cnt_lsb;
  gint32 delta_pic_order_cnt_bottom;
  gint32 delta_pic_order_cnt[2];
  guint32 redundant_pic_cnt;
} KvsH264SliceHeader;

void kvs_h264_slice_reader_add_nal (KvsH264SliceReader *reader, const guint8 *nal, gsize size);
gboolean kvs_h264_slice_reader_read (const KvsH264SliceReader *reader, const guint8 *nal,
                                     gsize size, KvsH264SliceHeader *out);
gboolean kvs_h264_slice_header_differs (const KvsH264SliceHeader *a, const KvsH264SliceHeader *b);

G_END_DECLS
