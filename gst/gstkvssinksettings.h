/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The properties of kvssink as plain values, and what the library makes of them. */
#pragma once

#include <gst/gst.h>

#include "aws/credentials/shared-cache.h"
#include "aws/endpoint-choice.h"
#include "upload/producer.h"

G_BEGIN_DECLS

#define GST_KVS_SINK_DEFAULT_STREAM_NAME "DEFAULT_STREAM"

/**
 * GstKvsSinkSpoolOrder:
 * @GST_KVS_SINK_SPOOL_ORDER_OLDEST_FIRST: in the order in which it was recorded
 * @GST_KVS_SINK_SPOOL_ORDER_LIVE_FIRST: what waits on disk is sent while live media leave room
 */
typedef enum {
  GST_KVS_SINK_SPOOL_ORDER_OLDEST_FIRST,
  GST_KVS_SINK_SPOOL_ORDER_LIVE_FIRST,
} GstKvsSinkSpoolOrder;

/**
 * GstKvsSinkStorageTier:
 * @GST_KVS_SINK_STORAGE_TIER_DEFAULT: what the service chooses
 * @GST_KVS_SINK_STORAGE_TIER_HOT: read often, and at once
 * @GST_KVS_SINK_STORAGE_TIER_WARM: kept long, read rarely
 */
typedef enum {
  GST_KVS_SINK_STORAGE_TIER_DEFAULT,
  GST_KVS_SINK_STORAGE_TIER_HOT,
  GST_KVS_SINK_STORAGE_TIER_WARM,
} GstKvsSinkStorageTier;

/**
 * GstKvsSinkSettings: one member a property, in the property's unit.
 */
typedef struct {
  gchar *stream_name;
  gchar *stream_arn;
  guint retention_period_h;
  gboolean retention_period_was_set;
  GstStructure *stream_tags;
  gchar *kms_key_id;
  gint storage_tier; /* GstKvsSinkStorageTier */
  gint streaming_type; /* KvsStreamingType */
  gchar *content_type;
  guint max_latency_s;
  guint fragment_duration_ms;
  guint timecode_scale_ms;
  gboolean key_frame_fragmentation;
  gboolean frame_timecodes;
  gboolean absolute_fragment_times;
  gboolean fragment_acks;
  gboolean restart_on_error;
  gboolean recalculate_metrics;
  guint framerate;
  guint avg_bandwidth_bps;
  guint buffer_duration_s;
  guint replay_duration_s;
  guint connection_staleness_s;
  gchar *codec_id;
  gchar *track_name;
  guint storage_size_mib;
  guint stop_stream_timeout_s;
  guint connection_timeout_s;
  guint completion_timeout_s;
  guint flush_interval_ms;
  guint track_timeout_ms;
  gboolean drop_corrupted;
  gchar *spool_location;
  guint64 spool_size_bytes;
  gint spool_mode;  /* KvsSpoolMode */
  gint spool_order; /* GstKvsSinkSpoolOrder */
  GstStructure *metadata;
  gboolean generate_images;
  gchar *image_prefix;
  gboolean send_notifications;
  gboolean allow_create_stream;

  gchar *access_key;
  gchar *secret_key;
  gchar *session_token;
  gchar *credential_path;
  GstStructure *iot_certificate;
  gchar *iot_endpoint;
  gchar *iot_cert_path;
  gchar *iot_key_path;
  gchar *iot_ca_path;
  gchar *iot_role_alias;
  gchar *iot_thing_name;
  gchar *profile;
  guint rotation_period_s;

  gchar *aws_region;
  gchar *endpoint;
  gchar *data_endpoint;
  gboolean use_fips;
  gboolean use_dual_stack;
  gboolean allow_insecure_endpoint;
  gchar *proxy;
  gint ip_version; /* KvsIpVersion */
  gchar *ca_path;
  gchar *tls_client_cert;
  gchar *tls_client_key;
  gchar *user_agent;
  gchar *log_config;

  guint64 file_start_time_s;
  gboolean disable_buffer_clipping;
  gboolean use_original_pts;
  gboolean get_kvs_metrics;
  gboolean frame_timestamp;
} GstKvsSinkSettings;

/**
 * GstKvsSinkTarget: where settings and environment together point to.
 */
typedef struct {
  KvsStreamDefinition *definition;
  KvsEndpointChoice *place;
  gchar *data_endpoint;
  KvsHttpOptions http;
  KvsCredentialsConfig *credentials;
  KvsMetadata *metadata;
} GstKvsSinkTarget;

void gst_kvs_sink_settings_init (GstKvsSinkSettings *settings);
void gst_kvs_sink_settings_clear (GstKvsSinkSettings *settings);
void gst_kvs_sink_settings_install (GObjectClass *klass);
gboolean gst_kvs_sink_settings_set (GstKvsSinkSettings *settings, const GParamSpec *pspec,
                                    const GValue *value);
gboolean gst_kvs_sink_settings_get (const GstKvsSinkSettings *settings, const GParamSpec *pspec,
                                    GValue *value);

KvsCredentialsConfig *gst_kvs_sink_make_credentials (const GstKvsSinkSettings *settings,
                                                     const gchar *stream_name,
                                                     const KvsEndpointChoice *place,
                                                     GError **error);
GstKvsSinkTarget *gst_kvs_sink_target_new (const GstKvsSinkSettings *settings, GError **error);
void gst_kvs_sink_target_free (GstKvsSinkTarget *target);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKvsSinkTarget, gst_kvs_sink_target_free)

G_END_DECLS
