/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of GstKvsSink share: gstkvssink.c (class and states), gstkvssinkpads.c (its pads),
 * gstkvssinkrun.c (the producer and what it tells), gstkvssinkchain.c (buffers) and
 * gstkvssinkevents.c. */
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
  gchar *last_error;
  GError *settings_error; /* why there is no target, until it was told */
  gboolean failed;
  gboolean finished;    /* kvs_producer_finish() was called */
  gboolean drained;     /* all is delivered; EOS may be posted */
  gboolean is_playing;
  gboolean typed_secret_was_told;
  guint32 eos_seqnum;
  guint32 flush_seqnum;
  gint64 dropped_warning_us;
  gint64 metadata_warning_us;

  GstKvsSinkTarget *target; /* between READY to PAUSED and PAUSED to READY */

  /* constant between READY to PAUSED and PAUSED to READY */
  GstKvsTimeline *timeline; /* thread safe */
  gint64 default_duration_ns;
  gboolean drops_corrupted;
  gboolean tells_metrics;
};

void gst_kvs_sink_start_producer (GstKvsSink *sink);
void gst_kvs_sink_release_producer (GstKvsSink *sink);
gboolean gst_kvs_sink_restart_if_finished (GstKvsSink *sink);
KvsProducer *gst_kvs_sink_get_producer (GstKvsSink *sink);
KvsProducer *gst_kvs_sink_get_run (GstKvsSink *sink, guint *generation);
KvsMetadata *gst_kvs_sink_get_metadata (GstKvsSink *sink);
void gst_kvs_sink_report_settings_error (GstKvsSink *sink);
void gst_kvs_sink_warn_of_typed_secret (GstKvsSink *sink);
GstStructure *gst_kvs_sink_get_stats (GstKvsSink *sink);
void gst_kvs_sink_post_eos_if_due (GstKvsSink *sink);

GstPad *gst_kvs_sink_request_new_pad (GstElement *element, GstPadTemplate *template,
                                      const gchar *name, const GstCaps *caps);
void gst_kvs_sink_release_pad (GstElement *element, GstPad *pad);
void gst_kvs_sink_reset_pads (GstKvsSink *sink);
void gst_kvs_sink_set_pads_flushing (GstKvsSink *sink, KvsProducer *producer);

GstFlowReturn gst_kvs_sink_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer);
void gst_kvs_sink_finish_gathering (GstKvsSink *sink, GstKvsSinkPad *pad);
void gst_kvs_sink_finish_if_ended (GstKvsSink *sink);
gboolean gst_kvs_sink_event (GstPad *pad, GstObject *parent, GstEvent *event);

G_END_DECLS
