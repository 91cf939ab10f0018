/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files that make up the store. */
#pragma once

#include "store/db.h"
#include "store/remover.h"
#include "store/store.h"

G_BEGIN_DECLS

/* What kvs_local_store_read_fragment() reads */
#define KVS_LOCAL_FRAGMENT_COLUMNS                                                            \
  "id, number, server_ms, producer_ms, duration_ms, timecode, header_size, cluster_offset, "  \
  "file_size"

/* What kvs_local_store_read_description() reads */
#define KVS_LOCAL_DESCRIPTION_COLUMNS                                                         \
  "device_name, media_type, retention_hours, version, storage_tier, cell, image_generation, " \
  "notification"
#define KVS_LOCAL_N_DESCRIPTION_COLUMNS 8

/* insert_fragment: (nullable): kept, as parsing it takes longer than carrying it out
 * streams: (element-type utf8 KvsLocalStream): by name */
struct _KvsLocalStore {
  sqlite3 *db;
  sqlite3_stmt *insert_fragment;
  KvsLocalWriteBehind *behind;
  KvsLocalRemover *remover;
  gint lock_fd;
  gchar *media_folder;
  gchar *region;
  gchar *account;
  gchar *default_kms_key;
  gint64 creating_ms;
  gint64 last_creation_ms;
  GHashTable *streams;
};

gboolean kvs_local_store_make_folder (KvsLocalStore *store, const KvsLocalStream *stream,
                                      GError **error);
void kvs_local_store_read_description (sqlite3_stmt *statement, KvsLocalStream *stream);
void kvs_local_store_read_fragment (sqlite3_stmt *statement, KvsLocalFragment *out);
gboolean kvs_local_store_tidy_files (KvsLocalStore *store, GError **error);

G_END_DECLS
