/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker of a spool: what it is asked for, and what it tells. */
#include "stream/spool.h"

#include <check.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../suite.h"
#include "media.h"
#include "spool-rig.h"
#include "spool-worker-rig.h"
#include "wait.h"

#define N_FRAMES SPOOL_WORKER_FRAMES
#define FILE_BYTES 2600 /* room for one */

/* ---- to disk and back ---- */

START_TEST (test_there_and_back)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();
  g_autoptr (KvsFragment) original = spool_worker_fragment (1);
  g_autoptr (GBytes) bytes = kvs_fragment_copy_bytes (original, 0);
  const KvsFragment *fragment;

  spool_worker_store (worker, 1);
  spool_worker_expect (worker, "opened 0, stored 1 good");
  /* memory has it too: it does not wait */
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "loaded none");
  spool_worker_release (worker, 1);
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "loaded 1, loaded none");
  fragment = g_ptr_array_index (worker->loaded, 0);
  ck_assert (g_bytes_equal (fragment->raw, bytes));
  ck_assert (g_bytes_equal (fragment->segment->header, spool_worker_segment->header));
  ck_assert_int_eq (fragment->segment->start_ns, spool_worker_segment->start_ns);
  ck_assert (!fragment->segment->is_relative);
  ck_assert_uint_eq (fragment->n_frames, N_FRAMES);
  ck_assert_uint_eq (fragment->track_mask, 2);
  ck_assert_int_eq (fragment->start_ns, original->start_ns);
  ck_assert_int_eq (fragment->end_ns, original->end_ns);
  ck_assert (fragment->complete && fragment->sendable && !fragment->sent);
  kvs_spool_remove (worker->spool, fragment->id);
  spool_worker_expect (worker, "");
  ck_assert_uint_eq (spool_worker_count_files (), 0);
}
END_TEST

START_TEST (test_what_was_read_back_is_stored_again)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();
  g_autoptr (GBytes) bytes = NULL;
  KvsFragment *fragment;

  spool_worker_store (worker, 1);
  spool_worker_settle (worker);
  spool_worker_release (worker, 1);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "opened 0, stored 1 good, loaded 1");
  fragment = g_ptr_array_index (worker->loaded, 0);
  bytes = g_bytes_ref (fragment->raw);
  kvs_spool_remove (worker->spool, fragment->id);
  fragment->id = 7;
  kvs_spool_store (worker->spool, fragment);
  spool_worker_settle (worker);
  kvs_spool_release (worker->spool, fragment);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "stored 7 good, loaded 1");
  fragment = g_ptr_array_index (worker->loaded, 1);
  ck_assert (g_bytes_equal (fragment->raw, bytes));
  ck_assert_uint_eq (fragment->n_frames, N_FRAMES);
  ck_assert_uint_eq (fragment->track_mask, 2);
}
END_TEST

START_TEST (test_grows)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();
  g_autoptr (KvsFragment) whole = spool_worker_fragment (1);
  g_autoptr (GBytes) bytes = kvs_fragment_copy_bytes (whole, 0);

  spool_worker_grow (worker, 1);
  spool_worker_expect (worker, "opened 0");
  ck_assert_uint_eq (spool_worker_count_files (), 0);
  kvs_spool_commit (worker->spool, 1);
  spool_worker_expect (worker, "stored 1 good");
  ck_assert_uint_eq (spool_worker_count_files (), 1);
  /* from the beginning again, as with another header */
  spool_worker_grow (worker, 2);
  spool_worker_grow (worker, 2);
  kvs_spool_commit (worker->spool, 2);
  spool_worker_expect (worker, "stored 2 good");
  ck_assert_uint_eq (spool_worker_count_files (), 2);
  /* not needed after all, before and after it was whole */
  spool_worker_grow (worker, 3);
  kvs_spool_remove (worker->spool, 3);
  kvs_spool_commit (worker->spool, 3);
  kvs_spool_remove (worker->spool, 2);
  spool_worker_expect (worker, "stored 3 bad");
  ck_assert_uint_eq (spool_worker_count_files (), 1);
  spool_worker_release (worker, 1);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "loaded 1");
  ck_assert (g_bytes_equal (((KvsFragment *) g_ptr_array_index (worker->loaded, 0))->raw, bytes));
}
END_TEST

START_TEST (test_what_was_not_begun)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();
  g_autoptr (KvsFragment) fragment = spool_worker_fragment (5);

  kvs_spool_append (worker->spool, fragment, 0);
  kvs_spool_commit (worker->spool, 5);
  kvs_spool_remove (worker->spool, 5);
  kvs_spool_remove (worker->spool, 6);
  spool_worker_expect (worker, "opened 0, stored 5 bad");
  ck_assert_uint_eq (kvs_spool_get_pending_bytes (worker->spool), 0);
}
END_TEST

START_TEST (test_order)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();

  for (guint i = 1; i <= 5; i++)
    spool_worker_store (worker, i);
  spool_worker_expect (worker,
                       "opened 0, stored 1 good, stored 2 good, stored 3 good, stored 4 good, "
                       "stored 5 good");
  /* the first one has been in memory all the time */
  for (guint i = 5; i >= 2; i--)
    spool_worker_release (worker, i);
  for (guint i = 0; i < 5; i++)
    kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "loaded 2, loaded 3, loaded 4, loaded 5, loaded none");
  for (guint i = 1; i < 4; i++)
    ck_assert_ptr_eq (((KvsFragment *) g_ptr_array_index (worker->loaded, i))->segment,
                      ((KvsFragment *) g_ptr_array_index (worker->loaded, 0))->segment);
}
END_TEST

/* The service refuses in one Session what goes back in time. */
START_TEST (test_written_last_but_recorded_first)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();
  KvsFragment *fragments[3];

  spool_worker_store (worker, 4);
  spool_worker_store (worker, 1);
  spool_worker_store (worker, 2);
  spool_worker_settle (worker);
  spool_worker_release (worker, 4);
  spool_worker_release (worker, 1);
  spool_worker_release (worker, 2);
  for (guint i = 0; i < 3; i++)
    kvs_spool_load (worker->spool);
  spool_worker_expect (worker,
                       "opened 0, stored 4 good, stored 1 good, stored 2 good, loaded 4, loaded 1, "
                       "loaded 2");
  for (guint i = 0; i < 3; i++)
    fragments[i] = g_ptr_array_index (worker->loaded, i);
  ck_assert_ptr_ne (fragments[0]->segment, fragments[1]->segment);
  ck_assert_ptr_eq (fragments[1]->segment, fragments[2]->segment);
}
END_TEST

START_TEST (test_next_run)
{
  g_autoptr (SpoolWorker) first = spool_worker_new ();
  g_autoptr (SpoolWorker) second = NULL;

  spool_worker_store (first, 1);
  spool_worker_grow (first, 2);
  spool_worker_settle (first);
  spool_worker_close (first);
  ck_assert (wait_until (spool_worker_is_free, NULL));
  second = spool_worker_new ();
  for (guint i = 0; i < 3; i++)
    kvs_spool_load (second->spool);
  spool_worker_expect (second, "opened 2, loaded 1, loaded 2, loaded none");
}
END_TEST

/* Runs that follow each other at once do not wait for each other's end, but their spools do, in
 * their order. */
START_TEST (test_next_runs_in_the_same_process)
{
  SpoolWorker *workers[4];

  for (guint i = 0; i < G_N_ELEMENTS (workers); i++) {
    workers[i] = spool_worker_new ();
    for (guint k = 1; k <= 20; k++)
      spool_worker_store (workers[i], i * 20 + k);
  }
  for (guint i = 0; i + 1 < G_N_ELEMENTS (workers); i++)
    spool_worker_close (workers[i]);
  spool_worker_settle (workers[3]);
  ck_assert (g_str_has_prefix (workers[3]->log->str, "opened 60, stored 61 good"));
  ck_assert_ptr_null (strstr (workers[3]->log->str, "trouble"));
  g_string_truncate (workers[3]->log, 0);
  for (guint i = 1; i <= 60; i++) {
    g_autofree gchar *loaded = g_strdup_printf ("loaded %u", i);

    kvs_spool_load (workers[3]->spool);
    spool_worker_expect (workers[3], loaded);
  }
  for (guint i = 0; i < G_N_ELEMENTS (workers); i++)
    spool_worker_free (workers[i]);
}
END_TEST

/* What a crash has cut short may lack a track; the service refuses it with the header it had. */
START_TEST (test_cut_short_before_the_second_track)
{
  g_autoptr (GBytes) two = spool_worker_header (2);
  g_autoptr (GBytes) one = g_bytes_ref (spool_worker_segment->header);
  g_autoptr (SpoolWorker) first = spool_worker_new ();
  g_autoptr (SpoolWorker) second = NULL;
  const KvsFragment *fragment;

  kvs_segment_unref (spool_worker_segment);
  spool_worker_segment = kvs_segment_new (two, SPOOL_WORKER_START_MS * MEDIA_MS, FALSE);
  spool_worker_grow (first, 1);
  spool_worker_settle (first);
  spool_worker_close (first);
  ck_assert (wait_until (spool_worker_is_free, NULL));
  second = spool_worker_new ();
  kvs_spool_load (second->spool);
  spool_worker_expect (second, "opened 1, loaded 1");
  fragment = g_ptr_array_index (second->loaded, 0);
  ck_assert (g_bytes_equal (fragment->segment->header, one));
  /* and so on its way to the disk and back */
  kvs_spool_release (second->spool, fragment);
  kvs_spool_load (second->spool);
  spool_worker_expect (second, "loaded 1");
  fragment = g_ptr_array_index (second->loaded, 1);
  ck_assert (g_bytes_equal (fragment->segment->header, one));
}
END_TEST

/* ---- a spool that is full ---- */

START_TEST (test_eviction)
{
  g_autoptr (SpoolWorker) worker = NULL;
  KvsSpoolStats stats;

  spool_worker_definition->spool_bytes = 3 * FILE_BYTES;
  worker = spool_worker_new ();
  spool_worker_store (worker, 1);
  spool_worker_store (worker, 2);
  spool_worker_store (worker, 3);
  spool_worker_settle (worker);
  kvs_spool_get_stats (worker->spool, &stats);
  ck_assert_uint_eq (stats.n_fragments, 3);
  g_string_truncate (worker->log, 0);
  spool_worker_release (worker, 1);
  spool_worker_store (worker, 4);
  spool_worker_expect (worker, "lost 1 of 3, stored 4 good"); /* it was on disk alone */
  spool_worker_store (worker, 5);
  spool_worker_expect (worker, "evicted 2, stored 5 good"); /* memory has that one too */
  spool_worker_release (worker, 3);
  spool_worker_release (worker, 4);
  spool_worker_grow (worker, 6);
  kvs_spool_commit (worker->spool, 6);
  spool_worker_expect (worker, "lost 1 of 3, stored 6 good");
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "loaded 4, loaded none");
}
END_TEST

/* It had to go before the worker knew that memory would not have it any more. */
START_TEST (test_evicted_and_released_at_once)
{
  g_autoptr (SpoolWorker) worker = NULL;

  spool_worker_definition->spool_bytes = 2 * FILE_BYTES;
  worker = spool_worker_new ();
  spool_worker_store (worker, 1);
  spool_worker_store (worker, 2);
  spool_worker_expect (worker, "opened 0, stored 1 good, stored 2 good");
  spool_worker_store (worker, 3);
  spool_worker_release (worker, 1);
  spool_worker_settle (worker);
  /* the disk may have it for good before or after that */
  ck_assert (g_str_has_prefix (worker->log->str, "evicted 1, "));
  ck_assert_ptr_nonnull (strstr (worker->log->str, ", lost 1 of 3"));
  ck_assert_ptr_nonnull (strstr (worker->log->str, ", stored 3 good"));
}
END_TEST

START_TEST (test_larger_than_the_spool)
{
  g_autoptr (SpoolWorker) worker = NULL;

  spool_worker_definition->spool_bytes = 1000;
  worker = spool_worker_new ();
  spool_worker_store (worker, 1);
  spool_worker_grow (worker, 2);
  kvs_spool_commit (worker->spool, 2);
  spool_worker_expect (worker, "opened 0, trouble, stored 1 bad, stored 2 bad");
}
END_TEST

/* ---- a disk that fails ---- */

START_TEST (test_damaged_files_are_passed_by)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();

  for (guint i = 1; i <= 4; i++) {
    spool_worker_store (worker, i);
    spool_worker_settle (worker);
    spool_worker_release (worker, i);
  }
  spool_worker_settle (worker);
  spool_worker_damage_file (0);
  spool_worker_damage_file (1);
  spool_worker_damage_file (3);
  g_string_truncate (worker->log, 0);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "trouble, works, damaged 2, loaded 3");
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "trouble, works, damaged 1, loaded none, loaded none");
  {
    g_autofree gchar *path = g_build_filename (spool_worker_folder, "cam", "damaged", NULL);
    g_autoptr (GPtrArray) names = spool_rig_list_files (path);

    ck_assert_uint_eq (names->len, 3);
  }
}
END_TEST

START_TEST (test_cannot_be_opened_at_first)
{
  g_autofree gchar *aside = g_strconcat (spool_worker_folder, ".aside", NULL);
  g_autoptr (SpoolWorker) worker = NULL;

  ck_assert_int_eq (g_rename (spool_worker_folder, aside), 0);
  ck_assert (g_file_set_contents (spool_worker_folder, "", 0, NULL));
  worker = spool_worker_new ();
  spool_worker_store (worker, 1);
  spool_worker_grow (worker, 2);
  kvs_spool_commit (worker->spool, 2);
  kvs_spool_load (worker->spool);
  kvs_spool_probe (worker->spool);
  spool_worker_expect (worker, "trouble, stored 1 bad, stored 2 bad, loaded none");
  ck_assert_int_eq (g_remove (spool_worker_folder), 0);
  ck_assert_int_eq (g_rename (aside, spool_worker_folder), 0);
  kvs_spool_probe (worker->spool);
  spool_worker_store (worker, 3);
  spool_worker_expect (worker, "works, opened 0, stored 3 good");
}
END_TEST

START_TEST (test_another_holder)
{
  g_autoptr (SpoolWorker) first = spool_worker_new ();
  g_autoptr (SpoolWorker) second = NULL;

  spool_worker_store (first, 1);
  spool_worker_expect (first, "opened 0, stored 1 good");
  spool_worker_release (first, 1);
  second = spool_worker_new ();
  spool_worker_store (second, 2);
  kvs_spool_load (second->spool);
  spool_worker_expect (second, "trouble, stored 2 bad, loaded none");
  spool_worker_close (first);
  ck_assert (wait_until (spool_worker_is_free, NULL));
  kvs_spool_probe (second->spool);
  kvs_spool_load (second->spool);
  spool_worker_expect (second, "works, opened 1, loaded 1");
}
END_TEST

START_TEST (test_disk_goes_away_for_a_while)
{
  g_autofree gchar *aside = g_strconcat (spool_worker_folder, ".aside", NULL);
  g_autoptr (SpoolWorker) worker = spool_worker_new ();

  spool_worker_store (worker, 1);
  spool_worker_store (worker, 2);
  spool_worker_store (worker, 3);
  spool_worker_release (worker, 1);
  spool_worker_release (worker, 2);
  spool_worker_settle (worker);
  ck_assert_int_eq (g_rename (spool_worker_folder, aside), 0);
  ck_assert (g_file_set_contents (spool_worker_folder, "", 0, NULL));
  g_string_truncate (worker->log, 0);
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  spool_worker_store (worker, 4);
  kvs_spool_probe (worker->spool);
  spool_worker_expect (worker, "trouble, loaded unreadable, loaded unreadable, stored 4 bad");
  ck_assert_int_eq (g_remove (spool_worker_folder), 0);
  ck_assert_int_eq (g_rename (aside, spool_worker_folder), 0);
  kvs_spool_probe (worker->spool);
  spool_worker_expect (worker, "opened 2");
  kvs_spool_load (worker->spool);
  /* it can be read; whether it can be written is not known yet */
  spool_worker_expect (worker, "loaded 1");
  spool_worker_store (worker, 4);
  spool_worker_expect (worker, "works, stored 4 good");
}
END_TEST

START_TEST (test_folder_is_removed)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();

  spool_worker_store (worker, 1);
  spool_worker_store (worker, 2);
  spool_worker_release (worker, 1);
  spool_worker_settle (worker);
  spool_rig_remove_tree (spool_worker_folder);
  g_string_truncate (worker->log, 0);
  spool_worker_store (worker, 3);
  spool_worker_expect (worker, "missing 2, opened 0, stored 3 good");
  kvs_spool_probe (worker->spool);
  spool_worker_expect (worker, "opened 0");
  spool_worker_release (worker, 3);
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "loaded 3, loaded none");
}
END_TEST

/* ---- the end ---- */

START_TEST (test_closed_with_work_to_do)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();

  spool_worker_expect (worker, "opened 0");
  for (guint i = 1; i <= 50; i++)
    spool_worker_store (worker, i);
  ck_assert_uint_gt (kvs_spool_get_pending_bytes (worker->spool), 0);
  spool_worker_close (worker);
  {
    g_autofree gchar *told = g_strdup (worker->log->str);

    ck_assert (wait_until (spool_worker_is_free, NULL));
    ck_assert_uint_eq (spool_worker_count_files (), 50);
    ck_assert_str_eq (worker->log->str, told); /* nothing is told any more */
  }
}
END_TEST

START_TEST (test_closed_at_once)
{
  for (guint i = 0; i < 200; i++)
    spool_worker_free (spool_worker_new ());
  ck_assert (wait_until (spool_worker_is_free, NULL));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("spool");
  TCase *tc = tcase_create ("spool");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, spool_worker_setup, spool_worker_teardown);
  tcase_add_test (tc, test_there_and_back);
  tcase_add_test (tc, test_what_was_read_back_is_stored_again);
  tcase_add_test (tc, test_grows);
  tcase_add_test (tc, test_what_was_not_begun);
  tcase_add_test (tc, test_order);
  tcase_add_test (tc, test_written_last_but_recorded_first);
  tcase_add_test (tc, test_next_run);
  tcase_add_test (tc, test_next_runs_in_the_same_process);
  tcase_add_test (tc, test_cut_short_before_the_second_track);
  tcase_add_test (tc, test_eviction);
  tcase_add_test (tc, test_evicted_and_released_at_once);
  tcase_add_test (tc, test_larger_than_the_spool);
  tcase_add_test (tc, test_damaged_files_are_passed_by);
  tcase_add_test (tc, test_cannot_be_opened_at_first);
  tcase_add_test (tc, test_another_holder);
  tcase_add_test (tc, test_disk_goes_away_for_a_while);
  tcase_add_test (tc, test_folder_is_removed);
  tcase_add_test (tc, test_closed_with_work_to_do);
  tcase_add_test (tc, test_closed_at_once);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
