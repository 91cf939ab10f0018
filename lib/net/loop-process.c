/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one loop of the process: who holds it, and how it ends. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/loop-private.h"

static GMutex shared_lock;
static GCond exit_holds_gone;
static KvsLoop *shared_loop;

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
  gboolean released, own_thread_released;

  kvs_loop_run (loop);
  g_mutex_lock (&shared_lock);
  released = loop->n_refs == 0;
  own_thread_released = released && loop->thread == NULL;
  g_mutex_unlock (&shared_lock);
  /* On this thread, which timers and transfers belong to; at the end of the process it stays. */
  if (released)
    g_clear_pointer (&loop->shared, kvs_loop_shared_free);
  /* Nobody can join a thread that let go of itself. */
  if (own_thread_released)
    loop_free (loop);
  return NULL;
}

/* OpenSSL frees its tables when the process exits; a thread that still speaks TLS then crashes.
 * Registered after libcurl's initialisation, so that it runs before that. What still runs is left
 * reachable, not freed: its owners may be in any state. */
static void
stop_at_exit (void)
{
  KvsLoop *loop;
  GThread *thread = NULL;

  g_mutex_lock (&shared_lock);
  loop = shared_loop;
  if (loop != NULL) {
    loop->n_refs++;
    thread = loop->thread;
  }
  while (thread != NULL && thread != g_thread_self () && loop->n_exit_holds > 0)
    g_cond_wait (&exit_holds_gone, &shared_lock);
  g_mutex_unlock (&shared_lock);
  if (thread == NULL || thread == g_thread_self ())
    return;
  kvs_loop_ask_to_quit (loop);
  g_thread_join (thread);
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
  GThread *thread = NULL;
  gboolean last;

  g_mutex_lock (&shared_lock);
  last = --loop->n_refs == 0;
  if (last) {
    if (shared_loop == loop)
      shared_loop = NULL;
    thread = loop->thread;
    if (thread == g_thread_self ())
      loop->thread = NULL;
  }
  g_mutex_unlock (&shared_lock);
  if (!last)
    return;

  kvs_loop_ask_to_quit (loop);
  if (thread == g_thread_self ()) {
    g_thread_unref (thread);
    return;
  }
  g_thread_join (thread);
  loop_free (loop);
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
  g_cond_broadcast (&exit_holds_gone);
  g_mutex_unlock (&shared_lock);
}
