/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the settings of an element and the environment to where its credentials come from. */
#include "gstkvssinksettings.h"

#include "error.h"

#define DEFAULT_CREDENTIAL_PATH ".kvs/credential"

/* The property of its own, or the field of the structure that the AWS producer SDK's element has. */
static gchar *
choose (const gchar *property, const GstStructure *structure, const gchar *field)
{
  const gchar *value = structure != NULL ? gst_structure_get_string (structure, field) : NULL;

  if (property != NULL && *property != '\0')
    return g_strdup (property);
  return value != NULL && *value != '\0' ? g_strdup (value) : NULL;
}

static gboolean
check_iot (const KvsIotOptions *iot, GError **error)
{
  const gchar *missing = iot->endpoint == NULL           ? "endpoint (iot-endpoint)"
                         : iot->certificate_path == NULL ? "cert-path (iot-cert-path)"
                         : iot->key_path == NULL         ? "key-path (iot-key-path)"
                         : iot->role_alias == NULL       ? "role-aliases (iot-role-alias)"
                                                         : NULL;

  if (missing != NULL) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT, "iot-certificate lacks its %s", missing);
    return FALSE;
  }
  if (g_file_test (iot->certificate_path, G_FILE_TEST_EXISTS)
      && g_file_test (iot->key_path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
               "iot-certificate: %s or %s does not exist; correct cert-path or key-path",
               iot->certificate_path, iot->key_path);
  return FALSE;
}

static gboolean
read_iot (const GstKvsSinkSettings *settings, const gchar *stream_name, KvsCredentialsConfig *config,
          GError **error)
{
  const GstStructure *structure = settings->iot_certificate;
  KvsIotOptions *iot;

  if (structure == NULL && settings->iot_endpoint == NULL && settings->iot_cert_path == NULL)
    return TRUE;
  iot = config->iot = g_new0 (KvsIotOptions, 1);
  iot->endpoint = choose (settings->iot_endpoint, structure, "endpoint");
  iot->certificate_path = choose (settings->iot_cert_path, structure, "cert-path");
  iot->key_path = choose (settings->iot_key_path, structure, "key-path");
  iot->ca_path = choose (settings->iot_ca_path, structure, "ca-path");
  iot->role_alias = choose (settings->iot_role_alias, structure, "role-aliases");
  iot->thing_name = choose (settings->iot_thing_name, structure, "iot-thing-name");
  if (iot->thing_name == NULL)
    iot->thing_name = g_strdup (stream_name);
  return check_iot (iot, error);
}

static gboolean
read_given (const GstKvsSinkSettings *settings, KvsCredentialsConfig *config, GError **error)
{
  if (settings->access_key == NULL && settings->secret_key == NULL)
    return TRUE;
  config->given = kvs_credentials_from_strings (settings->access_key, settings->secret_key,
                                                settings->session_token, error);
  if (config->given == NULL)
    g_prefix_error (error, "Properties access-key, secret-key, session-token: ");
  return config->given != NULL;
}

static gchar *
choose_credential_path (const gchar *path)
{
  if (path == NULL || *path == '\0')
    return NULL;
  if (g_str_equal (path, DEFAULT_CREDENTIAL_PATH) && !g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  return g_strdup (path);
}

/**
 * gst_kvs_sink_make_credentials:
 * @settings: of the element
 * @stream_name: the stream's
 * @place: region of the service, and which hosts are used there
 * @error: %KVS_ERROR_BAD_ARGUMENT or %KVS_ERROR_CREDENTIALS, with what to correct
 *
 * Keys that were typed win as a pair; a token of the environment does not belong to them. A profile
 * that was named goes before keys of the environment, as with the AWS SDKs.
 *
 * Returns: (transfer full) (nullable): where credentials come from
 */
KvsCredentialsConfig *
gst_kvs_sink_make_credentials (const GstKvsSinkSettings *settings, const gchar *stream_name,
                               const KvsEndpointChoice *place, GError **error)
{
  g_autoptr (KvsCredentialsConfig) config = kvs_credentials_config_new (place);

  if (!read_given (settings, config, error) || !read_iot (settings, stream_name, config, error))
    return NULL;
  config->credential_path = choose_credential_path (settings->credential_path);
  if (settings->profile != NULL && *settings->profile != '\0')
    kvs_credentials_config_name_profile (config, settings->profile);
  else if (config->given == NULL && config->iot == NULL && config->credential_path == NULL
           && !kvs_credentials_config_read_keys (config, error))
    return NULL;
  return g_steal_pointer (&config);
}
