/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/codecs.h"

#include <libavcodec/bsf.h>
#include <string.h>

#include "api/service-error.h"
#include "av/wave-format.h"
#include "media/aac.h"

#define MAX_TRACKS 2

/* ISO/IEC 14496-15: up to the number of parameter sets in avcC, of arrays in hvcC */
#define AVCC_BYTES 7
#define HVCC_BYTES 23

static gboolean G_GNUC_PRINTF (3, 4)
refuse (GError **error, KvsLocalError code, const gchar *format, ...)
{
  va_list args;
  g_autofree gchar *message = NULL;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, KVS_LOCAL_ERROR, (gint) code, message);
  return FALSE;
}

/* The filter that players of MPEG-TS need reads all parameter sets. */
static gboolean
filter_takes (const AVCodecParameters *codec, const gchar *name)
{
  const AVBitStreamFilter *filter = av_bsf_get_by_name (name);
  AVBSFContext *context = NULL;
  gboolean ok = av_bsf_alloc (filter, &context) >= 0
                && avcodec_parameters_copy (context->par_in, codec) >= 0
                && av_bsf_init (context) >= 0;

  av_bsf_free (&context);
  return ok;
}

static gboolean
private_data_is_good (const AVCodecParameters *codec)
{
  const guint8 *data = codec->extradata;
  gsize size = (gsize) codec->extradata_size;
  KvsAacConfig config;
  KvsLocalWaveFormat format;

  switch (codec->codec_id) {
    case AV_CODEC_ID_H264:
      return size >= AVCC_BYTES && data[0] == 1 && filter_takes (codec, "h264_mp4toannexb");
    case AV_CODEC_ID_HEVC:
      return size >= HVCC_BYTES && data[0] == 1 && filter_takes (codec, "hevc_mp4toannexb");
    case AV_CODEC_ID_PCM_ALAW:
    case AV_CODEC_ID_PCM_MULAW:
      return kvs_local_wave_format_parse (data, size, &format);
    case AV_CODEC_ID_AAC:
    default:
      return kvs_aac_config_parse (data, size, &config, NULL);
  }
}

static gboolean
first_is_supported (const GPtrArray *tracks, KvsLocalConsumer consumer)
{
  const AVCodecParameters *first = g_ptr_array_index (tracks, 0);

  switch (first->codec_id) {
    case AV_CODEC_ID_H264:
      return TRUE;
    case AV_CODEC_ID_HEVC:
      return consumer != KVS_LOCAL_CONSUMER_HLS_TS;
    case AV_CODEC_ID_AAC:
      return tracks->len == 1 && consumer != KVS_LOCAL_CONSUMER_CLIP;
    default:
      return FALSE;
  }
}

static gboolean
second_is_supported (const GPtrArray *tracks, KvsLocalConsumer consumer)
{
  const AVCodecParameters *first = g_ptr_array_index (tracks, 0);
  const AVCodecParameters *second = g_ptr_array_index (tracks, 1);

  switch (second->codec_id) {
    case AV_CODEC_ID_AAC:
      return TRUE;
    case AV_CODEC_ID_PCM_ALAW:
      return first->codec_id == AV_CODEC_ID_H264
             && (consumer == KVS_LOCAL_CONSUMER_DASH || consumer == KVS_LOCAL_CONSUMER_CLIP);
    case AV_CODEC_ID_PCM_MULAW:
      return first->codec_id == AV_CODEC_ID_H264 && consumer == KVS_LOCAL_CONSUMER_DASH;
    default:
      return FALSE;
  }
}

/**
 * kvs_local_codecs_check:
 * @tracks: (element-type AVCodecParameters): of a fragment
 * @consumer: where they are to go
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * The first track is H.264 or H.265 video, the second one, if there is any, AAC, or G.711 with H.264
 * where @consumer takes that; or AAC is alone (kvs-api.md section 8).
 *
 * Returns: whether they can be played
 */
gboolean
kvs_local_codecs_check (const GPtrArray *tracks, KvsLocalConsumer consumer, GError **error)
{
  if (tracks->len < 1 || tracks->len > MAX_TRACKS)
    return refuse (error, KVS_LOCAL_ERROR_UNSUPPORTED_MEDIA_TYPE,
                   "The fragment has %u tracks; one or two are supported.", tracks->len);
  for (guint i = 0; i < tracks->len; i++) {
    if (i == 0 ? !first_is_supported (tracks, consumer) : !second_is_supported (tracks, consumer))
      return refuse (error, KVS_LOCAL_ERROR_UNSUPPORTED_MEDIA_TYPE,
                     "The codec of track %u is not supported.", i + 1);
  }
  for (guint i = 0; i < tracks->len; i++) {
    const AVCodecParameters *codec = g_ptr_array_index (tracks, i);

    if (codec->extradata_size == 0)
      return refuse (error, KVS_LOCAL_ERROR_MISSING_CODEC_PRIVATE_DATA,
                     "Missing codec private data in fragment for track %u.", i + 1);
    if (!private_data_is_good (codec))
      return refuse (error, KVS_LOCAL_ERROR_INVALID_CODEC_PRIVATE_DATA,
                     "Invalid codec private data in fragment for track %u.", i + 1);
  }
  return TRUE;
}

/**
 * kvs_local_codecs_is_g711:
 * @codec: of a track
 *
 * Returns: whether it is A-law or mu-law sound
 */
gboolean
kvs_local_codecs_is_g711 (const AVCodecParameters *codec)
{
  return codec->codec_id == AV_CODEC_ID_PCM_ALAW || codec->codec_id == AV_CODEC_ID_PCM_MULAW;
}

/**
 * kvs_local_codecs_same_kind:
 * @a: (element-type AVCodecParameters): of a fragment
 * @b: (element-type AVCodecParameters): of another one
 *
 * Returns: whether both have the same tracks with the same codecs
 */
gboolean
kvs_local_codecs_same_kind (const GPtrArray *a, const GPtrArray *b)
{
  for (guint i = 0; i < MIN (a->len, b->len); i++) {
    const AVCodecParameters *x = g_ptr_array_index (a, i), *y = g_ptr_array_index (b, i);

    if (x->codec_id != y->codec_id)
      return FALSE;
  }
  return a->len == b->len;
}

/**
 * kvs_local_codecs_equal:
 * @a: (element-type AVCodecParameters): of a fragment
 * @b: (element-type AVCodecParameters): of another one
 *
 * Returns: whether one initialisation serves both
 */
gboolean
kvs_local_codecs_equal (const GPtrArray *a, const GPtrArray *b)
{
  if (!kvs_local_codecs_same_kind (a, b))
    return FALSE;
  for (guint i = 0; i < a->len; i++) {
    const AVCodecParameters *x = g_ptr_array_index (a, i), *y = g_ptr_array_index (b, i);

    if (x->width != y->width || x->height != y->height || x->sample_rate != y->sample_rate
        || x->extradata_size != y->extradata_size
        || memcmp (x->extradata, y->extradata, (gsize) x->extradata_size) != 0)
      return FALSE;
  }
  return TRUE;
}

/* ISO/IEC 14496-15 annex E.3 */
static gchar *
hevc_name (const guint8 *hvcc)
{
  static const gchar *const spaces[] = { "", "A", "B", "C" };
  guint32 flags = (guint32) hvcc[2] << 24 | (guint32) hvcc[3] << 16 | (guint32) hvcc[4] << 8
                  | hvcc[5];
  guint32 reversed = 0;
  guint n_constraints = 6;
  GString *name;

  for (guint i = 0; i < 32; i++)
    reversed |= (flags >> i & 1) << (31 - i);
  name = g_string_new (NULL);
  g_string_printf (name, "hvc1.%s%u.%X.%c%u", spaces[hvcc[1] >> 6], hvcc[1] & 31u, reversed,
                   (hvcc[1] & 32) != 0 ? 'H' : 'L', hvcc[12]);
  while (n_constraints > 0 && hvcc[5 + n_constraints] == 0)
    n_constraints--;
  for (guint i = 0; i < n_constraints; i++)
    g_string_append_printf (name, ".%X", hvcc[6 + i]);
  return g_string_free (name, FALSE);
}

/**
 * kvs_local_codecs_name:
 * @codec: of a track that kvs_local_codecs_check() takes
 *
 * Returns: (transfer full): its name in a CODECS attribute (RFC 6381)
 */
gchar *
kvs_local_codecs_name (const AVCodecParameters *codec)
{
  const guint8 *data = codec->extradata;
  KvsAacConfig config;

  switch (codec->codec_id) {
    case AV_CODEC_ID_H264:
      return g_strdup_printf ("avc1.%02x%02x%02x", data[1], data[2], data[3]);
    case AV_CODEC_ID_HEVC:
      return hevc_name (data);
    /* their sample descriptions, which have nothing more to tell */
    case AV_CODEC_ID_PCM_ALAW:
      return g_strdup ("alaw");
    case AV_CODEC_ID_PCM_MULAW:
      return g_strdup ("ulaw");
    case AV_CODEC_ID_AAC:
    default:
      kvs_aac_config_parse (data, (gsize) codec->extradata_size, &config, NULL);
      return g_strdup_printf ("mp4a.40.%u", config.has_ps   ? (guint) KVS_AAC_PS
                                            : config.has_sbr ? (guint) KVS_AAC_SBR
                                                             : config.object_type);
  }
}
