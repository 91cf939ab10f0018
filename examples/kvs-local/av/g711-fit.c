/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/g711-fit.h"

#include <string.h>

/* ITU-T G.711: the smallest values there are */
#define A_LAW_SILENCE 0xd5
#define MU_LAW_SILENCE 0xff

#define MS_PER_SECOND 1000

static gboolean
put_silence (KvsLocalG711Fit *fit, const AVCodecParameters *codec, AVPacket *packet,
             gint64 n_samples)
{
  gsize left = KVS_LOCAL_G711_MAX_SILENCE_BYTES - fit->silence_bytes;
  gsize size = (gsize) n_samples * (gsize) codec->block_align;
  AVPacket *longer;

  if ((guint64) n_samples > left / (gsize) codec->block_align)
    return TRUE;
  longer = av_packet_alloc ();
  if (longer == NULL || av_new_packet (longer, (int) size + packet->size) < 0
      || av_packet_copy_props (longer, packet) < 0) {
    av_packet_free (&longer);
    return FALSE;
  }
  memset (longer->data, codec->codec_id == AV_CODEC_ID_PCM_ALAW ? A_LAW_SILENCE : MU_LAW_SILENCE,
          size);
  memcpy (longer->data + size, packet->data, (gsize) packet->size);
  av_packet_unref (packet);
  av_packet_move_ref (packet, longer);
  av_packet_free (&longer);
  fit->silence_bytes += size;
  return TRUE;
}

static void
cut_start (const AVCodecParameters *codec, AVPacket *packet, gint64 n_samples)
{
  int size = (int) MIN (n_samples, packet->size / codec->block_align) * codec->block_align;

  packet->data += size;
  packet->size -= size;
}

/**
 * kvs_local_g711_fit:
 * @fit: of this track
 * @codec: of this track, with sample_rate and block_align
 * @packet: whole samples, with pts in samples
 *
 * Makes @packet begin where the one before has ended. If that is far from its time, silence is put
 * before it, or what is too early is cut off, which may be all of it.
 *
 * Returns: %FALSE if memory is short
 */
gboolean
kvs_local_g711_fit (KvsLocalG711Fit *fit, const AVCodecParameters *codec, AVPacket *packet)
{
  gint64 slack = (gint64) codec->sample_rate * KVS_LOCAL_G711_SLACK_MS / MS_PER_SECOND;
  gint64 late;

  if (!fit->has_begun)
    fit->end = packet->pts;
  fit->has_begun = TRUE;
  late = packet->pts - fit->end;
  if (late > slack && !put_silence (fit, codec, packet, late))
    return FALSE;
  if (late < -slack)
    cut_start (codec, packet, -late);
  packet->pts = packet->dts = fit->end;
  packet->duration = packet->size / codec->block_align;
  fit->end += packet->duration;
  return TRUE;
}
