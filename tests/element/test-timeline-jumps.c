/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running times that jump: 1 in timeline.h. */
#include <check.h>

#include "../suite.h"
#include "timeline-rig.h"

#define MS RIG_MS
#define S RIG_S
#define NOON RIG_NOON
#define HOUR (3600 * S)
#define FRAME (40 * MS)
/* A 32-bit RTP timestamp at 90 kHz */
#define WRAP ((G_GINT64_CONSTANT (1) << 32) / 90 * MS)

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

/* ---- jumps of a source that follows the clock ---- */

START_TEST (test_source_pauses)
{
  push_key (0);
  push_audio (0);
  pass (HOUR);
  ck_assert_int_eq (push (running ()), NOON + HOUR);
  ck_assert_int_eq (push_audio (running () - 2 * S), NOON + HOUR - 2 * S);
}
END_TEST

/* Both pads for a while; the sound takes 200 ms more to come. */
static void
play (gint64 time_ns, gint64 video_shift_ns, gint64 audio_shift_ns, gboolean audio_first)
{
  gint64 end_ns = running () + time_ns;

  while (running () < end_ns) {
    gint64 now_ns = running ();

    if (audio_first)
      ck_assert_int_eq (push_audio (now_ns - 200 * MS + audio_shift_ns), NOON + now_ns - 200 * MS);
    ck_assert_int_eq (push (now_ns + video_shift_ns), NOON + now_ns);
    if (!audio_first)
      ck_assert_int_eq (push_audio (now_ns - 200 * MS + audio_shift_ns), NOON + now_ns - 200 * MS);
    pass (FRAME);
  }
}

static const struct {
  gint64 video_shift_ns;
  gint64 audio_shift_ns;
} jumps[] = {
  { -WRAP, -WRAP }, { -WRAP, 0 }, { 0, -WRAP }, { 30 * S, 30 * S }, { -30 * S, -30 * S },
  { 5 * HOUR, 0 }, { -12 * S, -12 * S }, { 300000 * HOUR, 300000 * HOUR },
};

START_TEST (test_jump)
{
  for (guint audio_first = 0; audio_first < 2; audio_first++) {
    timeline_rig_start (&rig, GST_KVS_TIMELINE_LIVE);
    push_key (0);
    play (20 * S, 0, 0, audio_first);
    play (20 * S, jumps[_i].video_shift_ns, jumps[_i].audio_shift_ns, audio_first);
    play (20 * S, 2 * jumps[_i].video_shift_ns, 2 * jumps[_i].audio_shift_ns, audio_first);
    /* and back to where it had been */
    play (20 * S, 0, 0, audio_first);
  }
}
END_TEST

/* The sound comes in large pieces: its own idea of the jump is 800 ms off. */
START_TEST (test_two_pads_jump_alike)
{
  push_key (0);
  push_audio (0);
  pass (1 * S);
  ck_assert_int_eq (push (1 * S - WRAP), NOON + 1 * S);
  pass (800 * MS);
  ck_assert_int_eq (push_audio (1 * S - WRAP), NOON + 1 * S);
}
END_TEST

START_TEST (test_jump_after_a_stall)
{
  push_key (0);
  pass (HOUR);
  ck_assert_int_eq (push (-20 * S), NOON + HOUR);
}
END_TEST

START_TEST (test_jump_of_late_data)
{
  push_key (0);
  pass (HOUR);
  push (FRAME);
  ck_assert_int_eq (push (FRAME - WRAP), NOON + HOUR);
}
END_TEST

/* The guess was wrong by a second; what comes back is known exactly. */
START_TEST (test_jump_there_and_back)
{
  push_key (0);
  pass (FRAME);
  push (FRAME);
  pass (1 * S);
  ck_assert_int_eq (push (2 * FRAME - WRAP), NOON + 1 * S + FRAME);
  pass (FRAME);
  ck_assert_int_eq (push (3 * FRAME), NOON + 3 * FRAME);
  pass (FRAME);
  ck_assert_int_eq (push (4 * FRAME - WRAP), NOON + 1 * S + 3 * FRAME);
  /* the same from a second wrap to the first */
  pass (FRAME);
  push (5 * FRAME - 2 * WRAP);
  pass (FRAME);
  ck_assert_int_eq (push (6 * FRAME - WRAP), NOON + 1 * S + 5 * FRAME);
  pass (FRAME);
  push (7 * FRAME - 3 * WRAP);
  pass (FRAME);
  ck_assert_int_eq (push (8 * FRAME), NOON + 8 * FRAME);
}
END_TEST

START_TEST (test_reorder_over_a_wrap)
{
  static const gint64 order[] = { 0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11, 15, 13, 14 };

  push_key (0);
  pass (HOUR);
  for (guint i = 0; i < G_N_ELEMENTS (order); i++) {
    gint64 time_ns = HOUR + order[i] * FRAME;
    gint64 wraps = order[i] >= 5 ? 1 : 0;

    ck_assert_int_le (llabs (push (time_ns - wraps * WRAP) - NOON - time_ns), 3 * FRAME);
    pass (FRAME);
  }
}
END_TEST

START_TEST (test_reorder_is_no_jump)
{
  GstKvsTimes times = { 5 * S, 4 * S };

  gst_kvs_timeline_to_epoch (rig.timeline, &rig.video, TRUE, NULL, &times);
  times = (GstKvsTimes){ 3 * S, 4 * S + FRAME };
  gst_kvs_timeline_to_epoch (rig.timeline, &rig.video, FALSE, NULL, &times);
  ck_assert_int_eq (times.pts_ns, NOON + 3 * S);
  ck_assert_int_eq (times.dts_ns, NOON + 4 * S + FRAME);
}
END_TEST

/* What a network held back for half a minute was still taken when its timestamps say. */
START_TEST (test_late_data)
{
  push_key (0);
  pass (30 * S);
  for (gint64 time_ns = FRAME; time_ns < 5 * S; time_ns += FRAME)
    ck_assert_int_eq (push (time_ns), NOON + time_ns);
  ck_assert_int_eq (push (17 * S), NOON + 17 * S);
}
END_TEST

/* Seconds later the step of the wall clock moves all pads by the same. */
START_TEST (test_jump_before_a_step_is_taken)
{
  push_key (0);
  push_audio (0);
  rig.clock.wall_skew_ns += HOUR;
  pass (FRAME);
  ck_assert_int_eq (push_audio (FRAME - WRAP), NOON + FRAME);
  ck_assert_int_eq (push_key (FRAME), NOON + HOUR + FRAME);
  pass (FRAME);
  ck_assert_int_eq (push_audio (2 * FRAME - WRAP), NOON + HOUR + 2 * FRAME);
}
END_TEST

START_TEST (test_late_pads)
{
  GstKvsTimelineTrack third;

  gst_kvs_timeline_track_init (&third);
  push_key (0);
  pass (HOUR);
  push (HOUR);
  /* one that counts from its own start */
  ck_assert_int_eq (push_audio (0), NOON + HOUR);
  /* and one that is right */
  ck_assert_int_eq (timeline_rig_push (&rig, &third, FALSE, HOUR - FRAME), NOON + HOUR - FRAME);
}
END_TEST

START_TEST (test_late_pad_of_a_source_that_wrapped)
{
  push_key (0);
  pass (HOUR);
  push (HOUR);
  pass (FRAME);
  push (HOUR + FRAME - WRAP);
  ck_assert_int_eq (push_audio (HOUR - 300 * MS - WRAP), NOON + HOUR - 300 * MS);
}
END_TEST

/* The first pad does not follow the clock, the second does. */
START_TEST (test_late_pad_that_follows_the_clock)
{
  push_key (100 * HOUR);
  pass (HOUR);
  push (101 * HOUR);
  ck_assert_int_eq (push_audio (HOUR), NOON + HOUR);
}
END_TEST

/* ---- jumps of a source that does not ---- */

START_TEST (test_file_is_played_again)
{
  gint64 last_ns = 0;

  rig.clock.has_clock = FALSE;
  for (guint loop = 0; loop < 3; loop++) {
    for (gint64 time_ns = 0; time_ns < 5 * S; time_ns += FRAME) {
      gint64 epoch_ns = timeline_rig_push (&rig, &rig.video, time_ns == 0, time_ns);

      ck_assert_int_eq (epoch_ns, NOON + loop * 5 * S + time_ns);
      ck_assert_int_eq (push_audio (time_ns), epoch_ns);
      ck_assert_int_gt (epoch_ns, last_ns);
      last_ns = epoch_ns;
    }
  }
  pass (HOUR);
  ck_assert_int_eq (push (0), NOON + HOUR);
  ck_assert_int_eq (push_audio (0), NOON + HOUR);
}
END_TEST

/* A step too small to be one counts where time is taken from the clock. */
START_TEST (test_file_is_played_again_by_the_clock)
{
  rig.clock.has_clock = FALSE;
  push_key (0);
  push (5 * S);
  pass (6 * S);
  rig.clock.wall_skew_ns += 300 * MS;
  ck_assert_int_eq (push (0), NOON + 6 * S + 300 * MS);
  push (5 * S);
  pass (6 * S);
  rig.clock.wall_skew_ns += HOUR;
  ck_assert_int_eq (push (0), NOON + 12 * S);
  ck_assert_int_eq (push_key (FRAME), NOON + 12 * S + HOUR + 300 * MS + FRAME);
}
END_TEST

START_TEST (test_hole_in_a_file)
{
  rig.clock.has_clock = FALSE;
  push_key (0);
  ck_assert_int_eq (push (HOUR), NOON + HOUR);
  ck_assert_int_eq (push_audio (HOUR), NOON + HOUR);
}
END_TEST

/* It starts at 0 when the clock does, but is not bound to it. */
START_TEST (test_file_while_the_clock_runs)
{
  push_key (0);
  for (gint64 time_ns = FRAME; time_ns < 60 * S; time_ns += FRAME)
    ck_assert_int_eq (push (time_ns), NOON + time_ns);
  ck_assert_int_eq (push_key (0), NOON + 60 * S);
  ck_assert_int_eq (push (30 * S), NOON + 90 * S);
}
END_TEST

static Suite *
timeline_jumps_suite (void)
{
  Suite *s = suite_create ("timeline-jumps");
  TCase *tc = tcase_create ("jumps");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_source_pauses);
  tcase_add_loop_test (tc, test_jump, 0, G_N_ELEMENTS (jumps));
  tcase_add_test (tc, test_two_pads_jump_alike);
  tcase_add_test (tc, test_jump_after_a_stall);
  tcase_add_test (tc, test_jump_of_late_data);
  tcase_add_test (tc, test_jump_there_and_back);
  tcase_add_test (tc, test_reorder_over_a_wrap);
  tcase_add_test (tc, test_reorder_is_no_jump);
  tcase_add_test (tc, test_late_data);
  tcase_add_test (tc, test_jump_before_a_step_is_taken);
  tcase_add_test (tc, test_late_pads);
  tcase_add_test (tc, test_late_pad_of_a_source_that_wrapped);
  tcase_add_test (tc, test_late_pad_that_follows_the_clock);
  tcase_add_test (tc, test_file_is_played_again);
  tcase_add_test (tc, test_file_is_played_again_by_the_clock);
  tcase_add_test (tc, test_hole_in_a_file);
  tcase_add_test (tc, test_file_while_the_clock_runs);
  suite_add_tcase (s, tc);
  return s;
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  return run_suite (timeline_jumps_suite ());
}
