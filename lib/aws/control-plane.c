/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/control-plane.h"

static KvsAwsCall *
call_stream (KvsAwsClient *client, const gchar *operation, const gchar *path,
             const gchar *stream, JsonObject *request, KvsAwsDoneFunc func, gpointer user_data)
{
  g_autofree gchar *name = g_strdup_printf ("%s of stream %s", operation, stream);

  return kvs_aws_client_call (client, name, path, request, func, user_data);
}

/* Exactly one of both, or the service refuses the request. */
static void
set_stream (JsonObject *request, const KvsStreamId *stream)
{
  if (stream->arn != NULL)
    json_object_set_string_member (request, "StreamARN", stream->arn);
  else
    json_object_set_string_member (request, "StreamName", stream->name);
}

/**
 * kvs_control_plane_describe_stream:
 * @client: a client
 * @stream: which stream
 * @func: see kvs_aws_client_call(); the answer is for kvs_control_plane_read_stream_info()
 * @user_data: for @func
 *
 * I/O thread only.
 *
 * Returns: (transfer none): the call
 */
KvsAwsCall *
kvs_control_plane_describe_stream (KvsAwsClient *client, const KvsStreamId *stream,
                                   KvsAwsDoneFunc func, gpointer user_data)
{
  g_autoptr (JsonObject) request = json_object_new ();

  set_stream (request, stream);
  return call_stream (client, "DescribeStream", "/describeStream", stream->name, request, func,
                      user_data);
}

static void
set_tags (JsonObject *request, GHashTable *tags)
{
  JsonObject *map = json_object_new ();
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, tags);
  while (g_hash_table_iter_next (&iter, &key, &value))
    json_object_set_string_member (map, key, value);
  json_object_set_object_member (request, "Tags", map);
}

static void
set_storage_tier (JsonObject *request, const gchar *tier)
{
  JsonObject *configuration = json_object_new ();

  json_object_set_string_member (configuration, "DefaultStorageTier", tier);
  json_object_set_object_member (request, "StreamStorageConfiguration", configuration);
}

/**
 * kvs_control_plane_create_stream:
 * @client: a client
 * @stream: what to create
 * @func: see kvs_aws_client_call()
 * @user_data: for @func
 *
 * I/O thread only. The stream becomes ACTIVE some time after the answer.
 *
 * Returns: (transfer none): the call
 */
KvsAwsCall *
kvs_control_plane_create_stream (KvsAwsClient *client, const KvsNewStream *stream,
                                 KvsAwsDoneFunc func, gpointer user_data)
{
  g_autoptr (JsonObject) request = json_object_new ();

  json_object_set_string_member (request, "StreamName", stream->name);
  json_object_set_string_member (request, "MediaType", stream->media_type);
  json_object_set_int_member (request, "DataRetentionInHours", stream->retention_hours);
  if (stream->kms_key_id != NULL)
    json_object_set_string_member (request, "KmsKeyId", stream->kms_key_id);
  if (stream->storage_tier != NULL)
    set_storage_tier (request, stream->storage_tier);
  if (stream->tags != NULL)
    set_tags (request, stream->tags);
  return call_stream (client, "CreateStream", "/createStream", stream->name, request, func,
                      user_data);
}

/**
 * kvs_control_plane_tag_stream:
 * @client: a client
 * @stream_arn: ARN of the stream
 * @tags: (element-type utf8 utf8): the tags
 * @func: see kvs_aws_client_call()
 * @user_data: for @func
 *
 * I/O thread only.
 *
 * Returns: (transfer none): the call
 */
KvsAwsCall *
kvs_control_plane_tag_stream (KvsAwsClient *client, const gchar *stream_arn, GHashTable *tags,
                              KvsAwsDoneFunc func, gpointer user_data)
{
  g_autoptr (JsonObject) request = json_object_new ();

  json_object_set_string_member (request, "StreamARN", stream_arn);
  set_tags (request, tags);
  return call_stream (client, "TagStream", "/tagStream", stream_arn, request, func, user_data);
}

/**
 * kvs_control_plane_get_data_endpoint:
 * @client: a client
 * @stream: which stream
 * @func: see kvs_aws_client_call(); the answer is for kvs_control_plane_read_data_endpoint()
 * @user_data: for @func
 *
 * Asks where PutMedia of this stream goes. I/O thread only.
 *
 * Returns: (transfer none): the call
 */
KvsAwsCall *
kvs_control_plane_get_data_endpoint (KvsAwsClient *client, const KvsStreamId *stream,
                                     KvsAwsDoneFunc func, gpointer user_data)
{
  g_autoptr (JsonObject) request = json_object_new ();

  set_stream (request, stream);
  json_object_set_string_member (request, "APIName", "PUT_MEDIA");
  return call_stream (client, "GetDataEndpoint", "/getDataEndpoint", stream->name, request, func,
                      user_data);
}

static const gchar *
get_string (JsonObject *object, const gchar *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

static KvsStreamStatus
parse_status (const gchar *text)
{
  static const gchar *const names[] = { "", "CREATING", "ACTIVE", "UPDATING", "DELETING" };

  for (guint i = 1; i < G_N_ELEMENTS (names); i++) {
    if (g_strcmp0 (text, names[i]) == 0)
      return (KvsStreamStatus) i;
  }
  return KVS_STREAM_STATUS_UNKNOWN;
}

/**
 * kvs_control_plane_read_stream_info:
 * @answer: of DescribeStream
 * @info: (out): what it says
 *
 * Returns: whether it is such an answer
 */
gboolean
kvs_control_plane_read_stream_info (JsonObject *answer, KvsStreamInfo *info)
{
  JsonNode *node = json_object_get_member (answer, "StreamInfo");
  JsonNode *retention;
  JsonObject *object;

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return FALSE;
  object = json_node_get_object (node);
  retention = json_object_get_member (object, "DataRetentionInHours");
  info->status = parse_status (get_string (object, "Status"));
  info->arn = get_string (object, "StreamARN");
  info->retention_hours = retention != NULL && JSON_NODE_HOLDS_VALUE (retention)
                              ? json_node_get_int (retention) : 0;
  info->kms_key_id = get_string (object, "KmsKeyId");
  info->media_type = get_string (object, "MediaType");
  return TRUE;
}

/**
 * kvs_control_plane_read_data_endpoint:
 * @answer: of GetDataEndpoint
 *
 * Returns: (nullable): the base URL, owned by @answer; %NULL if there is none
 */
const gchar *
kvs_control_plane_read_data_endpoint (JsonObject *answer)
{
  return get_string (answer, "DataEndpoint");
}
