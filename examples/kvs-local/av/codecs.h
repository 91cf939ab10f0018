/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which tracks can be played, and what playlists say about them. */
#pragma once

#include <libavcodec/avcodec.h>

#include <glib.h>

G_BEGIN_DECLS

/**
 * KvsLocalConsumer: where tracks are to go
 * @KVS_LOCAL_CONSUMER_HLS_MP4: HLS, in fragmented MP4
 * @KVS_LOCAL_CONSUMER_HLS_TS: HLS, in MPEG-TS
 * @KVS_LOCAL_CONSUMER_DASH: DASH
 * @KVS_LOCAL_CONSUMER_CLIP: the file of GetClip
 */
typedef enum {
  KVS_LOCAL_CONSUMER_HLS_MP4,
  KVS_LOCAL_CONSUMER_HLS_TS,
  KVS_LOCAL_CONSUMER_DASH,
  KVS_LOCAL_CONSUMER_CLIP,
} KvsLocalConsumer;

gboolean kvs_local_codecs_check (const GPtrArray *tracks, KvsLocalConsumer consumer,
                                 GError **error);
gboolean kvs_local_codecs_is_g711 (const AVCodecParameters *codec);
gboolean kvs_local_codecs_same_kind (const GPtrArray *a, const GPtrArray *b);
gboolean kvs_local_codecs_equal (const GPtrArray *a, const GPtrArray *b);
gchar *kvs_local_codecs_name (const AVCodecParameters *codec);

G_END_DECLS
