/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "put-load-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static gboolean
fail (GError **error, const gchar *what)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", what, g_strerror (errno));
  return FALSE;
}

/**
 * server_set_url:
 * @server: (out): to be cleared with server_clear()
 * @url: such as http://127.0.0.1:8787
 * @error: where to put an error
 *
 * Returns: whether it is one
 */
gboolean
server_set_url (Server *server, const gchar *url, GError **error)
{
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_NONE, error);
  gboolean wants_tls;

  *server = (Server) { 0 };
  if (uri == NULL)
    return FALSE;
  wants_tls = g_str_equal (g_uri_get_scheme (uri), "https");
  server->host = g_strdup (g_uri_get_host (uri));
  server->port = (guint16) g_uri_get_port (uri);
  if (wants_tls) {
    /* whose certificate it is does not matter to a load test */
    server->tls = SSL_CTX_new (TLS_client_method ());
    SSL_CTX_set_mode (server->tls,
                      SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  return TRUE;
}

/**
 * server_clear:
 * @server: to be emptied
 */
void
server_clear (Server *server)
{
  g_free (server->host);
  SSL_CTX_free (server->tls);
}

/**
 * wire_open:
 * @wire: (out): a connection that blocks
 * @server: whom to connect to
 * @error: where to put an error
 *
 * Returns: whether it is there, TLS handshake included
 */
gboolean
wire_open (Wire *wire, const Server *server, GError **error)
{
  g_autoptr (GSocketAddress) address
    = g_inet_socket_address_new_from_string (server->host, server->port);
  struct sockaddr_storage native;
  const int on = 1;

  *wire = (Wire) { .fd = -1 };
  if (address == NULL
      || !g_socket_address_to_native (address, &native, sizeof native, error)) {
    errno = EINVAL;
    return error != NULL && *error != NULL ? FALSE : fail (error, "the URL needs an IP address");
  }
  wire->fd = socket (native.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (wire->fd < 0
      || connect (wire->fd, (struct sockaddr *) &native,
                  (socklen_t) g_socket_address_get_native_size (address))
           != 0)
    return fail (error, "connect");
  setsockopt (wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  /* others, such as BBR, pace what they send by timers, and on loopback measure themselves */
  setsockopt (wire->fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", strlen ("cubic"));
  if (server->tls == NULL)
    return TRUE;
  wire->tls = SSL_new (server->tls);
  SSL_set_fd (wire->tls, wire->fd);
  return SSL_connect (wire->tls) == 1 || fail (error, "TLS handshake");
}

/**
 * wire_close:
 * @wire: a connection
 */
void
wire_close (Wire *wire)
{
  g_clear_pointer (&wire->tls, SSL_free);
  if (wire->fd >= 0)
    close (wire->fd);
  wire->fd = -1;
}

/**
 * wire_set_nonblocking:
 * @wire: a connection
 */
void
wire_set_nonblocking (Wire *wire)
{
  fcntl (wire->fd, F_SETFL, fcntl (wire->fd, F_GETFL) | O_NONBLOCK);
}

/* As read() and write() would: -1 with errno EAGAIN where nothing goes */
static gssize
tls_result (Wire *wire, int result)
{
  if (result > 0)
    return result;
  switch (SSL_get_error (wire->tls, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      errno = ECONNRESET;
      return -1;
  }
}

/**
 * wire_write:
 * @wire: a connection
 * @data: bytes
 * @size: how many
 *
 * Returns: how many were taken, or -1 with errno set
 */
gssize
wire_write (Wire *wire, const void *data, gsize size)
{
  if (wire->tls != NULL)
    return tls_result (wire, SSL_write (wire->tls, data, (int) MIN (size, (gsize) G_MAXINT)));
  return send (wire->fd, data, size, MSG_NOSIGNAL);
}

/**
 * wire_read:
 * @wire: a connection
 * @data: room
 * @size: how much
 *
 * Returns: how many bytes came, 0 at the end, or -1 with errno set
 */
gssize
wire_read (Wire *wire, void *data, gsize size)
{
  if (wire->tls != NULL)
    return tls_result (wire, SSL_read (wire->tls, data, (int) size));
  return recv (wire->fd, data, size, 0);
}

/**
 * server_post:
 * @server: whom to ask
 * @path: of the operation
 * @body: JSON
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): the answer's head and body, if its status is 200
 */
gchar *
server_post (const Server *server, const gchar *path, const gchar *body, GError **error)
{
  g_autofree gchar *request
    = g_strdup_printf ("POST %s HTTP/1.1\r\nHost: %s:%u\r\nConnection: close\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       path, server->host, server->port, strlen (body), body);
  g_autoptr (GString) answer = g_string_new (NULL);
  gchar piece[4096];
  gssize size;
  Wire wire;

  if (!wire_open (&wire, server, error))
    return NULL;
  wire_write (&wire, request, strlen (request));
  while ((size = wire_read (&wire, piece, sizeof piece)) > 0)
    g_string_append_len (answer, piece, size);
  wire_close (&wire);
  if (g_str_has_prefix (answer->str, "HTTP/1.1 200 "))
    return g_string_free (g_steal_pointer (&answer), FALSE);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", path, answer->str);
  return NULL;
}
