/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/store-range.h"

#include "store/store-private.h"

/**
 * kvs_local_range_time_ms:
 * @range: a range
 * @fragment: a fragment
 *
 * Returns: the fragment's beginning in the range's kind of time
 */
gint64
kvs_local_range_time_ms (const KvsLocalRange *range, const KvsLocalFragment *fragment)
{
  return range->by_producer ? fragment->producer_ms : fragment->server_ms;
}

/**
 * kvs_local_store_index_times:
 * @store: a store whose tables are there
 * @error: where to put an error
 *
 * Makes sure that ranges are found without reading all fragments.
 *
 * Returns: whether the index has what it takes
 */
gboolean
kvs_local_store_index_times (KvsLocalStore *store, GError **error)
{
  return kvs_local_db_exec (store->db,
                            "CREATE INDEX IF NOT EXISTS fragments_by_server_time"
                            " ON fragments (stream_id, server_ms);"
                            "CREATE INDEX IF NOT EXISTS fragments_by_producer_time"
                            " ON fragments (stream_id, producer_ms);",
                            error);
}

static GArray *
take_rows (sqlite3_stmt *statement, GError **error)
{
  g_autoptr (GArray) fragments = g_array_new (FALSE, TRUE, sizeof (KvsLocalFragment));
  gboolean has_row;

  while (kvs_local_db_step (statement, &has_row, error)) {
    KvsLocalFragment fragment = { 0 };

    if (!has_row)
      return g_steal_pointer (&fragments);
    kvs_local_store_read_fragment (statement, &fragment);
    g_array_append_val (fragments, fragment);
  }
  return NULL;
}

/* Parameters: 1 stream, 2 start, 3 end, 4 and 5 time and id after which it goes on, 6 limit */
static gchar *
range_sql (const KvsLocalRange *range)
{
  const gchar *time = range->by_producer ? "producer_ms" : "server_ms";

  return g_strdup_printf ("SELECT " KVS_LOCAL_FRAGMENT_COLUMNS " FROM fragments"
                          " WHERE stream_id = ?1 AND %s BETWEEN max(?2, ?4) AND ?3"
                          " AND (%s > ?4 OR id > ?5)"
                          " ORDER BY %s, id LIMIT ?6",
                          time, time, time);
}

/**
 * kvs_local_store_list_range:
 * @store: the store
 * @stream: a stream
 * @range: which fragments
 * @max: how many at most
 * @error: where to put an error
 *
 * A fragment belongs to a range by its beginning; both ends belong to the range (kvs-api.md sections
 * 11 and 12).
 *
 * Returns: (transfer full) (element-type KvsLocalFragment) (nullable): fragments in the order of the
 *   range's time, and of storing where that is the same
 */
GArray *
kvs_local_store_list_range (KvsLocalStore *store, KvsLocalStream *stream,
                            const KvsLocalRange *range, guint max, GError **error)
{
  g_autofree gchar *sql = range_sql (range);
  g_autoptr (sqlite3_stmt) statement = NULL;

  if (range->is_deduplicated)
    return kvs_local_store_list_distinct (store, stream, range, max, error);
  statement = kvs_local_db_prepare (store->db, sql, error);
  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, stream->deleted ? 0 : stream->id);
  sqlite3_bind_int64 (statement, 2, range->start_ms);
  sqlite3_bind_int64 (statement, 3, range->end_ms);
  sqlite3_bind_int64 (statement, 4, range->after_id != 0 ? range->after_ms : G_MININT64);
  sqlite3_bind_int64 (statement, 5, range->after_id);
  sqlite3_bind_int64 (statement, 6, max);
  return take_rows (statement, error);
}

/**
 * kvs_local_store_list_newest:
 * @store: the store
 * @stream: a stream
 * @max: how many at most
 * @error: where to put an error
 *
 * Returns: (transfer full) (element-type KvsLocalFragment) (nullable): the fragments stored last, in
 *   the order of storing
 */
GArray *
kvs_local_store_list_newest (KvsLocalStore *store, KvsLocalStream *stream, guint max,
                             GError **error)
{
  g_autoptr (sqlite3_stmt) statement
    = kvs_local_db_prepare (store->db,
                            "SELECT * FROM (SELECT " KVS_LOCAL_FRAGMENT_COLUMNS " FROM fragments"
                            " WHERE stream_id = ?1 ORDER BY id DESC LIMIT ?2) ORDER BY id",
                            error);

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, stream->deleted ? 0 : stream->id);
  sqlite3_bind_int64 (statement, 2, max);
  return take_rows (statement, error);
}

/**
 * kvs_local_store_fragment_before:
 * @store: the store
 * @stream: a stream
 * @by_producer: @ms is the producer's time, else the server's
 * @ms: a time
 * @out: (out): where to put the fragment
 * @is_there: (out): whether there is one
 * @error: where to put an error
 *
 * Finds the fragment that begins last before or at that time, and of several that begin then the one
 * stored last.
 *
 * Returns: %FALSE if the index cannot be read
 */
gboolean
kvs_local_store_fragment_before (KvsLocalStore *store, KvsLocalStream *stream,
                                 gboolean by_producer, gint64 ms, KvsLocalFragment *out,
                                 gboolean *is_there, GError **error)
{
  const gchar *time = by_producer ? "producer_ms" : "server_ms";
  g_autofree gchar *sql
    = g_strdup_printf ("SELECT " KVS_LOCAL_FRAGMENT_COLUMNS " FROM fragments"
                       " WHERE stream_id = ?1 AND %s <= ?2 ORDER BY %s DESC, id DESC LIMIT 1",
                       time, time);
  g_autoptr (sqlite3_stmt) statement = kvs_local_db_prepare (store->db, sql, error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, stream->deleted ? 0 : stream->id);
  sqlite3_bind_int64 (statement, 2, ms);
  if (!kvs_local_db_step (statement, is_there, error))
    return FALSE;
  if (*is_there)
    kvs_local_store_read_fragment (statement, out);
  return TRUE;
}
