/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/file-watch.h"
#include "net/worker.h"

#include <check.h>
#include <glib/gstdio.h>

#include "../suite.h"
#include "wait.h"

#define MS G_GINT64_CONSTANT (1000)

static KvsLoop *loop;
static guint n_threads_before;

static gboolean
is_set (gpointer user_data)
{
  return g_atomic_int_get ((gint *) user_data) > 0;
}

/* ---- work ---- */

typedef struct {
  GThread *ran_on;
  gint may_end;
  gint result;
} Job;

typedef struct {
  KvsWork *work;
  Job *job;
  gint freed;
  gint done;
  gint cancelled;
} Asked;

static Asked *asked;

static void
work (gpointer data)
{
  Job *job = data;

  job->ran_on = g_thread_self ();
  wait_until (is_set, &job->may_end);
  job->result = 42;
}

static void
job_free (gpointer data)
{
  ck_assert (kvs_loop_is_current (loop));
  g_free (data);
  g_atomic_int_inc (&asked->freed);
}

static void
on_done (gpointer data, gpointer user_data)
{
  Job *job = data;

  ck_assert (kvs_loop_is_current (loop));
  ck_assert_ptr_ne (job->ran_on, g_thread_self ());
  ck_assert_int_eq (job->result, 42);
  g_atomic_int_inc (&((Asked *) user_data)->done);
}

static void
start (gpointer user_data)
{
  asked->work = kvs_work_start (loop, work, asked->job, job_free, on_done, asked);
}

static void
cancel (gpointer user_data)
{
  kvs_work_cancel (asked->work);
  g_atomic_int_inc (&asked->cancelled);
}

START_TEST (test_work_comes_back)
{
  Asked mine = { .job = g_new0 (Job, 1) };

  asked = &mine;
  kvs_loop_invoke (loop, start, NULL);
  g_atomic_int_set (&mine.job->may_end, 1);
  ck_assert (wait_until (is_set, &mine.freed));
  ck_assert_int_eq (g_atomic_int_get (&mine.done), 1);
}
END_TEST

START_TEST (test_cancelled_work_ends_in_silence)
{
  Asked mine = { .job = g_new0 (Job, 1) };

  asked = &mine;
  kvs_loop_invoke (loop, start, NULL);
  kvs_loop_invoke (loop, cancel, NULL);
  ck_assert (wait_until (is_set, &mine.cancelled));
  g_atomic_int_set (&mine.job->may_end, 1);
  ck_assert (wait_until (is_set, &mine.freed));
  ck_assert_int_eq (g_atomic_int_get (&mine.done), 0);
}
END_TEST

static void
release_in_loop (gpointer user_data)
{
  kvs_loop_release (user_data);
}

/* The one who asked lets go of the loop: it runs on until the work has come back. */
START_TEST (test_work_keeps_the_loop)
{
  for (guint i = 0; i < 50; i++) {
    Asked mine = { .job = g_new0 (Job, 1) };

    asked = &mine;
    g_atomic_int_set (&mine.job->may_end, 1);
    kvs_loop_invoke (loop, start, NULL);
    kvs_loop_invoke (loop, release_in_loop, loop);
    ck_assert (wait_until (is_set, &mine.freed));
    ck_assert_int_eq (g_atomic_int_get (&mine.done), 1);
    ck_assert (wait_until_threads_are (n_threads_before));
    loop = kvs_loop_acquire ();
  }
}
END_TEST

/* ---- watched files ---- */

typedef struct {
  KvsFileWatch *watch;
  const gchar *paths[3];
  gint n_changes;
  gint freed;
} Watched;

static void
on_change (gpointer user_data)
{
  g_atomic_int_inc (&((Watched *) user_data)->n_changes);
}

static void
start_watch (gpointer user_data)
{
  Watched *watched = user_data;

  watched->watch = kvs_file_watch_new (loop, watched->paths, 2 * MS, on_change, watched);
}

static void
free_watch (gpointer user_data)
{
  Watched *watched = user_data;

  kvs_file_watch_free (g_steal_pointer (&watched->watch));
  g_atomic_int_inc (&watched->freed);
}

/* Changes a file again and again until that was noticed: the first look may still be under way. */
static void
assert_noticed (Watched *watched, const gchar *path, gboolean remove)
{
  gint before = g_atomic_int_get (&watched->n_changes);
  guint n = 0;

  while (g_atomic_int_get (&watched->n_changes) == before) {
    ck_assert_uint_lt (++n, 2000);
    if (remove)
      g_unlink (path);
    else
      ck_assert (g_file_set_contents (path, n % 2 == 0 ? "a" : "b", -1, NULL));
    g_usleep (10 * MS);
  }
}

START_TEST (test_watch)
{
  g_autofree gchar *folder = g_dir_make_tmp ("kvs-watch-XXXXXX", NULL);
  g_autofree gchar *first = g_build_filename (folder, "first", NULL);
  g_autofree gchar *second = g_build_filename (folder, "second", NULL);
  Watched watched = { .paths = { first, second, NULL } };

  kvs_loop_invoke (loop, start_watch, &watched);
  assert_noticed (&watched, first, FALSE);
  assert_noticed (&watched, second, FALSE);
  assert_noticed (&watched, second, TRUE);
  kvs_loop_invoke (loop, free_watch, &watched);
  ck_assert (wait_until (is_set, &watched.freed));
  g_unlink (first);
  ck_assert_int_eq (g_rmdir (folder), 0);
}
END_TEST

static void
free_in_change (gpointer user_data)
{
  on_change (user_data);
  free_watch (user_data);
}

static void
start_watch_to_free (gpointer user_data)
{
  Watched *watched = user_data;

  watched->watch = kvs_file_watch_new (loop, watched->paths, 2 * MS, free_in_change, watched);
}

START_TEST (test_watch_freed_by_its_own_function)
{
  g_autofree gchar *folder = g_dir_make_tmp ("kvs-watch-XXXXXX", NULL);
  g_autofree gchar *first = g_build_filename (folder, "first", NULL);
  Watched watched = { .paths = { first, NULL } };

  kvs_loop_invoke (loop, start_watch_to_free, &watched);
  assert_noticed (&watched, first, FALSE);
  ck_assert (wait_until (is_set, &watched.freed));
  g_unlink (first);
  g_rmdir (folder);
}
END_TEST

static void
setup (void)
{
  n_threads_before = count_threads_before ();
  loop = kvs_loop_acquire ();
}

static void
teardown (void)
{
  kvs_loop_release (loop);
  ck_assert (wait_until_threads_are (n_threads_before));
}

int
main (void)
{
  Suite *s = suite_create ("worker");
  TCase *tc = tcase_create ("worker");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_work_comes_back);
  tcase_add_test (tc, test_cancelled_work_ends_in_silence);
  tcase_add_test (tc, test_work_keeps_the_loop);
  tcase_add_test (tc, test_watch);
  tcase_add_test (tc, test_watch_freed_by_its_own_function);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
