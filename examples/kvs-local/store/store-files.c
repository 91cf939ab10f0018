/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folders of the store. */
#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "store/store-private.h"

#define MAX_STEM_BYTES 200

/* A stream name may be as long as a file name, which leaves no room for the time. */
static gchar *
folder_stem (const gchar *name)
{
  g_autofree gchar *checksum = NULL;

  if (strlen (name) <= MAX_STEM_BYTES)
    return g_strdup (name);
  checksum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, name, -1);
  return g_strdup_printf ("%.*s~%.16s", MAX_STEM_BYTES - 17, name, checksum);
}

/**
 * kvs_local_store_get_folder:
 * @store: the store
 * @stream: a stream
 *
 * Returns: (transfer full): where its files are. The creation time keeps a stream apart from an
 *   earlier one of the same name.
 */
gchar *
kvs_local_store_get_folder (KvsLocalStore *store, const KvsLocalStream *stream)
{
  g_autofree gchar *stem = folder_stem (stream->name);
  g_autofree gchar *name = g_strdup_printf ("%s-%" G_GINT64_FORMAT, stem, stream->creation_ms);

  return g_build_filename (store->media_folder, name, NULL);
}

/**
 * kvs_local_store_get_path:
 * @store: the store
 * @stream: a stream
 * @number: fragment number
 *
 * Returns: (transfer full): where the fragment is
 */
gchar *
kvs_local_store_get_path (KvsLocalStore *store, const KvsLocalStream *stream, const gchar *number)
{
  g_autofree gchar *folder = kvs_local_store_get_folder (store, stream);
  g_autofree gchar *name = g_strconcat (number, ".mkv", NULL);

  return g_build_filename (folder, name, NULL);
}

/**
 * kvs_local_store_make_folder:
 * @store: the store
 * @stream: a new stream
 * @error: where to put an error
 *
 * Returns: whether its folder is there
 */
gboolean
kvs_local_store_make_folder (KvsLocalStore *store, const KvsLocalStream *stream, GError **error)
{
  g_autofree gchar *folder = kvs_local_store_get_folder (store, stream);

  if (g_mkdir_with_parents (folder, 0777) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", folder,
               g_strerror (errno));
  return FALSE;
}

/* (element-type utf8): numbers of the fragments that the index has */
static GHashTable *
known_numbers (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  g_autoptr (GHashTable) numbers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (sqlite3_stmt) statement
    = kvs_local_db_prepare (store->db, "SELECT number FROM fragments WHERE stream_id = ?", error);
  gboolean has_row;

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, stream->id);
  while (kvs_local_db_step (statement, &has_row, error)) {
    if (!has_row)
      return g_steal_pointer (&numbers);
    g_hash_table_add (numbers, kvs_local_db_text (statement, 0));
  }
  return NULL;
}

static gboolean
tidy_stream (KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  g_autofree gchar *folder = kvs_local_store_get_folder (store, stream);
  g_autoptr (GHashTable) numbers = NULL;
  g_autoptr (GDir) dir = NULL;
  const gchar *entry;

  if (!kvs_local_store_make_folder (store, stream, error))
    return FALSE;
  numbers = known_numbers (store, stream, error);
  dir = g_dir_open (folder, 0, error);
  if (numbers == NULL || dir == NULL)
    return FALSE;
  while ((entry = g_dir_read_name (dir)) != NULL) {
    g_autofree gchar *path = g_build_filename (folder, entry, NULL);
    g_autofree gchar *number = g_strdup (entry);

    if (g_str_has_suffix (number, ".mkv"))
      number[strlen (number) - strlen (".mkv")] = '\0';
    if (!g_hash_table_contains (numbers, number))
      g_unlink (path);
  }
  return TRUE;
}

/**
 * kvs_local_store_tidy_files:
 * @store: a store whose streams are loaded
 * @error: where to put an error
 *
 * Takes away files that no index entry names: fragments that were being received or deleted when
 * an earlier run ended, and folders of deleted streams.
 *
 * Returns: %FALSE if a folder cannot be made or read
 */
gboolean
kvs_local_store_tidy_files (KvsLocalStore *store, GError **error)
{
  g_autoptr (GHashTable) folders = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GDir) dir = NULL;
  GHashTableIter iter;
  gpointer stream;
  const gchar *entry;

  g_hash_table_iter_init (&iter, store->streams);
  while (g_hash_table_iter_next (&iter, NULL, &stream)) {
    if (!tidy_stream (store, stream, error))
      return FALSE;
    g_hash_table_add (folders, kvs_local_store_get_folder (store, stream));
  }
  dir = g_dir_open (store->media_folder, 0, error);
  if (dir == NULL)
    return FALSE;
  while ((entry = g_dir_read_name (dir)) != NULL) {
    g_autofree gchar *path = g_build_filename (store->media_folder, entry, NULL);

    if (!g_hash_table_contains (folders, path))
      kvs_local_remover_take_folder (store->remover, path);
  }
  return TRUE;
}
