/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "playback/playback-session.h"

#include <string.h>

#include "api/service-error.h"
#include "av/codecs.h"

/* kvs-api.md section 12 */
#define DISCONTINUITY_MS 50
#define LIVE_MS (30 * 1000)

/* A fragment of one frame does not tell how long that is shown. */
#define ONE_FRAME_MS 100

/* Players may ask for what has just left the list. */
#define N_KEPT 32

#define MS_PER_SECOND 1000

/**
 * kvs_local_playback_session_new:
 * @stream: whose media is played
 * @request: what is wanted
 *
 * Returns: (transfer full): a session without fragments
 */
KvsLocalPlaybackSession *
kvs_local_playback_session_new (KvsLocalStream *stream, const KvsLocalPlaybackRequest *request)
{
  KvsLocalPlaybackSession *session = g_new0 (KvsLocalPlaybackSession, 1);

  session->ref_count = 1;
  session->stream = kvs_local_stream_ref (stream);
  session->request = *request;
  session->started_us = g_get_monotonic_time ();
  session->started_ms = g_get_real_time () / 1000;
  session->expiry_us = session->started_us + request->expires_seconds * G_USEC_PER_SEC;
  session->entries = g_array_new (FALSE, FALSE, sizeof (KvsLocalPlaybackEntry));
  session->generations
    = g_ptr_array_new_with_free_func ((GDestroyNotify) kvs_local_media_unref);
  session->target_seconds = 1;
  return session;
}

/**
 * kvs_local_playback_session_ref:
 * @session: a session
 *
 * Returns: (transfer full): @session
 */
KvsLocalPlaybackSession *
kvs_local_playback_session_ref (KvsLocalPlaybackSession *session)
{
  session->ref_count++;
  return session;
}

/**
 * kvs_local_playback_session_unref:
 * @session: (transfer full) (nullable): a session
 */
void
kvs_local_playback_session_unref (KvsLocalPlaybackSession *session)
{
  if (session == NULL || --session->ref_count > 0)
    return;
  g_free (session->token);
  kvs_local_stream_unref (session->stream);
  g_array_unref (session->entries);
  g_ptr_array_unref (session->generations);
  g_clear_pointer (&session->header, g_bytes_unref);
  g_clear_pointer (&session->tracks, kvs_local_media_unref);
  g_free (session);
}

/**
 * kvs_local_playback_session_get:
 * @session: a session
 * @place: in its entries
 *
 * Returns: (transfer none): what is there, valid until the session is appended to
 */
const KvsLocalPlaybackEntry *
kvs_local_playback_session_get (const KvsLocalPlaybackSession *session, guint place)
{
  return &g_array_index (session->entries, KvsLocalPlaybackEntry, place);
}

static KvsLocalPlaybackEntry *
get_last (const KvsLocalPlaybackSession *session)
{
  guint n = session->entries->len;

  return n > 0 ? &g_array_index (session->entries, KvsLocalPlaybackEntry, n - 1) : NULL;
}

/**
 * kvs_local_playback_session_first_listed:
 * @session: a session
 *
 * Returns: place of the first entry that is in the list now
 */
guint
kvs_local_playback_session_first_listed (const KvsLocalPlaybackSession *session)
{
  guint max = (guint) session->request.max_results;

  return session->entries->len > max ? session->entries->len - max : 0;
}

/**
 * kvs_local_playback_session_find:
 * @session: a session
 * @number: fragment number
 *
 * Returns: (transfer none) (nullable): that fragment, if it is one of the session's
 */
const KvsLocalPlaybackEntry *
kvs_local_playback_session_find (const KvsLocalPlaybackSession *session, const gchar *number)
{
  for (guint i = session->entries->len; i-- > 0;) {
    const KvsLocalPlaybackEntry *entry = kvs_local_playback_session_get (session, i);

    if (g_str_equal (entry->fragment.number, number))
      return entry;
  }
  return NULL;
}

/**
 * kvs_local_playback_session_find_sequence:
 * @session: a session
 * @sequence: from 0
 *
 * Returns: (transfer none) (nullable): that fragment
 */
const KvsLocalPlaybackEntry *
kvs_local_playback_session_find_sequence (const KvsLocalPlaybackSession *session,
                                          guint64 sequence)
{
  guint64 first = session->next_sequence - session->entries->len;

  return sequence >= first && sequence < session->next_sequence
           ? kvs_local_playback_session_get (session, (guint) (sequence - first))
           : NULL;
}

/* Nothing was stored for so long that the stream does not count as live. */
static gboolean
is_stale (const GArray *newest)
{
  const KvsLocalFragment *last;

  if (newest->len == 0)
    return TRUE;
  last = &g_array_index (newest, KvsLocalFragment, newest->len - 1);
  return last->server_ms + last->duration_ms < g_get_real_time () / 1000 - LIVE_MS;
}

/* Of fragments with the same producer's time the one with the largest number stays. */
static void
drop_replaced (GArray *fragments)
{
  for (guint i = fragments->len; i-- > 0;) {
    const KvsLocalFragment *fragment = &g_array_index (fragments, KvsLocalFragment, i);

    for (guint j = 0; j < fragments->len; j++) {
      const KvsLocalFragment *other = &g_array_index (fragments, KvsLocalFragment, j);

      if (other->producer_ms == fragment->producer_ms
          && strcmp (other->number, fragment->number) > 0) {
        g_array_remove_index (fragments, i);
        break;
      }
    }
  }
}

static GArray *
find_live (KvsLocalPlaybackSession *session, KvsLocalStore *store, GError **error)
{
  const KvsLocalPlaybackEntry *last = get_last (session);
  g_autoptr (GArray) newest = kvs_local_store_list_newest (
    store, session->stream, (guint) session->request.max_results, error);
  guint n_listed = 0;

  if (newest == NULL)
    return NULL;
  if (is_stale (newest)) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_FRAGMENTS);
    return NULL;
  }
  while (last != NULL && n_listed < newest->len
         && g_array_index (newest, KvsLocalFragment, n_listed).id <= last->fragment.id)
    n_listed++;
  g_array_remove_range (newest, 0, n_listed);
  if (session->request.range.by_producer)
    drop_replaced (newest);
  return g_steal_pointer (&newest);
}

static gint64
known_duration_ms (const KvsLocalFragment *fragment)
{
  return fragment->duration_ms > 0 ? fragment->duration_ms : ONE_FRAME_MS;
}

/* Leaves those whose time has come: the list begins full, then each is added when as much time as it
 * lasts has passed since the one before. */
static void
keep_due (const KvsLocalPlaybackSession *session, GArray *fragments)
{
  gint64 elapsed_ms = (g_get_monotonic_time () - session->started_us) / 1000;
  gint64 replayed_ms = session->replayed_ms;
  gint64 n_initial = session->request.max_results - (gint64) session->next_sequence;

  for (guint i = 0; i < fragments->len; i++) {
    if (i < n_initial)
      continue;
    replayed_ms += known_duration_ms (&g_array_index (fragments, KvsLocalFragment, i));
    if (replayed_ms > elapsed_ms) {
      g_array_set_size (fragments, i);
      return;
    }
  }
}

static GArray *
find_in_range (KvsLocalPlaybackSession *session, KvsLocalStore *store, GError **error)
{
  const KvsLocalPlaybackEntry *last = get_last (session);
  KvsLocalRange range = session->request.range;
  g_autoptr (GArray) fragments = NULL;

  if (last != NULL) {
    range.after_ms = last->time_ms;
    range.after_id = last->fragment.id;
  }
  fragments = kvs_local_store_list_range (store, session->stream, &range,
                                          (guint) session->request.max_results, error);
  if (fragments == NULL)
    return NULL;
  if (session->request.mode == KVS_LOCAL_PLAYBACK_ON_DEMAND) {
    session->is_complete = TRUE;
    return g_steal_pointer (&fragments);
  }
  if (fragments->len == 0 && range.end_ms < g_get_real_time () / 1000 - LIVE_MS)
    session->is_complete = TRUE;
  keep_due (session, fragments);
  return g_steal_pointer (&fragments);
}

/**
 * kvs_local_playback_session_find_new:
 * @session: a session
 * @store: the store
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: (transfer full) (element-type KvsLocalFragment) (nullable): what can be appended by now
 */
GArray *
kvs_local_playback_session_find_new (KvsLocalPlaybackSession *session, KvsLocalStore *store,
                                     GError **error)
{
  if (session->stream->deleted) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_STREAM);
    return NULL;
  }
  if (session->is_complete)
    return g_array_new (FALSE, FALSE, sizeof (KvsLocalFragment));
  return session->request.mode == KVS_LOCAL_PLAYBACK_LIVE
           ? find_live (session, store, error)
           : find_in_range (session, store, error);
}

/* Two players of one session may have found the same fragments. What is older than the newest in the
 * list is never added to a live one. */
static gboolean
may_follow (const KvsLocalPlaybackSession *session, const KvsLocalFragment *fragment)
{
  const KvsLocalPlaybackEntry *last = get_last (session);
  gint64 time_ms = kvs_local_range_time_ms (&session->request.range, fragment);

  if (last == NULL)
    return TRUE;
  if (session->request.mode != KVS_LOCAL_PLAYBACK_LIVE)
    return time_ms > last->time_ms
           || (time_ms == last->time_ms && fragment->id > last->fragment.id);
  if (fragment->id <= last->fragment.id || fragment->server_ms < last->fragment.server_ms)
    return FALSE;
  if (!session->request.range.by_producer)
    return TRUE;
  for (guint i = 0; i < session->entries->len; i++) {
    if (kvs_local_playback_session_get (session, i)->time_ms == time_ms)
      return FALSE;
  }
  return TRUE;
}

/* Media without a gap by the producer's clock stays without one, whenever it came. Else there is a
 * gap if the selected time has one that no marker tells players to pass over; nothing overlaps. */
static void
place_after (const KvsLocalPlaybackSession *session, KvsLocalPlaybackEntry *last,
             KvsLocalPlaybackEntry *entry)
{
  const KvsLocalPlaybackRequest *request = &session->request;
  const KvsLocalPlaybackEntry *first = kvs_local_playback_session_get (session, 0);
  gint64 duration_ms = last->fragment.duration_ms;
  gint64 step_ms = entry->fragment.producer_ms - last->fragment.producer_ms;
  gint64 gap_ms = entry->time_ms - last->time_ms - duration_ms;
  gint64 wanted_ms = first->position_ms + entry->time_ms - first->time_ms;

  entry->is_discontinuity = request->discontinuity == KVS_LOCAL_DISCONTINUITY_ON
                            && ABS (gap_ms) > DISCONTINUITY_MS;
  entry->position_ms = last->position_ms + duration_ms;
  if (step_ms > 0 && ABS (step_ms - duration_ms) <= DISCONTINUITY_MS) {
    entry->position_ms = last->position_ms + step_ms;
    /* Nobody has seen the list yet, in which a length may not change any more. */
    if (request->mode == KVS_LOCAL_PLAYBACK_ON_DEMAND)
      last->fragment.duration_ms = step_ms;
  } else if (!request->is_dash && request->discontinuity == KVS_LOCAL_DISCONTINUITY_NEVER
           && wanted_ms > entry->position_ms + DISCONTINUITY_MS) {
    entry->position_ms = wanted_ms;
  }
}

/* DASH knows one initialisation only, and no session takes other tracks than it began with. */
static void
choose_generation (KvsLocalPlaybackSession *session, KvsLocalMedia *tracks,
                   KvsLocalPlaybackEntry *entry)
{
  const KvsLocalMedia *current;

  if (session->generations->len > 0) {
    current = g_ptr_array_index (session->generations, session->generations->len - 1);
    entry->generation = session->generations->len - 1;
    if (current == tracks || kvs_local_codecs_equal (current->tracks, tracks->tracks))
      return;
    if (!kvs_local_codecs_same_kind (current->tracks, tracks->tracks)) {
      entry->refusal = KVS_LOCAL_ERROR_UNSUPPORTED_MEDIA_TYPE;
      return;
    }
    if (session->request.is_dash || session->generations->len > KVS_LOCAL_MAX_CODEC_CHANGES
        || !kvs_local_codecs_check (
          tracks->tracks, kvs_local_playback_request_consumer (&session->request), NULL)) {
      entry->refusal = KVS_LOCAL_ERROR_INVALID_CODEC_PRIVATE_DATA;
      return;
    }
    entry->is_discontinuity |= session->request.discontinuity == KVS_LOCAL_DISCONTINUITY_ON;
  }
  entry->generation = session->generations->len;
  g_ptr_array_add (session->generations, kvs_local_media_ref (tracks));
}

static void
measure (KvsLocalPlaybackSession *session, const KvsLocalFragment *fragment)
{
  gint64 seconds = (fragment->duration_ms + MS_PER_SECOND - 1) / MS_PER_SECOND;
  guint64 rate = fragment->file_size * MS_PER_SECOND / (guint64) fragment->duration_ms;

  session->target_seconds = MAX (session->target_seconds, seconds);
  session->peak_bytes_per_second = MAX (session->peak_bytes_per_second, rate);
}

static void
forget_old (KvsLocalPlaybackSession *session)
{
  guint max = (guint) session->request.max_results * 2 + N_KEPT;

  if (session->entries->len > max)
    g_array_remove_range (session->entries, 0, session->entries->len - max);
}

/**
 * kvs_local_playback_session_append:
 * @session: a session
 * @fragment: one of kvs_local_playback_session_find_new()
 * @header: its bytes up to the Cluster
 * @tracks: what they say
 *
 * Puts it at the end of the list, unless it does not belong there any more.
 */
void
kvs_local_playback_session_append (KvsLocalPlaybackSession *session,
                                   const KvsLocalFragment *fragment, GBytes *header,
                                   KvsLocalMedia *tracks)
{
  KvsLocalPlaybackEntry *last = get_last (session);
  KvsLocalPlaybackEntry entry = { .fragment = *fragment, .sequence = session->next_sequence };

  if (!may_follow (session, fragment))
    return;
  if (fragment->duration_ms == 0)
    entry.fragment.duration_ms = last != NULL ? last->fragment.duration_ms : ONE_FRAME_MS;
  entry.time_ms = kvs_local_range_time_ms (&session->request.range, fragment);
  if (last != NULL)
    place_after (session, last, &entry);
  if (session->request.mode == KVS_LOCAL_PLAYBACK_LIVE_REPLAY
      && (gint64) session->next_sequence >= session->request.max_results)
    session->replayed_ms += known_duration_ms (fragment);
  choose_generation (session, tracks, &entry);
  entry.is_discontinuity |= session->request.discontinuity == KVS_LOCAL_DISCONTINUITY_ALWAYS;
  entry.n_discontinuities = session->n_discontinuities;
  session->n_discontinuities += entry.is_discontinuity ? 1 : 0;
  session->next_sequence++;
  measure (session, &entry.fragment);
  if (session->header != header) {
    g_clear_pointer (&session->header, g_bytes_unref);
    g_clear_pointer (&session->tracks, kvs_local_media_unref);
    session->header = g_bytes_ref (header);
    session->tracks = kvs_local_media_ref (tracks);
  }
  g_array_append_val (session->entries, entry);
  forget_old (session);
}
