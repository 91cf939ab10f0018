/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>

#include "control/control-plane.h"
#include "http/http-connection.h"

#define LISTEN_BACKLOG 512

/* Those that end in a slash are beginnings. */
static const gchar *const data_paths[] = {
  "/putMedia",
  "/getMedia",
  "/listFragments",
  "/getMediaForFragmentList",
  "/getHLSStreamingSessionURL",
  "/getDASHStreamingSessionURL",
  "/getClip",
  "/getImages",
  "/hls/",
  "/dash/",
};

/* g_tls_server_connection_new() would have each connection read the system's certificates, which
 * takes longer than the handshake. No client is asked for a certificate that they could vouch for. */
static GIOStream *
accept_tls (KvsLocalServer *server, GIOStream *base, GError **error)
{
  GTlsBackend *backend = g_tls_backend_get_default ();

  return g_initable_new (g_tls_backend_get_server_connection_type (backend), NULL, error,
                         "base-io-stream", base, "certificate", server->certificate, "database",
                         NULL, "require-close-notify", FALSE, NULL);
}

/* A descriptor is the least number that is free. A quarter of them is left for files: with none, media
 * would be refused for the sake of those who may never ask for anything, and GLib would try to accept
 * the next connection without end, and complain each time. */
static gboolean
has_room_for (GSocketConnection *connection)
{
  gint fd = g_socket_get_fd (g_socket_connection_get_socket (connection));
  struct rlimit limit;

  return getrlimit (RLIMIT_NOFILE, &limit) != 0 || (rlim_t) fd < limit.rlim_cur / 4 * 3;
}

/* libsoup could accept connections itself, but up to 3.2 it loses the memory of each socket, and
 * stops listening for good when file descriptors run out once. */
static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection, GObject *source,
             gpointer user_data)
{
  KvsLocalServer *server = user_data;
  g_autoptr (GIOStream) stream = g_object_ref (G_IO_STREAM (connection));
  g_autoptr (GError) error = NULL;

  if (!has_room_for (connection)) {
    g_warning_once ("there are too many connections for the open files that are allowed (ulimit -Hn)");
    return TRUE;
  }
  /* acks are small and must not wait for each other */
  g_socket_set_option (g_socket_connection_get_socket (connection), IPPROTO_TCP, TCP_NODELAY, 1,
                       NULL);
  if (server->certificate != NULL) {
    g_object_unref (stream);
    stream = accept_tls (server, G_IO_STREAM (connection), &error);
  }
  if (stream != NULL)
    kvs_local_http_connection_accept (server, connection, stream);
  else
    g_warning ("%s", error->message);
  return TRUE;
}

static void
listener_free (gpointer data)
{
  KvsLocalListener *listener = data;

  g_object_unref (listener->service);
  g_free (listener);
}

static gboolean
add_listener (KvsLocalServer *server, guint port, guint planes, guint cell, GError **error)
{
  g_autoptr (GSocketAddress) address
    = g_inet_socket_address_new_from_string (server->options->bind, port);
  g_autoptr (GSocketAddress) effective = NULL;
  KvsLocalListener *listener;

  if (address == NULL) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "--bind %s is not an IP address",
                 server->options->bind);
    return FALSE;
  }
  listener = g_new0 (KvsLocalListener, 1);
  listener->server = server;
  listener->planes = planes;
  listener->cell = cell;
  listener->service = g_socket_service_new ();
  g_ptr_array_add (server->listeners, listener);
  g_socket_listener_set_backlog (G_SOCKET_LISTENER (listener->service), LISTEN_BACKLOG);
  g_signal_connect (listener->service, "incoming", G_CALLBACK (on_incoming), server);
  if (!g_socket_listener_add_address (G_SOCKET_LISTENER (listener->service), address,
                                      G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL,
                                      &effective, error))
    return FALSE;
  listener->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (effective));
  return TRUE;
}

static gboolean
add_data_listeners (KvsLocalServer *server, GError **error)
{
  const KvsLocalOptions *options = server->options;

  for (guint cell = 0; cell < (guint) options->cells; cell++) {
    guint port = options->data_port > 0 ? (guint) options->data_port + cell : 0;

    if (!add_listener (server, port, KVS_LOCAL_PLANE_DATA, cell, error))
      return FALSE;
  }
  return TRUE;
}

/**
 * kvs_local_listeners_open:
 * @server: a server with its options
 * @error: where to put an error
 *
 * Returns: whether it listens wherever the options say
 */
gboolean
kvs_local_listeners_open (KvsLocalServer *server, GError **error)
{
  const KvsLocalOptions *options = server->options;
  gboolean is_split = kvs_local_options_split_planes (options);
  guint planes = KVS_LOCAL_PLANE_CONTROL | (is_split ? 0 : KVS_LOCAL_PLANE_DATA);

  server->listeners = g_ptr_array_new_with_free_func (listener_free);
  if (options->tls_cert != NULL) {
    server->certificate
      = g_tls_certificate_new_from_files (options->tls_cert, options->tls_key, error);
    if (server->certificate == NULL)
      return FALSE;
  }
  return add_listener (server, (guint) options->port, planes, 0, error)
         && (!is_split || add_data_listeners (server, error));
}

/**
 * kvs_local_listeners_close:
 * @server: the server
 *
 * No connections are accepted any more. Those that there are may still ask where they came in.
 */
void
kvs_local_listeners_close (KvsLocalServer *server)
{
  for (guint i = 0; server->listeners != NULL && i < server->listeners->len; i++) {
    const KvsLocalListener *listener = g_ptr_array_index (server->listeners, i);

    g_socket_service_stop (listener->service);
    g_socket_listener_close (G_SOCKET_LISTENER (listener->service));
  }
}

/**
 * kvs_local_listeners_free:
 * @server: the server, without connections
 */
void
kvs_local_listeners_free (KvsLocalServer *server)
{
  g_clear_pointer (&server->listeners, g_ptr_array_unref);
  g_clear_object (&server->certificate);
}

/**
 * kvs_local_listener_of_message:
 * @server: the server
 * @message: a request
 *
 * Returns: (transfer none): where it came in
 */
const KvsLocalListener *
kvs_local_listener_of_message (KvsLocalServer *server, SoupServerMessage *message)
{
  GSocketAddress *local = soup_server_message_get_local_address (message);
  guint port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (local));

  for (guint i = 1; i < server->listeners->len; i++) {
    const KvsLocalListener *listener = g_ptr_array_index (server->listeners, i);

    if (listener->port == port)
      return listener;
  }
  return g_ptr_array_index (server->listeners, 0);
}

/**
 * kvs_local_listener_of_cell:
 * @server: the server
 * @cell: from 0
 *
 * Returns: (transfer none): where its data plane is
 */
const KvsLocalListener *
kvs_local_listener_of_cell (KvsLocalServer *server, guint cell)
{
  for (guint i = 1; i < server->listeners->len; i++) {
    const KvsLocalListener *listener = g_ptr_array_index (server->listeners, i);

    if (listener->cell == cell)
      return listener;
  }
  return g_ptr_array_index (server->listeners, 0);
}

/**
 * kvs_local_is_data_path:
 * @path: of a request; case matters
 *
 * Returns: whether the data plane serves it
 */
gboolean
kvs_local_is_data_path (const gchar *path)
{
  for (gsize i = 0; i < G_N_ELEMENTS (data_paths); i++) {
    if (g_str_has_suffix (data_paths[i], "/") ? g_str_has_prefix (path, data_paths[i])
                                              : g_str_equal (path, data_paths[i]))
      return TRUE;
  }
  return FALSE;
}

/**
 * kvs_local_listener_serves:
 * @listener: where a request came in
 * @path: of the request
 *
 * Returns: %FALSE if @path is one of the plane that is elsewhere
 */
gboolean
kvs_local_listener_serves (const KvsLocalListener *listener, const gchar *path)
{
  if (kvs_local_is_data_path (path))
    return (listener->planes & KVS_LOCAL_PLANE_DATA) != 0;
  return (listener->planes & KVS_LOCAL_PLANE_CONTROL) != 0
         || kvs_local_control_plane_find (path) == NULL;
}

static gchar *
make_url (const KvsLocalListener *listener, const gchar *host)
{
  const gchar *scheme = listener->server->options->tls_cert != NULL ? "https" : "http";

  return g_strdup_printf ("%s://%s:%u", scheme, host, listener->port);
}

/**
 * kvs_local_listener_get_url:
 * @listener: where the server listens
 *
 * Returns: (transfer full): its base URL
 */
gchar *
kvs_local_listener_get_url (const KvsLocalListener *listener)
{
  const gchar *bind = listener->server->options->bind;
  g_autofree gchar *host
    = strchr (bind, ':') != NULL ? g_strdup_printf ("[%s]", bind) : g_strdup (bind);

  return make_url (listener, host);
}

static gchar *
without_port (const gchar *host)
{
  const gchar *colon = strrchr (host, ':');

  /* a colon within brackets is part of the address */
  return colon != NULL && strchr (colon, ']') == NULL ? g_strndup (host, (gsize) (colon - host))
                                                      : g_strdup (host);
}

/**
 * kvs_local_listener_get_url_for:
 * @listener: where the server listens
 * @message: a request, which may have come in elsewhere
 *
 * Where it listens on all addresses, the one that the client used is the one it can reach.
 *
 * Returns: (transfer full): base URL for the one who asks
 */
gchar *
kvs_local_listener_get_url_for (const KvsLocalListener *listener, SoupServerMessage *message)
{
  const KvsLocalOptions *options = listener->server->options;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const gchar *host = soup_message_headers_get_one (headers, "Host");
  g_autofree gchar *name = NULL;

  if (options->public_url != NULL && (listener->planes & KVS_LOCAL_PLANE_DATA) != 0)
    return g_strdup (options->public_url);
  if ((!g_str_equal (options->bind, "0.0.0.0") && !g_str_equal (options->bind, "::"))
      || host == NULL || strpbrk (host, "/\\@?# ") != NULL)
    return kvs_local_listener_get_url (listener);
  if (listener == kvs_local_listener_of_message (listener->server, message))
    return g_strconcat (options->tls_cert != NULL ? "https" : "http", "://", host, NULL);
  name = without_port (host);
  return make_url (listener, name);
}
