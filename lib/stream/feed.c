/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/feed-private.h"

/**
 * kvs_feed_new:
 * @buffer: where frames go; must outlive the feed
 * @definition: of the stream; not kept
 *
 * Returns: (transfer full): a feed without tracks
 */
KvsFeed *
kvs_feed_new (KvsFragmentBuffer *buffer, const KvsStreamDefinition *definition)
{
  KvsFeed *feed = g_new0 (KvsFeed, 1);

  g_mutex_init (&feed->lock);
  g_cond_init (&feed->progress);
  feed->buffer = buffer;
  feed->waits = definition->streaming_type == KVS_STREAMING_TYPE_OFFLINE;
  feed->early = kvs_early_frames_new (buffer, (gsize) definition->storage_bytes / 2);
  feed->first_key_ns = G_MININT64;
  feed->interleaver = kvs_interleaver_new (definition->track_timeout_ns / 1000,
                                           (gsize) definition->storage_bytes / 2);
  return feed;
}

/**
 * kvs_feed_free:
 * @feed: (transfer full): a feed that no other thread uses any more
 */
void
kvs_feed_free (KvsFeed *feed)
{
  kvs_early_frames_free (feed->early);
  kvs_interleaver_free (feed->interleaver);
  for (guint i = 0; i < KVS_MAX_TRACKS; i++)
    kvs_track_free (feed->slots[i].track);
  g_cond_clear (&feed->progress);
  g_mutex_clear (&feed->lock);
  g_free (feed);
}

/* What silence is measured by: while a source waits for room, time stands still, for then it is not
 * the source that keeps others waiting. */
static gint64
get_time_us (const KvsFeed *feed)
{
  return (feed->n_blocked > 0 ? feed->blocked_since_us : g_get_monotonic_time ())
         - feed->blocked_us;
}

/* To signal costs a system call whether somebody waits or not. */
static void
tell_progress (KvsFeed *feed)
{
  if (feed->n_waiting > 0)
    g_cond_broadcast (&feed->progress);
}

/* Gives the buffer all that is in order now. */
static void
release (KvsFeed *feed, gint64 now_us, KvsFeedEffect *effect)
{
  KvsInterleaved next;

  while (kvs_interleaver_pop (feed->interleaver, now_us, &next))
    kvs_feed_deliver (feed, &next, effect);
  kvs_feed_update_live_tracks (feed, 0, effect);
  tell_progress (feed);
  if (feed->waits || feed->timer_runs
      || kvs_interleaver_get_deadline_us (feed->interleaver) < 0)
    return;
  feed->timer_runs = effect->wants_timer = TRUE;
}

/* ---- from outside ---- */

/**
 * kvs_feed_add_track:
 * @feed: a feed
 * @track_number: 1 to %KVS_MAX_TRACKS
 * @type: video or audio
 *
 * From now on the frames of the other tracks wait for those of this one. Any thread.
 */
void
kvs_feed_add_track (KvsFeed *feed, guint track_number, KvsTrackType type)
{
  g_mutex_lock (&feed->lock);
  g_atomic_int_set (&kvs_feed_get_slot (feed, track_number)->flushing, FALSE);
  kvs_interleaver_add_track (feed->interleaver, track_number, type);
  g_mutex_unlock (&feed->lock);
}

/**
 * kvs_feed_remove_track:
 * @feed: a feed
 * @track_number: a track whose source is gone
 * @effect: (inout): gets what has to be done
 *
 * What came of it still is stored. Any thread.
 */
void
kvs_feed_remove_track (KvsFeed *feed, guint track_number, KvsFeedEffect *effect)
{
  g_mutex_lock (&feed->lock);
  kvs_interleaver_remove_track (feed->interleaver, track_number);
  release (feed, get_time_us (feed), effect);
  g_mutex_unlock (&feed->lock);
}

/**
 * kvs_feed_set_flushing:
 * @feed: a feed
 * @track_number: a track
 * @flushing: whether kvs_feed_push() of that track returns at once, also where it waits now
 *
 * Any thread.
 */
void
kvs_feed_set_flushing (KvsFeed *feed, guint track_number, gboolean flushing)
{
  g_atomic_int_set (&kvs_feed_get_slot (feed, track_number)->flushing, flushing);
  kvs_fragment_buffer_interrupt (feed->buffer);
  g_mutex_lock (&feed->lock);
  tell_progress (feed);
  g_mutex_unlock (&feed->lock);
}

/* Until others do something, or time is up; that stands still while a source waits for room. */
static gboolean
wait_for_progress (KvsFeed *feed, gint64 deadline_us)
{
  gboolean has_time = TRUE;

  feed->n_waiting++;
  if (feed->n_blocked > 0)
    g_cond_wait (&feed->progress, &feed->lock);
  else
    has_time = g_cond_wait_until (&feed->progress, &feed->lock, deadline_us);
  feed->n_waiting--;
  return has_time;
}

/* A file's source is faster than its other tracks: it waits for them, but not for one that brings
 * nothing. */
static void
wait_for_others (KvsFeed *feed, guint track_number, KvsFeedEffect *effect)
{
  const gint *flushing = &kvs_feed_get_slot (feed, track_number)->flushing;

  while (feed->waits && !feed->stopped && !g_atomic_int_get (flushing)
         && kvs_interleaver_is_ahead (feed->interleaver, track_number)) {
    gint64 deadline_us = kvs_interleaver_get_deadline_us (feed->interleaver) + feed->blocked_us;

    if (!wait_for_progress (feed, deadline_us))
      release (feed, get_time_us (feed), effect);
  }
}

static gboolean
wait_for_room (KvsFeed *feed, const gint *flushing)
{
  gboolean may_push;

  if (!feed->waits)
    return kvs_fragment_buffer_wait_for_room (feed->buffer, flushing);
  g_mutex_lock (&feed->lock);
  if (feed->n_blocked++ == 0)
    feed->blocked_since_us = g_get_monotonic_time ();
  g_mutex_unlock (&feed->lock);
  may_push = kvs_fragment_buffer_wait_for_room (feed->buffer, flushing);
  g_mutex_lock (&feed->lock);
  if (--feed->n_blocked == 0)
    feed->blocked_us += g_get_monotonic_time () - feed->blocked_since_us;
  tell_progress (feed);
  g_mutex_unlock (&feed->lock);
  return may_push;
}

/**
 * kvs_feed_push:
 * @feed: a feed
 * @frame: (transfer full): the next frame of its track in decoding order
 * @track: (nullable): what its track is from this frame on, if that is new; copied
 * @effect: (inout): gets what has to be done
 *
 * Returns at once, but for streaming-type offline, where a source waits while the buffer is full or
 * while it is far ahead of the other tracks. One thread a track.
 *
 * Returns: %KVS_PUSH_FLUSHING if the frame was not taken, %KVS_PUSH_NOT_DECODABLE if the track needs
 *   a key frame, else %KVS_PUSH_STORED
 */
KvsPushResult
kvs_feed_push (KvsFeed *feed, KvsFrame *frame, const KvsTrack *track, KvsFeedEffect *effect)
{
  guint number = frame->info.track_number;
  KvsFeedSlot *slot = kvs_feed_get_slot (feed, number);
  KvsPushResult result = KVS_PUSH_STORED;
  gint64 now_us;

  if (!wait_for_room (feed, &slot->flushing)) {
    kvs_frame_free (frame);
    return KVS_PUSH_FLUSHING;
  }
  g_mutex_lock (&feed->lock);
  now_us = get_time_us (feed);
  kvs_interleaver_push (feed->interleaver, frame, track != NULL ? kvs_track_copy (track) : NULL,
                        now_us);
  release (feed, now_us, effect);
  wait_for_others (feed, number, effect);
  if (slot->wants_key_frame)
    result = KVS_PUSH_NOT_DECODABLE;
  slot->wants_key_frame = FALSE;
  g_mutex_unlock (&feed->lock);
  return result;
}

/**
 * kvs_feed_progress:
 * @feed: a feed
 * @track_number: a track
 * @time_ns: no frame of that track will come before this time
 * @effect: (inout): gets what has to be done
 *
 * Any thread.
 */
void
kvs_feed_progress (KvsFeed *feed, guint track_number, gint64 time_ns, KvsFeedEffect *effect)
{
  g_mutex_lock (&feed->lock);
  kvs_interleaver_progress (feed->interleaver, track_number, time_ns);
  release (feed, get_time_us (feed), effect);
  g_mutex_unlock (&feed->lock);
}

/**
 * kvs_feed_end_track:
 * @feed: a feed
 * @track_number: a track of which no more frames are expected
 * @effect: (inout): gets what has to be done
 *
 * Any thread.
 */
void
kvs_feed_end_track (KvsFeed *feed, guint track_number, KvsFeedEffect *effect)
{
  g_mutex_lock (&feed->lock);
  kvs_interleaver_end_track (feed->interleaver, track_number);
  release (feed, get_time_us (feed), effect);
  g_mutex_unlock (&feed->lock);
}

/**
 * kvs_feed_end:
 * @feed: a feed
 * @effect: (inout): gets what has to be done
 *
 * No more frames will come: gives the buffer all there is, and ends it. Any thread.
 */
void
kvs_feed_end (KvsFeed *feed, KvsFeedEffect *effect)
{
  g_mutex_lock (&feed->lock);
  kvs_interleaver_end_all (feed->interleaver);
  release (feed, get_time_us (feed), effect);
  if (kvs_early_frames_get_length (feed->early) > 0)
    kvs_feed_push_alone (feed, kvs_early_frames_get_tracks (feed->early), effect);
  kvs_fragment_buffer_end (feed->buffer);
  tell_progress (feed);
  g_mutex_unlock (&feed->lock);
}

/**
 * kvs_feed_stop:
 * @feed: a feed
 *
 * From now on kvs_feed_push() returns at once with %KVS_PUSH_FLUSHING, also where it waits now. Any
 * thread.
 */
void
kvs_feed_stop (KvsFeed *feed)
{
  kvs_fragment_buffer_set_flushing (feed->buffer, TRUE);
  g_mutex_lock (&feed->lock);
  feed->stopped = TRUE;
  tell_progress (feed);
  g_mutex_unlock (&feed->lock);
}

/**
 * kvs_feed_get_deadline_us:
 * @feed: a feed
 *
 * Returns: the time of the monotonic clock for kvs_feed_run_timer(); -1 if none is needed. Any thread.
 */
gint64
kvs_feed_get_deadline_us (KvsFeed *feed)
{
  gint64 deadline_us;

  g_mutex_lock (&feed->lock);
  deadline_us = kvs_interleaver_get_deadline_us (feed->interleaver);
  g_mutex_unlock (&feed->lock);
  return deadline_us;
}

/**
 * kvs_feed_run_timer:
 * @feed: a feed
 * @effect: (inout): gets what has to be done; whether another timer is wanted too
 *
 * Lets frames go that have waited long enough for a silent track. Any thread.
 */
void
kvs_feed_run_timer (KvsFeed *feed, KvsFeedEffect *effect)
{
  g_mutex_lock (&feed->lock);
  feed->timer_runs = FALSE;
  release (feed, get_time_us (feed), effect);
  g_mutex_unlock (&feed->lock);
}
