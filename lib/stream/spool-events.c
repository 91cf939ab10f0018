/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the worker of KvsSpool tells. */
#include "stream/spool-private.h"

/* Returns: whether events may be told; then kvs_spool_end_events() has to follow. */
gboolean
kvs_spool_begin_events (KvsSpool *spool)
{
  g_mutex_lock (&spool->event_lock);
  if (!spool->closed)
    return TRUE;
  g_mutex_unlock (&spool->event_lock);
  return FALSE;
}

void
kvs_spool_end_events (KvsSpool *spool)
{
  g_mutex_unlock (&spool->event_lock);
}

/* Tells of the first trouble, and of the end of the last.
 * @error: (nullable): how it went */
void
kvs_spool_tell_trouble (KvsSpool *spool, KvsSpoolTrouble trouble, const GError *error)
{
  gboolean had_any = spool->troubles != 0;

  if (error != NULL)
    spool->n_failures++;
  if (error != NULL)
    spool->troubles |= trouble;
  else
    spool->troubles &= ~(guint) trouble;
  if (had_any == (spool->troubles != 0) || !kvs_spool_begin_events (spool))
    return;
  spool->events.trouble (error, spool->user_data);
  kvs_spool_end_events (spool);
}

void
kvs_spool_tell_stored (KvsSpool *spool, guint64 id, gboolean good)
{
  if (!kvs_spool_begin_events (spool))
    return;
  spool->events.stored (id, good, spool->user_data);
  kvs_spool_end_events (spool);
}

void
kvs_spool_tell_synced (KvsSpool *spool)
{
  if (!kvs_spool_begin_events (spool))
    return;
  spool->events.synced (spool->user_data);
  kvs_spool_end_events (spool);
}

void
kvs_spool_tell_lost (KvsSpool *spool, guint n_fragments, guint n_frames)
{
  if (n_fragments == 0 || !kvs_spool_begin_events (spool))
    return;
  spool->events.lost (n_fragments, n_frames, spool->user_data);
  kvs_spool_end_events (spool);
}

void
kvs_spool_tell_evicted (KvsSpool *spool, GArray *ids, gboolean spool_was_full)
{
  if (!kvs_spool_begin_events (spool))
    return;
  for (guint i = 0; i < ids->len; i++)
    spool->events.evicted (g_array_index (ids, guint64, i), spool_was_full, spool->user_data);
  kvs_spool_end_events (spool);
}

void
kvs_spool_tell_opened (KvsSpool *spool)
{
  KvsSpoolStats stats;
  guint n_held = g_hash_table_size (spool->held);

  kvs_spool_store_get_stats (spool->store, &stats);
  if (!kvs_spool_begin_events (spool))
    return;
  spool->events.opened ((guint) (stats.n_fragments - MIN (stats.n_fragments, n_held)),
                        spool->user_data);
  kvs_spool_end_events (spool);
}
