/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much the fragment buffer takes, and what happens when more comes: a file's source waits, a live
 * stream loses its oldest Fragments. */
#include "stream/fragment-buffer-private.h"

/* A file is read faster than any link sends it, and to keep more of it than the next moments need
 * costs memory that the processor's caches have long lost again. A source that has got that far ahead
 * goes on once half of it is sent. */
#define MAX_AHEAD_BYTES (2 * 1024 * 1024)

gboolean
kvs_fragment_buffer_is_full (const KvsFragmentBuffer *buffer)
{
  return buffer->bytes - buffer->storing_bytes > buffer->max_bytes
         || buffer->media_ns - buffer->storing_ns > buffer->max_ns;
}

/* ---- a live stream loses Fragments ---- */

/* The oldest complete fragment of which nothing was sent; else the oldest complete one at all, so
 * that the bound holds when the service takes media but acknowledges none. */
static GList *
find_victim (KvsFragmentBuffer *buffer)
{
  GList *oldest = NULL;

  for (GList *link = buffer->fragments.head; link != NULL; link = link->next) {
    const KvsFragment *fragment = link->data;

    if (!fragment->complete || fragment->leaves_memory
        || kvs_fragment_buffer_is_being_sent (buffer, link))
      continue;
    if (!fragment->sent)
      return link;
    if (oldest == NULL)
      oldest = link;
  }
  return oldest;
}

/* The oldest fragment of which nothing was sent, if it lies further back than max-latency. What was
 * read back from disk does, and was kept for that. */
static GList *
find_late (KvsFragmentBuffer *buffer)
{
  GList *link = buffer->segment != NULL ? buffer->at : buffer->fragments.head;
  const KvsFragment *newest = g_queue_peek_tail (&buffer->fragments);
  const KvsFragment *fragment = NULL;

  if (buffer->max_latency_ns == 0)
    return NULL;
  for (; link != NULL; link = link->next) {
    fragment = link->data;
    if (fragment->raw == NULL && !fragment->leaves_memory
        && !kvs_fragment_buffer_is_being_sent (buffer, link))
      break;
  }
  if (link == NULL)
    return NULL;
  return fragment->complete && newest->end_ns - fragment->start_ns > buffer->max_latency_ns ? link
                                                                                            : NULL;
}

/* With a disk that works it is bytes alone that press: time is what the disk is for. */
static gboolean
must_drop (const KvsFragmentBuffer *buffer)
{
  if (buffer->spool != NULL && !buffer->spool_has_trouble)
    return buffer->bytes - buffer->storing_bytes > buffer->max_bytes;
  return kvs_fragment_buffer_is_full (buffer);
}

/* Returns: how many frames went. */
guint
kvs_fragment_buffer_drop_overflow (KvsFragmentBuffer *buffer, GSList **dropped)
{
  guint n_frames = 0;
  GList *victim;

  while ((kvs_fragment_buffer_is_full (buffer) || find_late (buffer) != NULL)
         && kvs_fragment_buffer_spool_make_room (buffer, dropped))
    ;
  while ((victim = must_drop (buffer) ? find_victim (buffer) : find_late (buffer)) != NULL) {
    KvsFragment *fragment = kvs_fragment_buffer_unlink (buffer, victim);

    n_frames += fragment->n_frames;
    *dropped = g_slist_prepend (*dropped, fragment);
  }
  buffer->stats.frames_dropped[KVS_DROP_OVERFLOW] += n_frames;
  return n_frames;
}

/* ---- a source waits ---- */

/* A fragment that is still growing cannot leave, so waiting for that would be for ever. */
static gboolean
has_no_room (const KvsFragmentBuffer *buffer)
{
  return kvs_fragment_buffer_is_full (buffer)
         && buffer->fragments.length > (buffer->open != NULL ? 1 : 0);
}

/* Not where a disk takes what comes, nor where the reader has run dry or waits for more of the Fragment
 * that it would send next. */
static gboolean
is_far_ahead (const KvsFragmentBuffer *buffer, guint64 max_bytes)
{
  const GList *next = buffer->segment != NULL ? buffer->at : buffer->fragments.head;

  if (buffer->unsent_bytes <= max_bytes || buffer->spool != NULL || buffer->spool_is_opening)
    return FALSE;
  if (buffer->segment != NULL && buffer->reader_waits && !buffer->reader_is_held)
    return FALSE;
  return next != NULL && ((const KvsFragment *) next->data)->sendable;
}

static gboolean
must_wait (const KvsFragmentBuffer *buffer, guint64 max_ahead_bytes)
{
  return buffer->waits_when_full && !buffer->flushing && !buffer->ended
         && (has_no_room (buffer) || is_far_ahead (buffer, max_ahead_bytes));
}

/* To signal costs a system call whether somebody waits or not. */
void
kvs_fragment_buffer_tell_space (KvsFragmentBuffer *buffer)
{
  if (buffer->n_waiting_for_space > 0)
    g_cond_broadcast (&buffer->space);
}

/* After each read: sources are not woken for every one. */
void
kvs_fragment_buffer_tell_read (KvsFragmentBuffer *buffer)
{
  if (!is_far_ahead (buffer, MAX_AHEAD_BYTES / 2))
    kvs_fragment_buffer_tell_space (buffer);
}

/**
 * kvs_fragment_buffer_wait_for_room:
 * @buffer: a buffer
 * @cancelled: atomic; the wait is over when it is not 0, see kvs_fragment_buffer_interrupt()
 *
 * With streaming-type offline, waits while the buffer is full, or the source far ahead of what is sent;
 * else there always is room. Thread safe; no lock may be held.
 *
 * Returns: whether a frame may be pushed
 */
gboolean
kvs_fragment_buffer_wait_for_room (KvsFragmentBuffer *buffer, const gint *cancelled)
{
  guint64 max_ahead_bytes = MAX_AHEAD_BYTES;
  gboolean may_push;

  g_mutex_lock (&buffer->lock);
  while (must_wait (buffer, max_ahead_bytes) && !g_atomic_int_get (cancelled)) {
    max_ahead_bytes = MAX_AHEAD_BYTES / 2;
    buffer->n_waiting_for_space++;
    g_cond_wait (&buffer->space, &buffer->lock);
    buffer->n_waiting_for_space--;
  }
  may_push = !buffer->flushing && !buffer->ended && !g_atomic_int_get (cancelled);
  g_mutex_unlock (&buffer->lock);
  return may_push;
}

/**
 * kvs_fragment_buffer_interrupt:
 * @buffer: a buffer
 *
 * Has kvs_fragment_buffer_wait_for_room() look whether it was cancelled. Thread safe.
 */
void
kvs_fragment_buffer_interrupt (KvsFragmentBuffer *buffer)
{
  g_mutex_lock (&buffer->lock);
  kvs_fragment_buffer_tell_space (buffer);
  g_mutex_unlock (&buffer->lock);
}
