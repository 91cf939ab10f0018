/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where access units begin: ISO/IEC 14496-10 7.4.1.2.3 and 7.4.1.2.4, 23008-2 7.4.2.4.4. */
#include "media/access-unit.h"
#include "media/h264-slice.h"
#include "media/h265.h"

/* nal_unit_type of H.264 beyond those that other code has names for */
#define H264_END_OF_SEQUENCE 10
#define H264_END_OF_STREAM 11
#define H264_PREFIX 14
#define H264_RESERVED_18 18

/* nal_unit_type of H.265 likewise: reserved and unspecified ones before a picture */
#define H265_END_OF_SEQUENCE 36
#define H265_END_OF_BITSTREAM 37
#define H265_RESERVED_41 41
#define H265_RESERVED_44 44
#define H265_UNSPECIFIED_48 48
#define H265_UNSPECIFIED_55 55

struct _KvsAccessUnitDetector {
  KvsVideoCodec codec;
  gboolean has_begun;   /* whether there is an access unit that a NAL unit can be within */
  gboolean has_picture; /* whether a slice of its picture came */
  gboolean has_ended;   /* whether an end of sequence or stream came behind the picture */

  /* H.264 */
  KvsH264SliceReader slices;
  gboolean has_header;
  KvsH264SliceHeader header; /* of the last slice of the primary coded picture */
  guint first_mb_planes;     /* colour planes whose first macroblock came, a bit each */
};

/**
 * kvs_access_unit_detector_new:
 * @codec: H.264 or H.265
 *
 * Returns: (transfer full): a detector before its first NAL unit, for one thread
 */
KvsAccessUnitDetector *
kvs_access_unit_detector_new (KvsVideoCodec codec)
{
  KvsAccessUnitDetector *detector = g_new0 (KvsAccessUnitDetector, 1);

  detector->codec = codec;
  return detector;
}

/**
 * kvs_access_unit_detector_free:
 * @detector: (transfer full) (nullable): a detector
 */
void
kvs_access_unit_detector_free (KvsAccessUnitDetector *detector)
{
  g_free (detector);
}

/**
 * kvs_access_unit_detector_add_parameter_set:
 * @detector: a detector
 * @nal: an SPS or PPS that does not come within the stream but in an avcC; others are passed over
 * @size: of @nal in bytes
 *
 * Those that pass kvs_access_unit_detector_push() are taken there.
 */
void
kvs_access_unit_detector_add_parameter_set (KvsAccessUnitDetector *detector, const guint8 *nal,
                                            gsize size)
{
  if (size > 0 && detector->codec == KVS_VIDEO_CODEC_H264)
    kvs_h264_slice_reader_add_nal (&detector->slices, nal, size);
}

/* ---- H.264 ---- */

/* In one primary coded picture each macroblock comes once in a colour plane. So where the first one
 * comes again there is another picture, though no field of the header be different: encoders that
 * make nothing but IDR pictures forget to give them different idr_pic_id. */
static gboolean
repeats_first_mb (const KvsAccessUnitDetector *detector, const KvsH264SliceHeader *header)
{
  if (header->first_mb != 0)
    return FALSE;
  if (!detector->has_header || !detector->header.is_complete || !header->is_complete)
    return TRUE;
  return (detector->first_mb_planes & 1u << header->colour_plane_id) != 0;
}

/* Remembers the slice in place of the one before it. */
static gboolean
slice_starts_picture (KvsAccessUnitDetector *detector, const guint8 *nal, gsize size)
{
  KvsH264SliceHeader header;
  gboolean starts;

  /* redundant coded pictures follow the primary one in its access unit */
  if (!kvs_h264_slice_reader_read (&detector->slices, nal, size, &header)
      || header.redundant_pic_cnt > 0)
    return FALSE;
  starts = detector->has_ended || repeats_first_mb (detector, &header)
           || (detector->has_header && kvs_h264_slice_header_differs (&detector->header, &header));
  if (starts || !detector->has_picture)
    detector->first_mb_planes = 0;
  if (header.first_mb == 0)
    detector->first_mb_planes |= 1u << header.colour_plane_id;
  detector->header = header;
  detector->has_header = TRUE;
  return starts;
}

static KvsNalPlace
place_h264 (KvsAccessUnitDetector *detector, const guint8 *nal, gsize size)
{
  guint type = kvs_h264_nal_type (nal);
  gboolean starts = FALSE;

  switch (type) {
  case KVS_H264_NAL_SLICE:
  case KVS_H264_NAL_SLICE_DPA:
  case KVS_H264_NAL_SLICE_IDR:
    starts = slice_starts_picture (detector, nal, size);
    break;
  case H264_PREFIX:
    /* it goes with the slice after it, which may be another one of the same picture */
    return detector->has_picture ? KVS_NAL_WITH_NEXT : KVS_NAL_WITHIN;
  case H264_END_OF_SEQUENCE:
  case H264_END_OF_STREAM:
    detector->has_ended = detector->has_picture;
    break;
  default:
    starts = (type >= KVS_H264_NAL_SEI && type <= KVS_H264_NAL_AUD)
             || (type > H264_PREFIX && type <= H264_RESERVED_18);
    if (starts)
      detector->has_header = FALSE;
    kvs_h264_slice_reader_add_nal (&detector->slices, nal, size);
    break;
  }
  return starts && detector->has_picture ? KVS_NAL_FIRST : KVS_NAL_WITHIN;
}

/* ---- H.265 ---- */

/* 7.4.2.2: slices of reserved types are to be ignored */
static gboolean
is_h265_slice (guint type)
{
  return type <= KVS_H265_NAL_RASL_R || kvs_h265_nal_type_is_irap (type);
}

static KvsNalPlace
place_h265 (KvsAccessUnitDetector *detector, const guint8 *nal, gsize size)
{
  guint type = kvs_h265_nal_type (nal);
  gboolean starts = FALSE;

  if (kvs_h265_nal_layer_id (nal) != 0)
    return KVS_NAL_WITHIN;
  if (type == H265_END_OF_SEQUENCE || type == H265_END_OF_BITSTREAM)
    detector->has_ended = detector->has_picture;
  else if (is_h265_slice (type))
    /* first_slice_segment_in_pic_flag */
    starts = detector->has_ended
             || (size > KVS_H265_NAL_HEADER_BYTES && nal[KVS_H265_NAL_HEADER_BYTES] >> 7 != 0);
  else
    starts = (type >= KVS_H265_NAL_VPS && type <= KVS_H265_NAL_AUD)
             || type == KVS_H265_NAL_PREFIX_SEI
             || (type >= H265_RESERVED_41 && type <= H265_RESERVED_44)
             || (type >= H265_UNSPECIFIED_48 && type <= H265_UNSPECIFIED_55);
  return starts && detector->has_picture ? KVS_NAL_FIRST : KVS_NAL_WITHIN;
}

/* ---- both ---- */

/* whether a slice, or a part of one, of the base layer's picture */
static gboolean
is_picture (const KvsAccessUnitDetector *detector, const guint8 *nal)
{
  if (detector->codec == KVS_VIDEO_CODEC_H264)
    return kvs_h264_nal_type_is_vcl (kvs_h264_nal_type (nal));
  return is_h265_slice (kvs_h265_nal_type (nal)) && kvs_h265_nal_layer_id (nal) == 0;
}

/**
 * kvs_access_unit_detector_push:
 * @detector: a detector
 * @nal: the next NAL unit, without start code or length
 * @size: of @nal in bytes
 *
 * Says where a NAL unit of a stream belongs.
 *
 * H.264: slices are compared by ISO/IEC 14496-10 7.4.1.2.4, with the fields of the SPS and PPS that
 * passed or were added. A slice whose sets are not known begins a picture where first_mb_in_slice
 * is 0, or where one of the fields that are known differs. Also, a picture begins where the first
 * macroblock comes a second time. Slices of redundant and auxiliary coded pictures and of other
 * views or layers (types 19 to 21) never begin an access unit.
 *
 * H.265: ISO/IEC 23008-2 7.4.2.4.4, for nuh_layer_id 0. When the first slice segment of a picture
 * was lost, the others count as part of the picture before it.
 *
 * NAL units that are too short for their header count as %KVS_NAL_WITHIN.
 *
 * Returns: its place; of the first NAL unit after a reset %KVS_NAL_FIRST
 */
KvsNalPlace
kvs_access_unit_detector_push (KvsAccessUnitDetector *detector, const guint8 *nal, gsize size)
{
  gboolean is_h264 = detector->codec == KVS_VIDEO_CODEC_H264;
  KvsNalPlace place;

  if (size < (is_h264 ? 1 : KVS_H265_NAL_HEADER_BYTES))
    return KVS_NAL_WITHIN;
  place = is_h264 ? place_h264 (detector, nal, size) : place_h265 (detector, nal, size);
  if (!detector->has_begun) {
    detector->has_begun = TRUE;
    place = KVS_NAL_FIRST;
  }
  if (place == KVS_NAL_FIRST) {
    detector->has_picture = FALSE;
    detector->has_ended = FALSE;
  }
  if (is_picture (detector, nal))
    detector->has_picture = TRUE;
  return place;
}

/**
 * kvs_access_unit_detector_reset:
 * @detector: a detector
 *
 * Forgets the current access unit, as is right at a gap. The parameter sets stay.
 */
void
kvs_access_unit_detector_reset (KvsAccessUnitDetector *detector)
{
  detector->has_begun = FALSE;
  detector->has_picture = FALSE;
  detector->has_ended = FALSE;
  detector->has_header = FALSE;
}
