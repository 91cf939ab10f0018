/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events that come in through the pads of kvssink. */
#include "gstkvssink-private.h"
#include "gstkvssinkreport.h"
#include "metadata-events.h"

/* Only such comments in tag lists are meant for the service; files bring others along. */
#define TAG_KEY_PREFIX "kvs:"
#define METADATA_WARNING_US (10 * G_USEC_PER_SEC)

/* ---- caps ---- */

/* The names of the AWS producer SDK's element, for the tracks that it has. */
static gchar *
choose_track_name (GstKvsSink *sink, GstKvsSinkPad *pad)
{
  gboolean is_first = TRUE;

  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next) {
    const GstKvsSinkPad *other = link->data;

    if (other->type == pad->type && other->track_number < pad->track_number)
      is_first = FALSE;
  }
  if (!is_first)
    return g_strdup (GST_OBJECT_NAME (pad));
  return g_strdup (pad->type == KVS_TRACK_TYPE_AUDIO ? "audio" : sink->settings.track_name);
}

static gboolean
handle_caps (GstKvsSink *sink, GstKvsSinkPad *pad, GstEvent *event)
{
  g_autoptr (GError) error = NULL;
  GstCaps *caps;

  gst_kvs_sink_finish_gathering (sink, pad);
  GST_OBJECT_LOCK (sink);
  g_free (pad->track_name);
  pad->track_name = choose_track_name (sink, pad);
  g_free (pad->codec_id);
  pad->codec_id = g_strdup (sink->settings.codec_id);
  GST_OBJECT_UNLOCK (sink);
  gst_event_parse_caps (event, &caps);
  if (gst_kvs_sink_pad_set_caps (pad, caps, &error))
    return TRUE;
  gst_kvs_sink_report_error (GST_ELEMENT (sink), error, NULL);
  return FALSE;
}

/* ---- the end, and a new beginning ---- */

static gboolean
all_pads_have_ended (GstKvsSink *sink)
{
  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next) {
    if (!GST_KVS_SINK_PAD (link->data)->eos)
      return FALSE;
  }
  return GST_ELEMENT (sink)->sinkpads != NULL;
}

/**
 * gst_kvs_sink_finish_if_ended:
 * @sink: the sink
 *
 * Has what is left delivered once all pads have ended. Any thread.
 */
void
gst_kvs_sink_finish_if_ended (GstKvsSink *sink)
{
  g_autoptr (KvsProducer) producer = NULL;

  GST_OBJECT_LOCK (sink);
  if (all_pads_have_ended (sink) && sink->producer != NULL && !sink->finished) {
    sink->finished = TRUE;
    producer = kvs_producer_ref (sink->producer);
  }
  GST_OBJECT_UNLOCK (sink);
  if (producer != NULL)
    kvs_producer_finish (producer);
}

static void
handle_eos (GstKvsSink *sink, GstKvsSinkPad *pad, GstEvent *event)
{
  g_autoptr (KvsProducer) producer = gst_kvs_sink_get_producer (sink);

  gst_kvs_sink_finish_gathering (sink, pad);
  GST_OBJECT_LOCK (sink);
  pad->eos = TRUE;
  sink->eos_seqnum = gst_event_get_seqnum (event);
  GST_OBJECT_UNLOCK (sink);
  if (producer != NULL)
    kvs_producer_end_track (producer, pad->track_number);
  gst_kvs_sink_finish_if_ended (sink);
}

static void
handle_stream_start (GstKvsSink *sink, GstKvsSinkPad *pad, GstEvent *event)
{
  GstMessage *message = gst_message_new_stream_start (GST_OBJECT (sink));
  guint group_id;

  gst_kvs_sink_finish_gathering (sink, pad);
  GST_OBJECT_LOCK (sink);
  pad->eos = FALSE;
  GST_OBJECT_UNLOCK (sink);
  if (gst_kvs_sink_restart_if_finished (sink)) {
    gst_kvs_sink_pad_reset (pad);
    gst_kvs_timeline_reset (sink->timeline);
  }
  gst_message_set_seqnum (message, gst_event_get_seqnum (event));
  if (gst_event_parse_group_id (event, &group_id))
    gst_message_set_group_id (message, group_id);
  gst_element_post_message (GST_ELEMENT (sink), message);
}

/* ---- flushes ---- */

static void
set_flushing (GstKvsSink *sink, GstKvsSinkPad *pad, gboolean flushing)
{
  g_autoptr (KvsProducer) producer = gst_kvs_sink_get_producer (sink);

  if (producer != NULL)
    kvs_producer_set_track_flushing (producer, pad->track_number, flushing);
}

/* One seek flushes all pads; time begins anew once. */
static gboolean
is_new_flush (GstKvsSink *sink, GstEvent *event)
{
  guint32 seqnum = gst_event_get_seqnum (event);
  gboolean is_new;

  GST_OBJECT_LOCK (sink);
  is_new = sink->flush_seqnum != seqnum;
  sink->flush_seqnum = seqnum;
  GST_OBJECT_UNLOCK (sink);
  return is_new;
}

static void
handle_flush_stop (GstKvsSink *sink, GstKvsSinkPad *pad, GstEvent *event)
{
  GST_OBJECT_LOCK (sink);
  pad->eos = FALSE;
  GST_OBJECT_UNLOCK (sink);
  gst_kvs_sink_restart_if_finished (sink);
  gst_kvs_sink_pad_reset (pad);
  if (is_new_flush (sink, event))
    gst_kvs_timeline_reset (sink->timeline);
  set_flushing (sink, pad, FALSE);
}

/* ---- time that goes on without buffers ---- */

static void
handle_gap (GstKvsSink *sink, GstKvsSinkPad *pad, GstEvent *event)
{
  g_autoptr (KvsProducer) producer = gst_kvs_sink_get_producer (sink);
  GstClockTime start, duration;
  GstKvsTimes times;

  gst_kvs_sink_finish_gathering (sink, pad);
  gst_event_parse_gap (event, &start, &duration);
  if (producer == NULL || !gst_kvs_sink_pad_to_running_time (pad, start, &times.pts_ns))
    return;
  if (GST_CLOCK_TIME_IS_VALID (duration))
    times.pts_ns += (gint64) MIN (duration, (GstClockTime) GST_KVS_MAX_TIME_NS);
  times.dts_ns = times.pts_ns;
  gst_kvs_timeline_to_epoch (sink->timeline, &pad->time, FALSE, NULL, &times);
  kvs_producer_progress (producer, pad->track_number, times.pts_ns);
}

/* ---- metadata ---- */

/* Tag lists come again and again: what is wrong in one is told now and then. */
static void
report_metadata (GstKvsSink *sink, const GError *error)
{
  gint64 now_us = g_get_monotonic_time ();
  gboolean is_due;

  GST_OBJECT_LOCK (sink);
  is_due = sink->metadata_warning_us == 0
           || now_us - sink->metadata_warning_us >= METADATA_WARNING_US;
  if (is_due)
    sink->metadata_warning_us = now_us;
  GST_OBJECT_UNLOCK (sink);
  GST_WARNING_OBJECT (sink, "%s", error->message);
  if (is_due)
    gst_kvs_sink_report_warning (GST_ELEMENT (sink), error, NULL);
}

static void
handle_metadata (GstKvsSink *sink, GstEvent *event)
{
  g_autoptr (KvsMetadata) metadata = gst_kvs_sink_get_metadata (sink);
  g_autoptr (GError) error = NULL;
  GstTagList *tags;
  gboolean handled;

  if (metadata == NULL)
    return;
  if (GST_EVENT_TYPE (event) == GST_EVENT_TAG) {
    gst_event_parse_tag (event, &tags);
    gst_kvs_metadata_read_tags (tags, TAG_KEY_PREFIX, metadata, &error);
  } else {
    gst_kvs_metadata_read_event (event, metadata, &handled, &error);
  }
  if (error != NULL)
    report_metadata (sink, error);
}

/* ---- all of them ---- */

gboolean
gst_kvs_sink_event (GstPad *gst_pad, GstObject *parent, GstEvent *gst_event)
{
  g_autoptr (GstEvent) event = gst_event;
  GstKvsSink *sink = GST_KVS_SINK (parent);
  GstKvsSinkPad *pad = GST_KVS_SINK_PAD (gst_pad);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:
      return handle_caps (sink, pad, event);
    case GST_EVENT_SEGMENT:
      gst_kvs_sink_finish_gathering (sink, pad);
      gst_event_copy_segment (event, &pad->segment);
      return TRUE;
    case GST_EVENT_STREAM_START:
      handle_stream_start (sink, pad, event);
      return TRUE;
    case GST_EVENT_EOS:
      handle_eos (sink, pad, event);
      return TRUE;
    case GST_EVENT_GAP:
      handle_gap (sink, pad, event);
      return TRUE;
    case GST_EVENT_FLUSH_START:
      set_flushing (sink, pad, TRUE);
      return TRUE;
    case GST_EVENT_FLUSH_STOP:
      handle_flush_stop (sink, pad, event);
      return TRUE;
    case GST_EVENT_TAG:
    case GST_EVENT_CUSTOM_DOWNSTREAM:
    case GST_EVENT_CUSTOM_DOWNSTREAM_OOB:
    case GST_EVENT_CUSTOM_DOWNSTREAM_STICKY:
    case GST_EVENT_CUSTOM_BOTH:
    case GST_EVENT_CUSTOM_BOTH_OOB:
      handle_metadata (sink, event);
      return TRUE;
    default:
      return gst_pad_event_default (gst_pad, parent, g_steal_pointer (&event));
  }
}
