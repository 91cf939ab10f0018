/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of the files of KvsSpool memory has too. */
#include "stream/spool-private.h"

void
kvs_spool_hold (KvsSpool *spool, guint64 id, const KvsSpoolEntry *entry)
{
  KvsSpoolEntry *own = g_memdup2 (entry, sizeof *entry);
  guint64 *key = g_memdup2 (&id, sizeof id);

  kvs_spool_let_go (spool, id);
  g_hash_table_insert (spool->held, key, own);
  g_hash_table_insert (spool->holders, &own->sequence, key);
}

void
kvs_spool_let_go (KvsSpool *spool, guint64 id)
{
  KvsSpoolEntry *entry = g_hash_table_lookup (spool->held, &id);

  if (entry == NULL)
    return;
  g_hash_table_remove (spool->holders, &entry->sequence);
  g_hash_table_remove (spool->held, &id);
}

static gboolean
is_listed (KvsSpool *spool, const KvsSpoolEntry *entry)
{
  KvsSpoolEntry before = { .sequence = entry->sequence - 1 }, found;

  before.start_ns = G_MAXINT64;
  while (kvs_spool_store_next (spool->store, &before, &found)
         && found.sequence < entry->sequence)
    before = found;
  return kvs_spool_store_next (spool->store, &before, &found)
         && found.sequence == entry->sequence;
}

/* Lets go of what memory has too and the disk has no longer.
 * Returns: (transfer full): the ids */
GArray *
kvs_spool_let_go_of_missing (KvsSpool *spool, guint64 *n_frames)
{
  GArray *gone = g_array_new (FALSE, FALSE, sizeof (guint64));
  GHashTableIter iter;
  gpointer id, entry;

  *n_frames = 0;
  g_hash_table_iter_init (&iter, spool->held);
  while (g_hash_table_iter_next (&iter, &id, &entry)) {
    if (is_listed (spool, entry))
      continue;
    *n_frames += ((KvsSpoolEntry *) entry)->n_frames;
    g_array_append_val (gone, *(guint64 *) id);
  }
  for (guint i = 0; i < gone->len; i++)
    kvs_spool_let_go (spool, g_array_index (gone, guint64, i));
  return gone;
}
