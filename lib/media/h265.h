/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* H.265: NAL unit types, kinds of pictures, parameter sets, and the hvcC that Matroska wants. */
#pragma once

#include <glib.h>

#include "media/nal.h"

G_BEGIN_DECLS

/**
 * KvsH265NalType: nal_unit_type, ISO/IEC 23008-2 table 7-1
 */
typedef enum {
  KVS_H265_NAL_TRAIL_N = 0,
  KVS_H265_NAL_TRAIL_R = 1,
  KVS_H265_NAL_RADL_N = 6,
  KVS_H265_NAL_RADL_R = 7,
  KVS_H265_NAL_RASL_N = 8,
  KVS_H265_NAL_RASL_R = 9,
  KVS_H265_NAL_BLA_W_LP = 16,
  KVS_H265_NAL_BLA_W_RADL = 17,
  KVS_H265_NAL_BLA_N_LP = 18,
  KVS_H265_NAL_IDR_W_RADL = 19,
  KVS_H265_NAL_IDR_N_LP = 20,
  KVS_H265_NAL_CRA = 21,
  KVS_H265_NAL_VPS = 32,
  KVS_H265_NAL_SPS = 33,
  KVS_H265_NAL_PPS = 34,
  KVS_H265_NAL_AUD = 35,
  KVS_H265_NAL_PREFIX_SEI = 39,
  KVS_H265_NAL_SUFFIX_SEI = 40,
} KvsH265NalType;

/**
 * KvsH265Picture:
 * @KVS_H265_PICTURE_NONE: no slice of the base layer
 * @KVS_H265_PICTURE_TRAILING: depends on earlier pictures, or may
 * @KVS_H265_PICTURE_RADL: shown before the key picture it follows, decodable from there
 * @KVS_H265_PICTURE_RASL: shown before the key picture it follows, not decodable when decoding
 *   begins there
 * @KVS_H265_PICTURE_CRA: intra picture of an open GOP; RASL pictures may follow
 * @KVS_H265_PICTURE_BLA: a CRA picture after a splice; RASL pictures that follow are not decodable
 * @KVS_H265_PICTURE_IDR: nothing that follows depends on anything before
 *
 * What ISO/IEC 23008-2 clause 3 calls an access unit's picture. From %KVS_H265_PICTURE_CRA on they
 * are IRAP pictures, at which decoding can begin.
 */
typedef enum {
  KVS_H265_PICTURE_NONE,
  KVS_H265_PICTURE_TRAILING,
  KVS_H265_PICTURE_RADL,
  KVS_H265_PICTURE_RASL,
  KVS_H265_PICTURE_CRA,
  KVS_H265_PICTURE_BLA,
  KVS_H265_PICTURE_IDR,
} KvsH265Picture;

/* a NAL unit header, 7.3.1.2 */
#define KVS_H265_NAL_HEADER_BYTES 2

/* 7.4.3.1, 7.4.3.2.1 and 7.4.3.3.1 */
#define KVS_H265_N_VPS_IDS 16
#define KVS_H265_N_SPS_IDS 16
#define KVS_H265_N_PPS_IDS 64

/* sps_max_sub_layers_minus1 is at most 6 (7.4.3.2.1) */
#define KVS_H265_MAX_SUB_LAYERS 7

/* of the hvcC that kvs_h265_hvcc_new() makes */
#define KVS_H265_HVCC_NAL_LENGTH_SIZE 4

/* The longest side that level 6.2 allows (A.4.1); beyond it an SPS is taken for damaged. */
#define KVS_H265_MAX_DIMENSION 16888

/**
 * KvsH265Profile:
 * @space: general_profile_space, 0 unless a later edition has other profiles
 * @is_high_tier: general_tier_flag
 * @idc: general_profile_idc: 1 Main, 2 Main 10, 3 Main Still Picture, 4 range extensions, ...
 * @compatibility_flags: general_profile_compatibility_flag[0] in the highest bit
 * @constraint_flags: the 48 bits from general_progressive_source_flag on
 * @level_idc: 30 times the level
 *
 * The general part of profile_tier_level(), ISO/IEC 23008-2 7.3.3.
 */
typedef struct {
  guint8 space;
  gboolean is_high_tier;
  guint8 idc;
  guint32 compatibility_flags;
  guint64 constraint_flags;
  guint8 level_idc;
} KvsH265Profile;

/**
 * KvsH265Sps:
 * @id: sps_seq_parameter_set_id, 0 to 15
 * @vps_id: sps_video_parameter_set_id, 0 to 15
 * @profile: profile, tier and level
 * @max_sub_layers: temporal layers there may be, 1 to 7
 * @temporal_id_nesting: whether a decoder may always switch up to more temporal layers
 * @chroma_format_idc: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4
 * @bit_depth_luma: bits of a sample, 8 to 16
 * @bit_depth_chroma: bits of a sample, 8 to 16
 * @min_spatial_segmentation_idc: of the VUI, 0 to 4095; 0 where it is not said
 * @width: in pixels, after cropping by the conformance window
 * @height: in pixels, after cropping by the conformance window
 */
typedef struct {
  guint id;
  guint vps_id;
  KvsH265Profile profile;
  guint max_sub_layers;
  gboolean temporal_id_nesting;
  guint8 chroma_format_idc;
  guint8 bit_depth_luma;
  guint8 bit_depth_chroma;
  guint min_spatial_segmentation_idc;
  guint width;
  guint height;
} KvsH265Sps;

/**
 * KvsH265Hvcc:
 * @profile: profile, tier and level
 * @min_spatial_segmentation_idc: 0 where it is not said
 * @parallelism_type: 0 mixed or unknown, 1 slices, 2 tiles, 3 wavefronts
 * @chroma_format_idc: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4
 * @bit_depth_luma: 8 to 15
 * @bit_depth_chroma: 8 to 15
 * @n_temporal_layers: 0 unknown
 * @temporal_id_nested: whether all SPS have sps_temporal_id_nesting_flag
 * @nal_length_size: bytes of the length before each NAL unit, 1 to 4
 * @vps: (element-type GBytes): VPS NAL units, may be empty
 * @sps: (element-type GBytes): SPS NAL units, may be empty
 * @pps: (element-type GBytes): PPS NAL units, may be empty
 * @width: in pixels, of the first good SPS; 0 where there is none
 * @height: in pixels, of the first good SPS; 0 where there is none
 *
 * A parsed hvcC. Empty it with kvs_h265_hvcc_clear().
 */
typedef struct {
  KvsH265Profile profile;
  guint min_spatial_segmentation_idc;
  guint8 parallelism_type;
  guint8 chroma_format_idc;
  guint8 bit_depth_luma;
  guint8 bit_depth_chroma;
  guint n_temporal_layers;
  gboolean temporal_id_nested;
  guint nal_length_size;
  GPtrArray *vps;
  GPtrArray *sps;
  GPtrArray *pps;
  guint width;
  guint height;
} KvsH265Hvcc;

typedef struct _KvsH265ParameterSets KvsH265ParameterSets;

/* @nal has at least one byte */
static inline guint
kvs_h265_nal_type (const guint8 *nal)
{
  return nal[0] >> 1 & 0x3f;
}

/* nuh_layer_id: 0 in the base layer, which is all that a decoder of version 1 shows. @nal has at
 * least two bytes. */
static inline guint
kvs_h265_nal_layer_id (const guint8 *nal)
{
  return (nal[0] & 1u) << 5 | nal[1] >> 3;
}

/* slice segment, or reserved for one */
static inline gboolean
kvs_h265_nal_type_is_vcl (guint nal_type)
{
  return nal_type < KVS_H265_NAL_VPS;
}

/* IDR, CRA or BLA; the reserved types 22 and 23 are to be ignored (7.4.2.2) */
static inline gboolean
kvs_h265_nal_type_is_irap (guint nal_type)
{
  return nal_type >= KVS_H265_NAL_BLA_W_LP && nal_type <= KVS_H265_NAL_CRA;
}

static inline gboolean
kvs_h265_nal_type_is_radl (guint nal_type)
{
  return nal_type == KVS_H265_NAL_RADL_N || nal_type == KVS_H265_NAL_RADL_R;
}

static inline gboolean
kvs_h265_nal_type_is_rasl (guint nal_type)
{
  return nal_type == KVS_H265_NAL_RASL_N || nal_type == KVS_H265_NAL_RASL_R;
}

/* An IRAP picture, at which decoding can begin. Of the pictures that follow one that is no IDR picture a
 * decoder leaves out the RASL pictures, if it has begun there. */
static inline gboolean
kvs_h265_picture_is_key (KvsH265Picture picture)
{
  return picture >= KVS_H265_PICTURE_CRA;
}

KvsH265Picture kvs_h265_access_unit_get_picture (const guint8 *data, const KvsNalUnit *units,
                                                 guint n_units);

gboolean kvs_h265_sps_parse (const guint8 *nal, gsize size, KvsH265Sps *out, GError **error);

GBytes *kvs_h265_hvcc_new (GPtrArray *vps, GPtrArray *sps, GPtrArray *pps, GError **error);
gboolean kvs_h265_hvcc_parse (GBytes *hvcc, KvsH265Hvcc *out, GError **error);
void kvs_h265_hvcc_clear (KvsH265Hvcc *hvcc);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KvsH265Hvcc, kvs_h265_hvcc_clear)

KvsH265ParameterSets *kvs_h265_parameter_sets_new (void);
void kvs_h265_parameter_sets_free (KvsH265ParameterSets *sets);
void kvs_h265_parameter_sets_reset (KvsH265ParameterSets *sets);
gboolean kvs_h265_parameter_sets_add_nal (KvsH265ParameterSets *sets, const guint8 *nal,
                                          gsize size, gboolean *changed, GError **error);
gboolean kvs_h265_parameter_sets_add_access_unit (KvsH265ParameterSets *sets, const guint8 *data,
                                                  const KvsNalUnit *units, guint n_units,
                                                  gboolean *changed, GError **error);
gboolean kvs_h265_parameter_sets_is_complete (const KvsH265ParameterSets *sets);
const KvsH265Sps *kvs_h265_parameter_sets_get_sps (const KvsH265ParameterSets *sets);
GBytes *kvs_h265_parameter_sets_make_hvcc (const KvsH265ParameterSets *sets, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsH265ParameterSets, kvs_h265_parameter_sets_free)

G_END_DECLS
