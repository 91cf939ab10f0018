/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/fragment-buffer.h"

#include <string.h>

#include "stream/fragmenter.h"

struct _KvsFragmentBuffer {
  /* constant */
  guint64 max_bytes;
  gint64 max_ns;
  gboolean waits_when_full;

  GMutex lock; /* all that follows; held for microseconds, never across a call out */
  GCond space;
  KvsFragmenter *fragmenter;
  KvsFragmentRelease release;
  GQueue fragments; /* of KvsFragment, oldest first */
  KvsFragment *open; /* the last one, while frames are added to it */
  gboolean ended;
  gboolean flushing;
  KvsBufferStats stats; /* all but the figures of what is buffered */
  guint64 bytes;

  /* the running Session */
  KvsSegment *segment;
  gsize header_sent_bytes;
  GList *at; /* link of the fragment that is sent next; NULL when all are sent */
  KvsFragmentCursor cursor;
  guint64 unsent_bytes;
  gboolean finish_session;

  /* the reader ran dry and asks to be woken */
  gboolean reader_waits;
  gsize reader_wake_bytes;
};

/**
 * kvs_fragment_buffer_new:
 * @definition: gives the bounds; not kept
 *
 * Returns: (transfer full): an empty buffer; it grows with what is put into it
 */
KvsFragmentBuffer *
kvs_fragment_buffer_new (const KvsStreamDefinition *definition)
{
  KvsFragmentBuffer *buffer = g_new0 (KvsFragmentBuffer, 1);

  g_mutex_init (&buffer->lock);
  g_cond_init (&buffer->space);
  g_queue_init (&buffer->fragments);
  buffer->fragmenter = kvs_fragmenter_new (definition);
  buffer->max_bytes = definition->storage_bytes;
  buffer->max_ns = definition->buffer_duration_ns;
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
  g_queue_clear_full (&buffer->fragments, (GDestroyNotify) kvs_fragment_free);
  kvs_fragmenter_free (buffer->fragmenter);
  g_clear_pointer (&buffer->segment, kvs_segment_unref);
  g_cond_clear (&buffer->space);
  g_mutex_clear (&buffer->lock);
  g_free (buffer);
}

/* ---- the list ---- */

/* Takes a fragment out; the caller frees it once the lock is given back. */
static KvsFragment *
unlink_fragment (KvsFragmentBuffer *buffer, GList *link)
{
  KvsFragment *fragment = link->data;

  if (buffer->at == link) {
    buffer->at = link->next;
    memset (&buffer->cursor, 0, sizeof buffer->cursor);
  }
  if (buffer->open == fragment) {
    buffer->open = NULL;
    kvs_fragmenter_close (buffer->fragmenter);
  }
  g_queue_delete_link (&buffer->fragments, link);
  buffer->bytes -= fragment->size_bytes;
  if (!fragment->sent)
    buffer->unsent_bytes -= MIN (buffer->unsent_bytes, fragment->size_bytes);
  g_cond_broadcast (&buffer->space);
  return fragment;
}

static void
complete_open (KvsFragmentBuffer *buffer)
{
  if (buffer->open == NULL)
    return;
  buffer->open->complete = TRUE;
  buffer->open = NULL;
}

static gint64
buffered_ns (const KvsFragmentBuffer *buffer)
{
  const KvsFragment *oldest = g_queue_peek_head ((GQueue *) &buffer->fragments);
  const KvsFragment *newest = g_queue_peek_tail ((GQueue *) &buffer->fragments);

  return oldest != NULL ? MAX (newest->end_ns - oldest->start_ns, 0) : 0;
}

static gboolean
is_full (const KvsFragmentBuffer *buffer)
{
  return buffer->bytes > buffer->max_bytes || buffered_ns (buffer) > buffer->max_ns;
}

static gboolean
is_being_sent (const KvsFragmentBuffer *buffer, const GList *link)
{
  return buffer->segment != NULL && buffer->at == link
         && (buffer->cursor.part > 0 || buffer->cursor.slice > 0 || buffer->cursor.offset > 0);
}

/* The oldest complete fragment of which nothing was sent; else the oldest complete one at all, so
 * that the bound holds when the service takes media but acknowledges none. */
static GList *
find_victim (KvsFragmentBuffer *buffer)
{
  GList *oldest = NULL;

  for (GList *link = buffer->fragments.head; link != NULL; link = link->next) {
    const KvsFragment *fragment = link->data;

    if (!fragment->complete || is_being_sent (buffer, link))
      continue;
    if (!fragment->sent)
      return link;
    if (oldest == NULL)
      oldest = link;
  }
  return oldest;
}

/* Returns: how many frames went. */
static guint
drop_overflow (KvsFragmentBuffer *buffer, GSList **dropped)
{
  guint n_frames = 0;
  GList *victim;

  while (is_full (buffer) && (victim = find_victim (buffer)) != NULL) {
    KvsFragment *fragment = unlink_fragment (buffer, victim);

    n_frames += fragment->parts->len;
    *dropped = g_slist_prepend (*dropped, fragment);
  }
  buffer->stats.frames_dropped_overflow += n_frames;
  return n_frames;
}

static void
free_fragments (GSList *fragments)
{
  g_slist_free_full (fragments, (GDestroyNotify) kvs_fragment_free);
}

/* ---- the side of the source ---- */

/**
 * kvs_fragment_buffer_set_tracks:
 * @buffer: a buffer
 * @tracks: all tracks of the stream
 * @n_tracks: how many
 *
 * See kvs_fragmenter_set_tracks(). Thread safe.
 */
void
kvs_fragment_buffer_set_tracks (KvsFragmentBuffer *buffer, const KvsTrack *const *tracks,
                                guint n_tracks)
{
  g_mutex_lock (&buffer->lock);
  complete_open (buffer);
  kvs_fragmenter_set_tracks (buffer->fragmenter, tracks, n_tracks);
  g_mutex_unlock (&buffer->lock);
}

/* A fragment that is still growing cannot leave, so waiting for that would be for ever. */
static gboolean
must_wait (const KvsFragmentBuffer *buffer)
{
  return buffer->waits_when_full && !buffer->flushing && !buffer->ended && is_full (buffer)
         && buffer->fragments.length > (buffer->open != NULL ? 1 : 0);
}

static void
store (KvsFragmentBuffer *buffer, KvsFrame *frame, const KvsFragmenterStep *step)
{
  gsize added_bytes = step->head_size + frame->size_bytes;

  if (step->verdict == KVS_FRAGMENTER_OPEN) {
    complete_open (buffer);
    buffer->open = kvs_fragment_new (step->segment, step->timecode);
    g_queue_push_tail (&buffer->fragments, buffer->open);
    if (buffer->segment != NULL && buffer->at == NULL)
      buffer->at = buffer->fragments.tail;
    if (step->forced)
      buffer->stats.fragments_forced++;
  }
  kvs_fragment_append (buffer->open, step->head, step->head_size, frame);
  buffer->bytes += added_bytes;
  buffer->unsent_bytes += added_bytes;
  buffer->stats.frames_in++;
  buffer->stats.bytes_in += frame->size_bytes;
}

static gboolean
take_wake (KvsFragmentBuffer *buffer, gboolean now)
{
  if (!buffer->reader_waits || (!now && buffer->unsent_bytes < buffer->reader_wake_bytes))
    return FALSE;
  buffer->reader_waits = FALSE;
  return TRUE;
}

/**
 * kvs_fragment_buffer_push:
 * @buffer: a buffer
 * @frame: (transfer full): the next frame in decoding order
 * @effect: (out): what else happened
 *
 * Stores a frame. When the buffer is full, a live stream loses its oldest unsent Fragment as a
 * whole; streaming-type offline waits here until there is room, or until
 * kvs_fragment_buffer_set_flushing(). Thread safe.
 *
 * Returns: what became of the frame
 */
KvsPushResult
kvs_fragment_buffer_push (KvsFragmentBuffer *buffer, KvsFrame *frame, KvsPushEffect *effect)
{
  g_autoptr (KvsFrame) owned = frame;
  GSList *dropped = NULL;
  KvsFragmenterStep step;

  *effect = (KvsPushEffect) { FALSE, 0 };
  g_mutex_lock (&buffer->lock);
  while (must_wait (buffer))
    g_cond_wait (&buffer->space, &buffer->lock);
  if (buffer->flushing || buffer->ended) {
    g_mutex_unlock (&buffer->lock);
    return KVS_PUSH_FLUSHING;
  }
  kvs_fragmenter_step (buffer->fragmenter, frame, &step);
  if (step.verdict == KVS_FRAGMENTER_NOT_DECODABLE) {
    buffer->stats.frames_in++;
    buffer->stats.bytes_in += frame->size_bytes;
    buffer->stats.frames_dropped_before_key++;
    g_mutex_unlock (&buffer->lock);
    return KVS_PUSH_NOT_DECODABLE;
  }
  store (buffer, g_steal_pointer (&owned), &step);
  if (!buffer->waits_when_full)
    effect->n_dropped = drop_overflow (buffer, &dropped);
  effect->wake = take_wake (buffer, step.verdict == KVS_FRAGMENTER_OPEN);
  g_mutex_unlock (&buffer->lock);
  free_fragments (dropped);
  return KVS_PUSH_STORED;
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
  complete_open (buffer);
  kvs_fragmenter_close (buffer->fragmenter);
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
  complete_open (buffer);
  kvs_fragmenter_close (buffer->fragmenter);
  buffer->ended = TRUE;
  g_cond_broadcast (&buffer->space);
  g_mutex_unlock (&buffer->lock);
}

/**
 * kvs_fragment_buffer_set_flushing:
 * @buffer: a buffer
 * @flushing: whether kvs_fragment_buffer_push() returns at once, also where it waits now
 *
 * Thread safe.
 */
void
kvs_fragment_buffer_set_flushing (KvsFragmentBuffer *buffer, gboolean flushing)
{
  g_mutex_lock (&buffer->lock);
  buffer->flushing = flushing;
  g_cond_broadcast (&buffer->space);
  g_mutex_unlock (&buffer->lock);
}

/* ---- the side of the Session ---- */

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
 * Thread safe.
 *
 * Returns: (transfer full) (nullable): the segment that the Session carries; %NULL if there is
 *   nothing to send
 */
KvsSegment *
kvs_fragment_buffer_begin_session (KvsFragmentBuffer *buffer)
{
  KvsSegment *segment = NULL;

  g_mutex_lock (&buffer->lock);
  buffer->at = buffer->fragments.head;
  buffer->header_sent_bytes = 0;
  buffer->finish_session = FALSE;
  buffer->reader_waits = FALSE;
  if (buffer->at != NULL) {
    buffer->segment = kvs_segment_ref (((KvsFragment *) buffer->at->data)->segment);
    segment = kvs_segment_ref (buffer->segment);
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

static gboolean
at_start_of_fragment (const KvsFragmentBuffer *buffer)
{
  return buffer->cursor.part == 0 && buffer->cursor.slice == 0 && buffer->cursor.offset == 0;
}

/* Whether this Session may not go on with what comes next. */
static gboolean
at_border (const KvsFragmentBuffer *buffer)
{
  if (buffer->at == NULL)
    return buffer->finish_session || buffer->ended;
  if (!at_start_of_fragment (buffer))
    return FALSE;
  return buffer->finish_session || ((KvsFragment *) buffer->at->data)->segment != buffer->segment;
}

static void
finish_fragment (KvsFragmentBuffer *buffer, GSList **released)
{
  GList *link = buffer->at;
  KvsFragment *fragment = link->data;

  fragment->sent = TRUE;
  buffer->at = link->next;
  memset (&buffer->cursor, 0, sizeof buffer->cursor);
  if (buffer->release != KVS_FRAGMENT_RELEASE_SENT)
    return;
  *released = g_slist_prepend (*released, unlink_fragment (buffer, link));
  buffer->stats.fragments_persisted++;
  buffer->stats.frames_persisted += fragment->parts->len;
  buffer->stats.bytes_persisted += fragment->size_bytes;
}

static gsize
read_fragments (KvsFragmentBuffer *buffer, guint8 *out, gsize size, GSList **released)
{
  gsize done = 0;

  while (done < size && buffer->at != NULL && !at_border (buffer)) {
    KvsFragment *fragment = buffer->at->data;
    gsize n = kvs_fragment_read (fragment, &buffer->cursor, out + done, size - done);

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

  *n_read = 0;
  g_mutex_lock (&buffer->lock);
  if (buffer->segment != NULL) {
    *n_read = read_header (buffer, out, size);
    *n_read += read_fragments (buffer, out + *n_read, size - *n_read, &released);
  }
  if (*n_read == 0)
    status = buffer->segment == NULL || at_border (buffer) ? KVS_READ_END : KVS_READ_EMPTY;
  g_mutex_unlock (&buffer->lock);
  free_fragments (released);
  return status;
}

static gboolean
has_data (const KvsFragmentBuffer *buffer)
{
  const KvsFragment *fragment;

  if (buffer->segment == NULL)
    return buffer->fragments.head != NULL;
  if (at_border (buffer))
    return TRUE;
  if (buffer->at == NULL)
    return FALSE;
  fragment = buffer->at->data;
  return buffer->cursor.part < fragment->parts->len || fragment->complete;
}

/**
 * kvs_fragment_buffer_wait:
 * @buffer: a buffer
 * @wake_bytes: how much shall wait before the reader is woken; 1 for anything
 *
 * The reader ran dry. A later kvs_fragment_buffer_push() that adds enough, or starts a Fragment,
 * says that the reader has to be woken. With a @wake_bytes of 1 this looks for waiting data first.
 * Thread safe.
 *
 * Returns: %TRUE if there is something to read already, and nobody will wake the reader
 */
gboolean
kvs_fragment_buffer_wait (KvsFragmentBuffer *buffer, gsize wake_bytes)
{
  gboolean ready;

  g_mutex_lock (&buffer->lock);
  ready = has_data (buffer) && (wake_bytes <= 1 || buffer->unsent_bytes >= wake_bytes
                                || at_border (buffer));
  buffer->reader_waits = !ready;
  buffer->reader_wake_bytes = wake_bytes;
  g_mutex_unlock (&buffer->lock);
  return ready;
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

static void
release_sent (KvsFragmentBuffer *buffer, guint64 timecode, KvsFragmentRelease at_least)
{
  KvsFragment *fragment = NULL;
  GList *link;

  g_mutex_lock (&buffer->lock);
  link = buffer->release >= at_least ? find_sent (buffer, timecode) : NULL;
  /* An Ack for bytes that were not sent yet is none. */
  if (link != NULL && ((KvsFragment *) link->data)->sent) {
    fragment = unlink_fragment (buffer, link);
    buffer->stats.fragments_persisted++;
    buffer->stats.frames_persisted += fragment->parts->len;
    buffer->stats.bytes_persisted += fragment->size_bytes;
  }
  g_mutex_unlock (&buffer->lock);
  kvs_fragment_free (fragment);
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
    fragment = unlink_fragment (buffer, link);
    n_frames = fragment->parts->len;
    buffer->stats.frames_dropped_refused += n_frames;
  }
  g_mutex_unlock (&buffer->lock);
  kvs_fragment_free (fragment);
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
  drained = buffer->ended && buffer->fragments.head == NULL;
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
  empty = buffer->fragments.head == NULL;
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
  g_mutex_lock (&buffer->lock);
  *stats = buffer->stats;
  stats->fragments_buffered = buffer->fragments.length;
  stats->bytes_buffered = buffer->bytes;
  stats->buffered_ns = buffered_ns (buffer);
  g_mutex_unlock (&buffer->lock);
}
