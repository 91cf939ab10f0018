/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/token-file.h"

#include <string.h>

#include "aws/credentials/secret.h"

static gpointer
read_token (gpointer input, GError **error)
{
  const gchar *path = input;
  gchar *text;
  gsize size;

  if (!kvs_secret_file_read (path, &text, &size, error))
    return NULL;
  if (text != NULL && size > 0 && strlen (text) == size)
    return text;
  g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The token file '%s' %s", path,
               text == NULL ? "does not exist or cannot be read"
               : size == 0  ? "is empty"
                            : "is not text");
  kvs_secret_free_sized (text, size);
  return NULL;
}

static void
free_token (gpointer token)
{
  kvs_secret_free (token);
}

/**
 * kvs_remote_fetch_read_token:
 * @fetch: a fetch with nothing under way
 * @path: path of the file
 * @func: called with the file's whole text, or %KVS_ERROR_CREDENTIALS that names it
 *
 * The I/O thread does not wait for the file.
 */
void
kvs_remote_fetch_read_token (KvsRemoteFetch *fetch, const gchar *path, KvsRemoteResultFunc func)
{
  kvs_remote_fetch_work (fetch, read_token, g_strdup (path), g_free, func, free_token);
}
