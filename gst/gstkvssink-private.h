/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of GstKvsSink share: gstkvssink.c (class, pads, states), gstkvssinkrun.c (the producer
 * and what it tells) and gstkvssinkstream.c (buffers and events). */
#pragma once

#include "gstkvssink.h"
#include "gstkvssinkpad.h"
#include "gstkvssinksettings.h"
#include "timeline.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (kvssink_debug);
#define GST_CAT_DEFAULT kvssink_debug

struct _GstKvsSink {
  GstElement parent;

  /* under the object lock */
  GstKvsSinkSettings settings;
  KvsProducer *producer; /* from READY to PAUSED, until PAUSED to READY */
  guint generation;      /* of the producer: events of an older one say nothing about this run */
  GError *settings_error; /* why there is no target, until it was told */
  gboolean failed;
  gboolean finished;    /* kvs_producer_finish() was called */
  gboolean drained;     /* all is delivered; EOS may be posted */
  gboolean is_playing;
  guint32 eos_seqnum;
  guint next_pad_id;

  /* between READY to PAUSED and PAUSED to READY */
  GstKvsSinkTarget *target;

  GstKvsTimeline *timeline; /* replaced at READY to PAUSED */

  /* the streaming thread alone */
  gint64 default_duration_ns;
  gint64 key_unit_request_us;
  gint64 damaged_warning_us;

  /* buffers; atomic */
  gint n_damaged;
  gint n_before_parameter_sets;
};

void gst_kvs_sink_start_producer (GstKvsSink *sink);
void gst_kvs_sink_release_producer (GstKvsSink *sink);
gboolean gst_kvs_sink_restart_if_finished (GstKvsSink *sink);
KvsProducer *gst_kvs_sink_get_producer (GstKvsSink *sink);
void gst_kvs_sink_report_settings_error (GstKvsSink *sink);
void gst_kvs_sink_post_eos_if_due (GstKvsSink *sink);

GstFlowReturn gst_kvs_sink_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer);
gboolean gst_kvs_sink_event (GstPad *pad, GstObject *parent, GstEvent *event);

G_END_DECLS
