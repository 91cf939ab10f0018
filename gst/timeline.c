/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "timeline-private.h"

#define MAX_DRIFT_MOVE_NS (5 * GST_KVS_MS)
/* Clocks that were not read at the same moment tell nothing about each other. */
#define MAX_READING_NS (2 * GST_KVS_MS)
#define N_READINGS 3
#define MAX_ARRIVAL_STEP_BACK_NS (1 * GST_KVS_S)
/* 73 years: no running time is longer, and sums of a few of them fit 64 bits. */
#define MAX_RUNNING_TIME_NS (G_GINT64_CONSTANT (1) << 61)
#define MAX_REORDER_NS (10 * GST_KVS_S)

/* ---- life ---- */

/**
 * gst_kvs_timeline_new:
 * @mode: see #GstKvsTimelineMode
 * @file_start_ns: epoch time of running time 0 for %GST_KVS_TIMELINE_FILE
 * @clock: where time comes from; has to stay until the timeline is freed
 * @user_data: for @clock
 *
 * Returns: (transfer full): a timeline without an anchor
 */
GstKvsTimeline *
gst_kvs_timeline_new (GstKvsTimelineMode mode, gint64 file_start_ns,
                      const GstKvsTimelineClock *clock, gpointer user_data)
{
  GstKvsTimeline *timeline = g_new0 (GstKvsTimeline, 1);

  timeline->mode = mode;
  timeline->file_start_ns = file_start_ns;
  timeline->clock = clock;
  timeline->user_data = user_data;
  timeline->generation = 1;
  g_mutex_init (&timeline->mutex);
  return timeline;
}

/**
 * gst_kvs_timeline_free:
 * @timeline: (transfer full): a timeline that no pad uses any more
 */
void
gst_kvs_timeline_free (GstKvsTimeline *timeline)
{
  g_mutex_clear (&timeline->mutex);
  g_free (timeline);
}

/**
 * gst_kvs_timeline_reset:
 * @timeline: a timeline
 *
 * After a flush: the next buffer of any pad is the first one. Tracks notice by themselves. Any
 * thread.
 */
void
gst_kvs_timeline_reset (GstKvsTimeline *timeline)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&timeline->mutex);

  timeline->generation++;
  timeline->has_anchor = FALSE;
  timeline->leader = NULL;
  timeline->has_reference = FALSE;
  timeline->last_shift_ns = 0;
}

/**
 * gst_kvs_timeline_track_init:
 * @track: (out): a pad's part, which knows nothing yet
 */
void
gst_kvs_timeline_track_init (GstKvsTimelineTrack *track)
{
  *track = (GstKvsTimelineTrack){ .last_epoch_ns = G_MININT64 };
}

static void
enter_track (const GstKvsTimeline *timeline, GstKvsTimelineTrack *track)
{
  if (track->generation != timeline->generation) {
    gst_kvs_timeline_track_init (track);
    track->generation = timeline->generation;
    track->n_jumps = timeline->n_jumps;
    track->n_borders = timeline->n_borders;
    track->n_pauses = timeline->n_pauses;
  }
}

/* ---- clocks ---- */

static GstKvsReading
read_clocks (const GstKvsTimeline *timeline)
{
  const GstKvsTimelineClock *clock = timeline->clock;
  GstKvsReading now = { .is_precise = FALSE };
  gint64 end_ns;

  for (guint i = 0; i < N_READINGS && !now.is_precise; i++) {
    now.monotonic_ns = clock->monotonic_ns (timeline->user_data);
    now.wall_ns = clock->wall_ns (timeline->user_data);
    now.running_ns = clock->running_ns (timeline->user_data);
    end_ns = clock->monotonic_ns (timeline->user_data);
    now.is_precise = is_within (end_ns, now.monotonic_ns, MAX_READING_NS);
  }
  now.base_time_ns = clock->base_time_ns (timeline->user_data);
  return now;
}

/* ---- the anchor ---- */

/* The clock tells when running time 0 was, free of what encoders and queues take; a source that
 * does not follow the clock is anchored at its first buffer. */
static void
take_anchor (GstKvsTimeline *timeline, const GstKvsReading *now, gint64 pts_ns)
{
  timeline->follows_clock = now->running_ns >= 0
                            && is_near (now->running_ns, pts_ns);
  timeline->offset_ns = subtract (now->wall_ns,
                                  timeline->follows_clock ? now->running_ns : pts_ns);
  timeline->wall_skew_ns = subtract (now->wall_ns, now->monotonic_ns);
  timeline->base_time_ns = now->base_time_ns;
  timeline->start_ns = timeline->position_ns = pts_ns;
  timeline->has_anchor = TRUE;
}

/* After a pause the same running time is another time of the day. Before PLAYING there is no base
 * time, and no pause ends when one comes. */
static gboolean
note_pause (GstKvsTimeline *timeline, const GstKvsReading *now)
{
  gboolean paused;

  if (now->base_time_ns <= 0 || now->base_time_ns == timeline->base_time_ns)
    return FALSE;
  paused = timeline->base_time_ns > 0;
  timeline->base_time_ns = now->base_time_ns;
  if (paused)
    timeline->n_pauses++;
  return paused;
}

static void
move_with_clock (GstKvsTimeline *timeline, const GstKvsReading *now, gboolean at_once)
{
  gint64 target_ns = subtract (now->wall_ns, now->running_ns);
  gint64 distance_ns = subtract (target_ns, timeline->offset_ns);

  if (!at_once && is_within (distance_ns, 0, GST_KVS_MIN_WALL_STEP_NS))
    distance_ns = CLAMP (distance_ns, -MAX_DRIFT_MOVE_NS, MAX_DRIFT_MOVE_NS);
  timeline->offset_ns = add (timeline->offset_ns, distance_ns);
}

static void
move_anchor (GstKvsTimeline *timeline, const GstKvsReading *now, gint64 pts_ns)
{
  gint64 wall_skew_ns = subtract (now->wall_ns, now->monotonic_ns);
  gint64 step_ns = subtract (wall_skew_ns, timeline->wall_skew_ns);
  gboolean paused = note_pause (timeline, now);

  if (!now->is_precise && !paused)
    return;
  if (is_within (step_ns, 0, GST_KVS_MIN_WALL_STEP_NS))
    step_ns = 0;
  else
    timeline->wall_skew_ns = wall_skew_ns;
  if (paused && now->running_ns >= 0
      && is_near (now->running_ns, pts_ns))
    timeline->follows_clock = TRUE;
  if (follows_clock (timeline, now)) {
    move_with_clock (timeline, now, paused);
    return;
  }
  timeline->offset_ns = add (timeline->offset_ns, step_ns);
  if (paused)
    timeline->offset_ns = MAX (timeline->offset_ns, subtract (now->wall_ns, pts_ns));
}

/* ---- from running time to epoch time ---- */

static void
live_to_epoch (GstKvsTimeline *timeline, GstKvsTimelineTrack *track, gboolean may_move,
               const GstKvsReferenceTime *reference, GstKvsTimes *times)
{
  GstKvsReading now = read_clocks (timeline);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&timeline->mutex);
  gint64 offset_ns;

  times->pts_ns = CLAMP (times->pts_ns, -MAX_RUNNING_TIME_NS, MAX_RUNNING_TIME_NS);
  if (!is_within (times->dts_ns, times->pts_ns, MAX_REORDER_NS))
    times->dts_ns = times->pts_ns;
  enter_track (timeline, track);
  if (!timeline->has_anchor)
    take_anchor (timeline, &now, times->pts_ns);
  gst_kvs_timeline_iron (timeline, track, &now, times);
  if (may_move)
    move_anchor (timeline, &now, times->pts_ns);
  offset_ns = gst_kvs_timeline_find_offset (timeline, track, may_move, reference, times->pts_ns);
  times->pts_ns = add (times->pts_ns, offset_ns);
  times->dts_ns = add (times->dts_ns, offset_ns);
}

static void
stamp_arrival (const GstKvsTimeline *timeline, GstKvsTimelineTrack *track, GstKvsTimes *times)
{
  gint64 now_ns = timeline->clock->wall_ns (timeline->user_data);

  if (now_ns < track->last_epoch_ns
      && is_within (now_ns, track->last_epoch_ns, MAX_ARRIVAL_STEP_BACK_NS - 1))
    now_ns = track->last_epoch_ns;
  times->pts_ns = times->dts_ns = track->last_epoch_ns = now_ns;
}

/**
 * gst_kvs_timeline_to_epoch:
 * @timeline: a timeline
 * @track: the pad's part of it
 * @may_move: whether a fragment starts here: a key frame of the leading track, or where there is no
 *   video, a frame that starts a fragment; never a frame inside one
 * @reference: (nullable): reference time of the buffer's pts
 * @times: (inout): running time in, epoch time out
 *
 * Buffers of a pad in the order in which they come, each once. In LIVE mode a dts that lies more
 * than 10 s from its pts is taken for a broken one, and the pts takes its place.
 *
 * The pad's streaming thread.
 */
void
gst_kvs_timeline_to_epoch (GstKvsTimeline *timeline, GstKvsTimelineTrack *track,
                           gboolean may_move, const GstKvsReferenceTime *reference,
                           GstKvsTimes *times)
{
  switch (timeline->mode) {
    case GST_KVS_TIMELINE_ARRIVAL:
      stamp_arrival (timeline, track, times);
      break;
    case GST_KVS_TIMELINE_ORIGINAL:
      break;
    case GST_KVS_TIMELINE_FILE:
      times->pts_ns = add (times->pts_ns, timeline->file_start_ns);
      times->dts_ns = add (times->dts_ns, timeline->file_start_ns);
      break;
    case GST_KVS_TIMELINE_LIVE:
    default:
      live_to_epoch (timeline, track, may_move, reference, times);
      break;
  }
}
