/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/default-chain.h"

#include "aws/credentials/chain.h"
#include "aws/credentials/container-provider.h"
#include "aws/credentials/file-provider.h"
#include "aws/credentials/imds-provider.h"
#include "aws/credentials/profile-chain.h"
#include "aws/credentials/secret.h"
#include "aws/credentials/shared-path.h"
#include "aws/credentials/static-provider.h"
#include "aws/credentials/sts.h"
#include "aws/credentials/web-identity-provider.h"
#include "aws/endpoint.h"

/* ---- the environment ---- */

/* An empty variable counts as unset. */
static gboolean
is_set (const gchar *name)
{
  const gchar *value = g_getenv (name);

  return value != NULL && *value != '\0';
}

static gchar *
variable (const gchar *name)
{
  return is_set (name) ? g_strdup (g_getenv (name)) : NULL;
}

static gboolean
is_true (const gchar *name)
{
  const gchar *value = g_getenv (name);

  return value != NULL && g_ascii_strcasecmp (value, "true") == 0;
}

static gchar *
sts_url_for (const KvsEndpointChoice *place)
{
  g_autofree gchar *own = variable ("AWS_ENDPOINT_URL_STS");

  if (own == NULL)
    own = variable ("AWS_ENDPOINT_URL");
  return own != NULL ? g_steal_pointer (&own)
                     : kvs_endpoint_for_service ("sts", place->region, place->fips,
                                                 place->dual_stack);
}

static gchar *
sso_url (void)
{
  gchar *url = variable ("AWS_ENDPOINT_URL_SSO");

  return url != NULL ? url : variable ("AWS_ENDPOINT_URL");
}

static gchar *
imds_url (void)
{
  g_autofree gchar *url = variable ("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const gchar *mode = g_getenv ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

  if (url == NULL && mode != NULL && g_ascii_strcasecmp (mode, "ipv6") == 0)
    return g_strdup (KVS_IMDS_IPV6_URL);
  return g_steal_pointer (&url);
}

/**
 * kvs_credentials_config_new:
 * @place: region of the service, and which hosts are used there
 *
 * Reads the environment, but for the keys there.
 *
 * Returns: (transfer full): what it says; nothing is typed by the user yet
 */
KvsCredentialsConfig *
kvs_credentials_config_new (const KvsEndpointChoice *place)
{
  KvsCredentialsConfig *config = g_new0 (KvsCredentialsConfig, 1);

  g_atomic_ref_count_init (&config->refs);
  config->web_identity_token_file = variable ("AWS_WEB_IDENTITY_TOKEN_FILE");
  config->role_arn = variable ("AWS_ROLE_ARN");
  config->role_session_name = variable ("AWS_ROLE_SESSION_NAME");
  config->profile = variable ("AWS_PROFILE");
  if (config->profile == NULL)
    config->profile = variable ("AWS_DEFAULT_PROFILE");
  config->config_path = kvs_shared_path_from_environment ("AWS_CONFIG_FILE", "config");
  config->credentials_path
      = kvs_shared_path_from_environment ("AWS_SHARED_CREDENTIALS_FILE", "credentials");
  config->sso_cache_folder
      = g_build_filename (g_get_home_dir (), ".aws", "sso", "cache", NULL);
  config->container_relative_uri = variable ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  config->container_full_uri = variable ("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  config->container_token = variable ("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  config->container_token_path = variable ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  config->imds_disabled = is_true ("AWS_EC2_METADATA_DISABLED");
  config->imds_v1_disabled = is_true ("AWS_EC2_METADATA_V1_DISABLED");
  config->imds_url = imds_url ();
  config->sso_url = sso_url ();
  config->sts_url = sts_url_for (place);
  config->region = g_strdup (place->region);
  return config;
}

/**
 * kvs_credentials_config_read_keys:
 * @config: a config
 * @error: %KVS_ERROR_CREDENTIALS where there is half of a pair
 *
 * Reads the keys of the environment, if there are any.
 *
 * Returns: whether that went well
 */
gboolean
kvs_credentials_config_read_keys (KvsCredentialsConfig *config, GError **error)
{
  if (!is_set ("AWS_ACCESS_KEY_ID") && !is_set ("AWS_SECRET_ACCESS_KEY"))
    return TRUE;
  config->environment = kvs_credentials_from_environment (error);
  return config->environment != NULL;
}

/**
 * kvs_credentials_config_name_profile:
 * @config: a config
 * @profile: of the shared files, named by the user for this one element
 *
 * What the environment says of other sources counts no more, but as the credential_source of that
 * profile.
 */
void
kvs_credentials_config_name_profile (KvsCredentialsConfig *config, const gchar *profile)
{
  g_free (config->profile);
  config->profile = g_strdup (profile);
  config->profile_goes_first = TRUE;
  /* half of a pair is none of its business */
  kvs_credentials_config_read_keys (config, NULL);
}

static void
iot_free (KvsIotOptions *iot)
{
  g_free (iot->endpoint);
  g_free (iot->certificate_path);
  g_free (iot->key_path);
  g_free (iot->ca_path);
  g_free (iot->role_alias);
  g_free (iot->thing_name);
  g_free (iot->sni_host);
  g_free (iot);
}

/**
 * kvs_credentials_config_ref:
 * @config: a config, which does not change any more
 *
 * Any thread.
 *
 * Returns: (transfer full): the same config
 */
KvsCredentialsConfig *
kvs_credentials_config_ref (KvsCredentialsConfig *config)
{
  g_atomic_ref_count_inc (&config->refs);
  return config;
}

/**
 * kvs_credentials_config_unref:
 * @config: (transfer full) (nullable): a config
 *
 * Any thread.
 */
void
kvs_credentials_config_unref (KvsCredentialsConfig *config)
{
  if (config == NULL || !g_atomic_ref_count_dec (&config->refs))
    return;
  g_clear_pointer (&config->given, kvs_credentials_unref);
  g_clear_pointer (&config->iot, iot_free);
  g_clear_pointer (&config->environment, kvs_credentials_unref);
  g_free (config->credential_path);
  g_free (config->web_identity_token_file);
  g_free (config->role_arn);
  g_free (config->role_session_name);
  g_free (config->profile);
  g_free (config->config_path);
  g_free (config->credentials_path);
  g_free (config->sso_cache_folder);
  g_free (config->container_relative_uri);
  g_free (config->container_full_uri);
  kvs_secret_free (config->container_token);
  g_free (config->container_token_path);
  g_free (config->imds_url);
  g_free (config->sso_url);
  g_free (config->sts_url);
  g_free (config->region);
  g_free (config);
}

/* ---- the chain ---- */

static KvsCredentialsProvider *
web_identity_for (KvsLoop *loop, const KvsHttpOptions *http, const KvsCredentialsConfig *config)
{
  const KvsStsRole role = {
    .url = config->sts_url,
    .role_arn = config->role_arn,
    .session_name = config->role_session_name,
  };

  if (config->web_identity_token_file == NULL || config->role_arn == NULL)
    return NULL;
  return kvs_web_identity_provider_new (loop, http, &role, config->web_identity_token_file);
}

/**
 * kvs_container_provider_for:
 * @loop: where it runs
 * @http: copied
 * @config: says where to ask
 *
 * Returns: (transfer full) (nullable): a provider, if the process runs in a container that says so
 */
KvsCredentialsProvider *
kvs_container_provider_for (KvsLoop *loop, const KvsHttpOptions *http,
                            const KvsCredentialsConfig *config)
{
  g_autofree gchar *url = NULL;

  if (config->container_relative_uri == NULL && config->container_full_uri == NULL)
    return NULL;
  url = kvs_container_url_new (config->container_relative_uri, config->container_full_uri);
  return kvs_container_provider_new (loop, http,
                                     &(KvsContainerOptions) {
                                       .url = url,
                                       .token = config->container_token,
                                       .token_path = config->container_token_path,
                                     });
}

/**
 * kvs_imds_provider_for:
 * @loop: where it runs
 * @http: copied
 * @config: says where to ask
 *
 * Returns: (transfer full) (nullable): a provider, unless that is disabled
 */
KvsCredentialsProvider *
kvs_imds_provider_for (KvsLoop *loop, const KvsHttpOptions *http,
                       const KvsCredentialsConfig *config)
{
  if (config->imds_disabled)
    return NULL;
  return kvs_imds_provider_new (loop, http,
                                &(KvsImdsOptions) {
                                  .url = config->imds_url,
                                  .v1_disabled = config->imds_v1_disabled,
                                });
}

/**
 * kvs_default_chain_new:
 * @loop: the I/O thread; must outlive the provider
 * @http: copied
 * @config: must outlive the provider
 *
 * In this order: what the user has typed; the IoT certificate; the file that the user has named; the
 * environment; the web identity of the environment; the profile; the container; the EC2 instance.
 *
 * Returns: (transfer full): a provider
 */
KvsCredentialsProvider *
kvs_default_chain_new (KvsLoop *loop, const KvsHttpOptions *http,
                       const KvsCredentialsConfig *config)
{
  KvsCredentialsProvider *chain = kvs_credentials_chain_new ();
  KvsCredentialsProvider *imds = kvs_imds_provider_for (loop, http, config);

  kvs_credentials_chain_add (chain, kvs_static_provider_new (loop, "access-key", config->given));
  if (config->iot != NULL)
    kvs_credentials_chain_add (chain, kvs_iot_provider_new (loop, http, config->iot));
  if (config->credential_path != NULL)
    kvs_credentials_chain_add (chain, kvs_file_provider_new (loop, config->credential_path));
  if (!config->profile_goes_first) {
    kvs_credentials_chain_add (chain, kvs_static_provider_new (loop, "the environment",
                                                               config->environment));
    kvs_credentials_chain_add (chain, web_identity_for (loop, http, config));
  }
  kvs_credentials_chain_add (chain, kvs_profile_chain_new (loop, http, config));
  kvs_credentials_chain_add (chain, kvs_container_provider_for (loop, http, config));
  if (imds != NULL)
    kvs_credentials_chain_add_last_resort (chain, imds);
  return chain;
}
