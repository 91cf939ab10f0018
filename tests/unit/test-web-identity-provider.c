/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* STS AssumeRoleWithWebIdentity. */
#include "aws/credentials/web-identity-provider.h"

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
  write_token (SESAME ".jwt/1");
}

static void
tear_down (void)
{
  g_unlink (token_path);
  g_clear_pointer (&token_path, g_free);
}

static KvsStsRole
role_of (ProviderRig *rig)
{
  return (KvsStsRole) {
    .url = rig->url,
    .role_arn = (gchar *) "arn:aws:iam::123456789012:role/path/camera",
    .session_name = (gchar *) "cam@1",
    .duration_s = 900,
  };
}

static void
use_role (const KvsStsRole *role)
{
  ProviderRig *rig = provider_kind_rig ();

  provider_rig_use (rig, kvs_web_identity_provider_new (rig->loop, &rig->http, role, token_path));
}

static KvsCredentialsProvider *
make (ProviderRig *rig, guint timeout_ms)
{
  KvsStsRole role = role_of (rig);

  rig->http.total_timeout_ms = timeout_ms;
  return kvs_web_identity_provider_new (rig->loop, &rig->http, &role, token_path);
}

static gchar *
good (const gchar *expiration)
{
  return g_strdup_printf (
      "<?xml version=\"1.0\"?>\n<AssumeRoleWithWebIdentityResponse "
      "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
      " <AssumeRoleWithWebIdentityResult><Audience>sts.amazonaws.com</Audience>"
      "<AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser>"
      "<Credentials>\n<SessionToken>" SESAME "+token==</SessionToken>"
      "<SecretAccessKey>" SESAME "/secret+key</SecretAccessKey><Expiration>%s</Expiration>"
      "<AccessKeyId>AKID</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>"
      "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
      "</AssumeRoleWithWebIdentityResponse>", expiration);
}

START_TEST (test_request)
{
  static const gchar *const tokens[] = { SESAME ".jwt%2F1", SESAME ".jwt2" };
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);

  provider_kind_use (20000);
  for (guint i = 0; i < 2; i++) {
    g_autofree gchar *body = g_strconcat (
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
      "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fpath%2Fcamera"
      "&RoleSessionName=cam%401&DurationSeconds=900&WebIdentityToken=", tokens[i], NULL);

    provider_rig_answer (rig, 200, answer);
    provider_rig_fetch (rig);
    provider_rig_assert_credentials (rig, "AKID");
    ck_assert_str_eq (provider_rig_get_request (rig, i)->method, "POST");
    ck_assert_str_eq (provider_rig_get_request (rig, i)->path, "/");
    ck_assert_str_eq (provider_rig_get_request (rig, i)->body, body);
    provider_rig_assert_header (rig, i, "authorization", NULL);
    provider_rig_assert_header (rig, i, "content-type", KVS_STS_CONTENT_TYPE);
    /* Kubernetes writes a new one; some tools end it with a line end */
    write_token (SESAME ".jwt2\n");
  }
}
END_TEST

START_TEST (test_own_session_name)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);
  KvsStsRole role = role_of (rig);

  role.session_name = NULL;
  role.duration_s = 0;
  use_role (&role);
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  ck_assert_ptr_nonnull (strstr (provider_rig_get_request (rig, 0)->body,
                                 "&RoleSessionName=kvssink-"));
  ck_assert_ptr_null (strstr (provider_rig_get_request (rig, 0)->body, "Duration"));
}
END_TEST

START_TEST (test_long_token)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);
  g_autofree gchar *token = g_strnfill (_i == 0 ? 20000 : 20001, '+');

  write_token (token);
  provider_kind_use (20000);
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  if (_i == 0)
    provider_rig_assert_credentials (rig, "AKID");
  else
    provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "20001 characters");
}
END_TEST

START_TEST (test_token_file)
{
  static const gchar *const words[] = { "does not exist", "is empty", "characters" };
  ProviderRig *rig = provider_kind_rig ();

  if (_i == 0)
    g_unlink (token_path);
  else
    write_token (_i == 1 ? "" : " \n");
  provider_kind_use (20000);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, words[_i]);
  ck_assert_ptr_nonnull (strstr (rig->error->message, token_path));
}
END_TEST

/* With HTTP 400, and yet it passes. */
START_TEST (test_passing_errors)
{
  static const gchar *const codes[] = { "IDPCommunicationError", "Throttling" };
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);
  g_autofree gchar *refusal = g_strdup_printf (
    "<ErrorResponse><Error><Code>%s</Code></Error></ErrorResponse>", codes[_i]);

  provider_kind_use (20000);
  provider_rig_answer (rig, 400, refusal);
  provider_rig_answer (rig, 400, refusal);
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  for (guint i = 0; i < 3; i++)
    provider_rig_answer (rig, 400, refusal);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_SERVICE, codes[_i]);
}
END_TEST

START_TEST (test_bad_roles)
{
  ProviderRig *rig = provider_kind_rig ();
  KvsStsRole role = role_of (rig);
  static const gchar *const words[] = { "role_arn", "role_arn", "session_name", "duration" };

  if (_i == 0)
    role.role_arn = NULL;
  else if (_i == 1)
    role.role_arn = (gchar *) "arn:aws:iam::123456789012:role/a b";
  else if (_i == 2)
    role.session_name = (gchar *) "x&Action=y";
  else
    role.duration_s = 60;
  use_role (&role);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, words[_i]);
}
END_TEST

static void
add (TCase *tc)
{
  tcase_add_test (tc, test_request);
  tcase_add_test (tc, test_own_session_name);
  tcase_add_loop_test (tc, test_long_token, 0, 2);
  tcase_add_loop_test (tc, test_token_file, 0, 3);
  tcase_add_loop_test (tc, test_passing_errors, 0, 2);
  tcase_add_loop_test (tc, test_bad_roles, 0, 4);
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
              "<Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform "
              "sts:AssumeRoleWithWebIdentity\n\n" SESAME "</Message></Error>"
              "<RequestId>0-1</RequestId></ErrorResponse>",
    .denied_words = "AccessDenied, HTTP 403: Not authorized to perform "
                    "sts:AssumeRoleWithWebIdentity; look at",
  };

  return provider_kind_run ("web-identity-provider", &kind, add);
}
