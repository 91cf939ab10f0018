/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The producer of a kvssink: its start and end, and what it tells as messages on the bus. */
#include "gstkvssink-private.h"
#include "gstkvssinkreport.h"

/* ---- what the producer tells, on the I/O thread ---- */

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
remember_error (GstKvsSink *sink, const GError *error)
{
  GST_OBJECT_LOCK (sink);
  g_free (sink->last_error);
  sink->last_error = g_strdup (error->message);
  GST_OBJECT_UNLOCK (sink);
}

static void
on_failed (const GError *error, const KvsServiceError *service_error, gpointer user_data)
{
  g_autoptr (GstKvsSink) sink = event_target_get (user_data);

  if (sink == NULL)
    return;
  GST_ERROR_OBJECT (sink, "%s", error->message);
  remember_error (sink, error);
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
  remember_error (sink, error);
  gst_kvs_sink_report_warning (GST_ELEMENT (sink), error, service_error);
}

static void
on_reconnecting (const GError *error, gint64 delay_us, guint n_failures, gpointer user_data)
{
  g_autoptr (GstKvsSink) sink = event_target_get (user_data);

  if (sink == NULL)
    return;
  GST_INFO_OBJECT (sink, "Trying again in %" G_GINT64_FORMAT " ms, after %u failures: %s",
                   delay_us / 1000, n_failures, error->message);
  gst_kvs_sink_report_reconnecting (GST_ELEMENT (sink), delay_us, n_failures);
}

static void
on_dropped (KvsDropReason reason, guint n_frames, gpointer user_data)
{
  g_autoptr (GstKvsSink) sink = event_target_get (user_data);

  if (sink != NULL)
    gst_kvs_sink_report_dropped (GST_ELEMENT (sink), reason, n_frames);
}

/* Returns: (transfer full) (nullable): its pad's name */
static gchar *
dup_pad_name (GstKvsSink *sink, guint track_number)
{
  gchar *name = NULL;

  GST_OBJECT_LOCK (sink);
  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next) {
    if (GST_KVS_SINK_PAD (link->data)->track_number == track_number)
      name = gst_object_get_name (link->data);
  }
  GST_OBJECT_UNLOCK (sink);
  return name;
}

static void
on_missing (guint track_number, const gchar *stream_name, gpointer user_data)
{
  g_autoptr (GstKvsSink) sink = event_target_get (user_data);
  g_autofree gchar *pad_name = sink != NULL ? dup_pad_name (sink, track_number) : NULL;
  g_autoptr (GError) error = NULL;

  if (pad_name == NULL)
    return;
  error = g_error_new (KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                       "Stream %s: nothing has come to pad %s yet, and other tracks are uploaded "
                       "without it; check that its source is linked and sends something",
                       stream_name, pad_name);
  on_warning (error, NULL, user_data);
}

static void
on_spool_trouble (gboolean has_trouble, gpointer user_data)
{
  g_autoptr (GstKvsSink) sink = event_target_get (user_data);

  if (sink != NULL)
    gst_kvs_sink_report_spool (GST_ELEMENT (sink), !has_trouble);
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
void
gst_kvs_sink_report_settings_error (GstKvsSink *sink)
{
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (sink);
  error = g_steal_pointer (&sink->settings_error);
  GST_OBJECT_UNLOCK (sink);
  if (error != NULL)
    gst_kvs_sink_report_error (GST_ELEMENT (sink), error, NULL);
}

/* Once for each element: it says nothing new the second time. */
void
gst_kvs_sink_warn_of_typed_secret (GstKvsSink *sink)
{
  gboolean is_typed;

  GST_OBJECT_LOCK (sink);
  is_typed = !sink->typed_secret_was_told && sink->settings.secret_key != NULL;
  sink->typed_secret_was_told |= is_typed;
  GST_OBJECT_UNLOCK (sink);
  if (is_typed)
    GST_ELEMENT_WARNING (sink, RESOURCE, SETTINGS, (
        "The secret key was given as a property, where lists of processes and histories of shells "
        "show it; better: a profile of the shared AWS files, the environment, an IAM role, "
        "credential-path or iot-certificate"), (NULL));
}

/* EOS goes out once, in PLAYING only, as every sink's does. */
void
gst_kvs_sink_post_eos_if_due (GstKvsSink *sink)
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
  gst_kvs_sink_post_eos_if_due (sink);
}

/* ---- the producer ---- */

KvsProducer *
gst_kvs_sink_get_producer (GstKvsSink *sink)
{
  KvsProducer *producer;

  GST_OBJECT_LOCK (sink);
  producer = sink->producer != NULL ? kvs_producer_ref (sink->producer) : NULL;
  GST_OBJECT_UNLOCK (sink);
  return producer;
}

/**
 * gst_kvs_sink_get_run:
 * @sink: the sink
 * @generation: (out): which producer it is, counted from 1
 *
 * Returns: (transfer full) (nullable): the producer
 */
KvsProducer *
gst_kvs_sink_get_run (GstKvsSink *sink, guint *generation)
{
  KvsProducer *producer;

  GST_OBJECT_LOCK (sink);
  producer = sink->producer != NULL ? kvs_producer_ref (sink->producer) : NULL;
  *generation = sink->generation;
  GST_OBJECT_UNLOCK (sink);
  return producer;
}

/**
 * gst_kvs_sink_get_stats:
 * @sink: the sink
 *
 * Returns: (transfer full): the figures of this moment
 */
GstStructure *
gst_kvs_sink_get_stats (GstKvsSink *sink)
{
  g_autoptr (KvsProducer) producer = gst_kvs_sink_get_producer (sink);
  g_autofree gchar *last_error = NULL;
  KvsProducerStats stats = { 0 };

  if (producer != NULL)
    kvs_producer_get_stats (producer, &stats);
  GST_OBJECT_LOCK (sink);
  last_error = g_strdup (sink->last_error);
  GST_OBJECT_UNLOCK (sink);
  return gst_kvs_sink_make_stats (&stats, last_error);
}

/**
 * gst_kvs_sink_get_metadata:
 * @sink: the sink
 *
 * Returns: (transfer full) (nullable): what goes with each fragment in this run
 */
KvsMetadata *
gst_kvs_sink_get_metadata (GstKvsSink *sink)
{
  KvsMetadata *metadata;

  GST_OBJECT_LOCK (sink);
  metadata = sink->target != NULL ? kvs_metadata_ref (sink->target->metadata) : NULL;
  GST_OBJECT_UNLOCK (sink);
  return metadata;
}

static void
add_tracks (GstKvsSink *sink, KvsProducer *producer)
{
  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next) {
    GstKvsSinkPad *pad = link->data;

    kvs_producer_add_track (producer, pad->track_number, pad->type);
    if (pad->eos)
      kvs_producer_end_track (producer, pad->track_number);
  }
}

/* What the producer needs for as long as it goes on by itself. */
typedef struct {
  KvsCredentialsConfig *config;
  KvsHttpOptions http;
} CredentialsSource;

static CredentialsSource *
credentials_source_new (GstKvsSink *sink, GstKvsSinkTarget *target)
{
  CredentialsSource *source = g_new (CredentialsSource, 1);

  source->config = kvs_credentials_config_ref (target->credentials);
  kvs_http_options_copy (&source->http, &target->http);
  return source;
}

static void
credentials_source_free (gpointer data)
{
  CredentialsSource *source = data;

  kvs_credentials_config_unref (source->config);
  kvs_http_options_clear (&source->http);
  g_free (source);
}

static KvsCredentialsCache *
open_credentials (KvsLoop *loop, gpointer user_data)
{
  const CredentialsSource *source = user_data;

  return kvs_credentials_cache_for (loop, &source->http, source->config);
}

void
gst_kvs_sink_start_producer (GstKvsSink *sink)
{
  static const KvsProducerEvents events = {
    .failed = on_failed,
    .warning = on_warning,
    .reconnecting = on_reconnecting,
    .dropped = on_dropped,
    .missing = on_missing,
    .ack = on_ack,
    .session_started = on_session_started,
    .session_ended = on_session_ended,
    .spool_trouble = on_spool_trouble,
    .drained = on_drained,
  };
  GstKvsSinkTarget *target = sink->target;
  KvsProducerConfig config = {
    .definition = target->definition,
    .region = target->place->region,
    .endpoint = target->place->endpoint,
    .data_endpoint = target->data_endpoint,
    .credentials = {
      .open = open_credentials,
      .user_data = credentials_source_new (sink, target),
      .destroy = credentials_source_free,
    },
    .metadata = target->metadata,
    .http = target->http,
  };
  KvsProducer *producer;

  GST_OBJECT_LOCK (sink);
  sink->generation++;
  sink->failed = sink->finished = sink->drained = FALSE;
  producer = sink->producer = kvs_producer_new (
      &config, &events, event_target_new (sink, sink->generation), event_target_free);
  add_tracks (sink, producer);
  kvs_producer_start (producer);
  GST_OBJECT_UNLOCK (sink);
  GST_INFO_OBJECT (sink, "Uploading to stream %s in %s through %s",
                   target->definition->stream_name, target->place->region, target->place->endpoint);
}

/* The producer goes on by itself until all is delivered, for stop-stream-timeout at most. */
void
gst_kvs_sink_release_producer (GstKvsSink *sink)
{
  KvsProducer *producer;

  GST_OBJECT_LOCK (sink);
  producer = g_steal_pointer (&sink->producer);
  GST_OBJECT_UNLOCK (sink);
  if (producer == NULL)
    return;
  kvs_producer_leave (producer);
  kvs_producer_unref (producer);
}

/* After EOS the stream has ended for the producer; media that come still need a new one.
 * Returns: whether there is one. */
gboolean
gst_kvs_sink_restart_if_finished (GstKvsSink *sink)
{
  gboolean finished;

  GST_OBJECT_LOCK (sink);
  finished = sink->finished && sink->producer != NULL;
  GST_OBJECT_UNLOCK (sink);
  if (!finished)
    return FALSE;
  gst_kvs_sink_release_producer (sink);
  gst_kvs_sink_start_producer (sink);
  return TRUE;
}
