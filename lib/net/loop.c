/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/loop-private.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_EVENTS 64

typedef struct {
  KvsLoopFunc func;
  gpointer user_data;
} Invocation;

/* ---- timers ---- */

/**
 * kvs_loop_add_timer:
 * @loop: the loop
 * @delay_us: microseconds from now
 * @func: called once
 * @user_data: for @func
 *
 * I/O thread only. The timer is gone when @func is called: forget the pointer there.
 *
 * Returns: (transfer none): the timer, for kvs_loop_cancel_timer()
 */
KvsLoopTimer *
kvs_loop_add_timer (KvsLoop *loop, gint64 delay_us, KvsLoopFunc func, gpointer user_data)
{
  g_assert (kvs_loop_is_current (loop));
  return kvs_timers_add (loop->timers, delay_us, func, user_data);
}

/**
 * kvs_loop_add_shared_timer:
 * @loop: the loop
 * @delay_us: microseconds from now at most
 * @grid_us: by how much it may be earlier
 * @func: called once
 * @user_data: for @func
 *
 * As kvs_loop_add_timer(), at a moment that it shares with others of the same @grid_us: what costs is
 * waking up, not what is done then.
 *
 * Returns: (transfer none): the timer
 */
KvsLoopTimer *
kvs_loop_add_shared_timer (KvsLoop *loop, gint64 delay_us, gint64 grid_us, KvsLoopFunc func,
                           gpointer user_data)
{
  gint64 latest_us = g_get_monotonic_time () + delay_us;

  return kvs_loop_add_timer (loop, delay_us - latest_us % MAX (grid_us, 1), func, user_data);
}

/**
 * kvs_loop_cancel_timer:
 * @loop: the loop
 * @timer: (inout) (nullable): the timer; %NULL afterwards
 *
 * I/O thread only. Does nothing where @timer points to %NULL.
 */
void
kvs_loop_cancel_timer (KvsLoop *loop, KvsLoopTimer **timer)
{
  if (*timer == NULL)
    return;
  g_assert (kvs_loop_is_current (loop));
  kvs_timers_cancel (loop->timers, g_steal_pointer (timer));
}

/* ---- calls from other threads ---- */

static void
wake (KvsLoop *loop)
{
  guint64 one = 1;

  while (write (loop->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

/**
 * kvs_loop_invoke:
 * @loop: the loop
 * @func: what to call
 * @user_data: for @func; must stay valid until then
 *
 * Has @func called on the I/O thread, after everything that was invoked before. Any thread. A loop
 * that the end of the process has stopped calls nothing any more.
 */
void
kvs_loop_invoke (KvsLoop *loop, KvsLoopFunc func, gpointer user_data)
{
  Invocation *invocation = g_new (Invocation, 1);
  gboolean was_empty;

  invocation->func = func;
  invocation->user_data = user_data;
  g_mutex_lock (&loop->lock);
  was_empty = g_queue_is_empty (&loop->invocations);
  g_queue_push_tail (&loop->invocations, invocation);
  /* Before the lock is given back: what was invoked may let go of the loop for good. */
  if (was_empty)
    wake (loop);
  g_mutex_unlock (&loop->lock);
}

static void
run_invocations (KvsLoop *loop)
{
  GQueue taken;
  Invocation *invocation;

  g_mutex_lock (&loop->lock);
  taken = loop->invocations;
  g_queue_init (&loop->invocations);
  g_mutex_unlock (&loop->lock);

  while ((invocation = g_queue_pop_head (&taken)) != NULL) {
    invocation->func (invocation->user_data);
    g_free (invocation);
  }
}

/* ---- libcurl ---- */

/**
 * kvs_loop_add_transfer:
 * @loop: the loop
 * @easy: a handle that is ready to run; stays the caller's
 * @func: called once when the transfer has ended
 * @user_data: for @func
 *
 * I/O thread only.
 *
 * Returns: whether libcurl took it
 */
gboolean
kvs_loop_add_transfer (KvsLoop *loop, CURL *easy, KvsLoopTransferFunc func, gpointer user_data)
{
  g_assert (kvs_loop_is_current (loop));
  return kvs_transfers_add (loop->transfers, easy, func, user_data);
}

/**
 * kvs_loop_remove_transfer:
 * @loop: the loop
 * @easy: a handle
 *
 * Ends the transfer without calling its function. I/O thread only, and never from inside a libcurl
 * callback. Does nothing for a handle that is not running.
 */
void
kvs_loop_remove_transfer (KvsLoop *loop, CURL *easy)
{
  g_assert (kvs_loop_is_current (loop));
  kvs_transfers_remove (loop->transfers, easy);
}

/**
 * kvs_loop_set_gathering:
 * @loop: the loop
 * @easy: a running transfer
 * @gathering: whether more will be written at once
 *
 * See kvs_transfers_set_gathering(). I/O thread only.
 */
void
kvs_loop_set_gathering (KvsLoop *loop, CURL *easy, gboolean gathering)
{
  g_assert (kvs_loop_is_current (loop));
  kvs_transfers_set_gathering (loop->transfers, easy, gathering);
}

/**
 * kvs_loop_set_patient:
 * @loop: the loop
 * @easy: a running transfer
 * @patient: whether what comes in for it may wait until the next timer of the loop runs
 *
 * A transfer that will be woken for its own reasons soon need not be woken for its answer too. The
 * caller has a timer running for as long. Ends with the connection. I/O thread only.
 */
void
kvs_loop_set_patient (KvsLoop *loop, CURL *easy, gboolean patient)
{
  g_assert (kvs_loop_is_current (loop));
  kvs_transfers_set_patient (loop->transfers, easy, patient);
}

/**
 * kvs_loop_has_peer_ended:
 * @loop: the loop
 * @easy: a running transfer whose request has been sent, at least in part
 *
 * See kvs_transfers_has_peer_ended(). I/O thread only.
 *
 * Returns: whether nothing more will come from the other side
 */
gboolean
kvs_loop_has_peer_ended (KvsLoop *loop, CURL *easy)
{
  g_assert (kvs_loop_is_current (loop));
  return kvs_transfers_has_peer_ended (loop->transfers, easy);
}

/* ---- what all users share ---- */

/**
 * kvs_loop_shared:
 * @loop: the loop
 * @key: a name, the same for all who want the same thing
 * @make: makes it for the first one who asks
 * @destroy: (nullable): frees it on the I/O thread, when the loop ends
 *
 * Where caches live that serve all elements of the process. What @make returns must not hold a
 * reference to the loop for as long as it is idle, or the loop never ends. I/O thread only.
 *
 * Returns: (transfer none): the thing
 */
gpointer
kvs_loop_shared (KvsLoop *loop, const gchar *key, gpointer (*make) (KvsLoop *loop),
                 GDestroyNotify destroy)
{
  gpointer thing;

  g_assert (kvs_loop_is_current (loop));
  thing = kvs_loop_shared_get (loop->shared, key);
  if (thing == NULL) {
    thing = make (loop);
    kvs_loop_shared_set (loop->shared, key, thing, destroy);
  }
  return thing;
}

/* ---- the thread ---- */

static int
wait_time_ms (KvsLoop *loop)
{
  gint64 timer_us = kvs_timers_get_next_us (loop->timers);
  gint64 deadline_us = kvs_transfers_get_deadline_us (loop->transfers);
  gint64 left_us;

  if (timer_us >= 0 && (deadline_us < 0 || timer_us < deadline_us))
    deadline_us = timer_us;
  if (deadline_us < 0)
    return -1;
  left_us = deadline_us - g_get_monotonic_time ();
  if (left_us <= 0)
    return 0;
  return (int) MIN ((left_us + 999) / 1000, G_MAXINT);
}

static void
handle_event (KvsLoop *loop, const struct epoll_event *event)
{
  /* The wake descriptor is never read: each write is an edge of its own. */
  if (event->data.fd != loop->wake_fd)
    kvs_transfers_handle_event (loop->transfers, event);
}

static gboolean
wants_quit (KvsLoop *loop)
{
  gboolean quit;

  g_mutex_lock (&loop->lock);
  quit = loop->quit && g_queue_is_empty (&loop->invocations);
  g_mutex_unlock (&loop->lock);
  return quit;
}

void
kvs_loop_run (KvsLoop *loop)
{
  struct epoll_event events[MAX_EVENTS];

  while (!wants_quit (loop)) {
    gboolean timers_ran;
    int n = epoll_wait (loop->epoll_fd, events, MAX_EVENTS, wait_time_ms (loop));

    for (int i = 0; i < n; i++)
      handle_event (loop, &events[i]);
    kvs_transfers_run (loop->transfers, FALSE);
    run_invocations (loop);
    timers_ran = kvs_timers_run_due (loop->timers);
    /* Both may have moved transfers along. */
    kvs_transfers_run (loop->transfers, timers_ran);
    kvs_transfers_apply (loop->transfers);
  }
}

void
kvs_loop_ask_to_quit (KvsLoop *loop)
{
  g_mutex_lock (&loop->lock);
  loop->quit = TRUE;
  g_mutex_unlock (&loop->lock);
  wake (loop);
}

/**
 * kvs_loop_is_current:
 * @loop: the loop
 *
 * Returns: whether the caller runs on the I/O thread
 */
gboolean
kvs_loop_is_current (KvsLoop *loop)
{
  return g_thread_self () == loop->thread || loop->thread == NULL;
}
