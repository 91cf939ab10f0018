/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for the disk to have what was written, on a thread of its own for as long as that takes:
 * the worker goes on meanwhile, so that what is written next outlives a kill -9 at once. */
#include "stream/spool-private.h"

/* Runs on that thread. */
void
kvs_spool_run_settle (gpointer data, gpointer user_data)
{
  KvsSpool *spool = user_data;
  KvsSpoolTask *task = data;
  gsize pending_bytes = task->pending_bytes;

  g_mutex_lock (&spool->lock);
  spool->settling_since_us = task->asked_us;
  g_mutex_unlock (&spool->lock);
  if (task->part != NULL)
    task->good = kvs_spool_part_settle (task->part, &task->error);
  kvs_spool_push_task (spool, task);
  g_mutex_lock (&spool->lock);
  spool->settling_since_us = 0;
  spool->pending_bytes -= pending_bytes;
  g_mutex_unlock (&spool->lock);
  kvs_spool_unref (spool);
}

/* What memory has too is not told to be stored before that. */
static void
settle_later (KvsSpool *spool, KvsSpoolPart *part)
{
  const KvsSpoolEntry *entry = kvs_spool_part_get_entry (part);
  const guint64 *id = g_hash_table_lookup (spool->holders, &entry->sequence);
  KvsSpoolTask *task = g_new0 (KvsSpoolTask, 1);

  task->kind = KVS_SPOOL_TASK_SETTLED;
  task->id = id != NULL ? *id : 0;
  task->part = part;
  task->n_failures = spool->n_failures;
  task->pending_bytes = entry->size_bytes;
  kvs_spool_push_settle (spool, task);
}

void
kvs_spool_settle_all (KvsSpool *spool)
{
  KvsSpoolPart *part;

  while (spool->store != NULL && (part = kvs_spool_store_take_unsettled (spool->store)) != NULL)
    settle_later (spool, part);
}

/* Is told once all is settled that comes before it. */
void
kvs_spool_sync_later (KvsSpool *spool)
{
  KvsSpoolTask *task = g_new0 (KvsSpoolTask, 1);

  task->kind = KVS_SPOOL_TASK_SYNCED;
  kvs_spool_push_settle (spool, task);
}

/* After a sync that failed Linux forgets the bytes, so that the file is worth nothing. */
static void
give_up (KvsSpool *spool, KvsSpoolTask *task)
{
  kvs_spool_store_remove (spool->store, kvs_spool_part_get_entry (task->part), NULL);
  kvs_spool_part_abandon (g_steal_pointer (&task->part));
  kvs_spool_let_go (spool, task->id);
}

void
kvs_spool_run_settled (KvsSpool *spool, KvsSpoolTask *task)
{
  gboolean is_held = g_hash_table_contains (spool->held, &task->id);

  /* what was written before something failed does not say that the disk works again */
  if (task->error != NULL || task->n_failures == spool->n_failures)
    kvs_spool_tell_trouble (spool, KVS_SPOOL_TROUBLE_WRITING, task->error);
  /* what was recovered stays as it is, to be tried again */
  if (!task->good && task->id != 0)
    give_up (spool, task);
  if (is_held)
    kvs_spool_tell_stored (spool, task->id, task->good);
}
