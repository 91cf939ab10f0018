/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A binary heap in one array: with a few timers for each of a hundred streams it stays in the cache. */
#include "net/timers.h"

struct _KvsLoopTimer {
  guint index; /* in the heap */
  KvsLoopFunc func;
  gpointer user_data;
};

typedef struct {
  gint64 deadline_us;
  guint64 serial; /* keeps timers of one deadline apart, first come first served */
  KvsLoopTimer *timer;
} Entry;

struct _KvsTimers {
  GArray *heap; /* of Entry; none is due before the one at (index - 1) / 2 */
  guint64 next_serial;
};

/**
 * kvs_timers_new:
 *
 * Returns: (transfer full): no timers
 */
KvsTimers *
kvs_timers_new (void)
{
  KvsTimers *timers = g_new0 (KvsTimers, 1);

  timers->heap = g_array_new (FALSE, FALSE, sizeof (Entry));
  return timers;
}

static Entry *
get_entry (KvsTimers *timers, guint index)
{
  return &g_array_index (timers->heap, Entry, index);
}

/**
 * kvs_timers_free:
 * @timers: (transfer full): timers; none of them will run any more
 */
void
kvs_timers_free (KvsTimers *timers)
{
  for (guint i = 0; i < timers->heap->len; i++)
    g_free (get_entry (timers, i)->timer);
  g_array_unref (timers->heap);
  g_free (timers);
}

static gboolean
is_before (const Entry *a, const Entry *b)
{
  if (a->deadline_us != b->deadline_us)
    return a->deadline_us < b->deadline_us;
  return a->serial < b->serial;
}

static void
put_entry (KvsTimers *timers, guint index, const Entry *entry)
{
  *get_entry (timers, index) = *entry;
  entry->timer->index = index;
}

/* Returns: where there is a place for the entry, at @index or above. */
static guint
move_up (KvsTimers *timers, guint index, const Entry *entry)
{
  while (index > 0 && is_before (entry, get_entry (timers, (index - 1) / 2))) {
    put_entry (timers, index, get_entry (timers, (index - 1) / 2));
    index = (index - 1) / 2;
  }
  return index;
}

/* Returns: where there is a place for the entry, at @index or below. */
static guint
move_down (KvsTimers *timers, guint index, const Entry *entry)
{
  guint n = timers->heap->len;

  for (guint child = 2 * index + 1; child < n; child = 2 * index + 1) {
    if (child + 1 < n && is_before (get_entry (timers, child + 1), get_entry (timers, child)))
      child++;
    if (!is_before (get_entry (timers, child), entry))
      break;
    put_entry (timers, index, get_entry (timers, child));
    index = child;
  }
  return index;
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
  Entry entry = { .timer = timer, .serial = timers->next_serial++ };
  guint last = timers->heap->len;

  timer->func = func;
  timer->user_data = user_data;
  entry.deadline_us = g_get_monotonic_time () + MAX (delay_us, 0);
  g_array_set_size (timers->heap, last + 1);
  put_entry (timers, move_up (timers, last, &entry), &entry);
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
  guint index = timer->index;
  guint last = timers->heap->len - 1;
  Entry moved = *get_entry (timers, last);

  g_free (timer);
  g_array_set_size (timers->heap, last);
  if (index == last)
    return;
  index = move_up (timers, index, &moved);
  put_entry (timers, move_down (timers, index, &moved), &moved);
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
  return timers->heap->len > 0 ? get_entry (timers, 0)->deadline_us : -1;
}

/**
 * kvs_timers_run_due:
 * @timers: timers
 *
 * Runs those whose time has come, each once; they may add and cancel others.
 *
 * Returns: whether there was one
 */
gboolean
kvs_timers_run_due (KvsTimers *timers)
{
  gint64 now_us = g_get_monotonic_time ();
  gboolean any = FALSE;

  while (timers->heap->len > 0 && get_entry (timers, 0)->deadline_us <= now_us) {
    KvsLoopTimer *timer = get_entry (timers, 0)->timer;
    KvsLoopFunc func = timer->func;
    gpointer user_data = timer->user_data;

    kvs_timers_cancel (timers, timer);
    func (user_data);
    any = TRUE;
  }
  return any;
}
