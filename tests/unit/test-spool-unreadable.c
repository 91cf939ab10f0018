/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk with a bad spot: one file cannot be read, all others can. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../suite.h"
#include "spool-rig.h"
#include "spool-worker-rig.h"

static gchar bad[32]; /* how its name begins */
static int fails_with = EIO;
static gint n_bad; /* atomic: how often it was tried */

static gboolean
is_bad (int fd)
{
  g_autofree gchar *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  gchar path[4096] = { 0 };
  const gchar *name;

  if (bad[0] == '\0' || readlink (link, path, sizeof path - 1) < 0)
    return FALSE;
  name = strrchr (path, '/');
  return name != NULL && g_str_has_prefix (name + 1, bad);
}

/* The C library's, and what it has in its place where the compiler fortifies, as Ubuntu's does. */
ssize_t __read_chk (int fd, void *data, size_t size, size_t room);

ssize_t
read (int fd, void *data, size_t size)
{
  if (!is_bad (fd))
    return syscall (SYS_read, fd, data, size);
  g_atomic_int_inc (&n_bad);
  errno = fails_with;
  return -1;
}

ssize_t
__read_chk (int fd, void *data, size_t size, size_t room)
{
  ck_assert_uint_le (size, room);
  return read (fd, data, size);
}

/* Fragments 1 to 4 on disk, of which number 2 cannot be read. */
static SpoolWorker *
make_worker (void)
{
  SpoolWorker *worker = spool_worker_new ();

  for (guint i = 1; i <= 4; i++)
    spool_worker_store (worker, i);
  spool_worker_settle (worker);
  for (guint i = 1; i <= 4; i++)
    spool_worker_release (worker, i);
  g_strlcpy (bad, "000000000002-", sizeof bad);
  g_string_truncate (worker->log, 0);
  return worker;
}

static guint
count_aside (void)
{
  g_autofree gchar *path = g_build_filename (spool_worker_folder, "cam", "damaged", NULL);
  g_autoptr (GPtrArray) names = spool_rig_list_files (path);

  return names->len;
}

/* The first time it may be the whole disk; the second time the file is set aside, and the others
 * have their turn. */
START_TEST (test_bad_spot)
{
  static const int errors[] = { EIO, EBADMSG, EUCLEAN };
  g_autoptr (SpoolWorker) worker = make_worker ();
  KvsSpoolStats stats;

  fails_with = errors[_i];
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "loaded 1, trouble, loaded unreadable");
  ck_assert_uint_eq (count_aside (), 0);
  kvs_spool_probe (worker->spool);
  spool_worker_expect (worker, "opened 3");
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "works, trouble, works, damaged 1, loaded 3, loaded 4, loaded none");
  ck_assert_uint_eq (count_aside (), 1);
  kvs_spool_get_stats (worker->spool, &stats);
  ck_assert_uint_eq (stats.n_damaged, 1);
  ck_assert_int_eq (n_bad, 2);
}
END_TEST

/* It was the disk, for a moment. */
START_TEST (test_disk_was_away)
{
  g_autoptr (SpoolWorker) worker = make_worker ();

  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "loaded 1, trouble, loaded unreadable");
  bad[0] = '\0';
  kvs_spool_probe (worker->spool);
  kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "opened 3, works, loaded 2");
  ck_assert_uint_eq (count_aside (), 0);
}
END_TEST

/* Not of the file: it stays where it is, however often it is tried. */
START_TEST (test_other_errors)
{
  g_autoptr (SpoolWorker) worker = make_worker ();

  fails_with = ENOMEM;
  kvs_spool_load (worker->spool);
  for (guint i = 0; i < 3; i++)
    kvs_spool_load (worker->spool);
  spool_worker_expect (worker, "loaded 1, trouble, loaded unreadable, loaded unreadable, "
                               "loaded unreadable");
  ck_assert_uint_eq (count_aside (), 0);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("spool-unreadable");
  TCase *tc = tcase_create ("spool-unreadable");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, spool_worker_setup, spool_worker_teardown);
  tcase_add_loop_test (tc, test_bad_spot, 0, 3);
  tcase_add_test (tc, test_disk_was_away);
  tcase_add_test (tc, test_other_errors);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
