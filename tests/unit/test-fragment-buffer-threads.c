/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both sides of the fragment buffer at once; meant for -Db_sanitize=thread as well. */
#include <check.h>

#include "../suite.h"
#include "media.h"
#include "stream/fragment-buffer-private.h"
#include "wait.h"

#define MS MEDIA_MS
#define START (G_GINT64_CONSTANT (1700000000) * MEDIA_S)
#define FRAMES_A_FRAGMENT 4

static KvsStreamDefinition *definition;
static KvsFragmentBuffer *buffer;
static gsize frame_bytes;

static void
setup (void)
{
  definition = kvs_stream_definition_new ("cam");
  definition->max_unacknowledged = 0; /* see test-fragment-window.c */
  definition->streaming_type = KVS_STREAMING_TYPE_OFFLINE;
  frame_bytes = 100;
}

static void
teardown (void)
{
  kvs_fragment_buffer_free (buffer);
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

static KvsPushResult
push (guint64 id, gsize size, KvsPushEffect *effect)
{
  gboolean is_key = id % FRAMES_A_FRAGMENT == 0;
  g_autoptr (KvsFrame) frame = media_frame_new (id, is_key, START + (gint64) id * 100 * MS, size);
  const gint cancelled = 0;

  *effect = (KvsPushEffect) { 0 };
  if (!kvs_fragment_buffer_wait_for_room (buffer, &cancelled))
    return KVS_PUSH_FLUSHING;
  return kvs_fragment_buffer_push (buffer, &frame, effect);
}

/* ---- offline: the source waits ---- */

static gint n_pushed; /* atomic */
static gint last_result;

static gpointer
push_until_refused (gpointer data)
{
  KvsPushResult result = KVS_PUSH_STORED;
  KvsPushEffect effect;

  for (guint64 id = 0; id < 1000 && result == KVS_PUSH_STORED; id++) {
    result = push (id, frame_bytes, &effect);
    if (result == KVS_PUSH_STORED)
      g_atomic_int_inc (&n_pushed);
  }
  g_atomic_int_set (&last_result, (gint) result);
  return NULL;
}

static gboolean
has_pushed (gpointer user_data)
{
  return g_atomic_int_get (&n_pushed) >= GPOINTER_TO_INT (user_data);
}

/* A second of media is 10 frames; a push beyond waits. */
#define FULL 11

static GThread *
fill_up_to (gint n_frames)
{
  GThread *thread;

  make_buffer ();
  g_atomic_int_set (&n_pushed, 0);
  thread = g_thread_new ("source", push_until_refused, NULL);
  ck_assert (wait_until (has_pushed, GINT_TO_POINTER (n_frames)));
  return thread;
}

static GThread *
fill (void)
{
  definition->buffer_duration_ns = 900 * MS;
  return fill_up_to (FULL);
}

START_TEST (test_flushing_releases_the_source)
{
  GThread *thread = fill ();

  kvs_fragment_buffer_set_flushing (buffer, TRUE);
  g_thread_join (thread);
  ck_assert_int_eq (last_result, KVS_PUSH_FLUSHING);
  ck_assert_int_eq (n_pushed, FULL);

  /* and after the flush it goes on */
  kvs_fragment_buffer_set_flushing (buffer, FALSE);
  thread = g_thread_new ("source", push_until_refused, NULL);
  kvs_fragment_buffer_set_flushing (buffer, TRUE);
  g_thread_join (thread);
}
END_TEST

START_TEST (test_end_releases_the_source)
{
  GThread *thread = fill ();

  kvs_fragment_buffer_end (buffer);
  g_thread_join (thread);
  ck_assert_int_eq (last_result, KVS_PUSH_FLUSHING);
}
END_TEST

START_TEST (test_acks_release_the_source)
{
  GThread *thread = fill ();
  KvsSegment *segment = kvs_fragment_buffer_begin_session (buffer);
  guint8 out[4096];
  gsize n_read;
  KvsBufferStats stats;

  while (kvs_fragment_buffer_read (buffer, out, sizeof out, &n_read) == KVS_READ_DATA)
    ;
  kvs_fragment_buffer_get_stats (buffer, &stats);
  ck_assert_uint_eq (stats.frames_in, FULL);
  kvs_fragment_buffer_persisted (buffer, START / MS);
  ck_assert (wait_until (has_pushed, GINT_TO_POINTER (FULL + FRAMES_A_FRAGMENT)));
  kvs_fragment_buffer_get_stats (buffer, &stats);
  ck_assert_uint_eq (stats.frames_dropped[KVS_DROP_OVERFLOW], 0);
  kvs_fragment_buffer_set_flushing (buffer, TRUE);
  g_thread_join (thread);
  kvs_segment_unref (segment);
}
END_TEST

/* With what the Matroska heads add, a push beyond 2 MiB waits. */
#define LARGE_FRAME_BYTES (256 * 1024)
#define AHEAD 8

static void
read_bytes (gsize n_bytes)
{
  static guint8 out[LARGE_FRAME_BYTES];

  while (n_bytes > 0) {
    gsize n_read;

    ck_assert_int_eq (kvs_fragment_buffer_read (buffer, out, MIN (n_bytes, sizeof out), &n_read),
                      KVS_READ_DATA);
    n_bytes -= n_read;
  }
}

static gboolean
source_waits (gpointer user_data)
{
  gboolean waits;

  g_mutex_lock (&buffer->lock);
  waits = buffer->n_waiting_for_space > 0;
  g_mutex_unlock (&buffer->lock);
  return waits;
}

START_TEST (test_source_is_not_far_ahead)
{
  g_autoptr (KvsSegment) segment = NULL;
  GThread *thread;

  frame_bytes = LARGE_FRAME_BYTES;
  thread = fill_up_to (AHEAD);
  ck_assert (wait_until (source_waits, NULL));
  segment = kvs_fragment_buffer_begin_session (buffer);
  ck_assert_ptr_nonnull (segment);
  /* not for every read, but for many */
  read_bytes (2 * LARGE_FRAME_BYTES);
  g_usleep (20000);
  ck_assert_int_eq (g_atomic_int_get (&n_pushed), AHEAD);
  read_bytes (3 * LARGE_FRAME_BYTES);
  ck_assert (wait_until (has_pushed, GINT_TO_POINTER (AHEAD + 5)));

  /* a Session that breaks has all of that to send again */
  kvs_fragment_buffer_end_session (buffer);
  kvs_fragment_buffer_set_flushing (buffer, TRUE);
  g_thread_join (thread);
  ck_assert_int_eq (last_result, KVS_PUSH_FLUSHING);
  ck_assert_int_le (n_pushed, AHEAD + 6);
}
END_TEST

/* What cannot be sent before more comes must not stop the source for ever. */
START_TEST (test_nothing_to_send_is_not_ahead)
{
  g_autoptr (KvsTrack) video = media_track_new ();
  g_autoptr (KvsTrack) audio = media_track_new ();
  const KvsTrack *tracks[] = { video, audio };
  KvsPushEffect effect = { 0 };

  audio->number = 2;
  buffer = kvs_fragment_buffer_new (definition, NULL);
  kvs_fragment_buffer_set_tracks (buffer, tracks, 2, G_MAXINT64);
  kvs_fragment_buffer_set_live_tracks (buffer, 1 << 1 | 1 << 2, 0, &effect);
  for (guint i = 0; i < 3 * AHEAD; i++)
    ck_assert_int_eq (push (i, LARGE_FRAME_BYTES, &effect), KVS_PUSH_STORED);
}
END_TEST

/* A Fragment that is larger than the bound must not stop the source for ever. */
START_TEST (test_one_large_fragment)
{
  KvsPushEffect effect;

  definition->storage_bytes = 100;
  make_buffer ();
  for (guint i = 0; i < FRAMES_A_FRAGMENT; i++)
    ck_assert_int_eq (push (i, 500, &effect), KVS_PUSH_STORED);
}
END_TEST

/* ---- a source, and a service that breaks off now and then ---- */

#define N_FRAMES 4000

typedef struct {
  GMutex lock;
  GCond cond;
  gboolean awake;
} Waker; /* stands for kvs_loop_invoke() */

static Waker waker;

static void
wake (void)
{
  g_mutex_lock (&waker.lock);
  waker.awake = TRUE;
  g_cond_signal (&waker.cond);
  g_mutex_unlock (&waker.lock);
}

/* As the Session does: what is left is sent when the flush interval is over. */
static void
wait_for_wake (void)
{
  gint64 until_us = g_get_monotonic_time () + 2000;

  g_mutex_lock (&waker.lock);
  while (!waker.awake && g_cond_wait_until (&waker.cond, &waker.lock, until_us))
    ;
  waker.awake = FALSE;
  g_mutex_unlock (&waker.lock);
}

static gpointer
run_source (gpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));

  for (guint64 id = 0; id < N_FRAMES; id++) {
    KvsPushEffect effect;

    ck_assert_int_eq (push (id, (gsize) g_rand_int_range (rand, MEDIA_PAYLOAD_MIN_BYTES, 400),
                            &effect),
                      KVS_PUSH_STORED);
    ck_assert_uint_eq (effect.n_dropped, 0);
    if (effect.wake)
      wake ();
  }
  kvs_fragment_buffer_end (buffer);
  wake ();
  return NULL;
}

typedef struct {
  GRand *rand;
  Wire *wire;
  guint n_acked;        /* clusters of the wire, from its first */
  guint64 next_id;      /* what has to be persisted next */
  gint64 last_timecode; /* newest that was persisted */
} Service;

/* Returns: whether it is whole, so that the service may store it. */
static gboolean
is_complete (const Service *service, guint at)
{
  const WireCluster *cluster = g_ptr_array_index (service->wire->clusters, at);

  return cluster->blocks->len == FRAMES_A_FRAGMENT;
}

static void
persist (Service *service, const WireCluster *cluster)
{
  ck_assert_int_gt ((gint64) cluster->timecode, service->last_timecode);
  service->last_timecode = (gint64) cluster->timecode;
  for (guint i = 0; i < cluster->blocks->len; i++)
    ck_assert_uint_eq (g_array_index (cluster->blocks, WireBlock, i).id, service->next_id++);
}

/* The last one that came may still be unknown to the buffer as sent: not before the next begins. */
static void
acknowledge (Service *service, gboolean at_end)
{
  guint n = service->wire->clusters->len;

  while (service->n_acked + (at_end ? 0 : 1) < n && is_complete (service, service->n_acked)
         && (at_end || g_rand_int_range (service->rand, 0, 4) > 0)) {
    const WireCluster *cluster = g_ptr_array_index (service->wire->clusters, service->n_acked++);

    kvs_fragment_buffer_received (buffer, cluster->timecode);
    kvs_fragment_buffer_persisted (buffer, cluster->timecode);
    kvs_fragment_buffer_persisted (buffer, cluster->timecode);
    persist (service, cluster);
  }
}

/* One Session, to its end or until it breaks. */
static void
serve (Service *service)
{
  KvsSegment *segment = kvs_fragment_buffer_begin_session (buffer);
  guint n_reads = 0, breaks_after = (guint) g_rand_int_range (service->rand, 1, 300);
  KvsReadStatus status = KVS_READ_DATA;
  guint8 out[1000];

  g_clear_pointer (&service->wire, wire_free);
  service->wire = wire_new ();
  service->n_acked = 0;
  while (segment != NULL && status != KVS_READ_END && n_reads++ < breaks_after) {
    gsize n_read;

    status = kvs_fragment_buffer_read (
        buffer, out, (gsize) g_rand_int_range (service->rand, 1, sizeof out), &n_read);
    wire_push (service->wire, out, n_read);
    acknowledge (service, status == KVS_READ_END);
    if (status == KVS_READ_EMPTY && !kvs_fragment_buffer_wait (buffer, 500))
      wait_for_wake ();
  }
  kvs_fragment_buffer_end_session (buffer);
  g_clear_pointer (&segment, kvs_segment_unref);
}

static void
check_totals (guint64 *frames_before)
{
  KvsBufferStats stats;

  kvs_fragment_buffer_get_stats (buffer, &stats);
  ck_assert_uint_ge (stats.frames_in, *frames_before);
  ck_assert_uint_ge (stats.frames_in, stats.frames_persisted);
  ck_assert_int_eq (stats.fragments_buffered > 0, stats.bytes_buffered > 0);
  ck_assert_uint_eq (stats.frames_dropped[KVS_DROP_OVERFLOW] + stats.frames_dropped[KVS_DROP_REFUSED], 0);
  *frames_before = stats.frames_in;
}

START_TEST (test_all_frames_once_and_in_order)
{
  Service service = { .rand = g_rand_new_with_seed (1000 + (guint32) _i), .last_timecode = -1 };
  guint64 frames_before = 0;
  KvsBufferStats stats;
  GThread *thread;

  definition->buffer_duration_ns = (_i % 2 == 0 ? 5 : 500) * MEDIA_S;
  make_buffer ();
  thread = g_thread_new ("source", run_source, GUINT_TO_POINTER ((guint) _i));
  while (!kvs_fragment_buffer_is_drained (buffer)) {
    if (!kvs_fragment_buffer_wait (buffer, 1))
      wait_for_wake ();
    serve (&service);
    check_totals (&frames_before);
  }
  g_thread_join (thread);
  kvs_fragment_buffer_get_stats (buffer, &stats);
  ck_assert_msg (service.next_id == N_FRAMES, "seed %d: %" G_GUINT64_FORMAT " of %d frames", _i,
                 service.next_id, N_FRAMES);
  ck_assert_uint_eq (stats.frames_in, N_FRAMES);
  ck_assert_uint_eq (stats.frames_persisted, N_FRAMES);
  ck_assert_uint_eq (stats.fragments_persisted, N_FRAMES / FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (stats.bytes_buffered, 0);
  ck_assert_uint_eq (stats.fragments_buffered, 0);
  ck_assert_int_eq (stats.buffered_ns, 0);
  wire_free (service.wire);
  g_rand_free (service.rand);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragment-buffer-threads");
  TCase *tc = tcase_create ("fragment-buffer-threads");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_flushing_releases_the_source);
  tcase_add_test (tc, test_end_releases_the_source);
  tcase_add_test (tc, test_acks_release_the_source);
  tcase_add_test (tc, test_one_large_fragment);
  tcase_add_test (tc, test_source_is_not_far_ahead);
  tcase_add_test (tc, test_nothing_to_send_is_not_ahead);
  tcase_add_loop_test (tc, test_all_frames_once_and_in_order, 0, 4);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
