/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a streaming Matroska file around its payloads. No I/O, no state, no going back. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "media/track.h"

G_BEGIN_DECLS

#define KVS_MKV_SEGMENT_UID_BYTES 16

/* What the functions below write at most. */
#define KVS_MKV_CLUSTER_START_MAX_BYTES 15
#define KVS_MKV_SIMPLE_BLOCK_MAX_BYTES 13

/* Between the size of a SimpleBlock and its payload: track number, timecode, flags. */
#define KVS_MKV_SIMPLE_BLOCK_HEAD_BYTES 4

/* A tag with this name and an empty value tells the service that the fragment is complete, so that
 * it need not wait for the next Cluster (kvs-api.md section 8). */
#define KVS_MKV_TAG_END_OF_FRAGMENT "AWS_KINESISVIDEO_END_OF_FRAGMENT"

/**
 * KvsMkvTag:
 * @name: TagName, UTF-8
 * @value: TagString, UTF-8, may be empty
 */
typedef struct {
  const gchar *name;
  const gchar *value;
} KvsMkvTag;

GBytes *kvs_mkv_header_new (const KvsTrack *const *tracks, guint n_tracks,
                            guint64 timecode_scale_ns,
                            const guint8 segment_uid[KVS_MKV_SEGMENT_UID_BYTES]);
gsize kvs_mkv_write_cluster_start (guint8 *out, guint64 timecode);
gsize kvs_mkv_write_simple_block_start (guint8 *out, guint track_number,
                                        gint16 relative_timecode, KvsFrameFlags flags,
                                        gsize payload_bytes);
GBytes *kvs_mkv_tags_new (const KvsMkvTag *tags, guint n_tags);

G_END_DECLS
