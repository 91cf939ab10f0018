/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/tls-hello.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

/* RFC 8446 section 5.1: a record is its type, a version, its length, and so many bytes */
#define HEAD_BYTES 5
#define TYPE_HANDSHAKE 22
#define MAX_RECORD_BYTES 16384

typedef struct {
  GSocket *socket;
  gint wanted_bytes;
  KvsLocalTlsHelloFunc func;
  gpointer user_data;
  GDestroyNotify destroy;
} Hello;

static void
hello_free (gpointer data)
{
  Hello *hello = data;

  g_object_unref (hello->socket);
  hello->destroy (hello->user_data);
  g_free (hello);
}

/* Has the socket count as readable only when so much is there, or nothing more is going to come. */
static void
want_bytes (Hello *hello, gint n_bytes)
{
  hello->wanted_bytes = n_bytes;
  g_socket_set_option (hello->socket, SOL_SOCKET, SO_RCVLOWAT, n_bytes, NULL);
}

/* Gives the bytes up to the end of the first record; what is no record is for TLS to refuse. */
static gint
record_bytes (const guint8 *head)
{
  gint length = head[3] << 8 | head[4];

  return head[0] == TYPE_HANDSHAKE && length <= MAX_RECORD_BYTES ? HEAD_BYTES + length : HEAD_BYTES;
}

static gboolean
has_bytes (const Hello *hello)
{
  gint n_bytes = 0;

  return ioctl (g_socket_get_fd (hello->socket), FIONREAD, &n_bytes) == 0
         && n_bytes >= hello->wanted_bytes;
}

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  Hello *hello = user_data;
  gboolean is_there = has_bytes (hello);
  guint8 head[HEAD_BYTES];

  if (is_there && hello->wanted_bytes == HEAD_BYTES
      && recv (g_socket_get_fd (socket), head, HEAD_BYTES, MSG_PEEK | MSG_DONTWAIT) == HEAD_BYTES) {
    want_bytes (hello, record_bytes (head));
    if (!has_bytes (hello))
      return G_SOURCE_CONTINUE;
  }
  want_bytes (hello, 1);
  hello->func (is_there, hello->user_data);
  return G_SOURCE_REMOVE;
}

/**
 * kvs_local_tls_hello_wait:
 * @socket: of a client that has sent nothing, or nothing that was read
 * @func: called once, unless the source is destroyed before
 * @user_data: handed to @func
 * @destroy: frees @user_data when the source is gone
 *
 * Waits for the first record as long as the time-out of @socket says. Nothing is taken from it.
 *
 * Returns: (transfer full): what waits, in the default main context
 */
GSource *
kvs_local_tls_hello_wait (GSocket *socket, KvsLocalTlsHelloFunc func, gpointer user_data,
                          GDestroyNotify destroy)
{
  Hello *hello = g_new0 (Hello, 1);
  GSource *source = g_socket_create_source (socket, G_IO_IN, NULL);

  *hello = (Hello) { g_object_ref (socket), 0, func, user_data, destroy };
  want_bytes (hello, HEAD_BYTES);
  g_source_set_callback (source, G_SOURCE_FUNC (on_readable), hello, hello_free);
  g_source_attach (source, NULL);
  return source;
}
