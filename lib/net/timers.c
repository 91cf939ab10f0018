/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/timers.h"

struct _KvsLoopTimer {
  gint64 deadline_us;
  guint64 serial; /* keeps timers of one deadline apart, first come first served */
  KvsLoopFunc func;
  gpointer user_data;
};

struct _KvsTimers {
  GTree *tree; /* of KvsLoopTimer */
  guint64 next_serial;
};

static gint
timer_compare (gconstpointer a, gconstpointer b, gpointer unused)
{
  const KvsLoopTimer *x = a, *y = b;

  if (x->deadline_us != y->deadline_us)
    return x->deadline_us < y->deadline_us ? -1 : 1;
  return x->serial < y->serial ? -1 : x->serial > y->serial;
}

/**
 * kvs_timers_new:
 *
 * Returns: (transfer full): no timers
 */
KvsTimers *
kvs_timers_new (void)
{
  KvsTimers *timers = g_new0 (KvsTimers, 1);

  timers->tree = g_tree_new_full (timer_compare, NULL, NULL, g_free);
  return timers;
}

/**
 * kvs_timers_free:
 * @timers: (transfer full): timers; none of them will run any more
 */
void
kvs_timers_free (KvsTimers *timers)
{
  g_tree_unref (timers->tree);
  g_free (timers);
}

/**
 * kvs_timers_add:
 * @timers: timers
 * @delay_us: microseconds from now
 * @func: called once
 * @user_data: for @func
 *
 * Returns: (transfer none): the timer, until it has run
 */
KvsLoopTimer *
kvs_timers_add (KvsTimers *timers, gint64 delay_us, KvsLoopFunc func, gpointer user_data)
{
  KvsLoopTimer *timer = g_new (KvsLoopTimer, 1);

  timer->deadline_us = g_get_monotonic_time () + MAX (delay_us, 0);
  timer->serial = timers->next_serial++;
  timer->func = func;
  timer->user_data = user_data;
  g_tree_insert (timers->tree, timer, timer);
  return timer;
}

/**
 * kvs_timers_cancel:
 * @timers: timers
 * @timer: (transfer full): one that has not run
 */
void
kvs_timers_cancel (KvsTimers *timers, KvsLoopTimer *timer)
{
  g_tree_remove (timers->tree, timer);
}

static KvsLoopTimer *
first_timer (KvsTimers *timers)
{
  GTreeNode *node = g_tree_node_first (timers->tree);

  return node != NULL ? g_tree_node_key (node) : NULL;
}

/**
 * kvs_timers_get_next_us:
 * @timers: timers
 *
 * Returns: the next deadline in monotonic microseconds; -1 if there is none
 */
gint64
kvs_timers_get_next_us (KvsTimers *timers)
{
  const KvsLoopTimer *timer = first_timer (timers);

  return timer != NULL ? timer->deadline_us : -1;
}

/**
 * kvs_timers_run_due:
 * @timers: timers
 *
 * Runs those whose time has come, each once; they may add and cancel others.
 */
void
kvs_timers_run_due (KvsTimers *timers)
{
  gint64 now_us = g_get_monotonic_time ();
  KvsLoopTimer *timer;

  while ((timer = first_timer (timers)) != NULL && timer->deadline_us <= now_us) {
    KvsLoopFunc func = timer->func;
    gpointer user_data = timer->user_data;

    g_tree_remove (timers->tree, timer);
    func (user_data);
  }
}
