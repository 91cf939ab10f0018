/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/credentials.h"

#include <gio/gio.h>
#include <string.h>

#include "error.h"

/* ACCESS_KEY SECRET_KEY [SESSION_TOKEN [EXPIRATION]] */
#define MAX_FIELDS 4

/**
 * kvs_local_credentials_free:
 * @credentials: (transfer full) (nullable): credentials
 */
void
kvs_local_credentials_free (KvsLocalCredentials *credentials)
{
  if (credentials == NULL)
    return;
  g_free (credentials->access_key);
  g_free (credentials->secret_key);
  g_free (credentials->session_token);
  g_free (credentials);
}

static void
add (GHashTable *table, const gchar *access_key, const gchar *secret_key,
     const gchar *session_token, gint64 expiration)
{
  KvsLocalCredentials *credentials = g_new0 (KvsLocalCredentials, 1);

  credentials->access_key = g_strdup (access_key);
  credentials->secret_key = g_strdup (secret_key);
  if (session_token != NULL && *session_token != '\0')
    credentials->session_token = g_strdup (session_token);
  credentials->expiration = expiration;
  g_hash_table_replace (table, credentials->access_key, credentials);
}

/* Fields are taken apart at any run of blanks. */
static gboolean
add_line (GHashTable *table, const gchar *line)
{
  g_auto (GStrv) words = g_strsplit_set (line, " \t", -1);
  const gchar *fields[MAX_FIELDS] = { NULL };
  gint64 expiration = 0;
  guint n = 0;

  for (guint i = 0; words[i] != NULL; i++) {
    if (*words[i] == '\0')
      continue;
    if (n == MAX_FIELDS)
      return FALSE;
    fields[n++] = words[i];
  }
  if (n < 2)
    return FALSE;
  if (n == MAX_FIELDS) {
    g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (fields[3], NULL);

    if (time == NULL)
      return FALSE;
    expiration = g_date_time_to_unix (time);
  }
  add (table, fields[0], fields[1], fields[2], expiration);
  return TRUE;
}

static gboolean
add_file (GHashTable *table, const gchar *path, GError **error)
{
  g_autofree gchar *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, error))
    return FALSE;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    g_strstrip (lines[i]);
    if (*lines[i] != '\0' && *lines[i] != '#' && !add_line (table, lines[i])) {
      /* the line itself may hold a secret */
      g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                   "%s: line %u is not \"ACCESS_KEY SECRET_KEY [SESSION_TOKEN [EXPIRATION]]\"",
                   path, i + 1);
      return FALSE;
    }
  }
  return TRUE;
}

/**
 * kvs_local_credentials_load:
 * @path: (nullable): file of credentials; %NULL takes them from the environment
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable) (element-type utf8 KvsLocalCredentials): by access key, at
 *   least one
 */
GHashTable *
kvs_local_credentials_load (const gchar *path, GError **error)
{
  g_autoptr (GHashTable) table = g_hash_table_new_full (
    g_str_hash, g_str_equal, NULL, (GDestroyNotify) kvs_local_credentials_free);
  const gchar *access_key = g_getenv ("AWS_ACCESS_KEY_ID");
  const gchar *secret_key = g_getenv ("AWS_SECRET_ACCESS_KEY");

  if (path != NULL) {
    if (!add_file (table, path, error))
      return NULL;
  } else if (access_key != NULL && *access_key != '\0' && secret_key != NULL
             && *secret_key != '\0') {
    add (table, access_key, secret_key, g_getenv ("AWS_SESSION_TOKEN"), 0);
  }
  if (g_hash_table_size (table) == 0) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                         "no credentials to check signatures with: set AWS_ACCESS_KEY_ID and "
                         "AWS_SECRET_ACCESS_KEY, give --credentials FILE, or accept anybody with "
                         "--no-auth");
    return NULL;
  }
  return g_steal_pointer (&table);
}
