/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/archive.h"

#include "api/service-error.h"
#include "archive/page-token.h"
#include "http/args.h"

static const KvsLocalStringShape next_token = { 1, 4096, "[a-zA-Z0-9+/]+={0,2}" };

/**
 * kvs_local_archive_stream:
 * @args: request
 * @store: the store
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: (transfer none) (nullable): the stream that is meant, if it is ACTIVE: operations on media
 *   know no other (kvs-api.md section 4)
 */
KvsLocalStream *
kvs_local_archive_stream (JsonObject *args, KvsLocalStore *store, GError **error)
{
  KvsLocalStream *stream = kvs_local_args_stream (args, store, error);

  if (stream == NULL || kvs_local_stream_is_active (stream))
    return stream;
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                       KVS_LOCAL_MESSAGE_NO_STREAM);
  return NULL;
}

/**
 * kvs_local_archive_has_retention:
 * @stream: a stream
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether anything is archived of it
 */
gboolean
kvs_local_archive_has_retention (const KvsLocalStream *stream, GError **error)
{
  if (stream->retention_hours > 0)
    return TRUE;
  g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_NO_DATA_RETENTION,
               "The stream %s does not retain data.", stream->name);
  return FALSE;
}

/**
 * kvs_local_archive_token:
 * @args: request
 * @kind: of the list
 * @numbers: (out caller-allocates) (array length=n_numbers): what its NextToken says
 * @n_numbers: how many there must be
 * @has_token: (out): whether there is one
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether it is good or not there
 */
gboolean
kvs_local_archive_token (JsonObject *args, const gchar *kind, gint64 *numbers, guint n_numbers,
                         gboolean *has_token, GError **error)
{
  const gchar *token;

  if (!kvs_local_args_string (args, "NextToken", &next_token, &token, error))
    return FALSE;
  *has_token = token != NULL;
  if (token == NULL || kvs_local_page_token_read (token, kind, numbers, n_numbers))
    return TRUE;
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                       "The NextToken is not valid.");
  return FALSE;
}
