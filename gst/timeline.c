/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "timeline.h"

/* How far a buffer of a live source may lie from the clock and still be believed: beyond, its
 * timestamps have nothing to do with the pipeline's clock. */
#define MAX_CLOCK_DISTANCE_NS (10 * (gint64) GST_SECOND)

/**
 * gst_kvs_timeline_init:
 * @timeline: (out): a timeline without an anchor
 * @mode: see #GstKvsTimelineMode
 * @file_start_ns: epoch time of running time 0 for %GST_KVS_TIMELINE_FILE
 */
void
gst_kvs_timeline_init (GstKvsTimeline *timeline, GstKvsTimelineMode mode, gint64 file_start_ns)
{
  timeline->mode = mode;
  timeline->file_start_ns = file_start_ns;
  timeline->has_anchor = FALSE;
  timeline->anchor_ns = 0;
  timeline->anchor_base_time = GST_CLOCK_TIME_NONE;
}

static gint64
wall_clock_ns (void)
{
  return g_get_real_time () * 1000;
}

/**
 * gst_kvs_timeline_running_time:
 * @element: an element
 *
 * Returns: the running time of this moment; -1 while the pipeline has no clock yet
 */
gint64
gst_kvs_timeline_running_time (GstElement *element)
{
  g_autoptr (GstClock) clock = gst_element_get_clock (element);
  GstClockTime base_time = gst_element_get_base_time (element);

  if (clock == NULL || !GST_CLOCK_TIME_IS_VALID (base_time))
    return -1;
  return (gint64) (gst_clock_get_time (clock) - base_time);
}

/* The clock tells when running time 0 was, free of what encoders and queues take; a source that does
 * not follow the clock is anchored at its first buffer. */
static void
take_anchor (GstKvsTimeline *timeline, GstElement *element, gint64 pts_ns)
{
  gint64 now_ns = gst_kvs_timeline_running_time (element);

  if (now_ns < 0 || ABS (now_ns - pts_ns) > MAX_CLOCK_DISTANCE_NS)
    now_ns = pts_ns;
  timeline->anchor_ns = wall_clock_ns () - now_ns;
  timeline->anchor_base_time = gst_element_get_base_time (element);
  timeline->has_anchor = TRUE;
}

/* After a pause the same running time is another time of the day. */
static gboolean
was_paused (const GstKvsTimeline *timeline, GstElement *element)
{
  GstClockTime base_time = gst_element_get_base_time (element);

  return GST_CLOCK_TIME_IS_VALID (timeline->anchor_base_time)
         && timeline->anchor_base_time != 0 && base_time != timeline->anchor_base_time;
}

/**
 * gst_kvs_timeline_to_epoch:
 * @timeline: a timeline
 * @element: whose clock and base time count
 * @may_move: whether the anchor may be taken anew: at a key frame, never inside a fragment
 * @times: (inout): running time in, epoch time out
 *
 * Streaming thread only.
 */
void
gst_kvs_timeline_to_epoch (GstKvsTimeline *timeline, GstElement *element, gboolean may_move,
                           GstKvsTimes *times)
{
  gint64 offset_ns = 0;

  switch (timeline->mode) {
    case GST_KVS_TIMELINE_ARRIVAL:
      times->pts_ns = times->dts_ns = wall_clock_ns ();
      return;
    case GST_KVS_TIMELINE_ORIGINAL:
      return;
    case GST_KVS_TIMELINE_FILE:
      offset_ns = timeline->file_start_ns;
      break;
    case GST_KVS_TIMELINE_LIVE:
    default:
      if (!timeline->has_anchor || (may_move && was_paused (timeline, element)))
        take_anchor (timeline, element, times->pts_ns);
      offset_ns = timeline->anchor_ns;
      break;
  }
  times->pts_ns += offset_ns;
  times->dts_ns += offset_ns;
}
