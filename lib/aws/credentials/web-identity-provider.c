/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/web-identity-provider.h"

#include <string.h>

#include "aws/credentials/remote-provider.h"
#include "aws/credentials/secret.h"
#include "aws/credentials/token-file.h"

#define MIN_TOKEN_BYTES 4
#define MAX_TOKEN_BYTES 20000
#define HINT "look at the role's trust policy and at the token's audience"

typedef struct {
  KvsRemoteProvider remote;
  KvsStsRole role;
  gchar *token_path;
} KvsWebIdentityProvider;

static void
on_answer (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body, const GError *error)
{
  g_autoptr (KvsCredentials) credentials = NULL;
  g_autoptr (GError) wrong = NULL;
  const gchar *text;
  gsize size;

  if (error != NULL) {
    kvs_remote_fetch_finish (fetch, NULL, error);
    return;
  }
  text = g_bytes_get_data (body, &size);
  if (head->status == 200) {
    KvsAnswerClock clock = kvs_remote_clock (head);

    credentials = kvs_sts_parse_answer (KVS_STS_ASSUME_ROLE_WITH_WEB_IDENTITY, text, size, &clock,
                                        &wrong);
    g_prefix_error (&wrong, "%s: ", fetch->provider->base.name);
  } else {
    g_autoptr (KvsServiceError) refusal = kvs_sts_parse_refusal (head->status, text, size);

    wrong = kvs_remote_provider_refusal (fetch->provider, refusal, HINT);
  }
  kvs_remote_fetch_finish (fetch, credentials, wrong);
}

static void
ask (KvsRemoteFetch *fetch, const gchar *token)
{
  KvsWebIdentityProvider *provider = (KvsWebIdentityProvider *) fetch->provider;
  gchar *body = kvs_sts_body_new (&provider->role, token);
  g_autofree gchar *url = g_strconcat (provider->role.url, "/", NULL);
  const gchar *headers[] = { "Content-Type: " KVS_STS_CONTENT_TYPE, NULL };
  const KvsHttpRequest request = {
    .method = "POST",
    .url = url,
    .headers = headers,
    .body = body,
  };

  kvs_remote_fetch_ask (fetch, &request, kvs_sts_is_passing, on_answer);
  kvs_secret_free (body);
}

static void
on_token (KvsRemoteFetch *fetch, gpointer result, const GError *error)
{
  const gchar *name = fetch->provider->base.name;
  gchar *token = result;
  gsize size;

  if (error != NULL) {
    kvs_remote_fetch_fail_named (fetch, error);
    return;
  }
  size = strlen (g_strchomp (token));
  if (size < MIN_TOKEN_BYTES || size > MAX_TOKEN_BYTES) {
    kvs_remote_fetch_fail (fetch, g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS,
                                               "%s: the token in '%s' has %" G_GSIZE_FORMAT
                                               " characters; STS takes 4 to 20000", name,
                                               ((KvsWebIdentityProvider *) fetch->provider)
                                                   ->token_path, size));
    return;
  }
  ask (fetch, token);
}

static KvsCredentialsFetch *
fetch_credentials (KvsCredentialsProvider *provider, KvsCredentialsFunc func, gpointer user_data)
{
  KvsWebIdentityProvider *self = (KvsWebIdentityProvider *) provider;
  KvsRemoteFetch *fetch = g_new0 (KvsRemoteFetch, 1);
  GError *wrong = NULL;

  kvs_remote_fetch_init (fetch, &self->remote, NULL, func, user_data);
  if (kvs_sts_role_check (&self->role, &wrong)) {
    kvs_remote_fetch_read_token (fetch, self->token_path, on_token);
  } else {
    g_prefix_error (&wrong, "%s: ", provider->name);
    kvs_remote_fetch_fail_later (fetch, wrong);
  }
  return &fetch->base;
}

static void
free_provider (KvsCredentialsProvider *provider)
{
  KvsWebIdentityProvider *self = (KvsWebIdentityProvider *) provider;

  kvs_remote_provider_clear (&self->remote);
  kvs_sts_role_clear (&self->role);
  g_free (self->token_path);
  g_free (self);
}

/**
 * kvs_web_identity_provider_new:
 * @loop: where it runs
 * @http: time-outs, CA bundle and user agent; copied
 * @role: the role; copied
 * @token_path: file with the token, read at each fetch
 *
 * STS AssumeRoleWithWebIdentity, which is not signed (kvs-api.md section 18).
 *
 * Returns: (transfer full): a new provider
 */
KvsCredentialsProvider *
kvs_web_identity_provider_new (KvsLoop *loop, const KvsHttpOptions *http, const KvsStsRole *role,
                               const gchar *token_path)
{
  KvsWebIdentityProvider *provider = g_new0 (KvsWebIdentityProvider, 1);

  kvs_remote_provider_init (&provider->remote, "web identity", loop, http);
  provider->remote.base.fetch = fetch_credentials;
  provider->remote.base.free = free_provider;
  kvs_sts_role_copy (&provider->role, role);
  provider->token_path = g_strdup (token_path);
  return &provider->remote.base;
}
