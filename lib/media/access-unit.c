/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/access-unit.h"

#include <string.h>

#include "error.h"
#include "media/h264.h"
#include "media/h265.h"

#define DEFAULT_LENGTH_SIZE 4
#define START_CODE_BYTES 3

/**
 * Piece: a part of a buffer, from one NAL unit's start code or length to another one's.
 */
typedef struct {
  GBytes *buffer;
  gsize start;
  gsize end;
} Piece;

/**
 * Unit: what is there of an access unit.
 * @times: the flags are those of the picture
 * @is_given_up: whether it became too large; its pieces were dropped and more will be
 */
typedef struct {
  GArray *pieces; /* of Piece */
  gsize size_bytes;
  gboolean has_picture;
  gboolean is_given_up;
  KvsAccessUnitTag tag;
  guint any_flags;
} Unit;

struct _KvsAccessUnitGatherer {
  KvsVideoCodec codec;
  guint length_size; /* 0 with start codes */
  KvsAccessUnitDetector *detector;
  Unit unit;
  Piece held; /* a last NAL unit that belongs with the next one; buffer is NULL if there is none */
  KvsAccessUnitTag held_tag;
  GQueue complete; /* of KvsAccessUnit */
  GArray *nals;    /* of KvsNalUnit, of one buffer */
  GArray *places;  /* of KvsNalPlace, of the same NAL units */
};

static const KvsAccessUnitTag no_tag
    = { KVS_ACCESS_UNIT_NO_TIME, KVS_ACCESS_UNIT_NO_TIME, KVS_ACCESS_UNIT_NO_TIME, 0 };

static void
piece_clear (gpointer data)
{
  Piece *piece = data;

  g_clear_pointer (&piece->buffer, g_bytes_unref);
}

static void
unit_reset (Unit *unit)
{
  g_array_set_size (unit->pieces, 0);
  unit->size_bytes = 0;
  unit->has_picture = FALSE;
  unit->is_given_up = FALSE;
  unit->tag = no_tag;
  unit->any_flags = 0;
}

/**
 * kvs_access_unit_clear:
 * @unit: what kvs_access_unit_gatherer_pop() filled, or zeros
 */
void
kvs_access_unit_clear (KvsAccessUnit *unit)
{
  g_clear_pointer (&unit->bytes, g_bytes_unref);
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
  gatherer->unit.pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  g_array_set_clear_func (gatherer->unit.pieces, piece_clear);
  unit_reset (&gatherer->unit);
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
  unit_reset (&gatherer->unit);
  piece_clear (&gatherer->held);
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
  g_array_unref (gatherer->unit.pieces);
  g_array_unref (gatherer->nals);
  g_array_unref (gatherer->places);
  kvs_access_unit_detector_free (gatherer->detector);
  g_free (gatherer);
}

/* ---- from pieces to an access unit ---- */

static GBytes *
join (const Unit *unit)
{
  const Piece *pieces = (const Piece *) unit->pieces->data;
  guint8 *joined, *at;

  /* gives the buffer itself where the piece is all of it */
  if (unit->pieces->len == 1)
    return g_bytes_new_from_bytes (pieces[0].buffer, pieces[0].start,
                                   pieces[0].end - pieces[0].start);
  joined = at = g_malloc (unit->size_bytes);
  for (guint i = 0; i < unit->pieces->len; i++) {
    gsize size = pieces[i].end - pieces[i].start;
    const guint8 *data = g_bytes_get_data (pieces[i].buffer, NULL);

    memcpy (at, data + pieces[i].start, size);
    at += size;
  }
  return g_bytes_new_take (joined, unit->size_bytes);
}

static void
complete (KvsAccessUnitGatherer *gatherer)
{
  Unit *unit = &gatherer->unit;

  if (unit->pieces->len > 0) {
    KvsAccessUnit *out = g_new (KvsAccessUnit, 1);

    *out = (KvsAccessUnit) {
      .bytes = join (unit),
      .pts_ns = unit->tag.pts_ns,
      .dts_ns = unit->tag.dts_ns,
      .duration_ns = unit->tag.duration_ns,
      .any_flags = unit->any_flags,
      .picture_flags = unit->tag.flags,
    };
    g_queue_push_tail (&gatherer->complete, out);
  }
  unit_reset (unit);
}

static void
give_up (Unit *unit, GError **error)
{
  g_array_set_size (unit->pieces, 0);
  unit->is_given_up = TRUE;
  if (error != NULL && *error == NULL)
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "An access unit of more than %d bytes or %d buffers was dropped; is this a stream "
                 "of single NAL units, and do its pictures have an end?", KVS_ACCESS_UNIT_MAX_BYTES,
                 KVS_ACCESS_UNIT_MAX_BUFFERS);
}

static void
add_piece (Unit *unit, const Piece *piece, GError **error)
{
  guint n = unit->pieces->len;
  Piece *last = n > 0 ? &g_array_index (unit->pieces, Piece, n - 1) : NULL;
  gsize size = piece->end - piece->start;

  if (unit->is_given_up)
    return;
  if (size > KVS_ACCESS_UNIT_MAX_BYTES - unit->size_bytes || n == KVS_ACCESS_UNIT_MAX_BUFFERS) {
    give_up (unit, error);
    return;
  }
  unit->size_bytes += size;
  if (last != NULL && last->buffer == piece->buffer && last->end == piece->start) {
    last->end = piece->end;
  } else {
    Piece copy = { g_bytes_ref (piece->buffer), piece->start, piece->end };

    g_array_append_val (unit->pieces, copy);
  }
}

static void
take_time (gint64 *time_ns, gint64 from_ns)
{
  if (*time_ns == KVS_ACCESS_UNIT_NO_TIME)
    *time_ns = from_ns;
}

static void
add_times (Unit *unit, const KvsAccessUnitTag *tag)
{
  take_time (&unit->tag.pts_ns, tag->pts_ns);
  take_time (&unit->tag.dts_ns, tag->dts_ns);
  /* GStreamer's h264parse gives the whole duration to one slice and 0 to all else of a picture */
  if (tag->duration_ns > 0)
    take_time (&unit->tag.duration_ns, tag->duration_ns);
}

static void
add_flags (Unit *unit, guint flags, gboolean is_picture)
{
  if (unit->pieces->len == 0 || (is_picture && !unit->has_picture))
    unit->tag.flags = flags;
  unit->any_flags |= flags;
  unit->has_picture = unit->has_picture || is_picture;
}

/* ---- from buffers to pieces ---- */

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

/* Asks the detector about each NAL unit. A prefix NAL unit then has the place of the one after it,
 * unless it is the buffer's last one; the place of the first is also that of one that was held. */
static void
find_places (KvsAccessUnitGatherer *gatherer, const guint8 *data)
{
  guint n = gatherer->nals->len;

  g_array_set_size (gatherer->places, n);
  for (guint i = 0; i < n; i++) {
    const KvsNalUnit *nal = &g_array_index (gatherer->nals, KvsNalUnit, i);

    g_array_index (gatherer->places, KvsNalPlace, i)
        = kvs_access_unit_detector_push (gatherer->detector, data + nal->offset, nal->size);
  }
  for (guint i = n - 1; i > 0; i--) {
    KvsNalPlace *place = &g_array_index (gatherer->places, KvsNalPlace, i);

    if (place_of (gatherer, i - 1) != KVS_NAL_WITH_NEXT || *place == KVS_NAL_WITH_NEXT)
      continue;
    g_array_index (gatherer->places, KvsNalPlace, i - 1) = *place;
    *place = KVS_NAL_WITHIN;
  }
}

/* Returns: the NAL unit whose access unit the buffer's times belong to */
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
  add_flags (&gatherer->unit, gatherer->held_tag.flags, FALSE);
  add_times (&gatherer->unit, &gatherer->held_tag);
  add_piece (&gatherer->unit, &gatherer->held, error);
  piece_clear (&gatherer->held);
}

static void
hold (KvsAccessUnitGatherer *gatherer, const Piece *piece, const KvsAccessUnitTag *tag,
      gboolean has_times)
{
  gatherer->held = (Piece) { g_bytes_ref (piece->buffer), piece->start, piece->end };
  gatherer->held_tag = has_times ? *tag : no_tag;
  gatherer->held_tag.flags = tag->flags;
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
    Piece piece = { buffer, cut_before (gatherer, data, i),
                    i + 1 < n ? cut_before (gatherer, data, i + 1) : size };

    if (place_of (gatherer, i) == KVS_NAL_FIRST)
      complete (gatherer);
    release_held (gatherer, error);
    if (place_of (gatherer, i) == KVS_NAL_WITH_NEXT) {
      hold (gatherer, &piece, tag, n == 1);
      continue;
    }
    add_flags (&gatherer->unit, tag->flags,
               is_picture (gatherer->codec, data + nal->offset, nal->size));
    if (i == owner)
      add_times (&gatherer->unit, tag);
    add_piece (&gatherer->unit, &piece, error);
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
  if (is_last && gatherer->unit.has_picture)
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
