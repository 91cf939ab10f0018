/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/sockets.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

/* How often a socket is written to before epoll is asked whether it has room: a burst is a few upload
 * buffers. */
#define MAX_TRIES 4

/* One of the two sets that a socket may be in. */
typedef struct {
  guint32 events; /* what epoll was told */
  gboolean is_known;
} Registration;

typedef struct {
  guint32 wanted; /* events, as epoll has them */
  gboolean is_patient;
  Registration main;
  Registration patient;
  guint n_tries; /* since it wants to be written to */
  gboolean is_changed;
} Socket;

struct _KvsSockets {
  int epoll_fd;
  int patient_fd;  /* an epoll that nobody waits for */
  guint n_patient; /* sockets that it knows */
  GArray *ready;   /* of gint: those of them that can be read */
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
  sockets->patient_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (sockets->patient_fd < 0)
    g_error ("kvssink: no file descriptors left for the I/O thread: %s", g_strerror (errno));
  sockets->ready = g_array_new (FALSE, FALSE, sizeof (gint));
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
  g_array_unref (sockets->ready);
  close (sockets->patient_fd);
  g_free (sockets);
}

static Socket *
get_socket (KvsSockets *sockets, int fd)
{
  if ((guint) fd >= sockets->by_fd->len)
    g_array_set_size (sockets->by_fd, (guint) fd + 1);
  return &g_array_index (sockets->by_fd, Socket, fd);
}

static void
mark_changed (KvsSockets *sockets, Socket *socket, int fd)
{
  if (socket->is_changed)
    return;
  socket->is_changed = TRUE;
  g_array_append_val (sockets->changed, fd);
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
  mark_changed (sockets, socket, fd);
}

/**
 * kvs_sockets_set_patient:
 * @sockets: sockets
 * @fd: one of them
 * @patient: whether what comes in may wait for kvs_sockets_find_ready_patient(); its errors are told
 *   at once all the same
 *
 * Takes effect at kvs_sockets_apply(), and until kvs_sockets_forget().
 */
void
kvs_sockets_set_patient (KvsSockets *sockets, int fd, gboolean patient)
{
  Socket *socket = get_socket (sockets, fd);

  if (socket->is_patient == patient)
    return;
  socket->is_patient = patient;
  mark_changed (sockets, socket, fd);
}

/**
 * kvs_sockets_is_patient:
 * @sockets: sockets
 * @fd: one of them
 *
 * Returns: whether there may be something to read that epoll was not asked for
 */
gboolean
kvs_sockets_is_patient (KvsSockets *sockets, int fd)
{
  return get_socket (sockets, fd)->patient.is_known;
}

static void
forget_in_patient (KvsSockets *sockets, Socket *socket, int fd)
{
  if (!socket->patient.is_known)
    return;
  epoll_ctl (sockets->patient_fd, EPOLL_CTL_DEL, fd, NULL);
  socket->patient = (Registration) { 0 };
  sockets->n_patient--;
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
  if (socket->main.is_known)
    epoll_ctl (sockets->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
  socket->main = (Registration) { 0 };
  forget_in_patient (sockets, socket, fd);
  socket->wanted = 0;
  socket->is_patient = FALSE;
}

/**
 * kvs_sockets_find_ready_patient:
 * @sockets: sockets
 *
 * Returns: (transfer none) (element-type gint): the patient ones that can be read now, until this is
 *   called again
 */
const GArray *
kvs_sockets_find_ready_patient (KvsSockets *sockets)
{
  g_autofree struct epoll_event *events = NULL;
  int n = 0;

  g_array_set_size (sockets->ready, 0);
  if (sockets->n_patient == 0)
    return sockets->ready;
  events = g_new (struct epoll_event, sockets->n_patient);
  n = epoll_wait (sockets->patient_fd, events, (int) sockets->n_patient, 0);
  for (int i = 0; i < n; i++)
    g_array_append_val (sockets->ready, events[i].data.fd);
  return sockets->ready;
}

/* Before epoll has been told of a socket nothing is known of it, not even whether it is connected. */
static gboolean
may_try (const Socket *socket)
{
  return socket->main.is_known && (socket->main.events & EPOLLOUT) == 0
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
tell (int epoll_fd, int fd, Registration *registration, guint32 events)
{
  struct epoll_event event = { .events = events, .data.fd = fd };
  gboolean was_known = registration->is_known;

  if (was_known && registration->events == events)
    return;
  *registration = (Registration) { events, TRUE };
  if (epoll_ctl (epoll_fd, was_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0)
    return;
  if (errno == ENOENT)
    epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event);
  else if (errno == EEXIST)
    epoll_ctl (epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

static void
apply_one (KvsSockets *sockets, int fd)
{
  Socket *socket = get_socket (sockets, fd);
  gboolean is_patient = socket->is_patient && (socket->wanted & EPOLLIN) != 0;

  socket->is_changed = FALSE;
  /* libcurl has let go of it, and may have closed it. */
  if (socket->wanted == 0 && !socket->main.is_known)
    return;
  tell (sockets->epoll_fd, fd, &socket->main,
        is_patient ? socket->wanted & ~(guint32) EPOLLIN : socket->wanted);
  if (!is_patient) {
    forget_in_patient (sockets, socket, fd);
    return;
  }
  sockets->n_patient += socket->patient.is_known ? 0 : 1;
  tell (sockets->patient_fd, fd, &socket->patient, EPOLLIN);
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
