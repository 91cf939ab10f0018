/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notices what libcurl does not: a Session that is over, dead or idle. */
#include "error.h"
#include "upload/session-private.h"

#define TICK_US (G_USEC_PER_SEC / 2)
/* How long the service may take to acknowledge the rest once the body has ended, or has to be taken
 * off the link. */
#define CLOSE_TIMEOUT_US (20 * G_USEC_PER_SEC)
/* The same where it has all of it and was fast before. */
#define MIN_CLOSE_TIMEOUT_US (5 * G_USEC_PER_SEC)
#define CLOSE_LATENCIES 8
/* How long it may take to end its answer once all is acknowledged. */
#define ANSWER_END_US G_USEC_PER_SEC

/* Once the body has ended too, libcurl sees it by itself. */
static gboolean
is_ended_by_peer (const KvsSession *session)
{
  gboolean goes_on = session->head.status == 200
                     || (session->head.status == 0 && session->has_sent);

  return goes_on && !session->body_ended
         && kvs_loop_has_peer_ended (session->client->loop, session->easy);
}

/* A slow link takes the rest of the body bit by bit. */
static void
watch_end_of_body (KvsSession *session, gint64 now_us)
{
  guint unsent_bytes = kvs_http_get_unsent_bytes (session->easy);

  if (unsent_bytes != session->unsent_bytes)
    session->unacked_since_us = now_us;
  session->unsent_bytes = unsent_bytes;
}

/* For the Acks that are still to come. */
static gint64
get_close_timeout_us (const KvsSession *session)
{
  KvsBufferStats stats;

  kvs_fragment_buffer_get_stats (session->buffer, &stats);
  if (!session->wants_acks || session->unsent_bytes > 0 || stats.ack_latency_ns == 0)
    return CLOSE_TIMEOUT_US;
  return CLAMP (CLOSE_LATENCIES * stats.ack_latency_ns / 1000, MIN_CLOSE_TIMEOUT_US,
                CLOSE_TIMEOUT_US);
}

/* All is acknowledged, and yet the answer does not end. */
static gboolean
is_answer_needless (const KvsSession *session, gint64 now_us)
{
  return session->body_ended && session->wants_acks
         && now_us - session->unacked_since_us > ANSWER_END_US
         && !kvs_fragment_buffer_awaits_acks (session->buffer);
}

static gboolean
is_stale (const KvsSession *session, gint64 now_us)
{
  if (session->unacked_since_us == 0)
    return FALSE;
  if (session->body_ended)
    return now_us - session->unacked_since_us > get_close_timeout_us (session);
  return session->staleness_us > 0
         && (now_us - session->unacked_since_us > session->staleness_us
             || kvs_fragment_buffer_is_overdue (session->buffer, now_us - session->staleness_us));
}

static void
on_tick (gpointer user_data)
{
  KvsSession *session = user_data;
  gint64 now_us = g_get_monotonic_time ();
  gboolean peer_has_ended = is_ended_by_peer (session);

  kvs_session_watch (session);
  if (session->body_ended)
    watch_end_of_body (session, now_us);
  if (kvs_session_is_refused (session)) {
    kvs_session_unpause (session);
  } else if (peer_has_ended && session->peer_had_ended) {
    /* Twice in a row: what it sent before the end has been read by now. */
    kvs_session_end_with (session, KVS_ERROR_NETWORK, "the service ended the session");
  } else if (is_answer_needless (session, now_us)) {
    kvs_session_end (session, NULL);
  } else if (is_stale (session, now_us)) {
    kvs_session_end_with (session, KVS_ERROR_TIMEOUT, "the service has stopped acknowledging");
  } else if (session->paused && now_us - session->dry_since_us > KVS_SESSION_IDLE_US) {
    session->dry_since_us = now_us;
    session->callbacks.idle (session->user_data);
  }
  session->peer_had_ended = peer_has_ended;
}

void
kvs_session_watch (KvsSession *session)
{
  session->tick_timer = kvs_loop_add_shared_timer (session->client->loop, TICK_US, TICK_US, on_tick,
                                                   session);
}
