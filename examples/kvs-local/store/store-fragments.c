/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fragments of the store. */
#include <string.h>

#include "store/store-private.h"

#define COLUMNS KVS_LOCAL_FRAGMENT_COLUMNS
#define SEQUENCES_IN_BLOCK 1000
#define MS_PER_HOUR G_GINT64_CONSTANT (3600000)

/**
 * kvs_local_store_next_sequence:
 * @store: the store
 * @stream: a stream
 * @sequence: (inout): number of this connection's fragment before, 0 for the first
 * @error: where to put an error
 *
 * Numbers rise by one within a connection; each connection begins a thousand of its own (kvs-api.md
 * section 9).
 *
 * Returns: %FALSE if the index could not be written
 */
gboolean
kvs_local_store_next_sequence (KvsLocalStore *store, KvsLocalStream *stream, guint64 *sequence,
                               GError **error)
{
  if (*sequence % SEQUENCES_IN_BLOCK != 0) {
    (*sequence)++;
    return TRUE;
  }
  *sequence = stream->sequence_block * SEQUENCES_IN_BLOCK + 1;
  stream->sequence_block++;
  return kvs_local_store_save_stream (store, stream, error);
}

/**
 * kvs_local_store_add_fragment:
 * @store: the store
 * @stream: the fragment's stream
 * @fragment: a fragment whose file is in its place; its id is set
 * @error: where to put an error
 *
 * Puts it into the index and tells those who wait for new fragments.
 *
 * Returns: whether it can be read from now on
 */
gboolean
kvs_local_store_add_fragment (KvsLocalStore *store, KvsLocalStream *stream,
                              KvsLocalFragment *fragment, GError **error)
{
  sqlite3_stmt *statement;

  if (store->insert_fragment == NULL)
    store->insert_fragment
      = kvs_local_db_prepare (store->db,
                              "INSERT INTO fragments (stream_id, number, server_ms, producer_ms,"
                              " duration_ms, timecode, header_size, cluster_offset, file_size)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              error);
  statement = store->insert_fragment;
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, stream->id);
  kvs_local_db_bind_text (statement, 2, fragment->number);
  sqlite3_bind_int64 (statement, 3, fragment->server_ms);
  sqlite3_bind_int64 (statement, 4, fragment->producer_ms);
  sqlite3_bind_int64 (statement, 5, fragment->duration_ms);
  sqlite3_bind_int64 (statement, 6, (gint64) fragment->timecode);
  sqlite3_bind_int64 (statement, 7, (gint64) fragment->header_size);
  sqlite3_bind_int64 (statement, 8, (gint64) fragment->cluster_offset);
  sqlite3_bind_int64 (statement, 9, (gint64) fragment->file_size);
  if (!kvs_local_db_finish (statement, error))
    return FALSE;
  fragment->id = sqlite3_last_insert_rowid (store->db);
  if (stream->kept_bytes >= 0)
    stream->kept_bytes += (gint64) fragment->file_size;
  if (stream->retention_hours == 0)
    kvs_local_store_expire_stream (store, stream);
  kvs_local_stream_call_hooks (stream);
  return TRUE;
}

/**
 * kvs_local_store_read_fragment:
 * @statement: with a row of %KVS_LOCAL_FRAGMENT_COLUMNS
 * @out: (out): where to put the fragment
 */
void
kvs_local_store_read_fragment (sqlite3_stmt *statement, KvsLocalFragment *out)
{
  out->id = sqlite3_column_int64 (statement, 0);
  g_strlcpy (out->number, (const gchar *) sqlite3_column_text (statement, 1), sizeof out->number);
  out->server_ms = sqlite3_column_int64 (statement, 2);
  out->producer_ms = sqlite3_column_int64 (statement, 3);
  out->duration_ms = sqlite3_column_int64 (statement, 4);
  out->timecode = (guint64) sqlite3_column_int64 (statement, 5);
  out->header_size = (guint64) sqlite3_column_int64 (statement, 6);
  out->cluster_offset = (guint64) sqlite3_column_int64 (statement, 7);
  out->file_size = (guint64) sqlite3_column_int64 (statement, 8);
}

/* @sql has the stream's id as first parameter, @number or else @value as second. */
static gboolean
find (KvsLocalStore *store, KvsLocalStream *stream, const gchar *sql, const gchar *number,
      gint64 value, KvsLocalFragment *out)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (sqlite3_stmt) statement = NULL;
  gboolean has_row = FALSE;

  if (stream->deleted)
    return FALSE;
  statement = kvs_local_db_prepare (store->db, sql, &error);
  if (statement != NULL) {
    sqlite3_bind_int64 (statement, 1, stream->id);
    if (number != NULL)
      kvs_local_db_bind_text (statement, 2, number);
    else
      sqlite3_bind_int64 (statement, 2, value);
    if (kvs_local_db_step (statement, &has_row, &error) && has_row)
      kvs_local_store_read_fragment (statement, out);
  }
  if (error != NULL)
    g_warning ("%s", error->message);
  return has_row;
}

/**
 * kvs_local_store_find_fragment:
 * @store: the store
 * @stream: a stream
 * @number: fragment number
 * @out: (out): where to put the fragment
 *
 * Returns: whether it is there
 */
gboolean
kvs_local_store_find_fragment (KvsLocalStore *store, KvsLocalStream *stream, const gchar *number,
                               KvsLocalFragment *out)
{
  return find (store, stream,
               "SELECT " COLUMNS " FROM fragments WHERE stream_id = ? AND number = ?", number, 0,
               out);
}

/**
 * kvs_local_store_next_fragment:
 * @store: the store
 * @stream: a stream
 * @after_id: id of the fragment before, 0 for the oldest
 * @out: (out): where to put the fragment
 *
 * Goes in the order of storing: with two overlapping connections numbers of fragments stored later
 * may be smaller, and a reader that follows must not miss them.
 *
 * Returns: whether there is one
 */
gboolean
kvs_local_store_next_fragment (KvsLocalStore *store, KvsLocalStream *stream, gint64 after_id,
                               KvsLocalFragment *out)
{
  return find (store, stream,
               "SELECT " COLUMNS " FROM fragments WHERE stream_id = ? AND id > ?"
               " ORDER BY id LIMIT 1",
               NULL, after_id, out);
}

/**
 * kvs_local_store_newest_fragment:
 * @store: the store
 * @stream: a stream
 * @out: (out): where to put the fragment
 *
 * Returns: whether there is one
 */
gboolean
kvs_local_store_newest_fragment (KvsLocalStore *store, KvsLocalStream *stream,
                                 KvsLocalFragment *out)
{
  return find (store, stream,
               "SELECT " COLUMNS " FROM fragments WHERE stream_id = ? AND id > ?"
               " ORDER BY id DESC LIMIT 1",
               NULL, 0, out);
}

/**
 * kvs_local_store_fragment_at_server_time:
 * @store: the store
 * @stream: a stream
 * @ms: since 1970
 * @out: (out): where to put the fragment
 *
 * Finds the first fragment that begins then or ends after it (kvs-api.md section 10).
 *
 * Returns: whether there is one
 */
gboolean
kvs_local_store_fragment_at_server_time (KvsLocalStore *store, KvsLocalStream *stream, gint64 ms,
                                         KvsLocalFragment *out)
{
  return find (store, stream,
               "SELECT " COLUMNS " FROM fragments WHERE stream_id = ?1"
               " AND (server_ms >= ?2 OR server_ms + duration_ms > ?2) ORDER BY id LIMIT 1",
               NULL, ms, out);
}

/**
 * kvs_local_store_fragment_at_producer_time:
 * @store: the store
 * @stream: a stream
 * @ms: in the producer's time
 * @out: (out): where to put the fragment
 *
 * Finds the first fragment that begins then or ends after it (kvs-api.md section 10).
 *
 * Returns: whether there is one
 */
gboolean
kvs_local_store_fragment_at_producer_time (KvsLocalStore *store, KvsLocalStream *stream, gint64 ms,
                                           KvsLocalFragment *out)
{
  return find (store, stream,
               "SELECT " COLUMNS " FROM fragments WHERE stream_id = ?1"
               " AND (producer_ms >= ?2 OR producer_ms + duration_ms > ?2) ORDER BY id LIMIT 1",
               NULL, ms, out);
}

static gboolean
remove_up_to (KvsLocalStore *store, KvsLocalStream *stream, gint64 last_id, GError **error)
{
  g_autoptr (sqlite3_stmt) list
    = kvs_local_db_prepare (store->db,
                            "SELECT number || '.mkv' FROM fragments"
                            " WHERE stream_id = ? AND id <= ?",
                            error);
  g_autoptr (sqlite3_stmt) remove = NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autofree gchar *folder = kvs_local_store_get_folder (store, stream);
  gboolean has_row = TRUE;

  if (list == NULL)
    return FALSE;
  sqlite3_bind_int64 (list, 1, stream->id);
  sqlite3_bind_int64 (list, 2, last_id);
  while (has_row) {
    if (!kvs_local_db_step (list, &has_row, error))
      return FALSE;
    if (has_row)
      g_ptr_array_add (names, kvs_local_db_text (list, 0));
  }
  remove = kvs_local_db_prepare (store->db,
                                 "DELETE FROM fragments WHERE stream_id = ? AND id <= ?", error);
  if (remove == NULL)
    return FALSE;
  sqlite3_bind_int64 (remove, 1, stream->id);
  sqlite3_bind_int64 (remove, 2, last_id);
  if (!kvs_local_db_finish (remove, error))
    return FALSE;
  kvs_local_remover_take_files (store->remover, folder, g_steal_pointer (&names));
  return TRUE;
}

/* The newest of the fragments at the start that are too old; 0 if none is */
static gboolean
find_last_expired (KvsLocalStore *store, KvsLocalStream *stream, gint64 *last_id, GError **error)
{
  gint64 oldest_ms = g_get_real_time () / 1000 - stream->retention_hours * MS_PER_HOUR;
  g_autoptr (sqlite3_stmt) statement
    = kvs_local_db_prepare (store->db,
                            "SELECT id, server_ms FROM fragments WHERE stream_id = ? ORDER BY id",
                            error);
  gboolean has_row;

  *last_id = 0;
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, stream->id);
  for (;;) {
    if (!kvs_local_db_step (statement, &has_row, error))
      return FALSE;
    if (!has_row || sqlite3_column_int64 (statement, 1) >= oldest_ms)
      return TRUE;
    *last_id = sqlite3_column_int64 (statement, 0);
  }
}

static gboolean
sum_kept_bytes (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  g_autoptr (sqlite3_stmt) statement = kvs_local_db_prepare (
    store->db, "SELECT TOTAL(file_size) FROM fragments WHERE stream_id = ?", error);
  gboolean has_row;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, stream->id);
  if (!kvs_local_db_step (statement, &has_row, error))
    return FALSE;
  stream->kept_bytes = sqlite3_column_int64 (statement, 0);
  return TRUE;
}

/* The newest of the fragments at the start that are too old, or too much with those after them; 0
 * if none is. Called for each fragment, it looks at no more of them than it finds. */
static gboolean
find_last_beyond_host_buffer (KvsLocalStore *store, KvsLocalStream *stream, gint64 *last_id,
                              GError **error)
{
  gint64 oldest_ms = g_get_real_time () / 1000 - KVS_LOCAL_HOST_BUFFER_MS;
  g_autoptr (sqlite3_stmt) statement = NULL;
  gboolean has_row;

  *last_id = 0;
  if (stream->kept_bytes < 0 && !sum_kept_bytes (store, stream, error))
    return FALSE;
  statement
    = kvs_local_db_prepare (store->db,
                            "SELECT id, server_ms, file_size FROM fragments WHERE stream_id = ?"
                            " ORDER BY id",
                            error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, stream->id);
  for (;;) {
    if (!kvs_local_db_step (statement, &has_row, error))
      return FALSE;
    if (!has_row
        || (stream->kept_bytes <= KVS_LOCAL_HOST_BUFFER_BYTES
            && sqlite3_column_int64 (statement, 1) >= oldest_ms))
      return TRUE;
    *last_id = sqlite3_column_int64 (statement, 0);
    stream->kept_bytes -= sqlite3_column_int64 (statement, 2);
  }
}

/**
 * kvs_local_store_expire_stream:
 * @store: the store
 * @stream: a stream
 *
 * Deletes the fragments whose time is over.
 */
void
kvs_local_store_expire_stream (KvsLocalStore *store, KvsLocalStream *stream)
{
  g_autoptr (GError) error = NULL;
  gint64 last_id;
  gboolean has_host_buffer = stream->retention_hours == 0;
  gboolean ok = has_host_buffer
                  ? find_last_beyond_host_buffer (store, stream, &last_id, &error)
                  : find_last_expired (store, stream, &last_id, &error);

  if (ok && last_id > 0)
    ok = remove_up_to (store, stream, last_id, &error);
  if (!ok)
    g_warning ("%s", error->message);
  if (!ok || !has_host_buffer)
    stream->kept_bytes = -1;
}

/**
 * kvs_local_store_expire:
 * @store: the store
 *
 * Deletes the fragments whose time is over, of all streams.
 */
void
kvs_local_store_expire (KvsLocalStore *store)
{
  GHashTableIter iter;
  gpointer stream;

  g_hash_table_iter_init (&iter, store->streams);
  while (g_hash_table_iter_next (&iter, NULL, &stream))
    kvs_local_store_expire_stream (store, stream);
}
