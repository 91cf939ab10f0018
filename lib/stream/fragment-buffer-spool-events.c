/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the worker of the spool tells the fragment buffer, and how the two come and go. */
#include <string.h>

#include "stream/fragment-buffer-spool.h"

static GList *
find_id (KvsFragmentBuffer *buffer, guint64 id)
{
  for (GList *link = buffer->fragments.head; link != NULL; link = link->next) {
    if (((KvsFragment *) link->data)->id == id)
      return link;
  }
  return NULL;
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
  kvs_fragment_buffer_spool_catch_up (buffer);
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
      kvs_fragment_buffer_spool_stay (buffer, fragment);
    kvs_fragment_buffer_spool_hand_over_stored (buffer, &gone);
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
  gboolean goes_before = !buffer->session_is_live && buffer->segment != NULL
                         && buffer->at == buffer->after_waiting;
  gboolean is_next = goes_before
                     && (buffer->at == NULL
                         || !kvs_fragment_buffer_is_being_sent (buffer, buffer->at));
  GList *link;

  g_queue_insert_before (&buffer->fragments, buffer->after_waiting, fragment);
  link = buffer->after_waiting != NULL ? buffer->after_waiting->prev : buffer->fragments.tail;
  if (is_next)
    buffer->at = link;
  else if (goes_before)
    buffer->finish_session = TRUE; /* the turn of what is older comes with the next one */
  buffer->bytes += fragment->size_bytes;
  buffer->raw_bytes += fragment->size_bytes;
  buffer->unsent_bytes += fragment->size_bytes;
}

/* Nobody has waited for it any more, and its place in the order is not known by now. */
static void
give_late_back (KvsFragmentBuffer *buffer, const KvsFragment *fragment)
{
  if (fragment != NULL && buffer->spool != NULL)
    kvs_spool_release (buffer->spool, fragment);
}

static void
on_loaded (KvsFragment *fragment, guint n_damaged, gboolean readable, gpointer user_data)
{
  KvsFragmentBuffer *buffer = user_data;
  gboolean wake;

  g_mutex_lock (&buffer->lock);
  buffer->n_loading--;
  buffer->n_waiting -= MIN (buffer->n_waiting, n_damaged);
  if (buffer->spool_is_unread) {
    give_late_back (buffer, fragment);
  } else if (fragment != NULL) {
    insert_loaded (buffer, kvs_fragment_ref (fragment));
    buffer->n_waiting -= MIN (buffer->n_waiting, 1);
  } else if (readable) {
    buffer->n_waiting = MIN (buffer->n_waiting, buffer->n_left_since_load);
  } else {
    kvs_fragment_buffer_spool_stop_reading (buffer);
  }
  if (buffer->n_waiting == 0)
    buffer->after_waiting = NULL;
  wake = kvs_fragment_buffer_take_wake (buffer, TRUE);
  g_mutex_unlock (&buffer->lock);
  wake_reader (buffer, wake);
}

static void
on_evicted (guint64 id, gboolean spool_was_full, gpointer user_data)
{
  KvsFragmentBuffer *buffer = user_data;
  GList *link;

  g_mutex_lock (&buffer->lock);
  link = find_id (buffer, id);
  if (link != NULL) {
    ((KvsFragment *) link->data)->disk = KVS_FRAGMENT_DISK_NONE;
    ((KvsFragment *) link->data)->was_evicted = spool_was_full;
    kvs_fragment_buffer_spool_stay (buffer, link->data);
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
  if (error != NULL)
    kvs_fragment_buffer_spool_forget_open (buffer);
  /* A spool that cannot be opened keeps nobody waiting. */
  wake = buffer->spool_is_opening && kvs_fragment_buffer_take_wake (buffer, TRUE);
  if (buffer->spool_is_opening) {
    buffer->spool_is_unread = TRUE;
    buffer->spool_ask_us = buffer->spool_probe_us;
  }
  buffer->spool_is_opening = FALSE;
  kvs_fragment_buffer_spool_catch_up (buffer);
  g_mutex_unlock (&buffer->lock);
  kvs_fragment_buffer_spool_tell_trouble (buffer, error);
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
  buffer->spool_max_bytes = definition->spool_bytes;
  buffer->spool_live_first = definition->spool_live_first;
  buffer->spool_is_opening = TRUE;
  buffer->spool_opening_us = g_get_monotonic_time ();
  buffer->spool = kvs_spool_new (definition, &spool_events, buffer);
  g_mutex_unlock (&buffer->lock);
}

/* Adds what is on disk alone.
 * @on_disk_ns: of what memory and disk have */
static void
add_waiting (KvsFragmentBuffer *buffer, guint64 n_on_disk, gint64 on_disk_ns, KvsBufferRest *rest)
{
  guint64 n_waiting = buffer->n_waiting;
  KvsSpoolStats stats;

  kvs_spool_get_stats (buffer->spool, &stats);
  if (buffer->spool_is_unread)
    n_waiting = stats.n_fragments - MIN (stats.n_fragments, n_on_disk);
  rest->n_fragments += n_waiting;
  if (n_waiting > 0)
    rest->media_ns += MAX (stats.duration_ns - on_disk_ns, 0);
}

/**
 * kvs_fragment_buffer_get_left:
 * @buffer: a buffer
 * @rest: (out): what it has, and its spool
 *
 * Any thread.
 */
void
kvs_fragment_buffer_get_left (KvsFragmentBuffer *buffer, KvsBufferRest *rest)
{
  guint64 n_on_disk = 0;
  gint64 on_disk_ns = 0;

  memset (rest, 0, sizeof *rest);
  g_mutex_lock (&buffer->lock);
  for (const GList *link = buffer->fragments.head; link != NULL; link = link->next) {
    const KvsFragment *fragment = link->data;
    gint64 media_ns = fragment->end_ns - fragment->start_ns;

    rest->n_fragments++;
    rest->media_ns += media_ns;
    if (fragment->disk == KVS_FRAGMENT_DISK_STORED) {
      n_on_disk++;
      on_disk_ns += media_ns;
    } else {
      rest->n_unsaved++;
      rest->unsaved_ns += media_ns;
    }
  }
  if (buffer->spool != NULL)
    add_waiting (buffer, n_on_disk, on_disk_ns, rest);
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
  if (buffer->spool != NULL)
    kvs_spool_open (buffer->spool);
  for (GList *link = buffer->fragments.head; link != NULL && buffer->spool != NULL;
       link = link->next) {
    KvsFragment *fragment = link->data;

    if (fragment->complete && fragment->disk == KVS_FRAGMENT_DISK_NONE)
      kvs_fragment_buffer_spool_store (buffer, fragment);
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
