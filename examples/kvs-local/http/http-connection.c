/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/http-connection.h"

#include <sys/socket.h>

#include "http/http-stream.h"
#include "http/tls-hello.h"

/* Data of the remote address, which all requests of a connection have in common: libsoup tells of
 * neither the socket nor the stream of a connection that it has not accepted itself. */
#define CONNECTION_KEY "kvs-local-http-connection"

#define SWEEP_SECONDS 1

/* More than libsoup, which reads 8 KiB at a time, can have read too much */
#define MAX_READ_TOO_MUCH_BYTES 65536

typedef struct {
  KvsLocalServer *server; /* NULL once it does not look after connections any more */
  GIOStream *io;
  GSocket *socket;
  gboolean has_request; /* a whole one, or one that takes its time */
  GList link;           /* of the server's queue */
} Connection;

/* A connection that libsoup is given next */
typedef struct {
  GIOStream *io;
  GSocketAddress *local;
  GSocketAddress *remote;
} Turn;

/* One whose client has not begun a handshake */
typedef struct {
  KvsLocalServer *server;
  Turn *turn;
  GSocket *socket;
  GSource *source;
  GList link; /* of the server's queue */
} Greeting;

static void
connection_free (gpointer data)
{
  Connection *connection = data;

  if (connection->server != NULL)
    g_queue_unlink (&connection->server->http_connections, &connection->link);
  g_object_unref (connection->io);
  g_object_unref (connection->socket);
  g_free (connection);
}

static void
turn_free (gpointer data)
{
  Turn *turn = data;

  g_object_unref (turn->io);
  g_object_unref (turn->local);
  g_object_unref (turn->remote);
  g_free (turn);
}

static Turn *
turn_new (GIOStream *io, GSocketAddress *local, GSocketAddress *remote)
{
  Turn *turn = g_new0 (Turn, 1);

  turn->io = g_object_ref (io);
  turn->local = g_object_ref (local);
  turn->remote = g_object_ref (remote);
  return turn;
}

static Connection *
get_connection (SoupServerMessage *message)
{
  return g_object_get_data (G_OBJECT (soup_server_message_get_remote_address (message)),
                            CONNECTION_KEY);
}

static void
give_to_soup (KvsLocalServer *server, const Turn *turn)
{
  g_autoptr (GError) error = NULL;

  if (!soup_server_accept_iostream (server->soup, turn->io, turn->local, turn->remote, &error))
    g_warning ("%s", error->message);
}

/* The socket's own time-out sees no one who sends a byte now and then. */
static gboolean
on_sweep (gpointer user_data)
{
  KvsLocalServer *server = user_data;
  gint64 oldest_us
    = g_get_monotonic_time () - server->options->keep_alive_seconds * G_USEC_PER_SEC;

  for (GList *l = server->http_connections.head; l != NULL; l = l->next) {
    Connection *connection = l->data;
    gint64 since_us
      = kvs_local_http_stream_get_request_us (KVS_LOCAL_HTTP_STREAM (connection->io));

    if (!connection->has_request && since_us != 0 && since_us < oldest_us)
      g_socket_shutdown (connection->socket, TRUE, TRUE, NULL);
  }
  if (server->http_connections.length > 0)
    return G_SOURCE_CONTINUE;
  server->request_timer = 0;
  return G_SOURCE_REMOVE;
}

static Connection *
connection_new (KvsLocalServer *server, GIOStream *io, GSocket *socket)
{
  Connection *connection = g_new0 (Connection, 1);

  connection->server = server;
  connection->io = kvs_local_http_stream_new (io);
  connection->socket = g_object_ref (socket);
  connection->link.data = connection;
  g_queue_push_tail_link (&server->http_connections, &connection->link);
  if (server->request_timer == 0)
    server->request_timer = g_timeout_add_seconds (SWEEP_SECONDS, on_sweep, server);
  return connection;
}

static void
greeting_free (gpointer data)
{
  Greeting *greeting = data;

  g_queue_unlink (&greeting->server->greetings, &greeting->link);
  g_source_unref (greeting->source);
  g_object_unref (greeting->socket);
  turn_free (greeting->turn);
  g_free (greeting);
}

static void
on_hello (gboolean is_there, gpointer user_data)
{
  const Greeting *greeting = user_data;

  if (is_there) {
    kvs_local_http_stream_start_greeting (KVS_LOCAL_HTTP_STREAM (greeting->turn->io));
    give_to_soup (greeting->server, greeting->turn);
  } else {
    /* TLS would begin a handshake to say good-bye */
    g_socket_close (greeting->socket, NULL);
  }
}

static void
wait_for_hello (KvsLocalServer *server, GSocket *socket, Turn *turn)
{
  Greeting *greeting = g_new0 (Greeting, 1);

  greeting->server = server;
  greeting->socket = g_object_ref (socket);
  greeting->turn = turn;
  greeting->link.data = greeting;
  g_queue_push_tail_link (&server->greetings, &greeting->link);
  greeting->source = kvs_local_tls_hello_wait (socket, on_hello, greeting, greeting_free);
}

/**
 * kvs_local_http_connection_accept:
 * @server: the server
 * @accepted: a new connection
 * @io: @accepted, or TLS over it
 *
 * Has libsoup read requests from @io. A client that sends or takes nothing for the time of
 * --keep-alive-seconds loses the connection, be it before its first request or after any other, and
 * so does one that takes longer for a handshake, or to send a request.
 */
void
kvs_local_http_connection_accept (KvsLocalServer *server, GSocketConnection *accepted,
                                  GIOStream *io)
{
  GSocket *socket = g_socket_connection_get_socket (accepted);
  g_autoptr (GSocketAddress) local = g_socket_connection_get_local_address (accepted, NULL);
  g_autoptr (GSocketAddress) remote = g_socket_connection_get_remote_address (accepted, NULL);
  Connection *connection;

  /* gone already */
  if (local == NULL || remote == NULL)
    return;
  g_socket_set_timeout (socket, (guint) server->options->keep_alive_seconds);
  connection = connection_new (server, io, socket);
  g_object_set_data_full (G_OBJECT (remote), CONNECTION_KEY, connection, connection_free);
  if (io == G_IO_STREAM (accepted))
    give_to_soup (server, &(Turn) { connection->io, local, remote });
  else
    wait_for_hello (server, socket, turn_new (connection->io, local, remote));
}

/* Not in the signal's handler: a client that has sent its requests in advance would have each
 * answered within the one before. */
static gboolean
on_turns (gpointer user_data)
{
  KvsLocalServer *server = user_data;
  GQueue turns = server->waiting_turns;

  g_queue_init (&server->waiting_turns);
  server->turns_source = 0;
  for (GList *l = turns.head; l != NULL; l = l->next)
    give_to_soup (server, l->data);
  g_queue_clear_full (&turns, turn_free);
  return G_SOURCE_REMOVE;
}

/* What is stolen is a stream of libsoup's around the connection's own. It may have read some of the
 * next request. */
static void
take_back (KvsLocalServer *server, SoupServerMessage *message, GIOStream *own)
{
  g_autoptr (GIOStream) stolen = soup_server_message_steal_connection (message);
  GInputStream *input = g_io_stream_get_input_stream (stolen);
  gssize size = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (input),
                                                          server->read_buffer,
                                                          MAX_READ_TOO_MUCH_BYTES, NULL, NULL);

  /* whoever reads next sees the end, or the error, once more */
  if (size > 0)
    kvs_local_http_stream_unread (KVS_LOCAL_HTTP_STREAM (own), server->read_buffer, (gsize) size);
}

static void
on_wrote_body (SoupServerMessage *message, gpointer user_data)
{
  KvsLocalServer *server = user_data;
  Turn *turn = turn_new (get_connection (message)->io,
                         soup_server_message_get_local_address (message),
                         soup_server_message_get_remote_address (message));

  take_back (server, message, turn->io);
  get_connection (message)->has_request = FALSE;
  kvs_local_http_stream_start_request (KVS_LOCAL_HTTP_STREAM (turn->io));
  g_queue_push_tail (&server->waiting_turns, turn);
  if (server->turns_source == 0)
    server->turns_source = g_idle_add_full (G_PRIORITY_DEFAULT, on_turns, server, NULL);
}

/**
 * kvs_local_http_connection_got_request:
 * @message: a request that is there as a whole
 *
 * The client has done its part; what takes time from here on is the answer.
 */
void
kvs_local_http_connection_got_request (SoupServerMessage *message)
{
  get_connection (message)->has_request = TRUE;
}

/**
 * kvs_local_http_connection_cut:
 * @message: a request that is not worth an answer
 *
 * Resets the connection: a client that only sends would not notice that it was closed. libsoup takes
 * it for the end of what the client sends, and closes it.
 */
void
kvs_local_http_connection_cut (SoupServerMessage *message)
{
  GSocket *socket = get_connection (message)->socket;
  const struct linger no_linger = { .l_onoff = 1 };

  setsockopt (g_socket_get_fd (socket), SOL_SOCKET, SO_LINGER, &no_linger, sizeof no_linger);
  g_socket_shutdown (socket, TRUE, TRUE, NULL);
}

/**
 * kvs_local_http_connection_reuse_after:
 * @server: the server
 * @message: whose answer is about to be sent, and has a length
 *
 * Keeps the connection for the next request, unless the client does not want that.
 */
void
kvs_local_http_connection_reuse_after (KvsLocalServer *server, SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  if (soup_server_message_get_http_version (message) == SOUP_HTTP_1_0
      || soup_message_headers_header_contains (headers, "Connection", "close"))
    kvs_local_http_connection_close_after (message);
  else
    g_signal_connect (message, "wrote-body", G_CALLBACK (on_wrote_body), server);
}

/**
 * kvs_local_http_connection_close_after:
 * @message: whose answer is about to be sent
 *
 * Tells the client what libsoup is going to do.
 */
void
kvs_local_http_connection_close_after (SoupServerMessage *message)
{
  soup_message_headers_append (soup_server_message_get_response_headers (message), "Connection",
                               "close");
}

/**
 * kvs_local_http_connection_become_session:
 * @message: a request that media follow
 *
 * From here on the connection may be silent for as long as the session allows.
 *
 * Returns: (transfer none): its socket
 */
GSocket *
kvs_local_http_connection_become_session (SoupServerMessage *message)
{
  Connection *connection = get_connection (message);

  connection->has_request = TRUE;
  g_socket_set_timeout (connection->socket, 0);
  return connection->socket;
}

/**
 * kvs_local_http_connection_drop_all:
 * @server: the server
 *
 * Closes the connections that libsoup does not have at the moment, and looks after the others no
 * longer.
 */
void
kvs_local_http_connection_drop_all (KvsLocalServer *server)
{
  GList *link;

  g_clear_handle_id (&server->request_timer, g_source_remove);
  while ((link = server->greetings.head) != NULL) {
    const Greeting *greeting = link->data;

    g_socket_close (greeting->socket, NULL);
    g_source_destroy (greeting->source);
  }
  while ((link = g_queue_pop_head_link (&server->http_connections)) != NULL)
    ((Connection *) link->data)->server = NULL;
  g_clear_handle_id (&server->turns_source, g_source_remove);
  for (GList *l = server->waiting_turns.head; l != NULL; l = l->next)
    g_io_stream_close (((Turn *) l->data)->io, NULL, NULL);
  g_queue_clear_full (&server->waiting_turns, turn_free);
}
