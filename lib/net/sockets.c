/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/sockets.h"

#include <errno.h>
#include <sys/epoll.h>

/* How often a socket is written to before epoll is asked whether it has room: a burst is a few upload
 * buffers. */
#define MAX_TRIES 4

typedef struct {
  guint32 wanted;     /* events, as epoll has them */
  guint32 registered; /* what epoll was told; 0: it does not know the socket */
  guint n_tries;      /* since it wants to be written to */
  gboolean is_changed;
} Socket;

struct _KvsSockets {
  int epoll_fd;
  GArray *by_fd;   /* of Socket: descriptors are small numbers */
  GArray *changed; /* of gint: those that epoll has to be told of, each once */
  guint next_writer; /* where in @changed the search goes on */
};

/**
 * kvs_sockets_new:
 * @epoll_fd: stays the caller's
 *
 * Returns: (transfer full): no sockets
 */
KvsSockets *
kvs_sockets_new (int epoll_fd)
{
  KvsSockets *sockets = g_new0 (KvsSockets, 1);

  sockets->epoll_fd = epoll_fd;
  sockets->by_fd = g_array_new (FALSE, TRUE, sizeof (Socket));
  sockets->changed = g_array_new (FALSE, FALSE, sizeof (gint));
  return sockets;
}

/**
 * kvs_sockets_free:
 * @sockets: (transfer full): sockets
 */
void
kvs_sockets_free (KvsSockets *sockets)
{
  g_array_unref (sockets->by_fd);
  g_array_unref (sockets->changed);
  g_free (sockets);
}

static Socket *
get_socket (KvsSockets *sockets, int fd)
{
  if ((guint) fd >= sockets->by_fd->len)
    g_array_set_size (sockets->by_fd, (guint) fd + 1);
  return &g_array_index (sockets->by_fd, Socket, fd);
}

/**
 * kvs_sockets_watch:
 * @sockets: sockets
 * @fd: one of them
 * @reads: whether libcurl waits for something to read
 * @writes: whether it waits for room to write
 *
 * Takes effect at kvs_sockets_apply().
 */
void
kvs_sockets_watch (KvsSockets *sockets, int fd, gboolean reads, gboolean writes)
{
  Socket *socket = get_socket (sockets, fd);

  if (writes && (socket->wanted & EPOLLOUT) == 0)
    socket->n_tries = 0;
  socket->wanted = (reads ? (guint32) EPOLLIN : 0) | (writes ? (guint32) EPOLLOUT : 0);
  if (socket->is_changed)
    return;
  socket->is_changed = TRUE;
  g_array_append_val (sockets->changed, fd);
}

/**
 * kvs_sockets_forget:
 * @sockets: sockets
 * @fd: one that libcurl is about to close, or has closed
 *
 * Takes effect at once, since another socket may get the same number.
 */
void
kvs_sockets_forget (KvsSockets *sockets, int fd)
{
  Socket *socket = get_socket (sockets, fd);

  /* Where it is closed already the kernel has forgotten it by itself. */
  if (socket->registered != 0)
    epoll_ctl (sockets->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
  socket->wanted = socket->registered = 0;
}

/* Before epoll has been told of a socket nothing is known of it, not even whether it is connected. */
static gboolean
may_try (const Socket *socket)
{
  return socket->registered != 0 && (socket->registered & EPOLLOUT) == 0
         && (socket->wanted & EPOLLOUT) != 0 && socket->n_tries < MAX_TRIES;
}

/**
 * kvs_sockets_take_writer:
 * @sockets: sockets
 * @fd: (out): one that most probably can be written to
 *
 * To be called until there is none, and libcurl told of each as if epoll had said so: it finds out
 * where that is not true.
 *
 * Returns: whether there is one
 */
gboolean
kvs_sockets_take_writer (KvsSockets *sockets, int *fd)
{
  for (; sockets->next_writer < sockets->changed->len; sockets->next_writer++) {
    gint candidate = g_array_index (sockets->changed, gint, sockets->next_writer);
    Socket *socket = get_socket (sockets, candidate);

    if (!may_try (socket))
      continue;
    socket->n_tries++;
    *fd = candidate;
    return TRUE;
  }
  return FALSE;
}

static void
apply_one (KvsSockets *sockets, int fd)
{
  Socket *socket = get_socket (sockets, fd);
  struct epoll_event event = { .events = socket->wanted, .data.fd = fd };
  gboolean was_known = socket->registered != 0;

  socket->is_changed = FALSE;
  if (socket->wanted == socket->registered)
    return;
  socket->registered = socket->wanted;
  if (epoll_ctl (sockets->epoll_fd, was_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0)
    return;
  if (errno == ENOENT)
    epoll_ctl (sockets->epoll_fd, EPOLL_CTL_ADD, fd, &event);
  else if (errno == EEXIST)
    epoll_ctl (sockets->epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

/**
 * kvs_sockets_apply:
 * @sockets: sockets
 *
 * Tells epoll what has changed. To be called before it is waited for.
 */
void
kvs_sockets_apply (KvsSockets *sockets)
{
  for (guint i = 0; i < sockets->changed->len; i++)
    apply_one (sockets, g_array_index (sockets->changed, gint, i));
  g_array_set_size (sockets->changed, 0);
  sockets->next_writer = 0;
}
