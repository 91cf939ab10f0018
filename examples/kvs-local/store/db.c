/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/db.h"

#include <gio/gio.h>

static gboolean
fail (sqlite3 *db, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "index: %s", sqlite3_errmsg (db));
  return FALSE;
}

/**
 * kvs_local_db_open:
 * @path: file, made if it is not there
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): to be closed with sqlite3_close()
 */
sqlite3 *
kvs_local_db_open (const gchar *path, GError **error)
{
  sqlite3 *db = NULL;

  /* A power cut may take the last fragments with it, a crash of kvs-local may not. */
  if (sqlite3_open (path, &db) == SQLITE_OK
      && kvs_local_db_exec (db,
                            "PRAGMA journal_mode = WAL;"
                            "PRAGMA synchronous = NORMAL;"
                            "PRAGMA foreign_keys = ON;",
                            error))
    return db;
  if (error != NULL && *error == NULL)
    fail (db, error);
  sqlite3_close (db);
  return NULL;
}

/**
 * kvs_local_db_exec:
 * @db: the index
 * @sql: statements without parameters
 * @error: where to put an error
 *
 * Returns: whether all were carried out
 */
gboolean
kvs_local_db_exec (sqlite3 *db, const gchar *sql, GError **error)
{
  return sqlite3_exec (db, sql, NULL, NULL, NULL) == SQLITE_OK || fail (db, error);
}

/**
 * kvs_local_db_prepare:
 * @db: the index
 * @sql: one statement
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): to be bound and carried out
 */
sqlite3_stmt *
kvs_local_db_prepare (sqlite3 *db, const gchar *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2 (db, sql, -1, &statement, NULL) != SQLITE_OK)
    fail (db, error);
  return statement;
}

/**
 * kvs_local_db_step:
 * @statement: a statement
 * @has_row: (out): whether there is a row to look at
 * @error: where to put an error
 *
 * Returns: %FALSE on error
 */
gboolean
kvs_local_db_step (sqlite3_stmt *statement, gboolean *has_row, GError **error)
{
  gint result = sqlite3_step (statement);

  *has_row = result == SQLITE_ROW;
  return result == SQLITE_ROW || result == SQLITE_DONE
         || fail (sqlite3_db_handle (statement), error);
}

/**
 * kvs_local_db_finish:
 * @statement: a statement that gives no rows
 * @error: where to put an error
 *
 * Carries it out; it may be bound again afterwards.
 *
 * Returns: whether it was carried out
 */
gboolean
kvs_local_db_finish (sqlite3_stmt *statement, GError **error)
{
  gboolean has_row;
  gboolean ok = kvs_local_db_step (statement, &has_row, error);

  sqlite3_reset (statement);
  return ok;
}

/**
 * kvs_local_db_text:
 * @statement: a statement with a row
 * @column: from 0
 *
 * Returns: (transfer full) (nullable): the text
 */
gchar *
kvs_local_db_text (sqlite3_stmt *statement, gint column)
{
  return g_strdup ((const gchar *) sqlite3_column_text (statement, column));
}

/**
 * kvs_local_db_bind_text:
 * @statement: a statement
 * @index: of the parameter, from 1
 * @text: (nullable): its value, copied
 */
void
kvs_local_db_bind_text (sqlite3_stmt *statement, gint index, const gchar *text)
{
  sqlite3_bind_text (statement, index, text, -1, SQLITE_TRANSIENT);
}
