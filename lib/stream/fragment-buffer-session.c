/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The side of the fragment buffer that a Session reads from and acknowledges to. */
#include <string.h>

#include "stream/fragment-buffer-private.h"
#include "stream/read-plan.h"

#define DEFAULT_FRAGMENT_NS (G_GINT64_CONSTANT (1000000000))

/**
 * kvs_fragment_buffer_set_release:
 * @buffer: a buffer
 * @release: when a Fragment may be forgotten
 *
 * Thread safe.
 */
void
kvs_fragment_buffer_set_release (KvsFragmentBuffer *buffer, KvsFragmentRelease release)
{
  g_mutex_lock (&buffer->lock);
  buffer->release = release;
  g_mutex_unlock (&buffer->lock);
}

/**
 * kvs_fragment_buffer_begin_session:
 * @buffer: a buffer whose last Session, if any, was ended
 *
 * Starts to read: at the first Fragment that the service does not have for good, from its first byte.
 * Where there is nothing to send the reader is woken as after kvs_fragment_buffer_wait(). Thread safe.
 *
 * Returns: (transfer full) (nullable): the segment that the Session carries; %NULL if there is
 *   nothing to send
 */
KvsSegment *
kvs_fragment_buffer_begin_session (KvsFragmentBuffer *buffer)
{
  KvsSegment *segment = NULL;

  g_mutex_lock (&buffer->lock);
  buffer->at = kvs_fragment_buffer_spool_choose_start (buffer);
  buffer->header_sent_bytes = 0;
  buffer->finish_session = FALSE;
  buffer->passed_over_us = 0;
  buffer->n_sent = buffer->n_acked = 0;
  buffer->is_read_to_end = FALSE;
  buffer->reader_waits = TRUE;
  buffer->reader_is_held = FALSE;
  buffer->reader_wake_bytes = 1;
  if (buffer->at != NULL) {
    buffer->segment = kvs_segment_ref (((KvsFragment *) buffer->at->data)->segment);
    segment = kvs_segment_ref (buffer->segment);
    buffer->reader_waits = FALSE;
  }
  g_mutex_unlock (&buffer->lock);
  return segment;
}

/**
 * kvs_fragment_buffer_end_session:
 * @buffer: a buffer
 *
 * The running Session is over. What the service does not have for good counts as unsent again.
 * Thread safe.
 */
void
kvs_fragment_buffer_end_session (KvsFragmentBuffer *buffer)
{
  g_mutex_lock (&buffer->lock);
  g_clear_pointer (&buffer->segment, kvs_segment_unref);
  buffer->at = NULL;
  memset (&buffer->cursor, 0, sizeof buffer->cursor);
  buffer->unsent_bytes = buffer->bytes;
  for (GList *link = buffer->fragments.head; link != NULL; link = link->next)
    ((KvsFragment *) link->data)->sent = FALSE;
  g_mutex_unlock (&buffer->lock);
}

static gsize
read_header (KvsFragmentBuffer *buffer, guint8 *out, gsize size)
{
  gsize header_size;
  const guint8 *header = g_bytes_get_data (buffer->segment->header, &header_size);
  gsize n = MIN (size, header_size - buffer->header_sent_bytes);

  if (n > 0)
    memcpy (out, header + buffer->header_sent_bytes, n);
  buffer->header_sent_bytes += n;
  return n;
}

/* Whether this Session may not go on with what comes next. */
static gboolean
at_border (KvsFragmentBuffer *buffer)
{
  if (buffer->at == NULL)
    return buffer->finish_session || kvs_fragment_buffer_spool_wants_border (buffer)
           || (buffer->ended && buffer->n_waiting == 0);
  if (kvs_fragment_buffer_is_being_sent (buffer, buffer->at)
      && ((KvsFragment *) buffer->at->data)->segment == buffer->segment)
    return FALSE;
  if (buffer->finish_session || kvs_fragment_buffer_spool_wants_border (buffer))
    return TRUE;
  return !kvs_fragment_buffer_spool_comes_first (buffer)
         && ((KvsFragment *) buffer->at->data)->segment != buffer->segment;
}

/* The service has a Fragment whole when the next one begins. Where the Acks of too many of these are
 * still on their way a reset would double them all, so that the next one has to wait; but not for
 * long, or a slow answer would keep media from catching up. */
static gboolean
is_held (const KvsFragmentBuffer *buffer)
{
  return buffer->max_unacknowledged > 0 && buffer->segment != NULL
         && buffer->release != KVS_FRAGMENT_RELEASE_SENT
         && buffer->n_sent - buffer->n_acked > buffer->max_unacknowledged
         && !kvs_fragment_is_begun (&buffer->cursor)
         && g_get_monotonic_time () < buffer->hold_until_us;
}

/* Half of the time that it plays: so media are sent twice as fast as they come at least. */
static gint64
longest_hold_us (const KvsFragment *fragment)
{
  gint64 media_ns = fragment->end_ns > fragment->start_ns ? fragment->end_ns - fragment->start_ns
                                                          : DEFAULT_FRAGMENT_NS;

  return MIN (media_ns, KVS_FRAGMENT_MAX_DURATION_NS) / 2000;
}

static void
finish_fragment (KvsFragmentBuffer *buffer, GSList **released)
{
  GList *link = buffer->at;
  KvsFragment *fragment = link->data;

  fragment->sent = TRUE;
  fragment->sent_us = g_get_monotonic_time ();
  fragment->sent_number = ++buffer->n_sent;
  buffer->hold_until_us = fragment->sent_us + longest_hold_us (fragment);
  buffer->stats.frames_sent += fragment->n_frames;
  buffer->at = link->next;
  memset (&buffer->cursor, 0, sizeof buffer->cursor);
  if (buffer->release != KVS_FRAGMENT_RELEASE_SENT)
    return;
  *released = g_slist_prepend (*released, kvs_fragment_buffer_unlink (buffer, link));
  buffer->stats.fragments_persisted++;
  buffer->stats.frames_persisted += fragment->n_frames;
  buffer->stats.bytes_persisted += fragment->size_bytes;
}

static gsize
read_fragments (KvsFragmentBuffer *buffer, guint8 *out, gsize size, KvsReadPlan *plan,
                GSList **released)
{
  gsize done = 0;

  while (done < size && buffer->at != NULL && !at_border (buffer) && !is_held (buffer)) {
    KvsFragment *fragment = buffer->at->data;
    gsize n;

    if (!fragment->sendable || kvs_fragment_buffer_spool_comes_first (buffer))
      break;
    n = kvs_read_plan_add (plan, fragment, &buffer->cursor, out + done, size - done);
    done += n;
    buffer->unsent_bytes -= MIN (buffer->unsent_bytes, n);
    if (!kvs_fragment_is_read (fragment, &buffer->cursor)) {
      if (n == 0)
        break;
      continue;
    }
    finish_fragment (buffer, released);
  }
  return done;
}

static void
count_sent (KvsFragmentBuffer *buffer, gsize n_bytes, gint64 now_us)
{
  gint64 elapsed_us = now_us - buffer->rate_since_us;

  buffer->stats.bytes_sent += n_bytes;
  buffer->rate_bytes += n_bytes;
  if (elapsed_us < KVS_RATE_WINDOW_US)
    return;
  buffer->stats.bytes_per_s
      = elapsed_us < 2 * KVS_RATE_WINDOW_US
            ? buffer->rate_bytes * G_USEC_PER_SEC / (guint64) elapsed_us : 0;
  buffer->rate_bytes = 0;
  buffer->rate_since_us = now_us;
}

/**
 * kvs_fragment_buffer_read:
 * @buffer: a buffer
 * @out: where the bytes go
 * @size: room in @out
 * @n_read: (out): how many were given
 *
 * Gives the next bytes of the running Session: header, then Fragments. Thread safe.
 *
 * Returns: see #KvsReadStatus
 */
KvsReadStatus
kvs_fragment_buffer_read (KvsFragmentBuffer *buffer, guint8 *out, gsize size, gsize *n_read)
{
  KvsReadStatus status = KVS_READ_DATA;
  GSList *released = NULL;
  KvsReadPlan plan;
  gint64 now_us = g_get_monotonic_time ();

  *n_read = 0;
  kvs_read_plan_init (&plan);
  g_mutex_lock (&buffer->lock);
  if (buffer->segment != NULL) {
    *n_read = read_header (buffer, out, size);
    *n_read += read_fragments (buffer, out + *n_read, size - *n_read, &plan, &released);
  }
  count_sent (buffer, *n_read, now_us);
  if (*n_read == 0)
    status = buffer->segment == NULL || (at_border (buffer) && !is_held (buffer)) ? KVS_READ_END
                                                                                : KVS_READ_EMPTY;
  buffer->is_read_to_end |= status == KVS_READ_END;
  kvs_fragment_buffer_tell_read (buffer);
  g_mutex_unlock (&buffer->lock);
  kvs_read_plan_run (&plan);
  kvs_fragment_buffer_free_list (released);
  return status;
}

static gboolean
has_data (KvsFragmentBuffer *buffer)
{
  const KvsFragment *fragment;

  if (buffer->segment == NULL)
    return kvs_fragment_buffer_spool_choose_start (buffer) != NULL;
  if (buffer->reader_is_held)
    return FALSE;
  if (at_border (buffer))
    return TRUE;
  if (kvs_fragment_buffer_spool_comes_first (buffer) || buffer->at == NULL)
    return FALSE;
  fragment = buffer->at->data;
  return fragment->sendable
         && (buffer->cursor.part < fragment->parts->len || fragment->complete);
}

/**
 * kvs_fragment_buffer_wait:
 * @buffer: a buffer
 * @wake_bytes: how much shall wait before the reader is woken; 1 for anything
 *
 * The reader ran dry. A later kvs_fragment_buffer_push() that adds enough says that the reader has to
 * be woken. With a @wake_bytes of 1 this looks for waiting data first.
 * Where it is Acks that the reader waits for nobody wakes it, see kvs_fragment_buffer_get_hold_us().
 * Thread safe.
 *
 * Returns: %TRUE if there is something to read already, and nobody will wake the reader
 */
gboolean
kvs_fragment_buffer_wait (KvsFragmentBuffer *buffer, gsize wake_bytes)
{
  gboolean ready;

  g_mutex_lock (&buffer->lock);
  buffer->reader_is_held = is_held (buffer);
  ready = has_data (buffer) && (wake_bytes <= 1 || buffer->unsent_bytes >= wake_bytes
                                || at_border (buffer));
  buffer->reader_waits = !ready;
  buffer->reader_wake_bytes = wake_bytes;
  kvs_fragment_buffer_tell_read (buffer);
  g_mutex_unlock (&buffer->lock);
  return ready;
}

/**
 * kvs_fragment_buffer_get_hold_us:
 * @buffer: a buffer
 *
 * After kvs_fragment_buffer_wait(): the reader may have to wait for Acks before it begins another
 * Fragment. Thread safe.
 *
 * Returns: for how long it does at most; 0 if it may go on by now; -1 if that is not what it waits for
 */
gint64
kvs_fragment_buffer_get_hold_us (KvsFragmentBuffer *buffer)
{
  gint64 hold_us = -1;

  g_mutex_lock (&buffer->lock);
  if (buffer->reader_waits && buffer->reader_is_held)
    hold_us = is_held (buffer) ? MAX (buffer->hold_until_us - g_get_monotonic_time (), 0) : 0;
  g_mutex_unlock (&buffer->lock);
  return hold_us;
}

/**
 * kvs_fragment_buffer_finish_session:
 * @buffer: a buffer
 *
 * The running Session ends at the next border between Fragments. Thread safe.
 */
void
kvs_fragment_buffer_finish_session (KvsFragmentBuffer *buffer)
{
  g_mutex_lock (&buffer->lock);
  buffer->finish_session = TRUE;
  g_mutex_unlock (&buffer->lock);
}

/* Acks name timecodes, and a time line may come twice (a loop): only Fragments that the running
 * Session has carried count. */
static GList *
find_sent (KvsFragmentBuffer *buffer, guint64 timecode)
{
  for (GList *link = buffer->fragments.head; link != NULL; link = link->next) {
    KvsFragment *fragment = link->data;

    if (fragment->segment == buffer->segment && fragment->timecode == timecode)
      return link;
    if (link == buffer->at)
      break;
  }
  return NULL;
}

/* @link: of a fragment that is acknowledged now */
static void
note_passed_over (KvsFragmentBuffer *buffer, const GList *link)
{
  const KvsFragment *before = link->prev != NULL ? link->prev->data : NULL;

  if (before == NULL || !before->sent || before->segment != buffer->segment)
    buffer->passed_over_us = 0;
  else if (buffer->passed_over_us == 0)
    buffer->passed_over_us = g_get_monotonic_time ();
}

static void
release_sent (KvsFragmentBuffer *buffer, guint64 timecode, KvsFragmentRelease at_least)
{
  KvsFragment *fragment = NULL;
  GList *link;

  g_mutex_lock (&buffer->lock);
  link = buffer->release >= at_least ? find_sent (buffer, timecode) : NULL;
  /* An Ack for bytes that were not sent yet is none. */
  if (link != NULL && ((KvsFragment *) link->data)->sent) {
    note_passed_over (buffer, link);
    buffer->n_acked = MAX (buffer->n_acked, ((KvsFragment *) link->data)->sent_number);
    fragment = kvs_fragment_buffer_unlink (buffer, link);
    buffer->stats.ack_latency_ns = (g_get_monotonic_time () - fragment->sent_us) * 1000;
    buffer->stats.fragments_persisted++;
    buffer->stats.frames_persisted += fragment->n_frames;
    buffer->stats.bytes_persisted += fragment->size_bytes;
  }
  g_mutex_unlock (&buffer->lock);
  kvs_fragment_unref (fragment);
}

/**
 * kvs_fragment_buffer_awaits_acks:
 * @buffer: a buffer
 *
 * Thread safe.
 *
 * Returns: whether the running Session has given the service a Fragment as a whole that an Ack may
 *   still come for
 */
gboolean
kvs_fragment_buffer_awaits_acks (KvsFragmentBuffer *buffer)
{
  guint n_whole;
  gboolean awaits;

  g_mutex_lock (&buffer->lock);
  n_whole = buffer->n_sent;
  /* The last one is whole for the service when something follows. */
  if (n_whole > 0 && !buffer->is_read_to_end && !kvs_fragment_is_begun (&buffer->cursor))
    n_whole--;
  awaits = buffer->release != KVS_FRAGMENT_RELEASE_SENT && buffer->n_acked < n_whole;
  g_mutex_unlock (&buffer->lock);
  return awaits;
}

/**
 * kvs_fragment_buffer_is_overdue:
 * @buffer: a buffer
 * @since_us: time of the monotonic clock
 *
 * Acks come in order. One that was passed over that long ago does not come any more, whatever a slow
 * link still has on its way. Thread safe.
 *
 * Returns: whether there is such a Fragment
 */
gboolean
kvs_fragment_buffer_is_overdue (KvsFragmentBuffer *buffer, gint64 since_us)
{
  gboolean is_overdue;

  g_mutex_lock (&buffer->lock);
  is_overdue = buffer->passed_over_us != 0 && buffer->passed_over_us < since_us;
  g_mutex_unlock (&buffer->lock);
  return is_overdue;
}

/**
 * kvs_fragment_buffer_received:
 * @buffer: a buffer
 * @timecode: as the RECEIVED Ack names it
 *
 * Forgets the Fragment where the stream keeps nothing. Thread safe.
 */
void
kvs_fragment_buffer_received (KvsFragmentBuffer *buffer, guint64 timecode)
{
  release_sent (buffer, timecode, KVS_FRAGMENT_RELEASE_RECEIVED);
}

/**
 * kvs_fragment_buffer_persisted:
 * @buffer: a buffer
 * @timecode: as the PERSISTED Ack names it
 *
 * Forgets the Fragment. Thread safe.
 */
void
kvs_fragment_buffer_persisted (KvsFragmentBuffer *buffer, guint64 timecode)
{
  release_sent (buffer, timecode, KVS_FRAGMENT_RELEASE_PERSISTED);
}

/**
 * kvs_fragment_buffer_refuse:
 * @buffer: a buffer
 * @timecode: as the ERROR Ack names it
 *
 * Drops a Fragment that the service will never take. The Session has to be ended by the caller.
 * Thread safe.
 *
 * Returns: how many frames went with it
 */
guint
kvs_fragment_buffer_refuse (KvsFragmentBuffer *buffer, guint64 timecode)
{
  KvsFragment *fragment = NULL;
  GList *link;
  guint n_frames = 0;

  g_mutex_lock (&buffer->lock);
  link = find_sent (buffer, timecode);
  if (link != NULL) {
    fragment = kvs_fragment_buffer_unlink (buffer, link);
    n_frames = fragment->n_frames;
    buffer->stats.frames_dropped[KVS_DROP_REFUSED] += n_frames;
  }
  g_mutex_unlock (&buffer->lock);
  kvs_fragment_unref (fragment);
  return n_frames;
}

/**
 * kvs_fragment_buffer_count_try:
 * @buffer: a buffer
 * @timecode: as an ERROR Ack names it
 *
 * Thread safe.
 *
 * Returns: how often this was called for that Fragment; 0 if there is none
 */
guint
kvs_fragment_buffer_count_try (KvsFragmentBuffer *buffer, guint64 timecode)
{
  GList *link;
  guint n_tries = 0;

  g_mutex_lock (&buffer->lock);
  link = find_sent (buffer, timecode);
  if (link != NULL)
    n_tries = ++((KvsFragment *) link->data)->n_tries;
  g_mutex_unlock (&buffer->lock);
  return n_tries;
}
