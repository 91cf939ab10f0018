/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The side of the fragment buffer that lies on disk.
 *
 * What waits on disk alone has one place in the order of the list: right before after_waiting. It
 * comes back one Fragment at a time, to that place, when the Session gets there. */
#include <string.h>

#include "stream/fragment-buffer-private.h"

/* What a slow disk may owe before it is not asked any more. */
#define MAX_PENDING_BYTES (32 * 1024 * 1024)
/* Fragments that are read back before their turn. */
#define N_AHEAD 2
/* How often a disk that does not work is asked whether it does again. */
#define PROBE_US (10 * G_USEC_PER_SEC)
/* A spool that takes longer to open than this does not keep live media waiting. */
#define OPENING_US (5 * G_USEC_PER_SEC)

static GList *
find_id (KvsFragmentBuffer *buffer, guint64 id)
{
  for (GList *link = buffer->fragments.head; link != NULL; link = link->next) {
    if (((KvsFragment *) link->data)->id == id)
      return link;
  }
  return NULL;
}

/* A disk that has failed is asked again now and then. */
static gboolean
may_write (KvsFragmentBuffer *buffer)
{
  gint64 now_us;

  if (buffer->spool == NULL || buffer->spool_is_unread
      || kvs_spool_get_pending_bytes (buffer->spool) > MAX_PENDING_BYTES)
    return FALSE;
  if (!buffer->spool_has_trouble)
    return TRUE;
  now_us = g_get_monotonic_time ();
  if (now_us - buffer->spool_probe_us < PROBE_US)
    return FALSE;
  buffer->spool_probe_us = now_us;
  return TRUE;
}

static gboolean
writes_through (const KvsFragmentBuffer *buffer)
{
  return buffer->spool != NULL && buffer->spool_mode == KVS_SPOOL_MODE_WRITE_THROUGH;
}

/* What could not be read waits until it can. */
static void
ask_again (KvsFragmentBuffer *buffer)
{
  gint64 now_us = g_get_monotonic_time ();

  if (!buffer->spool_is_unread || now_us - buffer->spool_ask_us < PROBE_US)
    return;
  buffer->spool_ask_us = now_us;
  kvs_spool_probe (buffer->spool);
}

/* ---- reading back ---- */

static guint
count_ahead (const KvsFragmentBuffer *buffer)
{
  guint n = 0;

  for (const GList *link = buffer->fragments.head; link != NULL && link != buffer->after_waiting;
       link = link->next) {
    const KvsFragment *fragment = link->data;

    if (fragment->raw != NULL && !fragment->sent)
      n++;
  }
  return n;
}

/* What was sent stays in memory until the Ack, so that there is a bound besides N_AHEAD. */
static gboolean
may_load (const KvsFragmentBuffer *buffer)
{
  return buffer->raw_bytes == 0
         || (buffer->raw_bytes < buffer->max_bytes / 4 && count_ahead (buffer) < N_AHEAD);
}

static void
load_ahead (KvsFragmentBuffer *buffer)
{
  if (buffer->spool == NULL || buffer->n_loading > 0 || buffer->n_waiting == 0
      || !may_load (buffer))
    return;
  buffer->n_loading++;
  buffer->n_left_since_load = 0;
  kvs_spool_load (buffer->spool);
}

/* Memory counts it as gone already. */
static void
leave (KvsFragmentBuffer *buffer, KvsFragment *fragment)
{
  fragment->leaves_memory = TRUE;
  buffer->storing_bytes += fragment->size_bytes;
  buffer->storing_ns += kvs_fragment_buffer_media_of (fragment);
}

static void
stay (KvsFragmentBuffer *buffer, KvsFragment *fragment)
{
  if (!fragment->leaves_memory)
    return;
  fragment->leaves_memory = FALSE;
  buffer->storing_bytes -= fragment->size_bytes;
  buffer->storing_ns -= kvs_fragment_buffer_media_of (fragment);
}

/* ---- what the source does ---- */

void
kvs_fragment_buffer_spool_opened_fragment (KvsFragmentBuffer *buffer)
{
  buffer->open->id = ++buffer->last_id;
  if (buffer->n_waiting > 0 && buffer->after_waiting == NULL)
    buffer->after_waiting = buffer->fragments.tail;
  if (buffer->spool != NULL)
    ask_again (buffer);
  if (!writes_through (buffer) || !may_write (buffer))
    return;
  buffer->open->disk = KVS_FRAGMENT_DISK_WRITING;
  kvs_spool_begin (buffer->spool, buffer->open);
}

void
kvs_fragment_buffer_spool_grown (KvsFragmentBuffer *buffer)
{
  KvsFragment *open = buffer->open;

  if (buffer->spool == NULL || open->disk != KVS_FRAGMENT_DISK_WRITING)
    return;
  if (kvs_spool_get_pending_bytes (buffer->spool) <= MAX_PENDING_BYTES) {
    kvs_spool_append (buffer->spool, open, open->parts->len - 1);
    return;
  }
  open->disk = KVS_FRAGMENT_DISK_NONE;
  kvs_spool_remove (buffer->spool, open->id);
}

/* The open fragment has another header now. */
void
kvs_fragment_buffer_spool_moved (KvsFragmentBuffer *buffer)
{
  if (buffer->spool == NULL || buffer->open->disk != KVS_FRAGMENT_DISK_WRITING)
    return;
  kvs_spool_begin (buffer->spool, buffer->open);
  kvs_spool_append (buffer->spool, buffer->open, 0);
}

void
kvs_fragment_buffer_spool_completed (KvsFragmentBuffer *buffer, KvsFragment *fragment)
{
  if (buffer->spool == NULL || fragment->disk != KVS_FRAGMENT_DISK_WRITING)
    return;
  kvs_spool_commit (buffer->spool, fragment->id);
}

/* The service has it, or never will. */
void
kvs_fragment_buffer_spool_unlinked (KvsFragmentBuffer *buffer, GList *link)
{
  KvsFragment *fragment = link->data;

  if (buffer->after_waiting == link)
    buffer->after_waiting = link->next;
  stay (buffer, fragment);
  if (fragment->raw != NULL)
    buffer->raw_bytes -= fragment->size_bytes;
  if (buffer->spool == NULL || fragment->disk == KVS_FRAGMENT_DISK_NONE)
    return;
  kvs_spool_remove (buffer->spool, fragment->id);
  if (fragment->raw != NULL)
    load_ahead (buffer);
}

/* ---- memory is full ---- */

/* From memory to disk alone. */
static void
hand_over (KvsFragmentBuffer *buffer, GList *link, GSList **gone)
{
  KvsFragment *fragment = link->data;

  stay (buffer, fragment);
  fragment->disk = KVS_FRAGMENT_DISK_NONE; /* for unlink: the file stays */
  buffer->after_waiting = link->next;
  buffer->n_waiting++;
  buffer->n_left_since_load++;
  kvs_spool_release (buffer->spool, fragment);
  *gone = g_slist_prepend (*gone, kvs_fragment_buffer_unlink (buffer, link));
}

static gboolean
may_leave (const KvsFragmentBuffer *buffer, const GList *link)
{
  const KvsFragment *fragment = link->data;

  return fragment->complete && !fragment->sent
         && !kvs_fragment_buffer_is_being_sent (buffer, link);
}

/* The oldest one that could go to disk without getting before one that stays, whether it has to or
 * not. */
static GList *
first_to_leave (KvsFragmentBuffer *buffer)
{
  GList *link = buffer->n_waiting > 0 ? buffer->after_waiting : buffer->fragments.head;

  while (link != NULL && buffer->n_waiting == 0 && !may_leave (buffer, link))
    link = link->next;
  return link;
}

/* Has those go that only waited for the disk. Where one that has to go first stays, they stay too. */
static void
hand_over_stored (KvsFragmentBuffer *buffer, GSList **gone)
{
  GList *link;

  while ((link = first_to_leave (buffer)) != NULL) {
    KvsFragment *fragment = link->data;

    if (!fragment->leaves_memory)
      break;
    if (fragment->disk != KVS_FRAGMENT_DISK_STORED)
      return;
    if (!may_leave (buffer, link))
      break;
    hand_over (buffer, link, gone);
  }
  for (; link != NULL && buffer->storing_bytes > 0; link = link->next) {
    KvsFragment *fragment = link->data;

    if (fragment->disk == KVS_FRAGMENT_DISK_STORED)
      stay (buffer, fragment);
  }
}

/* What was read back before its turn, and can wait on disk again.
 * Returns: (nullable): the last one */
static GList *
find_read_back (KvsFragmentBuffer *buffer)
{
  GList *link;
  const KvsFragment *fragment;

  if (buffer->n_waiting == 0 || buffer->raw_bytes == 0)
    return NULL;
  link = buffer->after_waiting != NULL ? buffer->after_waiting->prev : buffer->fragments.tail;
  if (link == NULL || !may_leave (buffer, link))
    return NULL;
  fragment = link->data;
  return fragment->raw != NULL && fragment->disk == KVS_FRAGMENT_DISK_STORED ? link : NULL;
}

static gboolean
give_back (KvsFragmentBuffer *buffer, GSList **gone)
{
  GList *link = buffer->bytes - buffer->storing_bytes > buffer->max_bytes
                    ? find_read_back (buffer) : NULL;

  if (link != NULL)
    hand_over (buffer, link, gone);
  return link != NULL;
}

static void
store (KvsFragmentBuffer *buffer, KvsFragment *fragment)
{
  fragment->disk = KVS_FRAGMENT_DISK_WRITING;
  kvs_spool_store (buffer->spool, fragment);
}

/* Has one fragment leave memory for the disk, now or soon.
 * @gone: gets what has left, for kvs_fragment_buffer_free_list()
 * Returns: whether there was one that can */
gboolean
kvs_fragment_buffer_spool_make_room (KvsFragmentBuffer *buffer, GSList **gone)
{
  GList *first = buffer->spool != NULL ? first_to_leave (buffer) : NULL;
  GList *link = first;
  KvsFragment *fragment;

  while (link != NULL && ((KvsFragment *) link->data)->leaves_memory)
    link = link->next;
  if (link == NULL || !may_leave (buffer, link))
    return buffer->spool != NULL && give_back (buffer, gone);
  fragment = link->data;
  if (fragment->disk == KVS_FRAGMENT_DISK_STORED && link == first) {
    hand_over (buffer, link, gone);
    return TRUE;
  }
  if (fragment->disk == KVS_FRAGMENT_DISK_NONE && !may_write (buffer))
    return give_back (buffer, gone);
  if (fragment->disk == KVS_FRAGMENT_DISK_NONE)
    store (buffer, fragment);
  leave (buffer, fragment);
  return TRUE;
}

/* ---- what the Session does ---- */

/* Returns: whether something on disk has to be read before the Session can go on. */
gboolean
kvs_fragment_buffer_spool_comes_first (KvsFragmentBuffer *buffer)
{
  if (buffer->n_waiting == 0 || buffer->session_is_live)
    return FALSE;
  load_ahead (buffer);
  return buffer->at == buffer->after_waiting
         && (buffer->at == NULL || !kvs_fragment_buffer_is_being_sent (buffer, buffer->at));
}

/* What is live, as far as something else waits. */
static GList *
first_live (const KvsFragmentBuffer *buffer)
{
  return buffer->after_waiting;
}

static gboolean
has_live (const KvsFragmentBuffer *buffer)
{
  for (const GList *link = first_live (buffer); link != NULL; link = link->next) {
    const KvsFragment *fragment = link->data;

    if (fragment->complete && !fragment->sent)
      return TRUE;
  }
  return FALSE;
}

/* Live media and what waits on disk take turns, at borders between fragments. */
gboolean
kvs_fragment_buffer_spool_wants_border (KvsFragmentBuffer *buffer)
{
  if (!buffer->spool_live_first)
    return FALSE;
  if (!buffer->session_is_live)
    return buffer->n_waiting > 0 && has_live (buffer);
  /* the last ones that were read back lie before what this Session sends */
  if (buffer->n_waiting == 0 && count_ahead (buffer) == 0)
    return FALSE;
  return buffer->at == NULL || !((KvsFragment *) buffer->at->data)->complete;
}

/* Returns: where a Session that begins now begins; %NULL if there is nothing to send yet */
GList *
kvs_fragment_buffer_spool_choose_start (KvsFragmentBuffer *buffer)
{
  GList *start = buffer->fragments.head;

  buffer->session_is_live = FALSE;
  if (buffer->spool_is_opening
      && g_get_monotonic_time () - buffer->spool_opening_us < OPENING_US)
    return NULL;
  if (buffer->spool != NULL)
    ask_again (buffer);
  if (buffer->n_waiting > 0) {
    load_ahead (buffer);
    if (buffer->spool_live_first && has_live (buffer)) {
      buffer->session_is_live = TRUE;
      start = first_live (buffer);
    } else if (start == buffer->after_waiting) {
      return NULL;
    }
  }
  return start != NULL && ((KvsFragment *) start->data)->sendable ? start : NULL;
}

/* ---- what the worker tells ---- */

static void
wake_reader (KvsFragmentBuffer *buffer, gboolean wake)
{
  if (wake)
    buffer->events.wake (buffer->user_data);
}

/* What waits was recorded before all that memory has, or could not be read when its turn was. */
static void
on_opened (guint n_waiting, gpointer user_data)
{
  KvsFragmentBuffer *buffer = user_data;
  gboolean wake;

  g_mutex_lock (&buffer->lock);
  buffer->spool_is_opening = buffer->spool_is_unread = FALSE;
  if (buffer->n_waiting == 0 && n_waiting > 0) {
    buffer->after_waiting = buffer->fragments.head;
    buffer->finish_session = TRUE;
  }
  buffer->n_waiting = MAX (buffer->n_waiting, n_waiting);
  wake = kvs_fragment_buffer_take_wake (buffer, TRUE);
  g_mutex_unlock (&buffer->lock);
  wake_reader (buffer, wake);
}

static void
on_stored (guint64 id, gboolean good, gpointer user_data)
{
  KvsFragmentBuffer *buffer = user_data;
  GSList *gone = NULL;
  GList *link;

  g_mutex_lock (&buffer->lock);
  link = find_id (buffer, id);
  if (link != NULL) {
    KvsFragment *fragment = link->data;

    fragment->disk = good ? KVS_FRAGMENT_DISK_STORED : KVS_FRAGMENT_DISK_NONE;
    if (!good)
      stay (buffer, fragment);
    hand_over_stored (buffer, &gone);
  }
  g_mutex_unlock (&buffer->lock);
  kvs_fragment_buffer_free_list (gone);
}

static void
on_synced (gpointer user_data)
{
  KvsFragmentBuffer *buffer = user_data;

  buffer->events.saved (buffer->user_data);
}

static void
insert_loaded (KvsFragmentBuffer *buffer, KvsFragment *fragment)
{
  gboolean is_next = !buffer->session_is_live && buffer->segment != NULL
                     && buffer->at == buffer->after_waiting;
  GList *link;

  g_queue_insert_before (&buffer->fragments, buffer->after_waiting, fragment);
  link = buffer->after_waiting != NULL ? buffer->after_waiting->prev : buffer->fragments.tail;
  if (is_next)
    buffer->at = link;
  buffer->bytes += fragment->size_bytes;
  buffer->raw_bytes += fragment->size_bytes;
  buffer->unsent_bytes += fragment->size_bytes;
}

static void
on_loaded (KvsFragment *fragment, guint n_damaged, gboolean readable, gpointer user_data)
{
  KvsFragmentBuffer *buffer = user_data;
  gboolean wake;

  g_mutex_lock (&buffer->lock);
  buffer->n_loading--;
  buffer->n_waiting -= MIN (buffer->n_waiting, n_damaged);
  if (fragment != NULL) {
    insert_loaded (buffer, kvs_fragment_ref (fragment));
    buffer->n_waiting -= MIN (buffer->n_waiting, 1);
  } else {
    buffer->n_waiting = readable ? MIN (buffer->n_waiting, buffer->n_left_since_load) : 0;
    if (!readable) {
      buffer->spool_is_unread = TRUE;
      buffer->spool_ask_us = g_get_monotonic_time ();
    }
  }
  if (buffer->n_waiting == 0)
    buffer->after_waiting = NULL;
  wake = kvs_fragment_buffer_take_wake (buffer, TRUE);
  g_mutex_unlock (&buffer->lock);
  wake_reader (buffer, wake);
}

static void
on_evicted (guint64 id, gpointer user_data)
{
  KvsFragmentBuffer *buffer = user_data;
  GList *link;

  g_mutex_lock (&buffer->lock);
  link = find_id (buffer, id);
  if (link != NULL) {
    ((KvsFragment *) link->data)->disk = KVS_FRAGMENT_DISK_NONE;
    stay (buffer, link->data);
  }
  g_mutex_unlock (&buffer->lock);
}

static void
on_lost (guint n_fragments, guint n_frames, gpointer user_data)
{
  KvsFragmentBuffer *buffer = user_data;

  g_mutex_lock (&buffer->lock);
  buffer->n_waiting -= MIN (buffer->n_waiting, n_fragments);
  buffer->stats.frames_dropped[KVS_DROP_OVERFLOW] += n_frames;
  if (buffer->n_waiting == 0)
    buffer->after_waiting = NULL;
  g_mutex_unlock (&buffer->lock);
  buffer->events.spool_full (n_frames, buffer->user_data);
}

static void
on_trouble (const GError *error, gpointer user_data)
{
  KvsFragmentBuffer *buffer = user_data;
  gboolean wake;

  g_mutex_lock (&buffer->lock);
  buffer->spool_has_trouble = error != NULL;
  buffer->spool_probe_us = g_get_monotonic_time ();
  /* A spool that cannot be opened keeps nobody waiting. */
  wake = buffer->spool_is_opening && kvs_fragment_buffer_take_wake (buffer, TRUE);
  if (buffer->spool_is_opening) {
    buffer->spool_is_unread = TRUE;
    buffer->spool_ask_us = buffer->spool_probe_us;
  }
  buffer->spool_is_opening = FALSE;
  g_mutex_unlock (&buffer->lock);
  buffer->events.spool_trouble (error, buffer->user_data);
  wake_reader (buffer, wake);
}

/* ---- its life ---- */

/**
 * kvs_fragment_buffer_open_spool:
 * @buffer: a buffer
 * @definition: says where; nothing is done where it names no folder
 * @events: copied; called on a thread of the spool, with no lock held
 * @user_data: for @events, valid until kvs_fragment_buffer_close_spool()
 *
 * What earlier runs have left there will be sent too. Any thread, once.
 */
void
kvs_fragment_buffer_open_spool (KvsFragmentBuffer *buffer, const KvsStreamDefinition *definition,
                                const KvsFragmentBufferEvents *events, gpointer user_data)
{
  static const KvsSpoolEvents spool_events = {
    .opened = on_opened,
    .stored = on_stored,
    .loaded = on_loaded,
    .evicted = on_evicted,
    .lost = on_lost,
    .synced = on_synced,
    .trouble = on_trouble,
  };

  if (definition->spool_folder == NULL)
    return;
  g_mutex_lock (&buffer->lock);
  buffer->events = *events;
  buffer->user_data = user_data;
  buffer->spool_mode = definition->spool_mode;
  buffer->spool_live_first = definition->spool_live_first;
  buffer->spool_is_opening = TRUE;
  buffer->spool_opening_us = g_get_monotonic_time ();
  buffer->spool = kvs_spool_new (definition, &spool_events, buffer);
  g_mutex_unlock (&buffer->lock);
}

/**
 * kvs_fragment_buffer_save:
 * @buffer: a buffer that was ended
 *
 * Has all that is not persisted put on disk, and all that is persisted taken from it, if there is a
 * spool. Any thread.
 *
 * Returns: whether there is one; @saved tells when it is done
 */
gboolean
kvs_fragment_buffer_save (KvsFragmentBuffer *buffer)
{
  gboolean takes_time;

  g_mutex_lock (&buffer->lock);
  for (GList *link = buffer->fragments.head; link != NULL && buffer->spool != NULL;
       link = link->next) {
    KvsFragment *fragment = link->data;

    if (fragment->complete && fragment->disk == KVS_FRAGMENT_DISK_NONE)
      store (buffer, fragment);
  }
  takes_time = buffer->spool != NULL;
  if (takes_time)
    kvs_spool_sync (buffer->spool);
  g_mutex_unlock (&buffer->lock);
  return takes_time;
}

/**
 * kvs_fragment_buffer_close_spool:
 * @buffer: a buffer
 *
 * No event comes any more once this has returned. What is being written still will be. Any thread but
 * that of the events.
 */
void
kvs_fragment_buffer_close_spool (KvsFragmentBuffer *buffer)
{
  KvsSpool *spool;

  g_mutex_lock (&buffer->lock);
  spool = g_steal_pointer (&buffer->spool);
  buffer->n_waiting = buffer->n_loading = 0;
  buffer->after_waiting = NULL;
  g_mutex_unlock (&buffer->lock);
  if (spool != NULL)
    kvs_spool_close (spool);
}
