/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Acknowledgements of PutMedia (kvs-api.md section 7). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  KVS_LOCAL_ACK_BUFFERING,
  KVS_LOCAL_ACK_RECEIVED,
  KVS_LOCAL_ACK_PERSISTED,
  KVS_LOCAL_ACK_ERROR,
  KVS_LOCAL_ACK_IDLE,
} KvsLocalAckType;

/**
 * KvsLocalAckError: what the ErrorCode of an ack says; MORE_THAN_ALLOWED_TRACKS has the ErrorId of
 * INVALID_FRAGMENT_METADATA, as in the C SDK (kvs-api.md section 22, question 1).
 */
typedef enum {
  KVS_LOCAL_ACK_STREAM_READ_ERROR,
  KVS_LOCAL_ACK_MAX_FRAGMENT_SIZE,
  KVS_LOCAL_ACK_MAX_FRAGMENT_DURATION,
  KVS_LOCAL_ACK_MAX_CONNECTION_DURATION,
  KVS_LOCAL_ACK_TIMECODE_LESSER_THAN_PREVIOUS,
  KVS_LOCAL_ACK_MORE_THAN_ALLOWED_TRACKS,
  KVS_LOCAL_ACK_INVALID_MKV_DATA,
  KVS_LOCAL_ACK_INVALID_PRODUCER_TIMESTAMP,
  KVS_LOCAL_ACK_STREAM_NOT_ACTIVE,
  KVS_LOCAL_ACK_METADATA_LIMIT,
  KVS_LOCAL_ACK_TRACK_NUMBER_MISMATCH,
  KVS_LOCAL_ACK_FRAMES_MISSING_FOR_TRACK,
  KVS_LOCAL_ACK_INVALID_METADATA,
  KVS_LOCAL_ACK_INTERNAL_ERROR,
  KVS_LOCAL_ACK_ARCHIVAL_ERROR,
} KvsLocalAckError;

/**
 * KvsLocalAck:
 * @type: event
 * @has_fragment: whether @timecode and @number are known
 * @timecode: of the Cluster as it was received
 * @number: (nullable): fragment number
 * @error: for %KVS_LOCAL_ACK_ERROR
 */
typedef struct {
  KvsLocalAckType type;
  gboolean has_fragment;
  guint64 timecode;
  const gchar *number;
  KvsLocalAckError error;
} KvsLocalAck;

gchar *kvs_local_ack_to_json (const KvsLocalAck *ack);
const gchar *kvs_local_ack_get_type_name (KvsLocalAckType type);
const gchar *kvs_local_ack_get_error_code (KvsLocalAckError error);
guint kvs_local_ack_get_error_id (KvsLocalAckError error);

G_END_DECLS
