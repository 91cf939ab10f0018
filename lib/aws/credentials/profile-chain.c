/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/profile-chain.h"

#include "aws/credentials/assume-role-provider.h"
#include "aws/credentials/process-provider.h"
#include "aws/credentials/profile-provider.h"
#include "aws/credentials/profile.h"
#include "aws/credentials/sso-cache.h"
#include "aws/credentials/sso-provider.h"
#include "aws/credentials/static-provider.h"
#include "aws/credentials/sts.h"
#include "aws/credentials/web-identity-provider.h"
#include "net/worker.h"

typedef struct {
  KvsCredentialsProvider parent;
  KvsLoop *loop;
  KvsHttpOptions http;
  const KvsCredentialsConfig *config;
} ProfileChain;

/* What the worker does: the files are read anew at each fetch. */
typedef struct {
  gchar *config_path;
  gchar *credentials_path;
  gchar *name;
  KvsProfile *profile;
  GError *error;
} LoadJob;

typedef struct {
  KvsCredentialsFetch parent;
  ProfileChain *chain;
  KvsWork *work;
  KvsProfile *profile;            /* what @source was made of */
  KvsCredentialsProvider *source; /* of the profile */
  KvsCredentialsFetch *current;
  KvsCredentialsFunc func;
  gpointer user_data;
} ProfileFetch;

/* ---- the source of a profile ---- */

/* What finds the token of a login, on a worker. */
typedef struct {
  gchar *folder;
  KvsProfileSource source; /* the three members that name the token */
} SsoLogin;

static gpointer
sso_login_copy (gpointer data)
{
  const SsoLogin *login = data;
  SsoLogin *copy = g_new0 (SsoLogin, 1);

  copy->folder = g_strdup (login->folder);
  copy->source.kind = KVS_PROFILE_SOURCE_SSO;
  copy->source.profile = g_strdup (login->source.profile);
  copy->source.sso_session = g_strdup (login->source.sso_session);
  copy->source.sso_start_url = g_strdup (login->source.sso_start_url);
  return copy;
}

static void
sso_login_free (gpointer data)
{
  SsoLogin *login = data;

  g_free (login->folder);
  g_free (login->source.profile);
  g_free (login->source.sso_session);
  g_free (login->source.sso_start_url);
  g_free (login);
}

static gchar *
find_sso_token (gpointer user_data, GError **error)
{
  const SsoLogin *login = user_data;
  KvsSsoToken *token = kvs_sso_cache_load (login->folder, &login->source, error);
  gchar *access_token;

  if (token == NULL)
    return NULL;
  access_token = g_steal_pointer (&token->access_token);
  kvs_sso_token_free (token);
  return access_token;
}

static gchar *
choose_sso_url (const KvsCredentialsConfig *config, const KvsProfile *profile, const gchar *region)
{
  const gchar *domain = g_str_has_prefix (region, "cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const gchar *own = config->sso_url;

  if (own == NULL && profile->ignore_endpoint_urls != KVS_PROFILE_SWITCH_ON)
    own = profile->sso_endpoint_url != NULL ? profile->sso_endpoint_url : profile->endpoint_url;
  if (own != NULL)
    return g_strdup (own);
  return g_strdup_printf ("https://portal.sso.%s.%s", region, domain);
}

static KvsCredentialsProvider *
make_sso (ProfileChain *chain, const KvsProfile *profile, const KvsProfileSource *source)
{
  g_autofree gchar *url = choose_sso_url (chain->config, profile, source->sso_region);
  SsoLogin login = { chain->config->sso_cache_folder, *source };

  return kvs_sso_provider_new (chain->loop, &chain->http,
                               &(KvsSsoOptions) {
                                 .url = url,
                                 .account_id = source->sso_account_id,
                                 .role_name = source->sso_role_name,
                                 .token_func = find_sso_token,
                                 .token_data = &login,
                                 .token_data_copy = sso_login_copy,
                                 .token_data_free = sso_login_free,
                               });
}

static KvsCredentialsProvider *
make_keys (ProfileChain *chain, const KvsProfileSource *source, GError **error)
{
  g_autoptr (KvsCredentials) credentials = kvs_profile_source_get_keys (source, error);

  return credentials != NULL
             ? kvs_static_provider_new (chain->loop, "the profile's keys", credentials) : NULL;
}

static KvsCredentialsProvider *make_source (ProfileChain *chain, const KvsProfile *profile,
                                            const KvsProfileSource *source, GError **error);

static KvsCredentialsProvider *
make_role (ProfileChain *chain, const KvsProfile *profile, const KvsProfileSource *source,
           GError **error)
{
  const KvsStsRole role = {
    .url = chain->config->sts_url,
    .role_arn = source->role_arn,
    .session_name = source->role_session_name,
    .external_id = source->external_id,
    .duration_s = source->duration_seconds,
  };
  KvsCredentialsProvider *inner;

  if (source->kind == KVS_PROFILE_SOURCE_WEB_IDENTITY)
    return kvs_web_identity_provider_new (chain->loop, &chain->http, &role,
                                          source->web_identity_token_file);
  inner = make_source (chain, profile, source->source, error);
  if (inner == NULL)
    return NULL;
  return kvs_assume_role_provider_new (chain->loop, &chain->http, &role, chain->config->region,
                                       inner);
}

/* Returns: (transfer full) (nullable): who has the credentials */
static KvsCredentialsProvider *
make_source (ProfileChain *chain, const KvsProfile *profile, const KvsProfileSource *source,
             GError **error)
{
  const KvsCredentialsConfig *config = chain->config;
  KvsCredentialsProvider *provider = NULL;

  switch (source->kind) {
    case KVS_PROFILE_SOURCE_KEYS:
      return make_keys (chain, source, error);
    case KVS_PROFILE_SOURCE_PROCESS:
      return kvs_process_provider_new (chain->loop, source->process,
                                       KVS_PROCESS_PROVIDER_TIMEOUT_US);
    case KVS_PROFILE_SOURCE_ROLE:
    case KVS_PROFILE_SOURCE_WEB_IDENTITY:
      return make_role (chain, profile, source, error);
    case KVS_PROFILE_SOURCE_SSO:
      return make_sso (chain, profile, source);
    case KVS_PROFILE_SOURCE_ENVIRONMENT:
      if (config->environment != NULL)
        provider = kvs_static_provider_new (chain->loop, "the environment", config->environment);
      break;
    case KVS_PROFILE_SOURCE_CONTAINER:
      provider = kvs_container_provider_for (chain->loop, &chain->http, config);
      break;
    case KVS_PROFILE_SOURCE_INSTANCE:
    default:
      provider = kvs_imds_provider_for (chain->loop, &chain->http, config);
      break;
  }
  if (provider == NULL)
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                 "The credential_source of profile %s is not there: the environment has no keys, "
                 "names no container, or disables the EC2 instance's metadata", source->profile);
  return provider;
}

/* ---- a fetch ---- */

static void
load_job_free (gpointer data)
{
  LoadJob *job = data;

  g_free (job->config_path);
  g_free (job->credentials_path);
  g_free (job->name);
  kvs_profile_free (job->profile);
  g_clear_error (&job->error);
  g_free (job);
}

static void
load (gpointer data)
{
  LoadJob *job = data;

  job->profile = kvs_profile_load (job->config_path, job->credentials_path, job->name, &job->error);
}

static void
fetch_free (ProfileFetch *fetch)
{
  kvs_credentials_provider_free (fetch->source);
  kvs_profile_free (fetch->profile);
  g_free (fetch);
}

static void
cancel (KvsCredentialsFetch *parent)
{
  ProfileFetch *fetch = (ProfileFetch *) parent;

  g_clear_pointer (&fetch->work, kvs_work_cancel);
  kvs_credentials_fetch_cancel (fetch->current);
  fetch_free (fetch);
}

static void
finish (ProfileFetch *fetch, KvsCredentials *credentials, const GError *error)
{
  KvsCredentialsFunc func = fetch->func;
  gpointer user_data = fetch->user_data;
  g_autoptr (KvsCredentials) kept = credentials != NULL ? kvs_credentials_ref (credentials) : NULL;
  g_autoptr (GError) kept_error = error != NULL ? g_error_copy (error) : NULL;

  fetch_free (fetch);
  func (kept, kept_error, user_data);
}

static void
on_credentials (KvsCredentials *credentials, const GError *error, gpointer user_data)
{
  ProfileFetch *fetch = user_data;

  fetch->current = NULL;
  finish (fetch, credentials, error);
}

static void
on_loaded (gpointer data, gpointer user_data)
{
  ProfileFetch *fetch = user_data;
  LoadJob *job = data;
  g_autoptr (GError) error = NULL;

  fetch->work = NULL;
  fetch->profile = g_steal_pointer (&job->profile);
  if (fetch->profile == NULL) {
    finish (fetch, NULL, job->error);
    return;
  }
  if (fetch->profile->source_error != NULL || fetch->profile->source == NULL) {
    finish (fetch, NULL, fetch->profile->source_error);
    return;
  }
  fetch->source = make_source (fetch->chain, fetch->profile, fetch->profile->source, &error);
  if (fetch->source == NULL) {
    finish (fetch, NULL, error);
    return;
  }
  fetch->current = kvs_credentials_provider_fetch (fetch->source, on_credentials, fetch);
}

static KvsCredentialsFetch *
start_fetch (KvsCredentialsProvider *parent, KvsCredentialsFunc func, gpointer user_data)
{
  ProfileChain *chain = (ProfileChain *) parent;
  ProfileFetch *fetch = g_new0 (ProfileFetch, 1);
  LoadJob *job = g_new0 (LoadJob, 1);

  fetch->parent.cancel = cancel;
  fetch->chain = chain;
  fetch->func = func;
  fetch->user_data = user_data;
  job->config_path = g_strdup (chain->config->config_path);
  job->credentials_path = g_strdup (chain->config->credentials_path);
  job->name = g_strdup (chain->config->profile);
  fetch->work = kvs_work_start (chain->loop, load, job, load_job_free, on_loaded, fetch);
  return &fetch->parent;
}

static void
chain_free (KvsCredentialsProvider *parent)
{
  ProfileChain *chain = (ProfileChain *) parent;

  kvs_http_options_clear (&chain->http);
  g_free (chain);
}

/**
 * kvs_profile_chain_new:
 * @loop: where it runs; must outlive the provider
 * @http: copied
 * @config: names the files and the profile; must outlive the provider
 *
 * Gives nothing where no profile was named and there is no default one.
 *
 * Returns: (transfer full): a provider
 */
KvsCredentialsProvider *
kvs_profile_chain_new (KvsLoop *loop, const KvsHttpOptions *http,
                       const KvsCredentialsConfig *config)
{
  ProfileChain *chain = g_new0 (ProfileChain, 1);

  chain->parent = (KvsCredentialsProvider) { "the profile of the shared files", start_fetch,
                                             chain_free };
  chain->loop = loop;
  kvs_http_options_copy (&chain->http, http);
  chain->config = config;
  return &chain->parent;
}
