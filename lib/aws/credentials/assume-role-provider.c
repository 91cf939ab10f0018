/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/assume-role-provider.h"

#include "aws/credentials/remote-provider.h"
#include "aws/credentials/secret.h"
#include "aws/sigv4.h"

#define HINT "look at the role's trust policy and at what the source's credentials may do"

typedef struct {
  KvsRemoteProvider remote;
  KvsStsRole role;
  gchar *region;
  KvsCredentialsProvider *source;
  gint64 clock_ahead_us; /* the service's clock less ours */
} KvsAssumeRoleProvider;

typedef struct {
  KvsRemoteFetch remote;
  KvsCredentialsFetch *source_fetch; /* (nullable): under way */
  KvsCredentials *source_credentials;
  gboolean clock_was_corrected;
} KvsAssumeRoleFetch;

static void
clear_fetch (KvsRemoteFetch *fetch)
{
  KvsAssumeRoleFetch *self = (KvsAssumeRoleFetch *) fetch;

  if (self->source_fetch != NULL)
    kvs_credentials_fetch_cancel (self->source_fetch);
  kvs_credentials_unref (self->source_credentials);
}

/* ---- the request ---- */

static void assume (KvsRemoteFetch *fetch);

/* Returns: whether the request goes again, signed with the service's time. */
static gboolean
correct_clock (KvsRemoteFetch *fetch, const KvsServiceError *refusal, const KvsHttpHead *head)
{
  KvsAssumeRoleFetch *self = (KvsAssumeRoleFetch *) fetch;
  KvsAssumeRoleProvider *provider = (KvsAssumeRoleProvider *) fetch->provider;
  gint64 ahead_us = kvs_remote_clock (head).ahead_us;

  if (self->clock_was_corrected || ahead_us == provider->clock_ahead_us)
    return FALSE;
  if (!kvs_service_error_is_clock_skew (refusal)
      && !kvs_service_error_is (refusal, "SignatureDoesNotMatch"))
    return FALSE;
  self->clock_was_corrected = TRUE;
  provider->clock_ahead_us = ahead_us;
  assume (fetch);
  return TRUE;
}

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

    credentials = kvs_sts_parse_answer (KVS_STS_ASSUME_ROLE, text, size, &clock, &wrong);
    g_prefix_error (&wrong, "%s: ", fetch->provider->base.name);
  } else {
    g_autoptr (KvsServiceError) refusal = kvs_sts_parse_refusal (head->status, text, size);

    if (correct_clock (fetch, refusal, head))
      return;
    wrong = kvs_remote_provider_refusal (fetch->provider, refusal, HINT);
  }
  kvs_remote_fetch_finish (fetch, credentials, wrong);
}

static void
wipe_lines (gchar **lines)
{
  for (guint i = 0; lines[i] != NULL; i++)
    kvs_secret_free (lines[i]);
  g_free (lines);
}

static void
assume (KvsRemoteFetch *fetch)
{
  KvsAssumeRoleProvider *provider = (KvsAssumeRoleProvider *) fetch->provider;
  g_autofree gchar *url = g_strconcat (provider->role.url, "/", NULL);
  g_autofree gchar *body = kvs_sts_body_new (&provider->role, NULL);
  g_autofree gchar *date = kvs_sigv4_format_date ((g_get_real_time () + provider->clock_ahead_us)
                                                  / G_USEC_PER_SEC);
  gchar **lines = kvs_sts_sign (&provider->role, provider->region, body,
                                ((KvsAssumeRoleFetch *) fetch)->source_credentials, date);
  const KvsHttpRequest request = {
    .method = "POST",
    .url = url,
    .headers = (const gchar *const *) lines,
    .body = body,
  };

  if (lines == NULL) {
    kvs_remote_fetch_fail (fetch, g_error_new (KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                                               "%s: \"%s\" is not the URL of STS",
                                               provider->remote.base.name, provider->role.url));
    return;
  }
  kvs_remote_fetch_ask (fetch, &request, kvs_sts_is_passing, on_answer);
  wipe_lines (lines);
}

static void
on_source (KvsCredentials *credentials, const GError *error, gpointer user_data)
{
  KvsRemoteFetch *fetch = user_data;
  KvsAssumeRoleFetch *self = user_data;
  KvsAssumeRoleProvider *provider = (KvsAssumeRoleProvider *) fetch->provider;

  self->source_fetch = NULL;
  if (credentials != NULL) {
    self->source_credentials = kvs_credentials_ref (credentials);
    assume (fetch);
    return;
  }
  kvs_remote_fetch_fail (fetch, error != NULL
                         ? g_error_new (KVS_ERROR, error->code, "%s, for the credentials that "
                                        "assume the role: %s", provider->remote.base.name,
                                        error->message)
                         : g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS, "%s: the source of the "
                                        "credentials that assume the role (%s) has none; set it "
                                        "up, or name another one", provider->remote.base.name,
                                        provider->source->name));
}

/* ---- the provider ---- */

static KvsCredentialsFetch *
fetch_credentials (KvsCredentialsProvider *provider, KvsCredentialsFunc func, gpointer user_data)
{
  KvsAssumeRoleProvider *self = (KvsAssumeRoleProvider *) provider;
  KvsAssumeRoleFetch *fetch = g_new0 (KvsAssumeRoleFetch, 1);
  GError *wrong = NULL;

  kvs_remote_fetch_init (&fetch->remote, &self->remote, clear_fetch, func, user_data);
  if (kvs_sts_role_check (&self->role, &wrong)) {
    fetch->source_fetch = kvs_credentials_provider_fetch (self->source, on_source, fetch);
  } else {
    g_prefix_error (&wrong, "%s: ", provider->name);
    kvs_remote_fetch_fail_later (&fetch->remote, wrong);
  }
  return &fetch->remote.base;
}

static void
free_provider (KvsCredentialsProvider *provider)
{
  KvsAssumeRoleProvider *self = (KvsAssumeRoleProvider *) provider;

  kvs_credentials_provider_free (self->source);
  kvs_remote_provider_clear (&self->remote);
  kvs_sts_role_clear (&self->role);
  g_free (self->region);
  g_free (self);
}

/**
 * kvs_assume_role_provider_new:
 * @loop: where it runs
 * @http: time-outs, CA bundle and user agent; copied
 * @role: the role; copied
 * @region: region of the signature
 * @source: (transfer full): whose credentials assume the role
 *
 * STS AssumeRole, signed (kvs-api.md sections 17 and 18). Each fetch asks @source anew.
 *
 * Returns: (transfer full): a new provider
 */
KvsCredentialsProvider *
kvs_assume_role_provider_new (KvsLoop *loop, const KvsHttpOptions *http, const KvsStsRole *role,
                              const gchar *region, KvsCredentialsProvider *source)
{
  KvsAssumeRoleProvider *provider = g_new0 (KvsAssumeRoleProvider, 1);

  kvs_remote_provider_init (&provider->remote, "assumed role", loop, http);
  provider->remote.base.fetch = fetch_credentials;
  provider->remote.base.free = free_provider;
  kvs_sts_role_copy (&provider->role, role);
  provider->region = g_strdup (region);
  provider->source = source;
  return &provider->remote.base;
}
