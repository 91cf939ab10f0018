/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When there are media in a stream, and when there are none. */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

/**
 * KvsLocalTimeKind: which of a fragment's times is meant
 */
typedef enum {
  KVS_LOCAL_TIME_SERVER,
  KVS_LOCAL_TIME_PRODUCER,
} KvsLocalTimeKind;

/**
 * KvsLocalSpan:
 * @start_ms: of the first fragment
 * @end_ms: of the last one
 */
typedef struct {
  gint64 start_ms;
  gint64 end_ms;
} KvsLocalSpan;

GArray *kvs_local_store_list_spans (KvsLocalStore *store, KvsLocalStream *stream,
                                    KvsLocalTimeKind kind, gint64 from_ms, gint64 to_ms,
                                    gint64 tolerance_ms, GError **error);
gboolean kvs_local_store_find_extent (KvsLocalStore *store, KvsLocalStream *stream,
                                      KvsLocalTimeKind kind, KvsLocalSpan *extent,
                                      GError **error);

G_END_DECLS
