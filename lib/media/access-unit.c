/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/access-unit.h"

#include "error.h"
#include "media/access-unit-parts.h"
#include "media/h264.h"
#include "media/h265.h"

#define DEFAULT_LENGTH_SIZE 4
#define START_CODE_BYTES 3

struct _KvsAccessUnitGatherer {
  KvsVideoCodec codec;
  guint length_size; /* 0 with start codes */
  KvsAccessUnitDetector *detector;
  KvsAccessUnitParts parts; /* of the access unit that is not complete yet */
  KvsAccessUnitPiece held;  /* a NAL unit that belongs with the next one, or NULL and zeros */
  KvsAccessUnitTag held_tag;
  GQueue complete; /* of KvsAccessUnit */
  GArray *nals;    /* of KvsNalUnit, of one buffer */
  GArray *places;  /* of KvsNalPlace, of the same NAL units */
};

/**
 * kvs_access_unit_clear:
 * @unit: what kvs_access_unit_gatherer_pop() filled, or zeros
 */
void
kvs_access_unit_clear (KvsAccessUnit *unit)
{
  g_clear_pointer (&unit->bytes, g_bytes_unref);
  g_clear_pointer (&unit->nals, g_free);
}

static void
complete_free (gpointer data)
{
  kvs_access_unit_clear (data);
  g_free (data);
}

/* ---- making and ending ---- */

static void
seed (KvsAccessUnitGatherer *gatherer, GPtrArray *nals)
{
  for (guint i = 0; i < nals->len; i++) {
    gsize size;
    const guint8 *nal = g_bytes_get_data (nals->pdata[i], &size);

    kvs_access_unit_detector_add_parameter_set (gatherer->detector, nal, size);
  }
}

static gboolean
read_codec_data (KvsAccessUnitGatherer *gatherer, GBytes *codec_data, GError **error)
{
  g_auto (KvsH264Avcc) avcc = { 0 };
  g_auto (KvsH265Hvcc) hvcc = { 0 };

  if (gatherer->codec == KVS_VIDEO_CODEC_H265) {
    if (!kvs_h265_hvcc_parse (codec_data, &hvcc, error))
      return FALSE;
    gatherer->length_size = hvcc.nal_length_size;
    return TRUE;
  }
  if (!kvs_h264_avcc_parse (codec_data, &avcc, error))
    return FALSE;
  gatherer->length_size = avcc.nal_length_size;
  seed (gatherer, avcc.sps);
  seed (gatherer, avcc.pps);
  return TRUE;
}

/**
 * kvs_access_unit_gatherer_new:
 * @codec: H.264 or H.265
 * @is_byte_stream: whether NAL units have start codes (Annex B); else lengths
 * @codec_data: (nullable): avcC or hvcC of the stream, if it comes with one
 * @error: %KVS_ERROR_BAD_MEDIA when @codec_data is damaged
 *
 * The arguments are those of kvs_video_stream_new(). A stream with lengths but without @codec_data
 * is taken to have lengths of 4 bytes.
 *
 * Returns: (transfer full) (nullable): a new gatherer, for one thread
 */
KvsAccessUnitGatherer *
kvs_access_unit_gatherer_new (KvsVideoCodec codec, gboolean is_byte_stream, GBytes *codec_data,
                              GError **error)
{
  g_autoptr (KvsAccessUnitGatherer) gatherer = g_new0 (KvsAccessUnitGatherer, 1);

  gatherer->codec = codec;
  gatherer->length_size = is_byte_stream ? 0 : DEFAULT_LENGTH_SIZE;
  gatherer->detector = kvs_access_unit_detector_new (codec);
  kvs_access_unit_parts_init (&gatherer->parts);
  g_queue_init (&gatherer->complete);
  gatherer->nals = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  gatherer->places = g_array_new (FALSE, FALSE, sizeof (KvsNalPlace));
  if (!is_byte_stream && codec_data != NULL && !read_codec_data (gatherer, codec_data, error))
    return NULL;
  return g_steal_pointer (&gatherer);
}

/**
 * kvs_access_unit_gatherer_clear:
 * @gatherer: a gatherer
 *
 * Drops all that is there, complete or not, as is right at a flush. The parameter sets stay.
 */
void
kvs_access_unit_gatherer_clear (KvsAccessUnitGatherer *gatherer)
{
  kvs_access_unit_parts_reset (&gatherer->parts);
  g_clear_pointer (&gatherer->held.buffer, g_bytes_unref);
  g_queue_clear_full (&gatherer->complete, complete_free);
  kvs_access_unit_detector_reset (gatherer->detector);
}

/**
 * kvs_access_unit_gatherer_free:
 * @gatherer: (transfer full) (nullable): a gatherer
 */
void
kvs_access_unit_gatherer_free (KvsAccessUnitGatherer *gatherer)
{
  if (gatherer == NULL)
    return;
  kvs_access_unit_gatherer_clear (gatherer);
  kvs_access_unit_parts_clear (&gatherer->parts);
  g_array_unref (gatherer->nals);
  g_array_unref (gatherer->places);
  kvs_access_unit_detector_free (gatherer->detector);
  g_free (gatherer);
}

static void
complete (KvsAccessUnitGatherer *gatherer)
{
  KvsAccessUnit unit;

  if (kvs_access_unit_parts_take (&gatherer->parts, &unit))
    g_queue_push_tail (&gatherer->complete, g_memdup2 (&unit, sizeof unit));
}

/* ---- taking buffers ---- */

static gboolean
is_picture (KvsVideoCodec codec, const guint8 *nal, gsize size)
{
  if (codec == KVS_VIDEO_CODEC_H264)
    return kvs_h264_nal_type_is_vcl (kvs_h264_nal_type (nal));
  return size >= KVS_H265_NAL_HEADER_BYTES && kvs_h265_nal_layer_id (nal) == 0
         && kvs_h265_nal_type_is_vcl (kvs_h265_nal_type (nal));
}

static gboolean
split (KvsAccessUnitGatherer *gatherer, const guint8 *data, gsize size, GError **error)
{
  if (gatherer->length_size > 0)
    return kvs_nal_split_length_prefixed (data, size, gatherer->length_size, gatherer->nals, error);
  kvs_nal_split_annexb (data, size, gatherer->nals);
  if (gatherer->nals->len > 0 || size == 0)
    return TRUE;
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
               "A buffer of %" G_GSIZE_FORMAT " bytes of stream-format=byte-stream has no NAL unit "
               "with a start code", size);
  return FALSE;
}

/* Where the bytes of NAL unit i begin: its start code or length. What lies before the first one is
 * with that, and a fourth byte of a start code is not with the NAL unit before it. */
static gsize
cut_before (const KvsAccessUnitGatherer *gatherer, const guint8 *data, guint i)
{
  gsize offset = g_array_index (gatherer->nals, KvsNalUnit, i).offset;

  if (i == 0)
    return 0;
  if (gatherer->length_size > 0)
    return offset - gatherer->length_size;
  offset -= START_CODE_BYTES;
  return data[offset - 1] == 0 ? offset - 1 : offset;
}

static KvsNalPlace
place_of (const KvsAccessUnitGatherer *gatherer, guint i)
{
  return g_array_index (gatherer->places, KvsNalPlace, i);
}

static void
find_places (KvsAccessUnitGatherer *gatherer, const guint8 *data)
{
  g_array_set_size (gatherer->places, gatherer->nals->len);
  for (guint i = 0; i < gatherer->nals->len; i++) {
    const KvsNalUnit *nal = &g_array_index (gatherer->nals, KvsNalUnit, i);

    g_array_index (gatherer->places, KvsNalPlace, i)
        = kvs_access_unit_detector_push (gatherer->detector, data + nal->offset, nal->size);
  }
}

/* Returns: a NAL unit in whose access unit the buffer's times go: the first one that begins in the
 * buffer, or else the one that it continues */
static guint
find_owner_of_times (const KvsAccessUnitGatherer *gatherer)
{
  for (guint i = 0; i < gatherer->places->len; i++) {
    if (place_of (gatherer, i) == KVS_NAL_FIRST)
      return i;
  }
  return 0;
}

static void
release_held (KvsAccessUnitGatherer *gatherer, GError **error)
{
  if (gatherer->held.buffer == NULL)
    return;
  kvs_access_unit_parts_add_times (&gatherer->parts, &gatherer->held_tag);
  kvs_access_unit_parts_add (&gatherer->parts, &gatherer->held, gatherer->held_tag.flags, FALSE,
                             error);
  g_clear_pointer (&gatherer->held.buffer, g_bytes_unref);
}

static void
hold (KvsAccessUnitGatherer *gatherer, const KvsAccessUnitPiece *piece,
      const KvsAccessUnitTag *tag, gboolean has_times)
{
  gatherer->held = *piece;
  g_bytes_ref (piece->buffer);
  gatherer->held_tag = *tag;
  if (!has_times)
    gatherer->held_tag.pts_ns = gatherer->held_tag.dts_ns = gatherer->held_tag.duration_ns
        = KVS_ACCESS_UNIT_NO_TIME;
}

static void
take_nals (KvsAccessUnitGatherer *gatherer, GBytes *buffer, const KvsAccessUnitTag *tag,
           GError **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (buffer, &size);
  guint n = gatherer->nals->len;
  guint owner;

  find_places (gatherer, data);
  owner = find_owner_of_times (gatherer);
  for (guint i = 0; i < n; i++) {
    const KvsNalUnit *nal = &g_array_index (gatherer->nals, KvsNalUnit, i);
    KvsAccessUnitPiece piece = { buffer, cut_before (gatherer, data, i),
                                 i + 1 < n ? cut_before (gatherer, data, i + 1) : size, *nal };

    if (place_of (gatherer, i) == KVS_NAL_FIRST)
      complete (gatherer);
    release_held (gatherer, error);
    if (place_of (gatherer, i) == KVS_NAL_WITH_NEXT) {
      hold (gatherer, &piece, tag, i == owner);
      continue;
    }
    if (i == owner)
      kvs_access_unit_parts_add_times (&gatherer->parts, tag);
    kvs_access_unit_parts_add (&gatherer->parts, &piece, tag->flags,
                               is_picture (gatherer->codec, data + nal->offset, nal->size), error);
  }
}

/**
 * kvs_access_unit_gatherer_push:
 * @gatherer: a gatherer
 * @buffer: one or more whole NAL units, each with its start code or length; may be empty
 * @tag: what comes with it
 * @is_last: whether who sends the stream says that an access unit ends with this buffer, such as by
 *   the marker bit of RTP
 * @error: %KVS_ERROR_BAD_MEDIA when the buffer is damaged, and then nothing of it is taken; or when
 *   an access unit became larger than %KVS_ACCESS_UNIT_MAX_BYTES, which is dropped to its end
 *
 * Takes NAL units. Those before a picture, such as parameter sets, are in its access unit.
 * After this kvs_access_unit_gatherer_pop() gives the access units that are complete: those that
 * another one was seen to follow, and with @is_last that of this buffer too, if there is a picture
 * in it (cameras set the marker bit on parameter sets as well).
 *
 * An access unit of one buffer is that buffer, and one of a part of a buffer refers to it; others
 * are copied together once.
 *
 * Goes on after an error: what was complete can be popped, and more can be pushed.
 *
 * Returns: whether all of it was good
 */
gboolean
kvs_access_unit_gatherer_push (KvsAccessUnitGatherer *gatherer, GBytes *buffer,
                               const KvsAccessUnitTag *tag, gboolean is_last, GError **error)
{
  g_autoptr (GError) problem = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (buffer, &size);

  if (split (gatherer, data, size, &problem) && gatherer->nals->len > 0)
    take_nals (gatherer, buffer, tag, &problem);
  if (is_last && gatherer->parts.has_picture)
    kvs_access_unit_gatherer_finish (gatherer);
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

/**
 * kvs_access_unit_gatherer_pop:
 * @gatherer: a gatherer
 * @out: (out caller-allocates): the next complete access unit, to be emptied with
 *   kvs_access_unit_clear(); untouched if there is none
 *
 * Returns: whether there was one
 */
gboolean
kvs_access_unit_gatherer_pop (KvsAccessUnitGatherer *gatherer, KvsAccessUnit *out)
{
  g_autofree KvsAccessUnit *unit = g_queue_pop_head (&gatherer->complete);

  if (unit == NULL)
    return FALSE;
  *out = *unit;
  return TRUE;
}

/**
 * kvs_access_unit_gatherer_finish:
 * @gatherer: a gatherer
 *
 * Takes what is there for a complete access unit, though it be parameter sets alone: for the end of
 * the stream, and before a gap or discontinuity. The next NAL unit begins another one.
 */
void
kvs_access_unit_gatherer_finish (KvsAccessUnitGatherer *gatherer)
{
  release_held (gatherer, NULL);
  complete (gatherer);
  kvs_access_unit_detector_reset (gatherer->detector);
}
