/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* streaming-type=offline: a source that is ahead of the others waits, and so does one whose buffer is
 * full. */
#include <check.h>

#include "../suite.h"
#include "feed-rig.h"
#include "wait.h"

#define V FEED_VIDEO
#define A FEED_AUDIO
/* The video waits with the frame after 1 s of media. */
#define N_AHEAD 12
#define FOREVER_NS (3600 * MEDIA_S)

static FeedRig *rig;
static gint n_pushed; /* atomic */
static gint n_to_push;
static gint last_result;

static void
setup (void)
{
  rig = feed_rig_new ();
  rig->definition->streaming_type = KVS_STREAMING_TYPE_OFFLINE;
  rig->definition->track_timeout_ns = FOREVER_NS;
  n_pushed = 0;
  n_to_push = 50;
}

static void
teardown (void)
{
  feed_rig_free (rig);
}

static gpointer
run_video (gpointer data)
{
  g_autoptr (KvsTrack) track = g_steal_pointer (&rig->tracks[V - 1]);
  KvsFeedEffect effect = { 0 };

  for (gint i = 0; i < n_to_push; i++) {
    KvsFrame *frame = feed_frame_new ((guint64) i, V, i % 10 == 0, i * 100, i * 100);
    KvsPushResult result = kvs_feed_push (rig->feed, frame, i == 0 ? track : NULL, &effect);

    g_atomic_int_set (&last_result, (gint) result);
    if (result == KVS_PUSH_FLUSHING)
      break;
    g_atomic_int_inc (&n_pushed);
  }
  g_free (effect.content_type);
  return NULL;
}

static gboolean
has_pushed (gpointer user_data)
{
  return g_atomic_int_get (&n_pushed) >= GPOINTER_TO_INT (user_data);
}

static gint
count_before_wait (void)
{
  return N_AHEAD - 1;
}

/* Returns: the source's thread, which waits or is about to */
static GThread *
get_ahead (void)
{
  GThread *thread;

  feed_rig_begin (rig, 2);
  thread = g_thread_new ("video", run_video, NULL);
  ck_assert (wait_until (has_pushed, GINT_TO_POINTER (count_before_wait ())));
  g_usleep (20000);
  /* it is in the push of the next one: had it gone on, it would be through by now */
  ck_assert_int_eq (g_atomic_int_get (&n_pushed), count_before_wait ());
  return thread;
}

START_TEST (test_other_track_releases)
{
  GThread *thread = get_ahead ();

  for (gint i = 0; i < 50; i++)
    feed_rig_push (rig, A, TRUE, i * 100 + 10, i * 100 + 10);
  g_thread_join (thread);
  ck_assert_int_eq (n_pushed, 50);
  feed_rig_end (rig);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 100);
}
END_TEST

START_TEST (test_progress_releases)
{
  GThread *thread = get_ahead ();

  kvs_feed_progress (rig->feed, A, FEED_START + 60 * MEDIA_S, &rig->effect);
  g_thread_join (thread);
  ck_assert_int_eq (n_pushed, 50);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 50);
  ck_assert (!rig->effect.wants_timer);
}
END_TEST

START_TEST (test_end_of_the_other_releases)
{
  GThread *thread = get_ahead ();

  if (_i == 0)
    kvs_feed_end_track (rig->feed, A, &rig->effect);
  else
    kvs_feed_remove_track (rig->feed, A, &rig->effect);
  g_thread_join (thread);
  ck_assert_int_eq (n_pushed, 50);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 50);
}
END_TEST

START_TEST (test_flushing_releases)
{
  GThread *thread = get_ahead ();

  kvs_feed_set_flushing (rig->feed, V, TRUE);
  g_thread_join (thread);
  /* the frame that waited is taken, the next one is not */
  ck_assert_int_eq (n_pushed, N_AHEAD);
  ck_assert_int_eq (last_result, KVS_PUSH_FLUSHING);
}
END_TEST

/* The stream has failed. */
START_TEST (test_stop_releases)
{
  GThread *thread = get_ahead ();

  kvs_feed_stop (rig->feed);
  g_thread_join (thread);
  ck_assert_int_eq (n_pushed, N_AHEAD);
  ck_assert_int_eq (last_result, KVS_PUSH_FLUSHING);
}
END_TEST

START_TEST (test_end_releases)
{
  GThread *thread = get_ahead ();

  feed_rig_end (rig);
  g_thread_join (thread);
  ck_assert_int_eq (last_result, KVS_PUSH_FLUSHING);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, N_AHEAD);
}
END_TEST

START_TEST (test_time_out_releases)
{
  GThread *thread;

  rig->definition->track_timeout_ns = 20 * MEDIA_MS;
  feed_rig_begin (rig, 2);
  thread = g_thread_new ("video", run_video, NULL);
  g_thread_join (thread);
  ck_assert_int_eq (n_pushed, 50);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 50);
}
END_TEST

/* ---- a buffer that is full ---- */

static gpointer
run_audio (gpointer data)
{
  g_autoptr (KvsTrack) track = g_steal_pointer (&rig->tracks[A - 1]);
  KvsFeedEffect effect = { 0 };

  for (gint i = 0; i < n_to_push; i++) {
    KvsFrame *frame = feed_frame_new ((guint64) i, A, TRUE, i * 100 + 10, i * 100 + 10);

    if (kvs_feed_push (rig->feed, frame, i == 0 ? track : NULL, &effect) == KVS_PUSH_FLUSHING)
      break;
    g_atomic_int_inc (&n_pushed);
  }
  g_free (effect.content_type);
  return NULL;
}

static gboolean
is_full (gpointer user_data)
{
  return feed_rig_stats (rig).buffered_ns > rig->definition->buffer_duration_ns;
}

/* A service that is slower than the file: for much longer than track-timeout nobody may bring
 * anything, which is not the tracks' fault. */
START_TEST (test_full_buffer_is_no_silence)
{
  GThread *video, *audio;
  rig->definition->track_timeout_ns = 500 * MEDIA_MS;
  rig->definition->buffer_duration_ns = 3 * MEDIA_S;
  n_to_push = 200;
  feed_rig_begin (rig, 2);
  video = g_thread_new ("video", run_video, NULL);
  audio = g_thread_new ("audio", run_audio, NULL);
  for (gint i = 0; i < 3; i++) {
    g_autofree gchar *sent = NULL;

    ck_assert (wait_until (is_full, NULL));
    g_usleep (700000);
    sent = feed_rig_drain (rig);
    ck_assert_msg (g_str_has_prefix (sent, "VA: ") && g_strrstr (sent, "|") == NULL, "%s", sent);
  }
  kvs_feed_set_flushing (rig->feed, V, TRUE);
  kvs_feed_set_flushing (rig->feed, A, TRUE);
  g_thread_join (video);
  g_thread_join (audio);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("feed-offline");
  TCase *tc = tcase_create ("feed-offline");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_other_track_releases);
  tcase_add_test (tc, test_progress_releases);
  tcase_add_loop_test (tc, test_end_of_the_other_releases, 0, 2);
  tcase_add_test (tc, test_flushing_releases);
  tcase_add_test (tc, test_stop_releases);
  tcase_add_test (tc, test_end_releases);
  tcase_add_test (tc, test_time_out_releases);
  tcase_add_test (tc, test_full_buffer_is_no_silence);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
