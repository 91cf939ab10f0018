/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/video-stream.h"

#include "error.h"
#include "media/h264.h"
#include "media/h265.h"

/* Where lengthSizeMinusOne stands: ISO/IEC 14496-15 5.3.3.1 and 8.3.3.1 */
#define AVCC_LENGTH_SIZE_AT 4
#define HVCC_LENGTH_SIZE_AT 21
#define DEFAULT_LENGTH_SIZE 4

struct _KvsVideoStream {
  KvsVideoCodec codec;
  gboolean is_byte_stream;
  guint nal_length_size;
  KvsH264ParameterSets *h264; /* one of these two */
  KvsH265ParameterSets *h265;
  GArray *units; /* of KvsNalUnit, of the access unit that was parsed last */
  GBytes *codec_private;
};

/**
 * kvs_video_stream_free:
 * @stream: (transfer full) (nullable): a stream
 */
void
kvs_video_stream_free (KvsVideoStream *stream)
{
  if (stream == NULL)
    return;
  g_clear_pointer (&stream->h264, kvs_h264_parameter_sets_free);
  g_clear_pointer (&stream->h265, kvs_h265_parameter_sets_free);
  g_clear_pointer (&stream->codec_private, g_bytes_unref);
  g_array_unref (stream->units);
  g_free (stream);
}

/* ---- parameter sets ---- */

static gboolean
is_complete (const KvsVideoStream *stream)
{
  return stream->h264 != NULL ? kvs_h264_parameter_sets_is_complete (stream->h264)
                              : kvs_h265_parameter_sets_is_complete (stream->h265);
}

static void
seed (KvsVideoStream *stream, GPtrArray *nals)
{
  for (guint i = 0; i < nals->len; i++) {
    gsize size;
    const guint8 *nal = g_bytes_get_data (nals->pdata[i], &size);
    gboolean changed;

    /* A set that only decoders of its kind understand is kept in the codec_data all the same. */
    if (stream->h264 != NULL)
      kvs_h264_parameter_sets_add_nal (stream->h264, nal, size, &changed, NULL);
    else
      kvs_h265_parameter_sets_add_nal (stream->h265, nal, size, &changed, NULL);
  }
}

static gboolean
read_avcc (KvsVideoStream *stream, GBytes *codec_data, GError **error)
{
  g_auto (KvsH264Avcc) avcc = { 0 };

  if (!kvs_h264_avcc_parse (codec_data, &avcc, error))
    return FALSE;
  stream->nal_length_size = avcc.nal_length_size;
  seed (stream, avcc.sps);
  seed (stream, avcc.pps);
  return TRUE;
}

static gboolean
read_hvcc (KvsVideoStream *stream, GBytes *codec_data, GError **error)
{
  g_auto (KvsH265Hvcc) hvcc = { 0 };

  if (!kvs_h265_hvcc_parse (codec_data, &hvcc, error))
    return FALSE;
  stream->nal_length_size = hvcc.nal_length_size;
  seed (stream, hvcc.vps);
  seed (stream, hvcc.sps);
  seed (stream, hvcc.pps);
  return TRUE;
}

static GBytes *
with_length_size (GBytes *config, gsize at, guint nal_length_size)
{
  gsize size;
  guint8 *data = g_bytes_unref_to_data (config, &size);

  data[at] = (guint8) ((data[at] & 0xfc) | (nal_length_size - 1));
  return g_bytes_new_take (data, size);
}

static gboolean
make_config (KvsVideoStream *stream, GError **error)
{
  gboolean is_h264 = stream->h264 != NULL;
  GBytes *config = is_h264 ? kvs_h264_parameter_sets_make_avcc (stream->h264, error)
                           : kvs_h265_parameter_sets_make_hvcc (stream->h265, error);

  if (config == NULL)
    return FALSE;
  g_clear_pointer (&stream->codec_private, g_bytes_unref);
  stream->codec_private
      = with_length_size (config, is_h264 ? AVCC_LENGTH_SIZE_AT : HVCC_LENGTH_SIZE_AT,
                          stream->nal_length_size);
  return TRUE;
}

static gboolean
take_parameter_sets (KvsVideoStream *stream, const guint8 *data, gboolean *changed,
                     GError **error)
{
  const KvsNalUnit *units = (const KvsNalUnit *) stream->units->data;
  guint n_units = stream->units->len;
  gboolean sets_changed;
  gboolean good
      = stream->h264 != NULL
            ? kvs_h264_parameter_sets_add_access_unit (stream->h264, data, units, n_units,
                                                       &sets_changed, error)
            : kvs_h265_parameter_sets_add_access_unit (stream->h265, data, units, n_units,
                                                       &sets_changed, error);

  *changed = FALSE;
  if (!good || !sets_changed || !is_complete (stream))
    return good;
  *changed = TRUE;
  return make_config (stream, error);
}

/**
 * kvs_video_stream_new:
 * @codec: H.264 or H.265
 * @is_byte_stream: whether access units have start codes (Annex B); else lengths
 * @codec_data: (nullable): avcC or hvcC of the stream, if it comes with one
 * @error: %KVS_ERROR_BAD_MEDIA when @codec_data is damaged
 *
 * The codec private data is @codec_data as it is, until parameter sets in the stream say otherwise. A
 * stream with lengths but without @codec_data is taken to have lengths of 4 bytes.
 *
 * Returns: (transfer full) (nullable): a new stream, for one thread
 */
KvsVideoStream *
kvs_video_stream_new (KvsVideoCodec codec, gboolean is_byte_stream, GBytes *codec_data,
                      GError **error)
{
  g_autoptr (KvsVideoStream) stream = g_new0 (KvsVideoStream, 1);
  gboolean is_h264 = codec == KVS_VIDEO_CODEC_H264;

  stream->codec = codec;
  stream->is_byte_stream = is_byte_stream;
  stream->nal_length_size = DEFAULT_LENGTH_SIZE;
  stream->units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  if (is_h264)
    stream->h264 = kvs_h264_parameter_sets_new ();
  else
    stream->h265 = kvs_h265_parameter_sets_new ();
  if (is_byte_stream || codec_data == NULL)
    return g_steal_pointer (&stream);

  if (!(is_h264 ? read_avcc (stream, codec_data, error) : read_hvcc (stream, codec_data, error)))
    return NULL;
  /* avc3 and hev1 may leave all sets to the stream; then this is no header to decode with yet. */
  if (is_complete (stream))
    stream->codec_private = g_bytes_ref (codec_data);
  return g_steal_pointer (&stream);
}

/* ---- access units ---- */

static gboolean
split (KvsVideoStream *stream, const guint8 *data, gsize size, GError **error)
{
  if (!stream->is_byte_stream)
    return kvs_nal_split_length_prefixed (data, size, stream->nal_length_size, stream->units,
                                          error);
  kvs_nal_split_annexb (data, size, stream->units);
  if (stream->units->len > 0)
    return TRUE;
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                       "An access unit of stream-format=byte-stream has no start code");
  return FALSE;
}

static gboolean
has_h264_picture (const KvsNalUnit *units, guint n_units, const guint8 *data)
{
  for (guint i = 0; i < n_units; i++) {
    if (kvs_h264_nal_type_is_vcl (kvs_h264_nal_type (data + units[i].offset)))
      return TRUE;
  }
  return FALSE;
}

static void
look_at_picture (const KvsVideoStream *stream, const guint8 *data, gboolean is_flagged,
                 KvsAccessUnitInfo *info)
{
  const KvsNalUnit *units = (const KvsNalUnit *) stream->units->data;
  guint n_units = stream->units->len;
  KvsH264Picture picture;

  if (stream->h265 != NULL) {
    KvsH265Picture kind = kvs_h265_access_unit_get_picture (data, units, n_units);

    info->has_picture = kind != KVS_H265_PICTURE_NONE;
    info->is_key = kvs_h265_picture_is_key (kind);
    return;
  }
  info->has_picture = has_h264_picture (units, n_units, data);
  if (!is_flagged) {
    info->is_key = kvs_h264_access_unit_is_key (data, units, n_units);
    return;
  }
  kvs_h264_access_unit_inspect (data, units, n_units, &picture);
  info->is_key = kvs_h264_picture_is_random_access (&picture, is_flagged);
}

/* After the access unit was split. */
static gboolean
parse (KvsVideoStream *stream, const guint8 *access_unit, gboolean is_flagged,
       KvsAccessUnitInfo *info, GError **error)
{
  if (!take_parameter_sets (stream, access_unit, &info->config_changed, error))
    return FALSE;
  look_at_picture (stream, access_unit, is_flagged, info);
  return TRUE;
}

/**
 * kvs_video_stream_parse:
 * @stream: a stream
 * @access_unit: (nullable): one access unit
 * @size: of @access_unit in bytes
 * @is_flagged: whether the source calls it a key frame
 * @info: (out): what is in it
 * @error: %KVS_ERROR_BAD_MEDIA when it is damaged
 *
 * Takes the parameter sets in it, and says whether decoding can start with it: at IDR, CRA and BLA
 * pictures whatever the source says, and where the source says so at H.264 pictures of I slices or
 * with a recovery point. A flag alone is not believed: cameras flag every picture. The NAL units are
 * remembered for kvs_video_stream_make_frame().
 *
 * Returns: whether it is good
 */
gboolean
kvs_video_stream_parse (KvsVideoStream *stream, const guint8 *access_unit, gsize size,
                        gboolean is_flagged, KvsAccessUnitInfo *info, GError **error)
{
  *info = (KvsAccessUnitInfo) { FALSE, FALSE, FALSE };
  if (size == 0)
    return TRUE;
  return split (stream, access_unit, size, error)
         && parse (stream, access_unit, is_flagged, info, error);
}

/**
 * kvs_video_stream_parse_nals:
 * @stream: a stream
 * @access_unit: one access unit
 * @nals: where its NAL units lie in it
 * @n_nals: how many
 * @is_flagged: whether the source calls it a key frame
 * @info: (out): what is in it
 * @error: %KVS_ERROR_BAD_MEDIA when it is damaged
 *
 * As kvs_video_stream_parse(), for who knows the NAL units already.
 *
 * Returns: whether it is good
 */
gboolean
kvs_video_stream_parse_nals (KvsVideoStream *stream, const guint8 *access_unit,
                             const KvsNalUnit *nals, guint n_nals, gboolean is_flagged,
                             KvsAccessUnitInfo *info, GError **error)
{
  *info = (KvsAccessUnitInfo) { FALSE, FALSE, FALSE };
  g_array_set_size (stream->units, 0);
  g_array_append_vals (stream->units, nals, n_nals);
  return parse (stream, access_unit, is_flagged, info, error);
}

/**
 * kvs_video_stream_make_frame:
 * @stream: a stream, after kvs_video_stream_parse() of the same access unit
 * @info: track, flags and times
 * @access_unit: the bytes; empty afterwards
 *
 * Returns: (transfer full): the frame, with length-prefixed NAL units
 */
KvsFrame *
kvs_video_stream_make_frame (const KvsVideoStream *stream, const KvsFrameInfo *info,
                             KvsPayload *access_unit)
{
  if (!stream->is_byte_stream)
    return kvs_frame_new_take (info, access_unit);
  return kvs_frame_new_from_nal_units (info, access_unit, (const KvsNalUnit *) stream->units->data,
                                       stream->units->len);
}

/**
 * kvs_video_stream_get_codec:
 * @stream: a stream
 *
 * Returns: its codec
 */
KvsVideoCodec
kvs_video_stream_get_codec (const KvsVideoStream *stream)
{
  return stream->codec;
}

/**
 * kvs_video_stream_get_codec_private:
 * @stream: a stream
 *
 * Returns: (transfer none) (nullable): avcC or hvcC; %NULL while parameter sets are missing
 */
GBytes *
kvs_video_stream_get_codec_private (const KvsVideoStream *stream)
{
  return stream->codec_private;
}

/**
 * kvs_video_stream_get_size:
 * @stream: a stream
 * @width: (out): in pixels, after cropping; 0 while it is not known
 * @height: (out): the same
 */
void
kvs_video_stream_get_size (const KvsVideoStream *stream, guint *width, guint *height)
{
  const KvsH264Sps *h264
      = stream->h264 != NULL ? kvs_h264_parameter_sets_get_sps (stream->h264) : NULL;
  const KvsH265Sps *h265
      = stream->h265 != NULL ? kvs_h265_parameter_sets_get_sps (stream->h265) : NULL;

  *width = h264 != NULL ? h264->width : h265 != NULL ? h265->width : 0;
  *height = h264 != NULL ? h264->height : h265 != NULL ? h265->height : 0;
}
