/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/put-media.h"

#include <math.h>

#include "api/service-error.h"
#include "http/args.h"

#define STREAM_NAME "x-amzn-stream-name"
#define STREAM_ARN "x-amzn-stream-arn"
#define TIMECODE_TYPE "x-amzn-fragment-timecode-type"
#define START_TIMESTAMP "x-amzn-producer-start-timestamp"
#define ACKNOWLEDGMENT_REQUIRED "x-amzn-fragment-acknowledgment-required"

/* the end of the year 9999 */
#define MAX_UNIX_SECONDS 253402300799.0
#define MS_PER_SECOND 1000

static gboolean
invalid (GError **error, const gchar *message)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT, message);
  return FALSE;
}

static KvsLocalStream *
find_stream (KvsLocalStore *store, SoupMessageHeaders *headers, GError **error)
{
  const gchar *name = soup_message_headers_get_list (headers, STREAM_NAME);
  const gchar *arn = soup_message_headers_get_list (headers, STREAM_ARN);
  KvsLocalStream *stream;

  if ((name == NULL) == (arn == NULL)) {
    invalid (error, "Either " STREAM_NAME " or " STREAM_ARN " must be specified, and not both.");
    return NULL;
  }
  if (name != NULL
        ? !kvs_local_check_string (STREAM_NAME, name, &kvs_local_shape_stream_name, error)
        : !kvs_local_check_string (STREAM_ARN, arn, &kvs_local_shape_arn, error))
    return NULL;
  stream = name != NULL ? kvs_local_store_find_by_name (store, name)
                        : kvs_local_store_find_by_arn (store, arn);
  if (stream == NULL || !kvs_local_stream_is_active (stream)) {
    stream = NULL;
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_STREAM);
  }
  return stream;
}

static gboolean
parse_timecode_type (SoupMessageHeaders *headers, gboolean *is_relative, GError **error)
{
  const gchar *type = soup_message_headers_get_list (headers, TIMECODE_TYPE);

  *is_relative = g_strcmp0 (type, "RELATIVE") == 0;
  return *is_relative || g_strcmp0 (type, "ABSOLUTE") == 0
         || invalid (error, TIMECODE_TYPE " must be ABSOLUTE or RELATIVE.");
}

/* A plain decimal number; producers differ in how many digits of a fraction they write. */
static gboolean
parse_start (SoupMessageHeaders *headers, gint64 *start_ms, GError **error)
{
  const gchar *text = soup_message_headers_get_list (headers, START_TIMESTAMP);
  gdouble seconds;

  *start_ms = 0;
  if (text == NULL)
    return TRUE;
  if (!g_regex_match_simple ("^([0-9]{1,20}(\\.[0-9]{0,20})?|\\.[0-9]{1,20})$", text,
                             G_REGEX_DOLLAR_ENDONLY, 0))
    return invalid (error, START_TIMESTAMP " must be a decimal number of seconds.");
  seconds = g_ascii_strtod (text, NULL);
  if (seconds > MAX_UNIX_SECONDS)
    return invalid (error, START_TIMESTAMP " is out of range.");
  *start_ms = (gint64) llround (seconds * MS_PER_SECOND);
  return TRUE;
}

static gboolean
parse_body_form (SoupMessageHeaders *headers, KvsLocalPutMediaRequest *out, GError **error)
{
  switch (soup_message_headers_get_encoding (headers)) {
    case SOUP_ENCODING_CHUNKED:
      out->is_chunked = TRUE;
      return TRUE;
    case SOUP_ENCODING_CONTENT_LENGTH:
      out->length = (guint64) soup_message_headers_get_content_length (headers);
      return TRUE;
    case SOUP_ENCODING_NONE:
      return TRUE;
    default:
      g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_MALFORMED_REQUEST,
                           "The body must have a Content-Length, or chunks.");
      return FALSE;
  }
}

/**
 * kvs_local_put_media_parse:
 * @server: the server
 * @message: a request whose headers are there
 * @out: (out): what they say, to be cleared in any case
 * @error: where to put an error
 *
 * Returns: %FALSE with a %KVS_LOCAL_ERROR if the request is to be refused
 */
gboolean
kvs_local_put_media_parse (KvsLocalServer *server, SoupServerMessage *message,
                           KvsLocalPutMediaRequest *out, GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const gchar *wants_acks = soup_message_headers_get_list (headers, ACKNOWLEDGMENT_REQUIRED);
  KvsLocalStream *stream;

  *out = (KvsLocalPutMediaRequest) { 0 };
  if (!parse_body_form (headers, out, error)
      || !parse_timecode_type (headers, &out->config.is_relative, error)
      || !parse_start (headers, &out->config.start_ms, error))
    return FALSE;
  out->wants_acks = g_strcmp0 (wants_acks, "0") != 0;
  out->expects_continue
    = (soup_message_headers_get_expectations (headers) & SOUP_EXPECTATION_CONTINUE) != 0;
  stream = find_stream (server->store, headers, error);
  if (stream == NULL
      || !kvs_local_server_take_quota (server, &stream->quotas, KVS_LOCAL_QUOTA_PUT_CALLS, 1,
                                       error))
    return FALSE;
  if (stream->n_put_connections >= KVS_LOCAL_MAX_PUT_CONNECTIONS) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_CONNECTION_LIMIT,
                         "The limit of concurrent PutMedia connections of the stream is reached.");
    return FALSE;
  }
  out->stream = kvs_local_stream_ref (stream);
  return TRUE;
}

/**
 * kvs_local_put_media_request_clear:
 * @request: to be emptied
 */
void
kvs_local_put_media_request_clear (KvsLocalPutMediaRequest *request)
{
  g_clear_pointer (&request->stream, kvs_local_stream_unref);
}
