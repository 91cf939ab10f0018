/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What waits for a key frame that is not for it: found by random sequences (tests/element/random). */
#include <check.h>

#include "../suite.h"
#include "feed-rig.h"

static FeedRig *rig;

static void
setup (void)
{
  rig = feed_rig_new ();
}

static void
teardown (void)
{
  feed_rig_free (rig);
}

static void
push (guint track_number, gint64 ms)
{
  feed_rig_push (rig, track_number, TRUE, ms, ms);
}

static void
assert_sent (const gchar *expected)
{
  g_autofree gchar *sent = NULL;
  KvsBufferStats stats;

  feed_rig_end (rig);
  sent = feed_rig_drain (rig);
  stats = feed_rig_stats (rig);
  ck_assert_str_eq (sent, expected);
  ck_assert_uint_eq (feed_count_dropped (&stats), 0);
}

/* A prompt before the pictures: its track has ended when they come. */
START_TEST (test_ends_before_the_key_frame)
{
  feed_rig_begin (rig, 2);
  push (FEED_AUDIO, 0);
  push (FEED_AUDIO, 20);
  kvs_feed_end_track (rig->feed, FEED_AUDIO, &rig->effect);
  for (gint64 ms = 1000; ms < 5000; ms += 1000)
    push (FEED_VIDEO, ms);
  assert_sent ("A: A0 A20 | V: V1000 / V2000 / V3000 / V4000");
}
END_TEST

/* Each has its place, not only that which comes first. */
START_TEST (test_two_tracks_wait_at_the_end)
{
  feed_rig_begin (rig, 3);
  push (FEED_VIDEO, 0);
  push (FEED_AUDIO, 10);
  push (FEED_AUDIO_2, 10);
  feed_rig_change_track (rig, FEED_AUDIO, 1);
  feed_rig_change_track (rig, FEED_AUDIO_2, 1);
  push (FEED_AUDIO_2, 400);
  push (FEED_AUDIO, 500);
  push (FEED_AUDIO_2, 600);
  push (FEED_AUDIO, 700);
  assert_sent ("VAB: V0 A10 B10 | AB: A500 B400 B600 A700");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("feed-early");
  TCase *tc = tcase_create ("feed-early");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_ends_before_the_key_frame);
  tcase_add_test (tc, test_two_tracks_wait_at_the_end);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
