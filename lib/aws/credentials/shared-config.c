/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/shared-config.h"

#include <string.h>

#include "aws/credentials/ini-file.h"
#include "aws/credentials/secret.h"
#include "aws/credentials/shell-words.h"

struct _KvsSharedConfig {
  KvsIniFile *config;
  KvsIniFile *credentials;
  /* name -> section of the config file, which owns it */
  GHashTable *profiles;
  GHashTable *sso_sessions;
  GHashTable *services;
};

/* ---- sections ---- */

/* [kind name], where the name may be quoted. Nothing but botocore's own reading tells what counts:
 * the header must begin with the kind and have two words. Of several with one name the last counts,
 * whole. */
static void
add_named (GHashTable *table, const gchar *section)
{
  g_auto (GStrv) words = kvs_shell_words_split (section);

  if (words != NULL && g_strv_length (words) == 2)
    g_hash_table_replace (table, g_strdup (words[1]), (gpointer) section);
}

static void
sort_sections (KvsSharedConfig *self)
{
  for (guint i = 0; i < kvs_ini_file_count_sections (self->config); i++) {
    const gchar *section = kvs_ini_file_get_section (self->config, i);

    if (g_str_has_prefix (section, "profile"))
      add_named (self->profiles, section);
    else if (g_str_has_prefix (section, "sso-session"))
      add_named (self->sso_sessions, section);
    else if (g_str_has_prefix (section, "services"))
      add_named (self->services, section);
    else if (strcmp (section, "default") == 0)
      g_hash_table_replace (self->profiles, g_strdup (section), (gpointer) section);
  }
}

static KvsIniFile *
parse (const KvsSharedConfigFile *file, GError **error)
{
  KvsIniFile *parsed = kvs_ini_file_parse (file->text != NULL ? file->text : "",
                                           file->text != NULL ? file->size : 0, error);

  if (parsed == NULL)
    g_prefix_error (error, "Cannot use '%s': ", file->path);
  return parsed;
}

/**
 * kvs_shared_config_new:
 * @config: the config file, with [default] and [profile name]
 * @credentials: the credentials file, with [name]
 * @error: where to say which line of which file is wrong, as %KVS_ERROR_CREDENTIALS
 *
 * Copies what it needs. Immutable afterwards, for any thread.
 *
 * Returns: (transfer full) (nullable): both
 */
KvsSharedConfig *
kvs_shared_config_new (const KvsSharedConfigFile *config, const KvsSharedConfigFile *credentials,
                       GError **error)
{
  g_autoptr (KvsSharedConfig) self = g_new0 (KvsSharedConfig, 1);

  self->profiles = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->sso_sessions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->services = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->config = parse (config, error);
  if (self->config == NULL)
    return NULL;
  self->credentials = parse (credentials, error);
  if (self->credentials == NULL)
    return NULL;
  sort_sections (self);
  return g_steal_pointer (&self);
}

/**
 * kvs_shared_config_load:
 * @config_path: path of the config file
 * @credentials_path: path of the credentials file
 * @error: where to say which file is wrong and why, as %KVS_ERROR_CREDENTIALS
 *
 * A file that is not there is an empty one. Blocks: not for the I/O thread.
 *
 * Returns: (transfer full) (nullable): both
 */
KvsSharedConfig *
kvs_shared_config_load (const gchar *config_path, const gchar *credentials_path, GError **error)
{
  gchar *texts[2] = { NULL, NULL };
  gsize sizes[2];
  KvsSharedConfig *self = NULL;

  if (kvs_secret_file_read (config_path, &texts[0], &sizes[0], error)
      && kvs_secret_file_read (credentials_path, &texts[1], &sizes[1], error)) {
    KvsSharedConfigFile config = { config_path, texts[0], sizes[0] };
    KvsSharedConfigFile credentials = { credentials_path, texts[1], sizes[1] };

    self = kvs_shared_config_new (&config, &credentials, error);
  }
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    if (texts[i] != NULL)
      kvs_secret_free_sized (texts[i], sizes[i]);
  return self;
}

/**
 * kvs_shared_config_free:
 * @config: (transfer full) (nullable): both files
 *
 * Wipes all values.
 */
void
kvs_shared_config_free (KvsSharedConfig *config)
{
  if (config == NULL)
    return;
  g_hash_table_unref (config->profiles);
  g_hash_table_unref (config->sso_sessions);
  g_hash_table_unref (config->services);
  kvs_ini_file_free (config->config);
  kvs_ini_file_free (config->credentials);
  g_free (config);
}

/* ---- profiles ---- */

/**
 * kvs_shared_config_has_profile:
 * @config: both files
 * @profile: name of a profile
 *
 * Returns: whether one of the files has it
 */
gboolean
kvs_shared_config_has_profile (const KvsSharedConfig *config, const gchar *profile)
{
  return g_hash_table_contains (config->profiles, profile)
         || kvs_ini_file_has_section (config->credentials, profile);
}

/* Which of the two files counts for @key: that of credentials where it has it. */
static const KvsIniFile *
find_file (const KvsSharedConfig *config, const gchar *profile, const gchar *key,
           const gchar **section)
{
  const gchar *found = g_hash_table_lookup (config->profiles, profile);

  *section = profile;
  if (kvs_ini_file_has_section (config->credentials, profile)
      && kvs_ini_file_has (config->credentials, profile, key))
    return config->credentials;
  *section = found;
  return found != NULL && kvs_ini_file_has (config->config, found, key) ? config->config : NULL;
}

/**
 * kvs_shared_config_has:
 * @config: both files
 * @profile: name of a profile
 * @key: a key in lower case
 *
 * Returns: whether the profile has it, be it empty
 */
gboolean
kvs_shared_config_has (const KvsSharedConfig *config, const gchar *profile, const gchar *key)
{
  const gchar *section;

  return find_file (config, profile, key, &section) != NULL;
}

/**
 * kvs_shared_config_get:
 * @config: both files
 * @profile: name of a profile
 * @key: a key in lower case
 *
 * Returns: (transfer none) (nullable): the profile's value, that of the credentials file first
 */
const gchar *
kvs_shared_config_get (const KvsSharedConfig *config, const gchar *profile, const gchar *key)
{
  const gchar *section;
  const KvsIniFile *file = find_file (config, profile, key, &section);

  return file != NULL ? kvs_ini_file_get (file, section, key) : NULL;
}

/* ---- keys ---- */

static gboolean
get_keys (const KvsIniFile *file, const gchar *section, KvsSharedConfigKeys *keys)
{
  const gchar *old_name = "aws_security_token";

  if (!kvs_ini_file_has (file, section, "aws_access_key_id"))
    return FALSE;
  keys->access_key = kvs_ini_file_get (file, section, "aws_access_key_id");
  keys->secret_key = kvs_ini_file_get (file, section, "aws_secret_access_key");
  keys->session_token = kvs_ini_file_get (
    file, section, kvs_ini_file_has (file, section, old_name) ? old_name : "aws_session_token");
  return TRUE;
}

/**
 * kvs_shared_config_get_keys_of_credentials:
 * @config: both files
 * @profile: name of a profile
 * @keys: (out caller-allocates): what the credentials file has for it
 *
 * Both keys and the token come from one file, never one from each.
 *
 * Returns: whether it has an access key for it
 */
gboolean
kvs_shared_config_get_keys_of_credentials (const KvsSharedConfig *config, const gchar *profile,
                                           KvsSharedConfigKeys *keys)
{
  return kvs_ini_file_has_section (config->credentials, profile)
         && get_keys (config->credentials, profile, keys);
}

/**
 * kvs_shared_config_get_keys_of_config:
 * @config: both files
 * @profile: name of a profile
 * @keys: (out caller-allocates): what the config file has for it
 *
 * Returns: whether it has an access key for it
 */
gboolean
kvs_shared_config_get_keys_of_config (const KvsSharedConfig *config, const gchar *profile,
                                      KvsSharedConfigKeys *keys)
{
  const gchar *section = g_hash_table_lookup (config->profiles, profile);

  return section != NULL && get_keys (config->config, section, keys);
}

/* ---- other sections ---- */

/**
 * kvs_shared_config_has_sso_session:
 * @config: both files
 * @session: name of an SSO session
 *
 * Returns: whether the config file has an [sso-session] of that name
 */
gboolean
kvs_shared_config_has_sso_session (const KvsSharedConfig *config, const gchar *session)
{
  return g_hash_table_contains (config->sso_sessions, session);
}

/**
 * kvs_shared_config_get_of_sso_session:
 * @config: both files
 * @session: name of an SSO session
 * @key: a key in lower case
 *
 * Returns: (transfer none) (nullable): its value
 */
const gchar *
kvs_shared_config_get_of_sso_session (const KvsSharedConfig *config, const gchar *session,
                                      const gchar *key)
{
  const gchar *section = g_hash_table_lookup (config->sso_sessions, session);

  return section != NULL ? kvs_ini_file_get (config->config, section, key) : NULL;
}

/**
 * kvs_shared_config_get_of_services:
 * @config: both files
 * @services: name of a [services] section
 * @service: such as "kinesis_video"
 * @key: a key of those indented under it
 *
 * Returns: (transfer none) (nullable): its value
 */
const gchar *
kvs_shared_config_get_of_services (const KvsSharedConfig *config, const gchar *services,
                                   const gchar *service, const gchar *key)
{
  const gchar *section = g_hash_table_lookup (config->services, services);

  return section != NULL ? kvs_ini_file_get_nested (config->config, section, service, key) : NULL;
}
