/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Write-through: each Fragment is on disk from its first Frame until it is persisted. */
#include "stream/fragment-buffer-spool.h"

/* What was not written while the disk had trouble is not asked for all at once. */
#define MAX_PENDING_BYTES (8 * 1024 * 1024)

static gboolean
writes_through (const KvsFragmentBuffer *buffer)
{
  return buffer->spool != NULL && buffer->spool_mode == KVS_SPOOL_MODE_WRITE_THROUGH;
}

/* What had to go from a full spool would drive out the next. */
static gboolean
is_missing (const KvsFragmentBuffer *buffer, const KvsFragment *fragment)
{
  return fragment->disk == KVS_FRAGMENT_DISK_NONE && !fragment->was_evicted
         && fragment->size_bytes <= buffer->spool_max_bytes;
}

static KvsFragment *
find_missing (KvsFragmentBuffer *buffer)
{
  for (GList *link = buffer->fragments.head; link != NULL; link = link->next) {
    if (is_missing (buffer, link->data))
      return link->data;
  }
  return NULL;
}

/* Of the open Fragment, all that there is. */
static void
begin_open (KvsFragmentBuffer *buffer)
{
  buffer->open->disk = KVS_FRAGMENT_DISK_WRITING;
  kvs_spool_begin (buffer->spool, buffer->open);
  if (buffer->open->parts->len > 0)
    kvs_spool_append (buffer->spool, buffer->open, 0);
}

static void
write_missing (KvsFragmentBuffer *buffer, KvsFragment *fragment)
{
  if (fragment == buffer->open)
    begin_open (buffer);
  else
    kvs_fragment_buffer_spool_store (buffer, fragment);
}

/* Has written what the disk has missed, in the order of recording, which is that on disk too. */
void
kvs_fragment_buffer_spool_catch_up (KvsFragmentBuffer *buffer)
{
  KvsFragment *fragment;

  if (!writes_through (buffer) || buffer->spool_has_trouble
      || !kvs_fragment_buffer_spool_may_write (buffer))
    return;
  while ((fragment = find_missing (buffer)) != NULL
         && kvs_spool_get_pending_bytes (buffer->spool) < MAX_PENDING_BYTES)
    write_missing (buffer, fragment);
}

/* The disk does not have the open Fragment, or not for long. */
void
kvs_fragment_buffer_spool_forget_open (KvsFragmentBuffer *buffer)
{
  if (buffer->spool == NULL || buffer->open == NULL
      || buffer->open->disk != KVS_FRAGMENT_DISK_WRITING)
    return;
  buffer->open->disk = KVS_FRAGMENT_DISK_NONE;
  kvs_spool_remove (buffer->spool, buffer->open->id);
}

void
kvs_fragment_buffer_spool_opened_fragment (KvsFragmentBuffer *buffer)
{
  KvsFragment *missing;

  buffer->open->id = ++buffer->last_id;
  if (buffer->n_waiting > 0 && buffer->after_waiting == NULL)
    buffer->after_waiting = buffer->fragments.tail;
  kvs_fragment_buffer_spool_ask_again (buffer);
  if (!writes_through (buffer))
    return;
  if (!buffer->spool_has_trouble) {
    kvs_fragment_buffer_spool_catch_up (buffer);
    return;
  }
  /* one is enough to see whether the disk works again */
  missing = kvs_fragment_buffer_spool_may_write (buffer) ? find_missing (buffer) : NULL;
  if (missing != NULL)
    write_missing (buffer, missing);
}

void
kvs_fragment_buffer_spool_grown (KvsFragmentBuffer *buffer)
{
  KvsFragment *open = buffer->open;

  if (buffer->spool == NULL || open->disk != KVS_FRAGMENT_DISK_WRITING)
    return;
  if (kvs_fragment_buffer_spool_is_behind (buffer))
    kvs_fragment_buffer_spool_forget_open (buffer);
  else
    kvs_spool_append (buffer->spool, open, open->parts->len - 1);
}

/* The open fragment has another header now. */
void
kvs_fragment_buffer_spool_moved (KvsFragmentBuffer *buffer)
{
  if (buffer->spool != NULL && buffer->open->disk == KVS_FRAGMENT_DISK_WRITING)
    begin_open (buffer);
}

void
kvs_fragment_buffer_spool_completed (KvsFragmentBuffer *buffer, KvsFragment *fragment)
{
  if (buffer->spool == NULL || fragment->disk != KVS_FRAGMENT_DISK_WRITING)
    return;
  kvs_spool_commit (buffer->spool, fragment->id);
}
