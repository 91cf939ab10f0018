/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstkvssinkreport.h"

#include "error.h"

typedef struct {
  KvsError code;
  GQuark (*domain) (void);
  gint gst_code;
  const gchar *hint; /* what to do, where the message alone does not say */
} ErrorRow;

static const ErrorRow rows[] = {
  { KVS_ERROR_BAD_ARGUMENT, gst_resource_error_quark, GST_RESOURCE_ERROR_SETTINGS, NULL },
  { KVS_ERROR_CREDENTIALS, gst_resource_error_quark, GST_RESOURCE_ERROR_NOT_AUTHORIZED,
    "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (or access-key, "
    "secret-key and session-token), and that the region and the clock are right" },
  { KVS_ERROR_ACCESS_DENIED, gst_resource_error_quark, GST_RESOURCE_ERROR_NOT_AUTHORIZED,
    "Allow these credentials kinesisvideo:DescribeStream, CreateStream, TagStream, "
    "GetDataEndpoint and PutMedia on the stream" },
  { KVS_ERROR_NOT_FOUND, gst_resource_error_quark, GST_RESOURCE_ERROR_NOT_FOUND, NULL },
  { KVS_ERROR_LIMIT, gst_resource_error_quark, GST_RESOURCE_ERROR_BUSY, NULL },
  { KVS_ERROR_NETWORK, gst_resource_error_quark, GST_RESOURCE_ERROR_OPEN_WRITE, NULL },
  { KVS_ERROR_UNKNOWN_HOST, gst_resource_error_quark, GST_RESOURCE_ERROR_OPEN_WRITE, NULL },
  { KVS_ERROR_TLS, gst_resource_error_quark, GST_RESOURCE_ERROR_OPEN_WRITE,
    "Check the clock and the trusted certificates (ca-path, AWS_CA_BUNDLE)" },
  { KVS_ERROR_SERVICE, gst_resource_error_quark, GST_RESOURCE_ERROR_WRITE, NULL },
  { KVS_ERROR_BAD_MEDIA, gst_stream_error_quark, GST_STREAM_ERROR_FORMAT, NULL },
  { KVS_ERROR_PROTOCOL, gst_resource_error_quark, GST_RESOURCE_ERROR_WRITE, NULL },
  { KVS_ERROR_TIMEOUT, gst_resource_error_quark, GST_RESOURCE_ERROR_WRITE, NULL },
  { KVS_ERROR_SPOOL, gst_resource_error_quark, GST_RESOURCE_ERROR_WRITE, NULL },
  { KVS_ERROR_SPOOL_DAMAGED, gst_resource_error_quark, GST_RESOURCE_ERROR_READ, NULL },
};

static const gchar *const drop_reasons[KVS_N_DROP_REASONS] = {
  [KVS_DROP_BEFORE_KEY_FRAME] = "before-key-frame",
  [KVS_DROP_OVERFLOW] = "buffer-full",
  [KVS_DROP_REFUSED] = "refused",
  [KVS_DROP_LATE] = "late",
  [KVS_DROP_DAMAGED] = "damaged",
  [KVS_DROP_CORRUPTED] = "corrupted",
};

static const ErrorRow *
find_row (const GError *error)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    if ((gint) rows[i].code == error->code)
      return &rows[i];
  }
  return &rows[0];
}

/* A source of credentials that fails says itself what to do. */
static const gchar *
find_hint (const GError *error, const KvsServiceError *service_error)
{
  if (service_error == NULL && error->code == KVS_ERROR_CREDENTIALS)
    return NULL;
  return find_row (error)->hint;
}

static GstStructure *
make_details (const gchar *name, const GError *error, const KvsServiceError *service_error)
{
  GstStructure *details = gst_structure_new (name, "code", G_TYPE_INT, error->code, NULL);

  if (service_error == NULL)
    return details;
  if (service_error->ack_id != 0) {
    gst_structure_set (details, "error-id", G_TYPE_UINT, service_error->ack_id, "error-code",
                       G_TYPE_STRING, service_error->type, NULL);
    if (service_error->ack_timecode >= 0)
      gst_structure_set (details, "timecode", G_TYPE_INT64, service_error->ack_timecode, NULL);
    return details;
  }
  gst_structure_set (details, "http-status", G_TYPE_UINT, service_error->http_status,
                     "aws-error-type", G_TYPE_STRING, service_error->type, "request-id",
                     G_TYPE_STRING, service_error->request_id, NULL);
  return details;
}

/* Signals carry the same structures as messages: any language can read these. */
static void
tell (GstElement *element, const gchar *signal_name, GstStructure *structure)
{
  if (signal_name != NULL)
    g_signal_emit_by_name (element, signal_name, structure);
  gst_element_post_message (element, gst_message_new_element (GST_OBJECT (element), structure));
}

static void
report (GstElement *element, GstMessageType type, const GError *error,
        const KvsServiceError *service_error)
{
  const ErrorRow *row = find_row (error);
  const gchar *hint = find_hint (error, service_error);
  gchar *text = hint != NULL ? g_strdup_printf ("%s. %s", error->message, hint)
                             : g_strdup (error->message);
  GstStructure *structure = make_details ("kvs-stream-error", error, service_error);

  gst_structure_set (structure, "message", G_TYPE_STRING, text, "fatal", G_TYPE_BOOLEAN,
                     type == GST_MESSAGE_ERROR, NULL);
  tell (element, "stream-error", structure);
  gst_element_message_full_with_details (
      element, type, row->domain (), row->gst_code, text, NULL, __FILE__, G_STRFUNC, __LINE__,
      make_details ("kvs-error-details", error, service_error));
}

/**
 * gst_kvs_sink_report_error:
 * @element: the sink
 * @error: of domain %KVS_ERROR
 * @service_error: (nullable): what the service said
 *
 * Emits "stream-error", and posts an element message "kvs-stream-error" and the one error message of
 * the element. Any thread.
 */
void
gst_kvs_sink_report_error (GstElement *element, const GError *error,
                           const KvsServiceError *service_error)
{
  report (element, GST_MESSAGE_ERROR, error, service_error);
}

/**
 * gst_kvs_sink_report_warning:
 * @element: the sink
 * @error: of domain %KVS_ERROR
 * @service_error: (nullable): what the service said
 *
 * Any thread.
 */
void
gst_kvs_sink_report_warning (GstElement *element, const GError *error,
                             const KvsServiceError *service_error)
{
  report (element, GST_MESSAGE_WARNING, error, service_error);
}

/**
 * gst_kvs_sink_report_ack:
 * @element: the sink
 * @ack: what the service said
 *
 * Emits "fragment-ack" and posts an element message "kvs-fragment-ack". Any thread.
 */
void
gst_kvs_sink_report_ack (GstElement *element, const KvsAck *ack)
{
  static const gchar *const types[]
      = { "unknown", "buffering", "received", "persisted", "error", "idle" };
  GstStructure *structure = gst_structure_new (
      "kvs-fragment-ack", "type", G_TYPE_STRING, types[ack->type], "timecode", G_TYPE_INT64,
      ack->timecode, "fragment-number", G_TYPE_STRING, ack->fragment_number, "error-id",
      G_TYPE_UINT, ack->error_id, "error-code", G_TYPE_STRING, ack->error_code, NULL);

  tell (element, "fragment-ack", structure);
}

/**
 * gst_kvs_sink_report_reconnecting:
 * @element: the sink
 * @delay_us: until the next try
 * @n_failures: in a row
 *
 * Posts an element message "kvs-reconnecting". Any thread.
 */
void
gst_kvs_sink_report_reconnecting (GstElement *element, gint64 delay_us, guint n_failures)
{
  tell (element, NULL,
        gst_structure_new ("kvs-reconnecting", "delay", G_TYPE_INT64, delay_us * 1000, "failures",
                           G_TYPE_UINT, n_failures, NULL));
}

/**
 * gst_kvs_sink_report_dropped:
 * @element: the sink
 * @reason: why
 * @n_frames: how many
 *
 * Posts an element message "kvs-frames-dropped". Any thread.
 */
void
gst_kvs_sink_report_dropped (GstElement *element, KvsDropReason reason, guint n_frames)
{
  tell (element, NULL,
        gst_structure_new ("kvs-frames-dropped", "reason", G_TYPE_STRING, drop_reasons[reason],
                           "frames", G_TYPE_UINT, n_frames, NULL));
}

/**
 * gst_kvs_sink_report_session:
 * @element: the sink
 * @started: whether a PutMedia request was accepted; else one is over
 *
 * Posts an element message "kvs-session-started" or "kvs-session-ended". Any thread.
 */
void
gst_kvs_sink_report_session (GstElement *element, gboolean started)
{
  GstStructure *structure
      = gst_structure_new_empty (started ? "kvs-session-started" : "kvs-session-ended");

  tell (element, NULL, structure);
}

/**
 * gst_kvs_sink_report_spool:
 * @element: the sink
 * @works: whether the disk of the spool does its work again, or no longer
 *
 * Posts an element message "kvs-spool-works" or "kvs-spool-failed". Any thread.
 */
void
gst_kvs_sink_report_spool (GstElement *element, gboolean works)
{
  tell (element, NULL, gst_structure_new_empty (works ? "kvs-spool-works" : "kvs-spool-failed"));
}

/**
 * gst_kvs_sink_make_stats:
 * @stats: figures of the library
 * @last_error: (nullable): the last thing that went wrong
 *
 * Returns: (transfer full): the same as a structure
 */
GstStructure *
gst_kvs_sink_make_stats (const KvsProducerStats *stats, const gchar *last_error)
{
  const KvsBufferStats *buffer = &stats->buffer;
  GstStructure *structure = gst_structure_new (
      "kvs-sink-stats", "frames-in", G_TYPE_UINT64, buffer->frames_in, "bytes-in", G_TYPE_UINT64,
      buffer->bytes_in, "frames-sent", G_TYPE_UINT64, buffer->frames_sent, "bytes-sent",
      G_TYPE_UINT64, buffer->bytes_sent, "frames-persisted", G_TYPE_UINT64,
      buffer->frames_persisted, "fragments-persisted", G_TYPE_UINT64, buffer->fragments_persisted,
      "bytes-persisted", G_TYPE_UINT64, buffer->bytes_persisted, "fragments-without-key-frame",
      G_TYPE_UINT64, buffer->fragments_forced, "fragments-buffered", G_TYPE_UINT64,
      buffer->fragments_buffered, "bytes-buffered", G_TYPE_UINT64, buffer->bytes_buffered,
      "time-buffered", G_TYPE_INT64, buffer->buffered_ns, "fragments-spooled", G_TYPE_UINT64,
      buffer->spool_fragments, "bytes-spooled", G_TYPE_UINT64, buffer->spool_bytes,
      "bytes-per-second", G_TYPE_UINT64,
      buffer->bytes_per_s, "ack-latency", G_TYPE_INT64, buffer->ack_latency_ns, "sessions",
      G_TYPE_UINT64, stats->sessions, "reconnects", G_TYPE_UINT64, stats->reconnects,
      "error-acks", G_TYPE_UINT64, stats->error_acks, "credentials-expiration",
      G_TYPE_INT64, stats->credentials_expiration_s, "last-error", G_TYPE_STRING, last_error,
      NULL);

  for (guint i = 0; i < KVS_N_DROP_REASONS; i++) {
    g_autofree gchar *name = g_strconcat ("frames-dropped-", drop_reasons[i], NULL);

    gst_structure_set (structure, name, G_TYPE_UINT64, buffer->frames_dropped[i], NULL);
  }
  return structure;
}
