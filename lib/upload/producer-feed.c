/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The side of KvsProducer that sources feed: frames from any thread. */
#include "stream/fragmenter.h"
#include "upload/producer-private.h"

typedef struct {
  KvsProducer *producer;
  gchar *content_type;
} ContentType;

static void
on_content_type (gpointer user_data)
{
  ContentType *message = user_data;
  g_autoptr (KvsProducer) producer = message->producer;

  if (producer->content_type == NULL)
    producer->content_type = g_steal_pointer (&message->content_type);
  g_free (message->content_type);
  g_free (message);
  if (producer->running)
    kvs_producer_tell_differences (producer);
  kvs_producer_advance (producer);
}

/* What a stream is created with whose definition names no content type; until then it is not
 * created.
 * @content_type: (transfer full): media types of the tracks */
static void
tell_content_type (KvsProducer *producer, gchar *content_type)
{
  ContentType *message = g_new (ContentType, 1);

  message->producer = kvs_producer_ref (producer);
  message->content_type = content_type;
  kvs_loop_invoke (producer->loop, on_content_type, message);
}

static void
on_wake (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;

  if (producer->session != NULL)
    kvs_session_wake (producer->session);
  else
    kvs_producer_advance (producer);
}

static void
on_drops (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;

  kvs_producer_tell_drops (producer);
}

static void
on_late (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;

  kvs_producer_tell_late (producer);
}

static void
on_missing (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;
  guint missing = g_atomic_int_and (&producer->missing_untold, 0);

  for (guint number = 1; number <= KVS_MAX_TRACKS; number++) {
    if ((missing & KVS_TRACK_BIT (number)) != 0)
      producer->events.missing (number, producer->definition->stream_name, producer->user_data);
  }
}

static void
on_feed_timer (gpointer user_data)
{
  KvsProducer *producer = user_data;
  KvsFeedEffect effect = { 0 };

  producer->feed_timer = NULL;
  kvs_feed_run_timer (producer->feed, &effect);
  kvs_producer_handle_effect (producer, &effect);
}

static void
on_timer_wanted (gpointer user_data)
{
  g_autoptr (KvsProducer) producer = user_data;
  gint64 deadline_us = kvs_feed_get_deadline_us (producer->feed);

  if (!producer->running || producer->feed_timer != NULL)
    return;
  producer->feed_timer = kvs_loop_add_timer (
      producer->loop, deadline_us < 0 ? 0 : MAX (deadline_us - g_get_monotonic_time (), 0),
      on_feed_timer, producer);
}

void
kvs_producer_handle_effect (KvsProducer *producer, KvsFeedEffect *effect)
{
  if (effect->content_type != NULL)
    tell_content_type (producer, g_steal_pointer (&effect->content_type));
  if (effect->push.wake)
    kvs_loop_invoke (producer->loop, on_wake, kvs_producer_ref (producer));
  if (effect->wants_timer)
    kvs_loop_invoke (producer->loop, on_timer_wanted, kvs_producer_ref (producer));
  if (effect->push.n_dropped > 0) {
    g_atomic_int_add (&producer->n_dropped_untold, (gint) effect->push.n_dropped);
    kvs_loop_invoke (producer->loop, on_drops, kvs_producer_ref (producer));
  }
  if (effect->n_late > 0) {
    g_atomic_int_add (&producer->n_late_untold, (gint) effect->n_late);
    kvs_loop_invoke (producer->loop, on_late, kvs_producer_ref (producer));
  }
  if (effect->missing != 0) {
    g_atomic_int_or (&producer->missing_untold, effect->missing);
    kvs_loop_invoke (producer->loop, on_missing, kvs_producer_ref (producer));
  }
}

/**
 * kvs_producer_add_track:
 * @producer: a producer
 * @track_number: 1 to %KVS_MAX_TRACKS
 * @type: video or audio
 *
 * See kvs_feed_add_track(). Any thread.
 */
void
kvs_producer_add_track (KvsProducer *producer, guint track_number, KvsTrackType type)
{
  kvs_feed_add_track (producer->feed, track_number, type);
}

/**
 * kvs_producer_remove_track:
 * @producer: a producer
 * @track_number: a track whose source is gone
 *
 * Any thread.
 */
void
kvs_producer_remove_track (KvsProducer *producer, guint track_number)
{
  KvsFeedEffect effect = { 0 };

  kvs_feed_remove_track (producer->feed, track_number, &effect);
  kvs_producer_handle_effect (producer, &effect);
}

/**
 * kvs_producer_set_track_flushing:
 * @producer: a producer
 * @track_number: a track
 * @flushing: whether kvs_producer_push() for this track returns at once with %KVS_PUSH_FLUSHING
 *
 * Any thread.
 */
void
kvs_producer_set_track_flushing (KvsProducer *producer, guint track_number, gboolean flushing)
{
  kvs_feed_set_flushing (producer->feed, track_number, flushing);
}

/**
 * kvs_producer_push:
 * @producer: a producer
 * @frame: (transfer full): the next frame of its track in decoding order
 * @track: (nullable): what its track is from this frame on, if that is new
 *
 * See kvs_feed_push(). One thread a track.
 *
 * Returns: what became of the frame
 */
KvsPushResult
kvs_producer_push (KvsProducer *producer, KvsFrame *frame, const KvsTrack *track)
{
  KvsFeedEffect effect = { 0 };
  KvsPushResult result = kvs_feed_push (producer->feed, frame, track, &effect);

  kvs_producer_handle_effect (producer, &effect);
  return result;
}

/**
 * kvs_producer_count_drop:
 * @producer: a producer
 * @reason: why a frame does not even come to kvs_producer_push()
 * @size_bytes: of the frame
 *
 * Any thread.
 */
void
kvs_producer_count_drop (KvsProducer *producer, KvsDropReason reason, gsize size_bytes)
{
  kvs_fragment_buffer_count_drop (producer->buffer, reason, size_bytes);
}

/**
 * kvs_producer_progress:
 * @producer: a producer
 * @track_number: a track
 * @time_ns: no frame of that track will come before this time
 *
 * Any thread.
 */
void
kvs_producer_progress (KvsProducer *producer, guint track_number, gint64 time_ns)
{
  KvsFeedEffect effect = { 0 };

  kvs_feed_progress (producer->feed, track_number, time_ns, &effect);
  kvs_producer_handle_effect (producer, &effect);
}

/**
 * kvs_producer_end_track:
 * @producer: a producer
 * @track_number: a track of which no more frames are expected
 *
 * Any thread.
 */
void
kvs_producer_end_track (KvsProducer *producer, guint track_number)
{
  KvsFeedEffect effect = { 0 };

  kvs_feed_end_track (producer->feed, track_number, &effect);
  kvs_producer_handle_effect (producer, &effect);
}
