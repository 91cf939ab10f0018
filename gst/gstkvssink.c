/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-kvssink
 * @title: kvssink
 *
 * kvssink uploads encoded video to a stream of Amazon Kinesis Video Streams. It takes access units
 * of H.264, cuts them into fragments at key frames, packs these into streaming Matroska, and sends
 * them over one long PutMedia request. A fragment is kept until the service has acknowledged it as
 * persisted, and is sent again, whole, after an error.
 *
 * State changes never wait for the network: media is buffered while the service is out of reach. The
 * EOS message is posted when the last fragment is persisted, or when #GstKvsSink:stop-stream-timeout
 * is over.
 *
 * Credentials and region come from the properties or, better, from the environment
 * (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION).
 *
 * ## Example pipelines
 *
 * |[
 * gst-launch-1.0 -e videotestsrc is-live=true ! video/x-raw,width=1280,height=720,framerate=30/1 ! x264enc tune=zerolatency key-int-max=60 ! kvssink stream-name=my-stream
 * ]| A test picture, live.
 * |[
 * gst-launch-1.0 filesrc location=clip.mp4 ! qtdemux ! h264parse ! kvssink stream-name=my-stream streaming-type=offline
 * ]| A file, as fast as it can be uploaded.
 *
 * Since: 0.1
 */
#include "gstkvssink.h"

#include "error.h"
#include "gstkvssinkpad.h"
#include "gstkvssinkreport.h"
#include "gstkvssinksettings.h"
#include "payload.h"
#include "timeline.h"

GST_DEBUG_CATEGORY_STATIC (kvssink_debug);
#define GST_CAT_DEFAULT kvssink_debug

/* How often an encoder is asked for a key frame while none comes. */
#define KEY_UNIT_REQUEST_US G_USEC_PER_SEC
#define DAMAGED_WARNING_US (10 * G_USEC_PER_SEC)

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

  /* the streaming thread alone */
  GstKvsTimeline timeline;
  gint64 default_duration_ns;
  gint64 key_unit_request_us;
  gint64 damaged_warning_us;

  gint n_damaged; /* buffers; atomic */
};

enum {
  PROP_STATS = 1000,
};

G_DEFINE_TYPE (GstKvsSink, gst_kvs_sink, GST_TYPE_ELEMENT)

static GstStaticPadTemplate video_template = GST_STATIC_PAD_TEMPLATE (
    "video_%u", GST_PAD_SINK, GST_PAD_REQUEST,
    GST_STATIC_CAPS ("video/x-h264, stream-format=(string){ avc, byte-stream }, "
                     "alignment=(string)au"));

static GstStaticPadTemplate audio_template = GST_STATIC_PAD_TEMPLATE (
    "audio_%u", GST_PAD_SINK, GST_PAD_REQUEST,
    GST_STATIC_CAPS ("audio/mpeg, mpegversion=(int){ 2, 4 }, stream-format=(string)raw; "
                     "audio/x-alaw; audio/x-mulaw"));

/* ---- events of the producer, on the I/O thread ---- */

typedef struct {
  GWeakRef sink;
  guint generation;
} EventTarget;

static EventTarget *
event_target_new (GstKvsSink *sink, guint generation)
{
  EventTarget *target = g_new0 (EventTarget, 1);

  g_weak_ref_init (&target->sink, sink);
  target->generation = generation;
  return target;
}

static void
event_target_free (gpointer data)
{
  EventTarget *target = data;

  g_weak_ref_clear (&target->sink);
  g_free (target);
}

/* Returns: (transfer full): the sink, if it still is in the run that the event belongs to. */
static GstKvsSink *
event_target_get (EventTarget *target)
{
  GstKvsSink *sink = g_weak_ref_get (&target->sink);
  gboolean current;

  if (sink == NULL)
    return NULL;
  GST_OBJECT_LOCK (sink);
  current = sink->generation == target->generation;
  GST_OBJECT_UNLOCK (sink);
  if (!current)
    g_clear_pointer (&sink, gst_object_unref);
  return sink;
}

static void
on_failed (const GError *error, const KvsServiceError *service_error, gpointer user_data)
{
  g_autoptr (GstKvsSink) sink = event_target_get (user_data);

  if (sink == NULL)
    return;
  GST_ERROR_OBJECT (sink, "%s", error->message);
  GST_OBJECT_LOCK (sink);
  sink->failed = TRUE;
  GST_OBJECT_UNLOCK (sink);
  gst_kvs_sink_report_error (GST_ELEMENT (sink), error, service_error);
}

static void
on_warning (const GError *error, const KvsServiceError *service_error, gpointer user_data)
{
  EventTarget *target = user_data;
  g_autoptr (GstKvsSink) sink = g_weak_ref_get (&target->sink);

  if (sink == NULL)
    return;
  GST_WARNING_OBJECT (sink, "%s", error->message);
  gst_kvs_sink_report_warning (GST_ELEMENT (sink), error, service_error);
}

static void
on_ack (const KvsAck *ack, gpointer user_data)
{
  g_autoptr (GstKvsSink) sink = event_target_get (user_data);

  if (sink == NULL)
    return;
  GST_LOG_OBJECT (sink, "Ack %d for timecode %" G_GINT64_FORMAT " fragment %s error %u", ack->type,
                  ack->timecode, ack->fragment_number, ack->error_id);
  gst_kvs_sink_report_ack (GST_ELEMENT (sink), ack);
}

static void
report_session (EventTarget *target, gboolean started)
{
  g_autoptr (GstKvsSink) sink = event_target_get (target);

  if (sink == NULL)
    return;
  GST_INFO_OBJECT (sink, "Session %s", started ? "started" : "ended");
  gst_kvs_sink_report_session (GST_ELEMENT (sink), started);
}

static void
on_session_started (gpointer user_data)
{
  report_session (user_data, TRUE);
}

static void
on_session_ended (gpointer user_data)
{
  report_session (user_data, FALSE);
}

/* Bad settings are an error message, not a failed state change: applications get them the same way as
 * what the service refuses a moment later, and gst-launch-1.0 prints one error and exits with 1. */
static void
report_settings_error (GstKvsSink *sink)
{
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (sink);
  error = g_steal_pointer (&sink->settings_error);
  GST_OBJECT_UNLOCK (sink);
  if (error != NULL)
    gst_kvs_sink_report_error (GST_ELEMENT (sink), error, NULL);
}

/* EOS goes out once, in PLAYING only, as every sink's does. */
static void
post_eos_if_due (GstKvsSink *sink)
{
  GstMessage *message = NULL;

  GST_OBJECT_LOCK (sink);
  if (sink->drained && sink->is_playing) {
    sink->drained = FALSE;
    message = gst_message_new_eos (GST_OBJECT (sink));
    gst_message_set_seqnum (message, sink->eos_seqnum);
  }
  GST_OBJECT_UNLOCK (sink);
  if (message != NULL) {
    GST_INFO_OBJECT (sink, "All is delivered, posting EOS");
    gst_element_post_message (GST_ELEMENT (sink), message);
  }
}

static void
on_drained (gpointer user_data)
{
  g_autoptr (GstKvsSink) sink = event_target_get (user_data);

  if (sink == NULL)
    return;
  GST_OBJECT_LOCK (sink);
  sink->drained = TRUE;
  GST_OBJECT_UNLOCK (sink);
  post_eos_if_due (sink);
}

/* ---- the producer ---- */

static KvsProducer *
get_producer (GstKvsSink *sink)
{
  KvsProducer *producer;

  GST_OBJECT_LOCK (sink);
  producer = sink->producer != NULL ? kvs_producer_ref (sink->producer) : NULL;
  GST_OBJECT_UNLOCK (sink);
  return producer;
}

static void
start_producer (GstKvsSink *sink)
{
  static const KvsProducerEvents events = {
    .failed = on_failed,
    .warning = on_warning,
    .ack = on_ack,
    .session_started = on_session_started,
    .session_ended = on_session_ended,
    .drained = on_drained,
  };
  const GstKvsSinkTarget *target = sink->target;
  KvsProducerConfig config = {
    .definition = target->definition,
    .region = target->region,
    .endpoint = target->endpoint,
    .credentials = target->credentials,
    .http = gst_kvs_sink_target_get_http (&sink->settings, target),
  };
  KvsProducer *producer;

  GST_OBJECT_LOCK (sink);
  sink->generation++;
  sink->failed = sink->finished = sink->drained = FALSE;
  producer = sink->producer = kvs_producer_new (
      &config, &events, event_target_new (sink, sink->generation), event_target_free);
  kvs_producer_start (producer);
  GST_OBJECT_UNLOCK (sink);
  GST_INFO_OBJECT (sink, "Uploading to stream %s in %s through %s",
                   target->definition->stream_name, target->region, target->endpoint);
}

/* The producer goes on by itself until all is delivered, for stop-stream-timeout at most. */
static void
release_producer (GstKvsSink *sink)
{
  KvsProducer *producer;

  GST_OBJECT_LOCK (sink);
  producer = g_steal_pointer (&sink->producer);
  GST_OBJECT_UNLOCK (sink);
  if (producer == NULL)
    return;
  kvs_producer_finish (producer);
  kvs_producer_unref (producer);
}

/* After EOS the stream has ended for the producer; media that come still need a new one.
 * Returns: whether there is one. */
static gboolean
restart_if_finished (GstKvsSink *sink)
{
  gboolean finished;

  GST_OBJECT_LOCK (sink);
  finished = sink->finished && sink->producer != NULL;
  GST_OBJECT_UNLOCK (sink);
  if (!finished)
    return FALSE;
  release_producer (sink);
  start_producer (sink);
  return TRUE;
}

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

static GstFlowReturn
gst_kvs_sink_chain (GstPad *gst_pad, GstObject *parent, GstBuffer *gst_buffer)
{
  g_autoptr (GstBuffer) buffer = gst_buffer;
  GstKvsSink *sink = GST_KVS_SINK (parent);
  GstKvsSinkPad *pad = GST_KVS_SINK_PAD (gst_pad);
  g_autoptr (KvsProducer) producer = get_producer (sink);
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GError) error = NULL;
  KvsFrameInfo info = { .track_number = pad->track_number };
  GstKvsTimes times;

  if (producer == NULL) {
    report_settings_error (sink);
    return flow_of (sink, KVS_PUSH_FLUSHING);
  }
  if (pad->track == NULL)
    return GST_FLOW_NOT_NEGOTIATED;
  payload = gst_kvs_payload_new (buffer);
  if (!gst_kvs_sink_pad_parse (pad, buffer, payload, &info.flags, &error)) {
    if (error != NULL)
      report_damaged (sink, error);
    return GST_FLOW_OK;
  }
  gst_kvs_sink_pad_get_times (pad, GST_ELEMENT (sink), buffer, sink->default_duration_ns, &times,
                              &info.duration_ns);
  gst_kvs_timeline_to_epoch (&sink->timeline, GST_ELEMENT (sink),
                             (info.flags & KVS_FRAME_FLAG_KEY_FRAME) != 0, &times);
  info.pts_ns = times.pts_ns;
  info.dts_ns = times.dts_ns;
  return push_frame (sink, pad, producer, gst_kvs_sink_pad_make_frame (pad, &info, payload));
}

/* ---- events of the pads ---- */

static void
set_content_type (GstKvsSink *sink)
{
  g_autoptr (KvsProducer) producer = get_producer (sink);

  if (producer != NULL)
    kvs_producer_set_content_type (producer, "video/h264");
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
    set_content_type (sink);
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
  if (restart_if_finished (sink))
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
  restart_if_finished (sink);
  gst_kvs_sink_pad_reset (pad);
  sink->timeline.has_anchor = FALSE;
  producer = get_producer (sink);
  if (producer != NULL)
    kvs_producer_set_flushing (producer, FALSE);
}

static gboolean
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
      producer = get_producer (sink);
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

/* ---- request pads ---- */

static GstPad *
gst_kvs_sink_request_new_pad (GstElement *element, GstPadTemplate *template, const gchar *name,
                              const GstCaps *caps)
{
  GstKvsSink *sink = GST_KVS_SINK (element);
  g_autofree gchar *own_name = NULL;
  GstKvsSinkPad *pad;

  GST_OBJECT_LOCK (sink);
  if (element->numsinkpads > 0 || template != gst_element_class_get_pad_template (
                                      GST_ELEMENT_GET_CLASS (element), "video_%u")) {
    GST_OBJECT_UNLOCK (sink);
    GST_ERROR_OBJECT (sink, "This version uploads one video track, and no audio yet");
    return NULL;
  }
  own_name = name != NULL ? g_strdup (name) : g_strdup_printf ("video_%u", sink->next_pad_id++);
  GST_OBJECT_UNLOCK (sink);

  pad = g_object_new (GST_TYPE_KVS_SINK_PAD, "name", own_name, "direction", GST_PAD_SINK,
                      "template", template, NULL);
  pad->track_number = 1;
  gst_pad_set_chain_function (GST_PAD (pad), gst_kvs_sink_chain);
  gst_pad_set_event_function (GST_PAD (pad), gst_kvs_sink_event);
  gst_element_add_pad (element, GST_PAD (pad));
  return GST_PAD (pad);
}

static void
gst_kvs_sink_release_pad (GstElement *element, GstPad *pad)
{
  gst_pad_set_active (pad, FALSE);
  gst_element_remove_pad (element, pad);
}

/* ---- states ---- */

static gboolean
open_target (GstKvsSink *sink)
{
  GST_OBJECT_LOCK (sink);
  g_clear_pointer (&sink->target, gst_kvs_sink_target_free);
  g_clear_error (&sink->settings_error);
  sink->target = gst_kvs_sink_target_new (&sink->settings, &sink->settings_error);
  sink->failed = sink->target == NULL;
  GST_OBJECT_UNLOCK (sink);
  return sink->target != NULL;
}

static void
reset_run (GstKvsSink *sink)
{
  const GstKvsSinkSettings *settings = &sink->settings;
  GstKvsTimelineMode mode = GST_KVS_TIMELINE_LIVE;

  if (!settings->frame_timecodes)
    mode = GST_KVS_TIMELINE_ARRIVAL;
  else if (settings->use_original_pts)
    mode = GST_KVS_TIMELINE_ORIGINAL;
  else if (settings->streaming_type == KVS_STREAMING_TYPE_OFFLINE)
    mode = GST_KVS_TIMELINE_FILE;
  gst_kvs_timeline_init (&sink->timeline, mode,
                         (gint64) (settings->file_start_time_s * GST_SECOND));
  sink->default_duration_ns = (gint64) (GST_SECOND / MAX (settings->framerate, 1));
  sink->key_unit_request_us = 0;
  sink->damaged_warning_us = 0;
  g_atomic_int_set (&sink->n_damaged, 0);
  GST_OBJECT_LOCK (sink);
  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next) {
    GST_KVS_SINK_PAD (link->data)->eos = FALSE;
    gst_kvs_sink_pad_reset (link->data);
  }
  GST_OBJECT_UNLOCK (sink);
}

static void
set_playing (GstKvsSink *sink, gboolean playing)
{
  GST_OBJECT_LOCK (sink);
  sink->is_playing = playing;
  GST_OBJECT_UNLOCK (sink);
}

static void
unblock_streaming_threads (GstKvsSink *sink)
{
  g_autoptr (KvsProducer) producer = get_producer (sink);

  if (producer != NULL)
    kvs_producer_set_flushing (producer, TRUE);
}

static GstStateChangeReturn
gst_kvs_sink_change_state (GstElement *element, GstStateChange transition)
{
  GstKvsSink *sink = GST_KVS_SINK (element);
  GstStateChangeReturn result;

  switch (transition) {
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      reset_run (sink);
      if (open_target (sink))
        start_producer (sink);
      break;
    case GST_STATE_CHANGE_PLAYING_TO_PAUSED:
      set_playing (sink, FALSE);
      break;
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      unblock_streaming_threads (sink);
      break;
    default:
      break;
  }

  result = GST_ELEMENT_CLASS (gst_kvs_sink_parent_class)->change_state (element, transition);

  switch (transition) {
    case GST_STATE_CHANGE_PAUSED_TO_PLAYING:
      set_playing (sink, TRUE);
      report_settings_error (sink);
      post_eos_if_due (sink);
      break;
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      release_producer (sink);
      g_clear_pointer (&sink->target, gst_kvs_sink_target_free);
      break;
    default:
      break;
  }
  return result;
}

/* ---- the class ---- */

static void
gst_kvs_sink_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstKvsSink *sink = GST_KVS_SINK (object);
  gboolean known;

  GST_OBJECT_LOCK (sink);
  known = gst_kvs_sink_settings_set (&sink->settings, pspec, value);
  GST_OBJECT_UNLOCK (sink);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static GstStructure *
make_stats (GstKvsSink *sink)
{
  g_autoptr (KvsProducer) producer = get_producer (sink);
  KvsProducerStats stats = { 0 };

  if (producer != NULL)
    kvs_producer_get_stats (producer, &stats);
  return gst_kvs_sink_make_stats (&stats, (guint) g_atomic_int_get (&sink->n_damaged));
}

static void
gst_kvs_sink_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstKvsSink *sink = GST_KVS_SINK (object);
  gboolean known;

  if (id == PROP_STATS) {
    g_value_take_boxed (value, make_stats (sink));
    return;
  }
  GST_OBJECT_LOCK (sink);
  known = gst_kvs_sink_settings_get (&sink->settings, pspec, value);
  GST_OBJECT_UNLOCK (sink);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_kvs_sink_finalize (GObject *object)
{
  GstKvsSink *sink = GST_KVS_SINK (object);

  release_producer (sink);
  g_clear_pointer (&sink->target, gst_kvs_sink_target_free);
  g_clear_error (&sink->settings_error);
  gst_kvs_sink_settings_clear (&sink->settings);
  G_OBJECT_CLASS (gst_kvs_sink_parent_class)->finalize (object);
}

static void
gst_kvs_sink_class_init (GstKvsSinkClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (kvssink_debug, "kvssink", 0, "Kinesis Video Streams sink");

  object_class->set_property = gst_kvs_sink_set_property;
  object_class->get_property = gst_kvs_sink_get_property;
  object_class->finalize = gst_kvs_sink_finalize;
  gst_kvs_sink_settings_install (object_class);
  /**
   * GstKvsSink:stats:
   *
   * Running totals of this run; sizes in bytes, times in nanoseconds.
   *
   * Since: 0.1
   */
  g_object_class_install_property (
      object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "stats",
                          "Frames, fragments and bytes that came, were persisted, were dropped, "
                          "are buffered", GST_TYPE_STRUCTURE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  element_class->request_new_pad = gst_kvs_sink_request_new_pad;
  element_class->release_pad = gst_kvs_sink_release_pad;
  element_class->change_state = gst_kvs_sink_change_state;
  gst_element_class_add_static_pad_template_with_gtype (element_class, &video_template,
                                                        GST_TYPE_KVS_SINK_PAD);
  gst_element_class_add_static_pad_template_with_gtype (element_class, &audio_template,
                                                        GST_TYPE_KVS_SINK_PAD);
  gst_element_class_set_static_metadata (element_class, "Kinesis Video Streams sink",
                                         "Sink/Network",
                                         "Uploads media to Amazon Kinesis Video Streams",
                                         "the kvssink authors");
}

static void
gst_kvs_sink_init (GstKvsSink *sink)
{
  gst_kvs_sink_settings_init (&sink->settings);
  GST_OBJECT_FLAG_SET (sink, GST_ELEMENT_FLAG_SINK);
}
