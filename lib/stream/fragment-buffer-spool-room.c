/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory is full: what leaves it for the disk. */
#include "stream/fragment-buffer-spool.h"

/* Memory counts it as gone already. */
static void
leave (KvsFragmentBuffer *buffer, KvsFragment *fragment)
{
  fragment->leaves_memory = TRUE;
  buffer->storing_bytes += fragment->size_bytes;
  buffer->storing_ns += kvs_fragment_buffer_media_of (fragment);
}

void
kvs_fragment_buffer_spool_stay (KvsFragmentBuffer *buffer, KvsFragment *fragment)
{
  if (!fragment->leaves_memory)
    return;
  fragment->leaves_memory = FALSE;
  buffer->storing_bytes -= fragment->size_bytes;
  buffer->storing_ns -= kvs_fragment_buffer_media_of (fragment);
}

/* From memory to disk alone. */
static void
hand_over (KvsFragmentBuffer *buffer, GList *link, GSList **gone)
{
  KvsFragment *fragment = link->data;

  kvs_fragment_buffer_spool_stay (buffer, fragment);
  fragment->disk = KVS_FRAGMENT_DISK_NONE; /* for unlink: the file stays */
  if (!buffer->spool_is_unread) {
    buffer->after_waiting = link->next;
    buffer->n_waiting++;
    buffer->n_left_since_load++;
  }
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
void
kvs_fragment_buffer_spool_hand_over_stored (KvsFragmentBuffer *buffer, GSList **gone)
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
      kvs_fragment_buffer_spool_stay (buffer, fragment);
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

void
kvs_fragment_buffer_spool_store (KvsFragmentBuffer *buffer, KvsFragment *fragment)
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
  if (fragment->disk == KVS_FRAGMENT_DISK_NONE && !kvs_fragment_buffer_spool_may_write (buffer))
    return give_back (buffer, gone);
  if (fragment->disk == KVS_FRAGMENT_DISK_NONE)
    kvs_fragment_buffer_spool_store (buffer, fragment);
  leave (buffer, fragment);
  return TRUE;
}
