/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the settings of an element and the environment to what the library works with. */
#include "gstkvssinksettings.h"

#include <string.h>

#include "aws/credentials/client-certificate.h"
#include "aws/endpoint.h"
#include "aws/stream-arn.h"
#include "error.h"
#include "media/track.h"
#include "metadata-events.h"
#include "net/proxy.h"

#define DEFAULT_BUFFER_DURATION_S 20
#define DEFAULT_CONNECTION_TIMEOUT_S 5
#define DEFAULT_COMPLETION_TIMEOUT_S 10
#define MAX_TIMEOUT_S 3600

static gboolean
take_tag (GQuark name, const GValue *value, gpointer user_data)
{
  GHashTable *tags = user_data;

  if (!G_VALUE_HOLDS_STRING (value))
    return FALSE;
  g_hash_table_insert (tags, g_strdup (g_quark_to_string (name)), g_value_dup_string (value));
  return TRUE;
}

static gboolean
read_tags (const GstStructure *structure, GHashTable **tags, GError **error)
{
  g_autoptr (GHashTable) table = NULL;

  if (structure == NULL)
    return TRUE;
  table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (!gst_structure_foreach (structure, take_tag, table)) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                         "stream-tags may only have string fields, as in "
                         "stream-tags=\"tags,site=(string)gate,camera=(string)2\"");
    return FALSE;
  }
  if (g_hash_table_size (table) > 0)
    *tags = g_steal_pointer (&table);
  return TRUE;
}

static gboolean
is_set (const gchar *text)
{
  return text != NULL && *text != '\0';
}

/* The name goes into messages and into the spool also where requests say the ARN. */
static gboolean
choose_stream (const GstKvsSinkSettings *settings, KvsStreamDefinition *definition, GError **error)
{
  g_autoptr (KvsStreamArn) arn = NULL;
  const gchar *name = settings->stream_name;

  if (!is_set (settings->stream_arn))
    return TRUE;
  arn = kvs_stream_arn_parse (settings->stream_arn, error);
  if (arn == NULL)
    return FALSE;
  if (is_set (name) && !g_str_equal (name, GST_KVS_SINK_DEFAULT_STREAM_NAME)
      && !g_str_equal (name, arn->stream_name)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "stream-arn names the stream %s, but stream-name is %s; unset one of them",
                 arn->stream_name, name);
    return FALSE;
  }
  g_free (definition->stream_name);
  definition->stream_name = g_strdup (arn->stream_name);
  definition->stream_arn = g_strdup (settings->stream_arn);
  return TRUE;
}

static KvsStreamDefinition *
make_definition (const GstKvsSinkSettings *settings, GError **error)
{
  g_autoptr (KvsStreamDefinition) definition = kvs_stream_definition_new (settings->stream_name);
  static const gchar *const storage_tiers[] = { NULL, "HOT", "WARM" };
  guint buffer_duration_s = settings->buffer_duration_s;
  guint timecode_scale_ms = settings->timecode_scale_ms;

  definition->retention_hours = settings->retention_period_h;
  definition->retention_is_wish = settings->retention_period_was_set;
  definition->storage_tier = g_strdup (storage_tiers[settings->storage_tier]);
  definition->kms_key_id = is_set (settings->kms_key_id) ? g_strdup (settings->kms_key_id) : NULL;
  definition->streaming_type = (KvsStreamingType) settings->streaming_type;
  g_free (definition->content_type);
  definition->content_type = g_strdup (settings->content_type);
  definition->fragment_duration_ns = settings->fragment_duration_ms * GST_MSECOND;
  definition->timecode_scale_ns = (timecode_scale_ms != 0 ? timecode_scale_ms : 1) * GST_MSECOND;
  definition->key_frame_fragmentation = settings->key_frame_fragmentation;
  definition->absolute_fragment_times = settings->absolute_fragment_times;
  definition->fragment_acks = settings->fragment_acks;
  definition->restart_on_error = settings->restart_on_error;
  definition->buffer_duration_ns
      = (buffer_duration_s != 0 ? buffer_duration_s : DEFAULT_BUFFER_DURATION_S) * GST_SECOND;
  definition->storage_bytes = (guint64) settings->storage_size_mib * 1024 * 1024;
  definition->max_latency_ns = settings->max_latency_s * GST_SECOND;
  definition->connection_staleness_ns = settings->connection_staleness_s * GST_SECOND;
  definition->stop_timeout_ns = settings->stop_stream_timeout_s * GST_SECOND;
  definition->flush_interval_ns = settings->flush_interval_ms * GST_MSECOND;
  definition->track_timeout_ns = settings->track_timeout_ms * GST_MSECOND;
  if (is_set (settings->spool_location))
    definition->spool_folder = g_strdup (settings->spool_location);
  definition->spool_bytes = settings->spool_size_bytes;
  definition->spool_mode = (KvsSpoolMode) settings->spool_mode;
  definition->spool_live_first = settings->spool_order == GST_KVS_SINK_SPOOL_ORDER_LIVE_FIRST;
  definition->allow_create = settings->allow_create_stream;
  if (!choose_stream (settings, definition, error)
      || !read_tags (settings->stream_tags, &definition->tags, error)
      || !kvs_stream_definition_check (definition, error))
    return NULL;
  return g_steal_pointer (&definition);
}

static gboolean
check_track_settings (const GstKvsSinkSettings *settings, GError **error)
{
  if (settings->codec_id != NULL && strlen (settings->codec_id) > KVS_MAX_CODEC_ID_BYTES) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT, "codec-id has more than %d bytes",
                 KVS_MAX_CODEC_ID_BYTES);
    return FALSE;
  }
  if (settings->track_name != NULL && strlen (settings->track_name) > KVS_MAX_TRACK_NAME_BYTES) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT, "track-name has more than %d bytes",
                 KVS_MAX_TRACK_NAME_BYTES);
    return FALSE;
  }
  return TRUE;
}

static gboolean
choose_endpoint (const GstKvsSinkSettings *settings, GstKvsSinkTarget *target, GError **error)
{
  const KvsEndpointWish wish = {
    .region = settings->aws_region,
    .stream_arn = settings->stream_arn,
    .endpoint = settings->endpoint,
    .use_fips = settings->use_fips,
    .use_dual_stack = settings->use_dual_stack,
    .allow_insecure = settings->allow_insecure_endpoint,
    .ca_path = settings->ca_path,
    .profile = settings->profile,
  };

  target->place = kvs_endpoint_choose (&wish, error);
  if (target->place == NULL || !is_set (settings->data_endpoint))
    return target->place != NULL;
  if (kvs_endpoint_check_url (settings->data_endpoint, settings->allow_insecure_endpoint,
                              &target->data_endpoint, error))
    return TRUE;
  g_prefix_error (error, "data-endpoint: ");
  return FALSE;
}

static guint
to_ms (guint seconds, guint default_seconds)
{
  return MIN (seconds != 0 ? seconds : default_seconds, MAX_TIMEOUT_S) * 1000;
}

/* In files, it is looked at now; what is in a token shows when it is used. */
static gboolean
check_client_certificate (const gchar *certificate, const gchar *key, GError **error)
{
  g_autoptr (KvsClientCertificate) files = NULL;

  if (certificate == NULL && key != NULL) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "tls-client-key is set, but tls-client-cert is not; set both");
    return FALSE;
  }
  if (certificate == NULL || kvs_http_is_pkcs11 (certificate) || kvs_http_is_pkcs11 (key))
    return TRUE;
  files = kvs_client_certificate_load (certificate, key != NULL ? key : certificate, error);
  if (files != NULL)
    return TRUE;
  g_prefix_error (error, "tls-client-cert, tls-client-key: ");
  if (error != NULL && *error != NULL)
    (*error)->code = KVS_ERROR_BAD_ARGUMENT;
  return FALSE;
}

static const gchar *
set_or_null (const gchar *text)
{
  return is_set (text) ? text : NULL;
}

static gboolean
choose_http (const GstKvsSinkSettings *settings, GstKvsSinkTarget *target, GError **error)
{
  const KvsHttpOptions http = {
    .ca_path = target->place->ca_path,
    .user_agent = settings->user_agent,
    .connect_timeout_ms = to_ms (settings->connection_timeout_s, DEFAULT_CONNECTION_TIMEOUT_S),
    .total_timeout_ms = to_ms (settings->completion_timeout_s, DEFAULT_COMPLETION_TIMEOUT_S),
    .ip_version = (KvsIpVersion) settings->ip_version,
    .proxy = settings->proxy,
    .client_certificate = (gchar *) set_or_null (settings->tls_client_cert),
    .client_key = (gchar *) set_or_null (settings->tls_client_key),
  };

  if (settings->proxy != NULL && !kvs_proxy_check (settings->proxy, error))
    return FALSE;
  if (!check_client_certificate (http.client_certificate, http.client_key, error))
    return FALSE;
  kvs_http_options_copy (&target->http, &http);
  return TRUE;
}

static gboolean
choose_credentials (const GstKvsSinkSettings *settings, GstKvsSinkTarget *target, GError **error)
{
  target->credentials = gst_kvs_sink_make_credentials (
      settings, target->definition->stream_name, target->place, error);
  return target->credentials != NULL;
}

static gboolean
make_metadata (const GstKvsSinkSettings *settings, GstKvsSinkTarget *target, GError **error)
{
  KvsMetadataEvent kinds = KVS_METADATA_EVENT_NONE;

  if (settings->generate_images)
    kinds |= KVS_METADATA_EVENT_IMAGE_GENERATION;
  if (settings->send_notifications)
    kinds |= KVS_METADATA_EVENT_NOTIFICATION;
  target->metadata = kvs_metadata_new ();
  if (settings->metadata != NULL
      && !gst_kvs_metadata_read_structure (settings->metadata, target->metadata, error)) {
    g_prefix_error (error, "metadata: ");
    return FALSE;
  }
  if (!kvs_metadata_set_every_fragment (target->metadata, kinds, settings->image_prefix, error)) {
    g_prefix_error (error, "image-prefix: ");
    return FALSE;
  }
  return TRUE;
}

/**
 * gst_kvs_sink_target_new:
 * @settings: of the element
 * @error: %KVS_ERROR_BAD_ARGUMENT or %KVS_ERROR_CREDENTIALS, with what to correct
 *
 * Everything that can be seen to be wrong without the network is found here.
 *
 * Returns: (transfer full) (nullable): the target
 */
GstKvsSinkTarget *
gst_kvs_sink_target_new (const GstKvsSinkSettings *settings, GError **error)
{
  g_autoptr (GstKvsSinkTarget) target = g_new0 (GstKvsSinkTarget, 1);

  target->definition = make_definition (settings, error);
  if (target->definition == NULL || !check_track_settings (settings, error)
      || !choose_endpoint (settings, target, error)
      || !choose_http (settings, target, error)
      || !choose_credentials (settings, target, error)
      || !make_metadata (settings, target, error))
    return NULL;
  return g_steal_pointer (&target);
}

/**
 * gst_kvs_sink_target_free:
 * @target: (transfer full) (nullable): a target
 */
void
gst_kvs_sink_target_free (GstKvsSinkTarget *target)
{
  if (target == NULL)
    return;
  kvs_stream_definition_free (target->definition);
  kvs_endpoint_choice_free (target->place);
  g_free (target->data_endpoint);
  kvs_http_options_clear (&target->http);
  kvs_credentials_config_unref (target->credentials);
  kvs_metadata_unref (target->metadata);
  g_free (target);
}
