/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/profile-provider.h"

#include "aws/credentials/worker-fetch.h"

typedef struct {
  gchar *config_path;
  gchar *credentials_path;
  gchar *profile; /* NULL: the default one */
} Place;

typedef struct {
  KvsCredentialsProvider base;
  KvsLoop *loop;
  Place *place;
} Provider;

static Place *
place_new (const gchar *config_path, const gchar *credentials_path, const gchar *profile)
{
  Place *place = g_new0 (Place, 1);

  place->config_path = g_strdup (config_path);
  place->credentials_path = g_strdup (credentials_path);
  place->profile = g_strdup (profile);
  return place;
}

static void
place_free (gpointer data)
{
  Place *place = data;

  g_free (place->config_path);
  g_free (place->credentials_path);
  g_free (place->profile);
  g_free (place);
}

/**
 * kvs_profile_source_get_keys:
 * @source: a source of kind %KVS_PROFILE_SOURCE_KEYS
 * @error: where to say what is wrong with them, as %KVS_ERROR_CREDENTIALS
 *
 * Any thread.
 *
 * Returns: (transfer full) (nullable): its credentials, which do not expire by themselves
 */
KvsCredentials *
kvs_profile_source_get_keys (const KvsProfileSource *source, GError **error)
{
  KvsCredentials *credentials = kvs_credentials_from_strings (
    source->access_key, source->secret_key, source->session_token, error);

  if (credentials == NULL)
    g_prefix_error (error, "Profile '%s': ", source->profile);
  return credentials;
}

static KvsCredentials *
read_files (gpointer job, GError **error)
{
  const Place *place = job;
  g_autoptr (KvsProfile) profile = kvs_profile_load (place->config_path, place->credentials_path,
                                                     place->profile, error);

  if (profile == NULL)
    return NULL;
  if (profile->source_error != NULL) {
    g_propagate_error (error, g_steal_pointer (&profile->source_error));
    return NULL;
  }
  if (profile->source == NULL || profile->source->kind != KVS_PROFILE_SOURCE_KEYS)
    return NULL;
  return kvs_profile_source_get_keys (profile->source, error);
}

static KvsCredentialsFetch *
fetch (KvsCredentialsProvider *base, KvsCredentialsFunc func, gpointer user_data)
{
  static const KvsWorkerFetchFuncs funcs = { read_files, NULL, place_free };
  Provider *provider = (Provider *) base;
  const Place *place = provider->place;

  return kvs_worker_fetch_start (
    provider->loop, &funcs,
    place_new (place->config_path, place->credentials_path, place->profile), func, user_data);
}

static void
provider_free (KvsCredentialsProvider *base)
{
  Provider *provider = (Provider *) base;

  kvs_loop_release (provider->loop);
  place_free (provider->place);
  g_free (provider);
}

/**
 * kvs_profile_provider_new:
 * @loop: the loop; the provider holds it
 * @config_path: path of the config file
 * @credentials_path: path of the credentials file
 * @profile: (nullable): a profile that must be there, or %NULL for the default one
 *
 * Each fetch reads the files anew. Gives nothing where the profile's credentials come from
 * elsewhere. To learn that the files changed, see #KvsFileWatch.
 *
 * Returns: (transfer full): a provider
 */
KvsCredentialsProvider *
kvs_profile_provider_new (KvsLoop *loop, const gchar *config_path, const gchar *credentials_path,
                          const gchar *profile)
{
  Provider *provider = g_new0 (Provider, 1);

  provider->base.name = "shared config and credentials files";
  provider->base.fetch = fetch;
  provider->base.free = provider_free;
  provider->loop = kvs_loop_ref (loop);
  provider->place = place_new (config_path, credentials_path, profile);
  return &provider->base;
}
