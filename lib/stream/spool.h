/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsSpool: Fragments on disk, written and read by a worker so that a slow disk stops nobody. */
#pragma once

#include <glib.h>

#include "stream/fragment.h"
#include "stream/spool-store.h"
#include "stream/stream-definition.h"

G_BEGIN_DECLS

typedef struct _KvsSpool KvsSpool;

/**
 * KvsSpoolEvents:
 * @opened: the spool is there, or there again; @n_waiting Fragments wait to be loaded
 * @stored: a Fragment is on disk for good, or (@good is %FALSE) is not
 * @loaded: in answer to kvs_spool_load(): @fragment is %NULL if nothing waits, or (@readable is
 *   %FALSE) the disk cannot be read; @n_damaged Fragments that were waiting turned out to be damaged,
 *   and were set aside
 * @evicted: a Fragment has gone from disk that memory still has: the spool was full, or
 *   (@spool_was_full is %FALSE) somebody has removed its folder
 * @lost: the spool was full: that many have gone that were on disk alone
 * @synced: in answer to kvs_spool_sync()
 * @trouble: the disk does not do its work, and why; once, until it does again, which @error is %NULL
 *   for
 *
 * All run on the worker's thread with no lock held, and never after kvs_spool_close().
 */
typedef struct {
  void (*opened) (guint n_waiting, gpointer user_data);
  void (*stored) (guint64 id, gboolean good, gpointer user_data);
  void (*loaded) (KvsFragment *fragment, guint n_damaged, gboolean readable, gpointer user_data);
  void (*evicted) (guint64 id, gboolean spool_was_full, gpointer user_data);
  void (*lost) (guint n_fragments, guint n_frames, gpointer user_data);
  void (*synced) (gpointer user_data);
  void (*trouble) (const GError *error, gpointer user_data);
} KvsSpoolEvents;

KvsSpool *kvs_spool_new (const KvsStreamDefinition *definition, const KvsSpoolEvents *events,
                         gpointer user_data);
void kvs_spool_close (KvsSpool *spool);

void kvs_spool_open (KvsSpool *spool);
void kvs_spool_store (KvsSpool *spool, KvsFragment *fragment);
void kvs_spool_begin (KvsSpool *spool, const KvsFragment *fragment);
void kvs_spool_append (KvsSpool *spool, const KvsFragment *fragment, guint first_part);
void kvs_spool_commit (KvsSpool *spool, guint64 id);
void kvs_spool_remove (KvsSpool *spool, guint64 id);
void kvs_spool_release (KvsSpool *spool, const KvsFragment *fragment);
void kvs_spool_load (KvsSpool *spool);
void kvs_spool_probe (KvsSpool *spool);
void kvs_spool_sync (KvsSpool *spool);

gsize kvs_spool_get_pending_bytes (KvsSpool *spool);
gint64 kvs_spool_get_delay_us (KvsSpool *spool);
void kvs_spool_get_stats (KvsSpool *spool, KvsSpoolStats *stats);

G_END_DECLS
