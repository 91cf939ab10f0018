/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/args.h"

#include <math.h>

#include "api/service-error.h"
#include "http/json-check.h"

/* A time beyond the year 9999 is a mistake, and would overflow. */
#define MAX_UNIX_SECONDS 253402300799.0
#define MS_PER_SECOND 1000

/* The model writes \w, which GRegex takes for the letters of any script. */
#define WORD "[a-zA-Z0-9_\\-\\.\\+]+"
#define MEDIA_TYPE WORD "/" WORD

const KvsLocalStringShape kvs_local_shape_stream_name = { 1, 256, "[a-zA-Z0-9_.-]+" };
const KvsLocalStringShape kvs_local_shape_arn
  = { 1, 1024, "arn:[a-z0-9-]+:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+" };
const KvsLocalStringShape kvs_local_shape_device_name = { 1, 128, "[a-zA-Z0-9_.-]+" };
const KvsLocalStringShape kvs_local_shape_media_type
  = { 1, 128, MEDIA_TYPE "(," MEDIA_TYPE ")*" };
const KvsLocalStringShape kvs_local_shape_kms_key_id = { 1, 2048, ".+" };
const KvsLocalStringShape kvs_local_shape_version = { 1, 64, "[a-zA-Z0-9]+" };
const KvsLocalStringShape kvs_local_shape_next_token = { 0, 1024, "[a-zA-Z0-9+/=]*" };
const KvsLocalStringShape kvs_local_shape_tag_key
  = { 1, 128, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*" };
const KvsLocalStringShape kvs_local_shape_tag_value
  = { 0, 256, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*" };
const KvsLocalStringShape kvs_local_shape_any = { 0, G_MAXUINT, NULL };

/**
 * kvs_local_args_invalid:
 * @error: where to put a %KVS_LOCAL_ERROR_INVALID_ARGUMENT
 * @format: printf format of what is wrong
 * @...: its arguments
 *
 * Returns: %FALSE
 */
gboolean
kvs_local_args_invalid (GError **error, const gchar *format, ...)
{
  va_list args;
  g_autofree gchar *message = NULL;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT, message);
  return FALSE;
}

/**
 * kvs_local_check_string:
 * @name: of the member, for the message
 * @value: its value
 * @shape: what it must be like
 * @error: where to put an error
 *
 * Returns: whether it is so
 */
gboolean
kvs_local_check_string (const gchar *name, const gchar *value, const KvsLocalStringShape *shape,
                        GError **error)
{
  g_autofree gchar *pattern = NULL;
  glong length;

  /* what a token is decoded to may be anything */
  if (!g_utf8_validate (value, -1, NULL))
    return kvs_local_args_invalid (error, "%s must be in UTF-8.", name);
  length = g_utf8_strlen (value, -1);
  if (length < (glong) shape->min)
    return kvs_local_args_invalid (error, "%s must have at least %u characters.", name, shape->min);
  if (length > (glong) shape->max)
    return kvs_local_args_invalid (error, "%s must have at most %u characters.", name, shape->max);
  if (shape->pattern == NULL)
    return TRUE;
  pattern = g_strdup_printf ("^(?:%s)$", shape->pattern);
  return g_regex_match_simple (pattern, value, G_REGEX_DOLLAR_ENDONLY, 0)
         || kvs_local_args_invalid (error, "%s must satisfy the regular expression pattern: %s", name,
                     shape->pattern);
}

/**
 * kvs_local_args_parse:
 * @body: of a request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): the object in it; an empty one for an empty body
 */
JsonObject *
kvs_local_args_parse (GBytes *body, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  gsize size;
  const gchar *data = g_bytes_get_data (body, &size);
  JsonNode *root;

  if (size == 0)
    return json_object_new ();
  if (!kvs_local_json_check (data, size)
      || !json_parser_load_from_data (parser, data, (gssize) size, NULL)) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_MALFORMED_REQUEST,
                         "The request body is not valid JSON.");
    return NULL;
  }
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root)) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_MALFORMED_REQUEST,
                         "The request body is not a JSON object.");
    return NULL;
  }
  return json_node_dup_object (root);
}

/**
 * kvs_local_args_has:
 * @args: request
 * @name: of a member
 *
 * Returns: whether it is there; null counts as not there
 */
gboolean
kvs_local_args_has (JsonObject *args, const gchar *name)
{
  return json_object_has_member (args, name) && !json_object_get_null_member (args, name);
}

static gboolean
is_of_type (JsonObject *args, const gchar *name, GType type)
{
  JsonNode *node = json_object_get_member (args, name);

  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type;
}

/**
 * kvs_local_args_require:
 * @args: request
 * @name: of a member
 * @error: where to put an error
 *
 * Returns: whether it is there
 */
gboolean
kvs_local_args_require (JsonObject *args, const gchar *name, GError **error)
{
  return kvs_local_args_has (args, name) || kvs_local_args_invalid (error, "%s is required.", name);
}

/**
 * kvs_local_args_string:
 * @args: request
 * @name: of a member that may be left out
 * @shape: what it must be like
 * @out: (out) (transfer none) (nullable): its value
 * @error: where to put an error
 *
 * Returns: whether it is good or not there
 */
gboolean
kvs_local_args_string (JsonObject *args, const gchar *name, const KvsLocalStringShape *shape,
                       const gchar **out, GError **error)
{
  *out = NULL;
  if (!kvs_local_args_has (args, name))
    return TRUE;
  if (!is_of_type (args, name, G_TYPE_STRING))
    return kvs_local_args_invalid (error, "%s must be a string.", name);
  *out = json_object_get_string_member (args, name);
  return kvs_local_check_string (name, *out, shape, error);
}

/**
 * kvs_local_args_required_string:
 * @args: request
 * @name: of a member
 * @shape: what it must be like
 * @out: (out) (transfer none): its value
 * @error: where to put an error
 *
 * Returns: whether it is there and good
 */
gboolean
kvs_local_args_required_string (JsonObject *args, const gchar *name,
                                const KvsLocalStringShape *shape, const gchar **out,
                                GError **error)
{
  return kvs_local_args_require (args, name, error)
         && kvs_local_args_string (args, name, shape, out, error);
}

/**
 * kvs_local_args_choice:
 * @args: request
 * @name: of a member
 * @choices: (array zero-terminated=1): values it may have
 * @out: (out) (transfer none): its value
 * @error: where to put an error
 *
 * Returns: whether it is there and good
 */
gboolean
kvs_local_args_choice (JsonObject *args, const gchar *name, const gchar *const *choices,
                       const gchar **out, GError **error)
{
  g_autofree gchar *list = NULL;

  if (!kvs_local_args_required_string (args, name, &kvs_local_shape_any, out, error))
    return FALSE;
  if (g_strv_contains (choices, *out))
    return TRUE;
  list = g_strjoinv (", ", (gchar **) choices);
  return kvs_local_args_invalid (error, "%s must be one of: %s", name, list);
}

/**
 * kvs_local_args_int:
 * @args: request
 * @name: of a member
 * @min: least value
 * @max: greatest value
 * @out: (inout): its value; left alone if it is not there
 * @error: where to put an error
 *
 * Returns: whether it is good or not there
 */
gboolean
kvs_local_args_int (JsonObject *args, const gchar *name, gint64 min, gint64 max, gint64 *out,
                    GError **error)
{
  gint64 value;

  if (!kvs_local_args_has (args, name))
    return TRUE;
  if (!is_of_type (args, name, G_TYPE_INT64))
    return kvs_local_args_invalid (error, "%s must be an integer.", name);
  value = json_object_get_int_member (args, name);
  if (value < min || value > max)
    return kvs_local_args_invalid (error, "%s must be between %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT ".",
                    name, min, max);
  *out = value;
  return TRUE;
}

/**
 * kvs_local_args_time_ms:
 * @args: request
 * @name: of a member
 * @out: (out): its value, ms since 1970
 * @error: where to put an error
 *
 * Times are seconds, with a fraction or without (kvs-api.md section 2).
 *
 * Returns: whether it is there and good
 */
gboolean
kvs_local_args_time_ms (JsonObject *args, const gchar *name, gint64 *out, GError **error)
{
  gdouble seconds;

  if (!kvs_local_args_require (args, name, error))
    return FALSE;
  if (!is_of_type (args, name, G_TYPE_INT64) && !is_of_type (args, name, G_TYPE_DOUBLE))
    return kvs_local_args_invalid (error, "%s must be a number of seconds.", name);
  seconds = json_object_get_double_member (args, name);
  if (!(seconds >= 0.0 && seconds <= MAX_UNIX_SECONDS))
    return kvs_local_args_invalid (error, "%s is out of range.", name);
  *out = (gint64) llround (seconds * MS_PER_SECOND);
  return TRUE;
}

/**
 * kvs_local_args_object:
 * @args: request
 * @name: of a member that may be left out
 * @out: (out) (transfer none) (nullable): its value
 * @error: where to put an error
 *
 * Returns: whether it is an object or not there
 */
gboolean
kvs_local_args_object (JsonObject *args, const gchar *name, JsonObject **out, GError **error)
{
  *out = NULL;
  if (!kvs_local_args_has (args, name))
    return TRUE;
  if (!JSON_NODE_HOLDS_OBJECT (json_object_get_member (args, name)))
    return kvs_local_args_invalid (error, "%s must be an object.", name);
  *out = json_object_get_object_member (args, name);
  return TRUE;
}

/**
 * kvs_local_args_stream:
 * @args: request
 * @store: the store
 * @error: where to put an error
 *
 * Returns: (transfer none) (nullable): the stream that StreamName or StreamARN, of which there must
 *   be one, refers to
 */
KvsLocalStream *
kvs_local_args_stream (JsonObject *args, KvsLocalStore *store, GError **error)
{
  const gchar *name, *arn;
  KvsLocalStream *stream;

  if (!kvs_local_args_string (args, "StreamName", &kvs_local_shape_stream_name, &name, error)
      || !kvs_local_args_string (args, "StreamARN", &kvs_local_shape_arn, &arn, error))
    return NULL;
  if ((name == NULL) == (arn == NULL)) {
    kvs_local_args_invalid (error, "Either StreamName or StreamARN must be specified, and not both.");
    return NULL;
  }
  stream = name != NULL ? kvs_local_store_find_by_name (store, name)
                        : kvs_local_store_find_by_arn (store, arn);
  if (stream == NULL)
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_STREAM);
  return stream;
}
