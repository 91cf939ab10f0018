/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GetRoleCredentials of IAM Identity Center. */
#include "aws/credentials/sso-provider.h"

#include <string.h>

#include "provider-kind.h"

static gchar *token;

static gchar *
give_token (gpointer user_data, GError **error)
{
  const gchar *value = user_data;

  if (*value != '!')
    return g_strdup (value);
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "the session has ended");
  return NULL;
}

static gpointer
copy_token (gpointer data)
{
  return g_strdup (data);
}

static void
set_up (ProviderRig *rig)
{
  token = g_strdup (SESAME "-access");
}

static void
tear_down (void)
{
  g_clear_pointer (&token, g_free);
}

static KvsCredentialsProvider *
make (ProviderRig *rig, guint timeout_ms)
{
  const KvsSsoOptions options = {
    .url = rig->url,
    .account_id = "123456789012",
    .role_name = "Camera+Role&x",
    .token_func = give_token,
    .token_data = token,
    .token_data_copy = copy_token,
    .token_data_free = g_free,
  };

  rig->http.total_timeout_ms = timeout_ms;
  return kvs_sso_provider_new (rig->loop, &rig->http, &options);
}

static gchar *
good (const gchar *expiration)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (expiration, utc);

  return g_strdup_printf ("{\"roleCredentials\":{\"accessKeyId\":\"AKID\",\"secretAccessKey\":\""
                          SESAME "/secret+key\",\"sessionToken\":\"" SESAME
                          "+token==\",\"expiration\":%" G_GINT64_FORMAT "}}",
                          g_date_time_to_unix (time) * 1000);
}

START_TEST (test_request)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);

  provider_kind_use (20000);
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  ck_assert_str_eq (provider_rig_get_request (rig, 0)->method, "GET");
  ck_assert_str_eq (provider_rig_get_request (rig, 0)->path,
                    "/federation/credentials?role_name=Camera%2BRole%26x&account_id=123456789012");
  provider_rig_assert_header (rig, 0, "x-amz-sso_bearer_token", SESAME "-access");
}
END_TEST

START_TEST (test_bad_tokens)
{
  static const gchar *const bad[] = { "!", "", SESAME "\r\nX-Injected: 1" };
  static const gchar *const words[] = { "the session has ended", "empty", "line end" };
  ProviderRig *rig = provider_kind_rig ();

  g_free (token);
  token = g_strdup (bad[_i]);
  provider_kind_use (20000);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, words[_i]);
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 0), 0);
}
END_TEST

static void
add (TCase *tc)
{
  tcase_add_test (tc, test_request);
  tcase_add_loop_test (tc, test_bad_tokens, 0, 3);
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
    .denied_status = 401,
    .denied = "{\"message\":\"Session token not found or invalid\",\"__type\":"
              "\"com.amazonaws.switchboard.portal#UnauthorizedException\"}",
    .denied_words = "UnauthorizedException, HTTP 401: Session token not found or invalid; sign in",
  };

  return provider_kind_run ("sso-provider", &kind, add);
}
