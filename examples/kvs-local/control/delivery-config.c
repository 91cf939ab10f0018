/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/delivery-config.h"

#include "api/service-error.h"
#include "http/args.h"

#define IMAGE_GENERATION "ImageGenerationConfiguration"
#define NOTIFICATION "NotificationConfiguration"

/* The documented least; the model has no bounds any more (kvs-api.md section 1). */
#define MIN_SAMPLING_MS 200
#define MAX_WIDTH 3840
#define MAX_HEIGHT 2160

static const KvsLocalStringShape shape_uri
  = { 1, 255, "^[a-zA-Z_0-9]+:(//)?([^/]+)/?([^*]*)$" };
static const KvsLocalStringShape shape_region = { 9, 14, "^[a-z]+(-[a-z]+)?-[a-z]+-[0-9]$" };

/* Takes the members of @in that there are, once they are found good, over to @out. */
typedef gboolean (*Reader) (const KvsLocalControlPlane *plane, JsonObject *in, JsonObject *out,
                            GError **error);

static gboolean
required_object (JsonObject *in, const gchar *name, JsonObject **out, GError **error)
{
  return kvs_local_args_object (in, name, out, error)
         && (*out != NULL || kvs_local_args_invalid (error, "%s is required.", name));
}

static gboolean
copy_choice (JsonObject *in, const gchar *name, const gchar *const *choices, JsonObject *out,
             GError **error)
{
  const gchar *value;

  if (!kvs_local_args_choice (in, name, choices, &value, error))
    return FALSE;
  json_object_set_string_member (out, name, value);
  return TRUE;
}

static gboolean
copy_status (JsonObject *in, JsonObject *out, GError **error)
{
  static const gchar *const statuses[] = { "ENABLED", "DISABLED", NULL };

  return copy_choice (in, "Status", statuses, out, error);
}

static gboolean
copy_int (JsonObject *in, const gchar *name, gint64 min, gint64 max, JsonObject *out,
          GError **error)
{
  gint64 value = 0;

  if (!kvs_local_args_int (in, name, min, max, &value, error))
    return FALSE;
  if (kvs_local_args_has (in, name))
    json_object_set_int_member (out, name, value);
  return TRUE;
}

/* @kind: what the service delivers to: the model lets pass any URI */
static gboolean
copy_uri (JsonObject *in, const gchar *kind, const gchar *kind_name, JsonObject *out,
          GError **error)
{
  const gchar *uri;

  if (!kvs_local_args_required_string (in, "Uri", &shape_uri, &uri, error))
    return FALSE;
  if (!g_regex_match_simple (kind, uri, G_REGEX_DOLLAR_ENDONLY, 0))
    return kvs_local_args_invalid (error, "Uri must be %s.", kind_name);
  json_object_set_string_member (out, "Uri", uri);
  return TRUE;
}

static gboolean
copy_image_destination (const KvsLocalControlPlane *plane, JsonObject *in, JsonObject *out,
                        GError **error)
{
  const gchar *own_region = plane->server->options->region;
  JsonObject *from, *to;
  const gchar *region;

  if (!required_object (in, "DestinationConfig", &from, error))
    return FALSE;
  to = json_object_new ();
  json_object_set_object_member (out, "DestinationConfig", to);
  if (!copy_uri (from, "^s3://[^/]+(/.*)?$", "that of an S3 bucket", to, error)
      || !kvs_local_args_required_string (from, "DestinationRegion", &shape_region, &region, error))
    return FALSE;
  if (!g_str_equal (region, own_region))
    return kvs_local_args_invalid (error, "DestinationRegion must be the stream's region, %s.", own_region);
  json_object_set_string_member (to, "DestinationRegion", region);
  return TRUE;
}

static gboolean
copy_format_config (JsonObject *in, JsonObject *out, GError **error)
{
  JsonObject *from, *to;
  const gchar *quality;

  if (!kvs_local_args_object (in, "FormatConfig", &from, error))
    return FALSE;
  if (from == NULL)
    return TRUE;
  if (json_object_get_size (from) != 1 || !kvs_local_args_has (from, "JPEGQuality"))
    return kvs_local_args_invalid (error, "FormatConfig must have one entry, JPEGQuality.");
  if (!kvs_local_args_required_string (from, "JPEGQuality", &kvs_local_shape_any, &quality, error))
    return FALSE;
  if (!g_regex_match_simple ("^([1-9][0-9]?|100)$", quality, G_REGEX_DOLLAR_ENDONLY, 0))
    return kvs_local_args_invalid (error, "JPEGQuality must be between 1 and 100.");
  to = json_object_new ();
  json_object_set_string_member (to, "JPEGQuality", quality);
  json_object_set_object_member (out, "FormatConfig", to);
  return TRUE;
}

static gboolean
read_image_generation (const KvsLocalControlPlane *plane, JsonObject *in, JsonObject *out,
                       GError **error)
{
  static const gchar *const selectors[] = { "SERVER_TIMESTAMP", "PRODUCER_TIMESTAMP", NULL };
  static const gchar *const formats[] = { "JPEG", "PNG", NULL };

  if (!kvs_local_args_has (in, "SamplingInterval"))
    return kvs_local_args_invalid (error, "SamplingInterval is required.");
  if (kvs_local_args_has (in, "WidthPixels") && !kvs_local_args_has (in, "HeightPixels"))
    return kvs_local_args_invalid (error, "WidthPixels requires HeightPixels.");
  return copy_status (in, out, error)
         && copy_choice (in, "ImageSelectorType", selectors, out, error)
         && copy_image_destination (plane, in, out, error)
         && copy_int (in, "SamplingInterval", MIN_SAMPLING_MS, G_MAXINT, out, error)
         && copy_choice (in, "Format", formats, out, error)
         && copy_format_config (in, out, error)
         && copy_int (in, "WidthPixels", 1, MAX_WIDTH, out, error)
         && copy_int (in, "HeightPixels", 1, MAX_HEIGHT, out, error);
}

static gboolean
read_notification (const KvsLocalControlPlane *plane, JsonObject *in, JsonObject *out,
                   GError **error)
{
  JsonObject *from, *to;

  if (!copy_status (in, out, error) || !required_object (in, "DestinationConfig", &from, error))
    return FALSE;
  to = json_object_new ();
  json_object_set_object_member (out, "DestinationConfig", to);
  return copy_uri (from, "^arn:[a-z0-9-]+:sns:[a-z0-9-]+:[0-9]+:.+$", "the ARN of an SNS topic",
                   to, error);
}

/* Gives the configuration in JSON, or %NULL to take it away. */
static gboolean
read_configuration (const KvsLocalControlPlane *plane, JsonObject *args, const gchar *name,
                    Reader reader, gchar **text, GError **error)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *in;

  *text = NULL;
  if (!kvs_local_args_object (args, name, &in, error))
    return FALSE;
  if (in == NULL)
    return TRUE;
  json_node_take_object (node, json_object_new ());
  if (!reader (plane, in, json_node_get_object (node), error))
    return FALSE;
  *text = json_to_string (node, FALSE);
  return TRUE;
}

static gboolean
may_have_configuration (KvsLocalStream *stream, const gchar *text, GError **error)
{
  if (!kvs_local_stream_may_change (stream, error))
    return FALSE;
  if (text == NULL || stream->retention_hours > 0)
    return TRUE;
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_NO_DATA_RETENTION,
                       "The stream keeps no data: its DataRetentionInHours is 0.");
  return FALSE;
}

/* @slot: where a stream has the configuration */
static JsonObject *
set_configuration (const KvsLocalControlPlane *plane, KvsLocalStream *stream, gchar **slot,
                   gchar *text, GError **error)
{
  g_free (*slot);
  *slot = text;
  return kvs_local_store_save_stream (plane->store, stream, error) ? json_object_new () : NULL;
}

static JsonObject *
describe (const gchar *name, const gchar *text)
{
  JsonObject *answer = json_object_new ();
  JsonNode *node = text != NULL ? json_from_string (text, NULL) : NULL;

  json_object_set_member (answer, name, node != NULL ? node : json_node_new (JSON_NODE_NULL));
  return answer;
}

/**
 * kvs_local_describe_image_generation:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_describe_image_generation (const KvsLocalControlPlane *plane, JsonObject *args,
                                     GError **error)
{
  const KvsLocalStream *stream = kvs_local_args_stream (args, plane->store, error);

  return stream != NULL ? describe (IMAGE_GENERATION, stream->image_generation) : NULL;
}

/**
 * kvs_local_update_image_generation:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_update_image_generation (const KvsLocalControlPlane *plane, JsonObject *args,
                                   GError **error)
{
  KvsLocalStream *stream = kvs_local_args_stream (args, plane->store, error);
  g_autofree gchar *text = NULL;

  if (stream == NULL
      || !read_configuration (plane, args, IMAGE_GENERATION, read_image_generation, &text, error)
      || !may_have_configuration (stream, text, error))
    return NULL;
  return set_configuration (plane, stream, &stream->image_generation, g_steal_pointer (&text),
                            error);
}

/**
 * kvs_local_describe_notification:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_describe_notification (const KvsLocalControlPlane *plane, JsonObject *args,
                                 GError **error)
{
  const KvsLocalStream *stream = kvs_local_args_stream (args, plane->store, error);

  return stream != NULL ? describe (NOTIFICATION, stream->notification) : NULL;
}

/**
 * kvs_local_update_notification:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_update_notification (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_args_stream (args, plane->store, error);
  g_autofree gchar *text = NULL;

  if (stream == NULL
      || !read_configuration (plane, args, NOTIFICATION, read_notification, &text, error)
      || !may_have_configuration (stream, text, error))
    return NULL;
  return set_configuration (plane, stream, &stream->notification, g_steal_pointer (&text), error);
}
