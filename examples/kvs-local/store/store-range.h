/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of the store's fragments by time. */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

/* Collections of media for the same producer's time that came further apart than this are not
 * mixed (kvs-api.md section 12 says "widely" and no figure). */
#define KVS_LOCAL_COLLECTION_GAP_MS (10 * 60 * 1000)

/**
 * KvsLocalRange:
 * @by_producer: times are the producer's, else the server's
 * @start_ms: earliest beginning of a fragment
 * @end_ms: latest beginning of a fragment, %G_MAXINT64 if there is no end
 * @is_deduplicated: with @by_producer: leave out what other fragments replace: of those with the same
 *   time all but the one with the largest number, and those that overlap one that came
 *   %KVS_LOCAL_COLLECTION_GAP_MS earlier
 * @after_ms: with @after_id: the time of the last fragment of the page before
 * @after_id: the last fragment of the page before, 0 for the first page
 */
typedef struct {
  gboolean by_producer;
  gint64 start_ms;
  gint64 end_ms;
  gboolean is_deduplicated;
  gint64 after_ms;
  gint64 after_id;
} KvsLocalRange;

gint64 kvs_local_range_time_ms (const KvsLocalRange *range, const KvsLocalFragment *fragment);
gboolean kvs_local_store_index_times (KvsLocalStore *store, GError **error);
GArray *kvs_local_store_list_range (KvsLocalStore *store, KvsLocalStream *stream,
                                    const KvsLocalRange *range, guint max, GError **error);
GArray *kvs_local_store_list_distinct (KvsLocalStore *store, KvsLocalStream *stream,
                                       const KvsLocalRange *range, guint max, GError **error);
GArray *kvs_local_store_list_newest (KvsLocalStore *store, KvsLocalStream *stream, guint max,
                                     GError **error);
gboolean kvs_local_store_fragment_before (KvsLocalStore *store, KvsLocalStream *stream,
                                          gboolean by_producer, gint64 ms, KvsLocalFragment *out,
                                          gboolean *is_there, GError **error);

G_END_DECLS
