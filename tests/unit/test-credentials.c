/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials.h"

#include <check.h>
#include <string.h>

#include "../suite.h"

#define SECRET "Secret/Key+Secret"

START_TEST (test_new_and_count)
{
  gchar secret[] = SECRET;
  KvsCredentials *credentials = kvs_credentials_new ("AKID", secret, "token", 42);
  g_autoptr (KvsCredentials) other = kvs_credentials_ref (credentials);

  /* they hold copies */
  memset (secret, 'x', sizeof secret - 1);
  kvs_credentials_unref (credentials);
  ck_assert_str_eq (other->access_key, "AKID");
  ck_assert_str_eq (other->secret_key, SECRET);
  ck_assert_str_eq (other->session_token, "token");
  ck_assert_int_eq (other->expiration_us, 42);
  kvs_credentials_unref (NULL);
}
END_TEST

START_TEST (test_from_strings)
{
  g_autoptr (KvsCredentials) with = kvs_credentials_from_strings ("AKID", SECRET, "t", NULL);
  g_autoptr (KvsCredentials) without = kvs_credentials_from_strings ("AKID", SECRET, "", NULL);

  ck_assert_str_eq (with->session_token, "t");
  ck_assert_int_eq (with->expiration_us, 0);
  ck_assert_ptr_null (without->session_token);
}
END_TEST

static const struct {
  const gchar *access_key;
  const gchar *secret_key;
  const gchar *token;
  const gchar *named;
} bad[] = {
  { NULL, SECRET, NULL, "access key" },
  { "", SECRET, NULL, "access key" },
  { "AKID", NULL, NULL, "secret key" },
  { "AKID", "", NULL, "secret key" },
  { "AKID ", SECRET, NULL, "access key" },
  { "AKID", SECRET "\n", NULL, "secret key" },
  { "AKID", SECRET "\r\nX-Injected: 1", NULL, "secret key" },
  { "AKID", SECRET, SECRET "\t", "session token" },
  { "AKID", SECRET, SECRET "\x7f", "session token" },
  { "AKID", SECRET "\xc3\xa4", NULL, "secret key" },
};

START_TEST (test_bad_strings)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (kvs_credentials_from_strings (bad[_i].access_key, bad[_i].secret_key,
                                                    bad[_i].token, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_CREDENTIALS));
  ck_assert_ptr_nonnull (strstr (error->message, bad[_i].named));
  ck_assert_ptr_null (strstr (error->message, "Secret/"));
  ck_assert_ptr_null (strstr (error->message, "AKID"));
}
END_TEST

START_TEST (test_long_values)
{
  g_autofree gchar *longest = g_strnfill (KVS_CREDENTIALS_MAX_TOKEN_BYTES, 't');
  g_autofree gchar *too_long = g_strnfill (KVS_CREDENTIALS_MAX_TOKEN_BYTES + 1, 't');

  ck_assert (kvs_credentials_check ("AKID", SECRET, longest, NULL));
  ck_assert (!kvs_credentials_check ("AKID", SECRET, too_long, NULL));
  ck_assert (!kvs_credentials_check ("AKID", longest, NULL, NULL));
  ck_assert (!kvs_credentials_check (longest, SECRET, NULL, NULL));
}
END_TEST

static void
clear_environment (void)
{
  g_unsetenv ("AWS_ACCESS_KEY_ID");
  g_unsetenv ("AWS_SECRET_ACCESS_KEY");
  g_unsetenv ("AWS_SESSION_TOKEN");
}

static void
assert_environment_error (const gchar *named)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (kvs_credentials_from_environment (&error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_CREDENTIALS));
  ck_assert_msg (strstr (error->message, named) != NULL, "%s", error->message);
  ck_assert_ptr_null (strstr (error->message, "Secret/"));
}

START_TEST (test_environment)
{
  g_autoptr (KvsCredentials) plain = NULL;
  g_autoptr (KvsCredentials) temporary = NULL;

  g_setenv ("AWS_ACCESS_KEY_ID", "AKID", TRUE);
  g_setenv ("AWS_SECRET_ACCESS_KEY", SECRET, TRUE);
  g_setenv ("AWS_SESSION_TOKEN", "", TRUE);
  plain = kvs_credentials_from_environment (NULL);
  ck_assert_str_eq (plain->access_key, "AKID");
  ck_assert_str_eq (plain->secret_key, SECRET);
  ck_assert_ptr_null (plain->session_token);

  g_setenv ("AWS_SESSION_TOKEN", "token", TRUE);
  temporary = kvs_credentials_from_environment (NULL);
  ck_assert_str_eq (temporary->session_token, "token");
}
END_TEST

START_TEST (test_environment_errors)
{
  assert_environment_error ("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  g_setenv ("AWS_ACCESS_KEY_ID", "AKID", TRUE);
  assert_environment_error ("but AWS_SECRET_ACCESS_KEY is not");
  g_setenv ("AWS_SECRET_ACCESS_KEY", "", TRUE);
  assert_environment_error ("but AWS_SECRET_ACCESS_KEY is not");
  g_setenv ("AWS_SECRET_ACCESS_KEY", SECRET "\r", TRUE);
  assert_environment_error ("in the environment: The secret key");
  g_setenv ("AWS_ACCESS_KEY_ID", "", TRUE);
  assert_environment_error ("but AWS_ACCESS_KEY_ID is not");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("credentials");
  TCase *tc = tcase_create ("credentials");

  tcase_add_checked_fixture (tc, clear_environment, clear_environment);
  tcase_add_test (tc, test_new_and_count);
  tcase_add_test (tc, test_from_strings);
  tcase_add_loop_test (tc, test_bad_strings, 0, G_N_ELEMENTS (bad));
  tcase_add_test (tc, test_long_values);
  tcase_add_test (tc, test_environment);
  tcase_add_test (tc, test_environment_errors);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
