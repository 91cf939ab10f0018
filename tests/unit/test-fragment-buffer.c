/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/fragment-buffer.h"

#include <check.h>

#include "../suite.h"
#include "media.h"

#define MS MEDIA_MS
#define S MEDIA_S
#define SIZE 60
#define START (G_GINT64_CONSTANT (1700000000) * S)
#define FRAMES_A_FRAGMENT 4

/* ---- a buffer, and one Session at a time that reads it ---- */

static KvsStreamDefinition *definition;
static KvsFragmentBuffer *buffer;
static KvsPushEffect effect; /* of the last push */
static Wire *wire;           /* of the running Session */
static KvsSegment *segment;

static void
set_tracks (void)
{
  g_autoptr (KvsTrack) track = media_track_new ();
  const KvsTrack *tracks[] = { track };

  kvs_fragment_buffer_set_tracks (buffer, tracks, 1, G_MAXINT64);
}

static void
make_buffer (void)
{
  buffer = kvs_fragment_buffer_new (definition, NULL);
  set_tracks ();
}

static void
setup (void)
{
  definition = kvs_stream_definition_new ("cam");
  definition->max_unacknowledged = 0; /* see test-fragment-window.c */
}

static void
teardown (void)
{
  g_clear_pointer (&segment, kvs_segment_unref);
  g_clear_pointer (&wire, wire_free);
  g_clear_pointer (&buffer, kvs_fragment_buffer_free);
  kvs_stream_definition_free (definition);
}

/* Frame @id of a stream of 4 frames a second, a Fragment a second. */
static KvsPushResult
push_sized (guint64 id, gsize size)
{
  gboolean is_key = id % FRAMES_A_FRAGMENT == 0;
  g_autoptr (KvsFrame) frame = media_frame_new (id, is_key, START + (gint64) id * 250 * MS, size);
  KvsPushResult result;

  effect = (KvsPushEffect) { 0 };
  result = kvs_fragment_buffer_push (buffer, &frame, &effect);
  ck_assert_int_eq (result == KVS_PUSH_STORED, frame == NULL);
  return result;
}

static KvsPushResult
push (guint64 id)
{
  return push_sized (id, SIZE);
}

static void
push_fragments (guint first, guint n)
{
  for (guint i = first * FRAMES_A_FRAGMENT; i < (first + n) * FRAMES_A_FRAGMENT; i++)
    ck_assert_int_eq (push (i), KVS_PUSH_STORED);
}

static guint64
timecode (guint fragment)
{
  return (guint64) (START / MS) + fragment * 1000;
}

static void
begin (void)
{
  g_clear_pointer (&segment, kvs_segment_unref);
  g_clear_pointer (&wire, wire_free);
  wire = wire_new ();
  segment = kvs_fragment_buffer_begin_session (buffer);
}

static KvsReadStatus
read_some (gsize size)
{
  g_autofree guint8 *out = g_malloc (MAX (size, 1));
  gsize n_read;
  KvsReadStatus status = kvs_fragment_buffer_read (buffer, out, size, &n_read);

  ck_assert_uint_le (n_read, size);
  ck_assert_int_eq (status == KVS_READ_DATA, n_read > 0);
  wire_push (wire, out, n_read);
  return status;
}

static KvsReadStatus
read_all (gsize size)
{
  KvsReadStatus status;

  while ((status = read_some (size)) == KVS_READ_DATA)
    ;
  return status;
}

/* The Session has carried the whole Fragments from @first to @last, each once and in order. */
static void
assert_carried (guint first, guint last)
{
  gsize header_size;
  const guint8 *header = g_bytes_get_data (segment->header, &header_size);

  ck_assert_uint_eq (wire->header->len, header_size);
  ck_assert_mem_eq (wire->header->data, header, header_size);
  ck_assert_uint_eq (wire->pending->len, 0);
  ck_assert_uint_eq (wire->clusters->len, last - first + 1);
  for (guint i = 0; i < wire->clusters->len; i++) {
    const WireCluster *cluster = g_ptr_array_index (wire->clusters, i);

    ck_assert_uint_eq (cluster->timecode, timecode (first + i));
    ck_assert_uint_eq (cluster->blocks->len, FRAMES_A_FRAGMENT);
    for (guint k = 0; k < cluster->blocks->len; k++)
      ck_assert_uint_eq (g_array_index (cluster->blocks, WireBlock, k).id,
                         (first + i) * FRAMES_A_FRAGMENT + k);
  }
}

static KvsBufferStats
get_stats (void)
{
  KvsBufferStats stats;

  kvs_fragment_buffer_get_stats (buffer, &stats);
  return stats;
}

/* ---- reading ---- */

static const gsize read_sizes[] = { 1, 2, 3, 7, 64, 1000, 65536, 1 << 20 };

START_TEST (test_any_read_size)
{
  make_buffer ();
  push_fragments (0, 5);
  begin ();
  ck_assert_int_eq (read_all (read_sizes[_i]), KVS_READ_EMPTY);
  push_fragments (5, 2);
  ck_assert_int_eq (read_all (read_sizes[_i]), KVS_READ_EMPTY);
  kvs_fragment_buffer_end (buffer);
  ck_assert_int_eq (read_all (read_sizes[_i]), KVS_READ_END);
  assert_carried (0, 6);
  ck_assert (!kvs_fragment_buffer_is_drained (buffer));
}
END_TEST

START_TEST (test_without_a_session)
{
  make_buffer ();
  ck_assert_ptr_null (kvs_fragment_buffer_begin_session (buffer));
  kvs_fragment_buffer_end_session (buffer);
  wire = wire_new ();
  ck_assert_int_eq (read_all (10), KVS_READ_END);
  ck_assert (kvs_fragment_buffer_is_empty (buffer));
  ck_assert (!kvs_fragment_buffer_is_drained (buffer));
  kvs_fragment_buffer_end (buffer);
  ck_assert (kvs_fragment_buffer_is_drained (buffer));
  ck_assert_int_eq (push (0), KVS_PUSH_FLUSHING);
}
END_TEST

/* Wherever a Session broke, the next one starts at a border. */
START_TEST (test_rewind)
{
  make_buffer ();
  push_fragments (0, 4);
  for (gsize n = 1; n < 1700; n += 13) {
    begin ();
    read_some (n);
    kvs_fragment_buffer_end_session (buffer);
  }
  begin ();
  read_all (100);
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  kvs_fragment_buffer_received (buffer, timecode (1));
  kvs_fragment_buffer_end_session (buffer);
  begin ();
  kvs_fragment_buffer_end (buffer);
  ck_assert_int_eq (read_all (100), KVS_READ_END);
  assert_carried (1, 3);
}
END_TEST

START_TEST (test_border_where_the_segment_changes)
{
  g_autoptr (GBytes) first_header = NULL;

  make_buffer ();
  push_fragments (0, 2);
  set_tracks ();
  push_fragments (2, 2);
  begin ();
  first_header = g_bytes_ref (segment->header);
  ck_assert_int_eq (read_all (100), KVS_READ_END);
  assert_carried (0, 1);
  /* the service still answers to the old Session */
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  kvs_fragment_buffer_persisted (buffer, timecode (1));
  kvs_fragment_buffer_persisted (buffer, timecode (2));
  kvs_fragment_buffer_end_session (buffer);
  ck_assert_uint_eq (get_stats ().fragments_persisted, 2);

  begin ();
  ck_assert (!g_bytes_equal (segment->header, first_header));
  ck_assert_int_eq (read_all (100), KVS_READ_EMPTY);
  kvs_fragment_buffer_end (buffer);
  ck_assert_int_eq (read_all (100), KVS_READ_END);
  assert_carried (2, 3);
}
END_TEST

START_TEST (test_finish_session)
{
  make_buffer ();
  push_fragments (0, 2);
  begin ();
  read_some (g_bytes_get_size (segment->header) + 100);
  kvs_fragment_buffer_finish_session (buffer);
  /* at the next border, not within the Fragment that was begun */
  ck_assert_int_eq (read_all (100), KVS_READ_END);
  assert_carried (0, 0);
  kvs_fragment_buffer_end_session (buffer);
  begin ();
  push_fragments (2, 1);
  ck_assert_int_eq (read_all (100), KVS_READ_EMPTY);
  kvs_fragment_buffer_end (buffer);
  read_all (100);
  assert_carried (0, 2);
}
END_TEST

/* ---- acknowledgements ---- */

START_TEST (test_acks)
{
  make_buffer ();
  push_fragments (0, 5);
  push (5 * FRAMES_A_FRAGMENT);
  begin ();
  read_all (1000);
  kvs_fragment_buffer_persisted (buffer, timecode (2));
  kvs_fragment_buffer_persisted (buffer, timecode (2));
  ck_assert_uint_eq (get_stats ().fragments_persisted, 1);
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  kvs_fragment_buffer_persisted (buffer, timecode (0) + 1);
  kvs_fragment_buffer_persisted (buffer, 0);
  kvs_fragment_buffer_persisted (buffer, G_MAXUINT64);
  kvs_fragment_buffer_received (buffer, timecode (1));
  /* the open one, which is not sent as a whole */
  kvs_fragment_buffer_persisted (buffer, timecode (5));
  ck_assert_uint_eq (get_stats ().fragments_persisted, 2);
  ck_assert_uint_eq (get_stats ().frames_persisted, 2 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (get_stats ().fragments_buffered, 4);
  kvs_fragment_buffer_end_session (buffer);
  /* between Sessions there is nothing to acknowledge */
  kvs_fragment_buffer_persisted (buffer, timecode (1));
  ck_assert_uint_eq (get_stats ().fragments_persisted, 2);
}
END_TEST

START_TEST (test_ack_of_unsent)
{
  make_buffer ();
  push_fragments (0, 3);
  begin ();
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  read_some (wire->header->len + 400);
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  kvs_fragment_buffer_persisted (buffer, timecode (1));
  ck_assert_uint_eq (get_stats ().fragments_persisted, 0);
  kvs_fragment_buffer_end (buffer);
  read_all (1000);
  assert_carried (0, 2);
  for (guint i = 3; i > 0; i--)
    kvs_fragment_buffer_persisted (buffer, timecode (i - 1));
  ck_assert (kvs_fragment_buffer_is_drained (buffer));
}
END_TEST

/* A loop: the same timecode again, in the Segment that the Session does not carry yet. */
START_TEST (test_ack_of_another_time_line)
{
  make_buffer ();
  push_fragments (0, 3);
  push_fragments (0, 3);
  begin ();
  ck_assert_int_eq (read_all (1000), KVS_READ_END);
  assert_carried (0, 2);
  for (guint i = 0; i < 3; i++) {
    kvs_fragment_buffer_persisted (buffer, timecode (i));
    kvs_fragment_buffer_persisted (buffer, timecode (i));
  }
  ck_assert_uint_eq (get_stats ().fragments_persisted, 3);
  ck_assert_uint_eq (get_stats ().fragments_buffered, 3);
}
END_TEST

START_TEST (test_release_received)
{
  make_buffer ();
  kvs_fragment_buffer_set_release (buffer, KVS_FRAGMENT_RELEASE_RECEIVED);
  push_fragments (0, 3);
  kvs_fragment_buffer_end (buffer);
  begin ();
  read_all (1000);
  kvs_fragment_buffer_received (buffer, timecode (0));
  kvs_fragment_buffer_persisted (buffer, timecode (1));
  ck_assert_uint_eq (get_stats ().fragments_persisted, 2);
  kvs_fragment_buffer_received (buffer, timecode (2));
  ck_assert (kvs_fragment_buffer_is_drained (buffer));
}
END_TEST

START_TEST (test_release_sent)
{
  definition->fragment_acks = FALSE;
  make_buffer ();
  push_fragments (0, 3);
  begin ();
  ck_assert_int_eq (read_all (50), KVS_READ_EMPTY);
  ck_assert_uint_eq (get_stats ().fragments_persisted, 2);
  kvs_fragment_buffer_end (buffer);
  ck_assert_int_eq (read_all (50), KVS_READ_END);
  ck_assert (kvs_fragment_buffer_is_drained (buffer));
  assert_carried (0, 2);
}
END_TEST

START_TEST (test_refuse)
{
  make_buffer ();
  push_fragments (0, 4);
  kvs_fragment_buffer_end (buffer);
  begin ();
  read_all (1000);
  ck_assert_uint_eq (kvs_fragment_buffer_refuse (buffer, 1), 0);
  ck_assert_uint_eq (kvs_fragment_buffer_refuse (buffer, timecode (1)), FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (kvs_fragment_buffer_refuse (buffer, timecode (1)), 0);
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  kvs_fragment_buffer_end_session (buffer);
  begin ();
  read_all (1000);
  assert_carried (2, 3);
  ck_assert_uint_eq (get_stats ().frames_dropped[KVS_DROP_REFUSED], FRAMES_A_FRAGMENT);
}
END_TEST

/* The one that is being sent may be refused too, and the open one: its rest cannot be decoded. */
START_TEST (test_refuse_the_open_fragment)
{
  make_buffer ();
  push (0);
  push (1);
  begin ();
  read_all (1000);
  ck_assert_uint_eq (kvs_fragment_buffer_refuse (buffer, timecode (0)), 2);
  kvs_fragment_buffer_end_session (buffer);
  ck_assert_int_eq (push (2), KVS_PUSH_NOT_DECODABLE);
  ck_assert_int_eq (push (4), KVS_PUSH_STORED);
  ck_assert_uint_eq (get_stats ().fragments_buffered, 1);
  ck_assert_uint_eq (get_stats ().frames_dropped[KVS_DROP_REFUSED], 2);
}
END_TEST

START_TEST (test_count_try)
{
  make_buffer ();
  push_fragments (0, 2);
  for (guint i = 1; i < 4; i++) {
    begin ();
    read_all (1000);
    ck_assert_uint_eq (kvs_fragment_buffer_count_try (buffer, timecode (0)), i);
    ck_assert_uint_eq (kvs_fragment_buffer_count_try (buffer, 12345), 0);
    kvs_fragment_buffer_end_session (buffer);
  }
  ck_assert_uint_eq (kvs_fragment_buffer_count_try (buffer, timecode (0)), 0);
  begin ();
  read_all (1000);
  ck_assert_uint_eq (kvs_fragment_buffer_count_try (buffer, timecode (1)), 1);
}
END_TEST

/* ---- a full buffer ---- */

START_TEST (test_overflow_by_time)
{
  definition->buffer_duration_ns = 3 * S;
  make_buffer ();
  push_fragments (0, 10);
  /* nothing is sent: the oldest went, as wholes */
  ck_assert_uint_eq (get_stats ().frames_dropped[KVS_DROP_OVERFLOW], 7 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (get_stats ().fragments_buffered, 3);
  begin ();
  kvs_fragment_buffer_end (buffer);
  read_all (1000);
  assert_carried (7, 9);
}
END_TEST

/* What a pause takes is no media: a doorbell that rings once an hour loses nothing. */
START_TEST (test_pause_is_no_overflow)
{
  definition->buffer_duration_ns = 3 * S;
  make_buffer ();
  push_fragments (0, 1);
  push_fragments (3600, 1);
  ck_assert_uint_eq (get_stats ().frames_dropped[KVS_DROP_OVERFLOW], 0);
  ck_assert_uint_eq (get_stats ().fragments_buffered, 2);
  ck_assert_int_le (get_stats ().buffered_ns, 3 * S);
}
END_TEST

START_TEST (test_overflow_by_bytes)
{
  guint64 fragment_bytes;
  guint n_dropped = 0;

  make_buffer ();
  push_fragments (0, 1);
  fragment_bytes = get_stats ().bytes_buffered;
  kvs_fragment_buffer_free (buffer);

  definition->storage_bytes = 3 * fragment_bytes;
  make_buffer ();
  for (guint i = 0; i < 10 * FRAMES_A_FRAGMENT; i++) {
    push (i);
    n_dropped += effect.n_dropped;
    ck_assert_uint_le (get_stats ().bytes_buffered, definition->storage_bytes);
  }
  ck_assert_uint_eq (n_dropped, 7 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (n_dropped, get_stats ().frames_dropped[KVS_DROP_OVERFLOW]);
  begin ();
  kvs_fragment_buffer_end (buffer);
  read_all (1000);
  assert_carried (7, 9);
}
END_TEST

/* What was begun is finished, what was sent may still be acknowledged, what was not sent goes. */
START_TEST (test_overflow_while_sending)
{
  definition->buffer_duration_ns = 4 * S;
  make_buffer ();
  push_fragments (0, 4);
  begin ();
  while (wire->clusters->len < 2)
    read_some (1);
  read_some (20);
  push_fragments (4, 4);
  kvs_fragment_buffer_end (buffer);
  ck_assert_int_eq (read_all (1), KVS_READ_END);
  ck_assert_uint_eq (wire->pending->len, 0);
  {
    static const guint expected[] = { 0, 1, 6, 7 };

    ck_assert_uint_eq (wire->clusters->len, G_N_ELEMENTS (expected));
    for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
      const WireCluster *cluster = g_ptr_array_index (wire->clusters, i);

      ck_assert_uint_eq (cluster->timecode, timecode (expected[i]));
      ck_assert_uint_eq (cluster->blocks->len, FRAMES_A_FRAGMENT);
      kvs_fragment_buffer_persisted (buffer, cluster->timecode);
    }
  }
  ck_assert_uint_eq (get_stats ().frames_persisted + get_stats ().frames_dropped[KVS_DROP_OVERFLOW],
                     8 * FRAMES_A_FRAGMENT);
  ck_assert (kvs_fragment_buffer_is_drained (buffer));
}
END_TEST

/* One Fragment that is larger than the whole buffer is kept: a stream with rare key frames. */
/* A Session has at least the Fragment that it was begun for, however long connecting takes. */
START_TEST (test_overflow_while_connecting)
{
  definition->buffer_duration_ns = 3 * S;
  make_buffer ();
  push_fragments (0, 1);
  set_tracks ();
  push_fragments (1, 1);
  begin ();
  push_fragments (2, 8);
  ck_assert_uint_eq (get_stats ().frames_dropped[KVS_DROP_OVERFLOW], 7 * FRAMES_A_FRAGMENT);
  kvs_fragment_buffer_finish_session (buffer);
  ck_assert_int_eq (read_all (1000), KVS_READ_END);
  assert_carried (0, 0);
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  kvs_fragment_buffer_end_session (buffer);
  begin ();
  kvs_fragment_buffer_end (buffer);
  read_all (1000);
  assert_carried (8, 9);
}
END_TEST

/* Another one begins anew: what it begins for is not what the last one did. */
START_TEST (test_overflow_between_sessions)
{
  definition->buffer_duration_ns = 3 * S;
  make_buffer ();
  push_fragments (0, 2);
  begin ();
  kvs_fragment_buffer_end_session (buffer);
  push_fragments (2, 8);
  begin ();
  kvs_fragment_buffer_end (buffer);
  read_all (1000);
  assert_carried (7, 9);
}
END_TEST

START_TEST (test_open_fragment_is_never_dropped)
{
  definition->storage_bytes = 100;
  make_buffer ();
  for (guint i = 0; i < FRAMES_A_FRAGMENT; i++)
    ck_assert_int_eq (push (i), KVS_PUSH_STORED);
  ck_assert_uint_eq (get_stats ().frames_dropped[KVS_DROP_OVERFLOW], 0);
  push (FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (get_stats ().frames_dropped[KVS_DROP_OVERFLOW], FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (get_stats ().fragments_buffered, 1);
}
END_TEST

/* ---- the reader is woken when it is worth it ---- */

START_TEST (test_wake)
{
  make_buffer ();
  ck_assert (!kvs_fragment_buffer_wait (buffer, 1));
  push (0);
  ck_assert (effect.wake);
  push (1);
  ck_assert (!effect.wake); /* once is enough */
  begin ();
  read_all (1000);

  ck_assert (!kvs_fragment_buffer_wait (buffer, 200));
  push (2);
  ck_assert (!effect.wake);
  ck_assert (!kvs_fragment_buffer_wait (buffer, 200));
  ck_assert (kvs_fragment_buffer_wait (buffer, 1));
  /* it was told that there is something: nobody wakes it */
  push (3);
  ck_assert (!effect.wake);
  read_all (1000);

  ck_assert (!kvs_fragment_buffer_wait (buffer, 200));
  push_sized (4, 20);
  ck_assert (!effect.wake); /* a new Fragment is no reason */
  read_all (1000);
  ck_assert (!kvs_fragment_buffer_wait (buffer, 200));
  push (5);
  ck_assert (!effect.wake);
  push (6);
  ck_assert (!effect.wake);
  push_sized (7, 2 * SIZE);
  ck_assert (effect.wake); /* enough bytes */
  read_all (1000);

  ck_assert (!kvs_fragment_buffer_wait (buffer, 200));
  kvs_fragment_buffer_end (buffer);
  ck_assert (kvs_fragment_buffer_wait (buffer, 1));
  ck_assert_int_eq (read_all (1000), KVS_READ_END);
  ck_assert (kvs_fragment_buffer_wait (buffer, 200));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragment-buffer");
  TCase *tc = tcase_create ("fragment-buffer");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_any_read_size, 0, G_N_ELEMENTS (read_sizes));
  tcase_add_test (tc, test_without_a_session);
  tcase_add_test (tc, test_rewind);
  tcase_add_test (tc, test_border_where_the_segment_changes);
  tcase_add_test (tc, test_finish_session);
  tcase_add_test (tc, test_acks);
  tcase_add_test (tc, test_ack_of_unsent);
  tcase_add_test (tc, test_ack_of_another_time_line);
  tcase_add_test (tc, test_release_received);
  tcase_add_test (tc, test_release_sent);
  tcase_add_test (tc, test_refuse);
  tcase_add_test (tc, test_refuse_the_open_fragment);
  tcase_add_test (tc, test_count_try);
  tcase_add_test (tc, test_overflow_by_time);
  tcase_add_test (tc, test_pause_is_no_overflow);
  tcase_add_test (tc, test_overflow_by_bytes);
  tcase_add_test (tc, test_overflow_while_sending);
  tcase_add_test (tc, test_overflow_while_connecting);
  tcase_add_test (tc, test_overflow_between_sessions);
  tcase_add_test (tc, test_open_fragment_is_never_dropped);
  tcase_add_test (tc, test_wake);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
