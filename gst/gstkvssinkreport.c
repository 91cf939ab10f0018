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

static GstStructure *
make_details (const GError *error, const KvsServiceError *service_error)
{
  GstStructure *details
      = gst_structure_new ("kvs-error-details", "code", G_TYPE_INT, error->code, NULL);

  if (service_error == NULL)
    return details;
  gst_structure_set (details, "http-status", G_TYPE_UINT, service_error->http_status,
                     "aws-error-type", G_TYPE_STRING, service_error->type, "request-id",
                     G_TYPE_STRING, service_error->request_id, NULL);
  return details;
}

static void
report (GstElement *element, GstMessageType type, const GError *error,
        const KvsServiceError *service_error)
{
  const ErrorRow *row = find_row (error);
  gchar *text = row->hint != NULL ? g_strdup_printf ("%s. %s", error->message, row->hint)
                                  : g_strdup (error->message);

  gst_element_message_full_with_details (element, type, row->domain (), row->gst_code, text, NULL,
                                         __FILE__, G_STRFUNC, __LINE__,
                                         make_details (error, service_error));
}

/**
 * gst_kvs_sink_report_error:
 * @element: the sink
 * @error: of domain %KVS_ERROR
 * @service_error: (nullable): what the service said
 *
 * Posts the one error message of the element. Any thread.
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
 * Posts an element message "kvs-fragment-ack". Any thread.
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

  gst_element_post_message (element, gst_message_new_element (GST_OBJECT (element), structure));
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

  gst_element_post_message (element, gst_message_new_element (GST_OBJECT (element), structure));
}

/**
 * gst_kvs_sink_make_stats:
 * @stats: figures of the library
 *
 * Returns: (transfer full): the same as a structure
 */
GstStructure *
gst_kvs_sink_make_stats (const KvsProducerStats *stats)
{
  const KvsBufferStats *buffer = &stats->buffer;

  return gst_structure_new (
      "kvs-sink-stats", "frames-in", G_TYPE_UINT64, buffer->frames_in, "bytes-in", G_TYPE_UINT64,
      buffer->bytes_in, "frames-persisted", G_TYPE_UINT64, buffer->frames_persisted,
      "fragments-persisted", G_TYPE_UINT64, buffer->fragments_persisted, "bytes-persisted",
      G_TYPE_UINT64, buffer->bytes_persisted, "frames-dropped-before-key-frame", G_TYPE_UINT64,
      buffer->frames_dropped[KVS_DROP_BEFORE_KEY_FRAME], "frames-dropped-buffer-full",
      G_TYPE_UINT64, buffer->frames_dropped[KVS_DROP_OVERFLOW], "frames-dropped-refused",
      G_TYPE_UINT64, buffer->frames_dropped[KVS_DROP_REFUSED], "frames-dropped-late", G_TYPE_UINT64,
      buffer->frames_dropped[KVS_DROP_LATE], "frames-dropped-damaged", G_TYPE_UINT64,
      buffer->frames_dropped[KVS_DROP_DAMAGED], "frames-dropped-corrupted", G_TYPE_UINT64,
      buffer->frames_dropped[KVS_DROP_CORRUPTED], "fragments-without-key-frame", G_TYPE_UINT64,
      buffer->fragments_forced, "fragments-buffered", G_TYPE_UINT64, buffer->fragments_buffered,
      "bytes-buffered", G_TYPE_UINT64, buffer->bytes_buffered, "time-buffered", G_TYPE_INT64,
      buffer->buffered_ns, "sessions", G_TYPE_UINT64, stats->sessions, "reconnects", G_TYPE_UINT64,
      stats->reconnects, "error-acks", G_TYPE_UINT64, stats->error_acks, NULL);
}
