/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts parameter sets into an hvcC, and takes them out of one. */
#include "media/h265.h"

#include "error.h"
#include "media/h265-private.h"

#define HVCC_VERSION 1
#define HVCC_MIN_BYTES 23
#define HVCC_MAX_BIT_DEPTH 15 /* the field has three bits */

/* ---- making one ---- */

static void
append_number (GByteArray *out, guint64 value, guint n_bytes)
{
  while (n_bytes-- > 0) {
    guint8 byte = (guint8) (value >> 8 * n_bytes);

    g_byte_array_append (out, &byte, 1);
  }
}

/* 8.3.3.1.3 wants a configuration for the whole stream: flags that hold in all sets or are not
 * given, and the highest tier, level and number of layers. The highest profile is the one that the
 * others are compatible with in the usual mixture, Main and Main 10. */
static void
widen_profile (KvsH265Profile *widest, const KvsH265Profile *other)
{
  if (other->is_high_tier == widest->is_high_tier)
    widest->level_idc = MAX (widest->level_idc, other->level_idc);
  else if (other->is_high_tier)
    widest->level_idc = other->level_idc;
  widest->is_high_tier = widest->is_high_tier || other->is_high_tier;
  widest->space = MAX (widest->space, other->space);
  widest->idc = MAX (widest->idc, other->idc);
  widest->compatibility_flags &= other->compatibility_flags;
  widest->constraint_flags &= other->constraint_flags;
}

/* As the standard says, of how min_spatial_segmentation_idc is come up to; without it there is
 * nothing to be said. */
static guint8
common_parallelism (const KvsH265ParameterSets *sets, guint min_spatial_segmentation_idc)
{
  gint type = -1;

  if (min_spatial_segmentation_idc == 0)
    return 0;
  for (guint i = 0; i < KVS_H265_N_PPS_IDS; i++) {
    if (sets->pps[i] == NULL)
      continue;
    if (type >= 0 && type != sets->pps_info[i].parallelism_type)
      return 0;
    type = sets->pps_info[i].parallelism_type;
  }
  return (guint8) MAX (type, 0);
}

static void
summarize (const KvsH265ParameterSets *sets, KvsH265Hvcc *out)
{
  const KvsH265Sps *first = kvs_h265_parameter_sets_get_sps (sets);

  *out = (KvsH265Hvcc) {
    .profile = first->profile,
    .min_spatial_segmentation_idc = first->min_spatial_segmentation_idc,
    .chroma_format_idc = first->chroma_format_idc,
    .bit_depth_luma = MIN (first->bit_depth_luma, HVCC_MAX_BIT_DEPTH),
    .bit_depth_chroma = MIN (first->bit_depth_chroma, HVCC_MAX_BIT_DEPTH),
    .temporal_id_nested = TRUE,
    .nal_length_size = KVS_H265_HVCC_NAL_LENGTH_SIZE,
  };
  for (guint i = 0; i < KVS_H265_N_VPS_IDS; i++) {
    if (sets->vps[i] == NULL)
      continue;
    widen_profile (&out->profile, &sets->vps_info[i].profile);
    out->n_temporal_layers = MAX (out->n_temporal_layers, sets->vps_info[i].max_sub_layers);
  }
  for (guint i = 0; i < KVS_H265_N_SPS_IDS; i++) {
    const KvsH265Sps *sps = &sets->sps_info[i];

    if (sets->sps[i] == NULL)
      continue;
    widen_profile (&out->profile, &sps->profile);
    out->n_temporal_layers = MAX (out->n_temporal_layers, sps->max_sub_layers);
    out->temporal_id_nested = out->temporal_id_nested && sps->temporal_id_nesting;
    out->min_spatial_segmentation_idc
        = MIN (out->min_spatial_segmentation_idc, sps->min_spatial_segmentation_idc);
  }
  out->parallelism_type = common_parallelism (sets, out->min_spatial_segmentation_idc);
}

/* The fields before the arrays; avgFrameRate and constantFrameRate are 0, not said. */
static void
append_fields (GByteArray *out, const KvsH265Hvcc *hvcc)
{
  const KvsH265Profile *profile = &hvcc->profile;

  append_number (out, HVCC_VERSION, 1);
  append_number (out, profile->space << 6 | (profile->is_high_tier ? 0x20u : 0) | profile->idc, 1);
  append_number (out, profile->compatibility_flags, 4);
  append_number (out, profile->constraint_flags, 6);
  append_number (out, profile->level_idc, 1);
  append_number (out, 0xf000 | hvcc->min_spatial_segmentation_idc, 2);
  append_number (out, 0xfc | hvcc->parallelism_type, 1);
  append_number (out, 0xfc | hvcc->chroma_format_idc, 1);
  append_number (out, 0xf8 | (hvcc->bit_depth_luma - 8u), 1);
  append_number (out, 0xf8 | (hvcc->bit_depth_chroma - 8u), 1);
  append_number (out, 0, 2);
  append_number (out, hvcc->n_temporal_layers << 3 | (hvcc->temporal_id_nested ? 4u : 0)
                          | (hvcc->nal_length_size - 1), 1);
}

/* array_completeness, the highest bit, stays 0: see kvs_h265_parameter_sets_make_hvcc() */
static void
append_array (GByteArray *out, guint nal_type, GBytes *const *slots, guint n_slots)
{
  append_number (out, nal_type, 1);
  append_number (out, kvs_h265_count_sets (slots, n_slots), 2);
  for (guint i = 0; i < n_slots; i++) {
    gsize size;
    const guint8 *nal;

    if (slots[i] == NULL)
      continue;
    nal = g_bytes_get_data (slots[i], &size);
    append_number (out, size, 2);
    g_byte_array_append (out, nal, (guint) size);
  }
}

/**
 * kvs_h265_parameter_sets_make_hvcc:
 * @sets: a collector
 * @error: %KVS_ERROR_BAD_MEDIA when there is no VPS, no SPS or no PPS
 *
 * Makes an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1) for NAL units with 4-byte
 * lengths: arrays of VPS, SPS and PPS, each in order of their ids. array_completeness is 0, as of
 * sets that may also come within the stream: who collects them cannot promise that no others
 * follow, and those that were collected stay in the frames. SEI messages are not put into it; they
 * stay in the frames too.
 *
 * Returns: (transfer full) (nullable): the hvcC, or %NULL after an error
 */
GBytes *
kvs_h265_parameter_sets_make_hvcc (const KvsH265ParameterSets *sets, GError **error)
{
  KvsH265Hvcc summary;
  GByteArray *out;

  if (!kvs_h265_parameter_sets_is_complete (sets)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "no hvcC can be made of %u VPS, %u SPS and %u PPS",
                 kvs_h265_count_sets (sets->vps, KVS_H265_N_VPS_IDS),
                 kvs_h265_count_sets (sets->sps, KVS_H265_N_SPS_IDS),
                 kvs_h265_count_sets (sets->pps, KVS_H265_N_PPS_IDS));
    return NULL;
  }
  summarize (sets, &summary);
  out = g_byte_array_sized_new (256);
  append_fields (out, &summary);
  append_number (out, 3, 1); /* numOfArrays */
  append_array (out, KVS_H265_NAL_VPS, sets->vps, KVS_H265_N_VPS_IDS);
  append_array (out, KVS_H265_NAL_SPS, sets->sps, KVS_H265_N_SPS_IDS);
  append_array (out, KVS_H265_NAL_PPS, sets->pps, KVS_H265_N_PPS_IDS);
  return g_byte_array_free_to_bytes (out);
}

static gboolean
add_all (KvsH265ParameterSets *sets, GPtrArray *nals, guint expected_type, GError **error)
{
  gboolean changed = FALSE;

  for (guint i = 0; i < nals->len; i++) {
    gsize size;
    const guint8 *nal = g_bytes_get_data (g_ptr_array_index (nals, i), &size);

    if (size == 0 || kvs_h265_nal_type (nal) != expected_type) {
      g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                   "NAL unit %u of %u is no H.265 NAL unit of type %u", i + 1, nals->len,
                   expected_type);
      return FALSE;
    }
    if (!kvs_h265_parameter_sets_add_nal (sets, nal, size, &changed, error))
      return FALSE;
  }
  return TRUE;
}

/**
 * kvs_h265_hvcc_new:
 * @vps: (element-type GBytes): VPS NAL units in any order
 * @sps: (element-type GBytes): SPS NAL units in any order
 * @pps: (element-type GBytes): PPS NAL units in any order
 * @error: %KVS_ERROR_BAD_MEDIA when one is damaged or of another type, or there is none of a kind
 *
 * Of NAL units with the same id the last one counts. See kvs_h265_parameter_sets_make_hvcc().
 *
 * Returns: (transfer full) (nullable): the hvcC, or %NULL after an error
 */
GBytes *
kvs_h265_hvcc_new (GPtrArray *vps, GPtrArray *sps, GPtrArray *pps, GError **error)
{
  g_autoptr (KvsH265ParameterSets) sets = kvs_h265_parameter_sets_new ();

  if (!add_all (sets, vps, KVS_H265_NAL_VPS, error)
      || !add_all (sets, sps, KVS_H265_NAL_SPS, error)
      || !add_all (sets, pps, KVS_H265_NAL_PPS, error))
    return NULL;
  return kvs_h265_parameter_sets_make_hvcc (sets, error);
}

/* ---- reading one ---- */

static guint64
read_number (const guint8 *data, guint n_bytes)
{
  guint64 value = 0;

  for (guint i = 0; i < n_bytes; i++)
    value = value << 8 | data[i];
  return value;
}

/* Reserved bits are left out of account: some writers do not set them. */
static void
read_fields (const guint8 *data, KvsH265Hvcc *out)
{
  out->profile.space = data[1] >> 6;
  out->profile.is_high_tier = (data[1] & 0x20) != 0;
  out->profile.idc = data[1] & 0x1f;
  out->profile.compatibility_flags = (guint32) read_number (data + 2, 4);
  out->profile.constraint_flags = read_number (data + 6, 6);
  out->profile.level_idc = data[12];
  out->min_spatial_segmentation_idc = (guint) read_number (data + 13, 2) & 0xfff;
  out->parallelism_type = data[15] & 3;
  out->chroma_format_idc = data[16] & 3;
  out->bit_depth_luma = (guint8) (8 + (data[17] & 7));
  out->bit_depth_chroma = (guint8) (8 + (data[18] & 7));
  out->n_temporal_layers = data[21] >> 3 & 7;
  out->temporal_id_nested = (data[21] & 4) != 0;
  out->nal_length_size = 1 + (data[21] & 3u);
}

static GPtrArray *
array_of_type (KvsH265Hvcc *hvcc, guint nal_type)
{
  switch (nal_type) {
  case KVS_H265_NAL_VPS:
    return hvcc->vps;
  case KVS_H265_NAL_SPS:
    return hvcc->sps;
  case KVS_H265_NAL_PPS:
    return hvcc->pps;
  default:
    return NULL;
  }
}

/* Takes one array from *offset on; what it holds must be what it says. */
static gboolean
take_array (GBytes *hvcc, gsize *offset, KvsH265Hvcc *out)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (hvcc, &size);
  GPtrArray *sets;
  guint nal_type, n_nals;

  if (size - *offset < 3)
    return FALSE;
  nal_type = data[*offset] & 0x3f;
  n_nals = (guint) read_number (data + *offset + 1, 2);
  sets = array_of_type (out, nal_type);
  *offset += 3;
  for (guint i = 0; i < n_nals; i++) {
    gsize length;

    if (size - *offset < 2)
      return FALSE;
    length = (gsize) read_number (data + *offset, 2);
    if (length < KVS_H265_NAL_HEADER_BYTES || length > size - *offset - 2
        || kvs_h265_nal_type (data + *offset + 2) != nal_type)
      return FALSE;
    if (sets != NULL)
      g_ptr_array_add (sets, g_bytes_new_from_bytes (hvcc, *offset + 2, length));
    *offset += 2 + length;
  }
  return TRUE;
}

static void
read_picture_size (KvsH265Hvcc *hvcc)
{
  for (guint i = 0; i < hvcc->sps->len; i++) {
    KvsH265Sps sps;
    gsize size;
    const guint8 *nal = g_bytes_get_data (g_ptr_array_index (hvcc->sps, i), &size);

    if (!kvs_h265_sps_parse (nal, size, &sps, NULL))
      continue;
    hvcc->width = sps.width;
    hvcc->height = sps.height;
    return;
  }
}

static gboolean
hvcc_parse (GBytes *hvcc, KvsH265Hvcc *out, gsize *offset)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (hvcc, &size);
  guint n_arrays;

  /* files from before the standard was final have 0 in place of 1 */
  if (size < HVCC_MIN_BYTES || data[0] > HVCC_VERSION)
    return FALSE;
  read_fields (data, out);
  n_arrays = data[HVCC_MIN_BYTES - 1];
  *offset = HVCC_MIN_BYTES;
  for (guint i = 0; i < n_arrays; i++) {
    if (!take_array (hvcc, offset, out))
      return FALSE;
  }
  read_picture_size (out);
  return TRUE;
}

/**
 * kvs_h265_hvcc_parse:
 * @hvcc: an HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 8.3.3.1
 * @out: (out caller-allocates): to be emptied with kvs_h265_hvcc_clear(), after an error too
 * @error: %KVS_ERROR_BAD_MEDIA, naming the offset, when @hvcc is no hvcC or is cut off
 *
 * The parameter sets refer to @hvcc's memory; they are checked for their type and size alone.
 * Arrays of other NAL units, such as SEI messages, are stepped over. Without any arrays, as of
 * stream-format hev1, it is good as well.
 *
 * Returns: whether @hvcc was good
 */
gboolean
kvs_h265_hvcc_parse (GBytes *hvcc, KvsH265Hvcc *out, GError **error)
{
  gsize offset = 0;

  *out = (KvsH265Hvcc) { 0 };
  out->vps = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  out->sps = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  out->pps = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  if (hvcc_parse (hvcc, out, &offset))
    return TRUE;
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
               "hvcC of %" G_GSIZE_FORMAT " bytes is damaged or cut off at offset %"
               G_GSIZE_FORMAT, g_bytes_get_size (hvcc), offset);
  return FALSE;
}

/**
 * kvs_h265_hvcc_clear:
 * @hvcc: what kvs_h265_hvcc_parse() filled, or zeros
 */
void
kvs_h265_hvcc_clear (KvsH265Hvcc *hvcc)
{
  g_clear_pointer (&hvcc->vps, g_ptr_array_unref);
  g_clear_pointer (&hvcc->sps, g_ptr_array_unref);
  g_clear_pointer (&hvcc->pps, g_ptr_array_unref);
}
