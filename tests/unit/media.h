/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that can be told apart after their way through Matroska, and the way back out of it. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "media/track.h"

G_BEGIN_DECLS

/* One NAL unit with its length before it, its header, and the frame's id. */
#define MEDIA_PAYLOAD_MIN_BYTES 13

/* avcC of a 320x240 Baseline stream */
#define MEDIA_AVCC_HEX \
  "0142c00dffe100186742c00dd90141fb0e1000000300100000030320f142a48001000568cb83cb20"

#define MEDIA_MS G_GINT64_CONSTANT (1000000)
#define MEDIA_S G_GINT64_CONSTANT (1000000000)

GBytes *media_payload_new (guint64 id, gboolean is_key, gsize size);
guint64 media_payload_id (const guint8 *data, gsize size);
KvsTrack *media_track_new (void);
KvsFrame *media_frame_new (guint64 id, gboolean is_key, gint64 pts_ns, gsize size);

/**
 * WireBlock: @time is absolute, in timecode units; @offset is what stood in the block.
 */
typedef struct {
  guint track;
  guint64 id;
  gint64 time;
  gint offset;
  gsize size;
  gboolean is_key;
} WireBlock;

typedef struct {
  guint64 timecode;
  gsize size;
  gboolean has_tags; /* Tags came right before it */
  GArray *blocks;    /* of WireBlock */
} WireCluster;

/**
 * Wire:
 *
 * What came over one connection. Written without a look at lib/mkv, for what Matroska looks like on
 * the way to the service: a header, then Clusters without size that hold SimpleBlocks, and Tags
 * between them. Anything else fails the test.
 */
typedef struct {
  GByteArray *pending;
  guint n_tags;
  gboolean has_tags; /* for the Cluster that comes next */
  GByteArray *header;
  GPtrArray *clusters; /* of WireCluster */
} Wire;

Wire *wire_new (void);
void wire_free (Wire *wire);
void wire_push (Wire *wire, const guint8 *data, gsize size);
guint wire_declared_tracks (const Wire *wire);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Wire, wire_free)

G_END_DECLS
