/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jumps of a pad's running time: 1 in timeline.h. */
#include "timeline-private.h"

#define MAX_STEP_BACK_NS (1 * GST_KVS_S)
#define MAX_STEP_FORWARD_NS (10 * GST_KVS_S)
/* A hole in a file is shorter. */
#define MAX_HOLE_NS (24 * 3600 * GST_KVS_S)
/* Two pads that jump by distances as close as this, in this time, do so for one reason. */
#define SAME_JUMP_DISTANCE_NS (2 * GST_KVS_S)
#define SAME_JUMP_TIME_NS (60 * GST_KVS_S)
#define MAX_INTERVAL_NS (1 * GST_KVS_S)
/* A buffer that came later than the one before it by more than its interval and this was held up at
 * its source. */
#define MAX_ARRIVAL_JITTER_NS (500 * GST_KVS_MS)

/* The ironed running time of this moment by the wall clock. A step of that clock which the offset
 * does not know yet is still to come, for all pads at once. */
static gint64
running_time_by_wall (const GstKvsTimeline *timeline, const GstKvsReading *now)
{
  gint64 steady_ns = add (now->monotonic_ns, timeline->wall_skew_ns);

  if (is_within (now->wall_ns, steady_ns, GST_KVS_MIN_WALL_STEP_NS))
    steady_ns = now->wall_ns;
  return subtract (steady_ns, timeline->offset_ns);
}

static gboolean
is_jump (const GstKvsTimelineTrack *track, gint64 dts_ns)
{
  return dts_ns < track->last_dts_ns
             ? !is_within (dts_ns, track->last_dts_ns, MAX_STEP_BACK_NS)
             : !is_within (dts_ns, track->last_dts_ns, MAX_STEP_FORWARD_NS);
}

/* While the pipeline is paused no running time goes by. */
static gint64
elapsed_time (const GstKvsTimelineTrack *track, const GstKvsReading *now)
{
  gint64 elapsed_ns = now->running_ns >= 0 && track->last_running_ns >= 0
                          ? subtract (now->running_ns, track->last_running_ns)
                          : subtract (now->monotonic_ns, track->last_arrival_ns);

  return MAX (elapsed_ns, 0);
}

/* The frame's own interval is exact, where the frame came in time. */
static gint64
expected_step (const GstKvsTimelineTrack *track, const GstKvsReading *now)
{
  gint64 elapsed_ns = elapsed_time (track, now);

  if (track->interval_ns > 0
      && is_within (elapsed_ns, track->interval_ns, MAX_ARRIVAL_JITTER_NS))
    return track->interval_ns;
  return elapsed_ns;
}

static gint64
shift_by_clock (const GstKvsTimelineTrack *track, const GstKvsReading *now, gint64 dts_ns)
{
  const gint64 known[] = { track->shift_ns, track->previous_shift_ns, 0 };
  gint64 last_ns = add (track->last_dts_ns, track->shift_ns);
  gint64 expected_ns = add (last_ns, expected_step (track, now));

  if (dts_ns > track->last_dts_ns && add (dts_ns, track->shift_ns) <= now->running_ns)
    return track->shift_ns;
  for (guint i = 0; i < G_N_ELEMENTS (known); i++) {
    if (is_near (add (dts_ns, known[i]), now->running_ns))
      return known[i];
  }
  if (!is_near (expected_ns, now->running_ns))
    expected_ns = now->running_ns;
  return subtract (expected_ns, dts_ns);
}

static gint64
shift_by_wall (const GstKvsTimeline *timeline, const GstKvsTimelineTrack *track,
               const GstKvsReading *now, gint64 dts_ns)
{
  gint64 end_ns = add (timeline->position_ns, track->interval_ns);

  if (dts_ns > track->last_dts_ns && is_within (dts_ns, track->last_dts_ns, MAX_HOLE_NS))
    return track->shift_ns;
  return subtract (MAX (end_ns, running_time_by_wall (timeline, now)), dts_ns);
}

static gboolean
is_jump_of_another (const GstKvsTimeline *timeline, const GstKvsTimelineTrack *track,
                    const GstKvsReading *now, gint64 jump_ns)
{
  return track->n_jumps != timeline->n_jumps
         && is_within (now->monotonic_ns, timeline->jump_time_ns, SAME_JUMP_TIME_NS)
         && is_within (jump_ns, timeline->jump_ns, SAME_JUMP_DISTANCE_NS);
}

static void
iron_jump (GstKvsTimeline *timeline, GstKvsTimelineTrack *track, const GstKvsReading *now,
           gint64 dts_ns)
{
  gint64 jump_ns = subtract (dts_ns, add (track->last_dts_ns, expected_step (track, now)));
  gint64 shift_ns;

  if (is_jump_of_another (timeline, track, now, jump_ns)) {
    shift_ns = add (track->shift_ns, timeline->jump_shift_ns);
  } else {
    shift_ns = follows_clock (timeline, now)
                   ? shift_by_clock (track, now, dts_ns)
                   : shift_by_wall (timeline, track, now, dts_ns);
    timeline->jump_ns = jump_ns;
    timeline->jump_shift_ns = subtract (shift_ns, track->shift_ns);
    timeline->jump_time_ns = now->monotonic_ns;
    timeline->n_jumps++;
  }
  track->n_jumps = timeline->n_jumps;
  if (shift_ns == track->shift_ns)
    return;
  track->previous_shift_ns = track->shift_ns;
  track->shift_ns = timeline->last_shift_ns = shift_ns;
}

/* A pad that comes late is on the others' time line, unless its time says that it cannot be. */
static gint64
first_shift (const GstKvsTimeline *timeline, const GstKvsReading *now, gint64 dts_ns)
{
  gboolean matches = is_near (dts_ns, now->running_ns);

  if (is_near (dts_ns, timeline->position_ns))
    return 0;
  if (follows_clock (timeline, now)) {
    gint64 shifted_ns = add (dts_ns, timeline->last_shift_ns);

    if (matches)
      return 0;
    if (is_near (shifted_ns, now->running_ns))
      return timeline->last_shift_ns;
    return subtract (now->running_ns, dts_ns);
  }
  if (now->running_ns >= 0 && matches
      && (dts_ns > timeline->position_ns
          || subtract (timeline->start_ns, dts_ns) > GST_KVS_MAX_CLOCK_DISTANCE_NS))
    return subtract (running_time_by_wall (timeline, now), dts_ns);
  return 0;
}

/**
 * gst_kvs_timeline_iron:
 * @timeline: a timeline with an anchor
 * @track: of the pad
 * @now: the clocks
 * @times: (inout): running time in, ironed running time out
 *
 * Under the timeline's lock.
 */
void
gst_kvs_timeline_iron (GstKvsTimeline *timeline, GstKvsTimelineTrack *track,
                       const GstKvsReading *now, GstKvsTimes *times)
{
  gint64 dts_ns = times->dts_ns;

  if (!track->has_last)
    track->shift_ns = track->previous_shift_ns = first_shift (timeline, now, dts_ns);
  else if (is_jump (track, dts_ns))
    iron_jump (timeline, track, now, dts_ns);
  else if (follows_clock (timeline, now)
           && subtract (add (dts_ns, track->shift_ns), now->running_ns)
                  > GST_KVS_MAX_CLOCK_DISTANCE_NS)
    timeline->follows_clock = FALSE;

  if (track->has_last && dts_ns > track->last_dts_ns
      && is_within (dts_ns, track->last_dts_ns, MAX_INTERVAL_NS))
    track->interval_ns = subtract (dts_ns, track->last_dts_ns);
  track->has_last = TRUE;
  track->last_dts_ns = dts_ns;
  track->last_arrival_ns = now->monotonic_ns;
  track->last_running_ns = now->running_ns;
  times->pts_ns = add (times->pts_ns, track->shift_ns);
  times->dts_ns = add (times->dts_ns, track->shift_ns);
  timeline->position_ns = MAX (timeline->position_ns, MAX (times->pts_ns, times->dts_ns));
}
