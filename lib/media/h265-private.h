/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the H.265 code share among themselves. */
#pragma once

#include "media/bit-reader.h"
#include "media/h265.h"

G_BEGIN_DECLS

/**
 * KvsH265Vps:
 * @id: vps_video_parameter_set_id, 0 to 15
 * @max_sub_layers: temporal layers there may be, 1 to 7
 * @profile: profile, tier and level
 */
typedef struct {
  guint id;
  guint max_sub_layers;
  KvsH265Profile profile;
} KvsH265Vps;

/**
 * KvsH265Pps:
 * @id: pps_pic_parameter_set_id, 0 to 63
 * @sps_id: pps_seq_parameter_set_id, 0 to 15
 * @parallelism_type: what its tiles and wavefronts make it, as an hvcC numbers it: 0 both,
 *   1 none of them, 2 tiles, 3 wavefronts
 */
typedef struct {
  guint id;
  guint sps_id;
  guint8 parallelism_type;
} KvsH265Pps;

/* Sets lie under their id. What an info says is of use only where there is a set. */
struct _KvsH265ParameterSets {
  GBytes *vps[KVS_H265_N_VPS_IDS];
  KvsH265Vps vps_info[KVS_H265_N_VPS_IDS];
  GBytes *sps[KVS_H265_N_SPS_IDS];
  KvsH265Sps sps_info[KVS_H265_N_SPS_IDS];
  GBytes *pps[KVS_H265_N_PPS_IDS];
  KvsH265Pps pps_info[KVS_H265_N_PPS_IDS];
};

/* A value that is out of its range; always FALSE, to be returned. */
gboolean kvs_h265_fail (GError **error, const gchar *what, gint64 value);
/* A set that ended too early; always FALSE. */
gboolean kvs_h265_fail_cut (GError **error, const gchar *set, gsize size);
/* ue(v) that must not be above max */
gboolean kvs_h265_read_bounded (KvsBitReader *reader, const gchar *what, guint32 max,
                                guint32 *value, GError **error);
/* profile_tier_level (1, max_sub_layers - 1) */
void kvs_h265_read_profile (KvsBitReader *reader, guint max_sub_layers, KvsH265Profile *out);

/* E.2.1, beginning after vui_parameters_present_flag. Gives min_spatial_segmentation_idc. */
guint kvs_h265_vui_read_min_spatial_segmentation (KvsBitReader *reader, guint max_sub_layers);

gboolean kvs_h265_vps_parse (const guint8 *nal, gsize size, KvsH265Vps *out, GError **error);
gboolean kvs_h265_pps_parse (const guint8 *nal, gsize size, KvsH265Pps *out, GError **error);

guint kvs_h265_count_sets (GBytes *const *slots, guint n_slots);

G_END_DECLS
