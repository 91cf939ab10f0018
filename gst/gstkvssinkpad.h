/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GstKvsSinkPad: one track; from caps to KvsTrack, from GstBuffer to KvsFrame. */
#pragma once

#include <gst/gst.h>

#include "media/access-unit.h"
#include "media/audio-stream.h"
#include "media/frame.h"
#include "media/payload.h"
#include "media/track.h"
#include "media/video-stream.h"
#include "timeline.h"

G_BEGIN_DECLS

/* Far from where sums would overflow: 73 years of running time; epoch times may be twice that */
#define GST_KVS_MAX_TIME_NS (G_MAXINT64 / 4)

#define GST_TYPE_KVS_SINK_PAD (gst_kvs_sink_pad_get_type ())
G_DECLARE_FINAL_TYPE (GstKvsSinkPad, gst_kvs_sink_pad, GST, KVS_SINK_PAD, GstPad)

/**
 * GstKvsSinkPad:
 *
 * Belongs to the streaming thread, but for what says otherwise.
 */
struct _GstKvsSinkPad {
  GstPad parent;

  KvsTrackType type;  /* constant */
  guint track_number; /* changes only while nothing streams */
  gint is_lead;       /* atomic: its key frames start Fragments */
  gboolean eos;       /* under the element's object lock */

  GstSegment segment;
  gint64 frame_duration_ns; /* by the caps' framerate, 0 where unknown */
  gint64 next_pts_ns;       /* running time where the last buffer ended; G_MININT64 before it */
  GstKvsTimelineTrack time;
  gboolean has_border; /* of audio: where the timeline was last allowed to move */
  gint64 border_ns;
  gint64 key_unit_request_us;
  gboolean caps_error_told;

  /* one of these; both are NULL before the first caps */
  KvsVideoStream *video;
  KvsAudioStream *audio;
  KvsAccessUnitGatherer *gatherer; /* for alignment=nal, else NULL */
  gint64 gathered_reference_ns;    /* what to add to a gathered timestamp for reference time */
  gboolean has_gathered_reference;
  guint caps_width; /* 0 where the caps do not tell */
  guint caps_height;
  guint caps_channels;
  gchar *codec_id; /* that the user insists on, or NULL */
  gchar *track_name;

  KvsTrack *track; /* NULL until its codec private data are known */
  guint run;       /* of the sink, at the last buffer */
  guint told_run;  /* the run in which the producer was told of it, 0 for none */
};

/**
 * GstKvsUnit:
 * @payload: an access unit, or a buffer of audio; belongs to whoever made the unit, and is empty once
 *   it was stored
 * @nals: (nullable) (array length=n_nals): where the NAL units lie in it, if that is known already
 * @n_nals: how many
 * @pts: presentation timestamp, or %GST_CLOCK_TIME_NONE
 * @dts: decoding timestamp, or %GST_CLOCK_TIME_NONE
 * @duration: or %GST_CLOCK_TIME_NONE
 * @flags: of #GstBufferFlags
 * @has_reference: whether @reference counts
 * @reference: when it was taken, where the source says so
 *
 * What is stored as one Frame, or several of audio.
 */
typedef struct {
  KvsPayload *payload;
  const KvsNalUnit *nals;
  guint n_nals;
  GstClockTime pts;
  GstClockTime dts;
  GstClockTime duration;
  guint flags;
  gboolean has_reference;
  GstKvsReferenceTime reference;
} GstKvsUnit;

void gst_kvs_sink_pad_reset (GstKvsSinkPad *pad);
gboolean gst_kvs_sink_pad_set_caps (GstKvsSinkPad *pad, GstCaps *caps, GError **error);
void gst_kvs_sink_pad_update_track (GstKvsSinkPad *pad);
gboolean gst_kvs_sink_pad_parse_video (GstKvsSinkPad *pad, const GstKvsUnit *unit,
                                       KvsFrameFlags *flags, GError **error);
gboolean gst_kvs_sink_pad_to_running_time (const GstKvsSinkPad *pad, GstClockTime timestamp,
                                           gint64 *running_ns);
void gst_kvs_sink_pad_get_times (GstKvsSinkPad *pad, GstElement *element, const GstKvsUnit *unit,
                                 gint64 default_duration_ns, GstKvsTimes *times,
                                 gint64 *duration_ns);

G_END_DECLS
