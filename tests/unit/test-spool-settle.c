/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk that takes its time to have for good what was written to it. */
#include <check.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "../suite.h"
#include "spool-rig.h"
#include "spool-worker-rig.h"
#include "wait.h"

static gint is_held, n_waiting, fails; /* atomic */

/* In place of the C library's. */
int
fdatasync (int fd)
{
  g_atomic_int_inc (&n_waiting);
  while (g_atomic_int_get (&is_held))
    g_usleep (1000);
  g_atomic_int_add (&n_waiting, -1);
  errno = EIO;
  return g_atomic_int_get (&fails) ? -1 : 0;
}

static gboolean
is_waiting (gpointer user_data)
{
  return g_atomic_int_get (&n_waiting) > 0;
}

static gsize
part_size (void)
{
  g_autofree gchar *path = g_build_filename (spool_worker_folder, "cam", NULL);
  g_autoptr (GPtrArray) names = spool_rig_list_files (path);

  for (guint i = 0; i < names->len; i++) {
    const gchar *name = g_ptr_array_index (names, i);
    g_autofree gchar *file = g_build_filename (path, name, NULL);
    GStatBuf st;

    if (g_str_has_suffix (name, ".part") && g_stat (file, &st) == 0)
      return (gsize) st.st_size;
  }
  return 0;
}

static gboolean
has_all (gpointer user_data)
{
  return part_size () > SPOOL_WORKER_FRAMES * 500;
}

static void
let_go (void)
{
  g_atomic_int_set (&is_held, 0);
}

/* What comes next is with the kernel while the disk is still busy with what came before. */
START_TEST (test_next_one_does_not_wait)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();

  spool_worker_expect (worker, "opened 0");
  g_atomic_int_set (&is_held, 1);
  if (_i == 0) {
    spool_worker_grow (worker, 1);
    kvs_spool_commit (worker->spool, 1);
  } else {
    spool_worker_store (worker, 1);
  }
  ck_assert (wait_until (is_waiting, NULL));
  spool_worker_grow (worker, 2);
  ck_assert (wait_until (has_all, NULL));
  g_mutex_lock (&worker->lock);
  ck_assert_str_eq (worker->log->str, "");
  g_mutex_unlock (&worker->lock);
  ck_assert_uint_gt (kvs_spool_get_pending_bytes (worker->spool), 0);
  ck_assert_int_gt (kvs_spool_get_delay_us (worker->spool), 0);
  let_go ();
  spool_worker_expect (worker, "stored 1 good");
  ck_assert_uint_eq (kvs_spool_get_pending_bytes (worker->spool), 0);
  ck_assert_int_eq (kvs_spool_get_delay_us (worker->spool), 0);
}
END_TEST

/* Nor does it after a crash, whose open fragment has to be finished first. */
START_TEST (test_next_run_does_not_wait)
{
  g_autoptr (SpoolWorker) first = spool_worker_new ();
  g_autoptr (SpoolWorker) second = NULL;

  spool_worker_grow (first, 1);
  spool_worker_settle (first);
  spool_worker_close (first);
  ck_assert (wait_until (spool_worker_is_free, NULL));
  g_atomic_int_set (&is_held, 1);
  second = spool_worker_new ();
  spool_worker_grow (second, 2);
  ck_assert (wait_until (has_all, NULL));
  let_go ();
  kvs_spool_load (second->spool);
  spool_worker_expect (second, "opened 1, loaded 1");
}
END_TEST

/* It is not needed any more before the disk has it. */
START_TEST (test_removed_meanwhile)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();
  g_autofree gchar *path = g_build_filename (spool_worker_folder, "cam", NULL);
  g_autoptr (GPtrArray) names = NULL;

  g_atomic_int_set (&is_held, 1);
  spool_worker_store (worker, 1);
  ck_assert (wait_until (is_waiting, NULL));
  kvs_spool_remove (worker->spool, 1);
  g_atomic_int_set (&fails, _i);
  let_go ();
  spool_worker_expect (worker, _i == 0 ? "opened 0" : "opened 0, trouble");
  names = spool_rig_list_files (path);
  ck_assert_uint_eq (names->len, 1);
}
END_TEST

/* Memory keeps it then. */
START_TEST (test_that_fails)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();

  g_atomic_int_set (&fails, 1);
  spool_worker_store (worker, 1);
  spool_worker_expect (worker, "opened 0, trouble, stored 1 bad");
  ck_assert_uint_eq (spool_worker_count_files (), 0);
  g_atomic_int_set (&fails, 0);
  spool_worker_store (worker, 1);
  spool_worker_expect (worker, "works, stored 1 good");
  spool_worker_release (worker, 1);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "loaded 1");
}
END_TEST

static gboolean
has_told_trouble (gpointer user_data)
{
  SpoolWorker *worker = user_data;
  gboolean has_told;

  g_mutex_lock (&worker->lock);
  has_told = g_str_has_suffix (worker->log->str, "stored 2 bad");
  g_mutex_unlock (&worker->lock);
  return has_told;
}

/* What was written before something failed is no sign that the disk works again. */
START_TEST (test_that_works_after_a_failure)
{
  g_autoptr (SpoolWorker) worker = spool_worker_new ();
  g_autofree gchar *aside = g_strconcat (spool_worker_folder, ".aside", NULL);

  spool_worker_expect (worker, "opened 0");
  g_atomic_int_set (&is_held, 1);
  spool_worker_store (worker, 1);
  ck_assert (wait_until (is_waiting, NULL));
  ck_assert_int_eq (g_rename (spool_worker_folder, aside), 0);
  ck_assert (g_file_set_contents (spool_worker_folder, "", 0, NULL));
  spool_worker_grow (worker, 2);
  kvs_spool_commit (worker->spool, 2);
  ck_assert (wait_until (has_told_trouble, worker));
  let_go ();
  spool_worker_expect (worker, "trouble, stored 2 bad, stored 1 good");
  ck_assert_int_eq (g_remove (spool_worker_folder), 0);
  ck_assert_int_eq (g_rename (aside, spool_worker_folder), 0);
}
END_TEST

START_TEST (test_closed_meanwhile)
{
  SpoolWorker *worker = spool_worker_new ();

  g_atomic_int_set (&is_held, 1);
  spool_worker_store (worker, 1);
  ck_assert (wait_until (is_waiting, NULL));
  spool_worker_free (worker);
  ck_assert (!spool_worker_is_free (NULL)); /* nobody else takes it for a crash */
  let_go ();
  ck_assert (wait_until (spool_worker_is_free, NULL));
  ck_assert_uint_eq (spool_worker_count_files (), 1);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("spool-settle");
  TCase *tc = tcase_create ("spool-settle");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, spool_worker_setup, spool_worker_teardown);
  tcase_add_loop_test (tc, test_next_one_does_not_wait, 0, 2);
  tcase_add_test (tc, test_next_run_does_not_wait);
  tcase_add_loop_test (tc, test_removed_meanwhile, 0, 2);
  tcase_add_test (tc, test_that_fails);
  tcase_add_test (tc, test_that_works_after_a_failure);
  tcase_add_test (tc, test_closed_meanwhile);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
