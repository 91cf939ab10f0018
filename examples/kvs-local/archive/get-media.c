/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/get-media.h"

#include "api/service-error.h"
#include "archive/archive.h"
#include "archive/media-session.h"
#include "archive/service-tags.h"
#include "archive/start-selector.h"
#include "http/args.h"

/* The API names ids of errors within the body, and no texts. */
#define CODE_NOT_FOUND "FRAGMENT_NOT_FOUND"

static gboolean
start (KvsLocalServer *server, SoupServerMessage *message, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_archive_stream (args, server->store, error);
  g_autoptr (GBytes) missing = NULL;
  KvsLocalMediaPlan plan = { 0 };
  KvsLocalStart where;

  if (stream == NULL
      || !kvs_local_start_selector_resolve (args, server->store, stream, &where, error)
      || !kvs_local_server_take_quota (server, &stream->quotas, KVS_LOCAL_QUOTA_GET_CALLS, 1,
                                       error))
    return FALSE;
  if (stream->n_get_connections >= KVS_LOCAL_MAX_GET_CONNECTIONS) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_CONNECTION_LIMIT,
                         "The limit of concurrent GetMedia connections of the stream is reached.");
    return FALSE;
  }
  if (where.is_missing)
    missing = kvs_local_tags_of_error (KVS_LOCAL_MEDIA_ERROR_NOT_FOUND, CODE_NOT_FOUND);
  plan.after_id = where.after_id;
  plan.only = missing;
  plan.n_connections = &stream->n_get_connections;
  kvs_local_media_session_start (server, message, stream, &plan);
  return TRUE;
}

/**
 * kvs_local_get_media_start:
 * @server: the server
 * @message: a GetMedia request
 * @body: its body
 * @error: where to put an error
 *
 * Returns: whether it is being answered; if not, with a %KVS_LOCAL_ERROR
 */
gboolean
kvs_local_get_media_start (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                           GError **error)
{
  JsonObject *args = kvs_local_args_parse (body, error);
  gboolean ok = args != NULL && start (server, message, args, error);

  g_clear_pointer (&args, json_object_unref);
  return ok;
}
