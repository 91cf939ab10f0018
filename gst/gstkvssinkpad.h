/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GstKvsSinkPad: one track; from caps to KvsTrack, from GstBuffer to KvsFrame. */
#pragma once

#include <gst/gst.h>

#include "media/frame.h"
#include "media/track.h"
#include "media/video-stream.h"
#include "timeline.h"

G_BEGIN_DECLS

#define GST_TYPE_KVS_SINK_PAD (gst_kvs_sink_pad_get_type ())
G_DECLARE_FINAL_TYPE (GstKvsSinkPad, gst_kvs_sink_pad, GST, KVS_SINK_PAD, GstPad)

/**
 * GstKvsSinkPad:
 *
 * All but @eos belongs to the streaming thread.
 */
struct _GstKvsSinkPad {
  GstPad parent;

  guint track_number;
  gboolean eos; /* under the element's object lock */

  GstSegment segment;
  GstKvsTimelineTrack timeline_track;
  gint64 frame_duration_ns; /* by the caps' framerate, 0 where unknown */
  gint64 next_pts_ns;       /* running time where the last buffer ended, -1 before the first */

  KvsVideoStream *video; /* NULL before the first caps */
  guint caps_width;      /* 0 where the caps do not tell */
  guint caps_height;
  gchar *codec_id; /* that the user insists on, or NULL */
  gchar *track_name;

  KvsTrack *track; /* NULL until its codec private data are known */
  gboolean track_changed;
};

void gst_kvs_sink_pad_reset (GstKvsSinkPad *pad);
gboolean gst_kvs_sink_pad_set_caps (GstKvsSinkPad *pad, GstCaps *caps, const gchar *track_name,
                                    const gchar *codec_id, GError **error);
gboolean gst_kvs_sink_pad_parse (GstKvsSinkPad *pad, GstBuffer *buffer, GBytes *payload,
                                 KvsFrameFlags *flags, GError **error);
void gst_kvs_sink_pad_get_times (GstKvsSinkPad *pad, GstElement *element, GstBuffer *buffer,
                                 gint64 default_duration_ns, GstKvsTimes *times,
                                 gint64 *duration_ns);
KvsFrame *gst_kvs_sink_pad_make_frame (GstKvsSinkPad *pad, const KvsFrameInfo *info,
                                       GBytes *payload);

G_END_DECLS
