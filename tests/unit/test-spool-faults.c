/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk that fails. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "../suite.h"
#include "disk-faults.h"
#include "error.h"
#include "media.h"
#include "spool-rig.h"

#define T0 SPOOL_RIG_EPOCH_MS
#define T1 (T0 + 2000)
#define T2 (T0 + 4000)
#define N_FRAMES 3
#define PAYLOAD_BYTES 20000

static void
assert_spool_error (const GError *error)
{
  ck_assert_ptr_nonnull (error);
  ck_assert_msg (g_error_matches (error, KVS_ERROR, KVS_ERROR_SPOOL), "%s", error->message);
  ck_assert_msg (strstr (error->message, g_strerror (disk_fails_with)) != NULL, "%s",
                 error->message);
}

/* ---- a Fragment that grows, with what an owner does when it fails ---- */

static gboolean
append_with_patience (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms, guint n)
{
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GError) error = NULL;

    if (spool_rig_append (rig, store, timecode_ms, n, PAYLOAD_BYTES, &error))
      return TRUE;
    assert_spool_error (error);
  }
  return FALSE;
}

static gboolean
grow (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms)
{
  KvsSpoolTimes times = spool_rig_times (timecode_ms);
  g_autoptr (GError) error = NULL;

  if (!kvs_spool_store_begin (store, rig->header, &times, &error)) {
    assert_spool_error (error);
    return FALSE;
  }
  for (guint n = 0; n < N_FRAMES; n++) {
    if (!append_with_patience (rig, store, timecode_ms, n))
      return FALSE;
  }
  if (spool_rig_commit (store, NULL, &error))
    return TRUE;
  /* with any cause: also what failed before lets a commit fail */
  ck_assert_msg (g_error_matches (error, KVS_ERROR, KVS_ERROR_SPOOL), "%s", error->message);
  return FALSE;
}

/* What is still in memory is written as a whole, until it works. */
static void
write_with_patience (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms)
{
  for (guint i = 0; i < 20; i++) {
    g_autoptr (GError) error = NULL;

    if (spool_rig_write (rig, store, timecode_ms, N_FRAMES, PAYLOAD_BYTES, &error))
      return;
    assert_spool_error (error);
  }
  ck_abort_msg ("the disk works again, but the spool does not");
}

/* Nothing is missing and nothing half. A Fragment that could not be taken away after a failure may
 * be there a second time, as far as it had come. */
static void
assert_all_there (KvsSpoolStore *store, gboolean may_be_double)
{
  const guint64 timecodes[] = { T0, T1, T2 };
  KvsSpoolEntry entry = { 0 };
  guint next = 0;
  gboolean first = TRUE;

  while (kvs_spool_store_next (store, first ? NULL : &entry, &entry)) {
    g_autoptr (GError) error = NULL;
    g_autoptr (KvsSpoolFragment) fragment = kvs_spool_store_read (store, &entry, &error);
    guint64 timecode;
    guint n;

    first = FALSE;
    ck_assert_msg (fragment != NULL, "%s", error != NULL ? error->message : "");
    timecode = fragment->record.times.timecode;
    n = spool_rig_check_frames (fragment->bytes, timecode, PAYLOAD_BYTES);
    ck_assert_uint_eq (n, entry.n_frames);
    if (next < 3 && timecode == timecodes[next] && n == N_FRAMES)
      next++;
    else
      ck_assert_msg (may_be_double, "a fragment is there twice, or out of order");
  }
  ck_assert_uint_eq (next, 3);
}

static gboolean
run_through (guint from, guint n, int with)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  gboolean hit;

  disk_fail_calls (from, n, with);
  write_with_patience (rig, store, T0);
  if (!grow (rig, store, T1)) {
    kvs_spool_store_abandon (store);
    write_with_patience (rig, store, T1);
  }
  write_with_patience (rig, store, T2);
  hit = disk_n_calls >= from;
  disk_fail_calls (0, 0, 0);
  assert_all_there (store, TRUE);
  g_clear_pointer (&store, kvs_spool_store_close);
  store = spool_rig_open (rig, G_MAXUINT64);
  assert_all_there (store, TRUE);
  return hit;
}

/* What lets a whole file outlive a power cut: its bytes and its name are on the disk before the
 * journal goes, by which it can be judged. */
START_TEST (test_order_of_syncs)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  KvsSpoolTimes times = spool_rig_times (T0);

  disk_trace = g_string_new (NULL);
  ck_assert (kvs_spool_store_begin (store, rig->header, &times, NULL));
  ck_assert (append_with_patience (rig, store, T0, 0));
  ck_assert_str_eq (disk_trace->str, "www");
  g_string_truncate (disk_trace, 0);
  ck_assert (kvs_spool_store_sync (store, NULL));
  ck_assert_str_eq (disk_trace->str, "ssd");
  g_string_truncate (disk_trace, 0);
  ck_assert (append_with_patience (rig, store, T0, 1));
  ck_assert (kvs_spool_store_sync (store, NULL));
  ck_assert_str_eq (disk_trace->str, "wwss");
  g_string_truncate (disk_trace, 0);
  ck_assert (spool_rig_commit (store, NULL, NULL));
  ck_assert_str_eq (disk_trace->str, "prsdu");
  g_string_free (disk_trace, TRUE);
  disk_trace = NULL;
}
END_TEST

/* Each call fails once, in turn; then several in a row. */
START_TEST (test_each_call_fails_in_turn)
{
  static const int errors[] = { ENOSPC, EIO, EROFS, EDQUOT };
  guint n_hit = 0;

  for (guint e = 0; e < G_N_ELEMENTS (errors); e++) {
    for (guint n = 1; n <= 4; n++) {
      guint from = 1;

      while (run_through (from, n, errors[e]))
        from++;
      n_hit += from - 1;
    }
  }
  g_print ("%u ways of a disk to fail, nothing lost\n", n_hit);
  ck_assert_uint_gt (n_hit, 200);
}
END_TEST

/* A full disk for as long as it likes: what is there can be read and taken away. */
START_TEST (test_full_for_long)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (GPtrArray) names = NULL;
  KvsSpoolTimes times = spool_rig_times (T1);
  KvsSpoolEntry entry;

  write_with_patience (rig, store, T0);
  ck_assert (kvs_spool_store_begin (store, rig->header, &times, NULL));
  ck_assert (append_with_patience (rig, store, T1, 0));
  disk_fail_calls (1, G_MAXUINT, ENOSPC);
  for (guint i = 0; i < 10; i++) {
    g_autoptr (GError) append_error = NULL;
    g_autoptr (GError) write_error = NULL;

    ck_assert (!spool_rig_append (rig, store, T1, 1, PAYLOAD_BYTES, &append_error));
    assert_spool_error (append_error);
    ck_assert (!spool_rig_write (rig, store, T2, N_FRAMES, PAYLOAD_BYTES, &write_error));
    assert_spool_error (write_error);
  }
  disk_fail_calls (0, 0, 0);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  ck_assert (!kvs_spool_store_next (store, &entry, &entry));

  /* and once more, with all that could not be taken away in the way */
  g_clear_pointer (&store, kvs_spool_store_close);
  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  ck_assert_int_eq (entry.start_ns, (gint64) T0 * MEDIA_MS);
  ck_assert (kvs_spool_store_next (store, &entry, &entry));
  ck_assert_int_eq (entry.start_ns, (gint64) T1 * MEDIA_MS);
  ck_assert_uint_eq (entry.n_frames, 1);
}
END_TEST

/* Whatever happened to a Fragment that could not be written back whole, reopening gives what was
 * appended before. */
START_TEST (test_what_was_good_stays_good)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  KvsSpoolTimes times = spool_rig_times (T0);
  g_autoptr (KvsSpoolFragment) fragment = NULL;
  KvsSpoolEntry entry;

  ck_assert (kvs_spool_store_begin (store, rig->header, &times, NULL));
  ck_assert (append_with_patience (rig, store, T0, 0));
  ck_assert (append_with_patience (rig, store, T0, 1));
  /* the journal, or the file, and then all that would mend it */
  disk_fail_calls (1 + (guint) _i, G_MAXUINT, EIO);
  ck_assert (!spool_rig_append (rig, store, T0, 2, PAYLOAD_BYTES, NULL));
  ck_assert (!spool_rig_commit (store, NULL, NULL));
  g_clear_pointer (&store, kvs_spool_store_close);
  disk_fail_calls (0, 0, 0);
  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  fragment = kvs_spool_store_read (store, &entry, NULL);
  ck_assert_ptr_nonnull (fragment);
  ck_assert_uint_eq (spool_rig_check_frames (fragment->bytes, T0, PAYLOAD_BYTES), 2);
}
END_TEST

/* Linux tells of bytes that it could not write once; then it forgets them. */
START_TEST (test_failed_sync_is_not_forgotten)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  KvsSpoolTimes times = spool_rig_times (T0);

  ck_assert (kvs_spool_store_begin (store, rig->header, &times, NULL));
  ck_assert (append_with_patience (rig, store, T0, 0));
  disk_fail_calls (1, 1, EIO);
  ck_assert (!kvs_spool_store_sync (store, NULL));
  for (guint i = 0; i < 2; i++) {
    ck_assert (!kvs_spool_store_sync (store, NULL));
    ck_assert (!spool_rig_commit (store, NULL, NULL));
  }
  kvs_spool_store_abandon (store);
  write_with_patience (rig, store, T0);
}
END_TEST

START_TEST (test_writes_may_be_short)
{
  static const gsize bounds[] = { 1, 7, 100, 6667, 6668 };
  static const guint64 timecodes[] = { T0, T1 };

  for (guint i = 0; i < G_N_ELEMENTS (bounds); i++) {
    g_autoptr (SpoolRig) rig = spool_rig_new ();
    g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);

    disk_at_most = bounds[i];
    write_with_patience (rig, store, T0);
    ck_assert (grow (rig, store, T1));
    disk_at_most = 0;
    spool_rig_assert_holds (store, timecodes, 2);
  }
}
END_TEST

/* The disk works again before anybody gave up. */
START_TEST (test_grows_on_after_failures)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  KvsSpoolTimes times = spool_rig_times (T0);
  g_autoptr (KvsSpoolFragment) fragment = NULL;
  KvsSpoolEntry entry;

  ck_assert (kvs_spool_store_begin (store, rig->header, &times, NULL));
  ck_assert (append_with_patience (rig, store, T0, 0));
  disk_fail_calls (1 + (guint) _i / 2, G_MAXUINT, ENOSPC);
  ck_assert (!append_with_patience (rig, store, T0, 1));
  disk_fail_calls (0, 0, 0);
  ck_assert (append_with_patience (rig, store, T0, 1));
  ck_assert (append_with_patience (rig, store, T0, 2));
  /* as good after a crash as without */
  if (_i % 2 == 0)
    ck_assert (spool_rig_commit (store, NULL, NULL));
  g_clear_pointer (&store, kvs_spool_store_close);
  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  fragment = kvs_spool_store_read (store, &entry, NULL);
  ck_assert_ptr_nonnull (fragment);
  ck_assert_uint_eq (spool_rig_check_frames (fragment->bytes, T0, PAYLOAD_BYTES), 3);
}
END_TEST

/* A disk that became read-only: what was delivered stays on it, and is not given out again. */
START_TEST (test_nothing_can_be_removed)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, 3 * N_FRAMES * PAYLOAD_BYTES);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) write_error = NULL;
  KvsSpoolEntry entry, next;

  write_with_patience (rig, store, T0);
  write_with_patience (rig, store, T1);
  disk_only_removal = TRUE;
  disk_fail_calls (1, G_MAXUINT, EROFS);
  ck_assert (!spool_rig_write (rig, store, T2, N_FRAMES, PAYLOAD_BYTES, &write_error));
  assert_spool_error (write_error);
  ck_assert_uint_eq (rig->loss.n_fragments, 0);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  ck_assert (!kvs_spool_store_remove (store, &entry, &error));
  assert_spool_error (error);
  ck_assert (kvs_spool_store_next (store, NULL, &next));
  ck_assert_int_eq (next.start_ns, (gint64) T1 * MEDIA_MS);
}
END_TEST

/* What a crash left is not touched by a disk that fails while it is finished. */
START_TEST (test_recovery_that_fails)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  KvsSpoolTimes times = spool_rig_times (T0);
  KvsSpoolEntry entry;

  ck_assert (kvs_spool_store_begin (store, rig->header, &times, NULL));
  ck_assert (append_with_patience (rig, store, T0, 0));
  g_clear_pointer (&store, kvs_spool_store_close);
  for (guint from = 1; from <= 3; from++) {
    disk_fail_calls (from, G_MAXUINT, EIO);
    store = spool_rig_open (rig, G_MAXUINT64);
    ck_assert (!kvs_spool_store_next (store, NULL, &entry));
    g_clear_pointer (&store, kvs_spool_store_close);
  }
  disk_fail_calls (0, 0, 0);
  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  ck_assert_uint_eq (entry.n_frames, 1);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("spool-faults");
  TCase *tc = tcase_create ("spool-faults");

  tcase_set_timeout (tc, 110);
  tcase_add_test (tc, test_order_of_syncs);
  tcase_add_test (tc, test_each_call_fails_in_turn);
  tcase_add_test (tc, test_full_for_long);
  tcase_add_loop_test (tc, test_what_was_good_stays_good, 0, 2);
  tcase_add_loop_test (tc, test_grows_on_after_failures, 0, 4);
  tcase_add_test (tc, test_failed_sync_is_not_forgotten);
  tcase_add_test (tc, test_writes_may_be_short);
  tcase_add_test (tc, test_nothing_can_be_removed);
  tcase_add_test (tc, test_recovery_that_fails);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
