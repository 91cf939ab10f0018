/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/control-plane.h"

#include <string.h>

#include "api/service-error.h"
#include "archive/list-fragments.h"
#include "control/cells.h"
#include "control/delivery-config.h"
#include "control/tags.h"
#include "http/args.h"

#define MAX_LISTED_STREAMS 10000
#define MS_PER_SECOND 1000.0

static const gchar *const api_names[] = {
  "PUT_MEDIA",
  "GET_MEDIA",
  "LIST_FRAGMENTS",
  "GET_MEDIA_FOR_FRAGMENT_LIST",
  "GET_HLS_STREAMING_SESSION_URL",
  "GET_DASH_STREAMING_SESSION_URL",
  "GET_CLIP",
  "GET_IMAGES",
  NULL,
};

static gboolean
refuse (GError **error, KvsLocalError code, const gchar *message)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, (gint) code, message);
  return FALSE;
}

static gboolean
version_matches (const KvsLocalStream *stream, const gchar *version, GError **error)
{
  return version == NULL || g_str_equal (version, stream->version)
         || refuse (error, KVS_LOCAL_ERROR_VERSION_MISMATCH,
                    "The stream version that you specified is not the latest version.");
}

static gboolean
take_description (JsonObject *args, KvsLocalStream *stream, GError **error)
{
  const gchar *name, *device_name, *media_type, *kms_key_id;
  gint64 retention = 0;

  if (!kvs_local_args_required_string (args, "StreamName", &kvs_local_shape_stream_name, &name,
                                       error)
      || !kvs_local_args_string (args, "DeviceName", &kvs_local_shape_device_name, &device_name,
                                 error)
      || !kvs_local_args_string (args, "MediaType", &kvs_local_shape_media_type, &media_type,
                                 error)
      || !kvs_local_args_string (args, "KmsKeyId", &kvs_local_shape_kms_key_id, &kms_key_id, error)
      || !kvs_local_args_int (args, "DataRetentionInHours", 0, KVS_LOCAL_MAX_RETENTION_HOURS,
                              &retention, error))
    return FALSE;
  stream->name = g_strdup (name);
  stream->device_name = g_strdup (device_name);
  stream->media_type = g_strdup (media_type);
  stream->kms_key_id = g_strdup (kms_key_id);
  stream->retention_hours = (guint) retention;
  return kvs_local_take_storage_tier (args, stream, FALSE, error)
         && kvs_local_take_tags (args, stream->tags, FALSE, error);
}

/* That there is one of the name already says more than that there are too many. */
static gboolean
has_room (const KvsLocalControlPlane *plane, const KvsLocalStream *stream, GError **error)
{
  return kvs_local_store_find_by_name (plane->store, stream->name) != NULL
         || kvs_local_store_count (plane->store) < (guint) plane->server->options->max_streams
         || refuse (error, KVS_LOCAL_ERROR_ACCOUNT_STREAM_LIMIT,
                    "The number of streams created for the account is too high.");
}

static JsonObject *
create_stream (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  g_autoptr (KvsLocalStream) stream = kvs_local_stream_new ();
  JsonObject *answer;

  if (!take_description (args, stream, error) || !has_room (plane, stream, error))
    return NULL;
  stream->cell = kvs_local_cells_choose (plane->server, stream->name);
  if (!kvs_local_store_add_stream (plane->store, stream, error))
    return NULL;
  answer = json_object_new ();
  json_object_set_string_member (answer, "StreamARN", stream->arn);
  return answer;
}

static void
set_string_or_null (JsonObject *object, const gchar *name, const gchar *value)
{
  if (value != NULL)
    json_object_set_string_member (object, name, value);
  else
    json_object_set_null_member (object, name);
}

static JsonObject *
stream_info (KvsLocalStore *store, const KvsLocalStream *stream)
{
  JsonObject *info = json_object_new ();
  const gchar *kms_key_id = stream->kms_key_id;

  if (kms_key_id == NULL)
    kms_key_id = kvs_local_store_get_default_kms_key (store);
  set_string_or_null (info, "DeviceName", stream->device_name);
  json_object_set_string_member (info, "StreamName", stream->name);
  json_object_set_string_member (info, "StreamARN", stream->arn);
  set_string_or_null (info, "MediaType", stream->media_type);
  json_object_set_string_member (info, "KmsKeyId", kms_key_id);
  json_object_set_string_member (info, "Version", stream->version);
  json_object_set_string_member (info, "Status",
                                 kvs_local_stream_is_active (stream) ? "ACTIVE" : "CREATING");
  json_object_set_double_member (info, "CreationTime",
                                 (gdouble) stream->creation_ms / MS_PER_SECOND);
  json_object_set_int_member (info, "DataRetentionInHours", stream->retention_hours);
  return info;
}

static JsonObject *
describe_stream (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_args_stream (args, plane->store, error);
  JsonObject *answer;

  if (stream == NULL)
    return NULL;
  answer = json_object_new ();
  json_object_set_object_member (answer, "StreamInfo", stream_info (plane->store, stream));
  return answer;
}

static JsonObject *
update_stream (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_args_stream (args, plane->store, error);
  const gchar *version, *device_name, *media_type;

  if (stream == NULL
      || !kvs_local_args_required_string (args, "CurrentVersion", &kvs_local_shape_version,
                                          &version, error)
      || !kvs_local_args_string (args, "DeviceName", &kvs_local_shape_device_name, &device_name,
                                 error)
      || !kvs_local_args_string (args, "MediaType", &kvs_local_shape_media_type, &media_type,
                                 error)
      || !version_matches (stream, version, error)
      || !kvs_local_stream_may_change (stream, error))
    return NULL;
  if (device_name != NULL) {
    g_free (stream->device_name);
    stream->device_name = g_strdup (device_name);
  }
  if (media_type != NULL) {
    g_free (stream->media_type);
    stream->media_type = g_strdup (media_type);
  }
  kvs_local_stream_renew_version (stream);
  return kvs_local_store_save_stream (plane->store, stream, error) ? json_object_new () : NULL;
}

static JsonObject *
update_data_retention (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  static const gchar *const operations[]
    = { "INCREASE_DATA_RETENTION", "DECREASE_DATA_RETENTION", NULL };
  KvsLocalStream *stream = kvs_local_args_stream (args, plane->store, error);
  const gchar *version, *operation;
  gint64 change = 0, hours;

  if (stream == NULL || !kvs_local_args_require (args, "DataRetentionChangeInHours", error)
      || !kvs_local_args_required_string (args, "CurrentVersion", &kvs_local_shape_version,
                                          &version, error)
      || !kvs_local_args_choice (args, "Operation", operations, &operation, error)
      || !kvs_local_args_int (args, "DataRetentionChangeInHours", 1, G_MAXINT, &change, error)
      || !version_matches (stream, version, error)
      || !kvs_local_stream_may_change (stream, error))
    return NULL;
  hours = stream->retention_hours;
  hours += g_str_equal (operation, operations[0]) ? change : -change;
  if (hours < 0 || hours > KVS_LOCAL_MAX_RETENTION_HOURS) {
    refuse (error, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
            "The retention that results must be between 0 and 87600 hours.");
    return NULL;
  }
  stream->retention_hours = (guint) hours;
  kvs_local_stream_renew_version (stream);
  if (!kvs_local_store_save_stream (plane->store, stream, error))
    return NULL;
  kvs_local_store_expire_stream (plane->store, stream);
  return json_object_new ();
}

static JsonObject *
delete_stream (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  const gchar *arn, *version;
  KvsLocalStream *stream;

  if (!kvs_local_args_required_string (args, "StreamARN", &kvs_local_shape_arn, &arn, error)
      || !kvs_local_args_string (args, "CurrentVersion", &kvs_local_shape_version, &version,
                                 error))
    return NULL;
  stream = kvs_local_store_find_by_arn (plane->store, arn);
  if (stream == NULL) {
    refuse (error, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND, KVS_LOCAL_MESSAGE_NO_STREAM);
    return NULL;
  }
  if (!version_matches (stream, version, error) || !kvs_local_stream_may_change (stream, error)
      || !kvs_local_store_delete_stream (plane->store, stream, error))
    return NULL;
  return json_object_new ();
}

/* A token is the last name of the page before. */
static gboolean
read_token (const gchar *token, gchar **last_name, GError **error)
{
  g_autofree guchar *bytes = NULL;
  g_autofree gchar *name = NULL;
  gsize size;

  *last_name = NULL;
  if (token == NULL || *token == '\0')
    return TRUE;
  bytes = g_base64_decode (token, &size);
  name = g_strndup ((const gchar *) bytes, size);
  if (!kvs_local_check_string ("NextToken", name, &kvs_local_shape_stream_name, NULL))
    return refuse (error, KVS_LOCAL_ERROR_INVALID_ARGUMENT, "The NextToken is not valid.");
  *last_name = g_steal_pointer (&name);
  return TRUE;
}

static gboolean
read_name_condition (JsonObject *args, const gchar **prefix, GError **error)
{
  static const gchar *const operators[] = { "BEGINS_WITH", NULL };
  JsonObject *condition;
  const gchar *operator;

  *prefix = NULL;
  if (!kvs_local_args_object (args, "StreamNameCondition", &condition, error))
    return FALSE;
  if (condition == NULL)
    return TRUE;
  if (kvs_local_args_has (condition, "ComparisonOperator")
      && !kvs_local_args_choice (condition, "ComparisonOperator", operators, &operator, error))
    return FALSE;
  return kvs_local_args_string (condition, "ComparisonValue", &kvs_local_shape_stream_name, prefix,
                                error);
}

static JsonObject *
list_streams (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  gint64 max_results = MAX_LISTED_STREAMS;
  const gchar *token, *prefix;
  g_autofree gchar *last_name = NULL;
  g_autofree gchar *next_token = NULL;
  g_autoptr (GList) streams = NULL;
  const KvsLocalStream *last = NULL;
  JsonArray *infos;
  JsonObject *answer;

  if (!kvs_local_args_int (args, "MaxResults", 1, MAX_LISTED_STREAMS, &max_results, error)
      || !kvs_local_args_string (args, "NextToken", &kvs_local_shape_next_token, &token, error)
      || !read_token (token, &last_name, error) || !read_name_condition (args, &prefix, error))
    return NULL;
  infos = json_array_new ();
  streams = kvs_local_store_list (plane->store);
  for (GList *l = streams; l != NULL; l = l->next) {
    const KvsLocalStream *stream = l->data;

    if ((last_name != NULL && strcmp (stream->name, last_name) <= 0)
        || (prefix != NULL && !g_str_has_prefix (stream->name, prefix)))
      continue;
    if (json_array_get_length (infos) == max_results) {
      next_token = g_base64_encode ((const guchar *) last->name, strlen (last->name));
      break;
    }
    json_array_add_object_element (infos, stream_info (plane->store, stream));
    last = stream;
  }
  answer = json_object_new ();
  json_object_set_array_member (answer, "StreamInfoList", infos);
  set_string_or_null (answer, "NextToken", next_token);
  return answer;
}

static JsonObject *
get_data_endpoint (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  const gchar *api_name;
  const KvsLocalStream *stream;
  g_autofree gchar *endpoint = NULL;
  JsonObject *answer;

  if (!kvs_local_args_choice (args, "APIName", api_names, &api_name, error)
      || (stream = kvs_local_args_stream (args, plane->store, error)) == NULL)
    return NULL;
  if (!kvs_local_stream_is_active (stream)) {
    refuse (error, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND, KVS_LOCAL_MESSAGE_NO_STREAM);
    return NULL;
  }
  endpoint = kvs_local_cells_get_endpoint (plane->server, plane->message, stream);
  answer = json_object_new ();
  json_object_set_string_member (answer, "DataEndpoint", endpoint);
  return answer;
}

/**
 * kvs_local_control_plane_find:
 * @path: of a request; case matters
 *
 * Returns: (nullable): the operation with that path
 */
KvsLocalOperation
kvs_local_control_plane_find (const gchar *path)
{
  static const struct {
    const gchar *path;
    KvsLocalOperation operation;
  } operations[] = {
    { "/createStream", create_stream },
    { "/describeStream", describe_stream },
    { "/updateStream", update_stream },
    { "/updateDataRetention", update_data_retention },
    { "/deleteStream", delete_stream },
    { "/listStreams", list_streams },
    { "/getDataEndpoint", get_data_endpoint },
    { "/listFragments", kvs_local_list_fragments },
    { "/tagStream", kvs_local_tag_stream },
    { "/untagStream", kvs_local_untag_stream },
    { "/listTagsForStream", kvs_local_list_tags_for_stream },
    { "/describeStreamStorageConfiguration", kvs_local_describe_storage },
    { "/updateStreamStorageConfiguration", kvs_local_update_storage },
    { "/TagResource", kvs_local_tag_resource },
    { "/UntagResource", kvs_local_untag_resource },
    { "/ListTagsForResource", kvs_local_list_tags_for_resource },
    { "/describeImageGenerationConfiguration", kvs_local_describe_image_generation },
    { "/updateImageGenerationConfiguration", kvs_local_update_image_generation },
    { "/describeNotificationConfiguration", kvs_local_describe_notification },
    { "/updateNotificationConfiguration", kvs_local_update_notification },
    { "/kvs-local/move-stream", kvs_local_move_stream },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (operations); i++) {
    if (g_str_equal (operations[i].path, path))
      return operations[i].operation;
  }
  return NULL;
}
