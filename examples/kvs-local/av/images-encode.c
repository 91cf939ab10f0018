/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/images-encode.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <string.h>

#include "av/av-error.h"

#define MAX_WIDTH 3840
#define SCALE_FLAGS (SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT)
#define N_COEFFICIENTS 64

/* The encoder multiplies its tables by the quantiser and divides by eight. */
#define NEUTRAL_QUANTISER 8

/* ITU-T T.81, tables K.1 and K.2, which "JPEG quality" is understood to scale */
static const guint8 luminance[N_COEFFICIENTS] = {
  16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
  14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
  18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
  49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
};
static const guint8 chrominance[N_COEFFICIENTS] = {
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
  24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
};

/* As the Independent JPEG Group's library scales them. */
static guint16 *
make_table (const guint8 *table, guint quality)
{
  guint16 *scaled = av_malloc_array (N_COEFFICIENTS, sizeof (guint16));
  guint percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;

  for (guint i = 0; i < N_COEFFICIENTS; i++)
    scaled[i] = (guint16) CLAMP ((table[i] * percent + 50) / 100, 1, 255);
  return scaled;
}

static gboolean
open_codec (AVCodecContext *codec, const AVFrame *picture, const KvsLocalImageFormat *format,
            GError **error)
{
  codec->width = picture->width;
  codec->height = picture->height;
  codec->pix_fmt = picture->format;
  codec->color_range = picture->color_range;
  codec->time_base = (AVRational) { 1, 1 };
  codec->thread_count = 1;
  if (!format->is_png) {
    codec->flags |= AV_CODEC_FLAG_QSCALE;
    codec->global_quality = NEUTRAL_QUANTISER * FF_QP2LAMBDA;
    codec->intra_matrix = make_table (luminance, format->quality);
    codec->chroma_intra_matrix = make_table (chrominance, format->quality);
  }
  return kvs_local_av_check (error, "The image", avcodec_open2 (codec, NULL, NULL));
}

static GBytes *
encode (AVFrame *picture, const KvsLocalImageFormat *format, GError **error)
{
  const AVCodec *encoder
    = avcodec_find_encoder (format->is_png ? AV_CODEC_ID_PNG : AV_CODEC_ID_MJPEG);
  AVCodecContext *codec = encoder != NULL ? avcodec_alloc_context3 (encoder) : NULL;
  AVPacket *packet = av_packet_alloc ();
  GBytes *bytes = NULL;
  int result = AVERROR_ENCODER_NOT_FOUND;

  if (codec != NULL && open_codec (codec, picture, format, error)) {
    picture->pts = 0;
    picture->quality = codec->global_quality;
    result = avcodec_send_frame (codec, picture);
    if (result >= 0)
      result = avcodec_receive_packet (codec, packet);
    if (kvs_local_av_check (error, "The image", result))
      bytes = g_bytes_new (packet->data, (gsize) packet->size);
  } else if (codec == NULL) {
    kvs_local_av_fail (error, "The image", result);
  }
  av_packet_free (&packet);
  /* libavcodec frees the other table alone */
  if (codec != NULL)
    av_freep (&codec->chroma_intra_matrix);
  avcodec_free_context (&codec);
  return bytes;
}

/* What is left out follows from the picture's shape. */
static void
set_size (AVFrame *image, const AVFrame *picture, const KvsLocalImageFormat *format)
{
  gint64 width = format->width;

  image->width = picture->width;
  image->height = picture->height;
  if (format->height == 0)
    return;
  if (width == 0)
    width = av_rescale (format->height, picture->width, picture->height);
  image->width = (int) CLAMP (width, 1, MAX_WIDTH);
  image->height = (int) format->height;
}

static gboolean
set_up_scaler (struct SwsContext *scaler, const AVFrame *picture, const AVFrame *image,
               GError **error)
{
  const int *from = sws_getCoefficients (picture->colorspace);
  const int *to = sws_getCoefficients (SWS_CS_DEFAULT);
  gboolean from_full = picture->color_range == AVCOL_RANGE_JPEG;
  int result;

  av_opt_set_int (scaler, "srcw", picture->width, 0);
  av_opt_set_int (scaler, "srch", picture->height, 0);
  av_opt_set_int (scaler, "src_format", picture->format, 0);
  av_opt_set_int (scaler, "src_range", from_full, 0);
  av_opt_set_int (scaler, "dstw", image->width, 0);
  av_opt_set_int (scaler, "dsth", image->height, 0);
  av_opt_set_int (scaler, "dst_format", image->format, 0);
  av_opt_set_int (scaler, "dst_range", 1, 0);
  av_opt_set_int (scaler, "sws_flags", SCALE_FLAGS, 0);
  result = sws_init_context (scaler, NULL, NULL);
  if (result >= 0)
    sws_setColorspaceDetails (scaler, from, from_full, to, 1, 0, 1 << 16, 1 << 16);
  return kvs_local_av_check (error, "The image", result);
}

static gboolean
scale (const AVFrame *picture, AVFrame *image, GError **error)
{
  struct SwsContext *scaler = sws_alloc_context ();
  int result = av_frame_get_buffer (image, 0);
  gboolean ok = kvs_local_av_check (error, "The image", result)
                && set_up_scaler (scaler, picture, image, error);

  if (ok)
    sws_scale (scaler, (const guint8 *const *) picture->data, picture->linesize, 0,
               picture->height, image->data, image->linesize);
  sws_freeContext (scaler);
  return ok;
}

/**
 * kvs_local_image_encode:
 * @picture: decoded
 * @format: what to make of it
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): the image's file
 */
GBytes *
kvs_local_image_encode (const AVFrame *picture, const KvsLocalImageFormat *format, GError **error)
{
  AVFrame *image = av_frame_alloc ();
  GBytes *bytes = NULL;

  image->format = format->is_png ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_YUV420P;
  /* JFIF knows no other */
  image->color_range = AVCOL_RANGE_JPEG;
  set_size (image, picture, format);
  if (scale (picture, image, error))
    bytes = encode (image, format, error);
  av_frame_free (&image);
  return bytes;
}
