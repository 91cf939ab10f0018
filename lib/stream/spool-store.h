/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsSpoolStore: Fragments of one stream as files, in the order in which they were recorded.
 *
 *   <folder>/<stream>/000000000042-20260823T101502.120Z-2000ms-60f-1a2b3c4d.mkv
 *   <folder>/<stream>/damaged/         what cannot be used; never deleted, never counted
 *
 * Each file is Matroska that any player opens (spool-format.h); names tell what is needed without
 * opening them (spool-name.h). Files with other names are left alone.
 *
 * Blocks while the disk works, so it belongs on a thread of its own. Not thread safe.
 *
 * After kill -9 everything that was appended is there at the next kvs_spool_store_open(). After a
 * power cut that holds for what was settled or synced before; a removed Fragment may come back.
 *
 * Any function may fail with %KVS_ERROR_SPOOL when the disk is full, read-only, broken or gone. No
 * half-written Fragment is visible then, and the same call works again once the disk does. */
#pragma once

#include <glib.h>

#include "stream/spool-format.h"
#include "stream/spool-name.h"
#include "stream/spool-part.h"

G_BEGIN_DECLS

typedef struct _KvsSpoolStore KvsSpoolStore;

/**
 * KvsSpoolLoss:
 *
 * What had to go so that something newer found room. Adds up over several calls.
 */
typedef struct {
  guint64 n_fragments;
  guint64 n_frames;
  guint64 size_bytes;
} KvsSpoolLoss;

/**
 * KvsSpoolStats:
 * @n_fragments: whole ones
 * @n_frames: in them
 * @size_bytes: of their files and the one that grows
 * @duration_ns: of media in whole ones
 * @oldest_ns: begin of the first one, 0 if there is none
 * @newest_ns: end of the last one, 0 if there is none
 * @n_recovered: Fragments that a crash had left unfinished, since the store was opened
 * @n_damaged: files that were set aside, since the store was opened
 */
typedef struct {
  guint64 n_fragments;
  guint64 n_frames;
  guint64 size_bytes;
  gint64 duration_ns;
  gint64 oldest_ns;
  gint64 newest_ns;
  guint64 n_recovered;
  guint64 n_damaged;
} KvsSpoolStats;

KvsSpoolStore *kvs_spool_store_open (const gchar *folder, const gchar *stream_name,
                                     guint64 max_bytes, GError **error);
void kvs_spool_store_close (KvsSpoolStore *store);

/* writing */
gboolean kvs_spool_store_write (KvsSpoolStore *store, GBytes *header, const KvsSpoolTimes *times,
                                const KvsSpoolPiece *fragment, KvsSpoolEntry *entry,
                                KvsSpoolLoss *loss, GError **error);
gboolean kvs_spool_store_begin (KvsSpoolStore *store, GBytes *header, const KvsSpoolTimes *times,
                                GError **error);
gboolean kvs_spool_store_append (KvsSpoolStore *store, const KvsSpoolPiece *piece,
                                 KvsSpoolLoss *loss, GError **error);
gboolean kvs_spool_store_sync (KvsSpoolStore *store, GError **error);
gboolean kvs_spool_store_commit (KvsSpoolStore *store, KvsSpoolEntry *entry, GError **error);
void kvs_spool_store_abandon (KvsSpoolStore *store);
KvsSpoolPart *kvs_spool_store_take_unsettled (KvsSpoolStore *store);
gboolean kvs_spool_store_is_growing (const KvsSpoolStore *store);

/* reading */
gboolean kvs_spool_store_next (KvsSpoolStore *store, const KvsSpoolEntry *after,
                               KvsSpoolEntry *entry);
KvsSpoolFragment *kvs_spool_store_read (KvsSpoolStore *store, const KvsSpoolEntry *entry,
                                        GError **error);
gboolean kvs_spool_store_remove (KvsSpoolStore *store, const KvsSpoolEntry *entry, GError **error);
gboolean kvs_spool_store_refresh (KvsSpoolStore *store, GError **error);
guint kvs_spool_store_get_generation (const KvsSpoolStore *store);
void kvs_spool_store_get_stats (const KvsSpoolStore *store, KvsSpoolStats *stats);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsSpoolStore, kvs_spool_store_close)

G_END_DECLS
