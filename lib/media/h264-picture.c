/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kind of picture an access unit holds, from the first bytes of its NAL units. */
#include "media/h264.h"

#include "media/bit-reader.h"

#define SEI_RECOVERY_POINT 6

/* slice_type, table 7-6; 5 to 9 say the same as 0 to 4, and of the whole picture */
#define SLICE_TYPE_I 2
#define SLICE_TYPE_SI 4
#define N_SLICE_TYPES 5

/* MaxFrameNum is at most 2^16 (7.4.2.1.1), recovery_frame_cnt less than it (D.2.8) */
#define MAX_RECOVERY_FRAME_CNT 0xffff

/* A number of an SEI message header: 0xff bytes that add up, and a last one (7.3.2.3.1). */
static guint
read_sei_number (KvsBitReader *reader)
{
  guint number = 0;
  guint32 byte;

  do {
    byte = kvs_bit_reader_read (reader, 8);
    number += byte;
  } while (byte == 0xff && !reader->failed && number < G_MAXUINT16);
  return number;
}

/* Returns: recovery_frame_cnt of the recovery point message, or -1 where there is none */
static gint
sei_recovery_frame_cnt (const guint8 *nal, gsize size)
{
  KvsBitReader reader;

  kvs_bit_reader_init (&reader, nal, size);
  kvs_bit_reader_skip (&reader, 8);
  while (!reader.failed) {
    guint type = read_sei_number (&reader);
    guint n_bytes = read_sei_number (&reader);

    if (reader.failed)
      return -1;
    if (type == SEI_RECOVERY_POINT) {
      guint32 recovery_frame_cnt = kvs_bit_reader_read_ue (&reader);

      return reader.failed || recovery_frame_cnt > MAX_RECOVERY_FRAME_CNT
          ? -1 : (gint) recovery_frame_cnt;
    }
    kvs_bit_reader_skip (&reader, 8 * (gsize) n_bytes);
  }
  return -1;
}

/* 7.3.3: first_mb_in_slice, slice_type. A slice whose header cannot be read counts as one that
 * needs other pictures. */
static gboolean
slice_is_intra (const guint8 *nal, gsize size)
{
  KvsBitReader reader;
  guint32 slice_type;

  kvs_bit_reader_init (&reader, nal + 1, size - 1);
  kvs_bit_reader_read_ue (&reader);
  slice_type = kvs_bit_reader_read_ue (&reader);
  if (reader.failed || slice_type >= 2 * N_SLICE_TYPES)
    return FALSE;
  slice_type %= N_SLICE_TYPES;
  return slice_type == SLICE_TYPE_I || slice_type == SLICE_TYPE_SI;
}

/**
 * kvs_h264_access_unit_inspect:
 * @data: an access unit
 * @units: where its NAL units lie in @data
 * @n_units: how many
 * @out: (out): what it holds
 *
 * Reads NAL unit headers, the first two numbers of slice headers and SEI messages, as far as they
 * are needed: after an IDR slice nothing more, after one slice that is not intra no other slice.
 * Data partitions B and C have no slice header of their own; redundant and auxiliary pictures and
 * those of other views do not count.
 */
void
kvs_h264_access_unit_inspect (const guint8 *data, const KvsNalUnit *units, guint n_units,
                              KvsH264Picture *out)
{
  gboolean has_inter = FALSE, has_intra = FALSE;

  *out = (KvsH264Picture) { .recovery_frame_cnt = -1 };
  for (guint i = 0; i < n_units && !out->is_idr; i++) {
    const guint8 *nal = data + units[i].offset;

    if (units[i].size == 0)
      continue;
    switch (kvs_h264_nal_type (nal)) {
    case KVS_H264_NAL_SLICE_IDR:
      out->is_idr = TRUE;
      break;
    case KVS_H264_NAL_SLICE:
    case KVS_H264_NAL_SLICE_DPA:
      if (!has_inter && slice_is_intra (nal, units[i].size))
        has_intra = TRUE;
      else
        has_inter = TRUE;
      break;
    case KVS_H264_NAL_SEI:
      if (out->recovery_frame_cnt < 0)
        out->recovery_frame_cnt = sei_recovery_frame_cnt (nal, units[i].size);
      break;
    default:
      break;
    }
  }
  out->is_intra = out->is_idr || (has_intra && !has_inter);
}

/**
 * kvs_h264_picture_is_random_access:
 * @picture: of an access unit
 * @is_flagged: whether who delivered the access unit takes it for a key frame
 *
 * An IDR picture is a place to begin decoding, whatever was said of it. Any other one is so only
 * when it was flagged, since that alone tells that its parameter sets and what follows fit, and
 * when the bits bear it out: it has nothing but intra slices (an I picture of an open GOP), or a
 * recovery point message, be it one from which the picture comes out right only after
 * recovery_frame_cnt frames (ISO/IEC 14496-10 D.2.8; periodic intra refresh, where nothing better
 * ever comes). Some parsers flag pictures as soon as one slice is intra, hence the second look.
 *
 * A field pair in one access unit, whose second field is predicted from its intra first one, is
 * known by its recovery point message alone.
 *
 * Returns: whether a fragment may begin with the access unit
 */
gboolean
kvs_h264_picture_is_random_access (const KvsH264Picture *picture, gboolean is_flagged)
{
  if (picture->is_idr)
    return TRUE;
  return is_flagged && (picture->is_intra || picture->recovery_frame_cnt >= 0);
}

/**
 * kvs_h264_access_unit_is_key:
 * @data: an access unit
 * @units: where its NAL units lie in @data
 * @n_units: how many
 *
 * Returns: whether the access unit is an IDR picture, from which decoding can always start
 */
gboolean
kvs_h264_access_unit_is_key (const guint8 *data, const KvsNalUnit *units, guint n_units)
{
  for (guint i = 0; i < n_units; i++) {
    if (units[i].size > 0
        && kvs_h264_nal_type (data + units[i].offset) == KVS_H264_NAL_SLICE_IDR)
      return TRUE;
  }
  return FALSE;
}

/**
 * kvs_h264_access_unit_is_recovery_point:
 * @data: an access unit
 * @units: where its NAL units lie in @data
 * @n_units: how many
 *
 * Cameras with open GOPs or broadcast encoders send hardly any IDR picture, but an intra picture
 * with a recovery point SEI message whose recovery_frame_cnt is 0 (ISO/IEC 14496-10 D.2.8): this
 * picture and those shown after it come out right. With parameter sets beside it a decoder can
 * begin there. Leading pictures that follow it may still not be decodable.
 *
 * Returns: whether the access unit has such a message, an SPS and a PPS
 */
gboolean
kvs_h264_access_unit_is_recovery_point (const guint8 *data, const KvsNalUnit *units,
                                        guint n_units)
{
  gboolean has_sps = FALSE, has_pps = FALSE, has_point = FALSE;

  for (guint i = 0; i < n_units; i++) {
    const guint8 *nal = data + units[i].offset;

    if (units[i].size == 0)
      continue;
    switch (kvs_h264_nal_type (nal)) {
    case KVS_H264_NAL_SPS:
      has_sps = TRUE;
      break;
    case KVS_H264_NAL_PPS:
      has_pps = TRUE;
      break;
    case KVS_H264_NAL_SEI:
      has_point = has_point || sei_recovery_frame_cnt (nal, units[i].size) == 0;
      break;
    default:
      break;
    }
  }
  return has_sps && has_pps && has_point;
}
