/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one loop of the process: who holds it, and how it ends. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/loop-private.h"

static GMutex shared_lock;
static GCond something_ended; /* an exit hold, or a release */
static KvsLoop *shared_loop;
static GThread *leaving_thread; /* that has let go of its loop itself, until somebody joins it */
static guint n_releases;        /* that wait for their thread */

static GPrivate is_io_thread;

static void
loop_free (KvsLoop *loop)
{
  kvs_transfers_free (loop->transfers);
  kvs_timers_free (loop->timers);
  close (loop->epoll_fd);
  close (loop->wake_fd);
  g_mutex_clear (&loop->lock);
  g_free (loop);
}

static gpointer
run_until_released (gpointer data)
{
  KvsLoop *loop = data;
  GThread *predecessor = loop->predecessor;
  gboolean released, own_thread_released;

  g_private_set (&is_io_thread, loop);
  kvs_loop_run (loop);
  g_mutex_lock (&shared_lock);
  released = loop->n_refs == 0;
  own_thread_released = released && loop->thread == NULL;
  g_mutex_unlock (&shared_lock);
  /* On this thread, which timers and transfers belong to; at the end of the process it stays. */
  if (released)
    g_clear_pointer (&loop->shared, kvs_loop_shared_free);
  if (own_thread_released)
    loop_free (loop);
  if (predecessor != NULL)
    g_thread_join (predecessor);
  return NULL;
}

/* OpenSSL frees its tables when the process exits; a thread that still speaks TLS then crashes, and
 * what one that ends later has of them is lost. Registered after libcurl's initialisation, so that it
 * runs before that. What still runs is left reachable, not freed: its owners may be in any state. */
static void
stop_at_exit (void)
{
  KvsLoop *loop;
  GThread *leaving;

  /* It cannot wait for itself. */
  if (g_private_get (&is_io_thread) != NULL)
    return;
  g_mutex_lock (&shared_lock);
  loop = shared_loop;
  if (loop != NULL)
    loop->n_refs++;
  while (n_releases > 0 || (loop != NULL && loop->n_exit_holds > 0))
    g_cond_wait (&something_ended, &shared_lock);
  leaving = g_steal_pointer (&leaving_thread);
  g_mutex_unlock (&shared_lock);
  if (leaving != NULL)
    g_thread_join (leaving);
  if (loop == NULL)
    return;
  kvs_loop_ask_to_quit (loop);
  g_thread_join (loop->thread);
}

static void
init_once (void)
{
  static gsize initialised;

  if (g_once_init_enter (&initialised)) {
    curl_global_init (CURL_GLOBAL_DEFAULT);
    atexit (stop_at_exit);
    g_once_init_leave (&initialised, 1);
  }
}

static KvsLoop *
loop_new (void)
{
  KvsLoop *loop = g_new0 (KvsLoop, 1);
  struct epoll_event event = { .events = EPOLLIN | EPOLLET };

  g_mutex_init (&loop->lock);
  g_queue_init (&loop->invocations);
  loop->n_refs = 1;
  loop->timers = kvs_timers_new ();
  loop->shared = kvs_loop_shared_new ();
  loop->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  loop->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (loop->epoll_fd < 0 || loop->wake_fd < 0)
    g_error ("kvssink: no file descriptors left for the I/O thread: %s", g_strerror (errno));
  event.data.fd = loop->wake_fd;
  epoll_ctl (loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event);
  loop->transfers = kvs_transfers_new (loop->epoll_fd);
  return loop;
}

/**
 * kvs_loop_acquire:
 *
 * Gives the loop that all users in the process share, and starts its thread for the first one. Any
 * thread.
 *
 * Returns: (transfer full): the loop; give it back with kvs_loop_release()
 */
KvsLoop *
kvs_loop_acquire (void)
{
  KvsLoop *loop;

  init_once ();
  g_mutex_lock (&shared_lock);
  if (shared_loop != NULL) {
    shared_loop->n_refs++;
  } else {
    shared_loop = loop_new ();
    shared_loop->predecessor = g_steal_pointer (&leaving_thread);
    shared_loop->thread = g_thread_new ("kvs-io", run_until_released, shared_loop);
  }
  loop = shared_loop;
  g_mutex_unlock (&shared_lock);
  return loop;
}

/**
 * kvs_loop_ref:
 * @loop: the loop
 *
 * Any thread.
 *
 * Returns: (transfer full): the same loop
 */
KvsLoop *
kvs_loop_ref (KvsLoop *loop)
{
  g_mutex_lock (&shared_lock);
  loop->n_refs++;
  g_mutex_unlock (&shared_lock);
  return loop;
}

static void
join_and_free (KvsLoop *loop, GThread *thread)
{
  g_thread_join (thread);
  loop_free (loop);
  g_mutex_lock (&shared_lock);
  n_releases--;
  g_cond_broadcast (&something_ended);
  g_mutex_unlock (&shared_lock);
}

/**
 * kvs_loop_release:
 * @loop: (transfer full): the loop
 *
 * The last release ends the thread, after everything that was invoked has run: it waits for that,
 * unless it is called on the I/O thread itself. Any thread.
 */
void
kvs_loop_release (KvsLoop *loop)
{
  gboolean last, is_own = g_private_get (&is_io_thread) == loop;
  GThread *thread = NULL;

  g_mutex_lock (&shared_lock);
  last = --loop->n_refs == 0;
  if (last) {
    shared_loop = NULL;
    thread = loop->thread;
    if (is_own)
      leaving_thread = g_steal_pointer (&loop->thread);
    else
      n_releases++;
  }
  g_mutex_unlock (&shared_lock);
  if (!last)
    return;
  kvs_loop_ask_to_quit (loop);
  if (!is_own)
    join_and_free (loop, thread);
}

/**
 * kvs_loop_hold_exit:
 * @loop: the loop
 *
 * The end of the process waits until kvs_loop_unhold_exit(), which the caller bounds. I/O thread
 * only.
 */
void
kvs_loop_hold_exit (KvsLoop *loop)
{
  g_mutex_lock (&shared_lock);
  loop->n_exit_holds++;
  g_mutex_unlock (&shared_lock);
}

/**
 * kvs_loop_unhold_exit:
 * @loop: the loop
 *
 * I/O thread only.
 */
void
kvs_loop_unhold_exit (KvsLoop *loop)
{
  g_mutex_lock (&shared_lock);
  loop->n_exit_holds--;
  g_cond_broadcast (&something_ended);
  g_mutex_unlock (&shared_lock);
}
