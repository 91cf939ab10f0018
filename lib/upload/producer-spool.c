/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the spool of a stream tells its producer. */
#include "error.h"
#include "upload/producer-private.h"

/* A disk that takes longer for the last it has to do is not waited for. */
#define SAVE_US (10 * G_USEC_PER_SEC)

/* How often it is looked whether the disk keeps up. */
#define WATCH_US G_USEC_PER_SEC

typedef struct {
  KvsProducer *producer;
  GError *error;
} Trouble;

static void
handle_trouble (gpointer user_data)
{
  Trouble *trouble = user_data;
  g_autoptr (KvsProducer) producer = trouble->producer;
  g_autoptr (GError) error = trouble->error;

  g_free (trouble);
  if (!producer->running)
    return;
  if (error != NULL)
    producer->events.warning (error, NULL, producer->user_data);
  producer->events.spool_trouble (error != NULL, producer->user_data);
}

static void
on_trouble (const GError *error, gpointer user_data)
{
  KvsProducer *producer = user_data;
  Trouble *trouble = g_new0 (Trouble, 1);

  trouble->producer = kvs_producer_ref (producer);
  if (error != NULL)
    trouble->error = g_error_new (error->domain, error->code,
                                  "Stream %s: %s. Media are kept in memory meanwhile",
                                  producer->definition->stream_name, error->message);
  kvs_loop_invoke (producer->loop, handle_trouble, trouble);
}

static void
handle_wake (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;

  if (!producer->running)
    return;
  if (producer->session != NULL)
    kvs_session_wake (producer->session);
  else
    kvs_producer_advance (producer);
  if (producer->finishing && kvs_fragment_buffer_is_drained (producer->buffer))
    kvs_producer_finish_up (producer);
}

static void
on_wake (gpointer user_data)
{
  KvsProducer *producer = user_data;

  kvs_loop_invoke (producer->loop, handle_wake, kvs_producer_ref (producer));
}

/* What the disk did not take in the end. */
static void
tell_unsaved (KvsProducer *producer)
{
  g_autoptr (GError) error = NULL;
  KvsBufferRest rest;

  kvs_fragment_buffer_get_left (producer->buffer, &rest);
  if (rest.n_unsaved == 0)
    return;
  error = g_error_new (KVS_ERROR, KVS_ERROR_SPOOL,
                       "Stream %s: %" G_GUINT64_FORMAT " fragments (%.1f s of media) could not be "
                       "written to the spool and are lost", producer->definition->stream_name,
                       rest.n_unsaved, (gdouble) rest.unsaved_ns / 1e9);
  producer->events.warning (error, NULL, producer->user_data);
}

static void
handle_saved (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;

  if (!producer->running || !producer->saving)
    return;
  tell_unsaved (producer);
  kvs_producer_tell_drained (producer);
}

static void
on_saved (gpointer user_data)
{
  KvsProducer *producer = user_data;

  kvs_loop_invoke (producer->loop, handle_saved, kvs_producer_ref (producer));
}

static void
handle_full (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;
  gint n = kvs_producer_take_untold (&producer->n_spool_lost_untold,
                                     &producer->last_spool_warning_us);
  g_autoptr (GError) error = NULL;

  if (!producer->running || n == 0)
    return;
  error = g_error_new (KVS_ERROR, KVS_ERROR_LIMIT,
                       "Stream %s: the oldest %d frames on disk were dropped because the spool is "
                       "full; raise spool-size to ride out longer outages",
                       producer->definition->stream_name, n);
  producer->events.dropped (KVS_DROP_OVERFLOW, (guint) n, producer->user_data);
  producer->events.warning (error, NULL, producer->user_data);
}

static void
on_full (guint n_frames, gpointer user_data)
{
  KvsProducer *producer = user_data;

  g_atomic_int_add (&producer->n_spool_lost_untold, (gint) n_frames);
  kvs_loop_invoke (producer->loop, handle_full, kvs_producer_ref (producer));
}

/* Events come only while the producer runs, and so holds a reference to itself. */
void
kvs_producer_open_spool (KvsProducer *producer)
{
  static const KvsFragmentBufferEvents events = {
    .wake = on_wake,
    .saved = on_saved,
    .spool_full = on_full,
    .spool_trouble = on_trouble,
  };

  kvs_fragment_buffer_open_spool (producer->buffer, producer->definition, &events, producer);
}

static void
on_watch_timer (gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->spool_timer = NULL;
  kvs_fragment_buffer_watch_spool (producer->buffer);
  kvs_producer_watch_spool (producer);
}

void
kvs_producer_watch_spool (KvsProducer *producer)
{
  if (producer->definition->spool_folder != NULL)
    producer->spool_timer
        = kvs_loop_add_timer (producer->loop, WATCH_US, on_watch_timer, producer);
}

static void
on_save_timeout (gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->finish_timer = NULL;
  tell_unsaved (producer);
  kvs_producer_tell_drained (producer);
}

void
kvs_producer_finish_up (KvsProducer *producer)
{
  if (producer->drained || producer->saving)
    return;
  if (!kvs_fragment_buffer_save (producer->buffer)) {
    kvs_producer_tell_drained (producer);
    return;
  }
  producer->saving = TRUE;
  kvs_producer_update_exit_hold (producer);
  kvs_loop_cancel_timer (producer->loop, &producer->finish_timer);
  producer->finish_timer
      = kvs_loop_add_timer (producer->loop, SAVE_US, on_save_timeout, producer);
}
