/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-store.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../suite.h"
#include "error.h"
#include "spool-rig.h"
#include "stream/stream-definition.h"

#define T0 SPOOL_RIG_EPOCH_MS
#define T1 (T0 + 2000)
#define T2 (T0 + 4000)
#define N_FRAMES SPOOL_RIG_FRAMES
#define PAYLOAD_BYTES SPOOL_RIG_PAYLOAD_BYTES

/* ---- damage and strangers ---- */

static void
damage (const gchar *path, guint kind)
{
  g_autofree gchar *contents = NULL;
  gsize size;

  ck_assert (g_file_get_contents (path, &contents, &size, NULL));
  if (kind == 0)
    size -= 1;
  else if (kind == 1)
    contents[size / 2] ^= 4;
  else if (kind == 2)
    memcpy (contents, "RIFF", 4);
  else if (kind == 3)
    ((gchar *) memmem (contents, size, "v1 times", 8))[1] = '9';
  else
    size = 0;
  ck_assert (g_file_set_contents (path, contents, (gssize) size, NULL));
}

START_TEST (test_damaged_is_set_aside)
{
  static const guint64 timecodes[] = { T1 };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (GError) error = NULL;
  g_autofree gchar *path = NULL;
  g_autofree gchar *name = NULL;
  g_autofree gchar *aside = NULL;
  KvsSpoolEntry entry;

  spool_rig_write_one (rig, store, T0);
  path = spool_rig_only_file (rig);
  damage (path, (guint) _i);
  spool_rig_write_one (rig, store, T1);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  ck_assert_ptr_null (kvs_spool_store_read (store, &entry, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED));
  spool_rig_assert_holds (store, timecodes, 1);
  ck_assert_uint_eq (spool_rig_stats (store).n_damaged, 1);
  name = g_path_get_basename (path);
  ck_assert_msg (strstr (error->message, name) != NULL, "%s", error->message);
  aside = g_build_filename (rig->stream_folder, "damaged", name, NULL);
  ck_assert (g_file_test (aside, G_FILE_TEST_IS_REGULAR));
  ck_assert (!g_file_test (path, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST (test_nothing_aside_is_replaced)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();

  for (guint i = 0; i < 3; i++) {
    g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
    g_autofree gchar *path = NULL;
    g_autoptr (GPtrArray) names = NULL;
    KvsSpoolEntry entry;

    spool_rig_write_one (rig, store, T0);
    ck_assert (kvs_spool_store_next (store, NULL, &entry));
    ck_assert_uint_eq (entry.sequence, 1);
    names = spool_rig_list_files (rig->stream_folder);
    path = spool_rig_path (rig, g_ptr_array_index (names, 1));
    damage (path, 1);
    ck_assert_ptr_null (kvs_spool_store_read (store, &entry, NULL));
    ck_assert_uint_eq (spool_rig_count_files (rig, "damaged"), i + 1);
  }
}
END_TEST

START_TEST (test_file_that_somebody_took)
{
  static const guint64 timecodes[] = { T1 };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (GError) error = NULL;
  g_autofree gchar *path = NULL;
  KvsSpoolEntry entry;

  spool_rig_write_one (rig, store, T0);
  path = spool_rig_only_file (rig);
  ck_assert_int_eq (g_unlink (path), 0);
  spool_rig_write_one (rig, store, T1);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  ck_assert_ptr_null (kvs_spool_store_read (store, &entry, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED));
  ck_assert_uint_eq (spool_rig_stats (store).n_damaged, 0);
  ck_assert_uint_eq (spool_rig_count_files (rig, "damaged"), 0);
  spool_rig_assert_holds (store, timecodes, 1);
}
END_TEST

START_TEST (test_strangers_are_left_alone)
{
  static const gchar *const strangers[] = {
    "holiday.mkv", "notes.txt", "0.part", "000000000009-x.mkv",
  };
  static const gchar *folder_name = "000000000007-20260823T101502.120Z-2000ms-60f-1a2b3c4d.mkv";
  static const gchar *link_name = "000000000008-20260823T101502.120Z-2000ms-60f-1a2b3c4d.mkv";
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autofree gchar *folder = spool_rig_path (rig, folder_name);
  g_autofree gchar *link = spool_rig_path (rig, link_name);

  g_clear_pointer (&store, kvs_spool_store_close);
  for (guint i = 0; i < G_N_ELEMENTS (strangers); i++) {
    g_autofree gchar *path = spool_rig_path (rig, strangers[i]);

    ck_assert (g_file_set_contents (path, "mine", 4, NULL));
  }
  ck_assert_int_eq (g_mkdir (folder, 0700), 0);
  ck_assert_int_eq (symlink ("notes.txt", link), 0);
  store = spool_rig_open (rig, 10 * PAYLOAD_BYTES);
  ck_assert_uint_eq (spool_rig_stats (store).n_fragments, 0);
  for (guint i = 0; i < 4; i++)
    spool_rig_write_one (rig, store, T0 + i);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 1 + G_N_ELEMENTS (strangers) + 2 + 1);
  ck_assert_uint_eq (rig->loss.n_fragments, 3);
}
END_TEST

/* Somebody put the files of two boxes into one folder. */
START_TEST (test_two_spools_put_together)
{
  static const guint64 timecodes[] = { T0, T1 };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (SpoolRig) other = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (KvsSpoolStore) other_store = spool_rig_open (other, G_MAXUINT64);
  g_autofree gchar *from = NULL;
  g_autofree gchar *name = NULL;
  g_autofree gchar *to = NULL;

  spool_rig_write_one (rig, store, T1);
  spool_rig_write_one (other, other_store, T0);
  g_clear_pointer (&store, kvs_spool_store_close);
  from = spool_rig_only_file (other);
  name = g_path_get_basename (from);
  to = spool_rig_path (rig, name);
  ck_assert_int_eq (g_rename (from, to), 0);
  store = spool_rig_open (rig, G_MAXUINT64);
  spool_rig_assert_holds (store, timecodes, 2);
}
END_TEST

/* ---- who and where ---- */

static void
assert_not_opened (SpoolRig *rig, const gchar *stream_name, gint code)
{
  g_autoptr (GError) error = NULL;
  KvsSpoolStore *store = kvs_spool_store_open (rig->folder, stream_name, 1000, &error);

  ck_assert_msg (store == NULL, "%s", stream_name);
  ck_assert_msg (g_error_matches (error, KVS_ERROR, code), "%s", error->message);
}

START_TEST (test_one_user_at_a_time)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (KvsSpoolStore) other = NULL;
  gint status;
  pid_t pid;

  spool_rig_begin (rig, store, T0, 2);
  assert_not_opened (rig, SPOOL_RIG_STREAM, KVS_ERROR_SPOOL);
  pid = fork ();
  if (pid == 0)
    _exit (kvs_spool_store_open (rig->folder, SPOOL_RIG_STREAM, 1000, NULL) == NULL ? 0 : 1);
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  ck_assert (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  other = kvs_spool_store_open (rig->folder, "back-door", 1000, NULL);
  ck_assert_ptr_nonnull (other);
  /* neither took what grows for what a crash had left */
  ck_assert (spool_rig_commit (store, NULL, NULL));
  spool_rig_assert_first_is (store, T0, 2);
  g_clear_pointer (&store, kvs_spool_store_close);
  store = spool_rig_open (rig, G_MAXUINT64);
}
END_TEST

START_TEST (test_any_stream_name)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autofree gchar *longest = g_strnfill (KVS_MAX_STREAM_NAME_BYTES, 'x');
  g_autofree gchar *too_long = g_strnfill (KVS_MAX_STREAM_NAME_BYTES + 1, 'x');
  const gchar *good[] = { "a", ".", "..", "...", "-", longest, longest + 1 };
  const gchar *bad[] = { "", "a/b", "../up", "a b", "\xc3\xa9", too_long };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (KvsSpoolStore) store
        = kvs_spool_store_open (rig->folder, good[i], G_MAXUINT64, &error);
    g_autoptr (GPtrArray) names = spool_rig_list_files (rig->folder);

    ck_assert_msg (store != NULL, "%s: %s", good[i], error != NULL ? error->message : "");
    ck_assert_uint_eq (names->len, i + 1);
    spool_rig_write_one (rig, store, T0);
    ck_assert_uint_eq (spool_rig_stats (store).n_fragments, 1);
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_not_opened (rig, bad[i], KVS_ERROR_BAD_ARGUMENT);
}
END_TEST

/* On an SD card "Front-Door" is the folder of "front-door". */
START_TEST (test_folder_of_another_stream)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autofree gchar *owner = spool_rig_path (rig, ".stream");

  g_clear_pointer (&store, kvs_spool_store_close);
  ck_assert (g_file_set_contents (owner, "Front-Door\n", -1, NULL));
  assert_not_opened (rig, SPOOL_RIG_STREAM, KVS_ERROR_BAD_ARGUMENT);
  /* as a full disk may have left it */
  ck_assert (g_file_set_contents (owner, "front", -1, NULL));
  store = spool_rig_open (rig, G_MAXUINT64);
}
END_TEST

START_TEST (test_folder_that_is_removed)
{
  static const guint64 timecodes[] = { T1, T2 };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (GError) error = NULL;

  spool_rig_write_one (rig, store, T0);
  spool_rig_begin (rig, store, T1, 2);
  spool_rig_remove_tree (rig->stream_folder);
  ck_assert (!spool_rig_commit (store, NULL, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_SPOOL));
  kvs_spool_store_abandon (store);
  spool_rig_write_one (rig, store, T1);
  spool_rig_write_one (rig, store, T2);
  spool_rig_assert_holds (store, timecodes, 2);
}
END_TEST

/* A disk is taken out, there is nowhere to write, then it is back with what was on it. */
START_TEST (test_disk_that_comes_back)
{
  static const guint64 timecodes[] = { T0, T2 };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (GError) error = NULL;
  g_autofree gchar *elsewhere = g_strconcat (rig->folder, ".out", NULL);
  KvsSpoolEntry entry;

  spool_rig_write_one (rig, store, T0);
  spool_rig_begin (rig, store, T2, 1);
  ck_assert_int_eq (g_rename (rig->folder, elsewhere), 0);
  ck_assert (g_file_set_contents (rig->folder, "no folder", -1, NULL));
  for (guint i = 0; i < 3; i++) {
    g_autoptr (GError) write_error = NULL;
    g_autoptr (GError) read_error = NULL;

    ck_assert (!spool_rig_write (rig, store, T1, 1, PAYLOAD_BYTES, &write_error));
    ck_assert (g_error_matches (write_error, KVS_ERROR, KVS_ERROR_SPOOL));
    ck_assert (kvs_spool_store_next (store, NULL, &entry));
    ck_assert_ptr_null (kvs_spool_store_read (store, &entry, &read_error));
    ck_assert (g_error_matches (read_error, KVS_ERROR, KVS_ERROR_SPOOL));
  }
  ck_assert (!kvs_spool_store_is_growing (store));
  ck_assert (!spool_rig_append (rig, store, T2, 1, PAYLOAD_BYTES, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_SPOOL));

  ck_assert_int_eq (g_unlink (rig->folder), 0);
  ck_assert_int_eq (g_rename (elsewhere, rig->folder), 0);
  ck_assert (kvs_spool_store_refresh (store, NULL));
  spool_rig_assert_holds (store, timecodes, 2);
}
END_TEST

static Suite *
make_suite (void)
{
  Suite *s = suite_create ("spool-folder");
  TCase *tc = tcase_create ("spool-folder");

  tcase_set_timeout (tc, 60);
  tcase_add_loop_test (tc, test_damaged_is_set_aside, 0, 5);
  tcase_add_test (tc, test_nothing_aside_is_replaced);
  tcase_add_test (tc, test_file_that_somebody_took);
  tcase_add_test (tc, test_strangers_are_left_alone);
  tcase_add_test (tc, test_two_spools_put_together);
  tcase_add_test (tc, test_one_user_at_a_time);
  tcase_add_test (tc, test_any_stream_name);
  tcase_add_test (tc, test_folder_of_another_stream);
  tcase_add_test (tc, test_folder_that_is_removed);
  tcase_add_test (tc, test_disk_that_comes_back);
  suite_add_tcase (s, tc);
  return s;
}

int
main (void)
{
  return run_suite (make_suite ());
}
