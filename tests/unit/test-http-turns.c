/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-turns.h"

#include <check.h>

#include "../suite.h"
#include "wait.h"

#define URL "https://kinesisvideo.us-west-2.amazonaws.com/describeStream"
#define SAME_HOST_URL "https://kinesisvideo.us-west-2.amazonaws.com/getDataEndpoint"
#define OTHER_URL "https://kinesisvideo.us-west-2.amazonaws.com:8443/describeStream"
#define N_TURNS 20
#define N_AT_ONCE 8

static KvsLoop *loop;
static KvsHttpTurn turns[N_TURNS];
static GMutex lock;
static GCond changed;
static GArray *started; /* of guint: those that had to wait */
static gboolean is_done;

static void
setup (void)
{
  loop = kvs_loop_acquire ();
  memset (turns, 0, sizeof turns);
  started = g_array_new (FALSE, FALSE, sizeof (guint));
  is_done = FALSE;
}

static void
teardown (void)
{
  kvs_loop_release (loop);
  g_array_unref (started);
}

static void
on_start (gpointer user_data)
{
  guint number = GPOINTER_TO_UINT (user_data);

  g_mutex_lock (&lock);
  g_array_append_val (started, number);
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
}

static void
mark_done (gpointer unused)
{
  g_mutex_lock (&lock);
  is_done = TRUE;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
}

/* On the I/O thread, as everything here is used. */
static void
run (KvsLoopFunc func)
{
  gint64 deadline_us = g_get_monotonic_time () + WAIT_LIMIT_US;

  is_done = FALSE;
  kvs_loop_invoke (loop, func, NULL);
  kvs_loop_invoke (loop, mark_done, NULL);
  g_mutex_lock (&lock);
  while (!is_done)
    ck_assert (g_cond_wait_until (&changed, &lock, deadline_us));
  g_mutex_unlock (&lock);
}

static void
wait_for_started (guint n)
{
  gint64 deadline_us = g_get_monotonic_time () + WAIT_LIMIT_US;

  g_mutex_lock (&lock);
  while (started->len < n)
    ck_assert (g_cond_wait_until (&changed, &lock, deadline_us));
  g_mutex_unlock (&lock);
}

static guint
take (const gchar *url)
{
  guint n_at_once = 0;

  for (guint i = 0; i < N_TURNS; i++)
    n_at_once += kvs_http_turn_take (&turns[i], loop, url, on_start, GUINT_TO_POINTER (i));
  return n_at_once;
}

static void
take_all (gpointer unused)
{
  ck_assert_uint_eq (take (URL), N_AT_ONCE);
}

static void
leave_all (gpointer unused)
{
  for (guint i = 0; i < N_TURNS; i++) {
    kvs_http_turn_leave (&turns[i]);
    kvs_http_turn_leave (&turns[i]);
  }
}

START_TEST (test_nobody_waits_for_long)
{
  run (take_all);
  for (guint i = 0; i < N_TURNS - N_AT_ONCE; i++) {
    wait_for_started (i + 1);
    ck_assert_uint_eq (g_array_index (started, guint, i), N_AT_ONCE + i);
  }
  run (leave_all);
}
END_TEST

static void
leave_those_that_run (gpointer unused)
{
  for (guint i = 0; i < N_AT_ONCE; i++)
    kvs_http_turn_leave (&turns[i]);
}

static void
take_and_leave_some (gpointer unused)
{
  take_all (NULL);
  leave_those_that_run (NULL);
}

START_TEST (test_places_that_come_free_together)
{
  run (take_and_leave_some);
  wait_for_started (N_AT_ONCE);
  for (guint i = 0; i < N_AT_ONCE; i++)
    ck_assert_uint_eq (g_array_index (started, guint, i), N_AT_ONCE + i);
  run (leave_all);
}
END_TEST

static void
take_and_cancel (gpointer unused)
{
  take_all (NULL);
  /* first those that wait, so that nobody is to be started any more */
  for (guint i = N_TURNS; i-- > 0;)
    kvs_http_turn_leave (&turns[i]);
}

START_TEST (test_cancelled_ones_do_not_start)
{
  run (take_and_cancel);
  run (take_all);
  wait_for_started (1);
  ck_assert_uint_eq (g_array_index (started, guint, 0), N_AT_ONCE);
  run (leave_all);
}
END_TEST

static void
take_of_two_hosts (gpointer unused)
{
  static KvsHttpTurn same, other;

  take_all (NULL);
  ck_assert (!kvs_http_turn_take (&same, loop, SAME_HOST_URL, on_start, NULL));
  ck_assert (kvs_http_turn_take (&other, loop, OTHER_URL, on_start, NULL));
  kvs_http_turn_leave (&other);
  kvs_http_turn_leave (&same);
}

START_TEST (test_hosts_have_turns_of_their_own)
{
  run (take_of_two_hosts);
  run (leave_all);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("http-turns");
  TCase *tcase = tcase_create ("http-turns");

  tcase_set_timeout (tcase, 60);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, test_nobody_waits_for_long);
  tcase_add_test (tcase, test_places_that_come_free_together);
  tcase_add_test (tcase, test_cancelled_ones_do_not_start);
  tcase_add_test (tcase, test_hosts_have_turns_of_their_own);
  suite_add_tcase (suite, tcase);
  return run_suite (suite);
}
