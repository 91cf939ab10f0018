/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/service-error.h"

#include <string.h>

#include "aws/json-text.h"

#define MAX_BODY_BYTES (64 * 1024)
#define MAX_TYPE_BYTES 128
#define MAX_REQUEST_ID_BYTES 256
#define MAX_MESSAGE_BYTES 1024
#define EXCEPTION "Exception"

/* Names without "Exception" at their end, which some answers have and others lack. What is not
 * here goes by the HTTP status. */
static const struct {
  const gchar *name;
  KvsError code;
} types[] = {
  { "UnrecognizedClient", KVS_ERROR_CREDENTIALS },
  { "InvalidSignature", KVS_ERROR_CREDENTIALS },
  { "SignatureDoesNotMatch", KVS_ERROR_CREDENTIALS },
  { "ExpiredToken", KVS_ERROR_CREDENTIALS },
  { "RequestExpired", KVS_ERROR_CREDENTIALS },
  { "RequestTimeTooSkewed", KVS_ERROR_CREDENTIALS },
  { "RequestInTheFuture", KVS_ERROR_CREDENTIALS },
  { "MissingAuthenticationToken", KVS_ERROR_CREDENTIALS },
  { "IncompleteSignature", KVS_ERROR_CREDENTIALS },
  { "InvalidClientTokenId", KVS_ERROR_CREDENTIALS },
  { "AuthFailure", KVS_ERROR_CREDENTIALS },

  { "AccessDenied", KVS_ERROR_ACCESS_DENIED },
  { "NotAuthorized", KVS_ERROR_ACCESS_DENIED },
  { "OptInRequired", KVS_ERROR_ACCESS_DENIED },

  { "ResourceNotFound", KVS_ERROR_NOT_FOUND },
  { "StreamEdgeConfigurationNotFound", KVS_ERROR_NOT_FOUND },

  { "ClientLimitExceeded", KVS_ERROR_LIMIT },
  { "ConnectionLimitExceeded", KVS_ERROR_LIMIT },
  { "AccountChannelLimitExceeded", KVS_ERROR_LIMIT },
  { "AccountStreamLimitExceeded", KVS_ERROR_LIMIT },
  { "DeviceStreamLimitExceeded", KVS_ERROR_LIMIT },
  { "LimitExceeded", KVS_ERROR_LIMIT },
  { "RequestLimitExceeded", KVS_ERROR_LIMIT },
  { "Throttling", KVS_ERROR_LIMIT },
  { "ThrottlingError", KVS_ERROR_LIMIT },
  { "Throttled", KVS_ERROR_LIMIT },
  { "RequestThrottled", KVS_ERROR_LIMIT },
  { "TooManyRequests", KVS_ERROR_LIMIT },
  { "SlowDown", KVS_ERROR_LIMIT },

  { "InvalidArgument", KVS_ERROR_BAD_ARGUMENT },
  { "InvalidCodecPrivateData", KVS_ERROR_BAD_ARGUMENT },
  { "InvalidDevice", KVS_ERROR_BAD_ARGUMENT },
  { "InvalidEndpoint", KVS_ERROR_BAD_ARGUMENT },
  { "InvalidMediaFrame", KVS_ERROR_BAD_ARGUMENT },
  { "InvalidResourceFormat", KVS_ERROR_BAD_ARGUMENT },
  { "MalformedHttpRequest", KVS_ERROR_BAD_ARGUMENT },
  { "MissingCodecPrivateData", KVS_ERROR_BAD_ARGUMENT },
  { "NoDataRetention", KVS_ERROR_BAD_ARGUMENT },
  { "RequestEntityTooLarge", KVS_ERROR_BAD_ARGUMENT },
  { "TagsPerResourceExceededLimit", KVS_ERROR_BAD_ARGUMENT },
  { "UnknownOperation", KVS_ERROR_BAD_ARGUMENT },
  { "UnsupportedStreamMediaType", KVS_ERROR_BAD_ARGUMENT },
  { "Validation", KVS_ERROR_BAD_ARGUMENT },
  { "ValidationError", KVS_ERROR_BAD_ARGUMENT },
  { "VersionMismatch", KVS_ERROR_BAD_ARGUMENT },

  { "InternalFailure", KVS_ERROR_SERVICE },
  { "InternalServerError", KVS_ERROR_SERVICE },
  { "RequestAborted", KVS_ERROR_SERVICE },
  { "RequestTimeout", KVS_ERROR_SERVICE },
  { "ResourceInUse", KVS_ERROR_SERVICE },
  { "ServiceUnavailable", KVS_ERROR_SERVICE },
};

/* Headers hold "Name:address-of-a-page", bodies "name.space#Name" */
static gchar *
bare_type (const gchar *text)
{
  const gchar *hash;
  gsize size;

  if (text == NULL)
    return NULL;
  size = strcspn (text, ":");
  hash = g_strrstr_len (text, (gssize) size, "#");
  if (hash != NULL) {
    size -= (gsize) (hash + 1 - text);
    text = hash + 1;
  }
  while (size > 0 && g_ascii_isspace (*text)) {
    text++;
    size--;
  }
  while (size > 0 && g_ascii_isspace (text[size - 1]))
    size--;

  if (size == 0 || size > MAX_TYPE_BYTES)
    return NULL;
  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isalnum (text[i]) && strchr ("._-", text[i]) == NULL)
      return NULL;
  return g_strndup (text, size);
}

/* One line of valid UTF-8, cut between characters */
static gchar *
clean_text (const gchar *text, gsize max_bytes)
{
  g_autofree gchar *valid = NULL;
  gsize size;

  if (text == NULL)
    return NULL;
  valid = g_utf8_make_valid (text, (gssize) strnlen (text, max_bytes + 1));
  size = strlen (valid);
  if (size > max_bytes) {
    const gchar *end = g_utf8_find_prev_char (valid, valid + max_bytes + 1);

    size = (gsize) (end - valid);
    valid[size] = '\0';
  }
  for (gsize i = 0; i < size; i++)
    if (g_ascii_iscntrl (valid[i]))
      valid[i] = ' ';
  g_strstrip (valid);
  return *valid != '\0' ? g_steal_pointer (&valid) : NULL;
}

static const gchar *
find_string (JsonObject *object, const gchar *const *names)
{
  for (; *names != NULL; names++) {
    JsonNode *node = json_object_get_member (object, *names);

    if (node != NULL && JSON_NODE_HOLDS_VALUE (node)
        && json_node_get_value_type (node) == G_TYPE_STRING)
      return json_node_get_string (node);
  }
  return NULL;
}

static void
take_object (KvsServiceError *error, JsonObject *object)
{
  static const gchar *const type_names[] = { "__type", "code", "Code", NULL };
  static const gchar *const message_names[] = { "Message", "message", "errorMessage", NULL };

  if (error->type == NULL)
    error->type = bare_type (find_string (object, type_names));
  if (error->message == NULL)
    error->message = clean_text (find_string (object, message_names), MAX_MESSAGE_BYTES);
}

static void
take_body (KvsServiceError *error, const gchar *body, gsize size)
{
  g_autoptr (JsonNode) root = NULL;
  JsonNode *output;

  if (body == NULL || size > MAX_BODY_BYTES)
    return;
  root = kvs_json_text_parse (body, size);
  if (root == NULL)
    return;

  take_object (error, json_node_get_object (root));
  /* the front door answers unknown operations with the error one level down */
  output = json_object_get_member (json_node_get_object (root), "Output");
  if (output != NULL && JSON_NODE_HOLDS_OBJECT (output))
    take_object (error, json_node_get_object (output));
}

/**
 * kvs_service_error_parse:
 * @answer: status, header values and body as they came
 *
 * Takes whatever can be understood of an error answer; a proxy's HTML page gives an error with a
 * status alone. The type in the header beats the one in the body.
 *
 * Returns: (transfer full): the error
 */
KvsServiceError *
kvs_service_error_parse (const KvsServiceAnswer *answer)
{
  KvsServiceError *error = g_new0 (KvsServiceError, 1);

  error->http_status = answer->http_status;
  error->type = bare_type (answer->error_type);
  error->request_id = clean_text (answer->request_id, MAX_REQUEST_ID_BYTES);
  take_body (error, answer->body, answer->body_size);
  return error;
}

/**
 * kvs_service_error_copy:
 * @error: an error
 *
 * Returns: (transfer full): a copy
 */
KvsServiceError *
kvs_service_error_copy (const KvsServiceError *error)
{
  KvsServiceError *copy = g_new (KvsServiceError, 1);

  *copy = (KvsServiceError) {
    .http_status = error->http_status,
    .type = g_strdup (error->type),
    .message = g_strdup (error->message),
    .request_id = g_strdup (error->request_id),
    .retry_after_s = error->retry_after_s,
  };
  return copy;
}

/**
 * kvs_service_error_free:
 * @error: (transfer full) (nullable): an error
 */
void
kvs_service_error_free (KvsServiceError *error)
{
  if (error == NULL)
    return;
  g_free (error->type);
  g_free (error->message);
  g_free (error->request_id);
  g_free (error);
}

/**
 * kvs_service_error_is:
 * @error: an error
 * @name: a type without "Exception" at its end, such as "ResourceInUse"
 *
 * Returns: whether @error is of that type, with or without "Exception"
 */
gboolean
kvs_service_error_is (const KvsServiceError *error, const gchar *name)
{
  gsize size = strlen (name);

  if (error->type == NULL || strncmp (error->type, name, size) != 0)
    return FALSE;
  return error->type[size] == '\0' || g_str_equal (error->type + size, EXCEPTION);
}

/**
 * kvs_service_error_is_invalid_endpoint:
 * @error: an error
 *
 * Returns: whether the stream lives behind another data endpoint: ask GetDataEndpoint again
 */
gboolean
kvs_service_error_is_invalid_endpoint (const KvsServiceError *error)
{
  return kvs_service_error_is (error, "InvalidEndpoint");
}

/**
 * kvs_service_error_is_clock_skew:
 * @error: an error
 *
 * Returns: whether the signature was refused for its date: correct by the answer's Date and sign
 *   again
 */
gboolean
kvs_service_error_is_clock_skew (const KvsServiceError *error)
{
  if (kvs_service_error_is (error, "RequestTimeTooSkewed")
      || kvs_service_error_is (error, "RequestExpired")
      || kvs_service_error_is (error, "RequestInTheFuture"))
    return TRUE;
  return kvs_service_error_is (error, "InvalidSignature") && error->message != NULL
         && (g_str_has_prefix (error->message, "Signature expired")
             || g_str_has_prefix (error->message, "Signature not yet current"));
}

static KvsError
classify_status (guint status)
{
  switch (status) {
  case 401:
    return KVS_ERROR_CREDENTIALS;
  case 403:
    return KVS_ERROR_ACCESS_DENIED;
  case 404:
    return KVS_ERROR_NOT_FOUND;
  case 408:
    return KVS_ERROR_SERVICE;
  case 429:
    return KVS_ERROR_LIMIT;
  default:
    return status >= 400 && status < 500 ? KVS_ERROR_BAD_ARGUMENT : KVS_ERROR_SERVICE;
  }
}

static gboolean
find_code (const KvsServiceError *error, KvsError *code)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    if (kvs_service_error_is (error, types[i].name)) {
      *code = types[i].code;
      return TRUE;
    }
  }
  return FALSE;
}

/**
 * kvs_service_error_classify:
 * @error: an error
 *
 * Returns: what a caller can do about it
 */
KvsError
kvs_service_error_classify (const KvsServiceError *error)
{
  KvsError code;

  return find_code (error, &code) ? code : classify_status (error->http_status);
}

/**
 * kvs_service_error_is_known:
 * @error: an error
 *
 * Returns: whether its type is one of the service's; a proxy's page has none
 */
gboolean
kvs_service_error_is_known (const KvsServiceError *error)
{
  KvsError code;

  return find_code (error, &code);
}

/**
 * kvs_service_error_to_gerror:
 * @error: an error
 * @operation: what was asked, such as "DescribeStream"
 *
 * Returns: (transfer full): a sentence with everything that is known, in the domain %KVS_ERROR
 */
GError *
kvs_service_error_to_gerror (const KvsServiceError *error, const gchar *operation)
{
  g_autoptr (GString) text = g_string_new (operation);

  if (error->type != NULL)
    g_string_append_printf (text, " failed: %s (HTTP %u)", error->type, error->http_status);
  else
    g_string_append_printf (text, " failed: HTTP %u without an error type of AWS; a proxy or "
                            "another server may have answered", error->http_status);
  if (error->message != NULL)
    g_string_append_printf (text, ": %s", error->message);
  if (error->request_id != NULL)
    g_string_append_printf (text, " (request %s)", error->request_id);
  return g_error_new_literal (KVS_ERROR, kvs_service_error_classify (error), text->str);
}
