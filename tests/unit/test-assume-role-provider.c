/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* STS AssumeRole with the credentials of another source. */
#include "aws/credentials/assume-role-provider.h"

#include <string.h>

#include "aws/sigv4.h"
#include "provider-kind.h"

#define REFUSED "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code>" \
                "<Message>Signature expired: it is late</Message></Error></ErrorResponse>"

/* ---- a source ---- */

static struct {
  KvsCredentialsProvider base;
  KvsLoop *loop;
  KvsCredentials *credentials;
  GError *error;
  KvsCredentialsFetch fetch;
  KvsLoopTimer *timer;
  KvsCredentialsFunc func;
  gpointer user_data;
  guint n_freed;
} source;

static void
on_source_time (gpointer user_data)
{
  source.timer = NULL;
  source.func (source.credentials, source.error, source.user_data);
}

static void
cancel_source (KvsCredentialsFetch *fetch)
{
  kvs_loop_cancel_timer (source.loop, &source.timer);
}

static KvsCredentialsFetch *
fetch_source (KvsCredentialsProvider *provider, KvsCredentialsFunc func, gpointer user_data)
{
  source.func = func;
  source.user_data = user_data;
  source.fetch.cancel = cancel_source;
  source.timer = kvs_loop_add_timer (source.loop, 1000, on_source_time, NULL);
  return &source.fetch;
}

static void
free_source (KvsCredentialsProvider *provider)
{
  source.n_freed++;
}

static void
set_up (ProviderRig *rig)
{
  memset (&source, 0, sizeof source);
  source.base.name = "the test";
  source.base.fetch = fetch_source;
  source.base.free = free_source;
  source.loop = rig->loop;
  source.credentials = kvs_credentials_new ("AKSOURCE", SESAME "-source", SESAME "-token", 0);
}

static void
tear_down (void)
{
  ck_assert_uint_ge (source.n_freed, 1);
  kvs_credentials_unref (source.credentials);
  g_clear_error (&source.error);
}

/* ---- the provider ---- */

static KvsCredentialsProvider *
make (ProviderRig *rig, guint timeout_ms)
{
  const KvsStsRole role = {
    .url = rig->url,
    .role_arn = (gchar *) "arn:aws:iam::123456789012:role/camera",
    .session_name = (gchar *) "cam",
    .external_id = (gchar *) "customer:7/a",
  };

  rig->http.total_timeout_ms = timeout_ms;
  return kvs_assume_role_provider_new (rig->loop, &rig->http, &role, "eu-west-1", &source.base);
}

static gchar *
good (const gchar *expiration)
{
  return g_strdup_printf (
      "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
      "<Credentials><AccessKeyId>AKID</AccessKeyId><SecretAccessKey>" SESAME
      "/secret&#43;key</SecretAccessKey><SessionToken>" SESAME "+token==</SessionToken>"
      "<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
      expiration);
}

/* Signs what came, as the service does. */
static gchar *
expected_authorization (const RigRequest *request)
{
  g_autofree gchar *hash
      = kvs_sigv4_payload_hash ((const guint8 *) request->body, strlen (request->body));
  const gchar *date = g_hash_table_lookup (request->headers, "x-amz-date");
  const KvsSigv4Header headers[] = {
    { "content-type", g_hash_table_lookup (request->headers, "content-type") },
    { "host", g_hash_table_lookup (request->headers, "host") },
    { "x-amz-date", date },
    { "x-amz-security-token", SESAME "-token" },
  };
  const KvsSigv4Request signed_request
      = { "POST", "/", NULL, headers, G_N_ELEMENTS (headers), hash };
  const KvsSigv4Scope scope = { date, "eu-west-1", "sts" };

  return kvs_sigv4_authorization (&signed_request, &scope, "AKSOURCE", SESAME "-source");
}

START_TEST (test_request)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);
  g_autofree gchar *authorization = NULL;

  provider_kind_use (20000);
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  ck_assert_str_eq (provider_rig_get_request (rig, 0)->body,
                    "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012"
                    "%3Arole%2Fcamera&RoleSessionName=cam&ExternalId=customer%3A7%2Fa");
  provider_rig_assert_header (rig, 0, "x-amz-security-token", SESAME "-token");
  authorization = expected_authorization (provider_rig_get_request (rig, 0));
  provider_rig_assert_header (rig, 0, "authorization", authorization);
}
END_TEST

START_TEST (test_source_without_credentials)
{
  ProviderRig *rig = provider_kind_rig ();

  kvs_credentials_unref (g_steal_pointer (&source.credentials));
  if (_i == 1)
    source.error = g_error_new (KVS_ERROR, KVS_ERROR_TIMEOUT, "the test: no answer");
  provider_kind_use (20000);
  provider_rig_fetch (rig);
  if (_i == 0)
    provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "(the test) has none");
  else
    provider_rig_assert_error (rig, KVS_ERROR_TIMEOUT, "the test: no answer");
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 0), 0);
}
END_TEST

/* Signed again with the service's time, once, and with it from the start the next time. */
START_TEST (test_signature_of_a_wrong_clock)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (7200 + 3600);
  gint64 date_s = g_get_real_time () / G_USEC_PER_SEC + 7200;

  provider_kind_use (20000);
  provider_rig_answer_dated (rig, 403, REFUSED, date_s);
  provider_rig_answer_dated (rig, 200, answer, date_s);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  provider_rig_answer_dated (rig, 200, answer, date_s);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  for (guint i = 1; i < 3; i++) {
    const gchar *date = g_hash_table_lookup (provider_rig_get_request (rig, i)->headers,
                                             "x-amz-date");
    g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (date, NULL);

    ck_assert_int_lt (ABS (g_date_time_to_unix (time) - date_s), 100);
  }
}
END_TEST

START_TEST (test_signature_that_stays_wrong)
{
  ProviderRig *rig = provider_kind_rig ();
  gint64 date_s = g_get_real_time () / G_USEC_PER_SEC - 7200;

  provider_kind_use (20000);
  provider_rig_answer_dated (rig, 403, REFUSED, date_s);
  provider_rig_answer_dated (rig, 403, REFUSED, date_s - 3600);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "SignatureDoesNotMatch");
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 2), 2);
}
END_TEST

static void
add (TCase *tc)
{
  tcase_add_test (tc, test_request);
  tcase_add_loop_test (tc, test_source_without_credentials, 0, 2);
  tcase_add_test (tc, test_signature_of_a_wrong_clock);
  tcase_add_test (tc, test_signature_that_stays_wrong);
}

int
main (void)
{
  static const ProviderKind kind = {
    .set_up = set_up,
    .tear_down = tear_down,
    .make = make,
    .n_tries = 3,
    .good = good,
    .denied_status = 403,
    .denied = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>"
              "<Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>The request signature "
              "does not match.\n\nThe Canonical String for this request should have been\n'POST\n"
              "x-amz-security-token:" SESAME "-token</Message></Error></ErrorResponse>",
    .denied_words = "SignatureDoesNotMatch, HTTP 403: The request signature does not match.; look",
  };

  return provider_kind_run ("assume-role-provider", &kind, add);
}
