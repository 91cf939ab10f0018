/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/endpoint.h"
#include "error.h"
#include "upload/producer-private.h"

/* A service that cannot be reached is told about within 5 s, whatever connection-timeout is. */
#define FIRST_CONTACT_US (4 * G_USEC_PER_SEC)
#define WARNING_INTERVAL_US (60 * G_USEC_PER_SEC)
/* Where media have got through since, it is news that they do not any more. */
#define NEWS_INTERVAL_US (10 * G_USEC_PER_SEC)
#define DROP_WARNING_INTERVAL_US (10 * G_USEC_PER_SEC)
/* The service ends a connection after 45 minutes (kvs-api.md section 6). */
#define MAX_SESSION_US (40 * 60 * (gint64) G_USEC_PER_SEC)
/* How long the service may take to end its answer once all is persisted. */
#define CLOSE_US (2 * G_USEC_PER_SEC)

/**
 * kvs_producer_new:
 * @config: see #KvsProducerConfig
 * @events: copied
 * @user_data: for @events
 * @destroy: (nullable): frees @user_data once no event can come any more; any thread
 *
 * Returns: (transfer full): a producer that takes frames, but does not talk to the service before
 *   kvs_producer_start()
 */
KvsProducer *
kvs_producer_new (const KvsProducerConfig *config, const KvsProducerEvents *events,
                  gpointer user_data, GDestroyNotify destroy)
{
  KvsProducer *producer = g_new0 (KvsProducer, 1);

  g_atomic_ref_count_init (&producer->refs);
  producer->loop = kvs_loop_acquire ();
  producer->definition = kvs_stream_definition_copy (config->definition);
  producer->events = *events;
  producer->user_data = user_data;
  producer->destroy = destroy;
  producer->own_data_endpoint = g_strdup (config->data_endpoint);
  producer->content_type = g_strdup (config->definition->content_type);
  producer->buffer = kvs_fragment_buffer_new (config->definition, config->metadata);
  producer->feed = kvs_feed_new (producer->buffer, config->definition);
  producer->client = kvs_aws_client_new (producer->loop, config->region, config->endpoint,
                                         NULL, &config->http);
  producer->credentials_source = config->credentials;
  return producer;
}

/**
 * kvs_producer_ref:
 * @producer: a producer
 *
 * Any thread.
 *
 * Returns: (transfer full): the same producer
 */
KvsProducer *
kvs_producer_ref (KvsProducer *producer)
{
  g_atomic_ref_count_inc (&producer->refs);
  return producer;
}

/**
 * kvs_producer_unref:
 * @producer: (transfer full): a producer
 *
 * A producer that was started stays until it has finished, was aborted or has failed. Any thread.
 */
void
kvs_producer_unref (KvsProducer *producer)
{
  KvsLoop *loop;

  if (!g_atomic_ref_count_dec (&producer->refs))
    return;
  loop = producer->loop;
  kvs_aws_client_free (producer->client);
  kvs_feed_free (producer->feed);
  kvs_fragment_buffer_free (producer->buffer);
  kvs_stream_definition_free (producer->definition);
  if (producer->destroy != NULL)
    producer->destroy (producer->user_data);
  if (producer->credentials_source.destroy != NULL)
    producer->credentials_source.destroy (producer->credentials_source.user_data);
  g_clear_pointer (&producer->ack_error, kvs_service_error_free);
  g_free (producer->content_type);
  g_free (producer->stream_arn);
  g_free (producer->found_kms_key_id);
  g_free (producer->found_media_type);
  g_free (producer->data_endpoint);
  g_free (producer->own_data_endpoint);
  g_free (producer);
  kvs_loop_release (loop);
}

/* ---- the end ---- */

/* An application may go away right after it has stopped its pipeline. The end of the process waits for
 * what is still to be delivered, but only while the service takes it: stop-stream-timeout is for
 * those who wait for EOS. */
void
kvs_producer_update_exit_hold (KvsProducer *producer)
{
  gboolean is_sending = producer->session != NULL && producer->session_is_open;
  gboolean wanted
      = producer->running && (producer->saving || (producer->finishing && is_sending));

  if (wanted == producer->holds_exit)
    return;
  producer->holds_exit = wanted;
  if (wanted)
    kvs_loop_hold_exit (producer->loop);
  else
    kvs_loop_unhold_exit (producer->loop);
}

/* Not from inside a libcurl callback. */
static void
leave_service (KvsProducer *producer)
{
  kvs_loop_cancel_timer (producer->loop, &producer->retry_timer);
  kvs_loop_cancel_timer (producer->loop, &producer->contact_timer);
  kvs_loop_cancel_timer (producer->loop, &producer->finish_timer);
  kvs_loop_cancel_timer (producer->loop, &producer->session_timer);
  kvs_loop_cancel_timer (producer->loop, &producer->feed_timer);
  g_clear_pointer (&producer->call, kvs_aws_call_cancel);
  g_clear_pointer (&producer->session, kvs_session_free);
  kvs_producer_stop_waiting_for_credentials (producer);
}

/* Not from inside a libcurl callback. May free the producer. */
static void
stop (KvsProducer *producer)
{
  if (!producer->running)
    return;
  producer->running = FALSE;
  kvs_producer_update_exit_hold (producer);
  leave_service (producer);
  kvs_producer_close_credentials (producer);
  kvs_loop_cancel_timer (producer->loop, &producer->spool_timer);
  kvs_fragment_buffer_close_spool (producer->buffer);
  kvs_producer_unref (producer);
}

void
kvs_producer_fail (KvsProducer *producer, const KvsServiceError *service_error, const GError *error)
{
  /* first, so that whoever is refused a frame from now on can know why */
  producer->events.failed (error, service_error, producer->user_data);
  kvs_feed_stop (producer->feed);
  /* Another run may bring it to the service. */
  kvs_fragment_buffer_close_fragment (producer->buffer);
  producer->failed = TRUE;
  leave_service (producer);
  kvs_producer_finish_up (producer);
}

static void
on_close_timeout (gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->finish_timer = NULL;
  stop (producer);
}

void
kvs_producer_tell_drained (KvsProducer *producer)
{
  if (producer->failed) {
    stop (producer);
    return;
  }
  if (producer->drained)
    return;
  producer->drained = TRUE;
  producer->saving = FALSE;
  /* the next run may wait for it */
  kvs_fragment_buffer_close_spool (producer->buffer);
  kvs_producer_update_exit_hold (producer);
  kvs_loop_cancel_timer (producer->loop, &producer->finish_timer);
  producer->finish_timer
      = kvs_loop_add_timer (producer->loop, producer->session != NULL ? CLOSE_US : 0,
                            on_close_timeout, producer);
  producer->events.drained (producer->user_data);
}

/* ---- warnings ---- */

static void
warn (KvsProducer *producer, const KvsServiceError *service_error, const GError *error)
{
  g_autoptr (GError) full = NULL;
  KvsBufferStats stats;

  producer->last_warning_us = g_get_monotonic_time ();
  producer->warning_interval_us = WARNING_INTERVAL_US;
  kvs_fragment_buffer_get_stats (producer->buffer, &stats);
  full = g_error_new (error->domain, error->code,
                      "%s. Trying again; meanwhile media are buffered (%.1f s now, %.0f s or "
                      "%.0f MiB at most)", error->message, (gdouble) stats.buffered_ns / 1e9,
                      (gdouble) producer->definition->buffer_duration_ns / 1e9,
                      (gdouble) producer->definition->storage_bytes / 1048576.0);
  producer->events.warning (full, service_error, producer->user_data);
}

static void
warn_sometimes (KvsProducer *producer, const KvsServiceError *service_error, const GError *error)
{
  if (producer->last_warning_us == 0
      || g_get_monotonic_time () - producer->last_warning_us > producer->warning_interval_us)
    warn (producer, service_error, error);
}

static void
on_no_contact (gpointer user_data)
{
  KvsProducer *producer = user_data;
  g_autoptr (GError) error = NULL;

  producer->contact_timer = NULL;
  error = g_error_new (KVS_ERROR, KVS_ERROR_NETWORK,
                       "Stream %s: the service at %s has not answered yet",
                       producer->definition->stream_name, producer->client->endpoint);
  warn_sometimes (producer, NULL, error);
}

/* Returns: how many frames there are to tell about; 0 while the last time is not long ago. */
gint
kvs_producer_take_untold (gint *n_untold, gint64 *last_us)
{
  gint64 now_us = g_get_monotonic_time ();
  gint n = g_atomic_int_get (n_untold);

  if (n == 0 || (*last_us != 0 && now_us - *last_us < DROP_WARNING_INTERVAL_US))
    return 0;
  g_atomic_int_add (n_untold, -n);
  *last_us = now_us;
  return n;
}

void
kvs_producer_tell_drops (KvsProducer *producer)
{
  gint n = kvs_producer_take_untold (&producer->n_dropped_untold, &producer->last_drop_warning_us);
  g_autoptr (GError) error = NULL;

  if (n == 0)
    return;
  error = g_error_new (KVS_ERROR, KVS_ERROR_LIMIT,
                       "Stream %s: %d frames were dropped because the buffer is full; raise "
                       "storage-size and buffer-duration to ride out longer outages",
                       producer->definition->stream_name, n);
  producer->events.dropped (KVS_DROP_OVERFLOW, (guint) n, producer->user_data);
  producer->events.warning (error, NULL, producer->user_data);
}

void
kvs_producer_tell_late (KvsProducer *producer)
{
  gint n = kvs_producer_take_untold (&producer->n_late_untold, &producer->last_late_warning_us);
  g_autoptr (GError) error = NULL;

  if (n == 0)
    return;
  error = g_error_new (KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                       "Stream %s: %d frames were dropped because they came more than a second "
                       "later than other tracks had got; raise track-timeout to wait longer for "
                       "them, or correct their timestamps",
                       producer->definition->stream_name, n);
  producer->events.dropped (KVS_DROP_LATE, (guint) n, producer->user_data);
  producer->events.warning (error, NULL, producer->user_data);
}

void
kvs_producer_mark_contact (KvsProducer *producer)
{
  producer->contacted = TRUE;
  kvs_loop_cancel_timer (producer->loop, &producer->contact_timer);
}

/* ---- failures ---- */

static gboolean leaves_rest_to_spool (const KvsProducer *producer);
static void give_up_delivery (KvsProducer *producer, const gchar *when);

static void
on_retry_timer (gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->retry_timer = NULL;
  kvs_producer_advance (producer);
}

void
kvs_producer_wait (KvsProducer *producer, gint64 delay_us)
{
  producer->retry_timer = kvs_loop_add_timer (producer->loop, delay_us, on_retry_timer, producer);
}

static gboolean
gives_up (const KvsProducer *producer, KvsRetryAction action)
{
  if (action == KVS_RETRY_FATAL || !producer->definition->restart_on_error)
    return TRUE;
  /* Policies and keys are changed by people who change them back. */
  if (action == KVS_RETRY_REFRESH_CREDENTIALS && !producer->was_let_in)
    return TRUE;
  /* A file is not a camera: who uploads one wants to hear that it does not work at all. */
  return producer->definition->streaming_type == KVS_STREAMING_TYPE_OFFLINE
         && !producer->contacted;
}

static gboolean
is_unknown_region (const KvsProducer *producer, const GError *error)
{
  return error->code == KVS_ERROR_UNKNOWN_HOST && !producer->contacted
         && !kvs_region_is_known (producer->client->region);
}

static void
fail_region (KvsProducer *producer)
{
  g_autoptr (GError) error
      = g_error_new (KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                     "There is no region %s: %s cannot be resolved; correct aws-region or "
                     "AWS_REGION", producer->client->region, producer->client->endpoint);

  kvs_producer_fail (producer, NULL, error);
}

void
kvs_producer_give_up_or_wait (KvsProducer *producer, KvsRetryAction action,
                              const KvsServiceError *service_error, const GError *error)
{
  guint retry_after_s;
  gint64 delay_us;

  if (gives_up (producer, action)) {
    kvs_producer_fail (producer, service_error, error);
    return;
  }
  if (!producer->ack_was_told)
    warn_sometimes (producer, service_error, error);
  producer->ack_was_told = FALSE;
  retry_after_s = service_error != NULL ? service_error->retry_after_s : 0;
  delay_us = kvs_retry_delay_us (producer->n_failures, g_random_double (), retry_after_s);
  producer->events.reconnecting (delay_us, producer->n_failures, producer->user_data);
  kvs_producer_wait (producer, delay_us);
}

/* What every failed call and Session comes to. Not from inside a libcurl callback. */
static void
handle_failure (KvsProducer *producer, KvsRetryAction action, const KvsServiceError *service_error,
                const GError *error)
{
  producer->n_failures++;
  if (is_unknown_region (producer, error)) {
    fail_region (producer);
    return;
  }
  if (leaves_rest_to_spool (producer)) {
    give_up_delivery (producer, "before the end");
    return;
  }
  if (action == KVS_RETRY_REFRESH_CREDENTIALS && service_error != NULL
      && kvs_producer_replace_credentials (producer, service_error, error))
    return;
  if (action == KVS_RETRY_DESCRIBE)
    producer->described = FALSE;
  if (action == KVS_RETRY_DESCRIBE || action == KVS_RETRY_REFRESH_ENDPOINT)
    kvs_producer_forget_endpoint (producer);
  kvs_producer_give_up_or_wait (producer, action, service_error, error);
}

/* Once the service has let it in, an answer that is not one of the service's own says nothing about
 * what the next one will be: it is a proxy's, say, or of a newer service. */
static gboolean
may_pass (const KvsProducer *producer, const KvsServiceError *service_error)
{
  return producer->was_let_in && service_error != NULL
         && !kvs_service_error_is_known (service_error);
}

void
kvs_producer_handle_call_failure (KvsProducer *producer, const KvsServiceError *service_error,
                                  const GError *error)
{
  KvsRetryAction action = kvs_retry_for_error (
      (KvsError) error->code, service_error != NULL ? service_error->type : NULL);

  if (action == KVS_RETRY_FATAL && may_pass (producer, service_error))
    action = KVS_RETRY_REFRESH_ENDPOINT;
  handle_failure (producer, action, service_error, error);
}

/* ---- sessions ---- */

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

  handle_failure (producer, KVS_RETRY_RESEND, NULL, error);
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
  if (has_progressed) {
    producer->n_failures = 0;
    producer->warning_interval_us = NEWS_INTERVAL_US;
  }
  producer->events.session_ended (producer->user_data);

  if (producer->drained)
    stop (producer);
  else if (kvs_fragment_buffer_is_drained (producer->buffer))
    handle_last_end (producer, service_error, error);
  else if (by_ack && action == KVS_RETRY_RENEW && has_progressed)
    kvs_producer_advance (producer);
  else if (by_ack)
    handle_failure (producer, action, ack_error, error);
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

static void
start_session (KvsProducer *producer)
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

/* ---- the way through a stream's life ---- */

/* Not from inside a libcurl callback. */
void
kvs_producer_advance (KvsProducer *producer)
{
  if (!producer->running || producer->drained || producer->saving || producer->call != NULL
      || producer->session != NULL || producer->retry_timer != NULL
      || !kvs_producer_ensure_credentials (producer))
    return;
  if (!kvs_producer_set_up (producer) && kvs_fragment_buffer_wait (producer->buffer, 1))
    start_session (producer);
}

static void
on_start (gpointer user_data)
{
  KvsProducer *producer = user_data; /* with the reference that running owns */

  producer->running = TRUE;
  producer->contact_timer
      = kvs_loop_add_timer (producer->loop, FIRST_CONTACT_US, on_no_contact, producer);
  kvs_producer_watch_spool (producer);
  kvs_producer_advance (producer);
}

/**
 * kvs_producer_start:
 * @producer: a producer that was not started yet
 *
 * Begins to talk to the service. Returns at once. Any thread.
 */
void
kvs_producer_start (KvsProducer *producer)
{
  kvs_producer_open_spool (producer);
  kvs_loop_invoke (producer->loop, on_start, kvs_producer_ref (producer));
}

/* What is left is lost, or stays in the spool. */
static void
give_up_delivery (KvsProducer *producer, const gchar *when)
{
  const gchar *outcome = producer->definition->spool_folder != NULL ? "stay in the spool"
                                                                     : "are lost";
  g_autoptr (GError) error = NULL;
  KvsBufferRest rest;

  kvs_fragment_buffer_get_left (producer->buffer, &rest);
  error = g_error_new (KVS_ERROR, KVS_ERROR_TIMEOUT,
                       "Stream %s: %" G_GUINT64_FORMAT " fragments (%.1f s of media) could not be "
                       "delivered %s and %s", producer->definition->stream_name,
                       rest.n_fragments, (gdouble) rest.media_ns / 1e9, when, outcome);
  producer->events.warning (error, NULL, producer->user_data);
  /* Nothing more will come of this session: no need to give it time to close. */
  leave_service (producer);
  kvs_producer_update_exit_hold (producer);
  kvs_producer_finish_up (producer);
}

static void
on_finish_timeout (gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->finish_timer = NULL;
  give_up_delivery (producer, "within stop-stream-timeout");
}

/* With a spool, what cannot be delivered now is left to the next run, which may come at once. */
static gboolean
leaves_rest_to_spool (const KvsProducer *producer)
{
  return producer->leaving && producer->definition->spool_folder != NULL
         && !producer->session_is_open && !producer->drained && !producer->saving;
}

static void
on_finish (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;

  if (!producer->running || producer->finishing)
    return;
  producer->finishing = TRUE;
  kvs_producer_update_exit_hold (producer);
  if (kvs_fragment_buffer_is_drained (producer->buffer)) {
    if (producer->session != NULL)
      kvs_session_wake (producer->session);
    kvs_producer_finish_up (producer);
    return;
  }
  producer->finish_timer = kvs_loop_add_timer (
      producer->loop, producer->definition->stop_timeout_ns / 1000, on_finish_timeout, producer);
  if (producer->session != NULL)
    kvs_session_wake (producer->session);
  else
    kvs_producer_advance (producer);
}

/**
 * kvs_producer_finish:
 * @producer: a producer that was started
 *
 * No more frames will come: delivers what is left, for stop-stream-timeout at most, and tells
 * @drained then. Returns at once. Any thread.
 */
void
kvs_producer_finish (KvsProducer *producer)
{
  KvsFeedEffect effect = { 0 };

  kvs_feed_end (producer->feed, &effect);
  kvs_producer_handle_effect (producer, &effect);
  kvs_loop_invoke (producer->loop, on_finish, kvs_producer_ref (producer));
}

static void
on_abort (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;

  stop (producer);
}

static void
on_leave (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;

  if (!producer->running || producer->failed)
    return;
  producer->leaving = TRUE;
  if (leaves_rest_to_spool (producer))
    give_up_delivery (producer, "before the end");
}

/**
 * kvs_producer_leave:
 * @producer: a producer that was started
 *
 * As kvs_producer_finish(), where nobody waits: what cannot be delivered at once is left to the spool,
 * if there is one. Returns at once. Any thread.
 */
void
kvs_producer_leave (KvsProducer *producer)
{
  kvs_producer_finish (producer);
  kvs_loop_invoke (producer->loop, on_leave, kvs_producer_ref (producer));
}

/**
 * kvs_producer_abort:
 * @producer: a producer that was started
 *
 * Gives up what is not delivered; no event comes after the I/O thread has seen this. Returns at
 * once. Any thread.
 */
void
kvs_producer_abort (KvsProducer *producer)
{
  kvs_feed_stop (producer->feed);
  kvs_loop_invoke (producer->loop, on_abort, kvs_producer_ref (producer));
}

/**
 * kvs_producer_get_stats:
 * @producer: a producer
 * @stats: (out): the figures of this moment
 *
 * Any thread.
 */
void
kvs_producer_get_stats (KvsProducer *producer, KvsProducerStats *stats)
{
  kvs_fragment_buffer_get_stats (producer->buffer, &stats->buffer);
  stats->sessions = (guint64) g_atomic_int_get (&producer->n_sessions);
  stats->reconnects = (guint64) g_atomic_int_get (&producer->n_reconnects);
  stats->error_acks = (guint64) g_atomic_int_get (&producer->n_error_acks);
  stats->credentials_expiration_s = g_atomic_int_get (&producer->credentials_expiration_s);
}
