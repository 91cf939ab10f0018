/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/images-decode.h"

#include <libavcodec/avcodec.h>

#include "av/av-error.h"

/* Video is track 1 (kvs-api.md section 8). */
#define VIDEO_TRACK 0

/* 8K, above what any of the codecs' levels in use allow */
#define MAX_PIXELS (8192 * 4352)

/* current: the last one with a time up to that asked for; without a picture if there is none
 * next: the one after it, which may be asked for later
 * n_sent: packets of the fragment that the codec was given */
struct _KvsLocalImageDecoder {
  KvsLocalMedia *media;
  AVCodecContext *codec;
  AVFrame *current;
  AVFrame *next;
  guint n_sent;
  gboolean is_flushed;
};

static gboolean
is_decodable (const AVCodecParameters *track)
{
  return track->codec_id == AV_CODEC_ID_H264 || track->codec_id == AV_CODEC_ID_HEVC;
}

static gboolean
open_codec (KvsLocalImageDecoder *decoder, const AVCodecParameters *track, GError **error)
{
  const AVCodec *codec = avcodec_find_decoder (track->codec_id);
  int result;

  if (codec == NULL)
    return kvs_local_av_fail (error, "The codec", AVERROR_DECODER_NOT_FOUND);
  decoder->codec = avcodec_alloc_context3 (codec);
  /* a picture is not worth more than one processor of those that ingest needs */
  decoder->codec->thread_count = 1;
  decoder->codec->max_pixels = MAX_PIXELS;
  result = avcodec_parameters_to_context (decoder->codec, track);
  if (result >= 0)
    result = avcodec_open2 (decoder->codec, codec, NULL);
  return kvs_local_av_check (error, "The codec", result);
}

/**
 * kvs_local_image_decoder_new:
 * @media: of a fragment
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): a decoder; %NULL if the first track is no H.264 or H.265, or
 *   cannot be decoded
 */
KvsLocalImageDecoder *
kvs_local_image_decoder_new (KvsLocalMedia *media, GError **error)
{
  g_autoptr (KvsLocalImageDecoder) decoder = g_new0 (KvsLocalImageDecoder, 1);

  decoder->media = kvs_local_media_ref (media);
  decoder->current = av_frame_alloc ();
  decoder->next = av_frame_alloc ();
  if (media->tracks->len <= VIDEO_TRACK
      || !is_decodable (g_ptr_array_index (media->tracks, VIDEO_TRACK))) {
    kvs_local_av_fail (error, "The first track", AVERROR_DECODER_NOT_FOUND);
    return NULL;
  }
  return open_codec (decoder, g_ptr_array_index (media->tracks, VIDEO_TRACK), error)
           ? g_steal_pointer (&decoder)
           : NULL;
}

/* A frame that is broken costs its own picture, and not the fragment's others. */
static void
send_packet (KvsLocalImageDecoder *decoder)
{
  const GPtrArray *packets = decoder->media->packets;

  while (decoder->n_sent < packets->len) {
    const AVPacket *packet = g_ptr_array_index (packets, decoder->n_sent++);

    if (packet->stream_index == VIDEO_TRACK) {
      avcodec_send_packet (decoder->codec, packet);
      return;
    }
  }
  avcodec_send_packet (decoder->codec, NULL);
  decoder->is_flushed = TRUE;
}

/* Makes sure that @next has a picture; %FALSE if there are no more. */
static gboolean
decode_next (KvsLocalImageDecoder *decoder)
{
  if (decoder->next->buf[0] != NULL)
    return TRUE;
  for (;;) {
    int result = avcodec_receive_frame (decoder->codec, decoder->next);

    if (result >= 0) {
      if (decoder->next->pts == AV_NOPTS_VALUE)
        decoder->next->pts = decoder->next->best_effort_timestamp;
      return TRUE;
    }
    if (result == AVERROR_EOF || (decoder->is_flushed && result == AVERROR (EAGAIN)))
      return FALSE;
    if (result == AVERROR (EAGAIN))
      send_packet (decoder);
  }
}

/**
 * kvs_local_image_decoder_get:
 * @decoder: a decoder
 * @offset_ns: ns from the fragment's start; not earlier than the time before
 * @error: where to put an error
 *
 * Returns: (transfer none) (nullable): the picture that is shown then, the first one if it is before
 *   all; %NULL if none can be decoded. Valid until the next call.
 */
const AVFrame *
kvs_local_image_decoder_get (KvsLocalImageDecoder *decoder, gint64 offset_ns, GError **error)
{
  while (decode_next (decoder)
         && (decoder->current->buf[0] == NULL || decoder->next->pts <= offset_ns)) {
    av_frame_unref (decoder->current);
    av_frame_move_ref (decoder->current, decoder->next);
  }
  if (decoder->current->buf[0] != NULL)
    return decoder->current;
  kvs_local_av_fail (error, "The pictures", AVERROR_INVALIDDATA);
  return NULL;
}

/**
 * kvs_local_image_decoder_free:
 * @decoder: (transfer full) (nullable): a decoder
 */
void
kvs_local_image_decoder_free (KvsLocalImageDecoder *decoder)
{
  if (decoder == NULL)
    return;
  avcodec_free_context (&decoder->codec);
  av_frame_free (&decoder->current);
  av_frame_free (&decoder->next);
  kvs_local_media_unref (decoder->media);
  g_free (decoder);
}
