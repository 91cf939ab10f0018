/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/timers.h"

#include <check.h>

#include "../suite.h"

#define HOUR_US (3600 * (gint64) G_USEC_PER_SEC)
#define N_STEPS 5000
#define MAX_HOURS 300

static KvsTimers *timers;
static GArray *order; /* of gint */

static void
setup (void)
{
  timers = kvs_timers_new ();
  order = g_array_new (FALSE, FALSE, sizeof (gint));
}

static void
teardown (void)
{
  kvs_timers_free (timers);
  g_array_unref (order);
}

static void
on_timer (gpointer user_data)
{
  gint number = GPOINTER_TO_INT (user_data);

  g_array_append_val (order, number);
}

typedef struct {
  KvsLoopTimer *timer;
  gint hours;
} Known;

/* Hours from now until the next one, rounded. */
static gint
next_hours (void)
{
  gint64 next_us = kvs_timers_get_next_us (timers);

  return next_us < 0 ? -1 : (gint) ((next_us - g_get_monotonic_time () + HOUR_US / 2) / HOUR_US);
}

static gint
least_hours (const GArray *known)
{
  gint hours = -1;

  for (guint i = 0; i < known->len; i++) {
    gint candidate = g_array_index (known, Known, i).hours;

    hours = hours < 0 ? candidate : MIN (hours, candidate);
  }
  return hours;
}

START_TEST (test_random_ones)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) _i);
  g_autoptr (GArray) known = g_array_new (FALSE, FALSE, sizeof (Known));

  for (guint step = 0; step < N_STEPS; step++) {
    if (known->len == 0 || g_rand_int_range (rand, 0, 100) < 52) {
      Known one = { NULL, g_rand_int_range (rand, 1, MAX_HOURS) };

      one.timer = kvs_timers_add (timers, one.hours * HOUR_US, on_timer, NULL);
      g_array_append_val (known, one);
    } else {
      guint at = (guint) g_rand_int_range (rand, 0, (gint32) known->len);

      kvs_timers_cancel (timers, g_array_index (known, Known, at).timer);
      g_array_remove_index_fast (known, at);
    }
    ck_assert_int_eq (next_hours (), least_hours (known));
  }
  kvs_timers_run_due (timers);
  ck_assert_uint_eq (order->len, 0);
}
END_TEST

static void
add_another (gpointer user_data)
{
  on_timer (GINT_TO_POINTER (100));
  kvs_timers_add (timers, 10 * HOUR_US, on_timer, GINT_TO_POINTER (200));
}

START_TEST (test_due_ones_in_order)
{
  KvsLoopTimer *cancelled;

  kvs_timers_add (timers, HOUR_US, on_timer, GINT_TO_POINTER (300));
  for (gint i = 0; i < 20; i++)
    kvs_timers_add (timers, i % 2 == 0 ? 0 : -5, on_timer, GINT_TO_POINTER (i));
  cancelled = kvs_timers_add (timers, 0, on_timer, GINT_TO_POINTER (400));
  kvs_timers_add (timers, 0, add_another, NULL);
  kvs_timers_cancel (timers, cancelled);
  while (kvs_timers_get_next_us (timers) <= g_get_monotonic_time ())
    kvs_timers_run_due (timers);
  ck_assert_uint_eq (order->len, 21);
  for (gint i = 0; i < 20; i++)
    ck_assert_int_eq (g_array_index (order, gint, i), i);
  ck_assert_int_eq (g_array_index (order, gint, 20), 100);
  ck_assert_int_eq (next_hours (), 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("timers");
  TCase *tcase = tcase_create ("timers");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_loop_test (tcase, test_random_ones, 0, 5);
  tcase_add_test (tcase, test_due_ones_in_order);
  suite_add_tcase (suite, tcase);
  return run_suite (suite);
}
