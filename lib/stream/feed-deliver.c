/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames in order, from the interleaver into the fragment buffer: headers, Fragments that wait for a
 * track, frames that wait for a key frame. */
#include "stream/feed-private.h"

KvsFeedSlot *
kvs_feed_get_slot (KvsFeed *feed, guint track_number)
{
  g_assert (track_number >= 1 && track_number <= KVS_MAX_TRACKS);
  return &feed->slots[track_number - 1];
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
    KvsFeedSlot *slot = kvs_feed_get_slot (feed, number);

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
void
kvs_feed_update_live_tracks (KvsFeed *feed, guint at_hand, KvsFeedEffect *effect)
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
  KvsFeedSlot *slot = kvs_feed_get_slot (feed, frame->info.track_number);

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
  KvsFeedSlot *slot = kvs_feed_get_slot (feed, track_number);

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
void
kvs_feed_push_alone (KvsFeed *feed, guint mask, KvsFeedEffect *effect)
{
  declare_tracks (feed, mask, effect);
  kvs_fragment_buffer_set_live_tracks (feed->buffer, mask, 0, &effect->push);
  kvs_early_frames_push_alone (feed->early, mask, &effect->push);
  for (guint number = 1; number <= KVS_MAX_TRACKS; number++)
    kvs_feed_get_slot (feed, number)->undeclared = kvs_feed_get_slot (feed, number)->track != NULL;
  kvs_fragment_buffer_close_fragment (feed->buffer);
  kvs_fragment_buffer_set_live_tracks (feed->buffer, feed->active, feed->ended, &effect->push);
}

/* Of tracks that were there and are silent nothing is said: people say nothing for hours. */
static void
tell_missing_tracks (KvsFeed *feed, gint64 key_pts_ns, KvsFeedEffect *effect)
{
  guint silent;

  if (feed->first_key_ns == G_MININT64)
    feed->first_key_ns = key_pts_ns;
  if (feed->missing_told || key_pts_ns - feed->first_key_ns < KVS_FEED_MISSING_NS)
    return;
  feed->missing_told = TRUE;
  silent = kvs_interleaver_get_silent_tracks (feed->interleaver);
  for (guint number = 1; number <= KVS_MAX_TRACKS; number++) {
    if ((silent & KVS_TRACK_BIT (number)) != 0 && kvs_feed_get_slot (feed, number)->track == NULL)
      effect->missing |= KVS_TRACK_BIT (number);
  }
}

static void
deliver_lead (KvsFeed *feed, KvsFrame *frame, guint time_line, KvsFeedEffect *effect)
{
  gboolean is_key = (frame->info.flags & KVS_FRAME_FLAG_KEY_FRAME) != 0;
  gint64 pts_ns = frame->info.pts_ns;
  KvsFeedSlot *slot = kvs_feed_get_slot (feed, frame->info.track_number);
  KvsPushResult result = KVS_PUSH_NOT_DECODABLE;
  /* This track leads only since another one has ended: its frames need not wait any more. */
  guint early = kvs_early_frames_get_tracks (feed->early);
  gboolean was_waiting = (early & KVS_TRACK_BIT (frame->info.track_number)) != 0;
  guint wanted = feed->active;

  if (is_key)
    tell_missing_tracks (feed, pts_ns, effect);
  if (is_key && (early & feed->ended) != 0)
    kvs_feed_push_alone (feed, early & feed->ended, effect);
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
  KvsFeedSlot *slot = kvs_feed_get_slot (feed, frame->info.track_number);
  KvsPushResult result;

  if (slot->undeclared || time_line > feed->time_line) {
    kvs_early_frames_keep (feed->early, frame, time_line);
    return;
  }
  result = kvs_fragment_buffer_push (feed->buffer, &frame, &effect->push);
  if (result != KVS_PUSH_STORED)
    handle_refused (feed, frame, time_line, result, effect);
}

/* @next: (transfer full) what is in it: comes after all that was delivered before */
void
kvs_feed_deliver (KvsFeed *feed, const KvsInterleaved *next, KvsFeedEffect *effect)
{
  guint number = next->frame->info.track_number;

  take_track (feed, number, next->track);
  take_next_tracks (feed, number);
  kvs_feed_update_live_tracks (feed, KVS_TRACK_BIT (number), effect);
  if (number == find_lead (feed))
    deliver_lead (feed, next->frame, next->time_line, effect);
  else
    deliver_other (feed, next->frame, next->time_line, effect);
}
