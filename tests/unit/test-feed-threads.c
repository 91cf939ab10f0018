/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several sources, a timer and a reader at once; meant for -Db_sanitize=thread as well. */
#include <check.h>

#include "../suite.h"
#include "feed-rig.h"
#include "wait.h"

#define N_FRAMES 1500
#define N_TRACKS 3

static FeedRig *rig;
static gint n_running; /* atomic */
static gint n_refused; /* atomic: frames that flushing sources took back */
static gint is_over;   /* atomic */

static void
setup (void)
{
  rig = feed_rig_new ();
  n_running = n_refused = is_over = 0;
}

static void
teardown (void)
{
  feed_rig_free (rig);
}

/* ---- the threads ---- */

static gint64
frame_ms (guint number)
{
  return number == FEED_VIDEO ? 40 : 21;
}

static void
clear_effect (KvsFeedEffect *effect)
{
  g_clear_pointer (&effect->content_type, g_free);
}

static gpointer
run_source (gpointer data)
{
  guint number = GPOINTER_TO_UINT (data);
  g_autoptr (KvsTrack) track = g_steal_pointer (&rig->tracks[number - 1]);
  g_autoptr (GRand) rand = g_rand_new_with_seed (number);
  KvsFeedEffect effect = { 0 };
  gboolean is_told = FALSE;

  for (gint i = 0; i < N_FRAMES; i++) {
    gint64 ms = i * frame_ms (number);
    gboolean is_key = number != FEED_VIDEO || i % 25 == 0;
    KvsFrame *frame = feed_frame_new ((guint64) i, number, is_key, ms, ms);
    KvsPushResult result = kvs_feed_push (rig->feed, frame, is_told ? NULL : track, &effect);

    is_told = is_told || result != KVS_PUSH_FLUSHING;
    if (result == KVS_PUSH_FLUSHING)
      g_atomic_int_inc (&n_refused);
    if (g_rand_int_range (rand, 0, 50) == 0)
      kvs_feed_progress (rig->feed, number, FEED_START + ms * MEDIA_MS, &effect);
    if (g_rand_int_range (rand, 0, 20) == 0)
      g_usleep (100);
    (void) kvs_feed_get_deadline_us (rig->feed);
  }
  kvs_feed_end_track (rig->feed, number, &effect);
  clear_effect (&effect);
  (void) g_atomic_int_dec_and_test (&n_running);
  return NULL;
}

/* Stands for the loop's timer, which may come at any time. */
static gpointer
run_timer (gpointer data)
{
  KvsFeedEffect effect = { 0 };

  while (!g_atomic_int_get (&is_over)) {
    kvs_feed_run_timer (rig->feed, &effect);
    g_usleep (500);
  }
  clear_effect (&effect);
  return NULL;
}

static gpointer
run_flushing (gpointer data)
{
  for (guint i = 0; !g_atomic_int_get (&is_over); i++) {
    guint number = 1 + i % N_TRACKS;

    kvs_feed_set_flushing (rig->feed, number, TRUE);
    g_usleep (200);
    kvs_feed_set_flushing (rig->feed, number, FALSE);
    g_usleep (1000);
  }
  return NULL;
}

/* ---- all together ---- */

/* feed_rig_drain() holds each Session against the rules of the service. */
static void
drain_some (void)
{
  g_autofree gchar *sent = feed_rig_drain (rig);

  if (sent[0] == '\0')
    g_usleep (300);
}

static void
run_all (gboolean with_flushing)
{
  GThread *sources[N_TRACKS], *timer, *flushing = NULL;

  feed_rig_begin (rig, N_TRACKS);
  g_atomic_int_set (&n_running, N_TRACKS);
  for (guint i = 0; i < N_TRACKS; i++)
    sources[i] = g_thread_new ("source", run_source, GUINT_TO_POINTER (i + 1));
  timer = g_thread_new ("timer", run_timer, NULL);
  if (with_flushing)
    flushing = g_thread_new ("flushing", run_flushing, NULL);
  while (g_atomic_int_get (&n_running) > 0)
    drain_some ();
  for (guint i = 0; i < N_TRACKS; i++)
    g_thread_join (sources[i]);
  feed_rig_end (rig);
  g_atomic_int_set (&is_over, TRUE);
  g_thread_join (timer);
  if (flushing != NULL)
    g_thread_join (flushing);
  drain_some ();
}

/* Every frame was sent or counted. */
static void
check_totals (void)
{
  KvsBufferStats stats = feed_rig_stats (rig);

  ck_assert (kvs_fragment_buffer_is_drained (rig->buffer));
  ck_assert_uint_eq (stats.frames_in + (guint) n_refused, N_TRACKS * N_FRAMES);
  ck_assert_uint_eq (stats.frames_persisted + feed_count_dropped (&stats), stats.frames_in);
  ck_assert_uint_eq (stats.frames_dropped[KVS_DROP_OVERFLOW], 0);
}

START_TEST (test_realtime)
{
  if (_i == 1)
    rig->definition->track_timeout_ns = 2 * MEDIA_MS;
  rig->definition->absolute_fragment_times = _i == 0;
  run_all (_i == 2);
  check_totals ();
  if (_i == 0)
    ck_assert_int_eq (n_refused, 0);
}
END_TEST

START_TEST (test_offline)
{
  rig->definition->streaming_type = KVS_STREAMING_TYPE_OFFLINE;
  rig->definition->buffer_duration_ns = 2500 * MEDIA_MS;
  rig->definition->storage_bytes = 64 * 1024;
  if (_i == 1)
    rig->definition->track_timeout_ns = 2 * MEDIA_MS;
  run_all (_i == 2);
  check_totals ();
  if (_i == 0)
    ck_assert_int_eq (n_refused, 0);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("feed-threads");
  TCase *tc = tcase_create ("feed-threads");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_realtime, 0, 3);
  tcase_add_loop_test (tc, test_offline, 0, 3);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
