/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls of the control plane that a producer needs (kvs-api.md sections 3 and 4). */
#pragma once

#include "aws/client.h"

G_BEGIN_DECLS

/**
 * KvsStreamStatus: of a stream; only an ACTIVE one takes media.
 */
typedef enum {
  KVS_STREAM_STATUS_UNKNOWN,
  KVS_STREAM_STATUS_CREATING,
  KVS_STREAM_STATUS_ACTIVE,
  KVS_STREAM_STATUS_UPDATING,
  KVS_STREAM_STATUS_DELETING,
} KvsStreamStatus;

/**
 * KvsStreamInfo:
 * @status: see #KvsStreamStatus
 * @arn: (nullable): of the stream
 * @retention_hours: how long media is kept; 0 not at all
 * @kms_key_id: (nullable): ARN of the key that media are encrypted with
 * @media_type: (nullable): such as "video/h264"
 *
 * Strings belong to the answer it was read from.
 */
typedef struct {
  KvsStreamStatus status;
  const gchar *arn;
  gint64 retention_hours;
  const gchar *kms_key_id;
  const gchar *media_type;
} KvsStreamInfo;

/**
 * KvsNewStream:
 * @name: name of the stream
 * @media_type: such as "video/h264"
 * @retention_hours: how long media is kept; 0 not at all
 * @kms_key_id: (nullable): %NULL for the service's own key
 * @storage_tier: (nullable): "HOT" or "WARM"; %NULL for the service's own choice
 * @tags: (element-type utf8 utf8) (nullable): the tags
 *
 * What a stream is created with.
 */
typedef struct {
  const gchar *name;
  const gchar *media_type;
  guint retention_hours;
  const gchar *kms_key_id;
  const gchar *storage_tier;
  GHashTable *tags;
} KvsNewStream;

/**
 * KvsStreamId:
 * @name: name of the stream
 * @arn: (nullable): its ARN, which requests name instead where it is given
 */
typedef struct {
  const gchar *name;
  const gchar *arn;
} KvsStreamId;

KvsAwsCall *kvs_control_plane_describe_stream (KvsAwsClient *client, const KvsStreamId *stream,
                                               KvsAwsDoneFunc func, gpointer user_data);
KvsAwsCall *kvs_control_plane_create_stream (KvsAwsClient *client, const KvsNewStream *stream,
                                             KvsAwsDoneFunc func, gpointer user_data);
KvsAwsCall *kvs_control_plane_tag_stream (KvsAwsClient *client, const gchar *stream_arn,
                                          GHashTable *tags, KvsAwsDoneFunc func,
                                          gpointer user_data);
KvsAwsCall *kvs_control_plane_get_data_endpoint (KvsAwsClient *client, const KvsStreamId *stream,
                                                 KvsAwsDoneFunc func, gpointer user_data);

gboolean kvs_control_plane_read_stream_info (JsonObject *answer, KvsStreamInfo *info);
const gchar *kvs_control_plane_read_data_endpoint (JsonObject *answer);

G_END_DECLS
