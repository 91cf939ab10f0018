/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The thread that writes kvs-local's fragments; meant for -Db_sanitize=thread as well. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "../suite.h"
#include "store/fragment-writer.h"

#define N_FILES 5

/* a part of a buffer, several buffers to the byte, and more than may wait */
static const gsize sizes[]
  = { 0, 1, KVS_LOCAL_WRITE_BYTES - 1, 3 * KVS_LOCAL_WRITE_BYTES, 40 * KVS_LOCAL_WRITE_BYTES + 7 };

static KvsLocalWriteBehind *behind;
static gchar *folder;

static void
setup (void)
{
  behind = kvs_local_write_behind_new ();
  folder = g_dir_make_tmp ("test-write-behind-XXXXXX", NULL);
  ck_assert_ptr_nonnull (folder);
}

static void
teardown (void)
{
  kvs_local_write_behind_free (behind);
  ck_assert_int_eq (g_rmdir (folder), 0);
  g_free (folder);
}

static guint8
byte_at (guint file, gsize position)
{
  return (guint8) (position * 31 + position / 4099 + file);
}

static void
append (KvsLocalFragmentWriter *writer, guint file, gsize position, gsize size)
{
  g_autofree guint8 *piece = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    piece[i] = byte_at (file, position + i);
  ck_assert (kvs_local_fragment_writer_append (writer, piece, size, NULL));
}

static void
check_file (const gchar *path, guint file, gsize size)
{
  g_autofree gchar *contents = NULL;
  gsize found;

  ck_assert (g_file_get_contents (path, &contents, &found, NULL));
  ck_assert_uint_eq (found, size);
  for (gsize i = 0; i < size; i++) {
    if ((guint8) contents[i] != byte_at (file, i))
      ck_abort_msg ("file %u differs at byte %zu", file, i);
  }
  g_unlink (path);
}

static guint
count_files (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

START_TEST (test_files_in_turn)
{
  KvsLocalFragmentWriter *writers[N_FILES];
  const gsize total = sizes[_i];
  const gsize pieces[] = { 9, 16667, 200000, 1 };

  for (guint f = 0; f < N_FILES; f++)
    writers[f] = kvs_local_fragment_writer_new (behind, folder, NULL);
  for (gsize at = 0, n = 0; at < total; n++) {
    gsize size = MIN (pieces[n % G_N_ELEMENTS (pieces)], total - at);

    for (guint f = 0; f < N_FILES; f++)
      append (writers[f], f, at, size);
    at += size;
  }
  for (guint f = 0; f < N_FILES; f++) {
    g_autofree gchar *path = g_strdup_printf ("%s/%u.mkv", folder, f);

    ck_assert_uint_eq (kvs_local_fragment_writer_get_size (writers[f]), total);
    ck_assert (kvs_local_fragment_writer_commit (writers[f], path, NULL));
    kvs_local_fragment_writer_free (writers[f]);
    check_file (path, f, total);
  }
}
END_TEST

START_TEST (test_dropped_while_it_is_written)
{
  for (guint i = 0; i < 20; i++) {
    KvsLocalFragmentWriter *writer = kvs_local_fragment_writer_new (behind, folder, NULL);

    append (writer, 0, 0, 5 * KVS_LOCAL_WRITE_BYTES + 5);
    ck_assert_uint_eq (count_files (), 1);
    kvs_local_fragment_writer_free (writer);
    ck_assert_uint_eq (count_files (), 0);
  }
}
END_TEST

START_TEST (test_failure_is_told)
{
  KvsLocalBehindFile file = { .fd = open ("/dev/full", O_WRONLY | O_CLOEXEC) };
  KvsLocalBehindFile good = { .fd = open ("/dev/null", O_WRONLY | O_CLOEXEC) };

  for (guint i = 0; i < 50; i++) {
    KvsLocalBehindFile *to = i % 2 == 0 ? &file : &good;
    guint8 *buffer = kvs_local_write_behind_take_buffer (behind);
    int error;

    memset (buffer, 1, KVS_LOCAL_WRITE_BYTES);
    error = kvs_local_write_behind_put (behind, to, buffer, KVS_LOCAL_WRITE_BYTES, 0);
    ck_assert (error == 0 || (to == &file && error == ENOSPC));
  }
  ck_assert_int_eq (kvs_local_write_behind_wait (behind, &file), ENOSPC);
  ck_assert_int_eq (kvs_local_write_behind_wait (behind, &good), 0);
  close (file.fd);
  close (good.fd);
}
END_TEST

START_TEST (test_commit_fails)
{
  KvsLocalFragmentWriter *writer = kvs_local_fragment_writer_new (behind, folder, NULL);
  g_autofree gchar *path = g_build_filename (folder, "nowhere", "1.mkv", NULL);
  g_autoptr (GError) error = NULL;

  append (writer, 0, 0, 10);
  ck_assert (!kvs_local_fragment_writer_commit (writer, path, &error));
  ck_assert (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND));
  kvs_local_fragment_writer_free (writer);
  ck_assert_uint_eq (count_files (), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("write-behind");
  TCase *tcase = tcase_create ("write-behind");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_set_timeout (tcase, 60);
  tcase_add_loop_test (tcase, test_files_in_turn, 0, G_N_ELEMENTS (sizes));
  tcase_add_test (tcase, test_dropped_while_it_is_written);
  tcase_add_test (tcase, test_failure_is_told);
  tcase_add_test (tcase, test_commit_fails);
  suite_add_tcase (suite, tcase);
  return run_suite (suite);
}
