/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsVideoStream: access units of H.264 or H.265 as they come, into what Matroska stores. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "media/nal.h"

G_BEGIN_DECLS

typedef struct _KvsVideoStream KvsVideoStream;

typedef enum {
  KVS_VIDEO_CODEC_H264,
  KVS_VIDEO_CODEC_H265,
} KvsVideoCodec;

/**
 * KvsAccessUnitInfo:
 * @has_picture: whether there is something to store; parameter sets may come alone
 * @is_key: whether decoding can start here
 * @config_changed: whether kvs_video_stream_get_codec_private() is new or another than before
 */
typedef struct {
  gboolean has_picture;
  gboolean is_key;
  gboolean config_changed;
} KvsAccessUnitInfo;

KvsVideoStream *kvs_video_stream_new (KvsVideoCodec codec, gboolean is_byte_stream,
                                      GBytes *codec_data, GError **error);
void kvs_video_stream_free (KvsVideoStream *stream);
gboolean kvs_video_stream_parse (KvsVideoStream *stream, const guint8 *access_unit, gsize size,
                                 gboolean is_flagged, KvsAccessUnitInfo *info, GError **error);
gboolean kvs_video_stream_parse_nals (KvsVideoStream *stream, const guint8 *access_unit,
                                      const KvsNalUnit *nals, guint n_nals, gboolean is_flagged,
                                      KvsAccessUnitInfo *info, GError **error);
KvsFrame *kvs_video_stream_make_frame (const KvsVideoStream *stream, const KvsFrameInfo *info,
                                       KvsPayload *access_unit);
KvsVideoCodec kvs_video_stream_get_codec (const KvsVideoStream *stream);
GBytes *kvs_video_stream_get_codec_private (const KvsVideoStream *stream);
void kvs_video_stream_get_size (const KvsVideoStream *stream, guint *width, guint *height);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsVideoStream, kvs_video_stream_free)

G_END_DECLS
