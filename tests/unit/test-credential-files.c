/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The formats of small files and outputs, and the words of a command */
#include "aws/credentials/credential-line.h"
#include "aws/credentials/expiration.h"
#include "aws/credentials/process-output.h"
#include "aws/credentials/shared-path.h"
#include "aws/credentials/shell-words.h"
#include "aws/credentials/sso-cache.h"

#include <check.h>
#include <glib/gstdio.h>
#include <string.h>

#include "../suite.h"

#define SECRET "hidden+Secret/"
#define EXPIRATION_US (1893456000 * G_GINT64_CONSTANT (1000000)) /* 2030-01-01T00:00:00Z */

typedef KvsCredentials *(*ParseFunc) (const gchar *text, gsize size, GError **error);

static void
assert_refused (ParseFunc parse, const gchar *text, const gchar *expected)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (parse (text, strlen (text), &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_CREDENTIALS));
  ck_assert_msg (strstr (error->message, expected) != NULL, "%s", error->message);
  ck_assert_msg (strstr (error->message, SECRET) == NULL, "%s", error->message);
}

START_TEST (test_expirations)
{
  static const gchar *const good[] = {
    "2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000Z", "2030-01-01T01:30:00+01:30",
    "2030-01-01T00:00:00", "2030-01-01T00:00:00UTC", "20300101T000000Z",
  };
  static const gchar *const bad[] = { "", "Z", "UTC", "soon", "1893456000", "2030-01-01",
                                      "2030-13-01T00:00:00Z", "2030-01-01T00:00:00Zulu" };
  gint64 expiration_us;

  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    ck_assert_msg (kvs_expiration_parse (good[i], &expiration_us), "%s", good[i]);
    ck_assert_int_eq (expiration_us, EXPIRATION_US);
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    ck_assert_msg (!kvs_expiration_parse (bad[i], &expiration_us), "%s", bad[i]);
}
END_TEST

START_TEST (test_lines)
{
  const gchar *lasting = "CREDENTIALS AKID " SECRET "\n";
  const gchar *temporary = "  CREDENTIALS\tAKID 2030-01-01T00:00:00Z\r\n" SECRET "  token";
  g_autoptr (KvsCredentials) first = kvs_credential_line_parse (lasting, strlen (lasting), NULL);
  g_autoptr (KvsCredentials) second = kvs_credential_line_parse (temporary, strlen (temporary),
                                                                 NULL);

  ck_assert_str_eq (first->access_key, "AKID");
  ck_assert_str_eq (first->secret_key, SECRET);
  ck_assert_ptr_null (first->session_token);
  ck_assert_int_eq (first->expiration_us, 0);
  ck_assert_str_eq (second->secret_key, SECRET);
  ck_assert_str_eq (second->session_token, "token");
  ck_assert_int_eq (second->expiration_us, EXPIRATION_US);
}
END_TEST

START_TEST (test_bad_lines)
{
  assert_refused (kvs_credential_line_parse, "", "does not hold");
  assert_refused (kvs_credential_line_parse, "AKID " SECRET, "does not hold");
  assert_refused (kvs_credential_line_parse, "CREDENTIALS AKID", "does not hold");
  assert_refused (kvs_credential_line_parse, "CREDENTIALS AKID 2030-01-01T00:00:00Z " SECRET,
                  "does not hold");
  assert_refused (kvs_credential_line_parse, "CREDENTIALS AKID never " SECRET " t", "third word");
  assert_refused (kvs_credential_line_parse, "CREDENTIALS AKID 1 " SECRET " t more",
                  "does not hold");
  assert_refused (kvs_credential_line_parse, "CREDENTIALS AKID " SECRET "\x01", "secret key");
  ck_assert_ptr_null (kvs_credential_line_parse ("CREDENTIALS a b\0", 16, NULL));
}
END_TEST

START_TEST (test_outputs)
{
  const gchar *text = "{\"Version\": 1, \"AccessKeyId\": \"AKID\", \"SecretAccessKey\": \"" SECRET
                      "\", \"SessionToken\": \"t\", \"Expiration\": \"2030-01-01T00:00:00Z\"}\n";
  const gchar *lasting = "{\"Version\":1,\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\","
                         "\"Expiration\":null,\"SessionToken\":null}";
  g_autoptr (KvsCredentials) first = kvs_process_output_parse (text, strlen (text), NULL);
  g_autoptr (KvsCredentials) second = kvs_process_output_parse (lasting, strlen (lasting), NULL);

  ck_assert_str_eq (first->access_key, "AKID");
  ck_assert_str_eq (first->secret_key, SECRET);
  ck_assert_str_eq (first->session_token, "t");
  ck_assert_int_eq (first->expiration_us, EXPIRATION_US);
  ck_assert_ptr_null (second->session_token);
  ck_assert_int_eq (second->expiration_us, 0);
}
END_TEST

START_TEST (test_bad_outputs)
{
  g_autofree gchar *nested = g_strnfill (5000, '[');

  assert_refused (kvs_process_output_parse, "", "no JSON");
  assert_refused (kvs_process_output_parse, SECRET, "no JSON");
  assert_refused (kvs_process_output_parse, "[1]", "no JSON");
  assert_refused (kvs_process_output_parse, nested, "no JSON");
  assert_refused (kvs_process_output_parse, "{\"AccessKeyId\":\"a\"}", "Version");
  assert_refused (kvs_process_output_parse, "{\"Version\":\"1\"}", "Version");
  assert_refused (kvs_process_output_parse, "{\"Version\":2}", "Version");
  assert_refused (kvs_process_output_parse, "{\"Version\":1,\"SecretAccessKey\":\"" SECRET "\"}",
                  "access key is missing");
  assert_refused (kvs_process_output_parse, "{\"Version\":1,\"AccessKeyId\":\"a\","
                  "\"SecretAccessKey\":[\"" SECRET "\"]}", "secret key is missing");
  assert_refused (kvs_process_output_parse, "{\"Version\":1,\"Expiration\":\"" SECRET "\"}",
                  "Expiration");
  assert_refused (kvs_process_output_parse, "{\"Version\":1,\"Expiration\":5}", "Expiration");
}
END_TEST

START_TEST (test_words)
{
  g_auto (GStrv) words = kvs_shell_words_split (" a 'b  \"c\\' \"d \\\" \\e\"f\\ g '' h#i\n");
  g_auto (GStrv) none = kvs_shell_words_split (" \t");
  g_autofree gchar *joined = g_strjoinv ("|", words);

  ck_assert_str_eq (joined, "a|b  \"c\\|d \" \\ef g||h#i");
  ck_assert_ptr_null (none[0]);
  ck_assert_ptr_null (kvs_shell_words_split ("a 'b"));
  ck_assert_ptr_null (kvs_shell_words_split ("a \"b\\\""));
  ck_assert_ptr_null (kvs_shell_words_split ("a\\"));
}
END_TEST

START_TEST (test_paths)
{
  static const struct {
    const gchar *path, *expected;
  } cases[] = {
    { "/etc/aws", "/etc/aws" }, { "~/.aws/x", "/home/cam/.aws/x" }, { "~", "/home/cam" },
    { "a~/b", "a~/b" }, { "$KVS_TEST_A/b", "va/b" }, { "x${KVS_TEST_A}y$", "xvay$" },
    { "$KVS_TEST_ABSENT/${KVS_TEST_ABSENT}", "$KVS_TEST_ABSENT/${KVS_TEST_ABSENT}" },
    { "${KVS_TEST_A", "${KVS_TEST_A" }, { "$$KVS_TEST_A", "$va" }, { "$HOME/x", "/home/cam/x" },
  };

  ck_assert (g_setenv ("HOME", "/home/cam", TRUE));
  ck_assert (g_setenv ("KVS_TEST_A", "va", TRUE));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *path = NULL;

    ck_assert (g_setenv ("AWS_CONFIG_FILE", cases[i].path, TRUE));
    path = kvs_shared_path_from_environment ("AWS_CONFIG_FILE", "config");
    ck_assert_str_eq (path, cases[i].expected);
  }
  for (guint i = 0; i < 2; i++) {
    g_autofree gchar *path = NULL;

    if (i == 0)
      g_setenv ("AWS_CONFIG_FILE", "", TRUE);
    else
      g_unsetenv ("AWS_CONFIG_FILE");
    path = kvs_shared_path_from_environment ("AWS_CONFIG_FILE", "config");
    ck_assert_str_eq (path, "/home/cam/.aws/config");
  }
}
END_TEST

/* ---- the cache of SSO ---- */

static gchar *
load_token (const gchar *folder, KvsProfileSource *source, const gchar *text)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *name = kvs_sso_cache_get_file_name (source);
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  g_autoptr (KvsSsoToken) token = NULL;

  if (text != NULL)
    ck_assert (g_file_set_contents (path, text, -1, NULL));
  token = kvs_sso_cache_load (folder, source, &error);
  g_unlink (path);
  if (token != NULL)
    return g_strdup (token->access_token);
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_CREDENTIALS));
  ck_assert_ptr_null (strstr (error->message, SECRET));
  return g_strdup (error->message);
}

START_TEST (test_sso_cache)
{
  static const struct {
    const gchar *text, *expected;
  } cases[] = {
    { NULL, "is not there: run 'aws sso login --sso-session my-sso'" },
    { "{\"accessToken\":\"" SECRET "\",\"expiresAt\":\"2020-01-01T00:00:00UTC\"}",
      "has expired: run 'aws sso login --sso-session my-sso'" },
    { "{\"accessToken\":\"" SECRET "\"}", "cannot be read" },
    { "{\"accessToken\":\"" SECRET " \\n\",\"expiresAt\":\"2999-01-01T00:00:00Z\"}",
      "cannot be read" },
    { "{\"accessToken\":\"good\",\"expiresAt\":\"2999-01-01T00:00:00Z\"}", "good" },
  };
  g_autofree gchar *folder = g_dir_make_tmp ("kvs-sso-XXXXXX", NULL);
  KvsProfileSource source = { KVS_PROFILE_SOURCE_SSO, .profile = (gchar *) "cam",
                              .sso_session = (gchar *) "my-sso",
                              .sso_start_url = (gchar *) "https://x" };
  g_autofree gchar *name = kvs_sso_cache_get_file_name (&source);

  /* the SHA-1 of "my-sso" */
  ck_assert_str_eq (name, "0ad374308c5a4e22f723adf10145eafad7c4031c.json");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *found = load_token (folder, &source, cases[i].text);

    ck_assert_msg (strstr (found, cases[i].expected) != NULL, "%s", found);
  }
  source.sso_session = NULL;
  {
    g_autofree gchar *found = load_token (folder, &source, NULL);

    ck_assert_ptr_nonnull (strstr (found, "aws sso login --profile cam"));
  }
  ck_assert_int_eq (g_rmdir (folder), 0);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("credential-files");
  TCase *tc = tcase_create ("credential-files");

  tcase_add_test (tc, test_expirations);
  tcase_add_test (tc, test_lines);
  tcase_add_test (tc, test_bad_lines);
  tcase_add_test (tc, test_outputs);
  tcase_add_test (tc, test_bad_outputs);
  tcase_add_test (tc, test_words);
  tcase_add_test (tc, test_paths);
  tcase_add_test (tc, test_sso_cache);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
