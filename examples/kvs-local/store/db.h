/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SQLite with GError. */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

G_DEFINE_AUTOPTR_CLEANUP_FUNC (sqlite3_stmt, sqlite3_finalize)

sqlite3 *kvs_local_db_open (const gchar *path, GError **error);
gboolean kvs_local_db_exec (sqlite3 *db, const gchar *sql, GError **error);
sqlite3_stmt *kvs_local_db_prepare (sqlite3 *db, const gchar *sql, GError **error);
gboolean kvs_local_db_step (sqlite3_stmt *statement, gboolean *has_row, GError **error);
gboolean kvs_local_db_finish (sqlite3_stmt *statement, GError **error);
gchar *kvs_local_db_text (sqlite3_stmt *statement, gint column);
void kvs_local_db_bind_text (sqlite3_stmt *statement, gint index, const gchar *text);

G_END_DECLS
