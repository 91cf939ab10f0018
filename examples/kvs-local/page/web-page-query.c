/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "page/web-page-query.h"

#include "api/service-error.h"

/* The end of year 9999 */
#define MAX_TIME_MS G_GINT64_CONSTANT (253402300799999)

static gboolean
fail (GError **error, const gchar *name)
{
  g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
               "The parameter %s is missing or wrong.", name);
  return FALSE;
}

/**
 * kvs_local_web_page_query_stream:
 * @query: (element-type utf8 utf8): of a request, decoded
 * @server: the server
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: (transfer none) (nullable): the stream that it names
 */
KvsLocalStream *
kvs_local_web_page_query_stream (GHashTable *query, KvsLocalServer *server, GError **error)
{
  const gchar *name = g_hash_table_lookup (query, "name");
  KvsLocalStream *stream = NULL;

  if (name != NULL)
    stream = kvs_local_store_find_by_name (server->store, name);
  if (stream == NULL)
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_STREAM);
  return stream;
}

/**
 * kvs_local_web_page_query_kind:
 * @query: (element-type utf8 utf8): of a request, decoded
 * @kind: (out): the times that it means
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether it says which
 */
gboolean
kvs_local_web_page_query_kind (GHashTable *query, KvsLocalTimeKind *kind, GError **error)
{
  const gchar *text = g_hash_table_lookup (query, "time");

  if (g_strcmp0 (text, "server") == 0)
    *kind = KVS_LOCAL_TIME_SERVER;
  else if (g_strcmp0 (text, "producer") == 0)
    *kind = KVS_LOCAL_TIME_PRODUCER;
  else
    return fail (error, "time");
  return TRUE;
}

static gboolean
take_time (GHashTable *query, const gchar *name, gint64 *out, GError **error)
{
  const gchar *text = g_hash_table_lookup (query, name);

  return (text != NULL && g_ascii_string_to_signed (text, 10, 0, MAX_TIME_MS, out, NULL))
         || fail (error, name);
}

/**
 * kvs_local_web_page_query_range:
 * @query: (element-type utf8 utf8): of a request, decoded
 * @range: (out): the range that it asks for
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether there is one
 */
gboolean
kvs_local_web_page_query_range (GHashTable *query, KvsLocalWebPageRange *range, GError **error)
{
  if (!kvs_local_web_page_query_kind (query, &range->kind, error)
      || !take_time (query, "from", &range->from_ms, error)
      || !take_time (query, "to", &range->to_ms, error))
    return FALSE;
  return range->to_ms > range->from_ms || fail (error, "to");
}
