/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http-server.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http-certificate.h"

struct _HttpServer {
  HttpHandler handler;
  gpointer user_data;
  int fd;
  gchar *url;
  SSL_CTX *tls;
  HttpCertificate *certificate;
  gchar *ca_path;
  GThread *thread;

  GMutex lock;
  GPtrArray *peers; /* of HttpPeer, also those that have ended */
};

struct _HttpPeer {
  HttpServer *server;
  GThread *thread;
  int fd; /* closed by the server at its end, so that no other thread gets the number before */
  SSL *ssl;
  GByteArray *in; /* read, but not used yet */
  gchar *method;
  GHashTable *headers;
  gboolean body_ended;
  gboolean is_closed;
};

/* ---- TLS ---- */

static void
set_up_tls (HttpServer *server)
{
  HttpCertificate *own = http_certificate_new ("kvssink test");

  server->ca_path = g_strdup (own->certificate_path);
  server->certificate = own;
  server->tls = SSL_CTX_new (TLS_server_method ());
  SSL_CTX_use_certificate (server->tls, own->certificate);
  SSL_CTX_use_PrivateKey (server->tls, own->key);
}

/* ---- bytes ---- */

/* Returns: whether more bytes came. */
static gboolean
fill (HttpPeer *peer)
{
  guint8 data[16384];
  gssize n;

  if (peer->is_closed)
    return FALSE;
  if (peer->ssl != NULL)
    n = SSL_read (peer->ssl, data, sizeof data);
  else
    do
      n = read (peer->fd, data, sizeof data);
    while (n < 0 && errno == EINTR);
  if (n <= 0)
    return FALSE;
  g_byte_array_append (peer->in, data, (guint) n);
  return TRUE;
}

static void
write_bytes (HttpPeer *peer, const gchar *data, gsize size)
{
  while (size > 0 && !peer->is_closed) {
    gssize n = peer->ssl != NULL ? SSL_write (peer->ssl, data, (int) size)
                                 : send (peer->fd, data, size, MSG_NOSIGNAL);

    if (n <= 0)
      return; /* the other side has gone; reading will tell */
    data += n;
    size -= (gsize) n;
  }
}

/* Returns: (transfer full) (nullable): the next line, without its end. */
static gchar *
read_line (HttpPeer *peer)
{
  const guint8 *end;

  while ((end = peer->in->len > 0 ? memchr (peer->in->data, '\n', peer->in->len) : NULL) == NULL)
    if (!fill (peer))
      return NULL;
  {
    gsize size = (gsize) (end - peer->in->data);
    gchar *line = g_strndup ((const gchar *) peer->in->data, size);

    g_byte_array_remove_range (peer->in, 0, (guint) size + 1);
    return g_strchomp (line);
  }
}

static gboolean
read_exactly (HttpPeer *peer, gsize size, GByteArray *out)
{
  while (peer->in->len < size)
    if (!fill (peer))
      return FALSE;
  g_byte_array_append (out, peer->in->data, (guint) size);
  g_byte_array_remove_range (peer->in, 0, (guint) size);
  return TRUE;
}

/* ---- what handlers use ---- */

const gchar *
http_peer_get_header (HttpPeer *peer, const gchar *name)
{
  return g_hash_table_lookup (peer->headers, name);
}

const gchar *
http_peer_get_method (HttpPeer *peer)
{
  return peer->method;
}

GHashTable *
http_peer_get_headers (HttpPeer *peer)
{
  return peer->headers;
}

/* Returns: (nullable): whom TLS asked for. */
const gchar *
http_peer_get_sni (HttpPeer *peer)
{
  return SSL_get_servername (peer->ssl, TLSEXT_NAMETYPE_host_name);
}

/* Of a request with Content-Length. */
gchar *
http_peer_read_body (HttpPeer *peer)
{
  const gchar *length = http_peer_get_header (peer, "content-length");
  g_autoptr (GByteArray) body = g_byte_array_new ();

  if (length != NULL)
    read_exactly (peer, (gsize) g_ascii_strtoull (length, NULL, 10), body);
  peer->body_ended = TRUE;
  return g_strndup ((const gchar *) body->data, body->len);
}

/* Returns: %FALSE when no more will come, because the body or the connection has ended. */
gboolean
http_peer_read_chunk (HttpPeer *peer, GByteArray *out)
{
  g_autofree gchar *line = peer->body_ended ? NULL : read_line (peer);
  g_autofree gchar *end = NULL;
  gsize size;

  if (line == NULL)
    return FALSE;
  size = (gsize) g_ascii_strtoull (line, NULL, 16);
  if (size > 0 && !read_exactly (peer, size, out))
    return FALSE;
  end = read_line (peer);
  if (end == NULL)
    return FALSE;
  ck_assert_str_eq (end, "");
  peer->body_ended = size == 0;
  return size > 0;
}

gboolean
http_peer_is_body_ended (HttpPeer *peer)
{
  return peer->body_ended;
}

/* Returns: whether nothing came for that long, as when the upload is paused. */
gboolean
http_peer_is_quiet (HttpPeer *peer, gint for_ms)
{
  struct pollfd fd = { .fd = peer->fd, .events = POLLIN };

  if (peer->in->len > 0 || (peer->ssl != NULL && SSL_pending (peer->ssl) > 0))
    return FALSE;
  return poll (&fd, 1, for_ms) == 0;
}

/* Reads nothing on, so that no answer can be mistaken for an end. */
void
http_peer_wait_until_closed (HttpPeer *peer)
{
  while (fill (peer))
    g_byte_array_set_size (peer->in, 0);
}

void
http_peer_write (HttpPeer *peer, const gchar *text)
{
  write_bytes (peer, text, strlen (text));
}

void
http_peer_write_chunk (HttpPeer *peer, const gchar *text)
{
  g_autofree gchar *chunk
      = g_strdup_printf ("%" G_GSIZE_MODIFIER "x\r\n%s\r\n", strlen (text), text);

  http_peer_write (peer, chunk);
}

/* FIN, after close_notify; what the other side still sends is answered with a reset. */
void
http_peer_close (HttpPeer *peer)
{
  if (peer->is_closed)
    return;
  if (peer->ssl != NULL)
    SSL_shutdown (peer->ssl);
  shutdown (peer->fd, SHUT_WR);
}

void
http_peer_reset (HttpPeer *peer)
{
  struct linger linger = { 1, 0 };

  setsockopt (peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  peer->is_closed = TRUE;
  /* The number stays taken: the server looks at it when it stops. */
  ck_assert_int_ge (dup2 (peer->server->fd, peer->fd), 0);
}

/* ---- connections ---- */

/* Returns: (transfer full) (nullable): the path of the next request. */
static gchar *
read_head (HttpPeer *peer)
{
  g_autofree gchar *request = read_line (peer);
  g_auto (GStrv) words = NULL;
  gchar *line;

  if (request == NULL)
    return NULL;
  words = g_strsplit (request, " ", 3);
  ck_assert_uint_eq (g_strv_length (words), 3);
  g_free (peer->method);
  peer->method = g_strdup (words[0]);
  g_hash_table_remove_all (peer->headers);
  while ((line = read_line (peer)) != NULL && *line != '\0') {
    gchar *colon = strchr (line, ':');

    ck_assert_ptr_nonnull (colon);
    *colon = '\0';
    g_hash_table_insert (peer->headers, g_ascii_strdown (line, -1),
                         g_strstrip (g_strdup (colon + 1)));
    g_free (line);
  }
  if (line == NULL)
    return NULL;
  g_free (line);
  return g_strdup (words[1]);
}

static gboolean
accept_tls (HttpPeer *peer)
{
  if (peer->server->tls == NULL)
    return TRUE;
  peer->ssl = SSL_new (peer->server->tls);
  SSL_set_fd (peer->ssl, peer->fd);
  return SSL_accept (peer->ssl) == 1;
}

/* A peer that has gone must not end the process; libkvs on its own threads has to see to that
 * itself, so it is not done for all of them. */
static void
block_sigpipe (void)
{
  sigset_t signals;

  sigemptyset (&signals);
  sigaddset (&signals, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &signals, NULL);
}

static gpointer
run_peer (gpointer data)
{
  HttpPeer *peer = data;
  gboolean goes_on = TRUE;
  gchar *path;

  block_sigpipe ();
  if (accept_tls (peer)) {
    while (goes_on && (path = read_head (peer)) != NULL) {
      peer->body_ended = FALSE;
      peer->server->handler (peer, path, peer->server->user_data);
      goes_on = peer->body_ended && !peer->is_closed;
      g_free (path);
    }
    http_peer_close (peer);
  }
  if (!peer->is_closed)
    shutdown (peer->fd, SHUT_RDWR);
  return NULL;
}

static void
peer_free (gpointer data)
{
  HttpPeer *peer = data;

  g_thread_join (peer->thread);
  SSL_free (peer->ssl);
  close (peer->fd);
  g_byte_array_unref (peer->in);
  g_hash_table_unref (peer->headers);
  g_free (peer->method);
  g_free (peer);
}

static gpointer
run_server (gpointer data)
{
  HttpServer *server = data;
  int fd;

  block_sigpipe ();
  while ((fd = accept (server->fd, NULL, NULL)) >= 0) {
    HttpPeer *peer = g_new0 (HttpPeer, 1);
    const int yes = 1;

    /* Else a second small write waits 40 ms for the delayed ACK of the first one. */
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    peer->server = server;
    peer->fd = fd;
    peer->in = g_byte_array_new ();
    peer->headers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    g_mutex_lock (&server->lock);
    peer->thread = g_thread_new ("peer", run_peer, peer);
    g_ptr_array_add (server->peers, peer);
    g_mutex_unlock (&server->lock);
  }
  return NULL;
}

/* ---- the server ---- */

HttpServer *
http_server_new (gboolean tls, HttpHandler handler, gpointer user_data)
{
  HttpServer *server = g_new0 (HttpServer, 1);
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t size = sizeof address;

  server->handler = handler;
  server->user_data = user_data;
  server->peers = g_ptr_array_new_with_free_func (peer_free);
  if (tls)
    set_up_tls (server);
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  server->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq (bind (server->fd, (struct sockaddr *) &address, sizeof address), 0);
  ck_assert_int_eq (listen (server->fd, 64), 0);
  getsockname (server->fd, (struct sockaddr *) &address, &size);
  server->url = g_strdup_printf ("%s://127.0.0.1:%u", tls ? "https" : "http",
                                 ntohs (address.sin_port));
  server->thread = g_thread_new ("server", run_server, server);
  return server;
}

/* Connections without this certificate are refused. Before the first one. */
void
http_server_require_certificate (HttpServer *server, const gchar *path)
{
  ck_assert_int_eq (SSL_CTX_load_verify_locations (server->tls, path, NULL), 1);
  SSL_CTX_set_verify (server->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

const gchar *
http_server_get_url (HttpServer *server)
{
  return server->url;
}

const gchar *
http_server_get_ca_path (HttpServer *server)
{
  return server->ca_path;
}

guint
http_server_count_connections (HttpServer *server)
{
  guint n;

  g_mutex_lock (&server->lock);
  n = server->peers->len;
  g_mutex_unlock (&server->lock);
  return n;
}

/* Breaks off what still runs. */
void
http_server_free (HttpServer *server)
{
  shutdown (server->fd, SHUT_RDWR);
  g_thread_join (server->thread);
  for (guint i = 0; i < server->peers->len; i++)
    shutdown (((HttpPeer *) g_ptr_array_index (server->peers, i))->fd, SHUT_RDWR);
  g_ptr_array_unref (server->peers);
  close (server->fd);
  http_certificate_free (server->certificate);
  SSL_CTX_free (server->tls);
  g_free (server->ca_path);
  g_free (server->url);
  g_free (server);
}
