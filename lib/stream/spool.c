/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-private.h"

/* ---- tasks ---- */

void
kvs_spool_unref (KvsSpool *spool)
{
  if (!g_atomic_ref_count_dec (&spool->refs))
    return;
  g_clear_pointer (&spool->store, kvs_spool_store_close);
  kvs_spool_turn_free (spool->turn);
  g_hash_table_unref (spool->held);
  g_hash_table_unref (spool->holders);
  g_clear_pointer (&spool->last_segment, kvs_segment_unref);
  g_mutex_clear (&spool->event_lock);
  g_mutex_clear (&spool->lock);
  /* may be one of theirs that this runs on: it ends when it comes back */
  g_thread_pool_free (spool->pool, FALSE, FALSE);
  g_thread_pool_free (spool->settle_pool, FALSE, FALSE);
  g_free (spool->folder);
  g_free (spool->stream_name);
  g_free (spool);
}

static void
push (KvsSpool *spool, GThreadPool *pool, KvsSpoolTask *task)
{
  task->asked_us = g_get_monotonic_time ();
  g_mutex_lock (&spool->lock);
  spool->pending_bytes += task->pending_bytes;
  if (pool == spool->pool && spool->n_pending++ == 0)
    spool->oldest_us = task->asked_us;
  g_mutex_unlock (&spool->lock);
  g_atomic_ref_count_inc (&spool->refs);
  g_thread_pool_push (pool, task, NULL);
}

/* @task: (transfer full): for the worker */
void
kvs_spool_push_task (KvsSpool *spool, KvsSpoolTask *task)
{
  push (spool, spool->pool, task);
}

/* @task: (transfer full): comes to the worker once its part, if it has one, is settled */
void
kvs_spool_push_settle (KvsSpool *spool, KvsSpoolTask *task)
{
  push (spool, spool->settle_pool, task);
}

static void
push_simple_task (KvsSpool *spool, KvsSpoolTaskKind kind, guint64 id)
{
  KvsSpoolTask *task = g_new0 (KvsSpoolTask, 1);

  task->kind = kind;
  task->id = id;
  kvs_spool_push_task (spool, task);
}

/* ---- from outside ---- */

/**
 * kvs_spool_new:
 * @definition: says where, and how much; not kept
 * @events: copied
 * @user_data: for @events
 *
 * Opens the spool, or says why it cannot, on its own thread.
 *
 * Returns: (transfer full): a spool
 */
KvsSpool *
kvs_spool_new (const KvsStreamDefinition *definition, const KvsSpoolEvents *events,
               gpointer user_data)
{
  KvsSpool *spool = g_new0 (KvsSpool, 1);

  g_atomic_ref_count_init (&spool->refs);
  g_mutex_init (&spool->event_lock);
  g_mutex_init (&spool->lock);
  spool->folder = g_strdup (definition->spool_folder);
  spool->stream_name = g_strdup (definition->stream_name);
  spool->max_bytes = definition->spool_bytes;
  spool->timecode_scale_ns = definition->timecode_scale_ns;
  spool->events = *events;
  spool->user_data = user_data;
  spool->held = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  spool->holders = g_hash_table_new (g_int64_hash, g_int64_equal);
  spool->pool = g_thread_pool_new (kvs_spool_run_task, spool, 1, FALSE, NULL);
  spool->settle_pool = g_thread_pool_new (kvs_spool_run_settle, spool, 1, FALSE, NULL);
  spool->turn = kvs_spool_turn_new (spool->folder, spool->stream_name);
  kvs_spool_open (spool);
  return spool;
}

/**
 * kvs_spool_open:
 * @spool: a spool
 *
 * Tries again to open it, if that has not worked yet. For a while it is waited for those of this
 * process that have come before, as with kvs_spool_new().
 */
void
kvs_spool_open (KvsSpool *spool)
{
  push_simple_task (spool, KVS_SPOOL_TASK_OPEN, 0);
}

/**
 * kvs_spool_close:
 * @spool: (transfer full): a spool
 *
 * No event comes any more once this has returned; what was asked for still is done. Any thread but
 * that of the events.
 */
void
kvs_spool_close (KvsSpool *spool)
{
  g_mutex_lock (&spool->event_lock);
  spool->closed = TRUE;
  g_mutex_unlock (&spool->event_lock);
  kvs_spool_unref (spool);
}

/**
 * kvs_spool_store:
 * @spool: a spool
 * @fragment: a complete fragment with its frames in memory; is referred to
 *
 * Writes it; @stored follows. Any thread, as all that follow.
 */
void
kvs_spool_store (KvsSpool *spool, KvsFragment *fragment)
{
  KvsSpoolTask *task = g_new0 (KvsSpoolTask, 1);

  task->kind = KVS_SPOOL_TASK_STORE;
  task->id = fragment->id;
  task->fragment = kvs_fragment_ref (fragment);
  task->pending_bytes = fragment->size_bytes;
  kvs_spool_push_task (spool, task);
}

/**
 * kvs_spool_begin:
 * @spool: a spool
 * @fragment: a fragment that will grow
 *
 * Begins to write it as it grows; from the beginning, if that was done before.
 */
void
kvs_spool_begin (KvsSpool *spool, const KvsFragment *fragment)
{
  KvsSpoolTask *task = g_new0 (KvsSpoolTask, 1);

  task->kind = KVS_SPOOL_TASK_BEGIN;
  task->id = fragment->id;
  task->segment = kvs_segment_ref (fragment->segment);
  task->timecode = fragment->timecode;
  kvs_spool_push_task (spool, task);
}

/**
 * kvs_spool_append:
 * @spool: a spool
 * @fragment: what kvs_spool_begin() was called for
 * @first_part: from which part on; its bytes are copied
 */
void
kvs_spool_append (KvsSpool *spool, const KvsFragment *fragment, guint first_part)
{
  KvsSpoolTask *task = g_new0 (KvsSpoolTask, 1);
  KvsSpoolPiece *piece = &task->piece;

  task->kind = KVS_SPOOL_TASK_APPEND;
  task->id = fragment->id;
  task->bytes = kvs_fragment_copy_bytes (fragment, first_part);
  task->pending_bytes = g_bytes_get_size (task->bytes);
  piece->start_ns = G_MAXINT64;
  piece->end_ns = G_MININT64;
  for (guint i = first_part; i < fragment->parts->len; i++) {
    const KvsFrameInfo *info
        = &g_array_index (fragment->parts, KvsFragmentPart, i).frame->info;

    piece->start_ns = MIN (piece->start_ns, info->pts_ns);
    piece->end_ns = MAX (piece->end_ns, info->pts_ns + info->duration_ns);
    piece->track_mask |= 1u << info->track_number;
    piece->n_frames++;
  }
  kvs_spool_push_task (spool, task);
}

/**
 * kvs_spool_commit:
 * @spool: a spool
 * @id: of a fragment that has grown to its end
 *
 * @stored follows.
 */
void
kvs_spool_commit (KvsSpool *spool, guint64 id)
{
  push_simple_task (spool, KVS_SPOOL_TASK_COMMIT, id);
}

/**
 * kvs_spool_remove:
 * @spool: a spool
 * @id: of a fragment that is not needed any more
 *
 * Deletes it, whole or not.
 */
void
kvs_spool_remove (KvsSpool *spool, guint64 id)
{
  push_simple_task (spool, KVS_SPOOL_TASK_REMOVE, id);
}

/**
 * kvs_spool_release:
 * @spool: a spool
 * @fragment: a fragment that was stored
 *
 * It is on disk alone from now on, and waits to be loaded in its turn.
 */
void
kvs_spool_release (KvsSpool *spool, const KvsFragment *fragment)
{
  KvsSpoolTask *task = g_new0 (KvsSpoolTask, 1);

  task->kind = KVS_SPOOL_TASK_RELEASE;
  task->id = fragment->id;
  task->n_frames = fragment->n_frames;
  kvs_spool_push_task (spool, task);
}

/**
 * kvs_spool_load:
 * @spool: a spool
 *
 * Reads back the oldest fragment that is on disk alone; @loaded follows.
 */
void
kvs_spool_load (KvsSpool *spool)
{
  push_simple_task (spool, KVS_SPOOL_TASK_LOAD, 0);
}

/**
 * kvs_spool_probe:
 * @spool: a spool that could not be opened or read
 *
 * Looks whether it can be by now; @opened follows then.
 */
void
kvs_spool_probe (KvsSpool *spool)
{
  push_simple_task (spool, KVS_SPOOL_TASK_PROBE, 0);
}

/**
 * kvs_spool_sync:
 * @spool: a spool
 *
 * @synced follows when all that was asked for before is done.
 */
void
kvs_spool_sync (KvsSpool *spool)
{
  push_simple_task (spool, KVS_SPOOL_TASK_SYNC, 0);
}

/**
 * kvs_spool_get_pending_bytes:
 * @spool: a spool
 *
 * Returns: how much is still to be written or settled
 */
gsize
kvs_spool_get_pending_bytes (KvsSpool *spool)
{
  gsize pending_bytes;

  g_mutex_lock (&spool->lock);
  pending_bytes = spool->pending_bytes;
  g_mutex_unlock (&spool->lock);
  return pending_bytes;
}

/**
 * kvs_spool_get_delay_us:
 * @spool: a spool
 *
 * Returns: how long the oldest of what is still to be done has been waiting for it
 */
gint64
kvs_spool_get_delay_us (KvsSpool *spool)
{
  gint64 now_us = g_get_monotonic_time ();
  gint64 delay_us = 0;

  g_mutex_lock (&spool->lock);
  if (spool->n_pending > 0)
    delay_us = now_us - spool->oldest_us;
  if (spool->settling_since_us != 0)
    delay_us = MAX (delay_us, now_us - spool->settling_since_us);
  g_mutex_unlock (&spool->lock);
  return delay_us;
}

/**
 * kvs_spool_get_stats:
 * @spool: a spool
 * @stats: (out): what is there
 */
void
kvs_spool_get_stats (KvsSpool *spool, KvsSpoolStats *stats)
{
  g_mutex_lock (&spool->lock);
  *stats = spool->stats;
  g_mutex_unlock (&spool->lock);
}
