/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A timeline with two pads, and the clocks of a pipeline, moved by the test. */
#pragma once

#include "timeline.h"

G_BEGIN_DECLS

#define RIG_MS G_GINT64_CONSTANT (1000000)
#define RIG_S (1000 * RIG_MS)
/* In 2023 */
#define RIG_NOON (G_GINT64_CONSTANT (1700000000) * RIG_S)
#define RIG_UPTIME (5000 * RIG_S)

/**
 * FakeClock:
 *
 * The pipeline's clock is the monotonic one plus @drift_ns.
 */
typedef struct {
  gboolean has_clock;
  gint64 monotonic_ns;
  gint64 wall_skew_ns; /* wall clock less monotonic clock */
  gint64 drift_ns;
  gint64 base_time_ns;
  gint64 reading_ns; /* that pass while a clock is read */
} FakeClock;

gint64 fake_clock_wall (const FakeClock *clock);
gint64 fake_clock_running (const FakeClock *clock);
void fake_clock_pass (FakeClock *clock, gint64 time_ns);
void fake_clock_pause (FakeClock *clock, gint64 time_ns);

/**
 * TimelineRig:
 *
 * The video is the leading pad.
 */
typedef struct {
  FakeClock clock;
  GstKvsTimeline *timeline;
  GstKvsTimelineTrack video;
  GstKvsTimelineTrack audio;
} TimelineRig;

void timeline_rig_start (TimelineRig *rig, GstKvsTimelineMode mode);
void timeline_rig_clear (TimelineRig *rig);
gint64 timeline_rig_push (TimelineRig *rig, GstKvsTimelineTrack *track, gboolean may_move,
                          gint64 pts_ns);
gint64 timeline_rig_push_reference (TimelineRig *rig, GstKvsTimelineTrack *track,
                                    gboolean may_move, gint64 pts_ns, gint64 epoch_ns);

G_END_DECLS
