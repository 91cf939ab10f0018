/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/get-fragment-list.h"

#include "api/service-error.h"
#include "archive/archive.h"
#include "archive/media-session.h"
#include "http/args.h"

#define MAX_FRAGMENTS 1000

static const KvsLocalStringShape fragment_number = { 1, 128, "[0-9]+" };

static gboolean
refuse (GError **error, const gchar *message)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT, message);
  return FALSE;
}

static gboolean
find_number (JsonNode *node, KvsLocalStore *store, KvsLocalStream *stream, KvsLocalFragment *out,
             GError **error)
{
  const gchar *number;

  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return refuse (error, "Fragments must be strings.");
  number = json_node_get_string (node);
  if (!kvs_local_check_string ("Fragments", number, &fragment_number, error))
    return FALSE;
  /* what is not persisted cannot be asked for */
  return (stream->retention_hours > 0
          && kvs_local_store_find_fragment (store, stream, number, out))
         || refuse (error, "Fragment numbers are invalid.");
}

/* (element-type KvsLocalFragment): in the order of the request */
static GArray *
find_fragments (JsonObject *args, KvsLocalStore *store, KvsLocalStream *stream, GError **error)
{
  g_autoptr (GArray) fragments = g_array_new (FALSE, TRUE, sizeof (KvsLocalFragment));
  JsonNode *node = json_object_get_member (args, "Fragments");
  JsonArray *numbers;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node)) {
    refuse (error, "Fragments is required, and must be a list.");
    return NULL;
  }
  numbers = json_node_get_array (node);
  if (json_array_get_length (numbers) < 1 || json_array_get_length (numbers) > MAX_FRAGMENTS) {
    refuse (error, "Fragments must have between 1 and 1000 numbers.");
    return NULL;
  }
  for (guint i = 0; i < json_array_get_length (numbers); i++) {
    KvsLocalFragment fragment = { 0 };

    if (!find_number (json_array_get_element (numbers, i), store, stream, &fragment, error))
      return NULL;
    g_array_append_val (fragments, fragment);
  }
  return g_steal_pointer (&fragments);
}

static gboolean
start (KvsLocalServer *server, SoupServerMessage *message, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_archive_stream (args, server->store, error);
  g_autoptr (GArray) fragments = NULL;
  KvsLocalMediaPlan plan = { 0 };

  if (stream == NULL)
    return FALSE;
  fragments = find_fragments (args, server->store, stream, error);
  if (fragments == NULL
      || !kvs_local_server_take_quota (server, &stream->quotas, KVS_LOCAL_QUOTA_MEDIA_POINTS,
                                       fragments->len, error))
    return FALSE;
  /* The model of the archive's operations has no exception of its own for connections. */
  if (stream->n_list_connections >= KVS_LOCAL_MAX_LIST_CONNECTIONS) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_CLIENT_LIMIT,
                         "The limit of concurrent GetMediaForFragmentList connections of the stream"
                         " is reached.");
    return FALSE;
  }
  plan.fragments = fragments;
  plan.n_connections = &stream->n_list_connections;
  kvs_local_media_session_start (server, message, stream, &plan);
  return TRUE;
}

/**
 * kvs_local_get_fragment_list_start:
 * @server: the server
 * @message: a GetMediaForFragmentList request
 * @body: its body
 * @error: where to put an error
 *
 * Returns: whether it is being answered; if not, with a %KVS_LOCAL_ERROR
 */
gboolean
kvs_local_get_fragment_list_start (KvsLocalServer *server, SoupServerMessage *message,
                                   GBytes *body, GError **error)
{
  JsonObject *args = kvs_local_args_parse (body, error);
  gboolean ok = args != NULL && start (server, message, args, error);

  g_clear_pointer (&args, json_object_unref);
  return ok;
}
