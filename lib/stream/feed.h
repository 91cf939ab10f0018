/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsFeed: the way of Frames from the threads of several Tracks into one fragment buffer. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "media/track.h"
#include "stream/fragment-buffer.h"
#include "stream/stream-definition.h"

G_BEGIN_DECLS

/* A source that has not begun by then is likely to have no link, or to have failed. */
#define KVS_FEED_MISSING_NS (10 * G_GINT64_CONSTANT (1000000000))

typedef struct _KvsFeed KvsFeed;

/**
 * KvsFeedEffect:
 * @push: see #KvsPushEffect
 * @n_late: how many frames were dropped because they came after their Fragment
 * @wants_timer: kvs_feed_run_timer() has to be called at kvs_feed_get_deadline_us()
 * @missing: mask with bit n set where track number n has brought nothing at all, while others have
 *   gone on for %KVS_FEED_MISSING_NS; once
 * @content_type: (transfer full) (nullable): of all tracks, once, when they are known
 *
 * What the caller has to do once a function of the feed has returned.
 */
typedef struct {
  KvsPushEffect push;
  guint n_late;
  guint missing;
  gboolean wants_timer;
  gchar *content_type;
} KvsFeedEffect;

KvsFeed *kvs_feed_new (KvsFragmentBuffer *buffer, const KvsStreamDefinition *definition);
void kvs_feed_free (KvsFeed *feed);

void kvs_feed_add_track (KvsFeed *feed, guint track_number, KvsTrackType type);
void kvs_feed_remove_track (KvsFeed *feed, guint track_number, KvsFeedEffect *effect);
void kvs_feed_set_flushing (KvsFeed *feed, guint track_number, gboolean flushing);

KvsPushResult kvs_feed_push (KvsFeed *feed, KvsFrame *frame, const KvsTrack *track,
                             KvsFeedEffect *effect);
void kvs_feed_progress (KvsFeed *feed, guint track_number, gint64 time_ns, KvsFeedEffect *effect);
void kvs_feed_end_track (KvsFeed *feed, guint track_number, KvsFeedEffect *effect);
void kvs_feed_end (KvsFeed *feed, KvsFeedEffect *effect);
void kvs_feed_stop (KvsFeed *feed);

gint64 kvs_feed_get_deadline_us (KvsFeed *feed);
void kvs_feed_run_timer (KvsFeed *feed, KvsFeedEffect *effect);

G_END_DECLS
