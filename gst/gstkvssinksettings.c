/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstkvssinksettings.h"

#include <openssl/crypto.h>
#include <string.h>

#include "media/track.h"

#define DEFAULT_USER_AGENT "kvssink/" KVS_VERSION

typedef enum {
  KIND_UINT,
  KIND_UINT64,
  KIND_BOOLEAN,
  KIND_STRING,
  KIND_SECRET, /* reading gives NULL */
  KIND_STRUCTURE,
  KIND_ENUM,
} PropertyKind;

/* Names, types and defaults are those of the AWS producer SDK's kvssink, so that its pipelines run
 * unchanged; what ours adds stands at the end of its group. All are new in 0.1. */
typedef struct {
  const gchar *name;
  PropertyKind kind;
  gsize offset;
  guint64 default_number;
  const gchar *default_text;
  const gchar *blurb;
  GType (*get_type) (void); /* of an enum */
} Property;

#define MEMBER(name) G_STRUCT_OFFSET (GstKvsSinkSettings, name)

static GType
streaming_type_get_type (void)
{
  static gsize type;
  static const GEnumValue values[] = {
    { KVS_STREAMING_TYPE_REALTIME, "Live source", "realtime" },
    { KVS_STREAMING_TYPE_NEAR_REALTIME, "As realtime", "near-realtime" },
    { KVS_STREAMING_TYPE_OFFLINE, "File, uploaded as fast as it can be", "offline" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstKvsSinkStreamingType", values));
  return type;
}

static GType
spool_mode_get_type (void)
{
  static gsize type;
  static const GEnumValue values[] = {
    { KVS_SPOOL_MODE_OVERFLOW, "Fragments go to disk when memory is full", "overflow" },
    { KVS_SPOOL_MODE_WRITE_THROUGH, "Each fragment is on disk until it is persisted",
      "write-through" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstKvsSinkSpoolMode", values));
  return type;
}

static GType
spool_order_get_type (void)
{
  static gsize type;
  static const GEnumValue values[] = {
    { GST_KVS_SINK_SPOOL_ORDER_OLDEST_FIRST, "In the order in which it was recorded",
      "oldest-first" },
    { GST_KVS_SINK_SPOOL_ORDER_LIVE_FIRST, "What waits on disk is sent while live media leave room",
      "live-first" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstKvsSinkSpoolOrder", values));
  return type;
}

static GType
storage_tier_get_type (void)
{
  static gsize type;
  static const GEnumValue values[] = {
    { GST_KVS_SINK_STORAGE_TIER_DEFAULT, "What the service chooses", "default" },
    { GST_KVS_SINK_STORAGE_TIER_HOT, "Read often, and at once", "hot" },
    { GST_KVS_SINK_STORAGE_TIER_WARM, "Kept long, read rarely", "warm" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstKvsSinkStorageTier", values));
  return type;
}

static GType
ip_version_get_type (void)
{
  static gsize type;
  static const GEnumValue values[] = {
    { KVS_IP_VERSION_ANY, "Whatever works first", "any" },
    { KVS_IP_VERSION_4, "IPv4 alone", "4" },
    { KVS_IP_VERSION_6, "IPv6 alone", "6" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstKvsSinkIpVersion", values));
  return type;
}

static const Property properties[] = {
  { "stream-name", KIND_STRING, MEMBER (stream_name), 0, GST_KVS_SINK_DEFAULT_STREAM_NAME,
    "Name of the Kinesis Video stream: 1 to 256 letters, digits, '_', '.' or '-'" },
  { "stream-arn", KIND_STRING, MEMBER (stream_arn), 0, NULL,
    "ARN of the stream, instead of stream-name and aws-region; that very stream must exist" },
  { "retention-period", KIND_UINT, MEMBER (retention_period_h), 2, NULL,
    "How long a stream that is created keeps media, in hours; 0 keeps nothing" },
  { "stream-tags", KIND_STRUCTURE, MEMBER (stream_tags), 0, NULL,
    "Tags that are set on the stream at each start: a structure with string fields" },
  { "kms-key-id", KIND_STRING, MEMBER (kms_key_id), 0, NULL,
    "KMS key of a stream that is created; unset for the service's own key" },
  { "storage-tier", KIND_ENUM, MEMBER (storage_tier), GST_KVS_SINK_STORAGE_TIER_DEFAULT, NULL,
    "Storage tier of a stream that is created", storage_tier_get_type },
  { "streaming-type", KIND_ENUM, MEMBER (streaming_type), KVS_STREAMING_TYPE_REALTIME,
    NULL, "Live source, which loses the oldest fragment when the buffer is full, or file, which waits",
    streaming_type_get_type },
  { "content-type", KIND_STRING, MEMBER (content_type), 0, NULL,
    "Media type of a stream that is created; unset to take it from the caps" },
  { "max-latency", KIND_UINT, MEMBER (max_latency_s), 0, NULL,
    "Live media that could not be sent for that long is dropped, oldest fragment first, in seconds; "
    "0 keeps all that buffer-duration and storage-size allow" },
  { "fragment-duration", KIND_UINT, MEMBER (fragment_duration_ms), 2000, NULL,
    "Least duration of a fragment without video, or where key-frame-fragmentation is false, in "
    "milliseconds" },
  { "timecode-scale", KIND_UINT, MEMBER (timecode_scale_ms), 1, NULL,
    "Unit of Matroska timecodes, in milliseconds, up to 1000; 0 for the default of 1" },
  { "key-frame-fragmentation", KIND_BOOLEAN, MEMBER (key_frame_fragmentation), TRUE, NULL,
    "Each key frame starts a fragment; else the first one past fragment-duration does" },
  { "frame-timecodes", KIND_BOOLEAN, MEMBER (frame_timecodes), TRUE, NULL,
    "Use the buffers' timestamps; else stamp each frame when it arrives" },
  { "absolute-fragment-times", KIND_BOOLEAN, MEMBER (absolute_fragment_times), TRUE, NULL,
    "Fragment times are epoch times; else they count from the start of each session" },
  { "fragment-acks", KIND_BOOLEAN, MEMBER (fragment_acks), TRUE, NULL,
    "Have the service acknowledge fragments; without, a fragment is forgotten once it was sent" },
  { "restart-on-error", KIND_BOOLEAN, MEMBER (restart_on_error), TRUE, NULL,
    "Go on after errors that may pass; else the first one ends the pipeline" },
  { "recalculate-metrics", KIND_BOOLEAN, MEMBER (recalculate_metrics), TRUE, NULL,
    "Accepted for compatibility; has no effect" },
  { "framerate", KIND_UINT, MEMBER (framerate), 25, NULL,
    "Frames a second, for buffers with neither duration nor timestamp and caps without a framerate" },
  { "avg-bandwidth-bps", KIND_UINT, MEMBER (avg_bandwidth_bps), 4194304, NULL,
    "Accepted for compatibility, in bits a second; memory is taken as it is needed" },
  { "buffer-duration", KIND_UINT, MEMBER (buffer_duration_s), 120, NULL,
    "How much media is kept at most until it is persisted, in seconds; 0 for 20" },
  { "replay-duration", KIND_UINT, MEMBER (replay_duration_s), 40, NULL,
    "Accepted for compatibility, in seconds; what is not persisted is sent again, nothing else" },
  { "connection-staleness", KIND_UINT, MEMBER (connection_staleness_s), 60, NULL,
    "A connection on which nothing was acknowledged for that long is replaced, in seconds; 0 never" },
  { "codec-id", KIND_STRING, MEMBER (codec_id), 0, NULL,
    "Matroska codec id of the video track; unset to take it from the caps" },
  { "track-name", KIND_STRING, MEMBER (track_name), 0, "kinesis_video",
    "Matroska name of the video track, 32 bytes at most" },
  { "storage-size", KIND_UINT, MEMBER (storage_size_mib), 128, NULL,
    "How much media is kept at most until it is persisted, in MiB; nothing is allocated ahead" },
  { "stop-stream-timeout", KIND_UINT, MEMBER (stop_stream_timeout_s), 120, NULL,
    "Bound on delivering what is left at the end, in seconds" },
  { "connection-timeout", KIND_UINT, MEMBER (connection_timeout_s), 5, NULL,
    "Bound on connecting, in seconds; 0 for the default" },
  { "completion-timeout", KIND_UINT, MEMBER (completion_timeout_s), 10, NULL,
    "Bound on a whole call of the control plane, in seconds; 0 for the default" },
  { "allow-create-stream", KIND_BOOLEAN, MEMBER (allow_create_stream), TRUE, NULL,
    "Create the stream where it is missing" },
  { "flush-interval", KIND_UINT, MEMBER (flush_interval_ms), 100, NULL,
    "How long a frame may wait for company before it is sent, in milliseconds; 0 sends each at once" },
  { "track-timeout", KIND_UINT, MEMBER (track_timeout_ms), 2000, NULL,
    "How long a track that brings nothing may hold back the others, in milliseconds" },
  { "drop-corrupted", KIND_BOOLEAN, MEMBER (drop_corrupted), FALSE, NULL,
    "Drop buffers that the source marks as corrupted; else they are stored like others" },

  { "spool-location", KIND_STRING, MEMBER (spool_location), 0, NULL,
    "Folder in which fragments are kept that memory cannot hold; unset for none" },
  { "spool-size", KIND_UINT64, MEMBER (spool_size_bytes),
    G_GUINT64_CONSTANT (10) * 1024 * 1024 * 1024, NULL,
    "How much is kept on disk at most, in bytes; the oldest goes first" },
  { "spool-mode", KIND_ENUM, MEMBER (spool_mode), KVS_SPOOL_MODE_OVERFLOW, NULL,
    "Disk only when memory is full, or each fragment until it is persisted",
    spool_mode_get_type },
  { "spool-order", KIND_ENUM, MEMBER (spool_order), GST_KVS_SINK_SPOOL_ORDER_OLDEST_FIRST, NULL,
    "What waits on disk before live media, or live media first", spool_order_get_type },

  { "metadata", KIND_STRUCTURE, MEMBER (metadata), 0, NULL,
    "Names and values that go with each fragment: a structure with string fields, 10 at most" },
  { "generate-images", KIND_BOOLEAN, MEMBER (generate_images), FALSE, NULL,
    "Each fragment asks the service for images, where the stream is configured for that" },
  { "image-prefix", KIND_STRING, MEMBER (image_prefix), 0, NULL,
    "Prefix of the names of images that are asked for, 256 bytes at most" },
  { "send-notifications", KIND_BOOLEAN, MEMBER (send_notifications), FALSE, NULL,
    "Each fragment asks the service for a notification, where the stream is configured for that" },

  { "access-key", KIND_SECRET, MEMBER (access_key), 0, NULL,
    "AWS access key id; better in the environment, as AWS_ACCESS_KEY_ID. Reads as NULL" },
  { "secret-key", KIND_SECRET, MEMBER (secret_key), 0, NULL,
    "AWS secret access key; better in the environment, as AWS_SECRET_ACCESS_KEY. Reads as NULL" },
  { "session-token", KIND_SECRET, MEMBER (session_token), 0, NULL,
    "AWS session token, with access-key and secret-key. Reads as NULL" },
  { "profile", KIND_STRING, MEMBER (profile), 0, NULL,
    "Profile of the shared AWS files; unset for AWS_PROFILE, or the default one" },
  { "credential-path", KIND_STRING, MEMBER (credential_path), 0, ".kvs/credential",
    "File of one line with keys, as AWS's C producers have it; the default one is used if it is "
    "there" },
  { "iot-certificate", KIND_STRUCTURE, MEMBER (iot_certificate), 0, NULL,
    "Certificate of an IoT thing: a structure with endpoint, cert-path, key-path, ca-path, "
    "role-aliases, iot-thing-name; or the properties that follow" },
  { "iot-endpoint", KIND_STRING, MEMBER (iot_endpoint), 0, NULL,
    "Host of the account's IoT credentials endpoint" },
  { "iot-cert-path", KIND_STRING, MEMBER (iot_cert_path), 0, NULL,
    "PEM file with the certificate of the IoT thing" },
  { "iot-key-path", KIND_STRING, MEMBER (iot_key_path), 0, NULL,
    "PEM file with the private key of the IoT thing" },
  { "iot-ca-path", KIND_STRING, MEMBER (iot_ca_path), 0, NULL,
    "File or folder of certificates to trust the IoT endpoint by; unset for ca-path" },
  { "iot-role-alias", KIND_STRING, MEMBER (iot_role_alias), 0, NULL,
    "IoT role alias that gives the credentials" },
  { "iot-thing-name", KIND_STRING, MEMBER (iot_thing_name), 0, NULL,
    "Name of the IoT thing; unset for stream-name" },
  { "rotation-period", KIND_UINT, MEMBER (rotation_period_s), 3600, NULL,
    "Accepted for compatibility, in seconds; has no effect" },

  { "aws-region", KIND_STRING, MEMBER (aws_region), 0, NULL,
    "AWS region; unset for AWS_REGION, AWS_DEFAULT_REGION, the profile's region, us-west-2" },
  { "endpoint", KIND_STRING, MEMBER (endpoint), 0, NULL,
    "URL of the control plane; unset for AWS_ENDPOINT_URL_KINESIS_VIDEO, AWS_ENDPOINT_URL, "
    "CONTROL_PLANE_URI, the profile's endpoint_url, the region's own" },
  { "data-endpoint", KIND_STRING, MEMBER (data_endpoint), 0, NULL,
    "URL that media are sent to; unset to have the service name it" },
  { "use-fips", KIND_BOOLEAN, MEMBER (use_fips), FALSE, NULL,
    "Use the region's FIPS 140 endpoints; false for what AWS_USE_FIPS_ENDPOINT or the profile "
    "says" },
  { "use-dual-stack", KIND_BOOLEAN, MEMBER (use_dual_stack), FALSE, NULL,
    "Use the region's endpoints that have IPv6 addresses too; false for what "
    "AWS_USE_DUALSTACK_ENDPOINT or the profile says" },
  { "allow-insecure-endpoint", KIND_BOOLEAN, MEMBER (allow_insecure_endpoint), FALSE, NULL,
    "Take plain http for other hosts than this machine too" },
  { "proxy", KIND_SECRET, MEMBER (proxy), 0, NULL,
    "Address of a proxy, as http://user:password@host:port; empty for none; unset for HTTPS_PROXY. "
    "Reads as NULL" },
  { "ip-version", KIND_ENUM, MEMBER (ip_version), KVS_IP_VERSION_ANY, NULL,
    "Which addresses of hosts are used: any, 4 for IPv4, 6 for IPv6", ip_version_get_type },
  { "ca-path", KIND_STRING, MEMBER (ca_path), 0, NULL,
    "File or folder of trusted certificates; unset for AWS_CA_BUNDLE, KVSSINK_CA_CERT_PATH, the "
    "profile's ca_bundle, the system's" },
  { "tls-client-cert", KIND_STRING, MEMBER (tls_client_cert), 0, NULL,
    "Client certificate for servers that want one: PEM file, or pkcs11: address" },
  { "tls-client-key", KIND_STRING, MEMBER (tls_client_key), 0, NULL,
    "Private key of tls-client-cert: PEM file, or pkcs11: address; unset where it is in there" },
  { "user-agent", KIND_STRING, MEMBER (user_agent), 0, DEFAULT_USER_AGENT,
    "User-Agent header of all requests" },
  { "log-config", KIND_STRING, MEMBER (log_config), 0, "../kvs_log_configuration",
    "Accepted for compatibility; use GST_DEBUG=kvssink:5" },

  { "file-start-time", KIND_UINT64, MEMBER (file_start_time_s), 0, NULL,
    "Epoch time of the first frame with streaming-type=offline, in seconds; the default is the "
    "time the element was made" },
  { "disable-buffer-clipping", KIND_BOOLEAN, MEMBER (disable_buffer_clipping), FALSE, NULL,
    "Accepted for compatibility; buffers outside of their segment are always taken" },
  { "use-original-pts", KIND_BOOLEAN, MEMBER (use_original_pts), FALSE, NULL,
    "Take the buffers' timestamps for epoch times, as they are" },
  { "get-kvs-metrics", KIND_BOOLEAN, MEMBER (get_kvs_metrics), FALSE, NULL,
    "Emit stream-client-metric at each key frame" },
  { "frame-timestamp", KIND_BOOLEAN, MEMBER (frame_timestamp), FALSE, NULL,
    "Accepted for compatibility with old pipelines; has no effect" },
};

#define FIRST_ID 1

static GParamSpec *
make_spec (const Property *property)
{
  const gchar *name = property->name, *blurb = property->blurb;
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  switch (property->kind) {
    case KIND_UINT:
      return g_param_spec_uint (name, name, blurb, 0, G_MAXUINT, (guint) property->default_number,
                                flags);
    case KIND_UINT64:
      return g_param_spec_uint64 (name, name, blurb, 0, G_MAXUINT64, property->default_number,
                                  flags);
    case KIND_BOOLEAN:
      return g_param_spec_boolean (name, name, blurb, property->default_number != 0, flags);
    case KIND_STRUCTURE:
      return g_param_spec_boxed (name, name, blurb, GST_TYPE_STRUCTURE, flags);
    case KIND_ENUM:
      return g_param_spec_enum (name, name, blurb, property->get_type (),
                                (gint) property->default_number, flags);
    case KIND_STRING:
    case KIND_SECRET:
    default:
      return g_param_spec_string (name, name, blurb, property->default_text, flags);
  }
}

/**
 * gst_kvs_sink_settings_install:
 * @klass: the element's class
 *
 * Installs a property for each setting, with ids from 1.
 */
void
gst_kvs_sink_settings_install (GObjectClass *klass)
{
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++)
    g_object_class_install_property (klass, i + FIRST_ID, make_spec (&properties[i]));
  gst_type_mark_as_plugin_api (streaming_type_get_type (), 0);
  gst_type_mark_as_plugin_api (spool_mode_get_type (), 0);
  gst_type_mark_as_plugin_api (spool_order_get_type (), 0);
  gst_type_mark_as_plugin_api (ip_version_get_type (), 0);
  gst_type_mark_as_plugin_api (storage_tier_get_type (), 0);
}

static const Property *
find_property (const GParamSpec *pspec)
{
  guint index = pspec->param_id - FIRST_ID;

  return index < G_N_ELEMENTS (properties) ? &properties[index] : NULL;
}

static void
wipe (gchar *secret)
{
  if (secret != NULL)
    OPENSSL_cleanse (secret, strlen (secret));
  g_free (secret);
}

/**
 * gst_kvs_sink_settings_init:
 * @settings: (out): gets the defaults
 */
void
gst_kvs_sink_settings_init (GstKvsSinkSettings *settings)
{
  memset (settings, 0, sizeof *settings);
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
    gpointer member = G_STRUCT_MEMBER_P (settings, properties[i].offset);

    switch (properties[i].kind) {
      case KIND_UINT:
      case KIND_ENUM:
      case KIND_BOOLEAN:
        *(guint *) member = (guint) properties[i].default_number;
        break;
      case KIND_UINT64:
        *(guint64 *) member = properties[i].default_number;
        break;
      case KIND_STRING:
        *(gchar **) member = g_strdup (properties[i].default_text);
        break;
      default:
        break;
    }
  }
  settings->file_start_time_s = (guint64) (g_get_real_time () / G_USEC_PER_SEC);
}

/**
 * gst_kvs_sink_settings_clear:
 * @settings: settings, not to be used afterwards
 *
 * Secrets are wiped from memory.
 */
void
gst_kvs_sink_settings_clear (GstKvsSinkSettings *settings)
{
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
    gpointer member = G_STRUCT_MEMBER_P (settings, properties[i].offset);

    if (properties[i].kind == KIND_STRING)
      g_clear_pointer ((gchar **) member, g_free);
    else if (properties[i].kind == KIND_SECRET)
      g_clear_pointer ((gchar **) member, wipe);
    else if (properties[i].kind == KIND_STRUCTURE)
      g_clear_pointer ((GstStructure **) member, gst_structure_free);
  }
}

/**
 * gst_kvs_sink_settings_set:
 * @settings: settings
 * @pspec: which one
 * @value: its new value
 *
 * Returns: whether @pspec is one of these
 */
gboolean
gst_kvs_sink_settings_set (GstKvsSinkSettings *settings, const GParamSpec *pspec,
                           const GValue *value)
{
  const Property *property = find_property (pspec);
  gpointer member;

  if (property == NULL)
    return FALSE;
  member = G_STRUCT_MEMBER_P (settings, property->offset);
  if (member == (gpointer) &settings->retention_period_h)
    settings->retention_period_was_set = TRUE;
  switch (property->kind) {
    case KIND_UINT:
      *(guint *) member = g_value_get_uint (value);
      break;
    case KIND_UINT64:
      *(guint64 *) member = g_value_get_uint64 (value);
      break;
    case KIND_BOOLEAN:
      *(gboolean *) member = g_value_get_boolean (value);
      break;
    case KIND_ENUM:
      *(gint *) member = g_value_get_enum (value);
      break;
    case KIND_STRING:
      g_free (*(gchar **) member);
      *(gchar **) member = g_value_dup_string (value);
      break;
    case KIND_SECRET:
      wipe (*(gchar **) member);
      *(gchar **) member = g_value_dup_string (value);
      break;
    case KIND_STRUCTURE:
    default:
      g_clear_pointer ((GstStructure **) member, gst_structure_free);
      *(GstStructure **) member = g_value_dup_boxed (value);
      break;
  }
  return TRUE;
}

/**
 * gst_kvs_sink_settings_get:
 * @settings: settings
 * @pspec: which one
 * @value: (out): its value; %NULL for a secret
 *
 * Returns: whether @pspec is one of these
 */
gboolean
gst_kvs_sink_settings_get (const GstKvsSinkSettings *settings, const GParamSpec *pspec,
                           GValue *value)
{
  const Property *property = find_property (pspec);
  gconstpointer member;

  if (property == NULL)
    return FALSE;
  member = (const guint8 *) settings + property->offset;
  switch (property->kind) {
    case KIND_UINT:
      g_value_set_uint (value, *(const guint *) member);
      break;
    case KIND_UINT64:
      g_value_set_uint64 (value, *(const guint64 *) member);
      break;
    case KIND_BOOLEAN:
      g_value_set_boolean (value, *(const gboolean *) member);
      break;
    case KIND_ENUM:
      g_value_set_enum (value, *(const gint *) member);
      break;
    case KIND_STRING:
      g_value_set_string (value, *(gchar *const *) member);
      break;
    case KIND_STRUCTURE:
      g_value_set_boxed (value, *(GstStructure *const *) member);
      break;
    case KIND_SECRET:
    default:
      g_value_set_string (value, NULL);
      break;
  }
  return TRUE;
}
