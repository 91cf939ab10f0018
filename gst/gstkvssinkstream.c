/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes in through the pads of a kvssink: buffers and events, on the streaming threads. */
#include "gstkvssink-private.h"
#include "gstkvssinkreport.h"
#include "payload.h"

/* How often an encoder is asked for a key frame while none comes. */
#define KEY_UNIT_REQUEST_US G_USEC_PER_SEC
#define DAMAGED_WARNING_US (10 * G_USEC_PER_SEC)

/* ---- buffers ---- */

static void
request_key_unit (GstKvsSink *sink, GstPad *pad)
{
  gint64 now_us = g_get_monotonic_time ();
  GstStructure *structure;

  if (sink->key_unit_request_us != 0 && now_us - sink->key_unit_request_us < KEY_UNIT_REQUEST_US)
    return;
  sink->key_unit_request_us = now_us;
  GST_INFO_OBJECT (pad, "Frames come before a key frame: asking for one");
  structure = gst_structure_new ("GstForceKeyUnit", "running-time", GST_TYPE_CLOCK_TIME,
                                 GST_CLOCK_TIME_NONE, "all-headers", G_TYPE_BOOLEAN, TRUE, "count",
                                 G_TYPE_UINT, 0, NULL);
  gst_pad_push_event (pad, gst_event_new_custom (GST_EVENT_CUSTOM_UPSTREAM, structure));
}

static void
report_damaged (GstKvsSink *sink, const GError *error)
{
  gint64 now_us = g_get_monotonic_time ();
  g_autoptr (GError) full = NULL;

  g_atomic_int_inc (&sink->n_damaged);
  if (sink->damaged_warning_us != 0 && now_us - sink->damaged_warning_us < DAMAGED_WARNING_US)
    return;
  sink->damaged_warning_us = now_us;
  full = g_error_new (error->domain, error->code,
                      "%s; the buffer was dropped (%d so far)", error->message,
                      g_atomic_int_get (&sink->n_damaged));
  gst_kvs_sink_report_warning (GST_ELEMENT (sink), full, NULL);
}

static GstFlowReturn
flow_of (GstKvsSink *sink, KvsPushResult result)
{
  gboolean failed;

  if (result != KVS_PUSH_FLUSHING)
    return GST_FLOW_OK;
  GST_OBJECT_LOCK (sink);
  failed = sink->failed;
  GST_OBJECT_UNLOCK (sink);
  return failed ? GST_FLOW_ERROR : GST_FLOW_FLUSHING;
}

static GstFlowReturn
push_frame (GstKvsSink *sink, GstKvsSinkPad *pad, KvsProducer *producer, KvsFrame *frame)
{
  KvsPushResult result;

  if (pad->track_changed) {
    kvs_producer_set_tracks (producer, (const KvsTrack *const *) &pad->track, 1);
    pad->track_changed = FALSE;
  }
  GST_LOG_OBJECT (pad, "Frame of %" G_GSIZE_FORMAT " bytes, flags %x, pts %" G_GINT64_FORMAT,
                  frame->size_bytes, frame->info.flags, frame->info.pts_ns);
  result = kvs_producer_push (producer, frame);
  if (result == KVS_PUSH_NOT_DECODABLE)
    request_key_unit (sink, GST_PAD (pad));
  return flow_of (sink, result);
}

GstFlowReturn
gst_kvs_sink_chain (GstPad *gst_pad, GstObject *parent, GstBuffer *gst_buffer)
{
  g_autoptr (GstBuffer) buffer = gst_buffer;
  GstKvsSink *sink = GST_KVS_SINK (parent);
  GstKvsSinkPad *pad = GST_KVS_SINK_PAD (gst_pad);
  g_autoptr (KvsProducer) producer = gst_kvs_sink_get_producer (sink);
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GError) error = NULL;
  KvsFrameInfo info = { .track_number = pad->track_number };
  GstKvsReferenceTime reference;
  gboolean has_reference;
  GstKvsTimes times;

  if (producer == NULL) {
    gst_kvs_sink_report_settings_error (sink);
    return flow_of (sink, KVS_PUSH_FLUSHING);
  }
  if (pad->video == NULL)
    return GST_FLOW_NOT_NEGOTIATED;
  payload = gst_kvs_payload_new (buffer);
  if (!gst_kvs_sink_pad_parse (pad, buffer, payload, &info.flags, &error)) {
    if (error != NULL)
      report_damaged (sink, error);
    return GST_FLOW_OK;
  }
  if (pad->track == NULL) {
    /* Nothing can be decoded before the first parameter sets. */
    g_atomic_int_inc (&sink->n_before_parameter_sets);
    request_key_unit (sink, gst_pad);
    return GST_FLOW_OK;
  }
  has_reference = gst_kvs_timeline_read_reference (buffer, &reference.epoch_ns);
  gst_kvs_sink_pad_get_times (pad, GST_ELEMENT (sink), buffer, sink->default_duration_ns, &times,
                              &info.duration_ns);
  gst_kvs_timeline_to_epoch (sink->timeline, &pad->timeline_track,
                             (info.flags & KVS_FRAME_FLAG_KEY_FRAME) != 0,
                             has_reference ? &reference : NULL, &times);
  info.pts_ns = times.pts_ns;
  info.dts_ns = times.dts_ns;
  return push_frame (sink, pad, producer, gst_kvs_sink_pad_make_frame (pad, &info, payload));
}

/* ---- events of the pads ---- */

static void
set_content_type (GstKvsSink *sink, GstKvsSinkPad *pad)
{
  gboolean is_h264 = kvs_video_stream_get_codec (pad->video) == KVS_VIDEO_CODEC_H264;
  g_autoptr (KvsProducer) producer = gst_kvs_sink_get_producer (sink);

  if (producer != NULL)
    kvs_producer_set_content_type (producer, is_h264 ? "video/h264" : "video/h265");
}

static gboolean
handle_caps (GstKvsSink *sink, GstKvsSinkPad *pad, GstEvent *event)
{
  g_autofree gchar *track_name = NULL;
  g_autofree gchar *codec_id = NULL;
  g_autoptr (GError) error = NULL;
  GstCaps *caps;

  GST_OBJECT_LOCK (sink);
  track_name = g_strdup (sink->settings.track_name);
  codec_id = g_strdup (sink->settings.codec_id);
  GST_OBJECT_UNLOCK (sink);
  gst_event_parse_caps (event, &caps);
  if (gst_kvs_sink_pad_set_caps (pad, caps, track_name, codec_id, &error)) {
    set_content_type (sink, pad);
    return TRUE;
  }
  gst_kvs_sink_report_error (GST_ELEMENT (sink), error, NULL);
  return FALSE;
}

static gboolean
all_pads_have_ended (GstKvsSink *sink)
{
  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next) {
    if (!GST_KVS_SINK_PAD (link->data)->eos)
      return FALSE;
  }
  return TRUE;
}

static void
handle_eos (GstKvsSink *sink, GstKvsSinkPad *pad, GstEvent *event)
{
  g_autoptr (KvsProducer) producer = NULL;

  GST_OBJECT_LOCK (sink);
  pad->eos = TRUE;
  sink->eos_seqnum = gst_event_get_seqnum (event);
  if (all_pads_have_ended (sink) && sink->producer != NULL && !sink->finished) {
    sink->finished = TRUE;
    producer = kvs_producer_ref (sink->producer);
  }
  GST_OBJECT_UNLOCK (sink);
  if (producer != NULL)
    kvs_producer_finish (producer);
}

static void
handle_stream_start (GstKvsSink *sink, GstKvsSinkPad *pad, GstEvent *event)
{
  GstMessage *message = gst_message_new_stream_start (GST_OBJECT (sink));
  guint group_id;

  GST_OBJECT_LOCK (sink);
  pad->eos = FALSE;
  GST_OBJECT_UNLOCK (sink);
  if (gst_kvs_sink_restart_if_finished (sink))
    gst_kvs_sink_pad_reset (pad);
  gst_message_set_seqnum (message, gst_event_get_seqnum (event));
  if (gst_event_parse_group_id (event, &group_id))
    gst_message_set_group_id (message, group_id);
  gst_element_post_message (GST_ELEMENT (sink), message);
}

static void
handle_flush_stop (GstKvsSink *sink, GstKvsSinkPad *pad)
{
  g_autoptr (KvsProducer) producer = NULL;

  GST_OBJECT_LOCK (sink);
  pad->eos = FALSE;
  GST_OBJECT_UNLOCK (sink);
  gst_kvs_sink_restart_if_finished (sink);
  gst_kvs_sink_pad_reset (pad);
  gst_kvs_timeline_reset (sink->timeline);
  producer = gst_kvs_sink_get_producer (sink);
  if (producer != NULL)
    kvs_producer_set_flushing (producer, FALSE);
}

gboolean
gst_kvs_sink_event (GstPad *gst_pad, GstObject *parent, GstEvent *gst_event)
{
  g_autoptr (GstEvent) event = gst_event;
  GstKvsSink *sink = GST_KVS_SINK (parent);
  GstKvsSinkPad *pad = GST_KVS_SINK_PAD (gst_pad);
  g_autoptr (KvsProducer) producer = NULL;

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:
      return handle_caps (sink, pad, event);
    case GST_EVENT_SEGMENT:
      gst_event_copy_segment (event, &pad->segment);
      return TRUE;
    case GST_EVENT_STREAM_START:
      handle_stream_start (sink, pad, event);
      return TRUE;
    case GST_EVENT_EOS:
      handle_eos (sink, pad, event);
      return TRUE;
    case GST_EVENT_FLUSH_START:
      producer = gst_kvs_sink_get_producer (sink);
      if (producer != NULL)
        kvs_producer_set_flushing (producer, TRUE);
      return TRUE;
    case GST_EVENT_FLUSH_STOP:
      handle_flush_stop (sink, pad);
      return TRUE;
    default:
      return gst_pad_event_default (gst_pad, parent, g_steal_pointer (&event));
  }
}
