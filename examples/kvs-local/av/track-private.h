/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The codec private data that tracks have of their own: libavformat makes some up where it can, and
 * hides others. */
#pragma once

#include <libavcodec/avcodec.h>

#include <glib.h>

G_BEGIN_DECLS

/**
 * KvsLocalTrackPrivate:
 * @codec_id: (nullable): of Matroska
 * @data: (nullable): CodecPrivate, of which no more than %KVS_EBML_READER_MAX_PAYLOAD_BYTES are kept;
 *   %NULL if there is none or it is empty
 */
typedef struct {
  gchar *codec_id;
  GBytes *data;
} KvsLocalTrackPrivate;

GArray *kvs_local_track_private_read (const guint8 *file, gsize size);
void kvs_local_track_private_apply (const GArray *own, GPtrArray *tracks);
void kvs_local_track_private_blame (const GArray *own, GError **error);

G_END_DECLS
