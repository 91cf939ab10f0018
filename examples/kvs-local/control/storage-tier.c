/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DescribeStreamStorageConfiguration, UpdateStreamStorageConfiguration: in which tier the service
 * keeps media, which makes no difference here. */
#include "api/service-error.h"
#include "control/control-plane.h"
#include "http/args.h"

#define DEFAULT_TIER "HOT"

/**
 * kvs_local_take_storage_tier:
 * @args: request
 * @stream: whose tier to set to that of the member "StreamStorageConfiguration"
 * @required: whether there must be one
 * @error: where to put an error
 *
 * Returns: %FALSE if it is not good
 */
gboolean
kvs_local_take_storage_tier (JsonObject *args, KvsLocalStream *stream, gboolean required,
                             GError **error)
{
  static const gchar *const tiers[] = { "HOT", "WARM", NULL };
  JsonObject *configuration;
  const gchar *tier;

  if (!kvs_local_args_object (args, "StreamStorageConfiguration", &configuration, error))
    return FALSE;
  if (configuration == NULL && required) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                         "StreamStorageConfiguration is required.");
    return FALSE;
  }
  if (configuration == NULL)
    return TRUE;
  if (!kvs_local_args_choice (configuration, "DefaultStorageTier", tiers, &tier, error))
    return FALSE;
  g_free (stream->storage_tier);
  stream->storage_tier = g_strdup (tier);
  return TRUE;
}

/**
 * kvs_local_describe_storage:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_describe_storage (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  const KvsLocalStream *stream = kvs_local_args_stream (args, plane->store, error);
  const gchar *tier;
  JsonObject *answer, *configuration;

  if (stream == NULL)
    return NULL;
  tier = stream->storage_tier != NULL ? stream->storage_tier : DEFAULT_TIER;
  configuration = json_object_new ();
  json_object_set_string_member (configuration, "DefaultStorageTier", tier);
  answer = json_object_new ();
  json_object_set_string_member (answer, "StreamName", stream->name);
  json_object_set_string_member (answer, "StreamARN", stream->arn);
  json_object_set_object_member (answer, "StreamStorageConfiguration", configuration);
  return answer;
}

/**
 * kvs_local_update_storage:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_update_storage (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_args_stream (args, plane->store, error);
  const gchar *version;

  if (stream == NULL
      || !kvs_local_args_required_string (args, "CurrentVersion", &kvs_local_shape_version,
                                          &version, error))
    return NULL;
  if (!g_str_equal (stream->version, version)) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_VERSION_MISMATCH,
                         "The stream version that you specified is not the latest version.");
    return NULL;
  }
  if (!kvs_local_stream_may_change (stream, error)
      || !kvs_local_take_storage_tier (args, stream, TRUE, error))
    return NULL;
  kvs_local_stream_renew_version (stream);
  return kvs_local_store_save_stream (plane->store, stream, error) ? json_object_new () : NULL;
}
