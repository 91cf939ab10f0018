/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The query strings of what the page asks for. */
#pragma once

#include "server.h"
#include "store/store-timeline.h"

G_BEGIN_DECLS

/**
 * KvsLocalWebPageRange:
 * @kind: which times are meant
 * @from_ms: beginning
 * @to_ms: end, after @from_ms
 */
typedef struct {
  KvsLocalTimeKind kind;
  gint64 from_ms;
  gint64 to_ms;
} KvsLocalWebPageRange;

KvsLocalStream *kvs_local_web_page_query_stream (GHashTable *query, KvsLocalServer *server,
                                             GError **error);
gboolean kvs_local_web_page_query_kind (GHashTable *query, KvsLocalTimeKind *kind, GError **error);
gboolean kvs_local_web_page_query_range (GHashTable *query, KvsLocalWebPageRange *range,
                                     GError **error);

G_END_DECLS
