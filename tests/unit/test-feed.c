/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A feed whose sources never wait. The clock is the test's own. */
#include <check.h>

#include "../suite.h"
#include "feed-rig.h"

#define V FEED_VIDEO
#define A FEED_AUDIO
#define TIMEOUT_US (2 * G_USEC_PER_SEC)

static FeedRig *rig;
static gint64 now_us;

/* Takes the place of GLib's in what is linked into this test. */
gint64
g_get_monotonic_time (void)
{
  return now_us;
}

static void
setup (void)
{
  now_us = 1000000;
  rig = feed_rig_new ();
}

static void
teardown (void)
{
  feed_rig_free (rig);
}

static void
key (gint64 ms)
{
  feed_rig_push (rig, V, TRUE, ms, ms);
}

static void
delta (gint64 ms)
{
  feed_rig_push (rig, V, FALSE, ms, ms);
}

static void
audio (gint64 ms)
{
  feed_rig_push (rig, A, TRUE, ms, ms);
}

/* The other tracks have waited long enough. */
static void
run_timer (void)
{
  gint64 deadline_us = kvs_feed_get_deadline_us (rig->feed);

  ck_assert (rig->effect.wants_timer);
  ck_assert_int_ge (deadline_us, 0);
  now_us = MAX (now_us, deadline_us);
  rig->effect.wants_timer = FALSE;
  kvs_feed_run_timer (rig->feed, &rig->effect);
}

static gboolean
take_wake (void)
{
  gboolean wake = rig->effect.push.wake;

  rig->effect.push.wake = FALSE;
  return wake;
}

#define ASSERT_SENT(expected) \
  do { \
    g_autofree gchar *sent = feed_rig_drain (rig); \
\
    ck_assert_str_eq (sent, expected); \
  } while (0)

/* Each frame is sent or counted. */
static void
assert_dropped (guint n_before_key, guint n_late)
{
  KvsBufferStats stats = feed_rig_stats (rig);

  ck_assert_uint_eq (stats.frames_in, rig->next_id);
  ck_assert_uint_eq (stats.bytes_in, rig->next_id * 40);
  ck_assert_uint_eq (stats.frames_dropped[KVS_DROP_BEFORE_KEY_FRAME], n_before_key);
  ck_assert_uint_eq (stats.frames_dropped[KVS_DROP_LATE], n_late);
  ck_assert_uint_eq (feed_count_dropped (&stats), n_before_key + n_late);
  ck_assert_uint_eq (stats.frames_persisted, rig->next_id - n_before_key - n_late);
  ck_assert_uint_eq (rig->effect.n_late, n_late);
}

/* ---- the first header ---- */

START_TEST (test_first_header)
{
  feed_rig_begin (rig, 2);
  key (0);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 0);
  audio (10);
  delta (40);
  audio (50);
  key (1000);
  audio (1010);
  feed_rig_end (rig);
  ck_assert_str_eq (rig->effect.content_type, "video/h264,audio/aac");
  ASSERT_SENT ("VA: V0 A10 V40 A50 / V1000 A1010");
  assert_dropped (0, 0);
}
END_TEST

START_TEST (test_video_alone)
{
  feed_rig_begin (rig, 1);
  delta (0);
  ck_assert_int_eq (feed_rig_push (rig, V, FALSE, 40, 40), KVS_PUSH_NOT_DECODABLE);
  ck_assert_int_eq (feed_rig_push (rig, V, TRUE, 80, 80), KVS_PUSH_STORED);
  delta (120);
  ck_assert (!rig->effect.wants_timer);
  feed_rig_end (rig);
  ck_assert_str_eq (rig->effect.content_type, "video/h264");
  ASSERT_SENT ("V: V80 V120");
  assert_dropped (2, 0);
}
END_TEST

START_TEST (test_audio_before_the_key_frame)
{
  rig->definition->absolute_fragment_times = _i == 0;
  feed_rig_begin (rig, 2);
  audio (0);
  audio (4000);
  audio (8000);
  key (10001);
  audio (10020);
  key (12000);
  audio (12010);
  feed_rig_end (rig);
  /* 10 s and no more */
  ASSERT_SENT ("VA: V10001 A4000 A8000 A10020 / V12000 A12010");
  assert_dropped (1, 0);
}
END_TEST

/* Nothing but pictures that cannot be decoded comes for long. */
START_TEST (test_audio_long_before_the_key_frame)
{
  feed_rig_begin (rig, 2);
  for (gint i = 0; i < 300; i++) {
    audio (i * 100);
    delta (i * 100);
  }
  key (30000);
  audio (30000);
  feed_rig_end (rig);
  {
    g_autofree gchar *sent = feed_rig_drain (rig);

    ck_assert (g_str_has_prefix (sent, "VA: V30000 A20000 A20100 "));
    ck_assert (g_str_has_suffix (sent, "A29900 A30000"));
  }
  assert_dropped (300 + 200, 0);
}
END_TEST

/* A source that brings nothing at first does not keep the other from being sent. */
START_TEST (test_video_starts_late)
{
  feed_rig_begin (rig, 2);
  audio (0);
  audio (500);
  run_timer ();
  audio (1000);
  audio (2600);
  delta (2650);
  key (3000);
  audio (3010);
  feed_rig_end (rig);
  ck_assert_str_eq (rig->effect.content_type, "audio/aac");
  ASSERT_SENT ("A: A0 A500 A1000 / A2600 | VA: V3000 A3010");
  assert_dropped (1, 0);
}
END_TEST

/* ---- what a track is, changes ---- */

START_TEST (test_audio_changes)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  feed_rig_change_track (rig, A, 1);
  audio (510);
  audio (520);
  delta (530);
  audio (900);
  key (1000);
  audio (1010);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 V530 | VA: V1000 A510 A520 A900 A1010");
  assert_dropped (0, 0);
}
END_TEST

/* What would need a header that never was is counted, not sent under another one. */
START_TEST (test_audio_changes_twice)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  feed_rig_change_track (rig, A, 1);
  audio (500);
  feed_rig_change_track (rig, A, 2);
  audio (600);
  delta (700);
  key (1000);
  audio (1010);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 V700 | VA: V1000 A600 A1010");
  assert_dropped (1, 0);
}
END_TEST

START_TEST (test_audio_is_told_the_same)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  feed_rig_change_track (rig, A, 0);
  audio (510);
  feed_rig_change_track (rig, V, 0);
  key (1000);
  audio (1010);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 A510 / V1000 A1010");
}
END_TEST

START_TEST (test_video_changes)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  feed_rig_change_track (rig, V, 1);
  key (1000);
  audio (990);
  audio (1010);
  feed_rig_change_track (rig, V, 2);
  delta (1500);
  audio (1510);
  key (2000);
  audio (2010);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 A990 | VA: V1000 A1010 A1510 | VA: V2000 A2010");
  assert_dropped (1, 0);
}
END_TEST

/* ---- a track that brings nothing for a while ---- */

START_TEST (test_silent_track)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  delta (500);
  key (1000);
  ck_assert (rig->effect.wants_timer);
  run_timer ();
  ck_assert (!rig->effect.wants_timer);
  ASSERT_SENT ("VA: V0 A10 V500 | V: V1000");
  delta (1500);
  key (2000);
  audio (2010);
  delta (2500);
  audio (2510);
  delta (2520);
  key (3000);
  audio (3010);
  feed_rig_end (rig);
  ASSERT_SENT ("V: V1000 V1500 / V2000 V2500 V2520 | VA: V3000 A2010 A2510 A3010");
  assert_dropped (0, 0);
}
END_TEST

static guint
take_missing (void)
{
  guint missing = rig->effect.missing;

  rig->effect.missing = 0;
  return missing;
}

START_TEST (test_missing_track)
{
  feed_rig_begin (rig, 2);
  key (0);
  run_timer ();
  key (9900);
  ck_assert_uint_eq (take_missing (), 0);
  key (10000);
  ck_assert_uint_eq (take_missing (), 1u << A);
  key (30000);
  ck_assert_uint_eq (take_missing (), 0);
  feed_rig_end (rig);
  ASSERT_SENT ("V: V0 / V9900 V10000 / V30000");
}
END_TEST

/* One that was there, one that sends GAPs, and one that has ended are not missing. */
START_TEST (test_silent_tracks_are_not_missing)
{
  feed_rig_begin (rig, 2);
  key (0);
  if (_i == 0)
    audio (10);
  else if (_i == 1)
    kvs_feed_progress (rig->feed, A, FEED_START + 20000 * MEDIA_MS, &rig->effect);
  else
    kvs_feed_end_track (rig->feed, A, &rig->effect);
  key (1000);
  if (kvs_feed_get_deadline_us (rig->feed) >= 0)
    run_timer ();
  key (11000);
  ck_assert_uint_eq (take_missing (), 0);
}
END_TEST

/* Push-to-talk: silent again before the key frame that the audio waits for. */
START_TEST (test_burst_of_a_silent_track)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  key (1000);
  run_timer ();
  delta (1500);
  audio (1510);
  audio (1530);
  delta (1600);
  run_timer ();
  key (2000);
  delta (2500);
  key (3000);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 | V: V1000 V1500 V1600 | VA: V2000 A1510 A1530 V2500 | V: V3000");
  assert_dropped (0, 0);
}
END_TEST

/* A GAP says that the audio has nothing, which the Fragment learns when the track is silent. */
START_TEST (test_wake_of_a_reader_that_waits)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  key (1000);
  kvs_feed_progress (rig->feed, A, FEED_START + 1500 * MEDIA_MS, &rig->effect);
  ASSERT_SENT ("VA: V0 A10");
  ck_assert (!kvs_fragment_buffer_wait (rig->buffer, 1));
  take_wake ();
  delta (1040);
  ck_assert (!take_wake ());
  delta (1600);
  run_timer ();
  ck_assert (take_wake ());
  ASSERT_SENT ("V: V1000 V1040 V1600");
}
END_TEST

START_TEST (test_wake_by_the_missing_frame)
{
  feed_rig_begin (rig, 2);
  ck_assert (!kvs_fragment_buffer_wait (rig->buffer, 1));
  audio (10);
  ck_assert (!take_wake ());
  key (0);
  audio (20);
  ck_assert (take_wake ()); /* a Fragment has begun */
  ck_assert (!kvs_fragment_buffer_wait (rig->buffer, 1));
  delta (15);
  ck_assert (take_wake ()); /* and is sendable */
  ck_assert (kvs_fragment_buffer_wait (rig->buffer, 1));
}
END_TEST

/* Between the reader's look for data and its beginning the only Fragment that could be sent has gone,
 * and the next one cannot be sent yet. */
START_TEST (test_wake_after_a_session_that_could_not_begin)
{
  rig->definition->storage_bytes = 250;
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  delta (20);
  kvs_feed_progress (rig->feed, A, FEED_START + 2000 * MEDIA_MS, &rig->effect);
  ck_assert (kvs_fragment_buffer_wait (rig->buffer, 1));
  key (1000);
  delta (1040);
  delta (1080);
  ck_assert_uint_eq (feed_rig_stats (rig).fragments_buffered, 1);
  take_wake ();
  ck_assert_ptr_null (kvs_fragment_buffer_begin_session (rig->buffer));
  kvs_feed_end_track (rig->feed, A, &rig->effect);
  ck_assert (take_wake ());
}
END_TEST

START_TEST (test_progress_lets_frames_go)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  delta (40);
  delta (80);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 2);
  kvs_feed_progress (rig->feed, A, FEED_START + 60 * MEDIA_MS, &rig->effect);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 3);
  ASSERT_SENT ("VA: V0 A10 V40");
}
END_TEST

/* ---- ends ---- */

START_TEST (test_audio_ends_early)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  delta (40);
  kvs_feed_end_track (rig->feed, A, &rig->effect);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 3);
  key (1000);
  ck_assert (!rig->effect.wants_timer || kvs_feed_get_deadline_us (rig->feed) < 0);
  key (2000);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 V40 | V: V1000 / V2000");
  assert_dropped (0, 0);
}
END_TEST

/* Audio goes on, in Fragments of fragment-duration. */
START_TEST (test_video_ends_early)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  delta (40);
  kvs_feed_end_track (rig->feed, V, &rig->effect);
  for (gint i = 1; i < 14; i++)
    audio (i * 500);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 V40 A500 A1000 A1500 A2000 | A: A2500 A3000 A3500 A4000 / "
               "A4500 A5000 A5500 A6000 / A6500");
  assert_dropped (0, 0);
}
END_TEST

/* Nothing of the audio is in the last Fragment that has pictures. */
START_TEST (test_video_ends_before_audio_comes)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  key (1000);
  kvs_feed_end_track (rig->feed, V, &rig->effect);
  audio (4000);
  audio (4500);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 | V: V1000 | A: A4000 A4500");
  assert_dropped (0, 0);
}
END_TEST

START_TEST (test_both_end)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  delta (40);
  kvs_feed_end_track (rig->feed, V, &rig->effect);
  kvs_feed_end_track (rig->feed, A, &rig->effect);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 3);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 V40");
  ck_assert (kvs_fragment_buffer_is_drained (rig->buffer));
}
END_TEST

/* An idle Session closes the Fragment; the video that has ended cannot start another one. */
START_TEST (test_audio_goes_on_after_a_closed_fragment)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  if (_i == 0) {
    kvs_feed_end_track (rig->feed, V, &rig->effect);
  } else {
    audio (20);
    run_timer ();
  }
  kvs_fragment_buffer_close_fragment (rig->buffer);
  audio (500);
  audio (1000);
  feed_rig_end (rig);
  if (_i == 0)
    ASSERT_SENT ("VA: V0 A10 | A: A500 A1000");
  else
    ASSERT_SENT ("VA: V0 A10 A20 | A: A500 A1000");
  assert_dropped (0, 0);
}
END_TEST

START_TEST (test_audio_goes_back_after_video_has_ended)
{
  feed_rig_begin (rig, 2);
  key (60000);
  audio (60010);
  key (61000);
  audio (61010);
  kvs_feed_end_track (rig->feed, V, &rig->effect);
  audio (0);
  audio (100);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V60000 A60010 / V61000 A61010 | A: A0 A100");
  assert_dropped (0, 0);
}
END_TEST

/* What waits for a key frame at the end makes a Fragment of its own. */
START_TEST (test_end_with_early_frames)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  feed_rig_change_track (rig, A, 1);
  audio (500);
  delta (700);
  audio (800);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 V700 | A: A500 A800");
  assert_dropped (0, 0);
}
END_TEST

START_TEST (test_end_with_nothing_but_early_frames)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  feed_rig_change_track (rig, A, 1);
  audio (500);
  delta (700);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 V700 | A: A500");
  assert_dropped (0, 0);
}
END_TEST

START_TEST (test_end_without_a_key_frame)
{
  feed_rig_begin (rig, 2);
  audio (0);
  delta (10);
  audio (20);
  feed_rig_end (rig);
  ASSERT_SENT ("A: A0 A20");
  assert_dropped (1, 0);
}
END_TEST

START_TEST (test_removed_track)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  key (1000);
  kvs_feed_remove_track (rig->feed, A, &rig->effect);
  key (2000);
  kvs_feed_add_track (rig->feed, A, KVS_TRACK_TYPE_AUDIO);
  feed_rig_change_track (rig, A, 0);
  audio (2010);
  key (3000);
  audio (3010);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 | V: V1000 / V2000 | VA: V3000 A2010 A3010");
  assert_dropped (0, 0);
}
END_TEST

/* ---- late frames, and time that begins anew ---- */

START_TEST (test_late)
{
  feed_rig_begin (rig, 2);
  key (0);
  audio (10);
  delta (1900);
  key (2000);
  run_timer ();
  key (3000);
  audio (100); /* undeclared meanwhile */
  key (5000);
  audio (5010);
  delta (6900);
  kvs_feed_progress (rig->feed, A, FEED_START + 7000 * MEDIA_MS, &rig->effect);
  key (7000);
  audio (5600); /* against its promise */
  audio (7010);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V0 A10 V1900 | V: V2000 / V3000 | VA: V5000 A100 A5010 V6900 / V7000 A7010");
  assert_dropped (0, 1);
}
END_TEST

START_TEST (test_loop)
{
  rig->definition->absolute_fragment_times = _i == 0;
  feed_rig_begin (rig, 2);
  for (gint i = 0; i < 2; i++) {
    key (20000);
    audio (20010);
    key (25000);
    audio (25010);
  }
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V20000 A20010 / V25000 A25010 | VA: V20000 A20010 / V25000 A25010");
  assert_dropped (0, 0);
}
END_TEST

/* The audio of the new time line waits for its key frame. */
START_TEST (test_loop_of_the_audio_first)
{
  feed_rig_begin (rig, 2);
  key (20000);
  audio (20010);
  audio (0);
  audio (20);
  delta (20040);
  delta (10);
  audio (40);
  key (30);
  audio (50);
  feed_rig_end (rig);
  ASSERT_SENT ("VA: V20000 A20010 V20040 | VA: V10 V30 A0 A20 A40 A50");
  assert_dropped (0, 0);
}
END_TEST

/* ---- what has to be done ---- */

START_TEST (test_one_timer_at_a_time)
{
  feed_rig_begin (rig, 2);
  ck_assert_int_eq (kvs_feed_get_deadline_us (rig->feed), -1);
  key (0);
  ck_assert (rig->effect.wants_timer);
  ck_assert_int_eq (kvs_feed_get_deadline_us (rig->feed), now_us + TIMEOUT_US);
  rig->effect.wants_timer = FALSE;
  delta (40);
  ck_assert (!rig->effect.wants_timer);
  /* too early: once more */
  now_us += TIMEOUT_US - 1;
  kvs_feed_run_timer (rig->feed, &rig->effect);
  ck_assert (rig->effect.wants_timer);
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 0);
  run_timer ();
  ck_assert_uint_eq (feed_rig_stats (rig).frames_in, 2);
  ck_assert (!rig->effect.wants_timer);
  ck_assert_int_eq (kvs_feed_get_deadline_us (rig->feed), -1);
  /* and when something waits again */
  audio (50);
  ck_assert (rig->effect.wants_timer);
}
END_TEST

START_TEST (test_overflow_is_told)
{
  rig->definition->buffer_duration_ns = 2 * MEDIA_S;
  feed_rig_begin (rig, 2);
  for (gint i = 0; i < 10; i++) {
    key (i * 1000);
    audio (i * 1000 + 10);
  }
  feed_rig_end (rig);
  ck_assert_uint_gt (rig->effect.push.n_dropped, 0);
  ck_assert_uint_eq (rig->effect.push.n_dropped,
                     feed_rig_stats (rig).frames_dropped[KVS_DROP_OVERFLOW]);
}
END_TEST

/* Frames whose times stand still must not pile up where they wait for a key frame. */
START_TEST (test_early_bytes)
{
  rig->definition->storage_bytes = 8000;
  feed_rig_begin (rig, 2);
  for (gint i = 0; i < 1000; i++) {
    audio (0);
    delta (0);
  }
  ck_assert_uint_ge (feed_rig_stats (rig).frames_dropped[KVS_DROP_BEFORE_KEY_FRAME], 1900);
  key (0);
  feed_rig_end (rig);
}
END_TEST

START_TEST (test_flushing)
{
  feed_rig_begin (rig, 2);
  kvs_feed_set_flushing (rig->feed, A, TRUE);
  ck_assert_int_eq (feed_rig_push (rig, A, TRUE, 0, 0), KVS_PUSH_FLUSHING);
  ck_assert_int_eq (feed_rig_push (rig, V, TRUE, 0, 0), KVS_PUSH_STORED);
  kvs_feed_set_flushing (rig->feed, A, FALSE);
  ck_assert_int_eq (feed_rig_push (rig, A, TRUE, 0, 0), KVS_PUSH_STORED);
  feed_rig_end (rig);
  ck_assert_int_eq (feed_rig_push (rig, A, TRUE, 0, 0), KVS_PUSH_FLUSHING);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("feed");
  TCase *tc = tcase_create ("feed");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_first_header);
  tcase_add_test (tc, test_video_alone);
  tcase_add_loop_test (tc, test_audio_before_the_key_frame, 0, 2);
  tcase_add_test (tc, test_audio_long_before_the_key_frame);
  tcase_add_test (tc, test_video_starts_late);
  tcase_add_test (tc, test_audio_changes);
  tcase_add_test (tc, test_audio_changes_twice);
  tcase_add_test (tc, test_audio_is_told_the_same);
  tcase_add_test (tc, test_video_changes);
  tcase_add_test (tc, test_silent_track);
  tcase_add_test (tc, test_missing_track);
  tcase_add_loop_test (tc, test_silent_tracks_are_not_missing, 0, 3);
  tcase_add_test (tc, test_burst_of_a_silent_track);
  tcase_add_test (tc, test_wake_of_a_reader_that_waits);
  tcase_add_test (tc, test_wake_by_the_missing_frame);
  tcase_add_test (tc, test_wake_after_a_session_that_could_not_begin);
  tcase_add_test (tc, test_progress_lets_frames_go);
  tcase_add_test (tc, test_audio_ends_early);
  tcase_add_test (tc, test_video_ends_early);
  tcase_add_test (tc, test_video_ends_before_audio_comes);
  tcase_add_test (tc, test_both_end);
  tcase_add_loop_test (tc, test_audio_goes_on_after_a_closed_fragment, 0, 2);
  tcase_add_test (tc, test_audio_goes_back_after_video_has_ended);
  tcase_add_test (tc, test_end_with_early_frames);
  tcase_add_test (tc, test_end_with_nothing_but_early_frames);
  tcase_add_test (tc, test_end_without_a_key_frame);
  tcase_add_test (tc, test_removed_track);
  tcase_add_test (tc, test_late);
  tcase_add_loop_test (tc, test_loop, 0, 2);
  tcase_add_test (tc, test_loop_of_the_audio_first);
  tcase_add_test (tc, test_one_timer_at_a_time);
  tcase_add_test (tc, test_overflow_is_told);
  tcase_add_test (tc, test_early_bytes);
  tcase_add_test (tc, test_flushing);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
