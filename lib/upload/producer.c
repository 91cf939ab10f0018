/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "error.h"
#include "upload/producer-private.h"

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

void
kvs_producer_stop (KvsProducer *producer)
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
  kvs_producer_stop (producer);
}

void
kvs_producer_tell_drained (KvsProducer *producer)
{
  if (producer->failed) {
    kvs_producer_stop (producer);
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
    kvs_producer_start_session (producer);
}

static void
on_start (gpointer user_data)
{
  KvsProducer *producer = user_data; /* with the reference that running owns */

  producer->running = TRUE;
  kvs_producer_expect_contact (producer);
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
void
kvs_producer_give_up_delivery (KvsProducer *producer, const gchar *when)
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
  kvs_producer_give_up_delivery (producer, "within stop-stream-timeout");
}

/* With a spool, what cannot be delivered now is left to the next run, which may come at once. */
gboolean
kvs_producer_leaves_rest_to_spool (const KvsProducer *producer)
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

  kvs_producer_stop (producer);
}

static void
on_leave (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;

  if (!producer->running || producer->failed)
    return;
  producer->leaving = TRUE;
  if (kvs_producer_leaves_rest_to_spool (producer))
    kvs_producer_give_up_delivery (producer, "before the end");
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
