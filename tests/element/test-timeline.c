/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From running time to epoch time: the anchor (2 in timeline.h), the modes, broken timestamps. */
#include <check.h>

#include "../suite.h"
#include "timeline-rig.h"

#define MS RIG_MS
#define S RIG_S
#define NOON RIG_NOON
#define HOUR (3600 * S)
#define CAMERA (NOON - HOUR)
#define FRAME (40 * MS)

static TimelineRig rig;

static void
setup (void)
{
  timeline_rig_start (&rig, GST_KVS_TIMELINE_LIVE);
}

static void
teardown (void)
{
  timeline_rig_clear (&rig);
}

static void
pass (gint64 time_ns)
{
  fake_clock_pass (&rig.clock, time_ns);
}

static gint64
running (void)
{
  return fake_clock_running (&rig.clock);
}

/* A frame of the video, where no fragment ends */
static gint64
push (gint64 pts_ns)
{
  return timeline_rig_push (&rig, &rig.video, FALSE, pts_ns);
}

static gint64
push_key (gint64 pts_ns)
{
  return timeline_rig_push (&rig, &rig.video, TRUE, pts_ns);
}

static gint64
push_audio (gint64 pts_ns)
{
  return timeline_rig_push (&rig, &rig.audio, FALSE, pts_ns);
}

static gint64
push_key_with (gint64 pts_ns, gint64 epoch_ns)
{
  return timeline_rig_push_reference (&rig, &rig.video, TRUE, pts_ns, epoch_ns);
}

/* ---- 2: the anchor ---- */

START_TEST (test_clock_tells_the_time)
{
  pass (3 * S);
  /* the encoder took 2 s: taken at 1 s, which was then */
  ck_assert_int_eq (push_key (1 * S), NOON + 1 * S);
  ck_assert_int_eq (push (1 * S + FRAME), NOON + 1 * S + FRAME);
}
END_TEST

START_TEST (test_source_without_the_clock)
{
  pass (3 * S);
  ck_assert_int_eq (push_key (HOUR), NOON + 3 * S);
  pass (FRAME);
  ck_assert_int_eq (push (HOUR + FRAME), NOON + 3 * S + FRAME);
}
END_TEST

START_TEST (test_no_clock_yet)
{
  rig.clock.has_clock = FALSE;
  ck_assert_int_eq (push_key (7 * S), NOON);
  rig.clock.has_clock = TRUE;
  pass (2 * S);
  /* that was no pause */
  ck_assert_int_eq (push_key (9 * S), NOON + 2 * S);
}
END_TEST

START_TEST (test_one_offset_for_all_pads)
{
  pass (500 * MS);
  ck_assert_int_eq (push_audio (HOUR), NOON + 500 * MS);
  pass (2 * S);
  ck_assert_int_eq (push_key (HOUR - 100 * MS), NOON + 400 * MS);
}
END_TEST

START_TEST (test_dts_keeps_its_distance)
{
  GstKvsTimes times = { 100 * MS, -60 * MS };

  gst_kvs_timeline_to_epoch (rig.timeline, &rig.video, TRUE, NULL, &times);
  ck_assert_int_eq (times.pts_ns, NOON + 100 * MS);
  ck_assert_int_eq (times.dts_ns, NOON - 60 * MS);
}
END_TEST

START_TEST (test_reset)
{
  push_key (0);
  pass (HOUR);
  push (HOUR / 2 + 1 * S);
  gst_kvs_timeline_reset (rig.timeline);
  rig.clock.base_time_ns = rig.clock.monotonic_ns;
  ck_assert_int_eq (push_key (0), NOON + HOUR);
  ck_assert_int_eq (push_audio (0), NOON + HOUR);
}
END_TEST

START_TEST (test_pause)
{
  push_key (0);
  fake_clock_pause (&rig.clock, HOUR);
  pass (FRAME);
  ck_assert_int_eq (push (FRAME), NOON + FRAME);
  ck_assert_int_eq (push_audio (FRAME), NOON + FRAME);
  pass (FRAME);
  ck_assert_int_eq (push_key (2 * FRAME), NOON + HOUR + 2 * FRAME);
  ck_assert_int_eq (push_audio (2 * FRAME), NOON + HOUR + 2 * FRAME);
}
END_TEST

/* What was anchored before there was a clock follows it from the first pause on. */
START_TEST (test_pause_after_an_anchor_without_clock)
{
  rig.clock.has_clock = FALSE;
  push_key (-1 * S);
  rig.clock.has_clock = TRUE;
  push_key (0);
  fake_clock_pause (&rig.clock, HOUR);
  pass (3 * S);
  ck_assert_int_eq (push_key (2 * S), NOON + HOUR + 2 * S);
}
END_TEST

START_TEST (test_short_pause)
{
  push_key (0);
  fake_clock_pause (&rig.clock, 300 * MS);
  ck_assert_int_eq (push_key (FRAME), NOON + 300 * MS + FRAME);
}
END_TEST

START_TEST (test_pause_of_a_source_without_the_clock)
{
  push_key (5 * HOUR);
  fake_clock_pause (&rig.clock, HOUR);
  ck_assert_int_eq (push_key (5 * HOUR + FRAME), NOON + HOUR);
  /* 10 s in no time, as files come: the next pause takes nothing back */
  ck_assert_int_eq (push (5 * HOUR + 10 * S), NOON + HOUR + 10 * S - FRAME);
  fake_clock_pause (&rig.clock, 2 * S);
  ck_assert_int_eq (push_key (5 * HOUR + 10 * S + FRAME), NOON + HOUR + 10 * S);
}
END_TEST

static const gint64 steps[] = { HOUR, -HOUR, 501 * MS, -501 * MS, -30 * 365 * 24 * HOUR };

START_TEST (test_wall_clock_step)
{
  push_key (0);
  rig.clock.wall_skew_ns += steps[_i];
  ck_assert_int_eq (push (FRAME), NOON + FRAME);
  ck_assert_int_eq (push_audio (FRAME), NOON + FRAME);
  ck_assert_int_eq (push_key (2 * FRAME), NOON + steps[_i] + 2 * FRAME);
  ck_assert_int_eq (push (3 * FRAME), NOON + steps[_i] + 3 * FRAME);
  ck_assert_int_eq (push_audio (3 * FRAME), NOON + steps[_i] + 3 * FRAME);
  ck_assert_int_eq (push_key (4 * FRAME), NOON + steps[_i] + 4 * FRAME);
}
END_TEST

START_TEST (test_wall_clock_step_without_the_clock)
{
  push_key (5 * HOUR);
  rig.clock.wall_skew_ns += steps[_i];
  ck_assert_int_eq (push (5 * HOUR + FRAME), NOON + FRAME);
  ck_assert_int_eq (push_key (5 * HOUR + 2 * FRAME), NOON + steps[_i] + 2 * FRAME);
  ck_assert_int_eq (push_key (5 * HOUR + 3 * FRAME), NOON + steps[_i] + 3 * FRAME);
}
END_TEST

/* A pipeline whose clock is the wall clock: buffers step with it. */
START_TEST (test_wall_clock_is_the_clock)
{
  push_key (0);
  rig.clock.wall_skew_ns += 30 * S;
  rig.clock.drift_ns += 30 * S;
  ck_assert_int_eq (push_key (30 * S + FRAME), NOON + 30 * S + FRAME);
}
END_TEST

START_TEST (test_drift)
{
  push_key (0);
  pass (FRAME);
  rig.clock.drift_ns = -12 * MS;
  ck_assert_int_eq (push (FRAME), NOON + FRAME);
  ck_assert_int_eq (push_key (2 * FRAME), NOON + 2 * FRAME + 5 * MS);
  ck_assert_int_eq (push (3 * FRAME), NOON + 3 * FRAME + 5 * MS);
  ck_assert_int_eq (push_key (4 * FRAME), NOON + 4 * FRAME + 10 * MS);
  ck_assert_int_eq (push_key (5 * FRAME), NOON + 5 * FRAME + 12 * MS);
  ck_assert_int_eq (push_key (6 * FRAME), NOON + 6 * FRAME + 12 * MS);
  rig.clock.drift_ns = 0;
  ck_assert_int_eq (push_key (7 * FRAME), NOON + 7 * FRAME + 7 * MS);
}
END_TEST

/* The thread was not scheduled between two clocks: they tell nothing. */
START_TEST (test_slow_reading)
{
  push_key (0);
  rig.clock.drift_ns = 300 * MS;
  rig.clock.reading_ns = 10 * MS;
  ck_assert_int_eq (push_key (FRAME), NOON + FRAME);
}
END_TEST

/* ---- the other modes ---- */

START_TEST (test_file)
{
  timeline_rig_start (&rig, GST_KVS_TIMELINE_FILE);
  ck_assert_int_eq (push_key (0), 1000 * S);
  fake_clock_pause (&rig.clock, HOUR);
  rig.clock.wall_skew_ns += HOUR;
  ck_assert_int_eq (push_key_with (HOUR, CAMERA), 1000 * S + HOUR);
  ck_assert_int_eq (push_key (-1 * S), 999 * S);
}
END_TEST

START_TEST (test_original)
{
  timeline_rig_start (&rig, GST_KVS_TIMELINE_ORIGINAL);
  ck_assert_int_eq (push_key (NOON), NOON);
  ck_assert_int_eq (push_key (-5), -5);
  ck_assert_int_eq (push_key_with (G_MAXINT64, CAMERA), G_MAXINT64);
}
END_TEST

START_TEST (test_arrival)
{
  timeline_rig_start (&rig, GST_KVS_TIMELINE_ARRIVAL);
  ck_assert_int_eq (push (12345), NOON);
  pass (FRAME);
  ck_assert_int_eq (push (-5), NOON + FRAME);
  rig.clock.wall_skew_ns -= 500 * MS;
  ck_assert_int_eq (push (0), NOON + FRAME);
  ck_assert_int_eq (push_audio (0), NOON + FRAME - 500 * MS);
  pass (600 * MS);
  ck_assert_int_eq (push (0), NOON + FRAME + 100 * MS);
  rig.clock.wall_skew_ns -= 1 * S;
  ck_assert_int_eq (push (0), NOON + FRAME - 900 * MS);
  rig.clock.wall_skew_ns += HOUR;
  ck_assert_int_eq (push (0), NOON + FRAME - 900 * MS + HOUR);
}
END_TEST

/* ---- what no clock shows ---- */

static const gint64 extremes[] = {
  G_MININT64, G_MININT64 + 1, -NOON, -1, 0, 1, 10 * RIG_S, NOON, G_MAXINT64 - 1, G_MAXINT64,
};

static gint64
extreme (GRand *rand)
{
  return extremes[g_rand_int_range (rand, 0, G_N_ELEMENTS (extremes))];
}

/* The sanitizers see an overflow; all see whether the timeline recovers. */
START_TEST (test_extremes)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) _i);
  gboolean has_references = _i % 2 == 0;
  gint64 epoch_ns;

  timeline_rig_start (&rig, GST_KVS_TIMELINE_LIVE);
  for (guint i = 0; i < 1000; i++) {
    GstKvsTimelineTrack *track = g_rand_boolean (rand) ? &rig.video : &rig.audio;
    GstKvsTimes times = { extreme (rand), extreme (rand) };
    GstKvsReferenceTime reference = { extreme (rand) };

    gst_kvs_timeline_to_epoch (rig.timeline, track, g_rand_boolean (rand),
                               has_references && g_rand_boolean (rand) ? &reference : NULL,
                               &times);
    pass (FRAME);
  }
  push (running ());
  pass (FRAME);
  epoch_ns = has_references ? push_key_with (running (), CAMERA)
                            : push_key (running ());
  pass (FRAME);
  ck_assert_int_eq (push (running ()), epoch_ns + FRAME);
}
END_TEST

START_TEST (test_extremes_of_the_other_modes)
{
  timeline_rig_start (&rig, GST_KVS_TIMELINE_FILE);
  ck_assert_int_eq (push (G_MAXINT64), G_MAXINT64);
  ck_assert_int_eq (push (G_MAXINT64 - 1000 * S), G_MAXINT64);
  ck_assert_int_eq (push (G_MININT64), G_MININT64 + 1000 * S);
  timeline_rig_start (&rig, GST_KVS_TIMELINE_ARRIVAL);
  ck_assert_int_eq (push (G_MAXINT64), NOON);
  ck_assert_int_eq (push (G_MININT64), NOON);
}
END_TEST

START_TEST (test_broken_first_timestamp)
{
  ck_assert_int_eq (push_key (G_MAXINT64), NOON);
  for (gint64 i = 0; i < 10; i++) {
    ck_assert_int_eq (push (i * FRAME), NOON + FRAME * i);
    pass (FRAME);
  }
}
END_TEST

START_TEST (test_broken_dts)
{
  GstKvsTimes times = { FRAME, G_MAXINT64 };

  gst_kvs_timeline_to_epoch (rig.timeline, &rig.video, TRUE, NULL, &times);
  ck_assert_int_eq (times.pts_ns, NOON + FRAME);
  ck_assert_int_eq (times.dts_ns, NOON + FRAME);
}
END_TEST

static Suite *
timeline_suite (void)
{
  Suite *s = suite_create ("timeline");
  TCase *tc = tcase_create ("timeline");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_clock_tells_the_time);
  tcase_add_test (tc, test_source_without_the_clock);
  tcase_add_test (tc, test_no_clock_yet);
  tcase_add_test (tc, test_one_offset_for_all_pads);
  tcase_add_test (tc, test_dts_keeps_its_distance);
  tcase_add_test (tc, test_reset);
  tcase_add_test (tc, test_pause);
  tcase_add_test (tc, test_pause_after_an_anchor_without_clock);
  tcase_add_test (tc, test_short_pause);
  tcase_add_test (tc, test_pause_of_a_source_without_the_clock);
  tcase_add_loop_test (tc, test_wall_clock_step, 0, G_N_ELEMENTS (steps));
  tcase_add_loop_test (tc, test_wall_clock_step_without_the_clock, 0, G_N_ELEMENTS (steps));
  tcase_add_test (tc, test_wall_clock_is_the_clock);
  tcase_add_test (tc, test_drift);
  tcase_add_test (tc, test_slow_reading);
  tcase_add_test (tc, test_file);
  tcase_add_test (tc, test_original);
  tcase_add_test (tc, test_arrival);
  tcase_add_loop_test (tc, test_extremes, 0, 20);
  tcase_add_test (tc, test_extremes_of_the_other_modes);
  tcase_add_test (tc, test_broken_first_timestamp);
  tcase_add_test (tc, test_broken_dts);
  suite_add_tcase (s, tc);
  return s;
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  return run_suite (timeline_suite ());
}
