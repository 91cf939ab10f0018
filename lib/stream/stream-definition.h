/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsStreamDefinition: what a user says about a stream (seed-rows.md section 6). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* kvs-api.md section 16 and Annex A.1 */
#define KVS_MAX_STREAM_NAME_BYTES 256
#define KVS_MAX_TAGS 50
#define KVS_MAX_TAG_KEY_CHARS 128
#define KVS_MAX_TAG_VALUE_CHARS 256
#define KVS_MAX_RETENTION_HOURS 87600
#define KVS_MAX_CODEC_ID_BYTES 32
#define KVS_MAX_TRACK_NAME_BYTES 32

/**
 * KvsStreamingType:
 * @KVS_STREAMING_TYPE_REALTIME: a live source; when memory runs out the oldest Fragment goes
 * @KVS_STREAMING_TYPE_NEAR_REALTIME: as realtime; kept because pipelines name it
 * @KVS_STREAMING_TYPE_OFFLINE: a file; when memory runs out the source waits
 */
typedef enum {
  KVS_STREAMING_TYPE_REALTIME,
  KVS_STREAMING_TYPE_NEAR_REALTIME,
  KVS_STREAMING_TYPE_OFFLINE,
} KvsStreamingType;

/**
 * KvsSpoolMode:
 * @KVS_SPOOL_MODE_OVERFLOW: Fragments go to disk when memory is full
 * @KVS_SPOOL_MODE_WRITE_THROUGH: each Fragment is on disk until it is persisted
 */
typedef enum {
  KVS_SPOOL_MODE_OVERFLOW,
  KVS_SPOOL_MODE_WRITE_THROUGH,
} KvsSpoolMode;

/**
 * KvsStreamDefinition:
 * @stream_name: name of the stream
 * @stream_arn: (nullable): its ARN, for a stream that must be this very one
 * @retention_hours: used when the stream is created; 0 keeps nothing
 * @retention_is_wish: whether @retention_hours was asked for, and is no default
 * @tags: (element-type utf8 utf8) (nullable): set on the stream at each start
 * @kms_key_id: (nullable): key for a stream that is created; %NULL for the service's own
 * @storage_tier: (nullable): "HOT" or "WARM" for a stream that is created; %NULL for the service's own
 * @streaming_type: see #KvsStreamingType
 * @content_type: (nullable): MediaType of a stream that is created, such as "video/h264"; %NULL to
 *   take it from the tracks
 * @fragment_duration_ns: least duration of a Fragment where key frames do not decide
 * @timecode_scale_ns: nanoseconds a Matroska timecode unit
 * @key_frame_fragmentation: each key frame starts a Fragment
 * @absolute_fragment_times: Cluster timecodes are epoch times, not relative to the first
 * @fragment_acks: the service acknowledges Fragments
 * @max_unacknowledged: how many Fragments that the service has whole may lack their Ack when the next
 *   one is begun, so that a reset doubles no more than these; 0 for any number
 * @restart_on_error: go on after errors that may pass
 * @buffer_duration_ns: how much media is kept in memory, in time
 * @storage_bytes: how much media is kept in memory, in bytes
 * @max_latency_ns: live media that was not sent for that long is dropped; 0 for no such bound
 * @connection_staleness_ns: without an Ack for that long a Session is replaced; 0 never
 * @stop_timeout_ns: bound on delivering what is left at the end
 * @flush_interval_ns: how long a Frame may wait for company before it is sent
 * @track_timeout_ns: how long a Track that brings nothing may hold back the others
 * @spool_folder: (nullable): where Fragments may be kept on disk
 * @spool_bytes: how much may be kept there
 * @spool_mode: see #KvsSpoolMode
 * @spool_live_first: what waits on disk is sent when nothing else does; else in the order it came
 * @allow_create: create the stream where it is missing
 */
typedef struct {
  gchar *stream_name;
  gchar *stream_arn;
  guint retention_hours;
  gboolean retention_is_wish;
  GHashTable *tags;
  gchar *kms_key_id;
  gchar *storage_tier;
  KvsStreamingType streaming_type;
  gchar *content_type;
  gint64 fragment_duration_ns;
  gint64 timecode_scale_ns;
  gboolean key_frame_fragmentation;
  gboolean absolute_fragment_times;
  gboolean fragment_acks;
  guint max_unacknowledged;
  gboolean restart_on_error;
  gint64 buffer_duration_ns;
  guint64 storage_bytes;
  gint64 max_latency_ns;
  gint64 connection_staleness_ns;
  gint64 stop_timeout_ns;
  gint64 flush_interval_ns;
  gint64 track_timeout_ns;
  gchar *spool_folder;
  guint64 spool_bytes;
  KvsSpoolMode spool_mode;
  gboolean spool_live_first;
  gboolean allow_create;
} KvsStreamDefinition;

KvsStreamDefinition *kvs_stream_definition_new (const gchar *stream_name);
KvsStreamDefinition *kvs_stream_definition_copy (const KvsStreamDefinition *definition);
gboolean kvs_stream_definition_check (const KvsStreamDefinition *definition, GError **error);
void kvs_stream_definition_free (KvsStreamDefinition *definition);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsStreamDefinition, kvs_stream_definition_free)

G_END_DECLS
