/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk that does not keep up, or does not answer at all: nobody waits for it. The worker cannot
 * say so itself. */
#include "error.h"
#include "stream/fragment-buffer-spool.h"

/* What a disk may owe, and for how long, before it is not asked any more. */
#define MAX_PENDING_BYTES (32 * 1024 * 1024)
#define MAX_DELAY_US (10 * G_USEC_PER_SEC)
/* What it has come back to when it is asked again. */
#define FEW_PENDING_BYTES (MAX_PENDING_BYTES / 4)
#define LITTLE_DELAY_US G_USEC_PER_SEC

/* Returns: whether the disk is passed by for now */
gboolean
kvs_fragment_buffer_spool_is_behind (KvsFragmentBuffer *buffer)
{
  if (kvs_spool_get_pending_bytes (buffer->spool) > MAX_PENDING_BYTES)
    buffer->spool_is_behind = TRUE;
  return buffer->spool_is_behind;
}

static void
catch_breath (KvsFragmentBuffer *buffer)
{
  if (buffer->spool_is_behind)
    buffer->spool_ask_us = g_get_monotonic_time () - KVS_SPOOL_PROBE_US;
  buffer->spool_is_behind = FALSE;
}

/* Live media go on without what cannot be had from the disk in time.
 * Returns: whether they waited for it */
static gboolean
stop_waiting (KvsFragmentBuffer *buffer)
{
  gint64 now_us = g_get_monotonic_time ();

  if (buffer->spool_is_opening)
    return now_us - buffer->spool_opening_us > KVS_SPOOL_OPENING_US;
  if (buffer->n_loading == 0 || buffer->spool_is_unread
      || now_us - buffer->load_asked_us <= MAX_DELAY_US)
    return FALSE;
  kvs_fragment_buffer_spool_stop_reading (buffer);
  return TRUE;
}

/* Returns: (transfer full) (nullable): what there is to say while the disk is passed by */
static GError *
judge (KvsFragmentBuffer *buffer)
{
  gsize pending_bytes = kvs_spool_get_pending_bytes (buffer->spool);
  gint64 delay_us = kvs_spool_get_delay_us (buffer->spool);

  if (pending_bytes > MAX_PENDING_BYTES || delay_us > MAX_DELAY_US)
    buffer->spool_is_behind = TRUE;
  else if (pending_bytes <= FEW_PENDING_BYTES && delay_us <= LITTLE_DELAY_US)
    catch_breath (buffer);
  if (!buffer->spool_is_behind)
    return NULL;
  return g_error_new (KVS_ERROR, KVS_ERROR_SPOOL,
                      "the disk of the spool is too slow: %.1f MiB wait to be written, and the "
                      "oldest request for %.1f s", (gdouble) pending_bytes / 1048576.0,
                      (gdouble) delay_us / G_USEC_PER_SEC);
}

/* Tells of the first trouble, and of the end of the last, whoever has noticed it; without the lock.
 * @error: (nullable): what the caller has noticed */
void
kvs_fragment_buffer_spool_tell_trouble (KvsFragmentBuffer *buffer, const GError *error)
{
  gboolean has_trouble, is_news;

  g_mutex_lock (&buffer->spool_tell_lock);
  g_mutex_lock (&buffer->lock);
  has_trouble = buffer->spool_has_trouble || buffer->spool_is_behind;
  is_news = has_trouble != buffer->spool_trouble_is_told && (error != NULL || !has_trouble);
  if (is_news)
    buffer->spool_trouble_is_told = has_trouble;
  g_mutex_unlock (&buffer->lock);
  if (is_news)
    buffer->events.spool_trouble (has_trouble ? error : NULL, buffer->user_data);
  g_mutex_unlock (&buffer->spool_tell_lock);
}

/**
 * kvs_fragment_buffer_watch_spool:
 * @buffer: a buffer
 *
 * Looks whether the disk of the spool keeps up, if there is one: @spool_trouble tells. Nobody waits
 * for it then; what it has missed is written later, with write-through. Call it every second. Any
 * thread but that of the events.
 */
void
kvs_fragment_buffer_watch_spool (KvsFragmentBuffer *buffer)
{
  g_autoptr (GError) error = NULL;
  gboolean has_spool, wake = FALSE;

  g_mutex_lock (&buffer->lock);
  has_spool = buffer->spool != NULL;
  if (has_spool) {
    error = judge (buffer);
    wake = stop_waiting (buffer) && kvs_fragment_buffer_take_wake (buffer, TRUE);
    kvs_fragment_buffer_spool_ask_again (buffer);
    kvs_fragment_buffer_spool_catch_up (buffer);
  }
  g_mutex_unlock (&buffer->lock);
  if (has_spool)
    kvs_fragment_buffer_spool_tell_trouble (buffer, error);
  if (wake)
    buffer->events.wake (buffer->user_data);
}
