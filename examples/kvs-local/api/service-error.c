/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/service-error.h"

#include <json-glib/json-glib.h>

/* what follows the name in x-amzn-ErrorType */
#define MODELLED "https://kinesisvideo.amazonaws.com/doc/2017-09-30/"
#define FRAMEWORK "http://internal.amazon.com/coral/com.amazon.coral.service/"

static const struct {
  const gchar *name;
  guint status;
  const gchar *suffix;
} exceptions[] = {
  [KVS_LOCAL_ERROR_INVALID_ARGUMENT] = { "InvalidArgumentException", 400, MODELLED },
  [KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND] = { "ResourceNotFoundException", 404, MODELLED },
  [KVS_LOCAL_ERROR_RESOURCE_IN_USE] = { "ResourceInUseException", 400, MODELLED },
  [KVS_LOCAL_ERROR_VERSION_MISMATCH] = { "VersionMismatchException", 400, MODELLED },
  [KVS_LOCAL_ERROR_CONNECTION_LIMIT] = { "ConnectionLimitExceededException", 400, MODELLED },
  [KVS_LOCAL_ERROR_CLIENT_LIMIT] = { "ClientLimitExceededException", 400, MODELLED },
  [KVS_LOCAL_ERROR_INVALID_ENDPOINT] = { "InvalidEndpointException", 400, MODELLED },
  [KVS_LOCAL_ERROR_NO_DATA_RETENTION] = { "NoDataRetentionException", 400, MODELLED },
  [KVS_LOCAL_ERROR_ACCOUNT_STREAM_LIMIT]
  = { "AccountStreamLimitExceededException", 400, MODELLED },
  [KVS_LOCAL_ERROR_UNSUPPORTED_MEDIA_TYPE]
  = { "UnsupportedStreamMediaTypeException", 400, MODELLED },
  [KVS_LOCAL_ERROR_MISSING_CODEC_PRIVATE_DATA]
  = { "MissingCodecPrivateDataException", 400, MODELLED },
  [KVS_LOCAL_ERROR_INVALID_CODEC_PRIVATE_DATA]
  = { "InvalidCodecPrivateDataException", 400, MODELLED },
  [KVS_LOCAL_ERROR_INVALID_MEDIA_FRAME] = { "InvalidMediaFrameException", 400, MODELLED },
  [KVS_LOCAL_ERROR_TAGS_PER_RESOURCE] = { "TagsPerResourceExceededLimitException", 400, MODELLED },
  [KVS_LOCAL_ERROR_INVALID_RESOURCE_FORMAT] = { "InvalidResourceFormatException", 400, MODELLED },
  [KVS_LOCAL_ERROR_MISSING_AUTHENTICATION_TOKEN]
  = { "MissingAuthenticationTokenException", 403, FRAMEWORK },
  [KVS_LOCAL_ERROR_INCOMPLETE_SIGNATURE] = { "IncompleteSignatureException", 403, FRAMEWORK },
  [KVS_LOCAL_ERROR_INVALID_SIGNATURE] = { "InvalidSignatureException", 403, FRAMEWORK },
  [KVS_LOCAL_ERROR_UNRECOGNIZED_CLIENT] = { "UnrecognizedClientException", 403, FRAMEWORK },
  [KVS_LOCAL_ERROR_EXPIRED_TOKEN] = { "ExpiredTokenException", 403, FRAMEWORK },
  [KVS_LOCAL_ERROR_VALIDATION] = { "ValidationException", 400, FRAMEWORK },
  [KVS_LOCAL_ERROR_SESSION_TOKEN] = { "AccessDeniedException", 403, FRAMEWORK },
  [KVS_LOCAL_ERROR_UNKNOWN_OPERATION] = { "UnknownOperationException", 404, FRAMEWORK },
  [KVS_LOCAL_ERROR_MALFORMED_REQUEST] = { "MalformedHttpRequestException", 400, FRAMEWORK },
  [KVS_LOCAL_ERROR_REQUEST_TOO_LARGE] = { "RequestEntityTooLargeException", 413, FRAMEWORK },
  [KVS_LOCAL_ERROR_INTERNAL] = { "InternalFailure", 500, FRAMEWORK },
};

G_DEFINE_QUARK (kvs-local-error-quark, kvs_local_error)

/* Whatever else went wrong (SQLite, files) is a failure of the service. */
static gint
exception_of (const GError *error)
{
  return error->domain == KVS_LOCAL_ERROR ? error->code : KVS_LOCAL_ERROR_INTERNAL;
}

/**
 * kvs_local_error_status:
 * @error: why a request is refused
 *
 * Returns: the HTTP status that says so
 */
guint
kvs_local_error_status (const GError *error)
{
  return exceptions[exception_of (error)].status;
}

/**
 * kvs_local_error_type:
 * @error: why a request is refused
 *
 * Returns: (transfer full): the value of x-amzn-ErrorType
 */
gchar *
kvs_local_error_type (const GError *error)
{
  gint code = exception_of (error);

  return g_strconcat (exceptions[code].name, ":", exceptions[code].suffix, NULL);
}

/**
 * kvs_local_error_body:
 * @error: why a request is refused
 *
 * Returns: (transfer full): the JSON body; modelled exceptions have "Message", those of the
 *   framework "message"
 */
gchar *
kvs_local_error_body (const GError *error)
{
  gint code = exception_of (error);
  gboolean is_modelled = g_str_equal (exceptions[code].suffix, MODELLED);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object;

  if (code == KVS_LOCAL_ERROR_UNKNOWN_OPERATION)
    return g_strdup ("{\"Output\":{\"__type\":\"com.amazon.coral.service#"
                     "UnknownOperationException\"},\"Version\":\"1.0\"}");
  object = json_object_new ();
  json_object_set_string_member (object, is_modelled ? "Message" : "message", error->message);
  json_node_take_object (node, object);
  return json_to_string (node, FALSE);
}
