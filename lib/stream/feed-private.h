/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What feed.c (what comes from outside) and feed-deliver.c (frames in order) share. */
#pragma once

#include "stream/early-frames.h"
#include "stream/feed.h"
#include "stream/interleaver.h"

G_BEGIN_DECLS

/* One track, as far as its frames have come out of the interleaver. */
typedef struct {
  KvsTrack *track;     /* NULL before the first frame */
  gboolean undeclared; /* the header does not have it as it is now */
  gboolean wants_key_frame;
  gint flushing; /* atomic */
} KvsFeedSlot;

struct _KvsFeed {
  KvsFragmentBuffer *buffer;
  gboolean waits;    /* a source that is ahead waits for the others */
  GMutex lock;       /* all that follows; held while frames go into the buffer, never while waiting */
  GCond progress;    /* something happened that sources that are ahead wait for */
  KvsInterleaver *interleaver;
  KvsFeedSlot slots[KVS_MAX_TRACKS];
  KvsEarlyFrames *early; /* these wait for a key frame of the leading track */
  guint active; /* masks of track numbers */
  guint ended;
  guint time_line; /* of the last key frame of the leading track */
  gboolean stopped;
  gboolean timer_runs;
  gboolean content_type_told;
  gint64 first_key_ns; /* of the leading track; G_MININT64 before it */
  gboolean missing_told;
  guint n_waiting; /* sources that wait for progress */
  guint n_blocked; /* sources that wait for room */
  gint64 blocked_since_us;
  gint64 blocked_us; /* for how long some did, before */
};

KvsFeedSlot *kvs_feed_get_slot (KvsFeed *feed, guint track_number);

/* feed-deliver.c; with the lock held */
void kvs_feed_deliver (KvsFeed *feed, const KvsInterleaved *next, KvsFeedEffect *effect);
void kvs_feed_update_live_tracks (KvsFeed *feed, guint at_hand, KvsFeedEffect *effect);
void kvs_feed_push_alone (KvsFeed *feed, guint mask, KvsFeedEffect *effect);

G_END_DECLS
