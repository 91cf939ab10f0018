/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/container-provider.h"

#include <arpa/inet.h>
#include <string.h>

#include "aws/credentials/remote-provider.h"
#include "aws/credentials/secret.h"
#include "aws/credentials/token-file.h"

#define TIMEOUT_MS 2000
#define HINT "look at the role of the task or the pod"

typedef struct {
  KvsRemoteProvider remote;
  gchar *url;
  gchar *token;
  gchar *token_path;
  guint timeout_ms;
} KvsContainerProvider;

static const KvsAnswerForm form = {
  .access_key = "AccessKeyId",
  .secret_key = "SecretAccessKey",
  .session_token = "Token",
  .expiration = "Expiration",
};

/**
 * kvs_container_url_new:
 * @relative: (nullable): AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, which goes first
 * @full: (nullable): AWS_CONTAINER_CREDENTIALS_FULL_URI
 *
 * Returns: (transfer full) (nullable): where to ask; %NULL where the environment names nothing
 */
gchar *
kvs_container_url_new (const gchar *relative, const gchar *full)
{
  if (relative != NULL && *relative != '\0')
    return g_strconcat (KVS_CONTAINER_ECS_URL, *relative == '/' ? "" : "/", relative, NULL);
  return full != NULL && *full != '\0' ? g_strdup (full) : NULL;
}

static gboolean
is_trusted_host (const gchar *host)
{
  static const gchar *const agents[] = { "169.254.170.2", "169.254.170.23", "fd00:ec2::23" };
  struct in_addr v4;
  struct in6_addr v6;

  if (g_ascii_strcasecmp (host, "localhost") == 0)
    return TRUE;
  if (inet_pton (AF_INET, host, &v4) == 1 && ntohl (v4.s_addr) >> 24 == IN_LOOPBACKNET)
    return TRUE;
  if (inet_pton (AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK (&v6))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (agents); i++) {
    struct in6_addr agent;

    if (g_str_equal (host, agents[i]))
      return TRUE;
    if (inet_pton (AF_INET6, agents[i], &agent) == 1 && inet_pton (AF_INET6, host, &v6) == 1
        && IN6_ARE_ADDR_EQUAL (&agent, &v6))
      return TRUE;
  }
  return FALSE;
}

/**
 * kvs_container_url_check:
 * @url: where credentials are to be asked for
 * @error: why they are not, as %KVS_ERROR_CREDENTIALS
 *
 * As the AWS SDKs have it (kvs-api.md section 18): HTTPS goes anywhere, HTTP to this machine and
 * the agents of ECS and EKS alone.
 *
 * Returns: whether it may be asked
 */
gboolean
kvs_container_url_check (const gchar *url, GError **error)
{
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_ENCODED, NULL);
  const gchar *host = uri != NULL ? g_uri_get_host (uri) : NULL;

  if (host == NULL || *host == '\0' || g_uri_get_userinfo (uri) != NULL) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                         "It is not the URL of a host; correct "
                         "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    return FALSE;
  }
  if (g_str_equal (g_uri_get_scheme (uri), "https"))
    return TRUE;
  if (g_str_equal (g_uri_get_scheme (uri), "http") && is_trusted_host (host))
    return TRUE;
  g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
               "Credentials are not fetched from host %s without TLS; use https, or an address of "
               "this machine or of the agent of ECS or EKS, in AWS_CONTAINER_CREDENTIALS_FULL_URI",
               host);
  return FALSE;
}

/* ---- a fetch ---- */

static void
on_answer (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body, const GError *error)
{
  kvs_remote_fetch_finish_json (fetch, head, body, error, &form, HINT);
}

static void
ask (KvsRemoteFetch *fetch, const gchar *token)
{
  KvsContainerProvider *provider = (KvsContainerProvider *) fetch->provider;
  gchar *authorization = token != NULL ? g_strconcat ("Authorization: ", token, NULL) : NULL;
  const gchar *headers[] = { "Accept: application/json", authorization, NULL };
  const KvsHttpRequest request = {
    .method = "GET",
    .url = provider->url,
    .headers = headers,
    .connect_timeout_ms = provider->timeout_ms,
    .total_timeout_ms = provider->timeout_ms,
    .no_proxy = TRUE,
  };

  kvs_remote_fetch_ask (fetch, &request, NULL, on_answer);
  kvs_secret_free (authorization);
}

/* A line end would begin a header of its own. */
static GError *
check_token (KvsRemoteProvider *provider, const gchar *token)
{
  if (token == NULL || token[strcspn (token, "\r\n")] == '\0')
    return NULL;
  return g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS,
                      "%s: the authorization token holds a line end; write it without one",
                      provider->base.name);
}

static void
on_token (KvsRemoteFetch *fetch, gpointer result, const GError *error)
{
  GError *wrong = error != NULL ? g_error_copy (error) : check_token (fetch->provider, result);

  if (error != NULL)
    g_prefix_error (&wrong, "%s: ", fetch->provider->base.name);
  if (wrong != NULL)
    kvs_remote_fetch_fail (fetch, wrong);
  else
    ask (fetch, result);
}

static KvsCredentialsFetch *
fetch_credentials (KvsCredentialsProvider *provider, KvsCredentialsFunc func, gpointer user_data)
{
  KvsContainerProvider *self = (KvsContainerProvider *) provider;
  KvsRemoteFetch *fetch = g_new0 (KvsRemoteFetch, 1);
  GError *wrong = NULL;

  kvs_remote_fetch_init (fetch, &self->remote, NULL, func, user_data);
  if (!kvs_container_url_check (self->url, &wrong))
    g_prefix_error (&wrong, "%s: ", provider->name);
  else if (self->token_path == NULL)
    wrong = check_token (&self->remote, self->token);

  if (wrong != NULL)
    kvs_remote_fetch_fail_later (fetch, wrong);
  else if (self->token_path != NULL)
    kvs_remote_fetch_read_token (fetch, self->token_path, on_token);
  else
    ask (fetch, self->token);
  return &fetch->base;
}

/* ---- the provider ---- */

static void
free_provider (KvsCredentialsProvider *provider)
{
  KvsContainerProvider *self = (KvsContainerProvider *) provider;

  kvs_remote_provider_clear (&self->remote);
  g_free (self->url);
  kvs_secret_free (self->token);
  g_free (self->token_path);
  g_free (self);
}

/**
 * kvs_container_provider_new:
 * @loop: where it runs
 * @http: CA bundle and user agent; copied
 * @options: copied
 *
 * Returns: (transfer full): a new provider
 */
KvsCredentialsProvider *
kvs_container_provider_new (KvsLoop *loop, const KvsHttpOptions *http,
                            const KvsContainerOptions *options)
{
  KvsContainerProvider *provider = g_new0 (KvsContainerProvider, 1);

  kvs_remote_provider_init (&provider->remote, "container credentials", loop, http);
  provider->remote.base.fetch = fetch_credentials;
  provider->remote.base.free = free_provider;
  provider->url = g_strdup (options->url);
  provider->token = g_strdup (options->token);
  provider->token_path = g_strdup (options->token_path);
  provider->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS;
  return &provider->remote.base;
}
