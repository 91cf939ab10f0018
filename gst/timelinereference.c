/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reference times: 3 in timeline.h. */
#include "timeline-private.h"

#define MAX_REFERENCE_MOVE_NS (20 * GST_KVS_MS)
#define MAX_REFERENCE_DISTANCE_NS (2 * GST_KVS_S)

#define YEAR_2000_S G_GUINT64_CONSTANT (946684800)
#define YEAR_2200_S G_GUINT64_CONSTANT (7258118400)
#define NTP_TO_UNIX_S G_GUINT64_CONSTANT (2208988800)

static gint64
offset_of (const GstKvsTimeline *timeline, const GstKvsTimelineTrack *track)
{
  if (!timeline->has_reference)
    return timeline->offset_ns;
  if (track->has_reference
      && is_within (track->reference_ns, timeline->reference_ns, MAX_REFERENCE_DISTANCE_NS))
    return track->reference_ns;
  return timeline->reference_ns;
}

/* A pad that does not lead goes where the leading one went, when it went there. */
static gboolean
may_take_reference (const GstKvsTimeline *timeline, const GstKvsTimelineTrack *track,
                    gboolean may_move)
{
  if (may_move
      || is_within (track->heard_ns, offset_of (timeline, track), MAX_REFERENCE_MOVE_NS - 1))
    return TRUE;
  return track->n_borders != timeline->n_borders
         && is_within (track->heard_ns, timeline->reference_ns, MAX_REFERENCE_DISTANCE_NS);
}

static void
listen_to_reference (GstKvsTimeline *timeline, GstKvsTimelineTrack *track, gboolean may_move,
                     const GstKvsReferenceTime *reference, gint64 pts_ns)
{
  gboolean leads = track == timeline->leader;

  if (track->n_pauses != timeline->n_pauses)
    track->has_heard = track->has_reference = FALSE;
  if (reference != NULL) {
    track->has_heard = TRUE;
    track->heard_ns = subtract (reference->epoch_ns, pts_ns);
  }
  if (track->has_heard && (leads || timeline->has_reference)
      && may_take_reference (timeline, track, may_move)) {
    track->has_reference = TRUE;
    track->reference_ns = track->heard_ns;
  }
  if (leads) {
    timeline->has_reference = track->has_reference;
    timeline->reference_ns = track->reference_ns;
  }
  track->n_pauses = timeline->n_pauses;
  track->n_borders = timeline->n_borders;
}

/**
 * gst_kvs_timeline_find_offset:
 * @timeline: a timeline with an anchor
 * @track: of the pad
 * @may_move: whether the pad leads and a fragment starts here
 * @reference: (nullable): reference time of the buffer's pts
 * @pts_ns: ironed running time of that
 *
 * Under the timeline's lock.
 *
 * Returns: from ironed running time to epoch time
 */
gint64
gst_kvs_timeline_find_offset (GstKvsTimeline *timeline, GstKvsTimelineTrack *track,
                              gboolean may_move, const GstKvsReferenceTime *reference,
                              gint64 pts_ns)
{
  if (may_move) {
    timeline->leader = track;
    timeline->n_borders++;
  }
  listen_to_reference (timeline, track, may_move, reference, pts_ns);
  return offset_of (timeline, track);
}

/* ---- reference times of buffers ---- */

static gboolean
read_meta (const GstReferenceTimestampMeta *meta, gint64 *epoch_ns)
{
  guint64 time_ns = meta->timestamp;
  const GstStructure *structure;

  if (meta->reference == NULL || gst_caps_get_size (meta->reference) == 0)
    return FALSE;
  structure = gst_caps_get_structure (meta->reference, 0);
  if (gst_structure_has_name (structure, "timestamp/x-ntp")) {
    if (time_ns < NTP_TO_UNIX_S * GST_SECOND)
      return FALSE;
    time_ns -= NTP_TO_UNIX_S * GST_SECOND;
  } else if (!gst_structure_has_name (structure, "timestamp/x-unix")) {
    return FALSE;
  }
  if (time_ns < YEAR_2000_S * GST_SECOND || time_ns >= YEAR_2200_S * GST_SECOND)
    return FALSE;
  *epoch_ns = (gint64) time_ns;
  return TRUE;
}

/**
 * gst_kvs_timeline_read_reference:
 * @buffer: a buffer
 * @epoch_ns: (out): when it was taken, by its first #GstReferenceTimestampMeta that counts since
 *   1900 (timestamp/x-ntp) or 1970 (timestamp/x-unix) and tells a time from 2000 to 2199
 *
 * A camera whose clock was never set tells 1970 or less; nothing says when its pictures were taken.
 *
 * Returns: whether there is one
 */
gboolean
gst_kvs_timeline_read_reference (GstBuffer *buffer, gint64 *epoch_ns)
{
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
                                                   GST_REFERENCE_TIMESTAMP_META_API_TYPE))) {
    if (read_meta ((const GstReferenceTimestampMeta *) meta, epoch_ns))
      return TRUE;
  }
  return FALSE;
}
