/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A feed with its buffer, and a service that reads it and holds all against its rules. */
#pragma once

#include "media.h"
#include "stream/feed.h"

G_BEGIN_DECLS

#define FEED_START (G_GINT64_CONSTANT (1700000000) * MEDIA_S)

#define FEED_VIDEO 1
#define FEED_AUDIO 2
#define FEED_AUDIO_2 3

typedef struct {
  KvsStreamDefinition *definition;
  KvsFragmentBuffer *buffer;
  KvsFeed *feed;
  KvsFeedEffect effect; /* of all that was done through this */
  guint next_id;
  KvsTrack *tracks[KVS_MAX_TRACKS]; /* to be told with the next frame */
} FeedRig;

FeedRig *feed_rig_new (void);
void feed_rig_begin (FeedRig *rig, guint n_tracks);
void feed_rig_free (FeedRig *rig);
void feed_rig_change_track (FeedRig *rig, guint track_number, guint variant);
KvsFrame *feed_frame_new (guint64 id, guint track_number, gboolean is_key, gint64 dts_ms,
                          gint64 pts_ms);
KvsPushResult feed_rig_push (FeedRig *rig, guint track_number, gboolean is_key, gint64 dts_ms,
                             gint64 pts_ms);
void feed_rig_end (FeedRig *rig);
gchar *feed_rig_drain (FeedRig *rig);
KvsBufferStats feed_rig_stats (FeedRig *rig);
guint64 feed_count_dropped (const KvsBufferStats *stats);

G_END_DECLS
