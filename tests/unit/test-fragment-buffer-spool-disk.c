/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk that is slow, fails, or is full. */
#include "buffer-rig.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "spool-rig.h"
#include "wait.h"

START_TEST (test_slow_disk_bounds_memory)
{
  guint64 n_kept, at_most = 2 * MIB + 32 * MIB + 6 * MIB;

  rig.definition->storage_bytes = 2 * MIB;
  rig_make_buffer ();
  rig_hold_worker ();
  for (guint i = 0; i < 30; i++) {
    rig_push_fragments_sized (i, 1, MIB);
    ck_assert_uint_le (rig_get_stats ().bytes_buffered, at_most);
  }
  ck_assert_uint_gt (rig.n_dropped, 0);
  ck_assert_uint_eq (rig.n_dropped % FRAMES_A_FRAGMENT, 0);
  ck_assert_uint_eq (rig_get_stats ().frames_dropped[KVS_DROP_OVERFLOW], rig.n_dropped);
  rig_watch ();
  rig_watch ();
  ck_assert_int_eq (rig.events.n_troubles, 1);
  ck_assert_ptr_nonnull (strstr (rig.events.trouble, "too slow"));
  rig_let_worker_go ();
  rig_settle ();
  rig_watch ();
  ck_assert_int_eq (rig.events.n_recoveries, 1);
  kvs_fragment_buffer_end (rig.buffer);
  n_kept = 30 * FRAMES_A_FRAGMENT - rig.n_dropped;
  {
    g_autofree gchar *order = rig_upload_all ();
    g_autofree gchar *got = rig_without_borders (order);
    g_auto (GStrv) words = g_strsplit (g_strstrip (got), " ", -1);
    gint64 last = -1;

    ck_assert_uint_eq (g_strv_length (words), n_kept / FRAMES_A_FRAGMENT);
    for (guint i = 0; words[i] != NULL; i++) {
      ck_assert_int_gt (g_ascii_strtoll (words[i], NULL, 10), last);
      last = g_ascii_strtoll (words[i], NULL, 10);
    }
  }
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
}
END_TEST

/* Nothing of much size waits, but it waits for long. */
START_TEST (test_disk_that_hangs)
{
  rig.definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  rig.definition->buffer_duration_ns = 1000 * S;
  rig_make_buffer ();
  rig_push_fragments (0, 2);
  rig_watch ();
  ck_assert_int_eq (rig.events.n_troubles, 0);
  rig_hold_worker ();
  rig_push_fragments (2, 2);
  rig_watch ();
  ck_assert_int_eq (rig.events.n_troubles, 0);
  rig_let_time_pass ();
  for (guint i = 4; i < 8; i++) {
    rig_watch ();
    rig_push_fragments (i, 1);
  }
  ck_assert_int_eq (rig.events.n_troubles, 1);
  ck_assert_int_eq (rig.events.n_recoveries, 0);
  rig_let_worker_go ();
  rig_settle ();
  rig_watch ();
  ck_assert_int_eq (rig.events.n_recoveries, 1);
  rig_push_fragments (8, 2);
  rig_settle ();
  ck_assert_uint_ge (rig_count_files (), 4);
  ck_assert_int_eq (rig.events.n_troubles, 1);
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 9);
}
END_TEST

/* It fails while memory is full: media go through memory; it works again: it is used again. */
START_TEST (test_disk_fails_and_works_again)
{
  gchar *aside;
  guint n_files;

  rig_make_buffer ();
  rig_push_fragments_slowly (0, 6);
  n_files = rig_count_files ();
  ck_assert_uint_gt (n_files, 2);
  aside = rig_break_disk ();
  rig_push_fragments_slowly (6, 10);
  ck_assert_int_eq (rig.events.n_troubles, 1);
  ck_assert_int_eq (rig.events.n_recoveries, 0);
  ck_assert_uint_le (rig_get_stats ().fragments_buffered, 4);
  ck_assert_uint_gt (rig.n_dropped, 0);
  ck_assert_uint_eq (rig.n_dropped % FRAMES_A_FRAGMENT, 0);
  rig_mend_disk (aside);
  rig_push_fragments_slowly (16, 6);
  ck_assert_int_eq (rig.events.n_recoveries, 1);
  ck_assert_uint_gt (rig_count_files (), n_files);
  kvs_fragment_buffer_end (rig.buffer);
  {
    g_autofree gchar *order = rig_upload_all ();
    g_autofree gchar *got = rig_without_borders (order);
    g_auto (GStrv) words = g_strsplit (g_strstrip (got), " ", -1);

    ck_assert_uint_eq (g_strv_length (words), 22 - rig.n_dropped / FRAMES_A_FRAGMENT);
    ck_assert_str_eq (words[0], "0");
    ck_assert_str_eq (words[1], "1");
  }
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
}
END_TEST

/* What cannot be read for now is not forgotten, and keeps nobody waiting. */
START_TEST (test_disk_cannot_be_read_for_a_while)
{
  g_autofree gchar *order = NULL;
  g_autofree gchar *got = NULL;
  gchar *aside;

  rig_make_buffer ();
  rig_push_fragments_slowly (0, 10);
  aside = rig_break_disk ();
  order = rig_upload_all ();
  got = rig_without_borders (order);
  /* what memory had */
  ck_assert_ptr_nonnull (strstr (got, "8 "));
  ck_assert_ptr_null (strstr (got, "4 "));
  ck_assert_int_eq (rig.events.n_troubles, 1);
  rig_mend_disk (aside);
  rig_push_fragments (10, 1);
  kvs_fragment_buffer_end (rig.buffer);
  rig_settle ();
  {
    g_autofree gchar *rest = rig_upload_all ();
    g_autofree gchar *both = g_strconcat (got, " ", rest, NULL);

    for (guint i = 0; i < 11; i++) {
      g_autofree gchar *number = g_strdup_printf ("%u ", i);

      ck_assert_msg (strstr (both, number) != NULL, "%u is missing in %s", i, both);
    }
  }
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
}
END_TEST

START_TEST (test_spool_that_is_not_there_at_first)
{
  gchar *aside;

  rig_make_buffer ();
  rig_push_fragments_slowly (0, 6);
  kvs_fragment_buffer_end (rig.buffer);
  kvs_fragment_buffer_save (rig.buffer);
  rig_settle ();
  rig_close_buffer ();
  ck_assert (wait_until (rig_is_spool_free, NULL));
  aside = rig_break_disk ();
  rig_make_buffer ();
  ck_assert_int_eq (rig.events.n_troubles, 1);
  rig_push_fragments_slowly (6, 2);
  /* live media do not wait */
  ck_assert (rig_begin ());
  ck_assert_int_eq (rig_read_all (), KVS_READ_EMPTY);
  ck_assert_uint_eq (rig.wire->clusters->len, 2);
  rig_mend_disk (aside);
  rig_push_fragments_slowly (8, 1);
  ck_assert_int_eq (rig.events.n_recoveries, 1);
  /* the running Session makes way at the next border */
  kvs_fragment_buffer_end (rig.buffer);
  ck_assert_int_eq (rig_read_all (), KVS_READ_END);
  kvs_fragment_buffer_persisted (rig.buffer, rig_timecode (6));
  kvs_fragment_buffer_persisted (rig.buffer, rig_timecode (7));
  kvs_fragment_buffer_persisted (rig.buffer, rig_timecode (8));
  kvs_fragment_buffer_end_session (rig.buffer);
  {
    g_autofree gchar *order = rig_upload_all ();
    g_autofree gchar *got = rig_without_borders (order);

    ck_assert (g_str_has_prefix (got, "0 1 2 3 4 5 "));
  }
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
}
END_TEST

START_TEST (test_full_spool_drops_the_oldest_and_says_so)
{
  rig.definition->spool_bytes = 5 * 2000;
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 40);
  ck_assert_uint_eq (rig.n_dropped, 0);
  ck_assert_int_gt (rig.events.n_full, 0);
  ck_assert_uint_eq (rig_get_stats ().frames_dropped[KVS_DROP_OVERFLOW], (guint) rig.events.n_full);
  ck_assert_uint_le (rig_get_stats ().spool_bytes, 5 * 2000);
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads ((guint) rig.events.n_full / FRAMES_A_FRAGMENT, 39);
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
}
END_TEST

/* It had to go from the disk, and comes to it again at the end. */
START_TEST (test_read_back_and_evicted_is_saved_again)
{
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 6);
  rig_begin ();
  rig_settle ();
  ck_assert_uint_gt (rig.buffer->raw_bytes, 0);
  spool_rig_remove_tree (rig.folder);
  g_mutex_lock (&rig.buffer->lock);
  for (GList *link = rig.buffer->fragments.head; link != NULL; link = link->next)
    ((KvsFragment *) link->data)->disk = KVS_FRAGMENT_DISK_NONE;
  g_mutex_unlock (&rig.buffer->lock);
  kvs_fragment_buffer_end (rig.buffer);
  kvs_fragment_buffer_save (rig.buffer);
  rig_settle ();
  rig_run_again ();
  {
    g_autofree gchar *order = rig_upload_all ();
    g_autofree gchar *got = rig_without_borders (order);

    ck_assert_str_eq (got, "0 4 5 ");
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragment-buffer-spool-disk");
  TCase *tc = tcase_create ("fragment-buffer-spool-disk");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, rig_setup, rig_teardown);
  tcase_add_test (tc, test_slow_disk_bounds_memory);
  tcase_add_test (tc, test_disk_that_hangs);
  tcase_add_test (tc, test_disk_fails_and_works_again);
  tcase_add_test (tc, test_disk_cannot_be_read_for_a_while);
  tcase_add_test (tc, test_spool_that_is_not_there_at_first);
  tcase_add_test (tc, test_full_spool_drops_the_oldest_and_says_so);
  tcase_add_test (tc, test_read_back_and_evicted_is_saved_again);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
