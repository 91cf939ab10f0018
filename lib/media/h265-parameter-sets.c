/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Collects the parameter sets that come within a stream. */
#include "media/h265.h"

#include "error.h"
#include "media/h265-private.h"

/**
 * kvs_h265_parameter_sets_new:
 *
 * A collector of the VPS, SPS and PPS that come within a stream. It has no lock; use it from one
 * thread at a time.
 *
 * Returns: (transfer full): an empty collector
 */
KvsH265ParameterSets *
kvs_h265_parameter_sets_new (void)
{
  return g_new0 (KvsH265ParameterSets, 1);
}

/**
 * kvs_h265_parameter_sets_reset:
 * @sets: a collector
 *
 * Forgets everything, as is right when the stream's format changes.
 */
void
kvs_h265_parameter_sets_reset (KvsH265ParameterSets *sets)
{
  for (guint i = 0; i < KVS_H265_N_VPS_IDS; i++)
    g_clear_pointer (&sets->vps[i], g_bytes_unref);
  for (guint i = 0; i < KVS_H265_N_SPS_IDS; i++)
    g_clear_pointer (&sets->sps[i], g_bytes_unref);
  for (guint i = 0; i < KVS_H265_N_PPS_IDS; i++)
    g_clear_pointer (&sets->pps[i], g_bytes_unref);
}

/**
 * kvs_h265_parameter_sets_free:
 * @sets: (transfer full) (nullable): a collector
 */
void
kvs_h265_parameter_sets_free (KvsH265ParameterSets *sets)
{
  if (sets == NULL)
    return;
  kvs_h265_parameter_sets_reset (sets);
  g_free (sets);
}

static gboolean
add_vps (KvsH265ParameterSets *sets, const guint8 *nal, gsize size, gboolean *changed,
         GError **error)
{
  KvsH265Vps vps;

  if (!kvs_h265_vps_parse (nal, size, &vps, error))
    return FALSE;
  if (kvs_nal_replace (&sets->vps[vps.id], nal, size)) {
    sets->vps_info[vps.id] = vps;
    *changed = TRUE;
  }
  return TRUE;
}

static gboolean
add_sps (KvsH265ParameterSets *sets, const guint8 *nal, gsize size, gboolean *changed,
         GError **error)
{
  KvsH265Sps sps;

  if (!kvs_h265_sps_parse (nal, size, &sps, error))
    return FALSE;
  if (kvs_nal_replace (&sets->sps[sps.id], nal, size)) {
    sets->sps_info[sps.id] = sps;
    *changed = TRUE;
  }
  return TRUE;
}

static gboolean
add_pps (KvsH265ParameterSets *sets, const guint8 *nal, gsize size, gboolean *changed,
         GError **error)
{
  KvsH265Pps pps;

  if (!kvs_h265_pps_parse (nal, size, &pps, error))
    return FALSE;
  if (kvs_nal_replace (&sets->pps[pps.id], nal, size)) {
    sets->pps_info[pps.id] = pps;
    *changed = TRUE;
  }
  return TRUE;
}

/**
 * kvs_h265_parameter_sets_add_nal:
 * @sets: a collector
 * @nal: a NAL unit of any type
 * @size: of @nal in bytes
 * @changed: (inout): becomes %TRUE when a set is new or differs from the one that had its id;
 *   is left alone otherwise, so that one variable serves many calls
 * @error: %KVS_ERROR_BAD_MEDIA when @nal is a VPS, SPS or PPS that is damaged or too long for an
 *   hvcC
 *
 * Keeps a copy of @nal when it is a VPS, SPS or PPS, in place of an earlier one with the same id.
 * Other NAL units are passed over, and so are the sets of other layers than the base layer: they
 * belong into an lhvC (ISO/IEC 14496-15 clause 9). After an error the collector is as it was.
 *
 * Returns: whether all went well
 */
gboolean
kvs_h265_parameter_sets_add_nal (KvsH265ParameterSets *sets, const guint8 *nal, gsize size,
                                 gboolean *changed, GError **error)
{
  guint type = size > 0 ? kvs_h265_nal_type (nal) : 0;

  if (type != KVS_H265_NAL_VPS && type != KVS_H265_NAL_SPS && type != KVS_H265_NAL_PPS)
    return TRUE;
  /* trailing zero bytes would make equal sets look different; the first byte is none */
  while (nal[size - 1] == 0)
    size--;
  if (size < KVS_H265_NAL_HEADER_BYTES || size > G_MAXUINT16) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "H.265 parameter set of %" G_GSIZE_FORMAT " bytes is too short or too long", size);
    return FALSE;
  }
  if (kvs_h265_nal_layer_id (nal) != 0)
    return TRUE;
  if (type == KVS_H265_NAL_VPS)
    return add_vps (sets, nal, size, changed, error);
  if (type == KVS_H265_NAL_SPS)
    return add_sps (sets, nal, size, changed, error);
  return add_pps (sets, nal, size, changed, error);
}

/**
 * kvs_h265_parameter_sets_add_access_unit:
 * @sets: a collector
 * @data: an access unit
 * @units: where its NAL units lie in @data
 * @n_units: how many
 * @changed: (out): whether any set is new or different
 * @error: %KVS_ERROR_BAD_MEDIA for the first damaged set
 *
 * Offers all NAL units to kvs_h265_parameter_sets_add_nal(). Good sets are taken even when another
 * one is damaged.
 *
 * Returns: whether all sets were good
 */
gboolean
kvs_h265_parameter_sets_add_access_unit (KvsH265ParameterSets *sets, const guint8 *data,
                                         const KvsNalUnit *units, guint n_units,
                                         gboolean *changed, GError **error)
{
  gboolean good = TRUE;

  *changed = FALSE;
  for (guint i = 0; i < n_units; i++) {
    if (!kvs_h265_parameter_sets_add_nal (sets, data + units[i].offset, units[i].size, changed,
                                          good ? error : NULL))
      good = FALSE;
  }
  return good;
}

guint
kvs_h265_count_sets (GBytes *const *slots, guint n_slots)
{
  guint n = 0;

  for (guint i = 0; i < n_slots; i++)
    n += slots[i] != NULL;
  return n;
}

/**
 * kvs_h265_parameter_sets_is_complete:
 * @sets: a collector
 *
 * Returns: whether there is a VPS, an SPS and a PPS, so that an hvcC can be made
 */
gboolean
kvs_h265_parameter_sets_is_complete (const KvsH265ParameterSets *sets)
{
  return kvs_h265_count_sets (sets->vps, KVS_H265_N_VPS_IDS) > 0
         && kvs_h265_count_sets (sets->sps, KVS_H265_N_SPS_IDS) > 0
         && kvs_h265_count_sets (sets->pps, KVS_H265_N_PPS_IDS) > 0;
}

/**
 * kvs_h265_parameter_sets_get_sps:
 * @sets: a collector
 *
 * Returns: (transfer none) (nullable): what the SPS with the lowest id says, valid until the
 *   collector changes; %NULL where there is none
 */
const KvsH265Sps *
kvs_h265_parameter_sets_get_sps (const KvsH265ParameterSets *sets)
{
  for (guint i = 0; i < KVS_H265_N_SPS_IDS; i++) {
    if (sets->sps[i] != NULL)
      return &sets->sps_info[i];
  }
  return NULL;
}
