/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of the places counts where region, address, switches and certificates can be said in many. */
#include "aws/endpoint-choice.h"

#include <check.h>
#include <glib/gstdio.h>

#include "../suite.h"

#define ARN "arn:aws:kinesisvideo:eu-west-3:123456789012:stream/cam/1234567890123"

static gchar *folder;
static gchar *config_path;
static KvsEndpointWish wish;

static void
write_config (const gchar *text)
{
  ck_assert (g_file_set_contents (config_path, text, -1, NULL));
}

static void
setup (void)
{
  static const gchar *const variables[] = {
    "AWS_ENDPOINT_URL_KINESIS_VIDEO", "AWS_ENDPOINT_URL", "CONTROL_PLANE_URI",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE",
    "KVSSINK_CA_CERT_PATH", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
  };

  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    g_unsetenv (variables[i]);
  folder = g_dir_make_tmp ("kvs-endpoint-XXXXXX", NULL);
  config_path = g_build_filename (folder, "config", NULL);
  g_setenv ("AWS_CONFIG_FILE", config_path, TRUE);
  g_setenv ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", TRUE);
  wish = (KvsEndpointWish) { 0 };
}

static void
teardown (void)
{
  g_unlink (config_path);
  g_rmdir (folder);
  g_free (config_path);
  g_free (folder);
}

static KvsEndpointChoice *
choose (void)
{
  g_autoptr (GError) error = NULL;
  KvsEndpointChoice *choice = kvs_endpoint_choose (&wish, &error);

  ck_assert_msg (choice != NULL, "%s", error != NULL ? error->message : "no error");
  return choice;
}

static void
assert_region (const gchar *expected)
{
  g_autoptr (KvsEndpointChoice) choice = choose ();

  ck_assert_str_eq (choice->region, expected);
}

static void
assert_endpoint (const gchar *expected)
{
  g_autoptr (KvsEndpointChoice) choice = choose ();

  ck_assert_str_eq (choice->endpoint, expected);
}

static void
assert_refused (const gchar *in_message)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (kvs_endpoint_choose (&wish, &error));
  ck_assert_ptr_nonnull (error);
  ck_assert_msg (g_strstr_len (error->message, -1, in_message) != NULL, "%s", error->message);
}

START_TEST (test_region)
{
  assert_region ("us-west-2");
  write_config ("[default]\nregion = eu-west-1\n[profile cam]\nregion = eu-west-2\n"
                "[profile none]\n");
  assert_region ("eu-west-1");
  g_setenv ("AWS_DEFAULT_PROFILE", "cam", TRUE);
  assert_region ("eu-west-2");
  g_setenv ("AWS_PROFILE", "none", TRUE);
  assert_region ("us-west-2");
  wish.profile = "cam";
  assert_region ("eu-west-2");
  g_setenv ("AWS_DEFAULT_REGION", "ap-south-1", TRUE);
  assert_region ("ap-south-1");
  g_setenv ("AWS_REGION", "", TRUE);
  assert_region ("ap-south-1");
  g_setenv ("AWS_REGION", "ap-south-2", TRUE);
  assert_region ("ap-south-2");
  wish.region = "sa-east-1";
  assert_region ("sa-east-1");
  wish.region = "";
  assert_refused ("aws-region");
}
END_TEST

/* A profile that is missing or damaged hurts where it is needed only. */
START_TEST (test_bad_profile)
{
  wish.profile = "absent";
  assert_refused ("absent");
  wish.region = "eu-west-1";
  assert_region ("eu-west-1");
  wish.profile = NULL;
  write_config ("what");
  assert_region ("eu-west-1");
  wish.region = NULL;
  assert_refused (config_path);
}
END_TEST

START_TEST (test_stream_arn)
{
  g_setenv ("AWS_REGION", "us-east-1", TRUE);
  wish.stream_arn = ARN;
  assert_endpoint ("https://kinesisvideo.eu-west-3.amazonaws.com");
  wish.region = "eu-west-3";
  assert_region ("eu-west-3");
  wish.region = "us-east-1";
  assert_refused ("aws-region is us-east-1");
  wish.region = NULL;
  wish.stream_arn = "arn:aws:kinesisvideo:eu-west-3:123456789012:stream/cam";
  assert_refused ("stream-arn");
  wish.stream_arn = "";
  assert_region ("us-east-1");
}
END_TEST

START_TEST (test_endpoint)
{
  assert_endpoint ("https://kinesisvideo.us-west-2.amazonaws.com");
  write_config ("[default]\nendpoint_url = https://g\nservices = s\n[services s]\n"
                "kinesis_video =\n  endpoint_url = https://f\n[profile global]\n"
                "endpoint_url = https://g\n[profile ignores]\nendpoint_url = https://g\n"
                "ignore_configured_endpoint_urls = true\n");
  assert_endpoint ("https://f");
  wish.profile = "global";
  assert_endpoint ("https://g");
  g_setenv ("CONTROL_PLANE_URI", "https://c", TRUE);
  assert_endpoint ("https://c");
  g_setenv ("AWS_ENDPOINT_URL", "https://b", TRUE);
  assert_endpoint ("https://b");
  g_setenv ("AWS_ENDPOINT_URL_KINESIS_VIDEO", "", TRUE);
  assert_endpoint ("https://b");
  g_setenv ("AWS_ENDPOINT_URL_KINESIS_VIDEO", "https://a", TRUE);
  assert_endpoint ("https://a");
  g_setenv ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false", TRUE);
  assert_endpoint ("https://a");
  wish.profile = "ignores";
  assert_endpoint ("https://a");
  g_unsetenv ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
  assert_endpoint ("https://c");
  g_setenv ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True", TRUE);
  wish.profile = "global";
  assert_endpoint ("https://c");
  g_unsetenv ("CONTROL_PLANE_URI");
  assert_endpoint ("https://kinesisvideo.us-west-2.amazonaws.com");
  wish.endpoint = "https://own";
  assert_endpoint ("https://own");
  wish.endpoint = "http://own";
  assert_refused ("https");
  wish.allow_insecure = TRUE;
  assert_endpoint ("http://own");
}
END_TEST

static void
assert_switches (gboolean fips, gboolean dual_stack)
{
  g_autoptr (KvsEndpointChoice) choice = choose ();

  ck_assert_int_eq (choice->fips, fips);
  ck_assert_int_eq (choice->dual_stack, dual_stack);
}

START_TEST (test_switches)
{
  assert_switches (FALSE, FALSE);
  write_config ("[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = yes\n");
  assert_switches (TRUE, FALSE);
  g_setenv ("AWS_USE_FIPS_ENDPOINT", "false", TRUE);
  g_setenv ("AWS_USE_DUALSTACK_ENDPOINT", "TRUE", TRUE);
  assert_switches (FALSE, TRUE);
  g_setenv ("AWS_USE_FIPS_ENDPOINT", "", TRUE);
  assert_switches (TRUE, TRUE);
  assert_endpoint ("https://kinesisvideo-fips.us-west-2.api.aws");
  g_setenv ("AWS_USE_FIPS_ENDPOINT", "no", TRUE);
  g_setenv ("AWS_USE_DUALSTACK_ENDPOINT", "0", TRUE);
  assert_switches (FALSE, FALSE);
  wish.use_fips = TRUE;
  wish.use_dual_stack = TRUE;
  assert_switches (TRUE, TRUE);
}
END_TEST

/* How FIPS was asked for before there was a switch. */
START_TEST (test_region_of_old)
{
  wish.region = "fips-us-gov-west-1";
  assert_endpoint ("https://kinesisvideo-fips.us-gov-west-1.amazonaws.com");
  wish.region = "us-east-1-fips";
  assert_endpoint ("https://kinesisvideo-fips.us-east-1.amazonaws.com");
  wish.region = "fips-";
  assert_refused ("region");
}
END_TEST

START_TEST (test_switches_and_own_endpoint)
{
  g_setenv ("AWS_USE_FIPS_ENDPOINT", "true", TRUE);
  wish.endpoint = "https://own";
  assert_endpoint ("https://own");
  wish.use_dual_stack = TRUE;
  assert_refused ("use-dual-stack");
  wish.use_fips = TRUE;
  assert_refused ("use-fips");
}
END_TEST

static void
assert_ca_path (const gchar *expected)
{
  g_autoptr (KvsEndpointChoice) choice = choose ();

  ck_assert_pstr_eq (choice->ca_path, expected);
}

START_TEST (test_ca_path)
{
  g_autofree gchar *missing = g_build_filename (folder, "missing", NULL);

  assert_ca_path (NULL);
  write_config ("[default]\nca_bundle = $AWS_CONFIG_FILE\n");
  assert_ca_path (config_path);
  g_setenv ("KVSSINK_CA_CERT_PATH", folder, TRUE);
  assert_ca_path (folder);
  g_setenv ("AWS_CA_BUNDLE", "/", TRUE);
  assert_ca_path ("/");
  wish.ca_path = "/tmp";
  assert_ca_path ("/tmp");
  wish.ca_path = missing;
  assert_refused (missing);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("endpoint-choice");
  TCase *tc = tcase_create ("endpoint-choice");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_region);
  tcase_add_test (tc, test_bad_profile);
  tcase_add_test (tc, test_stream_arn);
  tcase_add_test (tc, test_endpoint);
  tcase_add_test (tc, test_switches);
  tcase_add_test (tc, test_region_of_old);
  tcase_add_test (tc, test_switches_and_own_endpoint);
  tcase_add_test (tc, test_ca_path);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
