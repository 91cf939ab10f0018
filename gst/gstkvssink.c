/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-kvssink
 * @title: kvssink
 *
 * kvssink uploads encoded media to a stream of Amazon Kinesis Video Streams. It takes H.264 or H.265
 * video and AAC or G.711 audio on up to three request pads, interleaves them, cuts them into
 * fragments at the key frames of the first video track, packs these into streaming Matroska, and
 * sends them over one long PutMedia request. A fragment is kept until the service has acknowledged it
 * as persisted, and is sent again, whole, after an error.
 *
 * Custom downstream events `kvs-add-metadata` (name, value, persist), `kvs-image-generation`
 * (image-prefix) and `kvs-notification` put metadata on the next fragment.
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
 * gst-launch-1.0 -e videotestsrc is-live=true ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 ! x264enc tune=zerolatency key-int-max=60 ! kvssink stream-name=my-stream
 * ]| A test picture, live.
 * |[
 * gst-launch-1.0 filesrc location=clip.mp4 ! qtdemux ! h264parse ! kvssink stream-name=my-stream streaming-type=offline
 * ]| A file, as fast as it can be uploaded.
 * |[
 * gst-launch-1.0 -e rtspsrc location=rtsp://camera/stream protocols=tcp name=src src. ! rtph264depay ! h264parse ! kvssink name=kvs stream-name=my-stream src. ! rtpmp4gdepay ! aacparse ! kvs.
 * ]| A camera with sound; nothing is decoded.
 * |[
 * gst-launch-1.0 -e videotestsrc is-live=true ! x264enc tune=zerolatency ! kvssink stream-name=my-stream metadata="metadata,site=gate,camera=(string)2" generate-images=true
 * ]| Each fragment with metadata, and a request for images.
 *
 * Since: 0.1
 */
#include "elementclock.h"
#include "gstkvssink-private.h"
#include "gstkvssinkreport.h"

GST_DEBUG_CATEGORY (kvssink_debug);

/* Year 2255: nanoseconds of a day after that do not fit 63 bits. */
#define MAX_FILE_START_TIME_S G_GUINT64_CONSTANT (9000000000)

enum {
  PROP_STATS = 1000,
};

G_DEFINE_TYPE (GstKvsSink, gst_kvs_sink, GST_TYPE_ELEMENT)

static GstStaticPadTemplate video_template = GST_STATIC_PAD_TEMPLATE (
    "video_%u", GST_PAD_SINK, GST_PAD_REQUEST,
    GST_STATIC_CAPS ("video/x-h264, stream-format=(string){ avc, avc3, byte-stream }, "
                     "alignment=(string){ au, nal }; "
                     "video/x-h265, stream-format=(string){ hvc1, hev1, byte-stream }, "
                     "alignment=(string){ au, nal }"));

static GstStaticPadTemplate audio_template = GST_STATIC_PAD_TEMPLATE (
    "audio_%u", GST_PAD_SINK, GST_PAD_REQUEST,
    GST_STATIC_CAPS ("audio/mpeg, mpegversion=(int){ 2, 4 }, stream-format=(string){ raw, adts }; "
                     "audio/x-alaw; audio/x-mulaw"));

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
  gst_kvs_timeline_free (sink->timeline);
  sink->timeline = gst_kvs_timeline_new (
      mode, (gint64) (MIN (settings->file_start_time_s, MAX_FILE_START_TIME_S) * GST_SECOND),
      gst_kvs_element_clock (), sink);
  sink->default_duration_ns = (gint64) (GST_SECOND / MAX (settings->framerate, 1));
  sink->drops_corrupted = settings->drop_corrupted;
  sink->tells_metrics = settings->get_kvs_metrics;
  sink->dropped_warning_us = sink->metadata_warning_us = 0;
  gst_kvs_sink_reset_pads (sink);
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
  g_autoptr (KvsProducer) producer = gst_kvs_sink_get_producer (sink);

  if (producer != NULL)
    gst_kvs_sink_set_pads_flushing (sink, producer);
}

static GstStateChangeReturn
gst_kvs_sink_change_state (GstElement *element, GstStateChange transition)
{
  GstKvsSink *sink = GST_KVS_SINK (element);
  GstStateChangeReturn result;

  switch (transition) {
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      reset_run (sink);
      if (open_target (sink)) {
        gst_kvs_sink_warn_of_typed_secret (sink);
        gst_kvs_sink_start_producer (sink);
      }
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
      gst_kvs_sink_report_settings_error (sink);
      gst_kvs_sink_post_eos_if_due (sink);
      break;
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      gst_kvs_sink_release_producer (sink);
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

static void
gst_kvs_sink_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstKvsSink *sink = GST_KVS_SINK (object);
  gboolean known;

  if (id == PROP_STATS) {
    g_value_take_boxed (value, gst_kvs_sink_get_stats (sink));
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

  gst_kvs_sink_release_producer (sink);
  g_clear_pointer (&sink->target, gst_kvs_sink_target_free);
  g_clear_error (&sink->settings_error);
  g_free (sink->last_error);
  gst_kvs_timeline_free (sink->timeline);
  gst_kvs_sink_settings_clear (&sink->settings);
  G_OBJECT_CLASS (gst_kvs_sink_parent_class)->finalize (object);
}

/* The names are those of the AWS producer SDK's element. Its parameters (a status code of its own, C
 * and C++ pointers) are of no use to other languages: here each has a structure. */
static void
gst_kvs_sink_install_signals (GstKvsSinkClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  /**
   * GstKvsSink::stream-error:
   * @sink: the sink
   * @error: a structure "kvs-stream-error": code (int), message (string), fatal (boolean), and where
   *   an answer of the service was the reason http-status (uint), aws-error-type and request-id
   *   (strings)
   *
   * Something went wrong; with fatal the pipeline gets an error message too. Emitted on the I/O thread:
   * return soon.
   *
   * Since: 0.1
   */
  g_signal_new ("stream-error", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                GST_TYPE_STRUCTURE | G_SIGNAL_TYPE_STATIC_SCOPE);
  /**
   * GstKvsSink::fragment-ack:
   * @sink: the sink
   * @ack: a structure "kvs-fragment-ack": type (string: buffering, received, persisted, error, idle),
   *   timecode (int64), fragment-number (string), error-id (uint), error-code (string)
   *
   * The service has acknowledged a fragment. Emitted on the I/O thread: return soon.
   *
   * Since: 0.1
   */
  g_signal_new ("fragment-ack", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                GST_TYPE_STRUCTURE | G_SIGNAL_TYPE_STATIC_SCOPE);
  /**
   * GstKvsSink::stream-client-metric:
   * @sink: the sink
   * @stats: as #GstKvsSink:stats
   *
   * With get-kvs-metrics, at each key frame. Emitted on the streaming thread.
   *
   * Since: 0.1
   */
  g_signal_new ("stream-client-metric", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                1, GST_TYPE_STRUCTURE | G_SIGNAL_TYPE_STATIC_SCOPE);
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

  gst_kvs_sink_install_signals (klass);

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
  sink->timeline = gst_kvs_timeline_new (GST_KVS_TIMELINE_LIVE, 0, gst_kvs_element_clock (), sink);
  GST_OBJECT_FLAG_SET (sink, GST_ELEMENT_FLAG_SINK);
}
