/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GstKvsTimeline: from running time to epoch time. */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstKvsTimelineMode:
 * @GST_KVS_TIMELINE_LIVE: running time plus an anchor in wall-clock time
 * @GST_KVS_TIMELINE_FILE: running time plus the file's start time
 * @GST_KVS_TIMELINE_ORIGINAL: the buffers' timestamps are epoch times
 * @GST_KVS_TIMELINE_ARRIVAL: frames are stamped with the wall clock when they arrive
 */
typedef enum {
  GST_KVS_TIMELINE_LIVE,
  GST_KVS_TIMELINE_FILE,
  GST_KVS_TIMELINE_ORIGINAL,
  GST_KVS_TIMELINE_ARRIVAL,
} GstKvsTimelineMode;

/**
 * GstKvsTimeline:
 * @mode: see #GstKvsTimelineMode
 * @file_start_ns: for %GST_KVS_TIMELINE_FILE
 * @has_anchor: whether @anchor_ns is set
 * @anchor_ns: epoch time of running time 0
 * @anchor_base_time: the element's base time when the anchor was taken
 */
typedef struct {
  GstKvsTimelineMode mode;
  gint64 file_start_ns;
  gboolean has_anchor;
  gint64 anchor_ns;
  GstClockTime anchor_base_time;
} GstKvsTimeline;

/**
 * GstKvsTimes: of one buffer, in nanoseconds of running time, then of epoch time.
 */
typedef struct {
  gint64 pts_ns;
  gint64 dts_ns;
} GstKvsTimes;

void gst_kvs_timeline_init (GstKvsTimeline *timeline, GstKvsTimelineMode mode,
                            gint64 file_start_ns);
gint64 gst_kvs_timeline_running_time (GstElement *element);
void gst_kvs_timeline_to_epoch (GstKvsTimeline *timeline, GstElement *element, gboolean may_move,
                                GstKvsTimes *times);

G_END_DECLS
