/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening the store, and its streams. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sys/file.h>

#include "api/service-error.h"
#include "store/store-private.h"
#include "store/store-range.h"

#define SCHEMA_VERSION 3

static const gchar schema[]
  = "BEGIN;"
    "CREATE TABLE streams ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  name TEXT NOT NULL UNIQUE,"
    "  arn TEXT NOT NULL UNIQUE,"
    "  creation_ms INTEGER NOT NULL,"
    "  device_name TEXT,"
    "  media_type TEXT,"
    "  kms_key_id TEXT,"
    "  retention_hours INTEGER NOT NULL,"
    "  version TEXT NOT NULL,"
    "  sequence_block INTEGER NOT NULL,"
    "  storage_tier TEXT,"
    "  cell INTEGER NOT NULL DEFAULT 0,"
    "  image_generation TEXT,"
    "  notification TEXT);"
    "CREATE TABLE tags ("
    "  stream_id INTEGER NOT NULL REFERENCES streams (id) ON DELETE CASCADE,"
    "  key TEXT NOT NULL,"
    "  value TEXT NOT NULL,"
    "  PRIMARY KEY (stream_id, key));"
    "CREATE TABLE fragments ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  stream_id INTEGER NOT NULL REFERENCES streams (id) ON DELETE CASCADE,"
    "  number TEXT NOT NULL,"
    "  server_ms INTEGER NOT NULL,"
    "  producer_ms INTEGER NOT NULL,"
    "  duration_ms INTEGER NOT NULL,"
    "  timecode INTEGER NOT NULL,"
    "  header_size INTEGER NOT NULL,"
    "  cluster_offset INTEGER NOT NULL,"
    "  file_size INTEGER NOT NULL,"
    "  UNIQUE (stream_id, number));"
    "CREATE INDEX fragments_in_order ON fragments (stream_id, id);"
    "PRAGMA user_version = 3;"
    "COMMIT;";

static const gchar from_version_1[]
  = "BEGIN;"
    "ALTER TABLE streams ADD COLUMN storage_tier TEXT;"
    "PRAGMA user_version = 2;"
    "COMMIT;";

static const gchar from_version_2[]
  = "BEGIN;"
    "ALTER TABLE streams ADD COLUMN cell INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE streams ADD COLUMN image_generation TEXT;"
    "ALTER TABLE streams ADD COLUMN notification TEXT;"
    "PRAGMA user_version = 3;"
    "COMMIT;";

/* How to get from each version to a newer one; there is nothing in version 0 */
static const gchar *const upgrades[SCHEMA_VERSION] = { schema, from_version_1, from_version_2 };

static gboolean
get_schema_version (sqlite3 *db, gint *version, GError **error)
{
  g_autoptr (sqlite3_stmt) statement = kvs_local_db_prepare (db, "PRAGMA user_version", error);
  gboolean has_row;

  if (statement == NULL || !kvs_local_db_step (statement, &has_row, error))
    return FALSE;
  *version = sqlite3_column_int (statement, 0);
  return TRUE;
}

static gboolean
prepare_schema (sqlite3 *db, GError **error)
{
  gint version;

  do {
    if (!get_schema_version (db, &version, error))
      return FALSE;
    if (version == SCHEMA_VERSION)
      return TRUE;
  } while (version >= 0 && version < SCHEMA_VERSION
           && kvs_local_db_exec (db, upgrades[version], error));
  if (error != NULL && *error != NULL)
    return FALSE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               "index: made by another version of kvs-local (format %d)", version);
  return FALSE;
}

static gboolean
load_tags (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  g_autoptr (sqlite3_stmt) statement
    = kvs_local_db_prepare (store->db, "SELECT key, value FROM tags WHERE stream_id = ?", error);
  gboolean has_row;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, stream->id);
  while (kvs_local_db_step (statement, &has_row, error)) {
    if (!has_row)
      return TRUE;
    g_hash_table_insert (stream->tags, kvs_local_db_text (statement, 0),
                         kvs_local_db_text (statement, 1));
  }
  return FALSE;
}

static gboolean
load_streams (KvsLocalStore *store, GError **error)
{
  g_autoptr (sqlite3_stmt) statement
    = kvs_local_db_prepare (store->db,
                            "SELECT " KVS_LOCAL_DESCRIPTION_COLUMNS ", id, name, arn, creation_ms,"
                            " kms_key_id, sequence_block FROM streams",
                            error);
  gboolean has_row;

  if (statement == NULL)
    return FALSE;
  while (kvs_local_db_step (statement, &has_row, error)) {
    KvsLocalStream *stream;

    if (!has_row)
      return TRUE;
    stream = kvs_local_stream_new ();
    kvs_local_store_read_description (statement, stream);
    stream->id = sqlite3_column_int64 (statement, KVS_LOCAL_N_DESCRIPTION_COLUMNS);
    stream->name = kvs_local_db_text (statement, KVS_LOCAL_N_DESCRIPTION_COLUMNS + 1);
    stream->arn = kvs_local_db_text (statement, KVS_LOCAL_N_DESCRIPTION_COLUMNS + 2);
    stream->creation_ms = sqlite3_column_int64 (statement, KVS_LOCAL_N_DESCRIPTION_COLUMNS + 3);
    stream->kms_key_id = kvs_local_db_text (statement, KVS_LOCAL_N_DESCRIPTION_COLUMNS + 4);
    stream->sequence_block
      = (guint64) sqlite3_column_int64 (statement, KVS_LOCAL_N_DESCRIPTION_COLUMNS + 5);
    g_hash_table_insert (store->streams, stream->name, stream);
    if (!load_tags (store, stream, error))
      return FALSE;
  }
  return FALSE;
}

/* Two of them in one folder would take each other's unfinished files for leftovers. */
static gboolean
lock_folder (KvsLocalStore *store, const gchar *folder, GError **error)
{
  g_autofree gchar *path = g_build_filename (folder, "kvs-local.lock", NULL);

  store->lock_fd = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (store->lock_fd >= 0 && flock (store->lock_fd, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", path,
               errno == EWOULDBLOCK ? "another kvs-local uses this folder" : g_strerror (errno));
  return FALSE;
}

/**
 * kvs_local_store_open:
 * @folder: where everything is kept; made if it is not there
 * @region: for ARNs of new streams
 * @account: for ARNs of new streams
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): the store, with what an earlier run left
 */
KvsLocalStore *
kvs_local_store_open (const gchar *folder, const gchar *region, const gchar *account,
                      GError **error)
{
  g_autoptr (KvsLocalStore) store = g_new0 (KvsLocalStore, 1);
  g_autofree gchar *index = g_build_filename (folder, "kvs-local.sqlite", NULL);

  store->lock_fd = -1;
  store->remover = kvs_local_remover_new ();
  store->region = g_strdup (region);
  store->account = g_strdup (account);
  store->default_kms_key
    = g_strdup_printf ("arn:aws:kms:%s:%s:alias/aws/kinesisvideo", region, account);
  store->media_folder = g_build_filename (folder, "media", NULL);
  store->streams = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
                                          (GDestroyNotify) kvs_local_stream_unref);
  if (g_mkdir_with_parents (store->media_folder, 0777) != 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", store->media_folder,
                 g_strerror (errno));
    return NULL;
  }
  if (!lock_folder (store, folder, error))
    return NULL;
  store->db = kvs_local_db_open (index, error);
  if (store->db == NULL || !prepare_schema (store->db, error)
      || !kvs_local_store_index_times (store, error) || !load_streams (store, error)
      || !kvs_local_store_tidy_files (store, error))
    return NULL;
  kvs_local_store_expire (store);
  store->behind = kvs_local_write_behind_new ();
  return g_steal_pointer (&store);
}

/**
 * kvs_local_store_set_creating_ms:
 * @store: the store
 * @creating_ms: how long the status of streams that are created from now on is CREATING
 */
void
kvs_local_store_set_creating_ms (KvsLocalStore *store, gint64 creating_ms)
{
  store->creating_ms = creating_ms;
}

/**
 * kvs_local_store_close:
 * @store: (transfer full) (nullable): a store
 */
void
kvs_local_store_close (KvsLocalStore *store)
{
  if (store == NULL)
    return;
  kvs_local_write_behind_free (store->behind);
  kvs_local_remover_free (store->remover);
  g_hash_table_unref (store->streams);
  sqlite3_finalize (store->insert_fragment);
  sqlite3_close (store->db);
  if (store->lock_fd >= 0)
    g_close (store->lock_fd, NULL);
  g_free (store->media_folder);
  g_free (store->region);
  g_free (store->account);
  g_free (store->default_kms_key);
  g_free (store);
}

/**
 * kvs_local_store_get_default_kms_key:
 * @store: the store
 *
 * Returns: what DescribeStream reports where CreateStream named no key
 */
const gchar *
kvs_local_store_get_default_kms_key (KvsLocalStore *store)
{
  return store->default_kms_key;
}

/**
 * kvs_local_store_get_write_behind:
 * @store: the store
 *
 * Returns: (transfer none): what writes fragments' files
 */
KvsLocalWriteBehind *
kvs_local_store_get_write_behind (KvsLocalStore *store)
{
  return store->behind;
}

/**
 * kvs_local_store_find_by_name:
 * @store: the store
 * @name: stream name
 *
 * Returns: (transfer none) (nullable): the stream
 */
KvsLocalStream *
kvs_local_store_find_by_name (KvsLocalStore *store, const gchar *name)
{
  return g_hash_table_lookup (store->streams, name);
}

/**
 * kvs_local_store_find_by_arn:
 * @store: the store
 * @arn: stream ARN, creation time included: that of an earlier stream of the same name finds nothing
 *
 * Returns: (transfer none) (nullable): the stream
 */
KvsLocalStream *
kvs_local_store_find_by_arn (KvsLocalStore *store, const gchar *arn)
{
  g_auto (GStrv) parts = g_strsplit (arn, "/", -1);
  KvsLocalStream *stream;

  if (g_strv_length (parts) != 3)
    return NULL;
  stream = kvs_local_store_find_by_name (store, parts[1]);
  return stream != NULL && g_str_equal (stream->arn, arn) ? stream : NULL;
}

/**
 * kvs_local_store_count:
 * @store: the store
 *
 * Returns: number of streams
 */
guint
kvs_local_store_count (KvsLocalStore *store)
{
  return g_hash_table_size (store->streams);
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (((const KvsLocalStream *) a)->name, ((const KvsLocalStream *) b)->name);
}

/**
 * kvs_local_store_list:
 * @store: the store
 *
 * Returns: (transfer container) (element-type KvsLocalStream): all streams by name
 */
GList *
kvs_local_store_list (KvsLocalStore *store)
{
  return g_list_sort (g_hash_table_get_values (store->streams), compare_names);
}

static gboolean
insert_stream (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  g_autoptr (sqlite3_stmt) statement
    = kvs_local_db_prepare (store->db,
                            "INSERT INTO streams (name, arn, creation_ms, device_name, media_type,"
                            " kms_key_id, retention_hours, version, sequence_block,"
                            " storage_tier, cell) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
                            error);

  if (statement == NULL)
    return FALSE;
  kvs_local_db_bind_text (statement, 1, stream->name);
  kvs_local_db_bind_text (statement, 2, stream->arn);
  sqlite3_bind_int64 (statement, 3, stream->creation_ms);
  kvs_local_db_bind_text (statement, 4, stream->device_name);
  kvs_local_db_bind_text (statement, 5, stream->media_type);
  kvs_local_db_bind_text (statement, 6, stream->kms_key_id);
  sqlite3_bind_int64 (statement, 7, stream->retention_hours);
  kvs_local_db_bind_text (statement, 8, stream->version);
  kvs_local_db_bind_text (statement, 9, stream->storage_tier);
  sqlite3_bind_int64 (statement, 10, stream->cell);
  if (!kvs_local_db_finish (statement, error))
    return FALSE;
  stream->id = sqlite3_last_insert_rowid (store->db);
  return TRUE;
}

/**
 * kvs_local_store_add_stream:
 * @store: the store
 * @stream: a stream with name, description, retention and tags; the rest is given to it here
 * @error: where to put an error
 *
 * Returns: %FALSE with %KVS_LOCAL_ERROR_RESOURCE_IN_USE if there is one of that name
 */
gboolean
kvs_local_store_add_stream (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  gint64 now_ms = g_get_real_time () / 1000;

  if (kvs_local_store_find_by_name (store, stream->name) != NULL) {
    g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_IN_USE,
                 "The stream %s already exists.", stream->name);
    return FALSE;
  }
  /* an ARN never comes back, however soon its stream does */
  stream->creation_ms = MAX (now_ms, store->last_creation_ms + 1);
  store->last_creation_ms = stream->creation_ms;
  stream->active_ms = now_ms + store->creating_ms;
  stream->arn = g_strdup_printf ("arn:aws:kinesisvideo:%s:%s:stream/%s/%" G_GINT64_FORMAT,
                                 store->region, store->account, stream->name, stream->creation_ms);
  kvs_local_stream_renew_version (stream);
  if (!kvs_local_store_make_folder (store, stream, error)
      || !kvs_local_db_exec (store->db, "BEGIN", error))
    return FALSE;
  if (!insert_stream (store, stream, error) || !kvs_local_store_save_tags (store, stream, error)
      || !kvs_local_db_exec (store->db, "COMMIT", error)) {
    kvs_local_db_exec (store->db, "ROLLBACK", NULL);
    return FALSE;
  }
  g_hash_table_insert (store->streams, stream->name, kvs_local_stream_ref (stream));
  return TRUE;
}

/**
 * kvs_local_store_delete_stream:
 * @store: the store
 * @stream: a stream of it
 * @error: where to put an error
 *
 * Destroys the stream with its fragments. Those who hold a reference find it deleted.
 *
 * Returns: whether it is gone from the index
 */
gboolean
kvs_local_store_delete_stream (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  g_autoptr (sqlite3_stmt) statement
    = kvs_local_db_prepare (store->db, "DELETE FROM streams WHERE id = ?", error);
  g_autoptr (KvsLocalStream) held = kvs_local_stream_ref (stream);
  g_autofree gchar *folder = kvs_local_store_get_folder (store, stream);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, stream->id);
  if (!kvs_local_db_finish (statement, error))
    return FALSE;
  g_hash_table_remove (store->streams, stream->name);
  held->deleted = TRUE;
  /* what this does not come to is left to the next start */
  kvs_local_remover_take_folder (store->remover, folder);
  kvs_local_stream_call_hooks (held);
  return TRUE;
}
