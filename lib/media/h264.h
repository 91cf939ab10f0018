/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* H.264: NAL unit types, key access units, the SPS, and the avcC that Matroska wants. */
#pragma once

#include <glib.h>

#include "media/nal.h"

G_BEGIN_DECLS

/**
 * KvsH264NalType: nal_unit_type, ISO/IEC 14496-10 table 7-1
 */
typedef enum {
  KVS_H264_NAL_SLICE = 1,
  KVS_H264_NAL_SLICE_DPA = 2,
  KVS_H264_NAL_SLICE_DPB = 3,
  KVS_H264_NAL_SLICE_DPC = 4,
  KVS_H264_NAL_SLICE_IDR = 5,
  KVS_H264_NAL_SEI = 6,
  KVS_H264_NAL_SPS = 7,
  KVS_H264_NAL_PPS = 8,
  KVS_H264_NAL_AUD = 9,
} KvsH264NalType;

/* 7.4.2.1.1 and 7.4.2.2 */
#define KVS_H264_N_SPS_IDS 32
#define KVS_H264_N_PPS_IDS 256

/* numOfSequenceParameterSets has 5 bits, numOfPictureParameterSets 8 (ISO/IEC 14496-15 5.3.3.1) */
#define KVS_H264_AVCC_MAX_SPS 31
#define KVS_H264_AVCC_MAX_PPS 255

/* of the avcC that kvs_h264_avcc_new() makes */
#define KVS_H264_AVCC_NAL_LENGTH_SIZE 4

/* A picture larger than this in either direction is taken for a damaged SPS. */
#define KVS_H264_MAX_DIMENSION 16384

/**
 * KvsH264Sps:
 * @id: seq_parameter_set_id, 0 to 31
 * @profile_idc: 66 baseline, 77 main, 100 high, ...
 * @constraint_flags: constraint_set0_flag (0x80) to constraint_set5_flag (0x04)
 * @level_idc: ten times the level
 * @chroma_format_idc: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4
 * @bit_depth_luma: bits of a sample, 8 to 14
 * @bit_depth_chroma: bits of a sample, 8 to 14
 * @separate_colour_plane: whether each slice is of one of three colour planes
 * @log2_max_frame_num: bits of frame_num, 4 to 16
 * @pic_order_cnt_type: 0 to 2
 * @log2_max_pic_order_cnt_lsb: bits of pic_order_cnt_lsb, 4 to 16, where @pic_order_cnt_type is 0
 * @delta_pic_order_always_zero: where @pic_order_cnt_type is 1, that slices have no
 *   delta_pic_order_cnt
 * @frame_mbs_only: whether there can be no interlaced pictures
 * @width: in pixels, after cropping
 * @height: in pixels of a whole frame, after cropping
 */
typedef struct {
  guint id;
  guint8 profile_idc;
  guint8 constraint_flags;
  guint8 level_idc;
  guint8 chroma_format_idc;
  guint8 bit_depth_luma;
  guint8 bit_depth_chroma;
  gboolean separate_colour_plane;
  guint8 log2_max_frame_num;
  guint8 pic_order_cnt_type;
  guint8 log2_max_pic_order_cnt_lsb;
  gboolean delta_pic_order_always_zero;
  gboolean frame_mbs_only;
  guint width;
  guint height;
} KvsH264Sps;

/**
 * KvsH264Avcc:
 * @profile_idc: AVCProfileIndication
 * @constraint_flags: profile_compatibility
 * @level_idc: AVCLevelIndication
 * @nal_length_size: bytes of the length before each NAL unit, 1 to 4
 * @sps: (element-type GBytes): SPS NAL units, may be empty
 * @pps: (element-type GBytes): PPS NAL units, may be empty
 *
 * A parsed avcC. Empty it with kvs_h264_avcc_clear().
 */
typedef struct {
  guint8 profile_idc;
  guint8 constraint_flags;
  guint8 level_idc;
  guint nal_length_size;
  GPtrArray *sps;
  GPtrArray *pps;
} KvsH264Avcc;

/**
 * KvsH264Picture:
 * @is_idr: IDR picture: nothing that follows depends on anything before
 * @is_intra: all slices are intra slices; the picture itself needs no other one. An IDR picture is
 *   taken for such without a look at the rest of its slices.
 * @recovery_frame_cnt: of the recovery point message: after how many frames, when decoding began
 *   here, pictures come out right; -1 where there is none before the first IDR slice
 */
typedef struct {
  gboolean is_idr;
  gboolean is_intra;
  gint recovery_frame_cnt;
} KvsH264Picture;

typedef struct _KvsH264ParameterSets KvsH264ParameterSets;

/* @nal has at least one byte */
static inline guint
kvs_h264_nal_type (const guint8 *nal)
{
  return nal[0] & 0x1f;
}

/* slice or slice data partition of the primary coded picture */
static inline gboolean
kvs_h264_nal_type_is_vcl (guint nal_type)
{
  return nal_type >= KVS_H264_NAL_SLICE && nal_type <= KVS_H264_NAL_SLICE_IDR;
}

void kvs_h264_access_unit_inspect (const guint8 *data, const KvsNalUnit *units, guint n_units,
                                   KvsH264Picture *out);
gboolean kvs_h264_picture_is_random_access (const KvsH264Picture *picture, gboolean is_flagged);
gboolean kvs_h264_access_unit_is_key (const guint8 *data, const KvsNalUnit *units, guint n_units);
gboolean kvs_h264_access_unit_is_recovery_point (const guint8 *data, const KvsNalUnit *units,
                                                 guint n_units);

gboolean kvs_h264_sps_parse (const guint8 *nal, gsize size, KvsH264Sps *out, GError **error);

GBytes *kvs_h264_avcc_new (GPtrArray *sps, GPtrArray *pps, GError **error);
gboolean kvs_h264_avcc_parse (GBytes *avcc, KvsH264Avcc *out, GError **error);
void kvs_h264_avcc_clear (KvsH264Avcc *avcc);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KvsH264Avcc, kvs_h264_avcc_clear)

KvsH264ParameterSets *kvs_h264_parameter_sets_new (void);
void kvs_h264_parameter_sets_free (KvsH264ParameterSets *sets);
void kvs_h264_parameter_sets_reset (KvsH264ParameterSets *sets);
gboolean kvs_h264_parameter_sets_add_nal (KvsH264ParameterSets *sets, const guint8 *nal,
                                          gsize size, gboolean *changed, GError **error);
gboolean kvs_h264_parameter_sets_add_access_unit (KvsH264ParameterSets *sets, const guint8 *data,
                                                  const KvsNalUnit *units, guint n_units,
                                                  gboolean *changed, GError **error);
gboolean kvs_h264_parameter_sets_is_complete (const KvsH264ParameterSets *sets);
const KvsH264Sps *kvs_h264_parameter_sets_get_sps (const KvsH264ParameterSets *sets);
GBytes *kvs_h264_parameter_sets_make_avcc (const KvsH264ParameterSets *sets, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsH264ParameterSets, kvs_h264_parameter_sets_free)

G_END_DECLS
