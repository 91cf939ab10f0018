/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "stream/fragment-buffer-private.h"

#define MAX_FRAME_NS (G_GINT64_CONSTANT (1000) * 1000000)

/**
 * kvs_fragment_buffer_new:
 * @definition: gives the bounds; not kept
 * @metadata: (nullable): what goes with each Fragment that starts
 *
 * Returns: (transfer full): an empty buffer; it grows with what is put into it
 */
KvsFragmentBuffer *
kvs_fragment_buffer_new (const KvsStreamDefinition *definition, KvsMetadata *metadata)
{
  KvsFragmentBuffer *buffer = g_new0 (KvsFragmentBuffer, 1);

  g_mutex_init (&buffer->lock);
  g_mutex_init (&buffer->spool_tell_lock);
  g_cond_init (&buffer->space);
  g_queue_init (&buffer->fragments);
  buffer->fragmenter = kvs_fragmenter_new (definition);
  buffer->metadata = metadata != NULL ? kvs_metadata_ref (metadata) : kvs_metadata_new ();
  buffer->max_bytes = definition->storage_bytes;
  buffer->max_ns = definition->buffer_duration_ns;
  buffer->max_latency_ns = definition->max_latency_ns;
  buffer->max_unacknowledged = definition->max_unacknowledged;
  buffer->waits_when_full = definition->streaming_type == KVS_STREAMING_TYPE_OFFLINE;
  buffer->release = definition->fragment_acks ? KVS_FRAGMENT_RELEASE_PERSISTED
                                              : KVS_FRAGMENT_RELEASE_SENT;
  return buffer;
}

/**
 * kvs_fragment_buffer_free:
 * @buffer: (transfer full): a buffer that no other thread uses any more
 */
void
kvs_fragment_buffer_free (KvsFragmentBuffer *buffer)
{
  kvs_fragment_buffer_close_spool (buffer);
  g_queue_clear_full (&buffer->fragments, (GDestroyNotify) kvs_fragment_unref);
  kvs_fragmenter_free (buffer->fragmenter);
  kvs_metadata_unref (buffer->metadata);
  g_clear_pointer (&buffer->segment, kvs_segment_unref);
  g_cond_clear (&buffer->space);
  g_mutex_clear (&buffer->spool_tell_lock);
  g_mutex_clear (&buffer->lock);
  g_free (buffer);
}

/* ---- the list ---- */

/* What was read back from disk is of another time, and takes none of this one's room. */
gint64
kvs_fragment_buffer_media_of (const KvsFragment *fragment)
{
  return fragment->parts->len > 0 ? fragment->end_ns - fragment->start_ns : 0;
}

KvsFragment *
kvs_fragment_buffer_unlink (KvsFragmentBuffer *buffer, GList *link)
{
  KvsFragment *fragment = link->data;

  if (buffer->at == link) {
    buffer->at = link->next;
    memset (&buffer->cursor, 0, sizeof buffer->cursor);
  }
  if (buffer->open == fragment) {
    g_autoptr (KvsSegment) closed_segment = kvs_fragmenter_close (buffer->fragmenter);

    buffer->open = NULL;
  }
  kvs_fragment_buffer_spool_unlinked (buffer, link);
  g_queue_delete_link (&buffer->fragments, link);
  buffer->bytes -= fragment->size_bytes;
  buffer->media_ns -= kvs_fragment_buffer_media_of (fragment);
  if (!fragment->sent)
    buffer->unsent_bytes -= MIN (buffer->unsent_bytes, fragment->size_bytes);
  kvs_fragment_buffer_tell_space (buffer);
  return fragment;
}

/* @segment: (transfer full) (nullable): what the open fragment belongs to from now on */
static void
move_open (KvsFragmentBuffer *buffer, KvsSegment *segment)
{
  if (segment == NULL)
    return;
  kvs_segment_unref (buffer->open->segment);
  buffer->open->segment = segment;
  buffer->open->sendable = TRUE;
  kvs_fragment_buffer_spool_moved (buffer);
}

static void
complete_open (KvsFragmentBuffer *buffer, KvsSegment *segment)
{
  move_open (buffer, segment);
  if (buffer->open == NULL)
    return;
  buffer->open->complete = TRUE;
  kvs_fragment_buffer_spool_completed (buffer, buffer->open);
  buffer->open = NULL;
}

/* The one that the Session was begun for counts too, even while the connection is being made: without
 * it nothing might come after the header. */
gboolean
kvs_fragment_buffer_is_being_sent (const KvsFragmentBuffer *buffer, const GList *link)
{
  return buffer->segment != NULL && buffer->at == link
         && (buffer->n_sent == 0 || kvs_fragment_is_begun (&buffer->cursor));
}

void
kvs_fragment_buffer_free_list (GSList *fragments)
{
  g_slist_free_full (fragments, (GDestroyNotify) kvs_fragment_unref);
}

/* ---- the side of the source ---- */

gboolean
kvs_fragment_buffer_take_wake (KvsFragmentBuffer *buffer, gboolean now)
{
  if (!buffer->reader_waits || buffer->reader_is_held
      || (!now && buffer->unsent_bytes < buffer->reader_wake_bytes))
    return FALSE;
  buffer->reader_waits = FALSE;
  return TRUE;
}

/**
 * kvs_fragment_buffer_set_tracks:
 * @buffer: a buffer
 * @tracks: all tracks of the stream
 * @n_tracks: how many
 * @earliest_ns: see kvs_fragmenter_set_tracks()
 *
 * See kvs_fragmenter_set_tracks(). Thread safe.
 */
void
kvs_fragment_buffer_set_tracks (KvsFragmentBuffer *buffer, const KvsTrack *const *tracks,
                                guint n_tracks, gint64 earliest_ns)
{
  g_mutex_lock (&buffer->lock);
  complete_open (buffer, kvs_fragmenter_set_tracks (buffer->fragmenter, tracks, n_tracks,
                                                    earliest_ns));
  g_mutex_unlock (&buffer->lock);
}

/**
 * kvs_fragment_buffer_set_live_tracks:
 * @buffer: a buffer
 * @active: see kvs_fragmenter_set_live_tracks()
 * @ended: the same
 * @effect: (inout): gets what has to be done
 *
 * Thread safe.
 */
void
kvs_fragment_buffer_set_live_tracks (KvsFragmentBuffer *buffer, guint active, guint ended,
                                     KvsPushEffect *effect)
{
  KvsSegment *segment;

  g_mutex_lock (&buffer->lock);
  segment = kvs_fragmenter_set_live_tracks (buffer->fragmenter, active, ended);
  if (segment != NULL && kvs_fragment_buffer_take_wake (buffer, TRUE))
    effect->wake = TRUE;
  move_open (buffer, segment);
  g_mutex_unlock (&buffer->lock);
}

/* Frames need not have a duration: the last one of a Fragment lasts until the next one begins, but
 * not through a pause. */
static void
extend_last (KvsFragmentBuffer *buffer, gint64 until_ns)
{
  KvsFragment *last = g_queue_peek_tail (&buffer->fragments);

  if (last == NULL || last->raw != NULL || last->leaves_memory || until_ns <= last->end_ns
      || until_ns - last->end_ns > MAX_FRAME_NS)
    return;
  buffer->media_ns += until_ns - last->end_ns;
  last->end_ns = until_ns;
}

static void
store (KvsFragmentBuffer *buffer, KvsFrame *frame, const KvsFragmenterStep *step)
{
  gsize added_bytes = step->head_size + frame->size_bytes;

  if (step->verdict == KVS_FRAGMENTER_OPEN) {
    extend_last (buffer, frame->info.pts_ns);
    complete_open (buffer, step->closed_segment);
    buffer->open = kvs_fragment_new (step->segment, step->timecode,
                                     kvs_metadata_take (buffer->metadata));
    added_bytes += buffer->open->size_bytes;
    g_queue_push_tail (&buffer->fragments, buffer->open);
    if (buffer->segment != NULL && buffer->at == NULL)
      buffer->at = buffer->fragments.tail;
    kvs_fragment_buffer_spool_opened_fragment (buffer);
    if (step->forced)
      buffer->stats.fragments_forced++;
  }
  buffer->media_ns -= kvs_fragment_buffer_media_of (buffer->open);
  kvs_fragment_append (buffer->open, step->head, step->head_size, frame);
  buffer->media_ns += kvs_fragment_buffer_media_of (buffer->open);
  kvs_fragment_buffer_spool_grown (buffer);
  buffer->bytes += added_bytes;
  buffer->unsent_bytes += added_bytes;
  buffer->stats.frames_in++;
  buffer->stats.bytes_in += frame->size_bytes;
}

static KvsPushResult
result_of (KvsFragmenterVerdict verdict)
{
  switch (verdict) {
    case KVS_FRAGMENTER_NOT_DECODABLE:
      return KVS_PUSH_NOT_DECODABLE;
    case KVS_FRAGMENTER_UNDECLARED:
      return KVS_PUSH_UNDECLARED;
    case KVS_FRAGMENTER_LATE:
      return KVS_PUSH_LATE;
    default:
      return KVS_PUSH_STORED;
  }
}

/**
 * kvs_fragment_buffer_push:
 * @buffer: a buffer
 * @frame: (inout): the next frame in decoding order; %NULL afterwards if it was taken
 * @effect: (inout): gets what has to be done
 *
 * Stores a frame, without waiting. When the buffer is full, a live stream loses its oldest unsent
 * Fragment as a whole. A frame that is not taken is the caller's to count, see
 * kvs_fragment_buffer_count_drop(). Thread safe.
 *
 * Returns: what became of the frame
 */
KvsPushResult
kvs_fragment_buffer_push (KvsFragmentBuffer *buffer, KvsFrame **frame, KvsPushEffect *effect)
{
  GSList *dropped = NULL;
  KvsFragmenterStep step;

  g_mutex_lock (&buffer->lock);
  if (buffer->flushing || buffer->ended) {
    g_mutex_unlock (&buffer->lock);
    return KVS_PUSH_FLUSHING;
  }
  kvs_fragmenter_step (buffer->fragmenter, *frame, &step);
  if (result_of (step.verdict) == KVS_PUSH_STORED) {
    store (buffer, g_steal_pointer (frame), &step);
    buffer->open->sendable |= step.is_sendable;
    if (!buffer->waits_when_full)
      effect->n_dropped += kvs_fragment_buffer_drop_overflow (buffer, &dropped);
    /* A Fragment that has begun completes the one before. */
    if ((step.verdict == KVS_FRAGMENTER_OPEN || buffer->open->sendable)
        && kvs_fragment_buffer_take_wake (buffer, FALSE))
      effect->wake = TRUE;
  }
  g_mutex_unlock (&buffer->lock);
  kvs_fragment_buffer_free_list (dropped);
  return result_of (step.verdict);
}

/**
 * kvs_fragment_buffer_count_drop:
 * @buffer: a buffer
 * @reason: why a frame that came is not stored
 * @size_bytes: of the frame
 *
 * Thread safe.
 */
void
kvs_fragment_buffer_count_drop (KvsFragmentBuffer *buffer, KvsDropReason reason, gsize size_bytes)
{
  g_mutex_lock (&buffer->lock);
  buffer->stats.frames_in++;
  buffer->stats.bytes_in += size_bytes;
  buffer->stats.frames_dropped[reason]++;
  g_mutex_unlock (&buffer->lock);
}

/**
 * kvs_fragment_buffer_close_fragment:
 * @buffer: a buffer
 *
 * The open Fragment is over; a key frame has to start the next one. Thread safe.
 */
void
kvs_fragment_buffer_close_fragment (KvsFragmentBuffer *buffer)
{
  g_mutex_lock (&buffer->lock);
  complete_open (buffer, kvs_fragmenter_close (buffer->fragmenter));
  g_mutex_unlock (&buffer->lock);
}

/**
 * kvs_fragment_buffer_end:
 * @buffer: a buffer
 *
 * No more frames will come; what is there will still be read. Thread safe.
 */
void
kvs_fragment_buffer_end (KvsFragmentBuffer *buffer)
{
  g_mutex_lock (&buffer->lock);
  complete_open (buffer, kvs_fragmenter_close (buffer->fragmenter));
  buffer->ended = TRUE;
  kvs_fragment_buffer_tell_space (buffer);
  g_mutex_unlock (&buffer->lock);
}

/**
 * kvs_fragment_buffer_set_flushing:
 * @buffer: a buffer
 * @flushing: whether frames are refused, also by kvs_fragment_buffer_wait_for_room() where it waits
 *   now
 *
 * Thread safe.
 */
void
kvs_fragment_buffer_set_flushing (KvsFragmentBuffer *buffer, gboolean flushing)
{
  g_mutex_lock (&buffer->lock);
  buffer->flushing = flushing;
  kvs_fragment_buffer_tell_space (buffer);
  g_mutex_unlock (&buffer->lock);
}

/* ---- either side ---- */

/**
 * kvs_fragment_buffer_is_drained:
 * @buffer: a buffer
 *
 * Returns: whether the end was reached and nothing is left. Thread safe.
 */
gboolean
kvs_fragment_buffer_is_drained (KvsFragmentBuffer *buffer)
{
  gboolean drained;

  g_mutex_lock (&buffer->lock);
  drained = buffer->ended && buffer->fragments.head == NULL && buffer->n_waiting == 0
            && !buffer->spool_is_opening;
  g_mutex_unlock (&buffer->lock);
  return drained;
}

/**
 * kvs_fragment_buffer_is_empty:
 * @buffer: a buffer
 *
 * Returns: whether nothing is kept. Thread safe.
 */
gboolean
kvs_fragment_buffer_is_empty (KvsFragmentBuffer *buffer)
{
  gboolean empty;

  g_mutex_lock (&buffer->lock);
  empty = buffer->fragments.head == NULL && buffer->n_waiting == 0;
  g_mutex_unlock (&buffer->lock);
  return empty;
}

/**
 * kvs_fragment_buffer_get_stats:
 * @buffer: a buffer
 * @stats: (out): the figures of this moment
 *
 * Thread safe.
 */
void
kvs_fragment_buffer_get_stats (KvsFragmentBuffer *buffer, KvsBufferStats *stats)
{
  KvsSpoolStats spool_stats = { 0 };

  g_mutex_lock (&buffer->lock);
  *stats = buffer->stats;
  stats->fragments_buffered = buffer->fragments.length;
  stats->bytes_buffered = buffer->bytes;
  stats->buffered_ns = buffer->media_ns;
  if (buffer->spool != NULL)
    kvs_spool_get_stats (buffer->spool, &spool_stats);
  stats->spool_fragments = spool_stats.n_fragments;
  stats->spool_bytes = spool_stats.size_bytes;
  if (g_get_monotonic_time () - buffer->rate_since_us > 2 * KVS_RATE_WINDOW_US)
    stats->bytes_per_s = 0;
  g_mutex_unlock (&buffer->lock);
}
