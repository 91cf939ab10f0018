/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The choices are botocore's, in its order: role, web identity, SSO, keys of the credentials file,
 * process, keys of the config file. */
#include "aws/credentials/profile-source.h"

#include <string.h>

#include "aws/credentials/secret.h"

/* Profiles whose roles assume each other's */
#define MAX_CHAIN 16

typedef struct {
  const KvsSharedConfig *config;
  GPtrArray *visited; /* names of profiles, from the first one on */
} Resolver;

static gboolean resolve (Resolver *resolver, const gchar *profile, KvsProfileSource **source,
                         GError **error);

static gboolean G_GNUC_PRINTF (2, 3)
fail (GError **error, const gchar *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  if (error != NULL)
    *error = g_error_new_valist (KVS_ERROR, KVS_ERROR_CREDENTIALS, format, arguments);
  va_end (arguments);
  return FALSE;
}

/**
 * kvs_profile_source_free:
 * @source: (transfer full) (nullable): a source, with those below it
 */
void
kvs_profile_source_free (KvsProfileSource *source)
{
  if (source == NULL)
    return;
  kvs_profile_source_free (source->source);
  g_free (source->profile);
  kvs_secret_free (source->access_key);
  kvs_secret_free (source->secret_key);
  kvs_secret_free (source->session_token);
  kvs_secret_free (source->process);
  g_free (source->role_arn);
  g_free (source->role_session_name);
  kvs_secret_free (source->external_id);
  g_free (source->web_identity_token_file);
  g_free (source->sso_session);
  g_free (source->sso_account_id);
  g_free (source->sso_role_name);
  g_free (source->sso_region);
  g_free (source->sso_start_url);
  g_free (source);
}

static KvsProfileSource *
source_new (KvsProfileSourceKind kind, const gchar *profile)
{
  KvsProfileSource *source = g_new0 (KvsProfileSource, 1);

  source->kind = kind;
  source->profile = g_strdup (profile);
  return source;
}

static const gchar *
get (const Resolver *resolver, const gchar *profile, const gchar *key)
{
  return kvs_shared_config_get (resolver->config, profile, key);
}

static gboolean
has (const Resolver *resolver, const gchar *profile, const gchar *key)
{
  return kvs_shared_config_has (resolver->config, profile, key);
}

/* ---- keys, process, web identity ---- */

static KvsProfileSource *
source_from_keys (const gchar *profile, const KvsSharedConfigKeys *keys)
{
  KvsProfileSource *source = source_new (KVS_PROFILE_SOURCE_KEYS, profile);

  source->access_key = g_strdup (keys->access_key);
  source->secret_key = g_strdup (keys->secret_key);
  source->session_token = g_strdup (keys->session_token);
  return source;
}

static gboolean
take_keys (const gchar *profile, const KvsSharedConfigKeys *keys, KvsProfileSource **source,
           GError **error)
{
  if (keys->access_key == NULL || keys->secret_key == NULL)
    return fail (error, "Profile '%s' has aws_access_key_id, but no aws_secret_access_key in the "
                 "same file", profile);
  *source = source_from_keys (profile, keys);
  return TRUE;
}

static gboolean
take_web_identity (const Resolver *resolver, const gchar *profile, KvsProfileSource **source,
                   GError **error)
{
  const gchar *role_arn = get (resolver, profile, "role_arn");

  if (role_arn == NULL || *role_arn == '\0')
    return fail (error, "Profile '%s' has web_identity_token_file, but no role_arn to assume with "
                 "it", profile);
  *source = source_new (KVS_PROFILE_SOURCE_WEB_IDENTITY, profile);
  (*source)->role_arn = g_strdup (role_arn);
  (*source)->role_session_name = g_strdup (get (resolver, profile, "role_session_name"));
  (*source)->web_identity_token_file = g_strdup (get (resolver, profile,
                                                      "web_identity_token_file"));
  return TRUE;
}

/* ---- SSO ---- */

/* A setting of the session or of the profile; where both have it they must agree. */
static gboolean
get_sso (const Resolver *resolver, const gchar *profile, const gchar *session, const gchar *key,
         gchar **value, GError **error)
{
  const gchar *own = get (resolver, profile, key);
  const gchar *shared = session != NULL
                          ? kvs_shared_config_get_of_sso_session (resolver->config, session, key)
                          : NULL;

  if (own != NULL && shared != NULL && strcmp (own, shared) != 0)
    return fail (error, "Profile '%s' and its sso-session '%s' have different values of %s", profile,
                 session, key);
  if (own == NULL && shared == NULL)
    return fail (error, "Profile '%s' is configured for SSO, but has no %s; 'aws configure sso' "
                 "writes all that is needed", profile, key);
  *value = g_strdup (own != NULL ? own : shared);
  return TRUE;
}

static gboolean
take_sso (const Resolver *resolver, const gchar *profile, KvsProfileSource **source, GError **error)
{
  const gchar *session = get (resolver, profile, "sso_session");
  g_autoptr (KvsProfileSource) sso = source_new (KVS_PROFILE_SOURCE_SSO, profile);

  if (session != NULL && !kvs_shared_config_has_sso_session (resolver->config, session))
    return fail (error, "Profile '%s' names the sso-session '%s', which the config file does not "
                 "have", profile, session);
  sso->sso_session = g_strdup (session);
  if (!get_sso (resolver, profile, session, "sso_role_name", &sso->sso_role_name, error)
      || !get_sso (resolver, profile, session, "sso_account_id", &sso->sso_account_id, error)
      || !get_sso (resolver, profile, session, "sso_start_url", &sso->sso_start_url, error)
      || !get_sso (resolver, profile, session, "sso_region", &sso->sso_region, error))
    return FALSE;
  *source = g_steal_pointer (&sso);
  return TRUE;
}

/* ---- role ---- */

static gboolean
has_role (const Resolver *resolver, const gchar *profile)
{
  return has (resolver, profile, "role_arn") && !has (resolver, profile, "web_identity_token_file");
}

static gboolean
has_any_key (const Resolver *resolver, const gchar *profile)
{
  return has (resolver, profile, "aws_access_key_id")
         || has (resolver, profile, "aws_secret_access_key");
}

static gboolean
is_visited (const Resolver *resolver, const gchar *profile)
{
  return g_ptr_array_find_with_equal_func (resolver->visited, profile, g_str_equal, NULL);
}

static gboolean
take_credential_source (const gchar *profile, const gchar *name, KvsProfileSource **source,
                        GError **error)
{
  if (strcmp (name, "Environment") == 0)
    *source = source_new (KVS_PROFILE_SOURCE_ENVIRONMENT, profile);
  else if (strcmp (name, "EcsContainer") == 0)
    *source = source_new (KVS_PROFILE_SOURCE_CONTAINER, profile);
  else if (strcmp (name, "Ec2InstanceMetadata") == 0)
    *source = source_new (KVS_PROFILE_SOURCE_INSTANCE, profile);
  else
    return fail (error, "Profile '%s' has credential_source = %s; it can be Environment, "
                 "EcsContainer or Ec2InstanceMetadata", profile, name);
  return TRUE;
}

/* A profile may name itself, to have its keys and the role that they assume in one place. */
static gboolean
check_source_profile (const Resolver *resolver, const gchar *profile, const gchar *name,
                      GError **error)
{
  if (!kvs_shared_config_has_profile (resolver->config, name))
    return fail (error, "Profile '%s' has source_profile = %s, but there is no such profile",
                 profile, name);
  if (is_visited (resolver, name)
      && (strcmp (profile, name) != 0 || !has_any_key (resolver, name)))
    return fail (error, "Profile '%s' has source_profile = %s, which leads in a circle", profile,
                 name);
  if (resolver->visited->len >= MAX_CHAIN)
    return fail (error, "Profile '%s' is the end of a chain of more than %d source profiles",
                 profile, MAX_CHAIN);
  return TRUE;
}

static gboolean
take_source_profile (Resolver *resolver, const gchar *profile, const gchar *name,
                     KvsProfileSource **source, GError **error)
{
  if (!check_source_profile (resolver, profile, name, error))
    return FALSE;
  g_ptr_array_add (resolver->visited, (gpointer) name);
  if (!resolve (resolver, name, source, error))
    return FALSE;
  if (*source == NULL)
    return fail (error, "Profile '%s' has source_profile = %s, but that profile has no credentials",
                 profile, name);
  return TRUE;
}

static gboolean
take_source (Resolver *resolver, const gchar *profile, KvsProfileSource **source, GError **error)
{
  gboolean has_profile = has (resolver, profile, "source_profile");
  gboolean has_source = has (resolver, profile, "credential_source");
  const gchar *name = get (resolver, profile, has_profile ? "source_profile"
                                                          : "credential_source");

  if (has_profile && has_source)
    return fail (error, "Profile '%s' has both source_profile and credential_source; remove one",
                 profile);
  if (name == NULL)
    return fail (error, "Profile '%s' has role_arn, but neither source_profile nor "
                 "credential_source, with whose credentials to assume it", profile);
  if (has_profile)
    return take_source_profile (resolver, profile, name, source, error);
  return take_credential_source (profile, name, source, error);
}

/* What is no number counts as absent, as it does for botocore. */
static guint
get_duration_seconds (const Resolver *resolver, const gchar *profile)
{
  const gchar *text = get (resolver, profile, "duration_seconds");
  guint64 value;

  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT, &value, NULL))
    return 0;
  return (guint) value;
}

static gboolean
take_role (Resolver *resolver, const gchar *profile, KvsProfileSource **source, GError **error)
{
  g_autoptr (KvsProfileSource) role = source_new (KVS_PROFILE_SOURCE_ROLE, profile);
  const gchar *role_arn = get (resolver, profile, "role_arn");

  if (role_arn == NULL || *role_arn == '\0')
    return fail (error, "Profile '%s' has an empty role_arn", profile);
  if (!take_source (resolver, profile, &role->source, error))
    return FALSE;
  if (has (resolver, profile, "mfa_serial"))
    return fail (error, "Profile '%s' has mfa_serial: its role needs a code that somebody types, "
                 "which nobody can here; use a profile without, or credential_process", profile);
  role->role_arn = g_strdup (role_arn);
  role->role_session_name = g_strdup (get (resolver, profile, "role_session_name"));
  role->external_id = g_strdup (get (resolver, profile, "external_id"));
  role->duration_seconds = get_duration_seconds (resolver, profile);
  *source = g_steal_pointer (&role);
  return TRUE;
}

/* ---- the choice ---- */

static gboolean
resolve_without_role (const Resolver *resolver, const gchar *profile, KvsProfileSource **source,
                      GError **error)
{
  const gchar *token_file = get (resolver, profile, "web_identity_token_file");
  const gchar *process = get (resolver, profile, "credential_process");
  KvsSharedConfigKeys keys;

  if (token_file != NULL && *token_file != '\0')
    return take_web_identity (resolver, profile, source, error);
  if (has (resolver, profile, "sso_role_name") || has (resolver, profile, "sso_account_id"))
    return take_sso (resolver, profile, source, error);
  if (kvs_shared_config_get_keys_of_credentials (resolver->config, profile, &keys))
    return take_keys (profile, &keys, source, error);
  if (process != NULL) {
    *source = source_new (KVS_PROFILE_SOURCE_PROCESS, profile);
    (*source)->process = g_strdup (process);
    return TRUE;
  }
  if (kvs_shared_config_get_keys_of_config (resolver->config, profile, &keys))
    return take_keys (profile, &keys, source, error);
  return TRUE;
}

/* The first profile's role counts before its keys; in those below it, keys end the chain. */
static gboolean
resolve (Resolver *resolver, const gchar *profile, KvsProfileSource **source, GError **error)
{
  gboolean first = resolver->visited->len == 1;

  if (has_role (resolver, profile) && (first || !has_any_key (resolver, profile)))
    return take_role (resolver, profile, source, error);
  return resolve_without_role (resolver, profile, source, error);
}

/**
 * kvs_profile_source_resolve:
 * @config: both files
 * @profile: name of a profile
 * @source: (out) (transfer full) (nullable): where its credentials come from; %NULL where it names
 *   nothing
 * @error: where to say what is wrong, as %KVS_ERROR_CREDENTIALS
 *
 * Any thread.
 *
 * Returns: whether the profile makes sense
 */
gboolean
kvs_profile_source_resolve (const KvsSharedConfig *config, const gchar *profile,
                            KvsProfileSource **source, GError **error)
{
  g_autoptr (GPtrArray) visited = g_ptr_array_new ();
  Resolver resolver = { config, visited };

  *source = NULL;
  g_ptr_array_add (visited, (gpointer) profile);
  return resolve (&resolver, profile, source, error);
}
