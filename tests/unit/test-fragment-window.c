/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many Fragments a reset may double: the next one waits for the Acks of those before it. */
#include <check.h>

#include "../suite.h"
#include "media.h"
#include "stream/fragment-buffer.h"
#include "wait.h"

#define START (G_GINT64_CONSTANT (1700000000) * MEDIA_S)
#define FRAMES_A_FRAGMENT 4
/* The longest there are: no test is so slow that these are held for too short a time. */
#define LONG_NS (G_GINT64_CONSTANT (16) * MEDIA_S)
#define SHORT_NS (200 * MEDIA_MS)

static KvsStreamDefinition *definition;
static KvsFragmentBuffer *buffer;
static Wire *wire; /* of the running Session */
static gint64 fragment_ns;

static void
setup (void)
{
  definition = kvs_stream_definition_new ("cam");
  fragment_ns = LONG_NS;
}

static void
teardown (void)
{
  g_clear_pointer (&wire, wire_free);
  g_clear_pointer (&buffer, kvs_fragment_buffer_free);
  kvs_stream_definition_free (definition);
}

static void
make_buffer (void)
{
  g_autoptr (KvsTrack) track = media_track_new ();
  const KvsTrack *tracks[] = { track };

  buffer = kvs_fragment_buffer_new (definition, NULL);
  kvs_fragment_buffer_set_tracks (buffer, tracks, 1, G_MAXINT64);
}

static gboolean
push (guint64 id)
{
  gint64 frame_ns = fragment_ns / FRAMES_A_FRAGMENT;
  g_autoptr (KvsFrame) frame = media_frame_new (id, id % FRAMES_A_FRAGMENT == 0,
                                                START + (gint64) id * frame_ns, 100);
  KvsPushEffect effect = { 0 };

  frame->info.duration_ns = frame_ns;
  ck_assert_int_eq (kvs_fragment_buffer_push (buffer, &frame, &effect), KVS_PUSH_STORED);
  return effect.wake;
}

static void
push_fragments (guint first, guint n)
{
  for (guint i = first * FRAMES_A_FRAGMENT; i < (first + n) * FRAMES_A_FRAGMENT; i++)
    push (i);
}

static guint64
timecode (guint fragment)
{
  return (guint64) ((START + fragment * fragment_ns) / MEDIA_MS);
}

static void
begin (void)
{
  g_autoptr (KvsSegment) segment = kvs_fragment_buffer_begin_session (buffer);

  ck_assert_ptr_nonnull (segment);
  g_clear_pointer (&wire, wire_free);
  wire = wire_new ();
}

static KvsReadStatus
read_all (void)
{
  guint8 out[333];
  gsize n_read;
  KvsReadStatus status;

  while ((status = kvs_fragment_buffer_read (buffer, out, sizeof out, &n_read)) == KVS_READ_DATA)
    wire_push (wire, out, n_read);
  return status;
}

/* The reader waits for an Ack, and nothing else wakes it. */
static void
assert_held (guint n_clusters)
{
  ck_assert_int_eq (read_all (), KVS_READ_EMPTY);
  ck_assert_uint_eq (wire->clusters->len, n_clusters);
  ck_assert (!kvs_fragment_buffer_wait (buffer, 1));
  ck_assert_int_gt (kvs_fragment_buffer_get_hold_us (buffer), 0);
  ck_assert_int_le (kvs_fragment_buffer_get_hold_us (buffer), fragment_ns / 2000);
}

static void
assert_goes_on (void)
{
  ck_assert_int_eq (kvs_fragment_buffer_get_hold_us (buffer), 0);
  ck_assert (kvs_fragment_buffer_wait (buffer, 1));
  ck_assert_int_eq (kvs_fragment_buffer_get_hold_us (buffer), -1);
}

/* A backlog: the second one has to begin, or the service does not know that the first one is whole. */
START_TEST (test_backlog)
{
  make_buffer ();
  push_fragments (0, 6);
  begin ();
  for (guint i = 0; i < 4; i++) {
    assert_held (i + 2);
    kvs_fragment_buffer_persisted (buffer, timecode (i));
    assert_goes_on ();
  }
  ck_assert_int_eq (read_all (), KVS_READ_EMPTY);
  ck_assert_uint_eq (wire->clusters->len, 6);
}
END_TEST

START_TEST (test_larger_window)
{
  definition->max_unacknowledged = 3;
  make_buffer ();
  push_fragments (0, 6);
  begin ();
  assert_held (4);
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  assert_goes_on ();
  assert_held (5);
}
END_TEST

/* What ends the body ends the last Fragment too. */
START_TEST (test_end_waits)
{
  make_buffer ();
  push_fragments (0, 2);
  begin ();
  kvs_fragment_buffer_end (buffer);
  assert_held (2);
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  assert_goes_on ();
  ck_assert_int_eq (read_all (), KVS_READ_END);
}
END_TEST

START_TEST (test_renewal_waits)
{
  make_buffer ();
  push_fragments (0, 4);
  begin ();
  assert_held (2);
  kvs_fragment_buffer_finish_session (buffer);
  assert_held (2);
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  assert_goes_on ();
  ck_assert_int_eq (read_all (), KVS_READ_END);
  ck_assert_uint_eq (wire->clusters->len, 2);
}
END_TEST

/* A live source: frames of the next Fragment flow while the Ack is on its way. */
START_TEST (test_live)
{
  make_buffer ();
  push_fragments (0, 1);
  begin ();
  read_all ();
  for (guint i = 1; i < 5; i++) {
    for (guint k = 0; k < FRAMES_A_FRAGMENT; k++) {
      ck_assert (!kvs_fragment_buffer_wait (buffer, 1));
      ck_assert_int_eq (kvs_fragment_buffer_get_hold_us (buffer), -1);
      ck_assert (push (i * FRAMES_A_FRAGMENT + k));
      ck_assert_int_eq (read_all (), KVS_READ_EMPTY);
    }
    kvs_fragment_buffer_persisted (buffer, timecode (i - 1));
  }
  push (5 * FRAMES_A_FRAGMENT);
  read_all ();
  ck_assert_uint_eq (wire->clusters->len, 6);
}
END_TEST

/* Whoever waits for an Ack is not woken by frames. */
START_TEST (test_frames_do_not_wake)
{
  make_buffer ();
  push_fragments (0, 2);
  begin ();
  read_all ();
  push (2 * FRAMES_A_FRAGMENT);
  assert_held (2);
  for (guint k = 1; k <= FRAMES_A_FRAGMENT; k++)
    ck_assert (!push (2 * FRAMES_A_FRAGMENT + k));
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  assert_goes_on ();
  assert_held (3);
}
END_TEST

/* Which Ack says that the service has it for good. */
START_TEST (test_received)
{
  make_buffer ();
  push_fragments (0, 4);
  begin ();
  assert_held (2);
  kvs_fragment_buffer_received (buffer, timecode (0));
  assert_held (2);
  kvs_fragment_buffer_set_release (buffer, KVS_FRAGMENT_RELEASE_RECEIVED);
  kvs_fragment_buffer_received (buffer, timecode (0));
  assert_goes_on ();
  assert_held (3);
}
END_TEST

/* An Ack that never comes does not hold up what follows its successor's. */
START_TEST (test_passed_over)
{
  make_buffer ();
  push_fragments (0, 6);
  begin ();
  assert_held (2);
  kvs_fragment_buffer_persisted (buffer, timecode (1));
  assert_goes_on ();
  assert_held (4);
  kvs_fragment_buffer_persisted (buffer, timecode (0));
  assert_held (4);
}
END_TEST

START_TEST (test_next_session)
{
  make_buffer ();
  push_fragments (0, 4);
  begin ();
  assert_held (2);
  kvs_fragment_buffer_end_session (buffer);
  begin ();
  assert_held (2);
}
END_TEST

static gboolean
has_read_all (gpointer user_data)
{
  read_all ();
  return wire->clusters->len == GPOINTER_TO_UINT (user_data);
}

/* A service that acknowledges nothing does not stop the stream. */
START_TEST (test_no_acks)
{
  fragment_ns = SHORT_NS;
  make_buffer ();
  push_fragments (0, 6);
  begin ();
  ck_assert (wait_until (has_read_all, GUINT_TO_POINTER (6)));
}
END_TEST

START_TEST (test_without_acks)
{
  definition->fragment_acks = FALSE;
  make_buffer ();
  push_fragments (0, 5);
  begin ();
  kvs_fragment_buffer_end (buffer);
  ck_assert_int_eq (read_all (), KVS_READ_END);
  ck_assert_uint_eq (wire->clusters->len, 5);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragment-window");
  TCase *tc = tcase_create ("window");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_backlog);
  tcase_add_test (tc, test_larger_window);
  tcase_add_test (tc, test_end_waits);
  tcase_add_test (tc, test_renewal_waits);
  tcase_add_test (tc, test_live);
  tcase_add_test (tc, test_frames_do_not_wake);
  tcase_add_test (tc, test_received);
  tcase_add_test (tc, test_passed_over);
  tcase_add_test (tc, test_next_session);
  tcase_add_test (tc, test_no_acks);
  tcase_add_test (tc, test_without_acks);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
