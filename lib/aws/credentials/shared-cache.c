/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/shared-cache.h"

#include <string.h>

#define SHARED_KEY "credentials"
/* How long a file that the user has named may have changed before that is noticed. */
#define FILE_WATCH_US (5 * G_USEC_PER_SEC)

/* What belongs to a cache for as long as somebody uses it. */
typedef struct {
  GHashTable *caches; /* key -> KvsCredentialsCache, of which it holds no reference */
  gchar *key;
  KvsCredentialsConfig *config; /* which the sources refer to */
} Entry;

static gpointer
make_table (KvsLoop *loop)
{
  return g_hash_table_new (g_str_hash, g_str_equal);
}

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_hash_table_remove (entry->caches, entry->key);
  g_hash_table_unref (entry->caches);
  kvs_credentials_config_unref (entry->config);
  g_free (entry->key);
  g_free (entry);
}

/* Two that look alike to the sources, secrets included, have the same key. */
static void
add_text (GChecksum *checksum, const gchar *text)
{
  g_checksum_update (checksum, (const guchar *) (text != NULL ? "+" : "-"), 1);
  if (text != NULL)
    g_checksum_update (checksum, (const guchar *) text, (gssize) strlen (text) + 1);
}

static void
add_credentials (GChecksum *checksum, const KvsCredentials *credentials)
{
  add_text (checksum, credentials != NULL ? credentials->access_key : NULL);
  add_text (checksum, credentials != NULL ? credentials->secret_key : NULL);
  add_text (checksum, credentials != NULL ? credentials->session_token : NULL);
}

static void
add_iot (GChecksum *checksum, const KvsIotOptions *iot)
{
  static const KvsIotOptions none;
  const KvsIotOptions *options = iot != NULL ? iot : &none;

  add_text (checksum, options->endpoint);
  add_text (checksum, options->certificate_path);
  add_text (checksum, options->key_path);
  add_text (checksum, options->ca_path);
  add_text (checksum, options->role_alias);
  add_text (checksum, options->thing_name);
  add_text (checksum, options->sni_host);
}

static gchar *
make_key (const KvsHttpOptions *http, const KvsCredentialsConfig *config)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  const gchar ip_version[] = { (gchar) ('0' + http->ip_version), '\0' };
  const gchar *const texts[] = {
    http->ca_path, http->proxy, http->client_certificate, http->client_key, ip_version,
    config->credential_path, config->web_identity_token_file, config->role_arn,
    config->role_session_name, config->profile, config->config_path, config->credentials_path,
    config->sso_cache_folder, config->container_relative_uri, config->container_full_uri,
    config->container_token, config->container_token_path, config->imds_url, config->sso_url,
    config->sts_url, config->region, config->imds_disabled ? "" : NULL,
    config->imds_v1_disabled ? "" : NULL, config->profile_goes_first ? "" : NULL,
  };

  add_credentials (checksum, config->given);
  add_credentials (checksum, config->environment);
  add_iot (checksum, config->iot);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    add_text (checksum, texts[i]);
  return g_strdup (g_checksum_get_string (checksum));
}

/**
 * kvs_credentials_cache_for:
 * @loop: the I/O thread; must outlive the cache
 * @http: copied
 * @config: which sources there are
 *
 * I/O thread only.
 *
 * Returns: (transfer full): the cache of all who have said the same; new for the first of them
 */
KvsCredentialsCache *
kvs_credentials_cache_for (KvsLoop *loop, const KvsHttpOptions *http, KvsCredentialsConfig *config)
{
  GHashTable *caches
      = kvs_loop_shared (loop, SHARED_KEY, make_table, (GDestroyNotify) g_hash_table_unref);
  g_autofree gchar *key = make_key (http, config);
  KvsCredentialsCache *cache = g_hash_table_lookup (caches, key);
  Entry *entry;

  if (cache != NULL)
    return kvs_credentials_cache_ref (cache);
  cache = kvs_credentials_cache_new (loop, kvs_default_chain_new (loop, http, config));
  if (config->credential_path != NULL)
    kvs_credentials_cache_watch (cache, config->credential_path, FILE_WATCH_US);
  entry = g_new (Entry, 1);
  entry->caches = g_hash_table_ref (caches);
  entry->config = kvs_credentials_config_ref (config);
  entry->key = g_steal_pointer (&key);
  kvs_credentials_cache_own (cache, entry, entry_free);
  g_hash_table_insert (caches, entry->key, cache);
  return cache;
}
