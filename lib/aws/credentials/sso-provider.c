/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/sso-provider.h"

#include <string.h>

#include "aws/credentials/remote-provider.h"
#include "aws/credentials/secret.h"

#define HINT "sign in again with \"aws sso login\", and look at sso_account_id and sso_role_name"

typedef struct {
  KvsRemoteProvider remote;
  KvsSsoOptions options;
} KvsSsoProvider;

typedef struct {
  KvsSsoTokenFunc func;
  gpointer data;
  GDestroyNotify data_free;
} TokenWork;

static const KvsAnswerForm form = {
  .member = "roleCredentials",
  .access_key = "accessKeyId",
  .secret_key = "secretAccessKey",
  .session_token = "sessionToken",
  .expiration = "expiration",
};

static void
on_answer (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body, const GError *error)
{
  kvs_remote_fetch_finish_json (fetch, head, body, error, &form, HINT);
}

static void
ask (KvsRemoteFetch *fetch, const gchar *token)
{
  const KvsSsoOptions *options = &((KvsSsoProvider *) fetch->provider)->options;
  g_autofree gchar *role = g_uri_escape_string (options->role_name, NULL, FALSE);
  g_autofree gchar *account = g_uri_escape_string (options->account_id, NULL, FALSE);
  g_autofree gchar *url = g_strdup_printf ("%s/federation/credentials?role_name=%s&account_id=%s",
                                           options->url, role, account);
  gchar *bearer = g_strconcat ("x-amz-sso_bearer_token: ", token, NULL);
  const gchar *headers[] = { bearer, NULL };
  const KvsHttpRequest request = { .method = "GET", .url = url, .headers = headers };

  kvs_remote_fetch_ask (fetch, &request, NULL, on_answer);
  kvs_secret_free (bearer);
}

/* ---- the access token ---- */

static gpointer
get_token (gpointer input, GError **error)
{
  TokenWork *work = input;
  gchar *token = work->func (work->data, error);

  if (token == NULL)
    return NULL;
  if (*token != '\0' && token[strcspn (token, "\r\n")] == '\0')
    return token;
  kvs_secret_free (token);
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The cached access token is empty "
                       "or holds a line end; sign in again with \"aws sso login\"");
  return NULL;
}

static void
free_work (gpointer data)
{
  TokenWork *work = data;

  work->data_free (work->data);
  g_free (work);
}

static void
free_token (gpointer token)
{
  kvs_secret_free (token);
}

static void
on_token (KvsRemoteFetch *fetch, gpointer result, const GError *error)
{
  if (error == NULL)
    ask (fetch, result);
  else
    kvs_remote_fetch_fail_named (fetch, error);
}

/* ---- the provider ---- */

static KvsCredentialsFetch *
fetch_credentials (KvsCredentialsProvider *provider, KvsCredentialsFunc func, gpointer user_data)
{
  KvsSsoProvider *self = (KvsSsoProvider *) provider;
  KvsRemoteFetch *fetch = g_new0 (KvsRemoteFetch, 1);
  TokenWork *work = g_new (TokenWork, 1);

  kvs_remote_fetch_init (fetch, &self->remote, NULL, func, user_data);
  work->func = self->options.token_func;
  work->data = self->options.token_data_copy (self->options.token_data);
  work->data_free = self->options.token_data_free;
  kvs_remote_fetch_work (fetch, get_token, work, free_work, on_token, free_token);
  return &fetch->base;
}

static void
free_provider (KvsCredentialsProvider *provider)
{
  KvsSsoProvider *self = (KvsSsoProvider *) provider;

  kvs_remote_provider_clear (&self->remote);
  g_free ((gchar *) self->options.url);
  g_free ((gchar *) self->options.account_id);
  g_free ((gchar *) self->options.role_name);
  self->options.token_data_free (self->options.token_data);
  g_free (self);
}

/**
 * kvs_sso_provider_new:
 * @loop: where it runs
 * @http: time-outs, CA bundle and user agent; copied
 * @options: copied
 *
 * GetRoleCredentials of IAM Identity Center, which the access token alone authorizes.
 *
 * Returns: (transfer full): a new provider
 */
KvsCredentialsProvider *
kvs_sso_provider_new (KvsLoop *loop, const KvsHttpOptions *http, const KvsSsoOptions *options)
{
  KvsSsoProvider *provider = g_new0 (KvsSsoProvider, 1);

  kvs_remote_provider_init (&provider->remote, "IAM Identity Center", loop, http);
  provider->remote.base.fetch = fetch_credentials;
  provider->remote.base.free = free_provider;
  provider->options = *options;
  provider->options.url = g_strdup (options->url);
  provider->options.account_id = g_strdup (options->account_id);
  provider->options.role_name = g_strdup (options->role_name);
  provider->options.token_data = options->token_data_copy (options->token_data);
  return &provider->remote.base;
}
