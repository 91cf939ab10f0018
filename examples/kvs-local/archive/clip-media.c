/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/clip-media.h"

#include "api/service-error.h"
#include "av/codecs.h"

/* ISO/IEC 14496-15: where avcC and hvcC say how many bytes a NAL unit's length takes */
#define AVCC_LENGTH_AT 4
#define HVCC_LENGTH_AT 21

static gboolean
refuse (GError **error, KvsLocalError code, const gchar *message)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, (gint) code, message);
  return FALSE;
}

static gboolean
is_whole_units (const AVPacket *packet, guint length_size)
{
  const guint8 *data = packet->data;
  guint64 left = (guint64) packet->size;

  while (left > length_size) {
    guint64 size = 0;

    for (guint i = 0; i < length_size; i++)
      size = size << 8 | *data++;
    left -= length_size;
    if (size == 0 || size > left)
      return FALSE;
    data += size;
    left -= size;
  }
  return left == 0 && packet->size > 0;
}

static gboolean
frame_is_good (const KvsLocalMedia *media, const AVPacket *packet)
{
  const AVCodecParameters *codec
    = g_ptr_array_index (media->tracks, (guint) packet->stream_index);

  switch (codec->codec_id) {
    case AV_CODEC_ID_H264:
      return is_whole_units (packet, (codec->extradata[AVCC_LENGTH_AT] & 3u) + 1);
    case AV_CODEC_ID_HEVC:
      return is_whole_units (packet, (codec->extradata[HVCC_LENGTH_AT] & 3u) + 1);
    case AV_CODEC_ID_PCM_ALAW:
      return packet->size > 0 && packet->size % codec->block_align == 0;
    case AV_CODEC_ID_AAC:
    default:
      return packet->size > 0;
  }
}

/**
 * kvs_local_clip_media_check:
 * @media: of a fragment
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * The tracks are such as clips have (kvs-api.md section 8), and each frame can be read.
 *
 * Returns: whether it can be in a clip
 */
gboolean
kvs_local_clip_media_check (const KvsLocalMedia *media, GError **error)
{
  if (!kvs_local_codecs_check (media->tracks, KVS_LOCAL_CONSUMER_CLIP, error))
    return FALSE;
  for (guint i = 0; i < media->packets->len; i++) {
    if (!frame_is_good (media, g_ptr_array_index (media->packets, i)))
      return refuse (error, KVS_LOCAL_ERROR_INVALID_MEDIA_FRAME,
                     "A frame of the requested clip could not be parsed.");
  }
  return TRUE;
}

/**
 * kvs_local_clip_media_continues:
 * @first: of a clip's first fragment
 * @media: of another fragment
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Neither tracks nor codec private data may change within a clip (kvs-api.md section 14).
 *
 * Returns: whether it can be in the same clip
 */
gboolean
kvs_local_clip_media_continues (const KvsLocalMedia *first, const KvsLocalMedia *media,
                                GError **error)
{
  if (!kvs_local_codecs_same_kind (first->tracks, media->tracks))
    return refuse (error, KVS_LOCAL_ERROR_UNSUPPORTED_MEDIA_TYPE,
                   "The tracks of the media change within the clip.");
  return kvs_local_codecs_equal (first->tracks, media->tracks)
         || refuse (error, KVS_LOCAL_ERROR_INVALID_CODEC_PRIVATE_DATA,
                    "The codec private data change within the clip.");
}
