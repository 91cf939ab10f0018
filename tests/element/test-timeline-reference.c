/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reference times: rule 3 of timeline.h. */
#include <check.h>

#include "../suite.h"
#include "timeline-rig.h"

#define MS RIG_MS
#define S RIG_S
#define NOON RIG_NOON
#define HOUR (3600 * S)
#define FRAME (40 * MS)
#define CAMERA (NOON - HOUR)
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

/* The same with a reference time */
static gint64
push_with (gint64 pts_ns, gint64 epoch_ns)
{
  return timeline_rig_push_reference (&rig, &rig.video, FALSE, pts_ns, epoch_ns);
}

static gint64
push_key_with (gint64 pts_ns, gint64 epoch_ns)
{
  return timeline_rig_push_reference (&rig, &rig.video, TRUE, pts_ns, epoch_ns);
}

static gint64
push_audio_with (gint64 pts_ns, gint64 epoch_ns)
{
  return timeline_rig_push_reference (&rig, &rig.audio, FALSE, pts_ns, epoch_ns);
}

/* ---- which reference counts where ---- */

START_TEST (test_reference)
{
  GstKvsTimes times = { 10 * FRAME, 8 * FRAME };
  GstKvsReferenceTime reference = { CAMERA };

  gst_kvs_timeline_to_epoch (rig.timeline, &rig.video, TRUE, &reference, &times);
  ck_assert_int_eq (times.pts_ns, CAMERA);
  ck_assert_int_eq (times.dts_ns, CAMERA - 2 * FRAME);
  ck_assert_int_eq (push (11 * FRAME), CAMERA + FRAME);
  ck_assert_int_eq (push_key (12 * FRAME), CAMERA + 2 * FRAME);
}
END_TEST

START_TEST (test_reference_waits_for_a_fragment)
{
  ck_assert_int_eq (push_key (0), NOON);
  ck_assert_int_eq (push_audio (0), NOON);
  ck_assert_int_eq (push_with (FRAME, CAMERA + FRAME), NOON + FRAME);
  ck_assert_int_eq (push_audio_with (FRAME, CAMERA + FRAME), NOON + FRAME);
  /* the last one counts, also for what has none */
  ck_assert_int_eq (push_key (2 * FRAME), CAMERA + 2 * FRAME);
  ck_assert_int_eq (push_audio (2 * FRAME), CAMERA + 2 * FRAME);
}
END_TEST

START_TEST (test_near_reference_is_taken_at_once)
{
  push_key (0);
  push_audio (0);
  ck_assert_int_eq (push_with (FRAME, NOON + FRAME + 19 * MS),
                    NOON + FRAME + 19 * MS);
  ck_assert_int_eq (push_with (2 * FRAME, NOON + 2 * FRAME + 39 * MS),
                    NOON + 2 * FRAME + 19 * MS);
  ck_assert_int_eq (push_audio (2 * FRAME), NOON + 2 * FRAME + 19 * MS);
  ck_assert_int_eq (push_key (3 * FRAME), NOON + 3 * FRAME + 39 * MS);
}
END_TEST

START_TEST (test_pad_without_references_goes_along)
{
  push_key (0);
  push_audio (0);
  push_key_with (FRAME, CAMERA);
  ck_assert_int_eq (push_audio (FRAME), CAMERA);
  rig.clock.wall_skew_ns += HOUR;
  ck_assert_int_eq (push_key (2 * FRAME), CAMERA + FRAME);
  ck_assert_int_eq (push_audio (2 * FRAME), CAMERA + FRAME);
}
END_TEST

START_TEST (test_pad_with_references_of_its_own)
{
  push_key (0);
  push_key_with (FRAME, CAMERA);
  /* what the network did to the two, the camera knows better */
  ck_assert_int_eq (push_audio_with (FRAME, CAMERA + 300 * MS), CAMERA);
  push_key_with (2 * FRAME, CAMERA + FRAME);
  ck_assert_int_eq (push_audio (2 * FRAME), CAMERA + FRAME + 300 * MS);
  /* heard by one alone: wait for the other */
  ck_assert_int_eq (push_audio_with (3 * FRAME, NOON), CAMERA + 2 * FRAME + 300 * MS);
  ck_assert_int_eq (push_key (3 * FRAME), CAMERA + 2 * FRAME);
  ck_assert_int_eq (push_audio (4 * FRAME), CAMERA + 3 * FRAME + 300 * MS);
  ck_assert_int_eq (push_key_with (5 * FRAME, NOON), NOON);
  ck_assert_int_eq (push_audio (5 * FRAME), NOON + 2 * FRAME);
}
END_TEST

/* The leading pad knows nothing of a camera's time: nor do the others. */
START_TEST (test_reference_of_another_pad)
{
  push_key (0);
  ck_assert_int_eq (push_audio_with (FRAME, CAMERA), NOON + FRAME);
  push_key (2 * FRAME);
  ck_assert_int_eq (push_audio_with (2 * FRAME, CAMERA), NOON + 2 * FRAME);
}
END_TEST

/* The leading pad changes over in the middle of a fragment, because it does not show there; that
 * gives the other no leave to show it. */
START_TEST (test_other_pad_waits_for_a_fragment)
{
  push_key (0);
  push_audio_with (0, NOON + 400 * MS);
  push_key (FRAME);
  push_audio_with (FRAME, NOON + FRAME + 400 * MS);
  push_with (2 * FRAME, NOON + 2 * FRAME + 10 * MS);
  ck_assert_int_eq (push_audio (2 * FRAME), NOON + 2 * FRAME + 10 * MS);
  push_key (3 * FRAME);
  ck_assert_int_eq (push_audio (3 * FRAME), NOON + 3 * FRAME + 400 * MS);
}
END_TEST

/* What another pad heard before the wall clock was set is not where the stream is now. */
START_TEST (test_other_pad_heard_long_ago)
{
  push_key (0);
  push_audio_with (0, NOON + 10 * MS);
  rig.clock.wall_skew_ns += 1 * S;
  push_key (FRAME);
  push_audio (FRAME);
  push_with (2 * FRAME, NOON + 1 * S + 2 * FRAME + 10 * MS);
  ck_assert_int_eq (push_audio (2 * FRAME), NOON + 1 * S + 2 * FRAME + 10 * MS);
}
END_TEST

START_TEST (test_camera_clock_is_set)
{
  push_key_with (0, CAMERA);
  ck_assert_int_eq (push_with (FRAME, NOON + FRAME), CAMERA + FRAME);
  ck_assert_int_eq (push_audio (FRAME), CAMERA + FRAME);
  ck_assert_int_eq (push_key_with (2 * FRAME, NOON + 2 * FRAME), NOON + 2 * FRAME);
  ck_assert_int_eq (push_audio (2 * FRAME), NOON + 2 * FRAME);
}
END_TEST

START_TEST (test_reference_and_wrap)
{
  push_key_with (0, CAMERA);
  push_audio (0);
  for (guint i = 1; i < 10; i++) {
    pass (FRAME);
    push (i * FRAME);
    push_audio (i * FRAME);
  }
  pass (FRAME);
  ck_assert_int_eq (push (10 * FRAME - WRAP), CAMERA + 10 * FRAME);
  ck_assert_int_eq (push_audio (10 * FRAME - WRAP), CAMERA + 10 * FRAME);
  ck_assert_int_eq (push_with (11 * FRAME - WRAP, CAMERA + 11 * FRAME),
                    CAMERA + 11 * FRAME);
}
END_TEST

START_TEST (test_reference_and_reset)
{
  push_key_with (0, CAMERA);
  push_audio_with (0, CAMERA);
  gst_kvs_timeline_reset (rig.timeline);
  ck_assert_int_eq (push_audio (0), NOON);
  ck_assert_int_eq (push_key (0), NOON);
  ck_assert_int_eq (push_audio (FRAME), NOON + FRAME);
}
END_TEST

START_TEST (test_reference_and_pause)
{
  push_key_with (0, CAMERA);
  push_audio_with (0, CAMERA);
  fake_clock_pause (&rig.clock, HOUR);
  ck_assert_int_eq (push (FRAME), CAMERA + FRAME);
  ck_assert_int_eq (push_key (2 * FRAME), NOON + HOUR + 2 * FRAME);
  ck_assert_int_eq (push_audio (2 * FRAME), NOON + HOUR + 2 * FRAME);
  push_key_with (3 * FRAME, CAMERA + HOUR + 3 * FRAME);
  ck_assert_int_eq (push_audio (3 * FRAME), CAMERA + HOUR + 3 * FRAME);
}
END_TEST

/* ---- reference times of buffers ---- */

#define NTP(seconds) ((G_GUINT64_CONSTANT (2208988800) + (seconds)) * GST_SECOND)
#define UNIX(seconds) (G_GUINT64_CONSTANT (seconds) * GST_SECOND)

static const struct {
  const gchar *caps;
  guint64 timestamp;
  gint64 epoch_s; /* -1: none */
} metas[] = {
  { "timestamp/x-ntp", NTP (1700000000), 1700000000 },
  { "timestamp/x-unix", UNIX (1700000000), 1700000000 },
  { "timestamp/x-ntp, origin=camera", NTP (1700000000), 1700000000 },
  { "timestamp/x-unix", UNIX (946684800), 946684800 },
  { "timestamp/x-unix", UNIX (946684799), -1 },
  { "timestamp/x-ntp", NTP (946684799), -1 },
  { "timestamp/x-unix", UNIX (7258118399), 7258118399 },
  { "timestamp/x-unix", UNIX (7258118400), -1 },
  { "timestamp/x-ntp", NTP (7258118400), -1 },
  { "timestamp/x-ntp", 0, -1 },
  { "timestamp/x-ntp", 17 * GST_SECOND, -1 },
  { "timestamp/x-unix", GST_CLOCK_TIME_NONE - 1, -1 },
  { "timestamp/x-ntp", GST_CLOCK_TIME_NONE - 1, -1 },
  { "timestamp/x-drone", UNIX (1700000000), -1 },
  { "ANY", UNIX (1700000000), -1 },
  { "EMPTY", UNIX (1700000000), -1 },
};

static void
add_meta (GstBuffer *buffer, const gchar *name, guint64 timestamp)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (name);

  gst_buffer_add_reference_timestamp_meta (buffer, caps, timestamp, GST_CLOCK_TIME_NONE);
}

START_TEST (test_meta)
{
  g_autoptr (GstBuffer) buffer = gst_buffer_new ();
  gint64 epoch_ns;

  ck_assert (!gst_kvs_timeline_read_reference (buffer, &epoch_ns));
  add_meta (buffer, metas[_i].caps, metas[_i].timestamp);
  if (metas[_i].epoch_s < 0) {
    ck_assert (!gst_kvs_timeline_read_reference (buffer, &epoch_ns));
    add_meta (buffer, "timestamp/x-unix", UNIX (1600000000));
  }
  ck_assert (gst_kvs_timeline_read_reference (buffer, &epoch_ns));
  ck_assert_int_eq (epoch_ns, (metas[_i].epoch_s < 0 ? 1600000000 : metas[_i].epoch_s) * S);
}
END_TEST

static Suite *
timeline_reference_suite (void)
{
  Suite *s = suite_create ("timeline-reference");
  TCase *tc = tcase_create ("reference");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_reference);
  tcase_add_test (tc, test_reference_waits_for_a_fragment);
  tcase_add_test (tc, test_near_reference_is_taken_at_once);
  tcase_add_test (tc, test_pad_without_references_goes_along);
  tcase_add_test (tc, test_pad_with_references_of_its_own);
  tcase_add_test (tc, test_reference_of_another_pad);
  tcase_add_test (tc, test_other_pad_waits_for_a_fragment);
  tcase_add_test (tc, test_other_pad_heard_long_ago);
  tcase_add_test (tc, test_camera_clock_is_set);
  tcase_add_test (tc, test_reference_and_wrap);
  tcase_add_test (tc, test_reference_and_reset);
  tcase_add_test (tc, test_reference_and_pause);
  tcase_add_loop_test (tc, test_meta, 0, G_N_ELEMENTS (metas));
  suite_add_tcase (s, tc);
  return s;
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  return run_suite (timeline_reference_suite ());
}
