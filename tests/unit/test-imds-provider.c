/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The metadata service of EC2, versions 2 and 1 of its protocol. */
#include "aws/credentials/imds-provider.h"

#include <string.h>

#include "provider-kind.h"

#define TOKEN SESAME "AQAEA=="
#define TOKEN_PATH "/latest/api/token"
#define ROLES_PATH "/latest/meta-data/iam/security-credentials/"

static KvsImdsOptions options;

static void
set_up (ProviderRig *rig)
{
  memset (&options, 0, sizeof options);
}

static KvsCredentialsProvider *
make (ProviderRig *rig, guint timeout_ms)
{
  options.url = rig->url;
  options.timeout_ms = timeout_ms;
  return kvs_imds_provider_new (rig->loop, &rig->http, &options);
}

static gchar *
good (const gchar *expiration)
{
  return g_strdup_printf ("{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"AKID\","
                          "\"SecretAccessKey\":\"" SESAME "/secret+key\",\"Token\":\"" SESAME
                          "+token==\",\"Expiration\":\"%s\"}", expiration);
}

static void
assert_request (guint index, const gchar *method, const gchar *path, const gchar *token)
{
  const RigRequest *request = provider_rig_get_request (provider_kind_rig (), index);

  ck_assert_str_eq (request->method, method);
  ck_assert_str_eq (request->path, path);
  provider_rig_assert_header (provider_kind_rig (), index, "x-aws-ec2-metadata-token", token);
}

START_TEST (test_requests)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);

  provider_kind_use (20000);
  provider_kind_answer_steps ();
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  assert_request (0, "PUT", TOKEN_PATH, NULL);
  provider_rig_assert_header (rig, 0, "x-aws-ec2-metadata-token-ttl-seconds", "21600");
  provider_rig_assert_header (rig, 0, "content-length", "0");
  assert_request (1, "GET", ROLES_PATH, TOKEN);
  assert_request (2, "GET", ROLES_PATH "camera-role", TOKEN);

  /* the token lives on */
  provider_rig_answer (rig, 200, "camera-role\n");
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 5), 5);
  assert_request (3, "GET", ROLES_PATH, TOKEN);
}
END_TEST

START_TEST (test_token_that_ended)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);

  options.token_ttl_s = 1;
  provider_kind_use (20000);
  for (guint i = 0; i < 2; i++) {
    provider_kind_answer_steps ();
    provider_rig_answer (rig, 200, answer);
    provider_rig_fetch (rig);
    provider_rig_assert_credentials (rig, "AKID");
    g_usleep (1000 * 1000);
  }
  assert_request (3, "PUT", TOKEN_PATH, NULL);
}
END_TEST

START_TEST (test_token_that_is_refused)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);

  provider_kind_use (20000);
  provider_kind_answer_steps ();
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_answer (rig, 401, "");
  provider_rig_answer (rig, 200, "other-token");
  provider_rig_answer (rig, 200, "camera-role");
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  assert_request (3, "GET", ROLES_PATH, TOKEN);
  assert_request (4, "PUT", TOKEN_PATH, NULL);
  assert_request (5, "GET", ROLES_PATH, "other-token");

  /* but not for ever */
  provider_rig_answer (rig, 401, "");
  provider_rig_answer (rig, 200, "other-token");
  provider_rig_answer (rig, 401, "");
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "401");
}
END_TEST

START_TEST (test_version_1)
{
  static const guint statuses[] = { 403, 404, 405 };
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);

  provider_kind_use (20000);
  provider_rig_answer (rig, statuses[_i], "");
  provider_rig_answer (rig, 200, "camera-role");
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  assert_request (1, "GET", ROLES_PATH, NULL);
  assert_request (2, "GET", ROLES_PATH "camera-role", NULL);
}
END_TEST

START_TEST (test_version_1_disabled)
{
  ProviderRig *rig = provider_kind_rig ();

  options.v1_disabled = TRUE;
  provider_kind_use (20000);
  provider_rig_answer (rig, 403, "");
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "version 1");
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 1), 1);
}
END_TEST

/* Too far away for answers to the token call: in a container, say. */
START_TEST (test_hop_limit)
{
  ProviderRig *rig = provider_kind_rig ();

  options.v1_disabled = TRUE;
  provider_kind_use (2000);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_TIMEOUT, "hop limit");
}
END_TEST

static const struct {
  guint status;
  const gchar *body;
  const gchar *words;
} roles[] = {
  { 404, "", "instance profile" },
  { 200, "", "instance profile" },
  { 200, "<html>" SESAME "</html>", "instance profile" },
  { 200, "../../" SESAME, "instance profile" },
  { 403, "", "metadata options" },
};

START_TEST (test_no_role)
{
  ProviderRig *rig = provider_kind_rig ();

  provider_kind_use (20000);
  provider_rig_answer (rig, 200, TOKEN);
  provider_rig_answer (rig, roles[_i].status, roles[_i].body);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, roles[_i].words);
}
END_TEST

START_TEST (test_bad_token)
{
  static const gchar *const bad[] = { "", "a\r\nX-Injected: 1", "<html>\n" };
  ProviderRig *rig = provider_kind_rig ();

  provider_kind_use (20000);
  provider_rig_answer (rig, 200, bad[_i]);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "not a token");
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 1), 1);
}
END_TEST

START_TEST (test_failure_with_200)
{
  ProviderRig *rig = provider_kind_rig ();

  provider_kind_use (20000);
  provider_kind_answer_steps ();
  provider_rig_answer (rig, 200, "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":"
                                 "\"EC2 cannot assume the role\"}");
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS,
                             "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role");
}
END_TEST

static void
add (TCase *tc)
{
  tcase_add_test (tc, test_requests);
  tcase_add_test (tc, test_token_that_ended);
  tcase_add_test (tc, test_token_that_is_refused);
  tcase_add_loop_test (tc, test_version_1, 0, 3);
  tcase_add_test (tc, test_version_1_disabled);
  tcase_add_test (tc, test_hop_limit);
  tcase_add_loop_test (tc, test_no_role, 0, G_N_ELEMENTS (roles));
  tcase_add_loop_test (tc, test_bad_token, 0, 3);
  tcase_add_test (tc, test_failure_with_200);
}

int
main (void)
{
  static const gchar *const steps[] = { TOKEN, "camera-role", NULL };
  static const ProviderKind kind = {
    .set_up = set_up,
    .make = make,
    .n_tries = 2,
    .steps = steps,
    .good = good,
    .denied_status = 404,
    .denied = "",
    .denied_words = "404",
  };

  return provider_kind_run ("imds-provider", &kind, add);
}
