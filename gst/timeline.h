/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GstKvsTimeline: from running time to epoch time, for all pads of an element.
 *
 * In LIVE mode a buffer's epoch time is its running time, ironed (1), plus an offset (2).
 *
 * 1. A pad's running time is ironed by a shift of its own, which is 0 until the time jumps: more
 *    than 1 s backwards or 10 s forwards against the pad's previous buffer, by decoding time.
 *    - Where another pad has just jumped by the same distance (within 2 s), what was done there
 *      is done here, to the nanosecond: sound and picture stay together.
 *    - A source that follows the pipeline's clock: a time that matches the clock is right as it
 *      is (a long pause of the source), and so is one that comes closer to it from behind (late
 *      data). Anything else (an RTP timestamp that wraps, a bogus one) goes on where the pad
 *      would be now, so that a pad that is alone with its wrap keeps its distance to the others.
 *    - One that does not: backwards (a file played again) goes on at the wall clock or where the
 *      stream had come to, whichever is later. Forwards is kept, since files have holes; but none
 *      of more than a day, that is a broken timestamp.
 *    - A source that runs ahead of the clock, without a jump, does not follow it: a file that is
 *      read as fast as it can be.
 *
 * 2. The offset is one for all pads. It is taken at the first buffer: the wall clock less the
 *    running time of now, where that is within 10 s of the buffer, else less the buffer's. After
 *    that it moves only where a fragment ends, that is, when the leading pad may move:
 *    - a new base time (a pause): anew; for a source that does not follow the clock, never back.
 *    - a step of the wall clock by more than 500 ms, either way: at once. For a source that
 *      follows the pipeline's clock what counts is the distance of the two clocks, whichever of
 *      them stepped.
 *    - less than that is drift of the pipeline's clock against the wall clock: 5 ms at a time.
 *
 * 3. Reference times beat the wall clock: the offset then is reference time less ironed running
 *    time.
 *    - The leading pad changes over when it may move, or at any buffer if that takes less than 20
 *      ms. A reference that jumps is followed by the same rule.
 *    - The other pads go along at their next buffer. One that has references of its own uses
 *      these, as long as they agree with the leading pad's within 2 s; one that has none, or
 *      whose camera thinks it another day, uses the leading pad's offset. A fragment cannot hold
 *      frames that lie far apart, and what was taken together has to stay together.
 *    - While the leading pad has had no reference, those of other pads wait.
 *    - A pause makes references void until the next one comes: they told where running time lay
 *      before it.
 *
 * Results that do not fit 64 bits are the nearest ones that do.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstKvsTimelineMode:
 * @GST_KVS_TIMELINE_LIVE: running time plus an offset to wall-clock time
 * @GST_KVS_TIMELINE_FILE: running time plus the file's start time; nothing moves
 * @GST_KVS_TIMELINE_ORIGINAL: the buffers' timestamps are epoch times
 * @GST_KVS_TIMELINE_ARRIVAL: frames are stamped with the wall clock when they arrive; while that is
 *   less than a second behind the pad's last frame, with the time of that
 */
typedef enum {
  GST_KVS_TIMELINE_LIVE,
  GST_KVS_TIMELINE_FILE,
  GST_KVS_TIMELINE_ORIGINAL,
  GST_KVS_TIMELINE_ARRIVAL,
} GstKvsTimelineMode;

/**
 * GstKvsTimelineClock:
 * @wall_ns: time since 1970
 * @monotonic_ns: never steps
 * @running_ns: the running time of this moment by the pipeline's clock, -1 while there is no clock
 * @base_time_ns: the element's base time, 0 or less while it has none
 *
 * Where time comes from. Called on streaming threads, without a lock held.
 */
typedef struct {
  gint64 (*wall_ns) (gpointer user_data);
  gint64 (*monotonic_ns) (gpointer user_data);
  gint64 (*running_ns) (gpointer user_data);
  gint64 (*base_time_ns) (gpointer user_data);
} GstKvsTimelineClock;

/**
 * GstKvsTimeline:
 *
 * Shared by the pads of an element; thread safe.
 */
typedef struct _GstKvsTimeline GstKvsTimeline;

/**
 * GstKvsTimelineTrack:
 * @generation: of the timeline that the rest belongs to
 * @has_last: whether there was a buffer
 * @last_dts_ns: running time of the last buffer
 * @last_arrival_ns: when it came, on the monotonic clock
 * @last_running_ns: when it came, in running time
 * @interval_ns: between two buffers, 0 if unknown
 * @shift_ns: from running time to ironed running time
 * @previous_shift_ns: before the last jump
 * @n_jumps: of the timeline's, how many are known here
 * @n_borders: of the timeline's fragment borders, how many are known here
 * @n_pauses: of the timeline's, how many are known here
 * @has_heard: whether there was a reference time
 * @heard_ns: offset that the last one implies
 * @has_reference: whether @reference_ns is in use
 * @reference_ns: offset by reference time
 * @last_epoch_ns: for %GST_KVS_TIMELINE_ARRIVAL
 *
 * One pad's part of the timeline, from gst_kvs_timeline_track_init() on. Belongs to its streaming
 * thread.
 */
typedef struct {
  guint generation;
  gboolean has_last;
  gint64 last_dts_ns;
  gint64 last_arrival_ns;
  gint64 last_running_ns;
  gint64 interval_ns;
  gint64 shift_ns;
  gint64 previous_shift_ns;
  guint n_jumps;
  guint n_borders;
  guint n_pauses;
  gboolean has_heard;
  gint64 heard_ns;
  gboolean has_reference;
  gint64 reference_ns;
  gint64 last_epoch_ns;
} GstKvsTimelineTrack;

/**
 * GstKvsReferenceTime:
 * @epoch_ns: when what the buffer holds was taken, by the clock of the one who took it
 */
typedef struct {
  gint64 epoch_ns;
} GstKvsReferenceTime;

/**
 * GstKvsTimes: of one buffer, in nanoseconds of running time, then of epoch time.
 */
typedef struct {
  gint64 pts_ns;
  gint64 dts_ns;
} GstKvsTimes;

GstKvsTimeline *gst_kvs_timeline_new (GstKvsTimelineMode mode, gint64 file_start_ns,
                                      const GstKvsTimelineClock *clock, gpointer user_data);
void gst_kvs_timeline_free (GstKvsTimeline *timeline);
void gst_kvs_timeline_reset (GstKvsTimeline *timeline);
void gst_kvs_timeline_track_init (GstKvsTimelineTrack *track);
void gst_kvs_timeline_to_epoch (GstKvsTimeline *timeline, GstKvsTimelineTrack *track,
                                gboolean may_move, const GstKvsReferenceTime *reference,
                                GstKvsTimes *times);
gboolean gst_kvs_timeline_read_reference (GstBuffer *buffer, gint64 *epoch_ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKvsTimeline, gst_kvs_timeline_free)

G_END_DECLS
