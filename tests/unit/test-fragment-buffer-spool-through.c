/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each fragment is on disk until it is persisted. */
#include "buffer-rig.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "spool-rig.h"

START_TEST (test_write_through)
{
  rig.definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  rig.definition->buffer_duration_ns = 100 * S;
  rig_make_buffer ();
  rig_push_fragments (0, 4);
  rig_settle ();
  ck_assert_uint_eq (rig_count_files (), 3); /* and one that grows */
  ck_assert (rig_begin ());
  ck_assert_int_eq (rig_read_all (), KVS_READ_EMPTY);
  kvs_fragment_buffer_persisted (rig.buffer, rig_timecode (0));
  rig_settle ();
  ck_assert_uint_eq (rig_count_files (), 2);
  kvs_fragment_buffer_end_session (rig.buffer);
  rig_run_again ();
  /* as after a crash: the open one too */
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (1, 3);
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
  rig_settle ();
  ck_assert_uint_eq (rig_count_files (), 0);
}
END_TEST

START_TEST (test_write_through_from_the_first_frame)
{
  rig.definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  rig_open_buffer ();
  rig_push_fragments (0, 1); /* the spool may not be open yet */
  rig_settle ();
  rig_run_again ();
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 0);
}
END_TEST

START_TEST (test_write_through_and_overflow)
{
  rig.definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 20);
  ck_assert_uint_le (rig_get_stats ().fragments_buffered, 3);
  ck_assert_uint_eq (rig.n_dropped, 0);
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 19);
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
  rig_settle ();
  ck_assert_uint_eq (rig_count_files (), 0);
}
END_TEST

/* Some are on disk and some could not be: memory stays bounded all the same. */
START_TEST (test_write_through_with_gaps)
{
  gchar *aside;

  rig.definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  rig.definition->buffer_duration_ns = 6 * S;
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 2);
  aside = rig_break_disk ();
  rig_push_fragments_slowly (2, 2);
  rig_mend_disk (aside);
  rig_push_fragments_slowly (4, 26);
  ck_assert_uint_le (rig_get_stats ().fragments_buffered, 8);
  ck_assert_uint_eq (rig.n_dropped, 0);
  ck_assert_uint_eq (rig.buffer->storing_bytes, 0);
  kvs_fragment_buffer_end (rig.buffer);
  {
    g_autofree gchar *order = rig_upload_all ();
    g_autofree gchar *got = rig_without_borders (order);

    for (guint i = 0; i < 30; i++) {
      g_autofree gchar *number = g_strdup_printf (" %u ", i);
      g_autofree gchar *text = g_strconcat (" ", got, NULL);

      ck_assert_msg (strstr (text, number) != NULL, "%u is missing in %s", i, got);
    }
  }
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
}
END_TEST

/* What is in memory only while the disk has trouble is on it once it works again, in order, and the
 * open one too, as far as it has got. */
START_TEST (test_write_through_catches_up)
{
  gchar *aside;

  rig.definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  rig.definition->buffer_duration_ns = 100 * S;
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 3);
  aside = rig_break_disk ();
  rig_push_fragments_slowly (3, 5);
  ck_assert_int_eq (rig.events.n_troubles, 1);
  rig_mend_disk (aside);
  rig_push_fragments_slowly (8, 1);
  ck_assert_int_eq (rig.events.n_recoveries, 1);
  rig_watch ();
  rig_settle ();
  ck_assert_uint_eq (rig_count_files (), 8); /* and one that grows */
  rig_run_again (); /* as after a crash */
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 8);
}
END_TEST

/* The same where the disk was too slow: nothing has failed. */
START_TEST (test_write_through_catches_up_with_a_slow_disk)
{
  rig.definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  rig.definition->buffer_duration_ns = 100 * S;
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 2);
  rig_hold_worker ();
  rig_let_time_pass ();
  rig_watch ();
  rig_push_fragments (2, 20);
  rig_let_worker_go ();
  rig_settle ();
  rig_watch ();
  rig_settle ();
  ck_assert_uint_eq (rig_count_files (), 21);
  rig_run_again ();
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 21);
}
END_TEST

/* The disk was taken out and another one is there: it gets all that is not persisted. */
START_TEST (test_write_through_to_another_folder)
{
  rig.definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  rig.definition->buffer_duration_ns = 100 * S;
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 5);
  spool_rig_remove_tree (rig.folder);
  rig_push_fragments_slowly (5, 3);
  g_mutex_lock (&rig.buffer->lock);
  rig.buffer->spool_probe_us = G_MININT32;
  g_mutex_unlock (&rig.buffer->lock);
  rig_push_fragments_slowly (8, 1);
  rig_watch ();
  rig_settle ();
  ck_assert_uint_eq (rig_count_files (), 8);
  rig_run_again ();
  kvs_fragment_buffer_end (rig.buffer);
  {
    g_autofree gchar *order = rig_upload_all ();

    for (guint i = 0; i < 9; i++) {
      g_autofree gchar *number = g_strdup_printf ("%u ", i);

      ck_assert_msg (strstr (order, number) != NULL, "%u is missing in %s", i, order);
    }
  }
}
END_TEST

/* What had to go from a full spool is not written again and again, each driving out the next. */
START_TEST (test_write_through_does_not_turn_in_circles)
{
  rig.definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  rig.definition->buffer_duration_ns = 100 * S;
  rig.definition->spool_bytes = 5 * 2000;
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 20);
  rig_hold_worker ();
  rig_watch ();
  ck_assert_uint_eq (kvs_spool_get_pending_bytes (rig.buffer->spool), 0);
  rig_let_worker_go ();
  rig_run_again ();
  kvs_fragment_buffer_end (rig.buffer);
  {
    g_autofree gchar *order = rig_upload_all ();
    g_autofree gchar *got = rig_without_borders (order);

    ck_assert_msg (g_str_has_suffix (got, "16 17 18 19 "), "%s", got);
  }
}
END_TEST

START_TEST (test_write_through_and_another_header)
{
  rig.definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  rig.definition->buffer_duration_ns = 100 * S;
  rig_make_buffer ();
  rig_push_fragments (0, 2);
  rig_set_tracks ();
  rig_push_fragments (2, 2);
  rig_settle ();
  rig_run_again ();
  kvs_fragment_buffer_end (rig.buffer);
  {
    g_autofree gchar *order = rig_upload_all ();

    /* two headers, two Sessions */
    ck_assert_str_eq (order, "|0 1 |2 3 ");
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragment-buffer-spool-through");
  TCase *tc = tcase_create ("fragment-buffer-spool-through");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, rig_setup, rig_teardown);
  tcase_add_test (tc, test_write_through);
  tcase_add_test (tc, test_write_through_from_the_first_frame);
  tcase_add_test (tc, test_write_through_and_overflow);
  tcase_add_test (tc, test_write_through_with_gaps);
  tcase_add_test (tc, test_write_through_catches_up);
  tcase_add_test (tc, test_write_through_catches_up_with_a_slow_disk);
  tcase_add_test (tc, test_write_through_to_another_folder);
  tcase_add_test (tc, test_write_through_does_not_turn_in_circles);
  tcase_add_test (tc, test_write_through_and_another_header);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
