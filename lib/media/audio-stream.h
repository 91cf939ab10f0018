/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsAudioStream: buffers of AAC or G.711 as they come, into the packets that Matroska stores. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "media/g711.h"
#include "media/track.h"

G_BEGIN_DECLS

typedef struct _KvsAudioStream KvsAudioStream;

typedef enum {
  KVS_AUDIO_CODEC_AAC,
  KVS_AUDIO_CODEC_ALAW,
  KVS_AUDIO_CODEC_MULAW,
} KvsAudioCodec;

/**
 * KvsAudioBufferInfo:
 * @config_changed: whether kvs_audio_stream_make_track() gives a new track, or another than before;
 *   the packets that were found belong to it
 * @used_bytes: the part of the buffer that was looked at. Where it is less than the whole, a frame
 *   of another configuration follows: parse the rest as a buffer of its own.
 * @duration_ns: of all packets that were found, and so where the rest begins in time
 */
typedef struct {
  gboolean config_changed;
  gsize used_bytes;
  gint64 duration_ns;
} KvsAudioBufferInfo;

/**
 * KvsAudioPacket:
 * @offset: from the buffer's start
 * @size: in bytes
 * @time_offset_ns: from the buffer's start
 * @duration_ns: playback duration; the next packet begins where this one ends
 */
typedef struct {
  gsize offset;
  gsize size;
  gint64 time_offset_ns;
  gint64 duration_ns;
} KvsAudioPacket;

KvsAudioStream *kvs_audio_stream_new_aac (gboolean is_adts, GBytes *codec_data, GError **error);
KvsAudioStream *kvs_audio_stream_new_g711 (KvsG711Law law, guint sample_rate, guint channels,
                                           GError **error);
void kvs_audio_stream_free (KvsAudioStream *stream);
gboolean kvs_audio_stream_parse (KvsAudioStream *stream, GBytes *buffer, KvsAudioBufferInfo *info,
                                 GError **error);
const KvsAudioPacket *kvs_audio_stream_get_packets (const KvsAudioStream *stream,
                                                    guint *n_packets);
KvsFrame *kvs_audio_stream_make_frame (const KvsAudioStream *stream, const KvsFrameInfo *info,
                                       GBytes *buffer, guint packet_index);
KvsTrack *kvs_audio_stream_make_track (const KvsAudioStream *stream, guint number,
                                       const gchar *name);
KvsAudioCodec kvs_audio_stream_get_codec (const KvsAudioStream *stream);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsAudioStream, kvs_audio_stream_free)

G_END_DECLS
