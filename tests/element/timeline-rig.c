/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "timeline-rig.h"

#include <check.h>

/* ---- clocks ---- */

gint64
fake_clock_wall (const FakeClock *clock)
{
  return clock->monotonic_ns + clock->wall_skew_ns;
}

gint64
fake_clock_running (const FakeClock *clock)
{
  return clock->monotonic_ns + clock->drift_ns - clock->base_time_ns;
}

static gint64
read_wall (gpointer user_data)
{
  FakeClock *clock = user_data;

  clock->monotonic_ns += clock->reading_ns;
  return fake_clock_wall (clock);
}

static gint64
read_monotonic (gpointer user_data)
{
  return ((FakeClock *) user_data)->monotonic_ns;
}

static gint64
read_running (gpointer user_data)
{
  const FakeClock *clock = user_data;

  return clock->has_clock ? fake_clock_running (clock) : -1;
}

static gint64
read_base_time (gpointer user_data)
{
  const FakeClock *clock = user_data;

  return clock->has_clock ? clock->base_time_ns : 0;
}

void
fake_clock_pass (FakeClock *clock, gint64 time_ns)
{
  clock->monotonic_ns += time_ns;
}

void
fake_clock_pause (FakeClock *clock, gint64 time_ns)
{
  clock->monotonic_ns += time_ns;
  clock->base_time_ns += time_ns;
}

/* ---- the timeline ---- */

/* A pipeline that has just begun to play; a file began at 1000 s. */
void
timeline_rig_start (TimelineRig *rig, GstKvsTimelineMode mode)
{
  static const GstKvsTimelineClock functions = {
    .wall_ns = read_wall,
    .monotonic_ns = read_monotonic,
    .running_ns = read_running,
    .base_time_ns = read_base_time,
  };

  timeline_rig_clear (rig);
  rig->clock = (FakeClock){
    .has_clock = TRUE,
    .monotonic_ns = RIG_UPTIME,
    .wall_skew_ns = RIG_NOON - RIG_UPTIME,
    .base_time_ns = RIG_UPTIME,
  };
  rig->timeline = gst_kvs_timeline_new (mode, 1000 * RIG_S, &functions, &rig->clock);
  gst_kvs_timeline_track_init (&rig->video);
  gst_kvs_timeline_track_init (&rig->audio);
}

void
timeline_rig_clear (TimelineRig *rig)
{
  g_clear_pointer (&rig->timeline, gst_kvs_timeline_free);
}

static gint64
push (TimelineRig *rig, GstKvsTimelineTrack *track, gboolean may_move,
      const GstKvsReferenceTime *reference, gint64 pts_ns)
{
  GstKvsTimes times = { pts_ns, pts_ns };

  gst_kvs_timeline_to_epoch (rig->timeline, track, may_move, reference, &times);
  if (times.pts_ns != times.dts_ns)
    ck_abort_msg ("pts and dts came apart");
  return times.pts_ns;
}

gint64
timeline_rig_push (TimelineRig *rig, GstKvsTimelineTrack *track, gboolean may_move,
                   gint64 pts_ns)
{
  return push (rig, track, may_move, NULL, pts_ns);
}

gint64
timeline_rig_push_reference (TimelineRig *rig, GstKvsTimelineTrack *track, gboolean may_move,
                             gint64 pts_ns, gint64 epoch_ns)
{
  GstKvsReferenceTime reference = { epoch_ns };

  return push (rig, track, may_move, &reference, pts_ns);
}
