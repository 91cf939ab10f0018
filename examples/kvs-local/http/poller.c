/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/poller.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_EVENTS 64

struct _KvsLocalPoller {
  GSource source;
  int epoll_fd;
  gpointer epoll_tag;
  GQueue ready; /* (element-type KvsLocalWatch): whose turn comes */
};

struct _KvsLocalWatch {
  KvsLocalPoller *poller;
  int fd;
  KvsLocalWatchFunc func;
  gpointer user_data;
  gboolean is_active;
  gboolean is_ready;
  GList link; /* of the poller's queue */
};

static gboolean
poller_prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return ((KvsLocalPoller *) source)->ready.length > 0;
}

static gboolean
poller_check (GSource *source)
{
  KvsLocalPoller *poller = (KvsLocalPoller *) source;

  return poller->ready.length > 0 || g_source_query_unix_fd (source, poller->epoll_tag) != 0;
}

/* Each that is ready has one turn, so that none waits for long. */
static gboolean
poller_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  KvsLocalPoller *poller = (KvsLocalPoller *) source;
  struct epoll_event events[MAX_EVENTS];
  int n_events = epoll_wait (poller->epoll_fd, events, MAX_EVENTS, 0);

  for (int i = 0; i < n_events; i++)
    kvs_local_watch_wake (events[i].data.ptr);
  for (guint n_left = poller->ready.length; n_left > 0 && poller->ready.length > 0; n_left--) {
    KvsLocalWatch *watch = g_queue_pop_head_link (&poller->ready)->data;

    watch->is_ready = FALSE;
    watch->func (watch->user_data);
  }
  return G_SOURCE_CONTINUE;
}

static void
poller_finalize (GSource *source)
{
  close (((KvsLocalPoller *) source)->epoll_fd);
}

static GSourceFuncs poller_funcs = {
  .prepare = poller_prepare,
  .check = poller_check,
  .dispatch = poller_dispatch,
  .finalize = poller_finalize,
};

/**
 * kvs_local_poller_new:
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): a poller that works as long as the default main context runs
 */
KvsLocalPoller *
kvs_local_poller_new (GError **error)
{
  int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  KvsLocalPoller *poller;

  if (epoll_fd < 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "epoll: %s",
                 g_strerror (errno));
    return NULL;
  }
  poller = (KvsLocalPoller *) g_source_new (&poller_funcs, sizeof *poller);
  poller->epoll_fd = epoll_fd;
  g_queue_init (&poller->ready);
  poller->epoll_tag = g_source_add_unix_fd (&poller->source, epoll_fd, G_IO_IN);
  g_source_attach (&poller->source, NULL);
  return poller;
}

/**
 * kvs_local_poller_free:
 * @poller: (transfer full) (nullable): a poller without watches
 */
void
kvs_local_poller_free (KvsLocalPoller *poller)
{
  if (poller == NULL)
    return;
  g_source_destroy (&poller->source);
  g_source_unref (&poller->source);
}

/**
 * kvs_local_watch_new:
 * @poller: a poller
 * @fd: a socket; must stay open as long as the watch is there
 * @func: to call
 * @user_data: handed to @func
 *
 * Returns: (transfer full): a watch that is not active
 */
KvsLocalWatch *
kvs_local_watch_new (KvsLocalPoller *poller, int fd, KvsLocalWatchFunc func, gpointer user_data)
{
  KvsLocalWatch *watch = g_new0 (KvsLocalWatch, 1);

  watch->poller = poller;
  watch->fd = fd;
  watch->func = func;
  watch->user_data = user_data;
  watch->link.data = watch;
  return watch;
}

/**
 * kvs_local_watch_free:
 * @watch: (transfer full) (nullable): a watch
 *
 * May be called from within its function.
 */
void
kvs_local_watch_free (KvsLocalWatch *watch)
{
  if (watch == NULL)
    return;
  kvs_local_watch_set_active (watch, FALSE);
  g_free (watch);
}

/**
 * kvs_local_watch_set_active:
 * @watch: a watch
 * @active: whether its function is to be called
 *
 * What becomes active is called at least once: bytes may wait in a buffer above the socket.
 */
void
kvs_local_watch_set_active (KvsLocalWatch *watch, gboolean active)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = watch };

  if (active == watch->is_active)
    return;
  watch->is_active = active;
  epoll_ctl (watch->poller->epoll_fd, active ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, watch->fd, &event);
  if (active) {
    kvs_local_watch_wake (watch);
  } else if (watch->is_ready) {
    g_queue_unlink (&watch->poller->ready, &watch->link);
    watch->is_ready = FALSE;
  }
}

/**
 * kvs_local_watch_wake:
 * @watch: an active watch
 *
 * Has its function called in the next round of the main loop.
 */
void
kvs_local_watch_wake (KvsLocalWatch *watch)
{
  if (watch->is_ready)
    return;
  watch->is_ready = TRUE;
  g_queue_push_tail_link (&watch->poller->ready, &watch->link);
}
