/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/ack.h"

static const gchar *const event_types[] = {
  [KVS_LOCAL_ACK_BUFFERING] = "BUFFERING", [KVS_LOCAL_ACK_RECEIVED] = "RECEIVED",
  [KVS_LOCAL_ACK_PERSISTED] = "PERSISTED", [KVS_LOCAL_ACK_ERROR] = "ERROR",
  [KVS_LOCAL_ACK_IDLE] = "IDLE",
};

static const struct {
  guint id;
  const gchar *code;
} errors[] = {
  [KVS_LOCAL_ACK_STREAM_READ_ERROR] = { 4000, "STREAM_READ_ERROR" },
  [KVS_LOCAL_ACK_MAX_FRAGMENT_SIZE] = { 4001, "MAX_FRAGMENT_SIZE_REACHED" },
  [KVS_LOCAL_ACK_MAX_FRAGMENT_DURATION] = { 4002, "MAX_FRAGMENT_DURATION_REACHED" },
  [KVS_LOCAL_ACK_MAX_CONNECTION_DURATION] = { 4003, "MAX_CONNECTION_DURATION_REACHED" },
  [KVS_LOCAL_ACK_TIMECODE_LESSER_THAN_PREVIOUS]
  = { 4004, "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS" },
  [KVS_LOCAL_ACK_INVALID_MKV_DATA] = { 4006, "INVALID_MKV_DATA" },
  [KVS_LOCAL_ACK_INVALID_PRODUCER_TIMESTAMP] = { 4007, "INVALID_PRODUCER_TIMESTAMP" },
  [KVS_LOCAL_ACK_STREAM_NOT_ACTIVE] = { 4008, "STREAM_NOT_ACTIVE" },
  [KVS_LOCAL_ACK_METADATA_LIMIT] = { 4009, "FRAGMENT_METADATA_LIMIT_REACHED" },
  [KVS_LOCAL_ACK_TRACK_NUMBER_MISMATCH] = { 4010, "TRACK_NUMBER_MISMATCH" },
  [KVS_LOCAL_ACK_FRAMES_MISSING_FOR_TRACK] = { 4011, "FRAMES_MISSING_FOR_TRACK" },
  [KVS_LOCAL_ACK_MORE_THAN_ALLOWED_TRACKS] = { 4012, "MORE_THAN_ALLOWED_TRACKS_FOUND" },
  [KVS_LOCAL_ACK_INVALID_METADATA] = { 4012, "INVALID_FRAGMENT_METADATA" },
  [KVS_LOCAL_ACK_INTERNAL_ERROR] = { 5000, "INTERNAL_ERROR" },
  [KVS_LOCAL_ACK_ARCHIVAL_ERROR] = { 5001, "ARCHIVAL_ERROR" },
};

/**
 * kvs_local_ack_to_json:
 * @ack: an ack
 *
 * Returns: (transfer full): its JSON object, without the newline that follows on the wire
 */
gchar *
kvs_local_ack_to_json (const KvsLocalAck *ack)
{
  GString *json = g_string_new (NULL);

  /* no text in here needs escaping */
  g_string_append_printf (json, "{\"EventType\":\"%s\"", event_types[ack->type]);
  if (ack->has_fragment)
    g_string_append_printf (json,
                            ",\"FragmentTimecode\":%" G_GUINT64_FORMAT
                            ",\"FragmentNumber\":\"%s\"",
                            ack->timecode, ack->number);
  if (ack->type == KVS_LOCAL_ACK_ERROR)
    g_string_append_printf (json, ",\"ErrorCode\":\"%s\",\"ErrorId\":%u", errors[ack->error].code,
                            errors[ack->error].id);
  g_string_append_c (json, '}');
  return g_string_free (json, FALSE);
}

/**
 * kvs_local_ack_get_type_name:
 * @type: of an ack
 *
 * Returns: the EventType that says so
 */
const gchar *
kvs_local_ack_get_type_name (KvsLocalAckType type)
{
  return event_types[type];
}

/**
 * kvs_local_ack_get_error_code:
 * @error: of an ack
 *
 * Returns: its ErrorCode
 */
const gchar *
kvs_local_ack_get_error_code (KvsLocalAckError error)
{
  return errors[error].code;
}

/**
 * kvs_local_ack_get_error_id:
 * @error: of an ack
 *
 * Returns: its ErrorId
 */
guint
kvs_local_ack_get_error_id (KvsLocalAckError error)
{
  return errors[error].id;
}
