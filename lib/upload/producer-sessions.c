/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Sessions of a producer, one after the other. */
#include "error.h"
#include "net/spare-memory.h"
#include "upload/producer-private.h"

/* More than what a camera's stream has on its way while all is well. */
#define MIN_SPARE_BYTES (2 * 1024 * 1024)

/* The service ends a connection after 45 minutes (kvs-api.md section 6). */
#define MAX_SESSION_US (40 * 60 * (gint64) G_USEC_PER_SEC)

static void
on_session_opened (gpointer user_data)
{
  KvsProducer *producer = user_data;

  kvs_producer_mark_contact (producer);
  producer->session_is_open = producer->was_let_in = TRUE;
  kvs_producer_update_exit_hold (producer);
  g_atomic_int_inc (&producer->n_sessions);
  if (producer->n_failures > 0)
    g_atomic_int_inc (&producer->n_reconnects);
  producer->events.session_started (producer->user_data);
}

static KvsServiceError *
make_ack_error (const KvsAck *ack)
{
  KvsServiceError *error = g_new0 (KvsServiceError, 1);

  error->type = g_strdup (ack->error_code);
  error->ack_id = ack->error_id;
  error->ack_timecode = ack->has_timecode ? ack->timecode : -1;
  return error;
}

static void
handle_error_ack (KvsProducer *producer, const KvsAck *ack)
{
  KvsRetryAction action = kvs_retry_for_ack (ack->error_id);
  guint64 timecode = (guint64) ack->timecode;
  const gchar *outcome = "it will be sent again";
  g_autoptr (GError) error = NULL;
  guint n_lost = 0;

  g_atomic_int_inc (&producer->n_error_acks);
  if (action == KVS_RETRY_RESEND && ack->has_timecode
      && kvs_fragment_buffer_count_try (producer->buffer, timecode) > KVS_RETRY_MAX_FRAGMENT_TRIES)
    action = KVS_RETRY_DROP_FRAGMENT;
  if (action == KVS_RETRY_DROP_FRAGMENT && ack->has_timecode) {
    n_lost = kvs_fragment_buffer_refuse (producer->buffer, timecode);
    outcome = "it was dropped, with what is still to come of it";
  }
  error = g_error_new (KVS_ERROR, KVS_ERROR_SERVICE,
                       "Stream %s: fragment %" G_GINT64_FORMAT " was answered with error %u %s: "
                       "%s; %s (%u frames lost)", producer->definition->stream_name, ack->timecode,
                       ack->error_id, ack->error_code, kvs_retry_describe_ack (ack->error_id),
                       outcome, n_lost);
  producer->ack_action = action;
  producer->ack_action_set = TRUE;
  g_clear_pointer (&producer->ack_error, kvs_service_error_free);
  producer->ack_error = make_ack_error (ack);
  if (action == KVS_RETRY_RENEW) {
    kvs_session_drain (producer->session, error);
    return;
  }
  producer->ack_was_told = n_lost > 0;
  if (n_lost > 0) {
    producer->events.warning (error, producer->ack_error, producer->user_data);
    producer->events.dropped (KVS_DROP_REFUSED, n_lost, producer->user_data);
  }
  kvs_session_end (producer->session, error);
}

/* A backlog has become small: what it took is not needed until the next outage. */
static void
return_memory (KvsProducer *producer)
{
  KvsBufferStats stats;

  kvs_fragment_buffer_get_stats (producer->buffer, &stats);
  producer->most_bytes = MAX (producer->most_bytes, stats.bytes_buffered);
  if (producer->most_bytes < MIN_SPARE_BYTES || stats.bytes_buffered > producer->most_bytes / 4)
    return;
  producer->most_bytes = stats.bytes_buffered;
  kvs_spare_memory_return (producer->loop);
}

static void
on_ack (const KvsAck *ack, gpointer user_data)
{
  KvsProducer *producer = user_data;

  if (ack->type == KVS_ACK_UNKNOWN)
    return;
  if (ack->has_timecode && ack->type == KVS_ACK_RECEIVED)
    kvs_fragment_buffer_received (producer->buffer, (guint64) ack->timecode);
  if (ack->has_timecode && ack->type == KVS_ACK_PERSISTED)
    kvs_fragment_buffer_persisted (producer->buffer, (guint64) ack->timecode);
  return_memory (producer);
  producer->events.ack (ack, producer->user_data);
  if (ack->type == KVS_ACK_ERROR)
    handle_error_ack (producer, ack);
  else if (kvs_fragment_buffer_is_drained (producer->buffer))
    kvs_producer_finish_up (producer);
}

/* A source that waits for room brings nothing, and the Fragment that it was about to go on with is not
 * over: what is missing are Acks. */
static gboolean
holds_up_source (KvsProducer *producer)
{
  const KvsStreamDefinition *definition = producer->definition;
  KvsBufferStats stats;

  kvs_fragment_buffer_get_stats (producer->buffer, &stats);
  return definition->streaming_type == KVS_STREAMING_TYPE_OFFLINE && stats.fragments_buffered > 1
         && (stats.buffered_ns > definition->buffer_duration_ns
             || stats.bytes_buffered > definition->storage_bytes);
}

static void
end_silent_session (KvsProducer *producer)
{
  g_autoptr (GError) error
      = g_error_new (KVS_ERROR, KVS_ERROR_TIMEOUT,
                     "Upload to stream %s: the service has stopped acknowledging",
                     producer->definition->stream_name);

  kvs_session_end (producer->session, error);
}

static void
on_session_idle (gpointer user_data)
{
  KvsProducer *producer = user_data;

  if (holds_up_source (producer)) {
    end_silent_session (producer);
    return;
  }
  kvs_fragment_buffer_close_fragment (producer->buffer);
  kvs_fragment_buffer_finish_session (producer->buffer);
  kvs_session_wake (producer->session);
}

static void
on_session_too_old (gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->session_timer = NULL;
  kvs_fragment_buffer_finish_session (producer->buffer);
}

/* Returns: whether the Session that has just ended brought anything to the service. */
static gboolean
made_progress (KvsProducer *producer)
{
  KvsBufferStats stats;

  kvs_fragment_buffer_get_stats (producer->buffer, &stats);
  return stats.fragments_persisted > producer->persisted_before_session;
}

static void
handle_silent_end (KvsProducer *producer)
{
  g_autoptr (GError) error
      = g_error_new (KVS_ERROR, KVS_ERROR_SERVICE,
                     "Upload to stream %s: the service ended the session without acknowledging "
                     "anything", producer->definition->stream_name);

  kvs_producer_handle_failure (producer, KVS_RETRY_RESEND, NULL, error);
}

/* Without Acks all is forgotten once it was sent, even where the service refuses it. */
static void
handle_last_end (KvsProducer *producer, const KvsServiceError *service_error, const GError *error)
{
  if (service_error != NULL)
    producer->events.warning (error, service_error, producer->user_data);
  kvs_producer_finish_up (producer);
}

static void
on_session_ended (const KvsServiceError *service_error, const GError *error, gpointer user_data)
{
  KvsProducer *producer = user_data;
  KvsRetryAction action = producer->ack_action;
  gboolean by_ack = producer->ack_action_set;
  g_autoptr (KvsServiceError) ack_error = g_steal_pointer (&producer->ack_error);
  gboolean has_progressed = made_progress (producer);

  g_clear_pointer (&producer->session, kvs_session_free);
  producer->session_is_open = FALSE;
  kvs_producer_update_exit_hold (producer);
  kvs_loop_cancel_timer (producer->loop, &producer->session_timer);
  kvs_fragment_buffer_end_session (producer->buffer);
  producer->ack_action_set = FALSE;
  if (has_progressed)
    kvs_producer_mark_progress (producer);
  producer->events.session_ended (producer->user_data);

  if (producer->drained)
    kvs_producer_stop (producer);
  else if (kvs_fragment_buffer_is_drained (producer->buffer))
    handle_last_end (producer, service_error, error);
  else if (by_ack && action == KVS_RETRY_RENEW && has_progressed)
    kvs_producer_advance (producer);
  else if (by_ack)
    kvs_producer_handle_failure (producer, action, ack_error, error);
  else if (kvs_fragment_buffer_is_empty (producer->buffer) && service_error == NULL)
    /* an idle connection that was closed: nothing is lost, nothing is wrong */
    kvs_producer_advance (producer);
  else if (error != NULL)
    kvs_producer_handle_call_failure (producer, service_error, error);
  else if (!has_progressed)
    handle_silent_end (producer);
  else
    kvs_producer_advance (producer);
}

void
kvs_producer_start_session (KvsProducer *producer)
{
  static const KvsSessionCallbacks callbacks = {
    .opened = on_session_opened,
    .ack = on_ack,
    .idle = on_session_idle,
    .ended = on_session_ended,
  };
  KvsBufferStats stats;
  g_autoptr (KvsSegment) segment = kvs_fragment_buffer_begin_session (producer->buffer);

  if (segment == NULL)
    return;
  kvs_fragment_buffer_get_stats (producer->buffer, &stats);
  producer->persisted_before_session = stats.fragments_persisted;
  producer->session = kvs_session_new (producer->client, producer->data_endpoint,
                                       producer->definition, producer->buffer, segment, &callbacks,
                                       producer);
  producer->session_timer
      = kvs_loop_add_timer (producer->loop, kvs_producer_get_session_us (producer, MAX_SESSION_US),
                            on_session_too_old, producer);
}
