/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/profile.h"

/**
 * kvs_profile_free:
 * @profile: (transfer full) (nullable): a profile
 */
void
kvs_profile_free (KvsProfile *profile)
{
  if (profile == NULL)
    return;
  g_free (profile->name);
  g_free (profile->region);
  g_free (profile->endpoint_url);
  g_free (profile->kinesis_video_endpoint_url);
  g_free (profile->sts_endpoint_url);
  g_free (profile->sso_endpoint_url);
  g_free (profile->ca_bundle);
  kvs_profile_source_free (profile->source);
  g_clear_error (&profile->source_error);
  g_free (profile);
}

static gchar *
get (const KvsSharedConfig *config, const gchar *name, const gchar *key)
{
  const gchar *value = kvs_shared_config_get (config, name, key);

  return value != NULL && *value != '\0' ? g_strdup (value) : NULL;
}

static KvsProfileSwitch
get_switch (const KvsSharedConfig *config, const gchar *name, const gchar *key)
{
  const gchar *value = kvs_shared_config_get (config, name, key);

  if (value == NULL)
    return KVS_PROFILE_SWITCH_UNSET;
  return g_ascii_strcasecmp (value, "true") == 0 ? KVS_PROFILE_SWITCH_ON : KVS_PROFILE_SWITCH_OFF;
}

static gchar *
get_endpoint_url (const KvsSharedConfig *config, const gchar *name, const gchar *service)
{
  const gchar *services = kvs_shared_config_get (config, name, "services");
  const gchar *value = NULL;

  if (services != NULL)
    value = kvs_shared_config_get_of_services (config, services, service, "endpoint_url");
  return value != NULL && *value != '\0' ? g_strdup (value) : NULL;
}

/**
 * kvs_profile_resolve:
 * @config: both files
 * @name: (nullable): the profile that was asked for; %NULL for the default one, which need not be
 *   there
 * @error: where to say that there is no such profile, as %KVS_ERROR_CREDENTIALS
 *
 * Any thread.
 *
 * Returns: (transfer full) (nullable): what it comes to
 */
KvsProfile *
kvs_profile_resolve (const KvsSharedConfig *config, const gchar *name, GError **error)
{
  KvsProfile *profile;

  if (name != NULL && !kvs_shared_config_has_profile (config, name)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "There is no profile '%s': the config "
                 "file needs a section [profile %s], or the credentials file one [%s]", name, name,
                 name);
    return NULL;
  }
  if (name == NULL)
    name = KVS_PROFILE_DEFAULT;
  profile = g_new0 (KvsProfile, 1);
  profile->name = g_strdup (name);
  profile->region = get (config, name, "region");
  profile->use_fips_endpoint = get_switch (config, name, "use_fips_endpoint");
  profile->use_dualstack_endpoint = get_switch (config, name, "use_dualstack_endpoint");
  profile->ignore_endpoint_urls = get_switch (config, name, "ignore_configured_endpoint_urls");
  profile->endpoint_url = get (config, name, "endpoint_url");
  profile->kinesis_video_endpoint_url = get_endpoint_url (config, name, "kinesis_video");
  profile->sts_endpoint_url = get_endpoint_url (config, name, "sts");
  profile->sso_endpoint_url = get_endpoint_url (config, name, "sso");
  profile->ca_bundle = get (config, name, "ca_bundle");
  kvs_profile_source_resolve (config, name, &profile->source, &profile->source_error);
  return profile;
}

/**
 * kvs_profile_load:
 * @config_path: path of the config file
 * @credentials_path: path of the credentials file
 * @name: (nullable): as in kvs_profile_resolve()
 * @error: where to say which file is wrong, or that there is no such profile, as
 *   %KVS_ERROR_CREDENTIALS
 *
 * Blocks: not for the I/O thread, but for a #KvsWork.
 *
 * Returns: (transfer full) (nullable): what the profile comes to
 */
KvsProfile *
kvs_profile_load (const gchar *config_path, const gchar *credentials_path, const gchar *name,
                  GError **error)
{
  g_autoptr (KvsSharedConfig) config = kvs_shared_config_load (config_path, credentials_path, error);

  return config != NULL ? kvs_profile_resolve (config, name, error) : NULL;
}
