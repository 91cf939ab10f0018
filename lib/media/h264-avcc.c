/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Collects parameter sets and puts them into, or takes them out of, an avcC. */
#include "media/h264.h"

#include "error.h"
#include "media/bit-reader.h"

#define AVCC_VERSION 1
#define AVCC_MIN_BYTES 7

/* Sets lie under their id, which is also the order an avcC needs (ISO/IEC 14496-15 5.3.3.1). */
struct _KvsH264ParameterSets {
  GBytes *sps[KVS_H264_N_SPS_IDS];
  KvsH264Sps sps_info[KVS_H264_N_SPS_IDS];
  GBytes *pps[KVS_H264_N_PPS_IDS];
};

/**
 * kvs_h264_parameter_sets_new:
 *
 * A collector of the SPS and PPS that come within a stream. It has no lock; use it from one thread
 * at a time.
 *
 * Returns: (transfer full): an empty collector
 */
KvsH264ParameterSets *
kvs_h264_parameter_sets_new (void)
{
  return g_new0 (KvsH264ParameterSets, 1);
}

/**
 * kvs_h264_parameter_sets_reset:
 * @sets: a collector
 *
 * Forgets everything, as is right when the stream's format changes.
 */
void
kvs_h264_parameter_sets_reset (KvsH264ParameterSets *sets)
{
  for (guint i = 0; i < KVS_H264_N_SPS_IDS; i++)
    g_clear_pointer (&sets->sps[i], g_bytes_unref);
  for (guint i = 0; i < KVS_H264_N_PPS_IDS; i++)
    g_clear_pointer (&sets->pps[i], g_bytes_unref);
}

/**
 * kvs_h264_parameter_sets_free:
 * @sets: (transfer full) (nullable): a collector
 */
void
kvs_h264_parameter_sets_free (KvsH264ParameterSets *sets)
{
  if (sets == NULL)
    return;
  kvs_h264_parameter_sets_reset (sets);
  g_free (sets);
}

static gboolean
add_sps (KvsH264ParameterSets *sets, const guint8 *nal, gsize size, gboolean *changed,
         GError **error)
{
  KvsH264Sps sps;

  if (!kvs_h264_sps_parse (nal, size, &sps, error))
    return FALSE;
  if (kvs_nal_replace (&sets->sps[sps.id], nal, size)) {
    sets->sps_info[sps.id] = sps;
    *changed = TRUE;
  }
  return TRUE;
}

/* pic_parameter_set_id and seq_parameter_set_id come first: 7.3.2.2. */
static gboolean
add_pps (KvsH264ParameterSets *sets, const guint8 *nal, gsize size, gboolean *changed,
         GError **error)
{
  KvsBitReader reader;
  guint32 pps_id, sps_id;

  kvs_bit_reader_init (&reader, nal + 1, size - 1);
  pps_id = kvs_bit_reader_read_ue (&reader);
  sps_id = kvs_bit_reader_read_ue (&reader);
  if (reader.failed || pps_id >= KVS_H264_N_PPS_IDS || sps_id >= KVS_H264_N_SPS_IDS) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "H.264 PPS of %" G_GSIZE_FORMAT " bytes is cut off or damaged (id %u, SPS id %u)",
                 size, pps_id, sps_id);
    return FALSE;
  }
  if (kvs_nal_replace (&sets->pps[pps_id], nal, size))
    *changed = TRUE;
  return TRUE;
}

/**
 * kvs_h264_parameter_sets_add_nal:
 * @sets: a collector
 * @nal: a NAL unit of any type
 * @size: of @nal in bytes
 * @changed: (inout): becomes %TRUE when a set is new or differs from the one that had its id;
 *   is left alone otherwise, so that one variable serves many calls
 * @error: %KVS_ERROR_BAD_MEDIA when @nal is an SPS or PPS that is damaged or too long for an avcC
 *
 * Keeps a copy of @nal when it is an SPS or PPS, in place of an earlier one with the same id.
 * Other NAL units are passed over. After an error the collector is as it was.
 *
 * Returns: whether all went well
 */
gboolean
kvs_h264_parameter_sets_add_nal (KvsH264ParameterSets *sets, const guint8 *nal, gsize size,
                                 gboolean *changed, GError **error)
{
  guint type = size > 0 ? kvs_h264_nal_type (nal) : 0;

  if (type != KVS_H264_NAL_SPS && type != KVS_H264_NAL_PPS)
    return TRUE;
  /* trailing zero bytes would make equal sets look different; the first byte is none */
  while (nal[size - 1] == 0)
    size--;
  if (size > G_MAXUINT16) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "H.264 parameter set of %" G_GSIZE_FORMAT " bytes is too long", size);
    return FALSE;
  }
  if (type == KVS_H264_NAL_SPS)
    return add_sps (sets, nal, size, changed, error);
  return add_pps (sets, nal, size, changed, error);
}

/**
 * kvs_h264_parameter_sets_add_access_unit:
 * @sets: a collector
 * @data: an access unit
 * @units: where its NAL units lie in @data
 * @n_units: how many
 * @changed: (out): whether any set is new or different
 * @error: %KVS_ERROR_BAD_MEDIA for the first damaged set
 *
 * Offers all NAL units to kvs_h264_parameter_sets_add_nal(). Good sets are taken even when another
 * one is damaged.
 *
 * Returns: whether all sets were good
 */
gboolean
kvs_h264_parameter_sets_add_access_unit (KvsH264ParameterSets *sets, const guint8 *data,
                                         const KvsNalUnit *units, guint n_units,
                                         gboolean *changed, GError **error)
{
  gboolean good = TRUE;

  *changed = FALSE;
  for (guint i = 0; i < n_units; i++) {
    if (!kvs_h264_parameter_sets_add_nal (sets, data + units[i].offset, units[i].size, changed,
                                          good ? error : NULL))
      good = FALSE;
  }
  return good;
}

static guint
count (GBytes *const *slots, guint n_slots)
{
  guint n = 0;

  for (guint i = 0; i < n_slots; i++)
    n += slots[i] != NULL;
  return n;
}

/**
 * kvs_h264_parameter_sets_is_complete:
 * @sets: a collector
 *
 * Returns: whether there is an SPS and a PPS, so that an avcC can be made
 */
gboolean
kvs_h264_parameter_sets_is_complete (const KvsH264ParameterSets *sets)
{
  return count (sets->sps, KVS_H264_N_SPS_IDS) > 0 && count (sets->pps, KVS_H264_N_PPS_IDS) > 0;
}

/**
 * kvs_h264_parameter_sets_get_sps:
 * @sets: a collector
 *
 * Returns: (transfer none) (nullable): what the SPS with the lowest id says, valid until the
 *   collector changes; %NULL where there is none
 */
const KvsH264Sps *
kvs_h264_parameter_sets_get_sps (const KvsH264ParameterSets *sets)
{
  for (guint i = 0; i < KVS_H264_N_SPS_IDS; i++) {
    if (sets->sps[i] != NULL)
      return &sets->sps_info[i];
  }
  return NULL;
}

static void
append_byte (GByteArray *out, guint value)
{
  guint8 byte = (guint8) value;

  g_byte_array_append (out, &byte, 1);
}

static void
append_sets (GByteArray *out, GBytes *const *slots, guint n_slots)
{
  for (guint i = 0; i < n_slots; i++) {
    gsize size;
    const guint8 *nal;

    if (slots[i] == NULL)
      continue;
    nal = g_bytes_get_data (slots[i], &size);
    append_byte (out, (guint) size >> 8);
    append_byte (out, (guint) size & 0xff);
    g_byte_array_append (out, nal, (guint) size);
  }
}

/* 5.3.3.1.2: the profile is the first SPS's; a compatibility flag holds for all sets or is not
 * given; the level is the highest one. */
static void
append_profile (GByteArray *out, const KvsH264ParameterSets *sets)
{
  guint8 constraint_flags = 0xff, level_idc = 0;

  for (guint i = 0; i < KVS_H264_N_SPS_IDS; i++) {
    if (sets->sps[i] == NULL)
      continue;
    constraint_flags &= sets->sps_info[i].constraint_flags;
    level_idc = MAX (level_idc, sets->sps_info[i].level_idc);
  }
  append_byte (out, kvs_h264_parameter_sets_get_sps (sets)->profile_idc);
  append_byte (out, constraint_flags);
  append_byte (out, level_idc);
}

static gboolean
profile_has_avcc_extension (guint8 profile_idc)
{
  return profile_idc != 66 && profile_idc != 77 && profile_idc != 88;
}

/**
 * kvs_h264_parameter_sets_make_avcc:
 * @sets: a collector
 * @error: %KVS_ERROR_BAD_MEDIA when there is no SPS, no PPS, or more than an avcC can count
 *
 * Makes an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1) for NAL units with 4-byte
 * lengths: sets in order of their ids, and for the High profiles the extension with chroma format
 * and bit depths, without SPS extension NAL units.
 *
 * Returns: (transfer full) (nullable): the avcC, or %NULL after an error
 */
GBytes *
kvs_h264_parameter_sets_make_avcc (const KvsH264ParameterSets *sets, GError **error)
{
  guint n_sps = count (sets->sps, KVS_H264_N_SPS_IDS);
  guint n_pps = count (sets->pps, KVS_H264_N_PPS_IDS);
  const KvsH264Sps *first = kvs_h264_parameter_sets_get_sps (sets);
  GByteArray *out;

  if (n_sps < 1 || n_sps > KVS_H264_AVCC_MAX_SPS || n_pps < 1 || n_pps > KVS_H264_AVCC_MAX_PPS) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "no avcC can be made of %u SPS and %u PPS", n_sps, n_pps);
    return NULL;
  }
  out = g_byte_array_sized_new (256);
  append_byte (out, AVCC_VERSION);
  append_profile (out, sets);
  append_byte (out, 0xfc | (KVS_H264_AVCC_NAL_LENGTH_SIZE - 1));
  append_byte (out, 0xe0 | n_sps);
  append_sets (out, sets->sps, KVS_H264_N_SPS_IDS);
  append_byte (out, n_pps);
  append_sets (out, sets->pps, KVS_H264_N_PPS_IDS);
  if (profile_has_avcc_extension (first->profile_idc)) {
    append_byte (out, 0xfc | first->chroma_format_idc);
    append_byte (out, 0xf8 | (first->bit_depth_luma - 8));
    append_byte (out, 0xf8 | (first->bit_depth_chroma - 8));
    append_byte (out, 0); /* numOfSequenceParameterSetExt */
  }
  return g_byte_array_free_to_bytes (out);
}

static gboolean
add_all (KvsH264ParameterSets *sets, GPtrArray *nals, guint expected_type, GError **error)
{
  gboolean changed = FALSE;

  for (guint i = 0; i < nals->len; i++) {
    gsize size;
    const guint8 *nal = g_bytes_get_data (g_ptr_array_index (nals, i), &size);

    if (size == 0 || kvs_h264_nal_type (nal) != expected_type) {
      g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                   "NAL unit %u of %u is no H.264 %s", i + 1, nals->len,
                   expected_type == KVS_H264_NAL_SPS ? "SPS" : "PPS");
      return FALSE;
    }
    if (!kvs_h264_parameter_sets_add_nal (sets, nal, size, &changed, error))
      return FALSE;
  }
  return TRUE;
}

/**
 * kvs_h264_avcc_new:
 * @sps: (element-type GBytes): SPS NAL units in any order
 * @pps: (element-type GBytes): PPS NAL units in any order
 * @error: %KVS_ERROR_BAD_MEDIA when one is damaged or of another type, when there is none of a
 *   kind, or more than 31 SPS or 255 PPS
 *
 * Of NAL units with the same id the last one counts. See kvs_h264_parameter_sets_make_avcc().
 *
 * Returns: (transfer full) (nullable): the avcC, or %NULL after an error
 */
GBytes *
kvs_h264_avcc_new (GPtrArray *sps, GPtrArray *pps, GError **error)
{
  g_autoptr (KvsH264ParameterSets) sets = kvs_h264_parameter_sets_new ();

  if (!add_all (sets, sps, KVS_H264_NAL_SPS, error)
      || !add_all (sets, pps, KVS_H264_NAL_PPS, error))
    return NULL;
  return kvs_h264_parameter_sets_make_avcc (sets, error);
}

/* Takes n_sets NAL units with 2-byte lengths from *offset on. */
static gboolean
take_sets (GBytes *avcc, gsize *offset, guint n_sets, guint expected_type, GPtrArray *sets)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (avcc, &size);

  for (guint i = 0; i < n_sets; i++) {
    gsize start = *offset + 2;
    gsize length;

    if (start > size)
      return FALSE;
    length = (gsize) data[*offset] << 8 | data[*offset + 1];
    if (length == 0 || length > size - start || kvs_h264_nal_type (data + start) != expected_type)
      return FALSE;
    g_ptr_array_add (sets, g_bytes_new_from_bytes (avcc, start, length));
    *offset = start + length;
  }
  return TRUE;
}

static gboolean
avcc_parse (GBytes *avcc, KvsH264Avcc *out, gsize *offset)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (avcc, &size);

  if (size < AVCC_MIN_BYTES || data[0] != AVCC_VERSION)
    return FALSE;
  out->profile_idc = data[1];
  out->constraint_flags = data[2];
  out->level_idc = data[3];
  /* the reserved bits are left out of account: some writers do not set them */
  out->nal_length_size = 1 + (data[4] & 3u);
  *offset = 6;
  if (!take_sets (avcc, offset, data[5] & 0x1f, KVS_H264_NAL_SPS, out->sps))
    return FALSE;
  if (*offset >= size)
    return FALSE;
  *offset += 1;
  return take_sets (avcc, offset, data[*offset - 1], KVS_H264_NAL_PPS, out->pps);
}

/**
 * kvs_h264_avcc_parse:
 * @avcc: an AVCDecoderConfigurationRecord, ISO/IEC 14496-15 5.3.3.1
 * @out: (out caller-allocates): to be emptied with kvs_h264_avcc_clear(), after an error too
 * @error: %KVS_ERROR_BAD_MEDIA, naming the offset, when @avcc is no avcC or is cut off
 *
 * The parameter sets refer to @avcc's memory; they are checked for their type and size alone. What
 * follows them is not looked at, since old writers leave the High-profile extension away.
 *
 * Returns: whether @avcc was good
 */
gboolean
kvs_h264_avcc_parse (GBytes *avcc, KvsH264Avcc *out, GError **error)
{
  gsize offset = 0;

  *out = (KvsH264Avcc) { 0 };
  out->sps = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  out->pps = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  if (avcc_parse (avcc, out, &offset))
    return TRUE;
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
               "avcC of %" G_GSIZE_FORMAT " bytes is damaged or cut off at offset %"
               G_GSIZE_FORMAT, g_bytes_get_size (avcc), offset);
  return FALSE;
}

/**
 * kvs_h264_avcc_clear:
 * @avcc: what kvs_h264_avcc_parse() filled, or zeros
 */
void
kvs_h264_avcc_clear (KvsH264Avcc *avcc)
{
  g_clear_pointer (&avcc->sps, g_ptr_array_unref);
  g_clear_pointer (&avcc->pps, g_ptr_array_unref);
}
