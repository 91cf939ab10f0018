/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/imds-provider.h"

#include <string.h>

#include "aws/credentials/remote-provider.h"
#include "aws/credentials/secret.h"

#define TOKEN_PATH "/latest/api/token"
#define ROLES_PATH "/latest/meta-data/iam/security-credentials/"
#define TOKEN_TTL_S 21600
#define TOKEN_HEADER "x-aws-ec2-metadata-token"
#define TIMEOUT_MS 1000
#define TRIES 2
#define MAX_TOKEN_BYTES 1024
#define MAX_ROLE_BYTES 64
/* A token is not used in the last part of its life, for it may end on the way. */
#define TOKEN_MARGIN(ttl_us) MIN ((ttl_us) / 10, 60 * G_USEC_PER_SEC)
#define HINT "look at the instance's metadata options: the service may be off"

typedef struct {
  KvsRemoteProvider remote;
  gchar *url;
  gboolean v1_disabled;
  guint timeout_ms;
  guint token_ttl_s;
  gchar *token_header; /* (nullable): header line */
  gint64 token_end_us; /* on the monotonic clock */
} KvsImdsProvider;

typedef struct {
  KvsRemoteFetch remote;
  gchar *role;
  gboolean is_v1;
  gboolean token_was_renewed; /* after one was refused */
  gboolean token_timed_out;
} KvsImdsFetch;

static const KvsAnswerForm form = {
  .access_key = "AccessKeyId",
  .secret_key = "SecretAccessKey",
  .session_token = "Token",
  .expiration = "Expiration",
};

static KvsImdsProvider *
provider_of (KvsRemoteFetch *fetch)
{
  return (KvsImdsProvider *) fetch->provider;
}

static void
forget_token (KvsImdsProvider *provider)
{
  kvs_secret_free (g_steal_pointer (&provider->token_header));
}

static void
clear_fetch (KvsRemoteFetch *fetch)
{
  g_free (((KvsImdsFetch *) fetch)->role);
}

/* Answers to the token call do not go further than the hop limit. */
static GError *
explain_time_out (KvsImdsFetch *fetch, const GError *error)
{
  if (!fetch->token_timed_out)
    return g_error_copy (error);
  return g_error_new (KVS_ERROR, error->code, "%s; in a container, the instance's metadata hop "
                      "limit must be 2 or more", error->message);
}

/* ---- the role's credentials ---- */

static void start_with_token (KvsRemoteFetch *fetch);

static void
get (KvsRemoteFetch *fetch, const gchar *path, KvsRemoteAnswerFunc func)
{
  KvsImdsProvider *provider = provider_of (fetch);
  g_autofree gchar *url = g_strconcat (provider->url, path, NULL);
  const gchar *headers[] = { ((KvsImdsFetch *) fetch)->is_v1 ? NULL : provider->token_header,
                             NULL };
  const KvsHttpRequest request = {
    .method = "GET",
    .url = url,
    .headers = headers,
    .connect_timeout_ms = provider->timeout_ms,
    .total_timeout_ms = provider->timeout_ms,
    .no_proxy = TRUE,
  };

  kvs_remote_fetch_ask (fetch, &request, NULL, func);
}

/* Returns: whether the fetch has ended or begun again. */
static gboolean
handle_failure (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body, const GError *error,
                const gchar *hint)
{
  KvsImdsFetch *self = (KvsImdsFetch *) fetch;

  if (error != NULL) {
    kvs_remote_fetch_fail (fetch, explain_time_out (self, error));
    return TRUE;
  }
  if (head->status == 200)
    return FALSE;
  if (head->status == 401 && !self->is_v1 && !self->token_was_renewed) {
    /* the instance was stopped in between, say, and its tokens with it */
    self->token_was_renewed = TRUE;
    forget_token (provider_of (fetch));
    start_with_token (fetch);
    return TRUE;
  }
  kvs_remote_fetch_fail (fetch,
                         kvs_remote_provider_json_refusal (fetch->provider, head, body, hint));
  return TRUE;
}

static void
on_credentials (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body, const GError *error)
{
  KvsAnswerClock clock;
  g_autoptr (KvsCredentials) credentials = NULL;
  g_autoptr (GError) wrong = NULL;
  const gchar *text;
  gsize size;

  if (handle_failure (fetch, head, body, error, "does the instance still have its role?"))
    return;
  clock = kvs_remote_clock (head);
  text = g_bytes_get_data (body, &size);
  credentials = kvs_answer_parse_json (text, size, &form, &clock, &wrong);
  g_prefix_error (&wrong, "%s, role %s: ", fetch->provider->base.name,
                  ((KvsImdsFetch *) fetch)->role);
  kvs_remote_fetch_finish (fetch, credentials, wrong);
}

/**
 * kvs_imds_parse_role:
 * @text: (nullable): the answer to the question for the instance's roles
 * @size: of @text, in bytes
 *
 * Returns: (transfer full) (nullable): the first one, where it is the name of a role
 */
gchar *
kvs_imds_parse_role (const gchar *text, gsize size)
{
  gsize length = 0;

  while (length < size && (g_ascii_isalnum (text[length])
                           || (text[length] != '\0' && strchr ("+=,.@_-", text[length]) != NULL)))
    length++;
  if (length == 0 || length > MAX_ROLE_BYTES)
    return NULL;
  if (length < size && !g_ascii_isspace (text[length]))
    return NULL;
  return g_strndup (text, length);
}

static void
on_roles (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body, const GError *error)
{
  KvsImdsFetch *self = (KvsImdsFetch *) fetch;
  g_autofree gchar *path = NULL;
  const gchar *text;
  gsize size;

  if (handle_failure (fetch, head, body, error, head != NULL && head->status == 404
                      ? "the instance has no role: attach an instance profile" : HINT))
    return;
  text = g_bytes_get_data (body, &size);
  g_free (self->role);
  self->role = kvs_imds_parse_role (text, size);
  if (self->role == NULL) {
    kvs_remote_fetch_fail (fetch, g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS,
                                               "%s: what it answered is not the name of a role; "
                                               "attach an instance profile to the instance",
                                               fetch->provider->base.name));
    return;
  }
  path = g_strconcat (ROLES_PATH, self->role, NULL);
  get (fetch, path, on_credentials);
}

/* ---- the token ---- */

static void
take_token (KvsImdsProvider *provider, GBytes *body)
{
  gsize size;
  const gchar *text = g_bytes_get_data (body, &size);
  gint64 ttl_us = provider->token_ttl_s * G_USEC_PER_SEC;

  forget_token (provider);
  if (size == 0 || size > MAX_TOKEN_BYTES)
    return;
  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isgraph (text[i]))
      return;
  provider->token_header = g_strdup_printf (TOKEN_HEADER ": %.*s", (int) size, text);
  provider->token_end_us = g_get_monotonic_time () + ttl_us - TOKEN_MARGIN (ttl_us);
}

static void
go_on_without_token (KvsRemoteFetch *fetch, guint status)
{
  KvsImdsFetch *self = (KvsImdsFetch *) fetch;

  if (!provider_of (fetch)->v1_disabled) {
    self->is_v1 = TRUE;
    get (fetch, ROLES_PATH, on_roles);
    return;
  }
  kvs_remote_fetch_fail (fetch, g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS,
                                             "%s: it gives no token (HTTP %u), and version 1 of "
                                             "its protocol is disabled by the settings",
                                             fetch->provider->base.name, status));
}

static void
on_token (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body, const GError *error)
{
  KvsImdsFetch *self = (KvsImdsFetch *) fetch;
  KvsImdsProvider *provider = provider_of (fetch);

  if (error != NULL && error->code == KVS_ERROR_TIMEOUT) {
    self->token_timed_out = TRUE;
    if (!provider->v1_disabled) {
      go_on_without_token (fetch, 0);
      return;
    }
  }
  if (error == NULL && (head->status == 403 || head->status == 404 || head->status == 405)) {
    go_on_without_token (fetch, head->status);
    return;
  }
  self->token_was_renewed |= error == NULL && head->status == 401;
  if (handle_failure (fetch, head, body, error, HINT))
    return;
  take_token (provider, body);
  if (provider->token_header == NULL) {
    kvs_remote_fetch_fail (fetch, g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS,
                                               "%s: what it answered is not a token; does "
                                               "something else answer in its place?",
                                               fetch->provider->base.name));
    return;
  }
  get (fetch, ROLES_PATH, on_roles);
}

static void
start_with_token (KvsRemoteFetch *fetch)
{
  KvsImdsProvider *provider = provider_of (fetch);
  g_autofree gchar *url = g_strconcat (provider->url, TOKEN_PATH, NULL);
  g_autofree gchar *ttl
      = g_strdup_printf (TOKEN_HEADER "-ttl-seconds: %u", provider->token_ttl_s);
  const gchar *headers[] = { ttl, "Content-Type:", NULL };
  const KvsHttpRequest request = {
    .method = "PUT",
    .url = url,
    .headers = headers,
    .connect_timeout_ms = provider->timeout_ms,
    .total_timeout_ms = provider->timeout_ms,
    .no_proxy = TRUE,
  };

  if (provider->token_header != NULL && g_get_monotonic_time () < provider->token_end_us)
    get (fetch, ROLES_PATH, on_roles);
  else
    kvs_remote_fetch_ask (fetch, &request, NULL, on_token);
}

/* ---- the provider ---- */

static KvsCredentialsFetch *
fetch_credentials (KvsCredentialsProvider *provider, KvsCredentialsFunc func, gpointer user_data)
{
  KvsImdsFetch *fetch = g_new0 (KvsImdsFetch, 1);

  kvs_remote_fetch_init (&fetch->remote, (KvsRemoteProvider *) provider, clear_fetch, func,
                         user_data);
  start_with_token (&fetch->remote);
  return &fetch->remote.base;
}

static void
free_provider (KvsCredentialsProvider *provider)
{
  KvsImdsProvider *self = (KvsImdsProvider *) provider;

  kvs_remote_provider_clear (&self->remote);
  forget_token (self);
  g_free (self->url);
  g_free (self);
}

/**
 * kvs_imds_provider_new:
 * @loop: where it runs
 * @http: CA bundle and user agent; copied
 * @options: copied
 *
 * Version 2 of the protocol (kvs-api.md section 18), and version 1 where the service gives no
 * token. A machine that is not an EC2 instance gives %KVS_ERROR_NETWORK or %KVS_ERROR_TIMEOUT.
 *
 * Returns: (transfer full): a new provider
 */
KvsCredentialsProvider *
kvs_imds_provider_new (KvsLoop *loop, const KvsHttpOptions *http, const KvsImdsOptions *options)
{
  KvsImdsProvider *provider = g_new0 (KvsImdsProvider, 1);
  gsize size;

  kvs_remote_provider_init (&provider->remote, "EC2 instance metadata", loop, http);
  provider->remote.n_tries = options->n_tries != 0 ? options->n_tries : TRIES;
  provider->remote.base.fetch = fetch_credentials;
  provider->remote.base.free = free_provider;
  provider->url = g_strdup (options->url != NULL ? options->url : KVS_IMDS_URL);
  for (size = strlen (provider->url); size > 0 && provider->url[size - 1] == '/'; size--)
    provider->url[size - 1] = '\0';
  provider->v1_disabled = options->v1_disabled;
  provider->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS;
  provider->token_ttl_s = options->token_ttl_s != 0 ? options->token_ttl_s : TOKEN_TTL_S;
  return &provider->remote.base;
}
