/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of GstKvsTimeline share: timeline.c (the modes, the anchor), timelinejumps.c (1 in
 * timeline.h) and timelinereference.c (3). */
#pragma once

#include "timeline.h"

G_BEGIN_DECLS

#define GST_KVS_MS G_GINT64_CONSTANT (1000000)
#define GST_KVS_S (1000 * GST_KVS_MS)

/* A wall clock that moves by less than this is not set but slewed. */
#define GST_KVS_MIN_WALL_STEP_NS (500 * GST_KVS_MS)
/* How far a buffer may lie from the pipeline's clock and still be believed to follow it. */
#define GST_KVS_MAX_CLOCK_DISTANCE_NS (10 * GST_KVS_S)

/* The clocks at one moment. */
typedef struct {
  gint64 wall_ns;
  gint64 monotonic_ns;
  gint64 running_ns; /* -1 while there is no clock */
  gint64 base_time_ns;
  gboolean is_precise;
} GstKvsReading;

struct _GstKvsTimeline {
  /* set once */
  GstKvsTimelineMode mode;
  gint64 file_start_ns;
  const GstKvsTimelineClock *clock;
  gpointer user_data;

  GMutex mutex; /* for all below; leaf */
  guint generation;

  /* the anchor */
  gboolean has_anchor;
  gboolean follows_clock;
  gint64 offset_ns;
  gint64 base_time_ns;
  gint64 wall_skew_ns; /* wall clock less monotonic clock, as far as the offset knows */
  guint n_pauses;
  guint n_borders;

  /* ironed running time, over all pads */
  gint64 start_ns;
  gint64 position_ns;

  /* the last jump of any pad */
  guint n_jumps;
  gint64 jump_ns;       /* how far the running time went off */
  gint64 jump_shift_ns; /* what was done about it */
  gint64 jump_time_ns;  /* monotonic */
  gint64 last_shift_ns;

  /* of the leading pad: that which moved last */
  const GstKvsTimelineTrack *leader; /* tells one from another, is not looked into */
  gboolean has_reference;
  gint64 reference_ns;
};

/* ---- arithmetic that cannot overflow ---- */

static inline gint64
add (gint64 a, gint64 b)
{
  if (b > 0 && a > G_MAXINT64 - b)
    return G_MAXINT64;
  if (b < 0 && a < G_MININT64 - b)
    return G_MININT64;
  return a + b;
}

static inline gint64
subtract (gint64 a, gint64 b)
{
  if (b < 0 && a > G_MAXINT64 + b)
    return G_MAXINT64;
  if (b > 0 && a < G_MININT64 + b)
    return G_MININT64;
  return a - b;
}

static inline gboolean
is_within (gint64 a, gint64 b, gint64 distance_ns)
{
  guint64 distance = a > b ? (guint64) a - (guint64) b : (guint64) b - (guint64) a;

  return distance <= (guint64) distance_ns;
}

static inline gboolean
is_near (gint64 a, gint64 b)
{
  return is_within (a, b, GST_KVS_MAX_CLOCK_DISTANCE_NS);
}

static inline gboolean
follows_clock (const GstKvsTimeline *timeline, const GstKvsReading *now)
{
  return timeline->follows_clock && now->running_ns >= 0;
}

void gst_kvs_timeline_iron (GstKvsTimeline *timeline, GstKvsTimelineTrack *track,
                            const GstKvsReading *now, GstKvsTimes *times);
gint64 gst_kvs_timeline_find_offset (GstKvsTimeline *timeline, GstKvsTimelineTrack *track,
                                     gboolean may_move, const GstKvsReferenceTime *reference,
                                     gint64 pts_ns);

G_END_DECLS
