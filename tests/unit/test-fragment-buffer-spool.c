/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory is full: what leaves it for the disk, and comes back. */
#include "buffer-rig.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "spool-rig.h"

START_TEST (test_overflow_by_time)
{
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 20);
  ck_assert_uint_le (rig_get_stats ().fragments_buffered, 3);
  ck_assert_uint_ge (rig_get_stats ().spool_fragments, 17);
  ck_assert_uint_eq (rig.n_dropped, 0);
  kvs_fragment_buffer_end (rig.buffer);
  ck_assert (!kvs_fragment_buffer_is_drained (rig.buffer));
  rig_assert_uploads (0, 19);
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
  ck_assert_uint_eq (rig_get_stats ().frames_persisted, 20 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (rig_get_stats ().bytes_buffered, 0);
  ck_assert_uint_eq (rig.buffer->storing_bytes, 0);
  ck_assert_uint_eq (rig.buffer->raw_bytes, 0);
  rig_settle ();
  ck_assert_uint_eq (rig_count_files (), 0);
  ck_assert_int_eq (rig.events.n_troubles, 0);
}
END_TEST

START_TEST (test_overflow_by_bytes)
{
  rig.definition->buffer_duration_ns = 1000 * S;
  rig.definition->storage_bytes = 3 * MIB;
  rig_make_buffer ();
  for (guint i = 0; i < 20; i++) {
    rig_push_fragments_sized (i, 1, MIB / 4);
    rig_settle ();
    ck_assert_uint_le (rig_get_stats ().bytes_buffered, 3 * MIB);
  }
  ck_assert_uint_eq (rig.n_dropped, 0);
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 19);
  ck_assert (kvs_fragment_buffer_is_drained (rig.buffer));
}
END_TEST

/* What was sent and not acknowledged stays before what lies on disk. */
START_TEST (test_between_sent_and_live)
{
  rig_make_buffer ();
  rig_push_fragments (0, 2);
  ck_assert (rig_begin ());
  ck_assert_int_eq (rig_read_all (), KVS_READ_EMPTY);
  rig_read_all ();
  rig_push_fragments_slowly (2, 10);
  /* 0 and 1 were sent, and the Session has gone on with 2 */
  kvs_fragment_buffer_end_session (rig.buffer);
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 11);
}
END_TEST

START_TEST (test_session_goes_on_over_what_is_on_disk)
{
  guint n_acked = 0;

  rig_make_buffer ();
  rig_push_fragments_slowly (0, 10);
  ck_assert (!rig_begin ());
  rig_settle ();
  ck_assert (rig_begin ());
  /* everything up to the border to what is on disk, then from there, then live */
  for (guint i = 10; i < 30; i++) {
    g_autofree gchar *order = NULL;

    rig_push_fragments_slowly (i, 1);
    if (rig_read_all () == KVS_READ_END) {
      for (guint k = 0; k < rig.wire->clusters->len; k++, n_acked++) {
        rig_assert_cluster_is (k, n_acked);
        kvs_fragment_buffer_persisted (rig.buffer, rig_timecode (n_acked));
      }
      kvs_fragment_buffer_end_session (rig.buffer);
      rig_settle ();
      rig_begin ();
    }
  }
  kvs_fragment_buffer_end_session (rig.buffer);
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (n_acked, 29);
  ck_assert_uint_eq (rig.n_dropped, 0);
}
END_TEST

/* Acks that do not come must not fill memory with what was read back. */
START_TEST (test_memory_is_bounded_while_reading_back)
{
  rig.definition->storage_bytes = 4 * MIB;
  rig_make_buffer ();
  for (guint i = 0; i < 20; i++) {
    rig_push_fragments_sized (i, 1, MIB / 4);
    rig_settle ();
  }
  for (guint i = 0; i < 40; i++) {
    if (rig.segment == NULL)
      rig_begin ();
    if (rig.segment != NULL && rig_read_all () == KVS_READ_END)
      ck_assert_uint_gt (rig.wire->clusters->len, 0);
    rig_settle ();
    ck_assert_uint_le (rig_get_stats ().bytes_buffered, 6 * MIB);
  }
  kvs_fragment_buffer_end_session (rig.buffer);
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 19);
}
END_TEST

/* Live media that fill memory drive what was read back out of it, but never off the disk. */
START_TEST (test_read_back_is_never_dropped)
{
  rig.definition->storage_bytes = 2 * MIB;
  rig.definition->buffer_duration_ns = 1000 * S;
  rig_make_buffer ();
  for (guint i = 0; i < 8; i++) {
    rig_push_fragments_sized (i, 1, MIB / 4);
    rig_settle ();
  }
  rig_begin ();
  rig_read_some (1);
  rig_settle ();
  for (guint i = 8; i < 30; i++) {
    rig_push_fragments_sized (i, 1, MIB / 4);
    rig_settle ();
  }
  ck_assert_uint_eq (rig.n_dropped, 0);
  kvs_fragment_buffer_end_session (rig.buffer);
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 29);
}
END_TEST

START_TEST (test_latency_is_no_reason_to_drop_what_the_disk_keeps)
{
  rig.definition->buffer_duration_ns = 1000 * S;
  rig.definition->max_latency_ns = 3 * S;
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 12);
  ck_assert_uint_ge (rig_get_stats ().spool_fragments, 8);
  rig_begin ();
  rig_read_some (1);
  rig_settle ();
  rig_push_fragments_slowly (12, 8);
  ck_assert_uint_eq (rig.n_dropped, 0);
  kvs_fragment_buffer_end_session (rig.buffer);
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 19);
}
END_TEST

/* Wherever the Session breaks, what was read back is sent again as a whole. */
START_TEST (test_session_breaks_in_what_was_read_back)
{
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 10);
  for (gsize n = 1; n < 1500; n += 31) {
    rig_settle ();
    if (!rig_begin ())
      continue;
    rig_read_some (n);
    rig_read_some (n);
    kvs_fragment_buffer_end_session (rig.buffer);
  }
  kvs_fragment_buffer_end (rig.buffer);
  rig_assert_uploads (0, 9);
}
END_TEST

START_TEST (test_relative_times_keep_their_start)
{
  rig.definition->absolute_fragment_times = FALSE;
  rig_make_buffer ();
  rig_push_fragments_slowly (0, 6);
  kvs_fragment_buffer_end (rig.buffer);
  rig_settle ();
  ck_assert (!rig_begin ());
  rig_settle ();
  ck_assert (rig_begin ());
  ck_assert (rig.segment->is_relative);
  ck_assert_int_eq (rig.segment->start_ns, START);
  rig_read_all ();
  rig_settle ();
  rig_read_all ();
  for (guint i = 0; i < rig.wire->clusters->len; i++) {
    const WireCluster *cluster = g_ptr_array_index (rig.wire->clusters, i);

    ck_assert_uint_eq (cluster->timecode, i * 1000);
  }
  ck_assert_uint_ge (rig.wire->clusters->len, 2);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragment-buffer-spool");
  TCase *tc = tcase_create ("fragment-buffer-spool");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, rig_setup, rig_teardown);
  tcase_add_test (tc, test_overflow_by_time);
  tcase_add_test (tc, test_overflow_by_bytes);
  tcase_add_test (tc, test_between_sent_and_live);
  tcase_add_test (tc, test_session_goes_on_over_what_is_on_disk);
  tcase_add_test (tc, test_memory_is_bounded_while_reading_back);
  tcase_add_test (tc, test_read_back_is_never_dropped);
  tcase_add_test (tc, test_latency_is_no_reason_to_drop_what_the_disk_keeps);
  tcase_add_test (tc, test_session_breaks_in_what_was_read_back);
  tcase_add_test (tc, test_relative_times_keep_their_start);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
