/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sources of credentials on this machine, as the I/O thread sees them */
#include "aws/credentials/file-provider.h"
#include "aws/credentials/process-provider.h"
#include "aws/credentials/profile-provider.h"

#include <check.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../suite.h"
#include "wait.h"

#define SECRET "hidden+Secret/"
#define OUTPUT "{\"Version\":1,\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"" SECRET "\"}"
#define LONG_US (60 * (gint64) G_USEC_PER_SEC)

static gchar *folder;
static gchar *config_path;
static gchar *credentials_path;
static KvsLoop *loop;
static guint n_threads_before;

/* ---- one fetch ---- */

typedef struct {
  KvsCredentialsProvider *provider;
  KvsCredentialsFetch *fetch; /* the I/O thread's */
  gboolean started;           /* the I/O thread's */
  gint ended;
  KvsCredentials *credentials;
  GError *error;
} Try;

static void
on_credentials (KvsCredentials *credentials, const GError *error, gpointer user_data)
{
  Try *attempt = user_data;

  ck_assert (kvs_loop_is_current (loop));
  ck_assert (attempt->started);
  ck_assert (credentials == NULL || error == NULL);
  attempt->fetch = NULL;
  attempt->credentials = credentials != NULL ? kvs_credentials_ref (credentials) : NULL;
  attempt->error = error != NULL ? g_error_copy (error) : NULL;
  g_atomic_int_inc (&attempt->ended);
}

static void
start_fetch (gpointer user_data)
{
  Try *attempt = user_data;

  attempt->fetch = kvs_credentials_provider_fetch (attempt->provider, on_credentials, attempt);
  attempt->started = TRUE;
}

static void
cancel_fetch (gpointer user_data)
{
  Try *attempt = user_data;

  kvs_credentials_fetch_cancel (g_steal_pointer (&attempt->fetch));
  kvs_credentials_provider_free (attempt->provider);
  g_atomic_int_inc (&attempt->ended);
}

static void
start_and_cancel_fetch (gpointer user_data)
{
  start_fetch (user_data);
  cancel_fetch (user_data);
}

static gboolean
has_ended (gpointer user_data)
{
  return g_atomic_int_get (&((Try *) user_data)->ended) > 0;
}

static void
try_once (KvsCredentialsProvider *provider, Try *attempt)
{
  memset (attempt, 0, sizeof *attempt);
  attempt->provider = provider;
  kvs_loop_invoke (loop, start_fetch, attempt);
  ck_assert (wait_until (has_ended, attempt));
}

static void
try_clear (Try *attempt)
{
  kvs_credentials_unref (attempt->credentials);
  g_clear_error (&attempt->error);
}

static void
assert_key (KvsCredentialsProvider *provider, const gchar *access_key)
{
  Try attempt;

  try_once (provider, &attempt);
  ck_assert_msg (attempt.error == NULL, "%s", attempt.error ? attempt.error->message : "");
  ck_assert_ptr_nonnull (attempt.credentials);
  ck_assert_str_eq (attempt.credentials->access_key, access_key);
  ck_assert_str_eq (attempt.credentials->secret_key, SECRET);
  try_clear (&attempt);
}

static void
assert_error (KvsCredentialsProvider *provider, KvsError code, const gchar *expected)
{
  Try attempt;

  try_once (provider, &attempt);
  ck_assert (g_error_matches (attempt.error, KVS_ERROR, (gint) code));
  ck_assert_msg (strstr (attempt.error->message, expected) != NULL, "%s", attempt.error->message);
  ck_assert_msg (strstr (attempt.error->message, SECRET) == NULL, "%s", attempt.error->message);
  try_clear (&attempt);
}

static void
assert_not_configured (KvsCredentialsProvider *provider)
{
  Try attempt;

  try_once (provider, &attempt);
  ck_assert_ptr_null (attempt.credentials);
  ck_assert_ptr_null (attempt.error);
}

static void
write_file (const gchar *path, const gchar *text)
{
  ck_assert (g_file_set_contents (path, text, -1, NULL));
}

static void
setup (void)
{
  folder = g_dir_make_tmp ("kvs-providers-XXXXXX", NULL);
  config_path = g_build_filename (folder, "config", NULL);
  credentials_path = g_build_filename (folder, "credentials", NULL);
  n_threads_before = count_threads_before ();
  loop = kvs_loop_acquire ();
}

static void
teardown (void)
{
  kvs_loop_release (loop);
  ck_assert (wait_until_threads_are (n_threads_before));
  g_unlink (config_path);
  g_unlink (credentials_path);
  ck_assert_int_eq (g_rmdir (folder), 0);
  g_free (folder);
  g_free (config_path);
  g_free (credentials_path);
}

/* ---- files ---- */

START_TEST (test_credential_file)
{
  KvsCredentialsProvider *provider = kvs_file_provider_new (loop, credentials_path);

  assert_error (provider, KVS_ERROR_CREDENTIALS, credentials_path);
  write_file (credentials_path, "CREDENTIALS FIRST " SECRET);
  assert_key (provider, "FIRST");
  write_file (credentials_path, "CREDENTIALS SECOND 2999-01-01T00:00:00Z " SECRET " token");
  assert_key (provider, "SECOND");
  write_file (credentials_path, "CREDENTIALS SECOND 2020-01-01T00:00:00Z " SECRET " token");
  assert_error (provider, KVS_ERROR_CREDENTIALS, "have expired");
  write_file (credentials_path, SECRET);
  assert_error (provider, KVS_ERROR_CREDENTIALS, "'CREDENTIALS <access key> <secret key>'");
  kvs_credentials_provider_free (provider);
}
END_TEST

START_TEST (test_profile)
{
  KvsCredentialsProvider *provider = kvs_profile_provider_new (loop, config_path, credentials_path,
                                                               NULL);
  KvsCredentialsProvider *named = kvs_profile_provider_new (loop, config_path, credentials_path,
                                                            "cam");

  assert_not_configured (provider);
  assert_error (named, KVS_ERROR_CREDENTIALS, "no profile 'cam'");
  write_file (credentials_path, "[default]\naws_access_key_id = A\naws_secret_access_key = " SECRET);
  assert_key (provider, "A");
  write_file (config_path, "[profile cam]\naws_access_key_id = B\naws_secret_access_key = " SECRET);
  assert_key (named, "B");
  write_file (config_path, "[profile cam]\ncredential_process = x\n");
  assert_not_configured (named);
  write_file (config_path, "[profile cam]\naws_access_key_id = " SECRET "\n");
  assert_error (named, KVS_ERROR_CREDENTIALS, "no aws_secret_access_key");
  write_file (credentials_path, "[default]\naws_access_key_id =\naws_secret_access_key = " SECRET);
  assert_error (provider, KVS_ERROR_CREDENTIALS, "Profile 'default': The access key is missing");
  write_file (credentials_path, "[default]\n" SECRET "\n");
  assert_error (provider, KVS_ERROR_CREDENTIALS, "line 2");
  kvs_credentials_provider_free (provider);
  kvs_credentials_provider_free (named);
}
END_TEST

/* A service user whose home is somebody else's has no files, but one that is there and cannot be
 * read is a mistake to be told. */
START_TEST (test_unreadable_files)
{
  g_autofree gchar *below = g_build_filename (credentials_path, "below", NULL);
  KvsCredentialsProvider *provider = kvs_profile_provider_new (loop, folder, below, NULL);

  write_file (credentials_path, "x");
  assert_not_configured (provider);
  kvs_credentials_provider_free (provider);
  if (geteuid () == 0)
    return;
  g_chmod (credentials_path, 0);
  provider = kvs_profile_provider_new (loop, config_path, credentials_path, NULL);
  assert_error (provider, KVS_ERROR_CREDENTIALS, credentials_path);
  kvs_credentials_provider_free (provider);
}
END_TEST

/* ---- processes ---- */

static KvsCredentialsProvider *
process_new (const gchar *script, gint64 timeout_us)
{
  g_autofree gchar *quoted = g_shell_quote (script);
  g_autofree gchar *command = g_strconcat ("sh -c ", quoted, NULL);

  return kvs_process_provider_new (loop, command, timeout_us);
}

START_TEST (test_process)
{
  KvsCredentialsProvider *provider = process_new ("echo noise >&2; echo '" OUTPUT "'", LONG_US);

  assert_key (provider, "AKID");
  assert_key (provider, "AKID");
  kvs_credentials_provider_free (provider);
}
END_TEST

static const struct {
  const gchar *script, *expected;
} failing[] = {
  { "echo ' go and log in'; exit 3", "exit status 3" },
  { "echo ' log in first' >&2; echo " SECRET " >&2; echo '" OUTPUT "'; exit 255",
    "'sh' ended with exit status 255; it says: log in first" },
  { "kill -9 $$", "signal 9" },
  { "echo " SECRET, "no JSON" },
  { "true", "no JSON" },
  { "yes " SECRET, "more than credentials can be" },
  { "head -c 70000 /dev/zero; exec sleep 60", "more than credentials can be" },
  { "echo '{\"Version\":1,\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"" SECRET "\","
    "\"Expiration\":\"2020-01-01T00:00:00Z\"}'", "have expired" },
  { "read line || echo end of input >&2; exit 1", "it says: end of input" },
  { "yes " SECRET " | tr -d '\\n' | head -c 3000000 >&2; printf '\\033[1mx'; exit 1", "exit status 1" },
};

START_TEST (test_failing_process)
{
  KvsCredentialsProvider *provider = process_new (failing[_i].script, LONG_US);
  Try attempt;

  if (strstr (failing[_i].script, "3000000") == NULL) {
    assert_error (provider, KVS_ERROR_CREDENTIALS, failing[_i].expected);
  } else {
    /* a flood of messages neither holds up the process nor gets into ours */
    try_once (provider, &attempt);
    ck_assert_ptr_nonnull (strstr (attempt.error->message, failing[_i].expected));
    ck_assert_uint_lt (strlen (attempt.error->message), 500);
    try_clear (&attempt);
  }
  kvs_credentials_provider_free (provider);
}
END_TEST

START_TEST (test_commands_that_cannot_run)
{
  KvsCredentialsProvider *provider;

  provider = kvs_process_provider_new (loop, "/does/not/exist --key " SECRET, LONG_US);
  assert_error (provider, KVS_ERROR_CREDENTIALS, "/does/not/exist");
  kvs_credentials_provider_free (provider);
  provider = kvs_process_provider_new (loop, "sh -c 'open " SECRET, LONG_US);
  assert_error (provider, KVS_ERROR_CREDENTIALS, "not closed");
  kvs_credentials_provider_free (provider);
  provider = kvs_process_provider_new (loop, " ", LONG_US);
  assert_error (provider, KVS_ERROR_CREDENTIALS, "empty");
  kvs_credentials_provider_free (provider);
}
END_TEST

/* Tools such as agents stay behind, with our end of the pipe in their hands. */
START_TEST (test_process_that_leaves_one_behind)
{
  g_autofree gchar *script = g_strdup_printf ("sleep 600 & echo $! > %s; echo '" OUTPUT "'",
                                              config_path);
  KvsCredentialsProvider *provider = process_new (script, LONG_US);
  g_autofree gchar *pid = NULL;

  assert_key (provider, "AKID");
  ck_assert (g_file_get_contents (config_path, &pid, NULL, NULL));
  ck_assert_int_eq (kill (atoi (pid), SIGKILL), 0);
  kvs_credentials_provider_free (provider);
}
END_TEST

static gboolean
has_pid (gpointer user_data)
{
  g_autofree gchar *text = NULL;

  return g_file_get_contents (config_path, &text, NULL, NULL) && strchr (text, '\n') != NULL;
}

static gboolean
is_gone (gpointer user_data)
{
  g_autofree gchar *path = g_strdup_printf ("/proc/%d/stat", GPOINTER_TO_INT (user_data));
  g_autofree gchar *stat = NULL;

  /* nobody may have waited for an orphan yet */
  return !g_file_get_contents (path, &stat, NULL, NULL) || strstr (stat, ") Z ") != NULL;
}

static gint
read_pid (void)
{
  g_autofree gchar *text = NULL;

  ck_assert (wait_until (has_pid, NULL));
  ck_assert (g_file_get_contents (config_path, &text, NULL, NULL));
  return atoi (text);
}

/* The child of the shell is what must not live on. */
static KvsCredentialsProvider *
endless_process_new (gint64 timeout_us)
{
  g_autofree gchar *script = g_strdup_printf ("sleep 600 & echo $! > %s; wait", config_path);

  return process_new (script, timeout_us);
}

START_TEST (test_process_that_takes_too_long)
{
  KvsCredentialsProvider *provider = endless_process_new (500 * 1000);

  assert_error (provider, KVS_ERROR_TIMEOUT, "did not end in time");
  if (has_pid (NULL))
    ck_assert (wait_until (is_gone, GINT_TO_POINTER (read_pid ())));
  kvs_credentials_provider_free (provider);
}
END_TEST

START_TEST (test_cancelled_process_is_killed)
{
  Try attempt = { endless_process_new (LONG_US) };
  gint pid;

  kvs_loop_invoke (loop, start_fetch, &attempt);
  pid = read_pid ();
  kvs_loop_invoke (loop, cancel_fetch, &attempt);
  ck_assert (wait_until (has_ended, &attempt));
  ck_assert (wait_until (is_gone, GINT_TO_POINTER (pid)));
  ck_assert_int_eq (g_atomic_int_get (&attempt.ended), 1);
}
END_TEST

START_TEST (test_cancelled_at_once)
{
  Try file = { kvs_file_provider_new (loop, credentials_path) };
  Try profile = { kvs_profile_provider_new (loop, config_path, credentials_path, NULL) };
  Try process = { process_new ("exec sleep 600", LONG_US) };
  Try *attempts[] = { &file, &profile, &process };

  for (guint i = 0; i < G_N_ELEMENTS (attempts); i++) {
    kvs_loop_invoke (loop, start_and_cancel_fetch, attempts[i]);
    ck_assert (wait_until (has_ended, attempts[i]));
  }
  g_usleep (50 * 1000);
  for (guint i = 0; i < G_N_ELEMENTS (attempts); i++)
    ck_assert_int_eq (g_atomic_int_get (&attempts[i]->ended), 1);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("local-providers");
  TCase *tc = tcase_create ("local-providers");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_credential_file);
  tcase_add_test (tc, test_profile);
  tcase_add_test (tc, test_unreadable_files);
  tcase_add_test (tc, test_process);
  tcase_add_loop_test (tc, test_failing_process, 0, G_N_ELEMENTS (failing));
  tcase_add_test (tc, test_commands_that_cannot_run);
  tcase_add_test (tc, test_process_that_leaves_one_behind);
  tcase_add_test (tc, test_process_that_takes_too_long);
  tcase_add_test (tc, test_cancelled_process_is_killed);
  tcase_add_test (tc, test_cancelled_at_once);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
