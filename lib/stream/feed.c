/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/feed.h"

#include "stream/early-frames.h"
#include "stream/interleaver.h"

/* One track, as far as its frames have come out of the interleaver. */
typedef struct {
  KvsTrack *track;     /* NULL before the first frame */
  gboolean undeclared; /* the header does not have it as it is now */
  gboolean wants_key_frame;
  gint flushing; /* atomic */
} Slot;

struct _KvsFeed {
  KvsFragmentBuffer *buffer;
  gboolean waits;    /* a source that is ahead waits for the others */
  GMutex lock;       /* all that follows; held while frames go into the buffer, never while waiting */
  GCond progress;    /* something happened that sources that are ahead wait for */
  KvsInterleaver *interleaver;
  Slot slots[KVS_MAX_TRACKS];
  KvsEarlyFrames *early; /* these wait for a key frame of the leading track */
  guint active; /* masks of track numbers */
  guint ended;
  guint time_line; /* of the last key frame of the leading track */
  gboolean stopped;
  gboolean timer_runs;
  gboolean content_type_told;
  guint n_waiting; /* sources that wait for progress */
  guint n_blocked; /* sources that wait for room */
  gint64 blocked_since_us;
  gint64 blocked_us; /* for how long some did, before */
};

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

static Slot *
get_slot (KvsFeed *feed, guint track_number)
{
  g_assert (track_number >= 1 && track_number <= KVS_MAX_TRACKS);
  return &feed->slots[track_number - 1];
}

/* What silence is measured by: while a source waits for room, time stands still, for then it is not
 * the source that keeps others waiting. */
static gint64
get_time_us (const KvsFeed *feed)
{
  return (feed->n_blocked > 0 ? feed->blocked_since_us : g_get_monotonic_time ())
         - feed->blocked_us;
}

/* ---- the header ---- */

/* The track whose key frames start Fragments: the first video track that lives, else the first one
 * that does. */
static guint
find_lead (const KvsFeed *feed)
{
  guint lead = 0;

  for (guint number = 1; number <= KVS_MAX_TRACKS; number++) {
    const KvsTrack *track = feed->slots[number - 1].track;

    if (track == NULL || (feed->active & KVS_TRACK_BIT (number)) == 0)
      continue;
    if (track->type == KVS_TRACK_TYPE_VIDEO)
      return number;
    if (lead == 0)
      lead = number;
  }
  return lead;
}

static gchar *
join_content_types (const KvsTrack *const *tracks, guint n_tracks)
{
  g_autoptr (GString) joined = g_string_new (NULL);

  for (guint i = 0; i < n_tracks; i++) {
    if (tracks[i]->content_type != NULL)
      g_string_append_printf (joined, "%s%s", joined->len > 0 ? "," : "", tracks[i]->content_type);
  }
  return joined->len > 0 ? g_strdup (joined->str) : NULL;
}

/* The next Fragment has all tracks of @mask that have come so far. */
static void
declare_tracks (KvsFeed *feed, guint mask, KvsFeedEffect *effect)
{
  const KvsTrack *tracks[KVS_MAX_TRACKS];
  guint n_tracks = 0;

  for (guint number = 1; number <= KVS_MAX_TRACKS; number++) {
    Slot *slot = get_slot (feed, number);

    if (slot->track == NULL || (mask & KVS_TRACK_BIT (number)) == 0)
      continue;
    slot->undeclared = FALSE;
    tracks[n_tracks++] = slot->track;
  }
  if (n_tracks == 0)
    return;
  kvs_fragment_buffer_set_tracks (feed->buffer, tracks, n_tracks,
                                  kvs_early_frames_get_earliest_ns (feed->early));
  if (feed->content_type_told)
    return;
  feed->content_type_told = TRUE;
  effect->content_type = join_content_types (tracks, n_tracks);
}

/* @mask: tracks that have frames for it */
static gboolean
is_header_outdated (const KvsFeed *feed, guint mask)
{
  for (guint number = 1; number <= KVS_MAX_TRACKS; number++) {
    if (feed->slots[number - 1].undeclared && (mask & KVS_TRACK_BIT (number)) != 0)
      return TRUE;
  }
  return FALSE;
}

/* Fragments need not wait for tracks that do not live.
 * @at_hand: of the frame that has just left the interleaver */
static void
update_live_tracks (KvsFeed *feed, guint at_hand, KvsFeedEffect *effect)
{
  guint active, ended;

  kvs_interleaver_get_live_tracks (feed->interleaver, &active, &ended);
  active |= at_hand;
  ended &= ~at_hand;
  if (active == feed->active && ended == feed->ended)
    return;
  feed->active = active;
  feed->ended = ended;
  kvs_fragment_buffer_set_live_tracks (feed->buffer, active, ended, &effect->push);
}

/* ---- frames in order ---- */

static void
drop (KvsFeed *feed, KvsFrame *frame, KvsDropReason reason)
{
  kvs_fragment_buffer_count_drop (feed->buffer, reason, frame->size_bytes);
  kvs_frame_free (frame);
}

static void
handle_refused (KvsFeed *feed, KvsFrame *frame, guint time_line, KvsPushResult result,
                KvsFeedEffect *effect)
{
  Slot *slot = get_slot (feed, frame->info.track_number);

  if (result == KVS_PUSH_FLUSHING) {
    kvs_frame_free (frame);
  } else if (result == KVS_PUSH_LATE) {
    effect->n_late++;
    drop (feed, frame, KVS_DROP_LATE);
  } else if (frame->info.track_number == find_lead (feed)) {
    slot->wants_key_frame = TRUE;
    drop (feed, frame, KVS_DROP_BEFORE_KEY_FRAME);
  } else {
    slot->undeclared |= result == KVS_PUSH_UNDECLARED;
    kvs_early_frames_keep (feed->early, frame, time_line);
  }
}

/* After the key frame that they have waited for. */
static void
push_early (KvsFeed *feed, gint64 key_pts_ns, KvsFeedEffect *effect)
{
  guint n = kvs_early_frames_get_length (feed->early);

  while (n-- > 0) {
    guint time_line;
    KvsFrame *frame = kvs_early_frames_take (feed->early, &time_line);
    KvsPushResult result;

    if (time_line != feed->time_line || key_pts_ns - frame->info.pts_ns > KVS_EARLY_FRAMES_MAX_NS) {
      kvs_early_frames_drop (feed->early, frame);
      continue;
    }
    result = kvs_fragment_buffer_push (feed->buffer, &frame, &effect->push);
    if (result != KVS_PUSH_STORED)
      handle_refused (feed, frame, time_line, result, effect);
  }
}

static void
take_track (KvsFeed *feed, guint track_number, KvsTrack *track)
{
  Slot *slot = get_slot (feed, track_number);

  if (track == NULL)
    return;
  if (slot->track == NULL || !kvs_track_equal (slot->track, track)) {
    slot->undeclared = TRUE;
    /* Frames that wait for a header that never came. */
    kvs_early_frames_drop_track (feed->early, track_number);
  }
  g_clear_pointer (&slot->track, kvs_track_free);
  slot->track = track;
}

/* A header that is made now is for the frames to come; of track @current that is the one at hand. */
static void
take_next_tracks (KvsFeed *feed, guint current)
{
  for (guint number = 1; number <= KVS_MAX_TRACKS; number++) {
    if (number != current)
      take_track (feed, number, kvs_interleaver_take_next_track (feed->interleaver, number));
  }
}

/* The key frame that the frames of @mask wait for does not come any more, or their track has ended
 * before it: they make a Fragment of their own. The next one needs a header. */
static void
push_alone (KvsFeed *feed, guint mask, KvsFeedEffect *effect)
{
  declare_tracks (feed, mask, effect);
  kvs_fragment_buffer_set_live_tracks (feed->buffer, mask, 0, &effect->push);
  kvs_early_frames_push_alone (feed->early, mask, &effect->push);
  for (guint number = 1; number <= KVS_MAX_TRACKS; number++)
    get_slot (feed, number)->undeclared = get_slot (feed, number)->track != NULL;
  kvs_fragment_buffer_close_fragment (feed->buffer);
  kvs_fragment_buffer_set_live_tracks (feed->buffer, feed->active, feed->ended, &effect->push);
}

static void
deliver_lead (KvsFeed *feed, KvsFrame *frame, guint time_line, KvsFeedEffect *effect)
{
  gboolean is_key = (frame->info.flags & KVS_FRAME_FLAG_KEY_FRAME) != 0;
  gint64 pts_ns = frame->info.pts_ns;
  Slot *slot = get_slot (feed, frame->info.track_number);
  KvsPushResult result = KVS_PUSH_NOT_DECODABLE;
  /* This track leads only since another one has ended: its frames need not wait any more. */
  guint early = kvs_early_frames_get_tracks (feed->early);
  gboolean was_waiting = (early & KVS_TRACK_BIT (frame->info.track_number)) != 0;
  guint wanted = feed->active;

  if (is_key && (early & feed->ended) != 0)
    push_alone (feed, early & feed->ended, effect);
  /* Also those that are silent again since: somebody has said a word in between. */
  if (is_key)
    wanted |= kvs_early_frames_get_tracks (feed->early);
  if (wanted != feed->active)
    kvs_fragment_buffer_set_live_tracks (feed->buffer, wanted, feed->ended & ~wanted,
                                         &effect->push);
  if (is_key || was_waiting)
    feed->time_line = time_line;
  if ((is_key || was_waiting) && is_header_outdated (feed, wanted)) {
    declare_tracks (feed, wanted, effect);
    /* Without pictures nothing has to wait for this very frame. */
    was_waiting = was_waiting || slot->track->type == KVS_TRACK_TYPE_AUDIO;
  }
  if (was_waiting)
    push_early (feed, pts_ns, effect);
  if (!slot->undeclared)
    result = kvs_fragment_buffer_push (feed->buffer, &frame, &effect->push);
  slot->undeclared |= result == KVS_PUSH_UNDECLARED;
  /* The header has another track lead still, which has ended or is silent. */
  if (is_key && result != KVS_PUSH_STORED && result != KVS_PUSH_FLUSHING) {
    declare_tracks (feed, feed->active, effect);
    result = kvs_fragment_buffer_push (feed->buffer, &frame, &effect->push);
  }
  if (result != KVS_PUSH_STORED)
    handle_refused (feed, frame, time_line, result, effect);
  else if (is_key)
    push_early (feed, pts_ns, effect);
  if (wanted != feed->active)
    kvs_fragment_buffer_set_live_tracks (feed->buffer, feed->active, feed->ended, &effect->push);
}

static void
deliver_other (KvsFeed *feed, KvsFrame *frame, guint time_line, KvsFeedEffect *effect)
{
  Slot *slot = get_slot (feed, frame->info.track_number);
  KvsPushResult result;

  if (slot->undeclared || time_line > feed->time_line) {
    kvs_early_frames_keep (feed->early, frame, time_line);
    return;
  }
  result = kvs_fragment_buffer_push (feed->buffer, &frame, &effect->push);
  if (result != KVS_PUSH_STORED)
    handle_refused (feed, frame, time_line, result, effect);
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

  while (kvs_interleaver_pop (feed->interleaver, now_us, &next)) {
    guint number = next.frame->info.track_number;

    take_track (feed, number, next.track);
    take_next_tracks (feed, number);
    update_live_tracks (feed, KVS_TRACK_BIT (number), effect);
    if (number == find_lead (feed))
      deliver_lead (feed, next.frame, next.time_line, effect);
    else
      deliver_other (feed, next.frame, next.time_line, effect);
  }
  update_live_tracks (feed, 0, effect);
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
  g_atomic_int_set (&get_slot (feed, track_number)->flushing, FALSE);
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
  g_atomic_int_set (&get_slot (feed, track_number)->flushing, flushing);
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
  const gint *flushing = &get_slot (feed, track_number)->flushing;

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
  Slot *slot = get_slot (feed, number);
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
    push_alone (feed, kvs_early_frames_get_tracks (feed->early), effect);
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
