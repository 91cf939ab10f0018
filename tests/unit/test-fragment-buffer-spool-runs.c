/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a run, and what earlier runs left. */
#include "buffer-rig.h"

#include <check.h>
#include <string.h>

#include "../suite.h"

START_TEST (test_saved_at_the_end)
{
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 10);
  kvs_fragment_buffer_end (rig.buffer);
  ck_assert (kvs_fragment_buffer_save (rig.buffer));
  rig_settle ();
  ck_assert_uint_eq (rig_count_files (), 10);
  rig_run_again ();
  rig_push_fragments (20, 2);
  kvs_fragment_buffer_end (rig.buffer);
  {
    g_autofree gchar *order = rig_upload_all ();

    /* a Session of the earlier run's, then one of this run's */
    ck_assert_str_eq (order, "|0 1 2 3 4 5 6 7 8 9 |20 21 ");
  }
}
END_TEST

/* What is written last was recorded first: the service would refuse it in one Session. */
START_TEST (test_saved_in_another_order)
{
  rig_make_buffer ();
  rig_push_fragments (0, 2);
  ck_assert (rig_begin ());
  rig_read_all ();
  rig_push_fragments_slowly (2, 8);
  kvs_fragment_buffer_end_session (rig.buffer);
  kvs_fragment_buffer_end (rig.buffer);
  kvs_fragment_buffer_save (rig.buffer);
  rig_settle ();
  rig_run_again ();
  kvs_fragment_buffer_end (rig.buffer);
  for (guint i = 0; i < 20 && !kvs_fragment_buffer_is_drained (rig.buffer); i++) {
    guint64 last = 0;

    rig_settle ();
    if (!rig_begin ())
      continue;
    while (rig_read_all () != KVS_READ_END && !kvs_fragment_buffer_wait (rig.buffer, 1))
      rig_settle ();
    for (guint k = 0; k < rig.wire->clusters->len; k++) {
      const WireCluster *cluster = g_ptr_array_index (rig.wire->clusters, k);

      ck_assert_uint_gt (cluster->timecode, last);
      last = cluster->timecode;
      kvs_fragment_buffer_persisted (rig.buffer, last);
    }
    kvs_fragment_buffer_end_session (rig.buffer);
  }
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
  ck_assert_uint_eq (rig_get_stats ().fragments_persisted, 10);
}
END_TEST

START_TEST (test_oldest_first_waits_for_the_disk)
{
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 8);
  kvs_fragment_buffer_end (rig.buffer);
  kvs_fragment_buffer_save (rig.buffer);
  rig_settle ();
  rig_run_again ();
  rig_hold_worker ();
  rig_push_fragments (8, 2);
  ck_assert (!rig_begin ()); /* live media are there, but it is not their turn */
  ck_assert (!kvs_fragment_buffer_wait (rig.buffer, 1));
  rig_let_worker_go ();
  rig_settle ();
  ck_assert_int_gt (rig.events.n_wakes, 0);
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 9);
}
END_TEST

/* A disk that does not come back with what it was asked to read holds live media up for a while
 * only; when it does come back, it is its turn again. */
START_TEST (test_oldest_first_does_not_wait_for_ever)
{
  gint n_wakes;

  rig_make_buffer ();
  rig_push_fragments_slowly (0, 8);
  kvs_fragment_buffer_end (rig.buffer);
  kvs_fragment_buffer_save (rig.buffer);
  rig_settle ();
  rig_run_again ();
  rig_hold_worker ();
  rig_push_fragments (8, 2);
  ck_assert (!rig_begin ());
  ck_assert (!kvs_fragment_buffer_wait (rig.buffer, 1));
  rig_watch ();
  ck_assert (!rig_begin ());
  ck_assert (!kvs_fragment_buffer_wait (rig.buffer, 1));
  n_wakes = rig.events.n_wakes;
  rig_let_time_pass ();
  rig_watch ();
  ck_assert_int_eq (rig.events.n_wakes, n_wakes + 1);
  ck_assert_int_eq (rig.events.n_troubles, 1);
  ck_assert (rig_begin ());
  rig_push_fragments (10, 1);
  ck_assert_int_eq (rig_read_all (), KVS_READ_EMPTY);
  rig_assert_cluster_is (0, 8);
  rig_assert_cluster_is (1, 9);
  kvs_fragment_buffer_persisted (rig.buffer, rig_timecode (8));
  rig_let_worker_go ();
  rig_settle ();
  rig_watch ();
  ck_assert_int_eq (rig.events.n_recoveries, 1);
  ck_assert_int_eq (rig.events.n_troubles, 1);
  rig_settle ();
  /* the running Session makes way at the next border */
  rig_push_fragments (11, 1);
  ck_assert_int_eq (rig_read_all (), KVS_READ_END);
  kvs_fragment_buffer_persisted (rig.buffer, rig_timecode (9));
  kvs_fragment_buffer_persisted (rig.buffer, rig_timecode (10));
  kvs_fragment_buffer_end_session (rig.buffer);
  kvs_fragment_buffer_end (rig.buffer);
  {
    g_autofree gchar *order = rig_upload_all ();
    g_autofree gchar *got = rig_without_borders (order);

    ck_assert_str_eq (got, "0 1 2 3 4 5 6 7 11 ");
  }
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
}
END_TEST

/* It does not even say what is on it. */
START_TEST (test_opening_that_hangs_wakes_the_reader)
{
  rig_make_buffer ();
  rig_push_fragments (0, 1);
  g_mutex_lock (&rig.buffer->lock);
  rig.buffer->spool_is_opening = TRUE;
  rig.buffer->spool_opening_us = g_get_monotonic_time ();
  g_mutex_unlock (&rig.buffer->lock);
  ck_assert (!rig_begin ());
  rig_watch ();
  ck_assert_int_eq (rig.events.n_wakes, 0);
  g_mutex_lock (&rig.buffer->lock);
  rig.buffer->spool_opening_us -= 60 * G_USEC_PER_SEC;
  g_mutex_unlock (&rig.buffer->lock);
  rig_watch ();
  ck_assert_int_eq (rig.events.n_wakes, 1);
  ck_assert (rig_begin ());
}
END_TEST

/* Fragments 0 to @n - 1, of an earlier run. */
static void
leave_on_disk (guint n)
{
  rig_make_buffer ();
  rig_push_fragments_slowly (0, n);
  kvs_fragment_buffer_end (rig.buffer);
  kvs_fragment_buffer_save (rig.buffer);
  rig_settle ();
  rig_run_again ();
}

/* Returns: whether there was one that brought something */
static gboolean
run_session (GString *order)
{
  guint64 n_persisted = rig_get_stats ().fragments_persisted;
  guint n_acked = 0;

  if (!rig_begin ())
    return FALSE;
  g_string_append_c (order, '|');
  for (guint i = 0; i < 3; i++) {
    KvsReadStatus status = rig_read_all ();

    for (; n_acked < rig.wire->clusters->len; n_acked++) {
      const WireCluster *cluster = g_ptr_array_index (rig.wire->clusters, n_acked);

      if (cluster->blocks->len < FRAMES_A_FRAGMENT)
        break;
      g_string_append_printf (order, "%u ", rig_fragment_of (n_acked));
      kvs_fragment_buffer_persisted (rig.buffer, cluster->timecode);
    }
    if (status == KVS_READ_END)
      break;
    rig_settle ();
  }
  kvs_fragment_buffer_end_session (rig.buffer);
  return rig_get_stats ().fragments_persisted > n_persisted;
}

START_TEST (test_live_first_takes_turns)
{
  g_autoptr (GString) order = g_string_new (NULL);

  rig.definition->spool_live_first = TRUE;
  leave_on_disk (4);
  for (guint i = 100; i < 104; i++) {
    rig_push_fragments (i, 1);
    ck_assert (run_session (order) || i == 100);
    rig_settle ();
  }
  /* the newest has always gone first, and nothing old has gone meanwhile */
  ck_assert_ptr_nonnull (strstr (order->str, "|100 |101 |102 "));
  while (run_session (order))
    rig_settle ();
  ck_assert_ptr_nonnull (strstr (order->str, "1 2 3 "));
  kvs_fragment_buffer_end (rig.buffer);
  {
    g_autofree gchar *rest = rig_upload_all ();
  }
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
  ck_assert_uint_eq (rig_get_stats ().fragments_persisted, 8);
}
END_TEST

/* Live media that have come since are sent before the next one from disk. */
START_TEST (test_live_first_between_two_from_disk)
{
  g_autoptr (GString) order = g_string_new (NULL);

  rig.definition->spool_live_first = TRUE;
  leave_on_disk (4);
  rig_settle ();
  rig_begin (); /* nothing is live: the disk is read */
  rig_settle ();
  ck_assert (rig_begin ());
  rig_read_some (g_bytes_get_size (rig.segment->header) + 20);
  rig_push_fragments (100, 2);
  ck_assert_int_eq (rig_read_all (), KVS_READ_END);
  ck_assert_uint_eq (rig.wire->clusters->len, 1);
  rig_assert_cluster_is (0, 0);
  kvs_fragment_buffer_persisted (rig.buffer, rig_timecode (0));
  kvs_fragment_buffer_end_session (rig.buffer);
  ck_assert (run_session (order));
  ck_assert_str_eq (order->str, "|100 ");
}
END_TEST

/* The last one from disk does not wait until the live Session ends by itself. */
START_TEST (test_live_first_does_not_forget_the_last)
{
  g_autoptr (GString) order = g_string_new (NULL);

  rig.definition->spool_live_first = TRUE;
  leave_on_disk (1);
  rig_push_fragments (100, 2);
  ck_assert (rig_begin ());
  rig_settle (); /* it is in memory now, before what this Session sends */
  ck_assert_int_eq (rig_read_all (), KVS_READ_END);
  rig_assert_cluster_is (0, 100);
  kvs_fragment_buffer_persisted (rig.buffer, rig_timecode (100));
  kvs_fragment_buffer_end_session (rig.buffer);
  ck_assert (run_session (order));
  ck_assert (g_str_has_prefix (order->str, "|0 "));
}
END_TEST

START_TEST (test_many_wait)
{
  gint64 began_us, took_us;

  rig_make_buffer ();
  rig_push_fragments_slowly (0, 1);
  g_mutex_lock (&rig.buffer->lock);
  rig.buffer->n_waiting = 43200;
  g_mutex_unlock (&rig.buffer->lock);
  began_us = g_get_monotonic_time ();
  rig_push_fragments (1, 1000);
  took_us = g_get_monotonic_time () - began_us;
  rig_settle ();
  g_mutex_lock (&rig.buffer->lock);
  rig.buffer->n_waiting -= 43200;
  g_mutex_unlock (&rig.buffer->lock);
  ck_assert_msg (took_us < 20 * G_USEC_PER_SEC, "%d ms", (gint) (took_us / 1000));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragment-buffer-spool-runs");
  TCase *tc = tcase_create ("fragment-buffer-spool-runs");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, rig_setup, rig_teardown);
  tcase_add_test (tc, test_saved_at_the_end);
  tcase_add_test (tc, test_saved_in_another_order);
  tcase_add_test (tc, test_oldest_first_waits_for_the_disk);
  tcase_add_test (tc, test_oldest_first_does_not_wait_for_ever);
  tcase_add_test (tc, test_opening_that_hangs_wakes_the_reader);
  tcase_add_test (tc, test_live_first_takes_turns);
  tcase_add_test (tc, test_live_first_between_two_from_disk);
  tcase_add_test (tc, test_live_first_does_not_forget_the_last);
  tcase_add_test (tc, test_many_wait);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
