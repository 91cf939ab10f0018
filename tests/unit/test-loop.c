/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/loop.h"

#include <check.h>
#include <unistd.h>

#include "../suite.h"
#include "wait.h"

#define MS G_GINT64_CONSTANT (1000)

/* ---- what the I/O thread does, seen from here ---- */

static GMutex lock;
static GCond changed;
static GArray *order; /* of gint */
static gint n_pending;
static guint n_threads_before;

static void
setup (void)
{
  order = g_array_new (FALSE, FALSE, sizeof (gint));
  n_pending = 0;
  n_threads_before = count_threads_before ();
}

static void
teardown (void)
{
  ck_assert (wait_until_threads_are (n_threads_before));
  g_array_unref (order);
}

static void
add_pending (gint n)
{
  g_mutex_lock (&lock);
  n_pending += n;
  g_mutex_unlock (&lock);
}

static void
note (gint number)
{
  g_mutex_lock (&lock);
  g_array_append_val (order, number);
  n_pending--;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
}

static void
wait_for_pending (void)
{
  gint64 deadline_us = g_get_monotonic_time () + WAIT_LIMIT_US;

  g_mutex_lock (&lock);
  while (n_pending > 0)
    ck_assert (g_cond_wait_until (&changed, &lock, deadline_us));
  g_mutex_unlock (&lock);
}

static void
on_number (gpointer user_data)
{
  note (GPOINTER_TO_INT (user_data));
}

/* ---- timers ---- */

static void
add_timers (gpointer user_data)
{
  static const gint delays_ms[] = { 30, 10, 20, 10, 0, 30, -5 };
  KvsLoop *loop = user_data;

  for (guint i = 0; i < G_N_ELEMENTS (delays_ms); i++)
    kvs_loop_add_timer (loop, delays_ms[i] * MS, on_number, GINT_TO_POINTER (i));
}

START_TEST (test_timers_in_order)
{
  static const gint expected[] = { 4, 6, 1, 3, 2, 0, 5 };
  KvsLoop *loop = kvs_loop_acquire ();

  add_pending (7);
  kvs_loop_invoke (loop, add_timers, loop);
  wait_for_pending ();
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    ck_assert_int_eq (g_array_index (order, gint, i), expected[i]);
  kvs_loop_release (loop);
}
END_TEST

static KvsLoop *timer_loop;
static KvsLoopTimer *first, *second, *third;

static void
on_first (gpointer user_data)
{
  first = NULL;
  /* a timer of the same turn, and one that is due much later */
  kvs_loop_cancel_timer (timer_loop, &second);
  kvs_loop_cancel_timer (timer_loop, &third);
  kvs_loop_cancel_timer (timer_loop, &third);
  note (1);
}

static void
add_timers_to_cancel (gpointer user_data)
{
  KvsLoopTimer *none = NULL;

  kvs_loop_cancel_timer (timer_loop, &none);
  first = kvs_loop_add_timer (timer_loop, 0, on_first, NULL);
  second = kvs_loop_add_timer (timer_loop, 0, on_number, GINT_TO_POINTER (2));
  third = kvs_loop_add_timer (timer_loop, 3600 * (gint64) G_USEC_PER_SEC, on_number, GINT_TO_POINTER (3));
  kvs_loop_add_timer (timer_loop, 5 * MS, on_number, GINT_TO_POINTER (4));
}

START_TEST (test_cancelled_timers_do_not_run)
{
  timer_loop = kvs_loop_acquire ();
  add_pending (2);
  kvs_loop_invoke (timer_loop, add_timers_to_cancel, NULL);
  wait_for_pending ();
  ck_assert_uint_eq (order->len, 2);
  ck_assert_int_eq (g_array_index (order, gint, 0), 1);
  ck_assert_int_eq (g_array_index (order, gint, 1), 4);
  ck_assert_ptr_null (second);
  ck_assert_ptr_null (third);
  kvs_loop_release (timer_loop);
}
END_TEST

static void
add_far_timer (gpointer user_data)
{
  first = kvs_loop_add_timer (timer_loop, 3600 * (gint64) G_USEC_PER_SEC, on_number, GINT_TO_POINTER (3));
  note (0);
}

static void
cancel_far_timer (gpointer user_data)
{
  kvs_loop_cancel_timer (timer_loop, &first);
  note (0);
}

/* A loop that sleeps until a far deadline still hears of what comes first. */
START_TEST (test_nearer_timer)
{
  timer_loop = kvs_loop_acquire ();
  add_pending (1);
  kvs_loop_invoke (timer_loop, add_far_timer, NULL);
  wait_for_pending ();
  add_pending (7);
  kvs_loop_invoke (timer_loop, add_timers, timer_loop);
  wait_for_pending ();
  add_pending (1);
  kvs_loop_invoke (timer_loop, cancel_far_timer, NULL);
  wait_for_pending ();
  kvs_loop_release (timer_loop);
}
END_TEST

/* ---- calls from other threads ---- */

#define N_CALLERS 4
#define N_CALLS 2000

static gint last_of[N_CALLERS]; /* the I/O thread alone */
static gboolean out_of_order;

static void
on_call (gpointer user_data)
{
  gint number = GPOINTER_TO_INT (user_data);
  gint caller = number % N_CALLERS, call = number / N_CALLERS;

  if (!kvs_loop_is_current (timer_loop) || call != last_of[caller] + 1)
    out_of_order = TRUE;
  last_of[caller] = call;
  note (number);
}

static gpointer
call_many_times (gpointer data)
{
  gint caller = GPOINTER_TO_INT (data);

  for (gint i = 0; i < N_CALLS; i++)
    kvs_loop_invoke (timer_loop, on_call, GINT_TO_POINTER (i * N_CALLERS + caller));
  return NULL;
}

START_TEST (test_invoke_from_many_threads)
{
  GThread *threads[N_CALLERS];

  timer_loop = kvs_loop_acquire ();
  out_of_order = FALSE;
  add_pending (N_CALLERS * N_CALLS);
  for (gint i = 0; i < N_CALLERS; i++) {
    last_of[i] = -1;
    threads[i] = g_thread_new ("caller", call_many_times, GINT_TO_POINTER (i));
  }
  for (gint i = 0; i < N_CALLERS; i++)
    g_thread_join (threads[i]);
  wait_for_pending ();
  ck_assert (!out_of_order);
  ck_assert_uint_eq (order->len, N_CALLERS * N_CALLS);
  kvs_loop_release (timer_loop);
}
END_TEST

static void
invoke_again (gpointer user_data)
{
  gint left = GPOINTER_TO_INT (user_data);

  if (left > 0)
    kvs_loop_invoke (timer_loop, invoke_again, GINT_TO_POINTER (left - 1));
  note (left);
}

/* The last release waits for what was invoked, and for what that invokes. */
START_TEST (test_release_runs_what_was_invoked)
{
  timer_loop = kvs_loop_acquire ();
  add_pending (11);
  kvs_loop_invoke (timer_loop, invoke_again, GINT_TO_POINTER (10));
  kvs_loop_release (timer_loop);
  ck_assert_uint_eq (order->len, 11);
}
END_TEST

/* ---- the life of the thread ---- */

START_TEST (test_one_loop_for_all)
{
  KvsLoop *loop = kvs_loop_acquire ();
  KvsLoop *again = kvs_loop_acquire ();

  ck_assert_ptr_eq (loop, again);
  ck_assert_ptr_eq (kvs_loop_ref (loop), loop);
  ck_assert (!kvs_loop_is_current (loop));
  ck_assert (wait_until_threads_are (n_threads_before + 1));
  kvs_loop_release (loop);
  kvs_loop_release (loop);
  add_pending (1);
  kvs_loop_invoke (again, on_number, NULL);
  wait_for_pending ();
  kvs_loop_release (again);
}
END_TEST

static void
release_there (gpointer user_data)
{
  KvsLoop *loop = user_data;

  kvs_loop_release (loop);
  note (1);
}

START_TEST (test_last_release_on_the_io_thread)
{
  for (gint i = 0; i < 50; i++) {
    KvsLoop *loop = kvs_loop_acquire ();

    add_pending (1);
    kvs_loop_invoke (loop, release_there, loop);
    wait_for_pending ();
  }
}
END_TEST

static void
release_and_go_on (gpointer user_data)
{
  KvsLoop *loop = user_data;

  kvs_loop_release (loop);
  /* the loop lives until its thread has left */
  ck_assert (kvs_loop_is_current (loop));
  kvs_loop_invoke (loop, on_number, GINT_TO_POINTER (2));
  note (1);
}

START_TEST (test_io_thread_goes_on_after_its_release)
{
  KvsLoop *loop = kvs_loop_acquire ();

  add_pending (2);
  kvs_loop_invoke (loop, release_and_go_on, loop);
  wait_for_pending ();
}
END_TEST

static gpointer
acquire_and_release (gpointer data)
{
  for (gint i = 0; i < 250; i++) {
    KvsLoop *loop = kvs_loop_acquire ();

    add_pending (1);
    if (i % 2 == 0) {
      kvs_loop_invoke (loop, release_there, loop);
    } else {
      kvs_loop_invoke (loop, on_number, NULL);
      kvs_loop_release (loop);
    }
  }
  return NULL;
}

/* 1000 in all, from several threads at a time, the last release now here and now there. */
START_TEST (test_many_cycles)
{
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("cycles", acquire_and_release, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  wait_for_pending ();
}
END_TEST

START_TEST (test_1000_cycles_alone)
{
  for (gint i = 0; i < 1000; i++)
    kvs_loop_release (kvs_loop_acquire ());
}
END_TEST

/* ---- what all users share ---- */

static gint n_made, n_destroyed_there;
static gpointer seen[2];

static gpointer
make_thing (KvsLoop *loop)
{
  g_atomic_int_inc (&n_made);
  return loop;
}

static void
destroy_thing (gpointer thing)
{
  if (kvs_loop_is_current (thing))
    g_atomic_int_inc (&n_destroyed_there);
}

static void
look_for_things (gpointer user_data)
{
  seen[0] = kvs_loop_shared (user_data, "a", make_thing, destroy_thing);
  seen[1] = kvs_loop_shared (user_data, "a", make_thing, destroy_thing);
  kvs_loop_shared (user_data, "b", make_thing, NULL);
  note (0);
}

static void
use_things (KvsLoop *loop)
{
  add_pending (1);
  kvs_loop_invoke (loop, look_for_things, loop);
  wait_for_pending ();
  ck_assert_ptr_eq (seen[0], loop);
  ck_assert_ptr_eq (seen[1], loop);
}

/* One of each name for all users; gone with the loop, on its thread; made anew for the next one. */
START_TEST (test_shared_things)
{
  KvsLoop *loop = kvs_loop_acquire ();
  KvsLoop *again = kvs_loop_acquire ();

  n_made = n_destroyed_there = 0;
  use_things (loop);
  use_things (again);
  ck_assert_int_eq (n_made, 2);
  kvs_loop_release (again);
  ck_assert_int_eq (n_destroyed_there, 0);
  kvs_loop_release (loop);
  ck_assert_int_eq (n_destroyed_there, 1);

  loop = kvs_loop_acquire ();
  use_things (loop);
  ck_assert_int_eq (n_made, 4);
  add_pending (1);
  kvs_loop_invoke (loop, release_there, loop);
  wait_for_pending ();
  ck_assert (wait_until_threads_are (n_threads_before));
  ck_assert_int_eq (g_atomic_int_get (&n_destroyed_there), 2);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("loop");
  TCase *tc = tcase_create ("loop");

  tcase_set_timeout (tc, 120);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_timers_in_order);
  tcase_add_test (tc, test_cancelled_timers_do_not_run);
  tcase_add_test (tc, test_nearer_timer);
  tcase_add_test (tc, test_invoke_from_many_threads);
  tcase_add_test (tc, test_release_runs_what_was_invoked);
  tcase_add_test (tc, test_one_loop_for_all);
  tcase_add_test (tc, test_last_release_on_the_io_thread);
  tcase_add_test (tc, test_io_thread_goes_on_after_its_release);
  tcase_add_test (tc, test_shared_things);
  tcase_add_test (tc, test_many_cycles);
  tcase_add_test (tc, test_1000_cycles_alone);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
