/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a stream may change: its description and its tags. */
#include "store/store-private.h"

static void
take_text (sqlite3_stmt *statement, gint column, gchar **out)
{
  g_free (*out);
  *out = kvs_local_db_text (statement, column);
}

/**
 * kvs_local_store_read_description:
 * @statement: with a row that begins with %KVS_LOCAL_DESCRIPTION_COLUMNS
 * @stream: gets what is there in place of what it has
 */
void
kvs_local_store_read_description (sqlite3_stmt *statement, KvsLocalStream *stream)
{
  take_text (statement, 0, &stream->device_name);
  take_text (statement, 1, &stream->media_type);
  stream->retention_hours = (guint) sqlite3_column_int (statement, 2);
  take_text (statement, 3, &stream->version);
  take_text (statement, 4, &stream->storage_tier);
  stream->cell = (guint) sqlite3_column_int (statement, 5);
  take_text (statement, 6, &stream->image_generation);
  take_text (statement, 7, &stream->notification);
}

/* The client is told that nothing was changed. */
static void
restore_description (KvsLocalStore *store, KvsLocalStream *stream)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (sqlite3_stmt) statement = kvs_local_db_prepare (
    store->db, "SELECT " KVS_LOCAL_DESCRIPTION_COLUMNS " FROM streams WHERE id = ?", &error);
  gboolean has_row = FALSE;

  if (statement != NULL) {
    sqlite3_bind_int64 (statement, 1, stream->id);
    if (kvs_local_db_step (statement, &has_row, &error) && has_row)
      kvs_local_store_read_description (statement, stream);
  }
  if (error != NULL)
    g_warning ("stream %s: %s", stream->name, error->message);
}

/**
 * kvs_local_store_save_stream:
 * @store: the store
 * @stream: a stream whose members were changed
 * @error: where to put an error
 *
 * Where it cannot be written, the stream's description is again what the index has.
 *
 * Returns: whether the index has them
 */
gboolean
kvs_local_store_save_stream (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  g_autoptr (sqlite3_stmt) statement
    = kvs_local_db_prepare (store->db,
                            "UPDATE streams SET device_name = ?, media_type = ?,"
                            " retention_hours = ?, version = ?, sequence_block = ?,"
                            " storage_tier = ?, cell = ?, image_generation = ?, notification = ?"
                            " WHERE id = ?",
                            error);

  if (statement == NULL)
    return FALSE;
  kvs_local_db_bind_text (statement, 1, stream->device_name);
  kvs_local_db_bind_text (statement, 2, stream->media_type);
  sqlite3_bind_int64 (statement, 3, stream->retention_hours);
  kvs_local_db_bind_text (statement, 4, stream->version);
  sqlite3_bind_int64 (statement, 5, (gint64) stream->sequence_block);
  kvs_local_db_bind_text (statement, 6, stream->storage_tier);
  sqlite3_bind_int64 (statement, 7, stream->cell);
  kvs_local_db_bind_text (statement, 8, stream->image_generation);
  kvs_local_db_bind_text (statement, 9, stream->notification);
  sqlite3_bind_int64 (statement, 10, stream->id);
  if (kvs_local_db_finish (statement, error))
    return TRUE;
  restore_description (store, stream);
  return FALSE;
}

static gboolean
insert_tags (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  g_autoptr (sqlite3_stmt) insert
    = kvs_local_db_prepare (store->db, "INSERT INTO tags VALUES (?, ?, ?)", error);
  GHashTableIter iter;
  gpointer key, value;

  if (insert == NULL)
    return FALSE;
  g_hash_table_iter_init (&iter, stream->tags);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    sqlite3_bind_int64 (insert, 1, stream->id);
    kvs_local_db_bind_text (insert, 2, key);
    kvs_local_db_bind_text (insert, 3, value);
    if (!kvs_local_db_finish (insert, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
replace_tags (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  g_autoptr (sqlite3_stmt) clear
    = kvs_local_db_prepare (store->db, "DELETE FROM tags WHERE stream_id = ?", error);

  if (clear == NULL)
    return FALSE;
  sqlite3_bind_int64 (clear, 1, stream->id);
  return kvs_local_db_finish (clear, error) && insert_tags (store, stream, error);
}

/**
 * kvs_local_store_save_tags:
 * @store: the store
 * @stream: a stream whose tags were changed
 * @error: where to put an error
 *
 * Writes all of them or none, within a transaction or without.
 *
 * Returns: whether the index has them
 */
gboolean
kvs_local_store_save_tags (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  if (!kvs_local_db_exec (store->db, "SAVEPOINT tags", error))
    return FALSE;
  if (replace_tags (store, stream, error) && kvs_local_db_exec (store->db, "RELEASE tags", error))
    return TRUE;
  /* a full disk may have undone all already */
  kvs_local_db_exec (store->db, "ROLLBACK TO tags; RELEASE tags", NULL);
  return FALSE;
}
