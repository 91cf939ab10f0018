/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What spool-store.c (the folder, the list, reading) and spool-store-write.c share. */
#pragma once

#include "stream/spool-folder.h"
#include "stream/spool-store.h"

G_BEGIN_DECLS

struct _KvsSpoolStore {
  gchar *path;
  gchar *stream_name;
  guint64 max_bytes;
  KvsSpoolFolder *folder; /* NULL while it cannot be opened again */
  GTree *entries;         /* of KvsSpoolEntry, each its own key */
  guint generation;       /* goes up when the folder is listed */
  guint64 unreadable;     /* sequence of what could not be read, while the folder could; 0: none */
  guint64 next_sequence;
  KvsSpoolPart *part;   /* the Fragment that grows */
  GQueue unsettled;     /* of KvsSpoolPart: whole ones */
  KvsSpoolStats totals; /* without what the oldest, the newest and the part tell */
};

void kvs_spool_store_list (KvsSpoolStore *store, const KvsSpoolEntry *entry);
gboolean kvs_spool_store_unlist (KvsSpoolStore *store, const KvsSpoolEntry *entry);
guint64 kvs_spool_store_get_used_bytes (const KvsSpoolStore *store);

G_END_DECLS
