/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/cells.h"

#include "api/service-error.h"
#include "http/args.h"
#include "listener.h"

/* Those whose model knows InvalidEndpointException. To the others a stream that is elsewhere is one
 * that is not there. */
static const gchar *const paths_with_invalid_endpoint[] = { "/putMedia", "/getMedia", NULL };

/* There may be fewer cells than when the stream was put into one. */
static guint
cell_of (KvsLocalServer *server, const KvsLocalStream *stream)
{
  return stream->cell % (guint) server->options->cells;
}

/**
 * kvs_local_cells_choose:
 * @server: the server
 * @stream_name: of a new stream
 *
 * Returns: the cell where it is to live
 */
guint
kvs_local_cells_choose (KvsLocalServer *server, const gchar *stream_name)
{
  return g_str_hash (stream_name) % (guint) server->options->cells;
}

/**
 * kvs_local_cells_get_endpoint:
 * @server: the server
 * @message: the request of the one who asks
 * @stream: a stream
 *
 * Returns: (transfer full): base URL of the data plane that has it
 */
gchar *
kvs_local_cells_get_endpoint (KvsLocalServer *server, SoupServerMessage *message,
                              const KvsLocalStream *stream)
{
  const KvsLocalListener *listener
    = kvs_local_listener_of_cell (server, cell_of (server, stream));

  return kvs_local_listener_get_url_for (listener, message);
}

/**
 * kvs_local_cells_serve:
 * @server: the server
 * @message: a request of the data plane
 * @stream: what it is about
 * @error: where to put an error
 *
 * Returns: whether the cell where it came in has the stream
 */
gboolean
kvs_local_cells_serve (KvsLocalServer *server, SoupServerMessage *message,
                       const KvsLocalStream *stream, GError **error)
{
  const KvsLocalListener *listener = kvs_local_listener_of_message (server, message);
  const gchar *path = g_uri_get_path (soup_server_message_get_uri (message));

  if (listener->cell == cell_of (server, stream))
    return TRUE;
  if (g_strv_contains (paths_with_invalid_endpoint, path))
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ENDPOINT,
                         "The caller used the wrong endpoint to write data to the stream, or to "
                         "read it; GetDataEndpoint tells the right one.");
  else
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_STREAM);
  return FALSE;
}

/**
 * kvs_local_cells_check_request:
 * @server: the server
 * @message: a request
 * @body: of the request
 * @error: where to put an error
 *
 * Returns: %FALSE if it is about a stream that another cell has; what is wrong with it otherwise is
 *   for others to say
 */
gboolean
kvs_local_cells_check_request (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                               GError **error)
{
  const KvsLocalListener *listener = kvs_local_listener_of_message (server, message);
  const KvsLocalStream *stream = NULL;
  JsonObject *args;

  if (server->options->cells == 1 || (listener->planes & KVS_LOCAL_PLANE_DATA) == 0
      || g_bytes_get_size (body) == 0)
    return TRUE;
  args = kvs_local_args_parse (body, NULL);
  if (args != NULL)
    stream = kvs_local_args_stream (args, server->store, NULL);
  g_clear_pointer (&args, json_object_unref);
  return stream == NULL || kvs_local_cells_serve (server, message, stream, error);
}

static gboolean
take_cell (KvsLocalServer *server, JsonObject *args, const KvsLocalStream *stream, gint64 *cell,
           GError **error)
{
  gint64 n_cells = server->options->cells;

  if (n_cells == 1) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                         "There is one cell only; see --cells.");
    return FALSE;
  }
  *cell = (cell_of (server, stream) + 1) % n_cells;
  return kvs_local_args_int (args, "Cell", 0, n_cells - 1, cell, error);
}

/**
 * kvs_local_move_stream:
 * @plane: control plane
 * @args: request: StreamName or StreamARN, and Cell, or the next one if that is left out
 * @error: where to put an error
 *
 * Moves a stream to another cell. The service has no such operation, but does such things.
 * Connections that put media into the stream, or get some, find out for themselves.
 *
 * Returns: (transfer full) (nullable): answer: the new DataEndpoint
 */
JsonObject *
kvs_local_move_stream (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_args_stream (args, plane->server->store, error);
  g_autofree gchar *endpoint = NULL;
  gint64 cell;
  JsonObject *answer;

  if (stream == NULL || !take_cell (plane->server, args, stream, &cell, error))
    return NULL;
  stream->cell = (guint) cell;
  if (!kvs_local_store_save_stream (plane->server->store, stream, error))
    return NULL;
  kvs_local_stream_call_hooks (stream);
  endpoint = kvs_local_cells_get_endpoint (plane->server, plane->message, stream);
  answer = json_object_new ();
  json_object_set_string_member (answer, "DataEndpoint", endpoint);
  return answer;
}
