/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server.h"

#include <string.h>

#include "api/service-error.h"
#include "archive/media-session.h"
#include "control/call-rate.h"
#include "control/cells.h"
#include "control/control-plane.h"
#include "http/args.h"
#include "http/auth.h"
#include "http/credentials.h"
#include "http/http-connection.h"
#include "http/jobs.h"
#include "http/json-text.h"
#include "http/request-head.h"
#include "ingest/put-connection.h"
#include "ingest/put-media.h"
#include "listener.h"
#include "playback/playback.h"
#include "routes.h"

/* The largest request of the control plane, 50 tags of the longest, is less than a tenth. */
#define MAX_BODY_BYTES (1024 * 1024)
#define EXPIRY_SECONDS 10
#define PUT_MEDIA "/putMedia"
#define BODY_SIZE_KEY "kvs-local-body-size"

/**
 * kvs_local_server_log:
 * @server: the server
 * @format: printf format
 * @...: its arguments
 *
 * Writes a line to stderr if --verbose is given.
 */
void
kvs_local_server_log (KvsLocalServer *server, const gchar *format, ...)
{
  g_autoptr (GDateTime) now = NULL;
  g_autofree gchar *time = NULL;
  g_autofree gchar *text = NULL;
  va_list args;

  if (!server->options->verbose)
    return;
  now = g_date_time_new_now_utc ();
  time = g_date_time_format (now, "%H:%M:%S.%f");
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("%s %s\n", time, text);
}

static void
add_request_id (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  g_autofree gchar *id = g_uuid_string_random ();

  soup_message_headers_append (headers, "x-amzn-RequestId", id);
  soup_message_headers_append (headers, "x-amz-RequestId", id);
}

/**
 * kvs_local_server_answer_error:
 * @server: the server
 * @message: a request
 * @error: why it is refused
 *
 * Answers with the exception that says so.
 */
void
kvs_local_server_answer_error (KvsLocalServer *server, SoupServerMessage *message,
                               const GError *error)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  g_autofree gchar *type = kvs_local_error_type (error);
  gchar *body = kvs_local_error_body (error);

  kvs_local_server_log (server, "%s: %s", type, error->message);
  kvs_local_refusals_add (server->refusals,
                          g_uri_get_path (soup_server_message_get_uri (message)), error);
  soup_message_headers_append (headers, "x-amzn-ErrorType", type);
  soup_message_headers_append (headers, "x-amz-ErrorType", type);
  soup_server_message_set_status (message, kvs_local_error_status (error), NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_TAKE, body,
                                    strlen (body));
}

/**
 * kvs_local_server_get_endpoint:
 * @server: the server
 * @message: a request
 *
 * Returns: (transfer full): base URL of where it came in, as the one who asks can reach it
 */
gchar *
kvs_local_server_get_endpoint (KvsLocalServer *server, SoupServerMessage *message)
{
  return kvs_local_listener_get_url_for (kvs_local_listener_of_message (server, message), message);
}

/**
 * kvs_local_server_take_quota:
 * @server: the server
 * @quotas: of the stream or session that a request is about
 * @quota: what the request uses
 * @n: how many of them
 * @error: where to put an error
 *
 * Returns: whether they can be had, as all can without --quotas; else with
 *   %KVS_LOCAL_ERROR_CLIENT_LIMIT
 */
gboolean
kvs_local_server_take_quota (KvsLocalServer *server, KvsLocalQuotas *quotas, KvsLocalQuota quota,
                             guint64 n, GError **error)
{
  return !server->options->quotas
         || kvs_local_quotas_take (quotas, quota, n, g_get_monotonic_time (), error);
}

/* Requests that name no stream, or none that there is, are not counted; those of the data plane have
 * limits of their own. */
static gboolean
check_call_rate (KvsLocalServer *server, SoupServerMessage *message, JsonObject *args,
                 GError **error)
{
  KvsLocalStream *stream = kvs_local_args_stream (args, server->store, NULL);

  return stream == NULL
         || kvs_local_is_data_path (g_uri_get_path (soup_server_message_get_uri (message)))
         || kvs_local_call_rate_take (stream, (guint) server->options->max_calls,
                                      g_get_monotonic_time (), error);
}

static JsonObject *
run_operation (KvsLocalServer *server, SoupServerMessage *message, KvsLocalOperation operation,
               GBytes *body, GError **error)
{
  KvsLocalControlPlane plane = { server->store, server, message };
  JsonObject *args = kvs_local_args_parse (body, error);
  JsonObject *answer = NULL;

  if (args == NULL)
    return NULL;
  if (check_call_rate (server, message, args, error))
    answer = operation (&plane, args, error);
  json_object_unref (args);
  return answer;
}

/**
 * kvs_local_server_answer_object:
 * @message: a request
 * @object: (transfer full): what to answer
 *
 * Answers with status 200 and JSON.
 */
void
kvs_local_server_answer_object (SoupServerMessage *message, JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  gchar *text;

  json_node_take_object (node, object);
  text = kvs_local_json_text (node);
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_TAKE, text,
                                    strlen (text));
}

/**
 * kvs_local_server_answer_bytes:
 * @message: a request
 * @content_type: of @bytes; a constant
 * @bytes: what to answer
 *
 * Answers with status 200.
 */
void
kvs_local_server_answer_bytes (SoupServerMessage *message, const gchar *content_type,
                               GBytes *bytes)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_content_type (headers, content_type, NULL);
  soup_message_body_append_bytes (soup_server_message_get_response_body (message), bytes);
}

/* Who gives credentials to clients may write them down while this runs. */
static void
reload_credentials (KvsLocalServer *server)
{
  g_autoptr (GError) error = NULL;
  GHashTable *credentials;

  if (server->options->credentials == NULL)
    return;
  credentials = kvs_local_credentials_load (server->options->credentials, &error);
  if (credentials == NULL) {
    g_printerr ("kvs-local: %s; the credentials of before are used\n", error->message);
    return;
  }
  g_hash_table_unref (server->credentials);
  server->credentials = credentials;
}

static gboolean
check_auth (KvsLocalServer *server, SoupServerMessage *message, GBytes *body, GError **error)
{
  const gchar *access_key;
  gboolean is_good;
  GUri *uri = soup_server_message_get_uri (message);
  KvsLocalAuthRequest request = {
    .method = soup_server_message_get_method (message),
    .path = g_uri_get_path (uri),
    .query = g_uri_get_query (uri),
    .headers = soup_server_message_get_request_headers (message),
    .body = body,
  };

  reload_credentials (server);
  is_good = kvs_local_auth_check (server->credentials, server->options->region, &request,
                                  &access_key, error);
  if (access_key != NULL)
    kvs_local_server_log (server, "%s signed by %s", request.path, access_key);
  return is_good;
}

static gboolean
body_is_too_large (SoupServerMessage *message)
{
  return GPOINTER_TO_SIZE (g_object_get_data (G_OBJECT (message), BODY_SIZE_KEY))
         > MAX_BODY_BYTES;
}

static gboolean
handle (KvsLocalServer *server, SoupServerMessage *message, const KvsLocalRoute *route,
        const gchar *path, GError **error)
{
  KvsLocalOperation operation = kvs_local_control_plane_find (path);
  gboolean is_post = g_str_equal (soup_server_message_get_method (message), "POST");
  g_autoptr (GBytes) body = NULL;
  JsonObject *answer;

  if ((route == NULL && (operation == NULL || !is_post))
      || !kvs_local_listener_serves (kvs_local_listener_of_message (server, message), path)) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_UNKNOWN_OPERATION, path);
    return FALSE;
  }
  if (body_is_too_large (message)) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_REQUEST_TOO_LARGE,
                         "The request is too large.");
    return FALSE;
  }
  body = soup_message_body_flatten (soup_server_message_get_request_body (message));
  if ((route == NULL || !route->is_open) && !check_auth (server, message, body, error))
    return FALSE;
  if (!kvs_local_cells_check_request (server, message, body, error))
    return FALSE;
  if (route != NULL)
    return route->handler (server, message, body, error);
  answer = run_operation (server, message, operation, body, error);
  if (answer == NULL)
    return FALSE;
  kvs_local_server_answer_object (message, answer);
  return TRUE;
}

static void
on_request (SoupServer *soup, SoupServerMessage *message, const gchar *path, GHashTable *query,
            gpointer user_data)
{
  KvsLocalServer *server = user_data;
  const gchar *method = soup_server_message_get_method (message);
  const KvsLocalRoute *route = kvs_local_route_find (method, path);
  g_autoptr (GError) error = NULL;

  kvs_local_server_log (server, "%s %s", method, path);
  kvs_local_http_connection_got_request (message);
  add_request_id (message);
  if (!handle (server, message, route, path, &error))
    kvs_local_server_answer_error (server, message, error);
  else if (route != NULL && route->is_endless)
    return;
  kvs_local_http_connection_reuse_after (server, message);
}

/* What is too much is counted, and not kept. */
static void
on_body_chunk (SoupServerMessage *message, GBytes *chunk, gpointer user_data)
{
  gsize size_before = GPOINTER_TO_SIZE (g_object_get_data (G_OBJECT (message), BODY_SIZE_KEY));
  gsize size = size_before + g_bytes_get_size (chunk);

  g_object_set_data (G_OBJECT (message), BODY_SIZE_KEY, GSIZE_TO_POINTER (size));
  if (size > MAX_BODY_BYTES) {
    SoupMessageBody *body = soup_server_message_get_request_body (message);

    soup_message_body_truncate (body);
    soup_message_body_set_accumulate (body, FALSE);
  }
  /* chunks without end */
  if (size > KVS_LOCAL_MAX_READ_BODY_BYTES && size_before <= KVS_LOCAL_MAX_READ_BODY_BYTES)
    kvs_local_http_connection_cut (message);
}

static gboolean
parse_put_media (KvsLocalServer *server, SoupServerMessage *message,
                 KvsLocalPutMediaRequest *request, GError **error)
{
  if (!kvs_local_listener_serves (kvs_local_listener_of_message (server, message), PUT_MEDIA)) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_UNKNOWN_OPERATION, PUT_MEDIA);
    return FALSE;
  }
  return check_auth (server, message, NULL, error)
         && kvs_local_put_media_parse (server, message, request, error)
         && kvs_local_cells_serve (server, message, request->stream, error);
}

/* libsoup reads a whole request before it answers. PutMedia is answered while its body comes, so
 * it gets the connection as soon as the headers are there. */
static void
on_early_request (SoupServer *soup, SoupServerMessage *message, const gchar *path,
                  GHashTable *query, gpointer user_data)
{
  KvsLocalServer *server = user_data;
  KvsLocalPutMediaRequest request = { 0 };
  gboolean has_media = g_str_equal (path, PUT_MEDIA)
                       && g_str_equal (soup_server_message_get_method (message), "POST");
  g_autoptr (GError) error = NULL;

  if (!kvs_local_request_head_check (message, has_media, &error)) {
    kvs_local_put_connection_refuse (server, message, error);
    return;
  }
  if (!has_media) {
    g_signal_connect (message, "got-chunk", G_CALLBACK (on_body_chunk), NULL);
    return;
  }
  kvs_local_server_log (server, "POST %s", path);
  if (parse_put_media (server, message, &request, &error)) {
    request.config.deliver = server->deliver;
    request.config.max_fragment_bytes = (guint64) server->options->max_fragment_bytes;
    kvs_local_put_connection_start (server, message, &request);
  } else {
    kvs_local_put_connection_refuse (server, message, error);
  }
  kvs_local_put_media_request_clear (&request);
}

static gboolean
on_expiry_timer (gpointer user_data)
{
  KvsLocalServer *server = user_data;

  kvs_local_store_expire (server->store);
  return G_SOURCE_CONTINUE;
}

/**
 * kvs_local_server_new:
 * @options: the command line
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): a server that listens
 */
KvsLocalServer *
kvs_local_server_new (const KvsLocalOptions *options, GError **error)
{
  g_autoptr (KvsLocalServer) server = g_new0 (KvsLocalServer, 1);

  server->options = options;
  if (!options->no_auth) {
    server->credentials = kvs_local_credentials_load (options->credentials, error);
    if (server->credentials == NULL)
      return NULL;
  }
  server->store = kvs_local_store_open (options->data, options->region, options->account, error);
  if (server->store == NULL)
    return NULL;
  if (options->deliver != NULL)
    server->deliver = kvs_local_deliver_new (server->store, options->deliver, options->account);
  kvs_local_store_set_creating_ms (server->store, options->creating_seconds * (gint64) 1000);
  server->poller = kvs_local_poller_new (error);
  if (server->poller == NULL)
    return NULL;
  server->jobs = kvs_local_jobs_new ();
  server->read_buffer = g_malloc (KVS_LOCAL_READ_BYTES);
  server->refusals = kvs_local_refusals_new ();
  server->soup = soup_server_new (NULL, NULL);
  soup_server_add_early_handler (server->soup, NULL, on_early_request, server, NULL);
  soup_server_add_handler (server->soup, NULL, on_request, server, NULL);
  if (!kvs_local_listeners_open (server, error))
    return NULL;
  server->playback = kvs_local_playback_new (server, error);
  if (server->playback == NULL)
    return NULL;
  server->expiry_timer = g_timeout_add_seconds (EXPIRY_SECONDS, on_expiry_timer, server);
  return g_steal_pointer (&server);
}

/**
 * kvs_local_server_free:
 * @server: (transfer full) (nullable): a server
 *
 * Ends all connections where they are; unfinished fragments are lost.
 */
void
kvs_local_server_free (KvsLocalServer *server)
{
  if (server == NULL)
    return;
  if (server->expiry_timer != 0)
    g_source_remove (server->expiry_timer);
  kvs_local_listeners_close (server);
  while (server->media_sessions != NULL)
    kvs_local_media_session_free (server->media_sessions->data);
  for (GList *l = server->put_connections.head; l != NULL; l = l->next)
    kvs_local_put_connection_cancel (l->data);
  while (server->put_connections.length > 0)
    g_main_context_iteration (NULL, TRUE);
  if (server->put_timer != 0)
    g_source_remove (server->put_timer);
  kvs_local_jobs_free (server->jobs);
  kvs_local_playback_free (server->playback);
  kvs_local_poller_free (server->poller);
  kvs_local_http_connection_drop_all (server);
  if (server->soup != NULL)
    soup_server_disconnect (server->soup);
  g_clear_object (&server->soup);
  kvs_local_listeners_free (server);
  kvs_local_deliver_free (server->deliver);
  kvs_local_store_close (server->store);
  kvs_local_refusals_free (server->refusals);
  g_clear_pointer (&server->credentials, g_hash_table_unref);
  g_free (server->read_buffer);
  g_free (server);
}
