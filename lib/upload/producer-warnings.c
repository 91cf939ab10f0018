/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a producer tells of, and how often. */
#include "error.h"
#include "upload/producer-private.h"

/* A service that cannot be reached is told about within 5 s, whatever connection-timeout is. */
#define FIRST_CONTACT_US (4 * G_USEC_PER_SEC)
#define WARNING_INTERVAL_US (60 * G_USEC_PER_SEC)
/* Where media have got through since, it is news that they do not any more. */
#define NEWS_INTERVAL_US (10 * G_USEC_PER_SEC)
#define DROP_WARNING_INTERVAL_US (10 * G_USEC_PER_SEC)

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

void
kvs_producer_warn_sometimes (KvsProducer *producer, const KvsServiceError *service_error,
                             const GError *error)
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
  kvs_producer_warn_sometimes (producer, NULL, error);
}

void
kvs_producer_expect_contact (KvsProducer *producer)
{
  producer->contact_timer
      = kvs_loop_add_timer (producer->loop, FIRST_CONTACT_US, on_no_contact, producer);
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

void
kvs_producer_mark_progress (KvsProducer *producer)
{
  producer->n_failures = 0;
  producer->warning_interval_us = NEWS_INTERVAL_US;
}
