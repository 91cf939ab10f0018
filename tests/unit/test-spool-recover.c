/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a crash or a power cut leaves in the folder of a spool. */
#include <check.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

#include "../suite.h"
#include "spool-rig.h"

#define T0 SPOOL_RIG_EPOCH_MS
#define T1 (T0 + 2000)
#define N_FRAMES SPOOL_RIG_FRAMES
#define PAYLOAD_BYTES SPOOL_RIG_PAYLOAD_BYTES

/* ---- after a crash ---- */

START_TEST (test_unfinished_is_finished)
{
  static const guint64 timecodes[] = { T0, T1 };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autofree gchar *part = spool_rig_path (rig, "000000000001.part");
  FILE *file;

  spool_rig_begin (rig, store, T0, 3);
  g_clear_pointer (&store, kvs_spool_store_close);
  file = fopen (part, "a");
  ck_assert_ptr_nonnull (file);
  fputs ("half a frame", file);
  fclose (file);

  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert_uint_eq (spool_rig_stats (store).n_recovered, 1);
  ck_assert_uint_eq (spool_rig_stats (store).n_damaged, 0);
  spool_rig_assert_first_is (store, T0, 3);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 2);
  spool_rig_write_one (rig, store, T1);
  spool_rig_assert_holds (store, timecodes, 2);
}
END_TEST

START_TEST (test_unfinished_without_a_frame_goes)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);

  spool_rig_begin (rig, store, T0, 0);
  g_clear_pointer (&store, kvs_spool_store_close);
  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert_uint_eq (spool_rig_stats (store).n_fragments, 0);
  ck_assert_uint_eq (spool_rig_stats (store).n_recovered, 0);
  ck_assert_uint_eq (spool_rig_stats (store).n_damaged, 0);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 1);
}
END_TEST

START_TEST (test_unfinished_without_journal_is_set_aside)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autofree gchar *journal = spool_rig_path (rig, "000000000001.journal");

  spool_rig_begin (rig, store, T0, 3);
  g_clear_pointer (&store, kvs_spool_store_close);
  if (_i == 0)
    ck_assert_int_eq (g_unlink (journal), 0);
  else
    ck_assert_int_eq (truncate (journal, 0), 0);
  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert_uint_eq (spool_rig_stats (store).n_fragments, 0);
  ck_assert_uint_eq (spool_rig_stats (store).n_damaged, 1);
  ck_assert_uint_eq (spool_rig_count_files (rig, "damaged"), 1 + (guint) _i);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 2);
}
END_TEST

START_TEST (test_journal_left_behind_goes)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autofree gchar *journal = spool_rig_path (rig, "000000000001.journal");

  spool_rig_write_one (rig, store, T0);
  g_clear_pointer (&store, kvs_spool_store_close);
  ck_assert (g_file_set_contents (journal, "v1", 2, NULL));
  store = spool_rig_open (rig, G_MAXUINT64);
  spool_rig_assert_first_is (store, T0, N_FRAMES);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 2);
}
END_TEST

/* ---- whole, but not on the disk for good ---- */

/* Fragment T0, committed, and the process gone before it was settled. */
static gchar *
leave_unsettled (SpoolRig *rig)
{
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (GPtrArray) names = NULL;

  spool_rig_begin (rig, store, T0, N_FRAMES);
  ck_assert (kvs_spool_store_commit (store, NULL, NULL));
  g_clear_pointer (&store, kvs_spool_store_close);
  names = spool_rig_list_files (rig->stream_folder);
  ck_assert_uint_eq (names->len, 3);
  ck_assert (g_str_has_suffix (g_ptr_array_index (names, 1), ".mkv"));
  ck_assert (g_str_has_suffix (g_ptr_array_index (names, 2), ".journal"));
  return spool_rig_path (rig, g_ptr_array_index (names, 1));
}

START_TEST (test_unsettled_after_a_crash)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autofree gchar *path = leave_unsettled (rig);
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);

  ck_assert_uint_eq (spool_rig_stats (store).n_fragments, 1);
  ck_assert_uint_eq (spool_rig_stats (store).n_recovered, 0);
  spool_rig_assert_first_is (store, T0, N_FRAMES);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 2);
}
END_TEST

/* The disk has less of it than its name says: what it has is kept. */
START_TEST (test_unsettled_after_a_power_cut)
{
  static const guint n_left[] = { N_FRAMES - 1, 3, 1 };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autofree gchar *path = leave_unsettled (rig);
  g_autoptr (KvsSpoolStore) store = NULL;
  guint n_lost = N_FRAMES - n_left[_i];
  g_autofree gchar *contents = NULL;
  gsize size;

  ck_assert (g_file_get_contents (path, &contents, &size, NULL));
  ck_assert_int_eq (truncate (path, (off_t) (size - n_lost * PAYLOAD_BYTES)), 0);
  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert_uint_eq (spool_rig_stats (store).n_fragments, 1);
  spool_rig_assert_first_is (store, T0, n_left[_i]);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 2);
}
END_TEST

START_TEST (test_unsettled_and_nothing_left)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autofree gchar *path = leave_unsettled (rig);
  g_autoptr (KvsSpoolStore) store = NULL;
  KvsSpoolEntry entry;

  /* its size came to the disk, its bytes did not */
  ck_assert_int_eq (truncate (path, 0), 0);
  ck_assert_int_eq (truncate (path, 4000), 0);
  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert (!kvs_spool_store_next (store, NULL, &entry));
  ck_assert_uint_eq (spool_rig_stats (store).n_damaged, 1);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 2);
  ck_assert_uint_eq (spool_rig_count_files (rig, "damaged"), 2);
}
END_TEST

/* Whoever opens it and goes away again without settling leaves it as good as it was. */
START_TEST (test_unsettled_again_and_again)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autofree gchar *path = leave_unsettled (rig);
  g_autoptr (KvsSpoolStore) store = NULL;

  for (guint i = 0; i < 3; i++) {
    store = kvs_spool_store_open (rig->folder, SPOOL_RIG_STREAM, G_MAXUINT64, NULL);
    ck_assert_uint_eq (spool_rig_stats (store).n_fragments, 1);
    ck_assert_uint_eq (spool_rig_count_files (rig, ""), 3);
    g_clear_pointer (&store, kvs_spool_store_close);
  }
  store = spool_rig_open (rig, G_MAXUINT64);
  spool_rig_assert_first_is (store, T0, N_FRAMES);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("spool-recover");
  TCase *tc = tcase_create ("spool-recover");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, test_unfinished_is_finished);
  tcase_add_test (tc, test_unfinished_without_a_frame_goes);
  tcase_add_loop_test (tc, test_unfinished_without_journal_is_set_aside, 0, 2);
  tcase_add_test (tc, test_journal_left_behind_goes);
  tcase_add_test (tc, test_unsettled_after_a_crash);
  tcase_add_loop_test (tc, test_unsettled_after_a_power_cut, 0, 3);
  tcase_add_test (tc, test_unsettled_and_nothing_left);
  tcase_add_test (tc, test_unsettled_again_and_again);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
