/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agents of ECS and of EKS Pod Identity. */
#include "aws/credentials/container-provider.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "provider-kind.h"

static gchar *token_path;

static void
write_token (const gchar *token)
{
  ck_assert (g_file_set_contents (token_path, token, -1, NULL));
}

static void
set_up (ProviderRig *rig)
{
  gint fd = g_file_open_tmp ("kvssink-token-XXXXXX", &token_path, NULL);

  ck_assert_int_ge (fd, 0);
  close (fd);
  write_token (SESAME "-1");
}

static void
tear_down (void)
{
  g_unlink (token_path);
  g_clear_pointer (&token_path, g_free);
}

static KvsCredentialsProvider *
make (ProviderRig *rig, guint timeout_ms)
{
  g_autofree gchar *url = g_strconcat (rig->url, "/v2/credentials/1-2?a=b", NULL);
  const KvsContainerOptions options
      = { .url = url, .token = "unused", .token_path = token_path, .timeout_ms = timeout_ms };

  return kvs_container_provider_new (rig->loop, &rig->http, &options);
}

static gchar *
good (const gchar *expiration)
{
  return g_strdup_printf ("{\"AccessKeyId\":\"AKID\",\"AccountId\":\"123\",\"SecretAccessKey\":\""
                          SESAME "/secret+key\",\"Token\":\"" SESAME
                          "+token==\",\"Expiration\":\"%s\"}", expiration);
}

START_TEST (test_request)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);

  provider_kind_use (20000);
  for (guint i = 0; i < 2; i++) {
    provider_rig_answer (rig, 200, answer);
    provider_rig_fetch (rig);
    provider_rig_assert_credentials (rig, "AKID");
    ck_assert_str_eq (provider_rig_get_request (rig, i)->method, "GET");
    ck_assert_str_eq (provider_rig_get_request (rig, i)->path, "/v2/credentials/1-2?a=b");
    provider_rig_assert_header (rig, i, "accept", "application/json");
    provider_rig_assert_header (rig, i, "authorization", i == 0 ? SESAME "-1" : SESAME "-2");
    /* the agent's own token rotates too */
    write_token (SESAME "-2");
  }
}
END_TEST

static void
use_token (const gchar *token)
{
  ProviderRig *rig = provider_kind_rig ();
  const KvsContainerOptions options = { .url = rig->url, .token = token };

  provider_rig_use (rig, kvs_container_provider_new (rig->loop, &rig->http, &options));
}

START_TEST (test_token_value)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);

  use_token (_i == 0 ? "Basic " SESAME : NULL);
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  provider_rig_assert_header (rig, 0, "authorization", _i == 0 ? "Basic " SESAME : NULL);
}
END_TEST

START_TEST (test_line_end_in_token)
{
  static const gchar *const bad[] = { SESAME "\n", SESAME "\r\nX-Injected: 1" };
  ProviderRig *rig = provider_kind_rig ();

  use_token (bad[_i]);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "line end");
  provider_rig_drop (rig);

  write_token (bad[_i]);
  provider_kind_use (20000);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "line end");
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 0), 0);
}
END_TEST

START_TEST (test_missing_token_file)
{
  ProviderRig *rig = provider_kind_rig ();

  g_unlink (token_path);
  provider_kind_use (20000);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, token_path);
}
END_TEST

START_TEST (test_redirect_is_not_followed)
{
  ProviderRig *rig = provider_kind_rig ();

  provider_kind_use (20000);
  for (guint i = 0; i < 3; i++)
    provider_rig_answer (rig, 302, "");
  provider_rig_fetch (rig);
  ck_assert_ptr_nonnull (rig->error);
}
END_TEST

static const struct {
  const gchar *url;
  gboolean is_good;
} urls[] = {
  { "https://agent.example.com/creds", TRUE },
  { "https://10.0.0.1:8443/creds", TRUE },
  { "http://169.254.170.2/v2", TRUE },
  { "http://169.254.170.23/v1/credentials", TRUE },
  { "http://[fd00:ec2::23]/v1/credentials", TRUE },
  { "http://[fd00:0ec2:0::23]/v1/credentials", TRUE },
  { "http://localhost:8080/", TRUE },
  { "http://127.0.0.1/", TRUE },
  { "http://127.1.2.3:9/", TRUE },
  { "http://[::1]:8080/", TRUE },
  { "http://169.254.169.254/", FALSE },
  { "http://169.254.170.24/", FALSE },
  { "http://10.0.0.1/", FALSE },
  { "http://agent.example.com/", FALSE },
  { "http://127.0.0.1.example.com/", FALSE },
  { "http://localhost.example.com/", FALSE },
  { "http://127.0.0.1@example.com/", FALSE },
  { "http://[fd00:ec2::24]/", FALSE },
  { "http://0x7f.1/", FALSE },
  { "ftp://127.0.0.1/", FALSE },
  { "file:///etc/passwd", FALSE },
  { "/v2/credentials", FALSE },
  { "", FALSE },
};

START_TEST (test_hosts)
{
  ProviderRig *rig = provider_kind_rig ();
  const KvsContainerOptions options = { .url = urls[_i].url };

  ck_assert_int_eq (kvs_container_url_check (urls[_i].url, NULL), urls[_i].is_good);
  if (urls[_i].is_good)
    return;
  provider_rig_use (rig, kvs_container_provider_new (rig->loop, &rig->http, &options));
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
}
END_TEST

START_TEST (test_urls)
{
  g_autofree gchar *relative = kvs_container_url_new ("/v2/creds/1", "http://localhost/");
  g_autofree gchar *full = kvs_container_url_new ("", "http://localhost/");

  ck_assert_str_eq (relative, "http://169.254.170.2/v2/creds/1");
  ck_assert_str_eq (full, "http://localhost/");
  ck_assert_ptr_null (kvs_container_url_new (NULL, ""));
}
END_TEST

static void
add (TCase *tc)
{
  tcase_add_test (tc, test_request);
  tcase_add_loop_test (tc, test_token_value, 0, 2);
  tcase_add_loop_test (tc, test_line_end_in_token, 0, 2);
  tcase_add_test (tc, test_missing_token_file);
  tcase_add_test (tc, test_redirect_is_not_followed);
  tcase_add_loop_test (tc, test_hosts, 0, G_N_ELEMENTS (urls));
  tcase_add_test (tc, test_urls);
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
    .denied = "{\"code\":\"AccessDenied\",\"message\":\"no association for this pod\"}",
    .denied_words = "AccessDenied, HTTP 403: no association for this pod",
  };

  return provider_kind_run ("container-provider", &kind, add);
}
