/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/endpoint.h"

#include <check.h>

#include "../suite.h"

static const struct {
  const gchar *region;
  gboolean valid;
  gboolean known;
} regions[] = {
  { "us-west-2", TRUE, TRUE },
  { "eu-central-1", TRUE, TRUE },
  { "us-gov-west-1", TRUE, TRUE },
  { "cn-northwest-1", TRUE, TRUE },
  { "us-isob-east-1", TRUE, TRUE },
  { "eusc-de-east-1", TRUE, TRUE },
  { "us-west-9", TRUE, FALSE },
  { "xx-somewhere-12", TRUE, FALSE },
  { "", FALSE, FALSE },
  { NULL, FALSE, FALSE },
  { "us-west", FALSE, FALSE },
  { "us-2", FALSE, FALSE },
  { "u-west-2", FALSE, FALSE },
  { "us--west-2", FALSE, FALSE },
  { "US-WEST-2", FALSE, FALSE },
  { "us-west-2a", FALSE, FALSE },
  { "us-west-2-", FALSE, FALSE },
  { "us-west-", FALSE, FALSE },
  { "-us-west-2", FALSE, FALSE },
  { "us-west-2.example.com", FALSE, FALSE },
  { "us-west-2/x", FALSE, FALSE },
  { " us-west-2", FALSE, FALSE },
  { "us-abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnop-1", FALSE, FALSE },
};

START_TEST (test_region)
{
  ck_assert_int_eq (kvs_region_is_valid (regions[_i].region), regions[_i].valid);
  ck_assert_int_eq (kvs_region_is_known (regions[_i].region), regions[_i].known);
}
END_TEST

static const struct {
  const gchar *region;
  gboolean fips;
  gboolean dual_stack;
  const gchar *endpoint;
} endpoints[] = {
  { "us-west-2", FALSE, FALSE, "https://kinesisvideo.us-west-2.amazonaws.com" },
  { "us-west-2", TRUE, FALSE, "https://kinesisvideo-fips.us-west-2.amazonaws.com" },
  { "us-west-2", FALSE, TRUE, "https://kinesisvideo.us-west-2.api.aws" },
  { "us-west-2", TRUE, TRUE, "https://kinesisvideo-fips.us-west-2.api.aws" },
  { "cn-north-1", FALSE, FALSE, "https://kinesisvideo.cn-north-1.amazonaws.com.cn" },
  { "cn-north-1", FALSE, TRUE, "https://kinesisvideo.cn-north-1.api.amazonwebservices.com.cn" },
  { "us-gov-west-1", FALSE, FALSE, "https://kinesisvideo.us-gov-west-1.amazonaws.com" },
  { "us-gov-west-1", TRUE, TRUE, "https://kinesisvideo-fips.us-gov-west-1.api.aws" },
  { "us-iso-east-1", FALSE, FALSE, "https://kinesisvideo.us-iso-east-1.c2s.ic.gov" },
  { "us-iso-east-1", FALSE, TRUE, "https://kinesisvideo.us-iso-east-1.api.aws.ic.gov" },
  { "us-isob-east-1", FALSE, FALSE, "https://kinesisvideo.us-isob-east-1.sc2s.sgov.gov" },
  { "us-isob-east-1", FALSE, TRUE, "https://kinesisvideo.us-isob-east-1.api.aws.scloud" },
  { "us-isof-south-1", FALSE, FALSE, "https://kinesisvideo.us-isof-south-1.csp.hci.ic.gov" },
  { "eu-isoe-west-1", FALSE, FALSE, "https://kinesisvideo.eu-isoe-west-1.cloud.adc-e.uk" },
  { "eusc-de-east-1", FALSE, FALSE, "https://kinesisvideo.eusc-de-east-1.amazonaws.eu" },
  { "eusc-de-east-1", FALSE, TRUE,
    "https://kinesisvideo.eusc-de-east-1.api.amazonwebservices.eu" },
  { "xx-new-1", FALSE, FALSE, "https://kinesisvideo.xx-new-1.amazonaws.com" },
  { "us-west-2.evil.example/", FALSE, FALSE, NULL },
  { NULL, FALSE, FALSE, NULL },
};

START_TEST (test_endpoint_for_region)
{
  g_autofree gchar *got = kvs_endpoint_for_service ("kinesisvideo", endpoints[_i].region,
                                                    endpoints[_i].fips, endpoints[_i].dual_stack);

  ck_assert_pstr_eq (got, endpoints[_i].endpoint);
}
END_TEST

/* All else is as above; the matrix of all regions is in tests/e2e. */
START_TEST (test_endpoint_of_sts)
{
  g_autofree gchar *usual = kvs_endpoint_for_service ("sts", "us-east-2", TRUE, FALSE);
  g_autofree gchar *fips = kvs_endpoint_for_service ("sts", "us-gov-west-1", TRUE, FALSE);
  g_autofree gchar *both = kvs_endpoint_for_service ("sts", "us-gov-west-1", TRUE, TRUE);

  ck_assert_str_eq (usual, "https://sts-fips.us-east-2.amazonaws.com");
  ck_assert_str_eq (fips, "https://sts.us-gov-west-1.amazonaws.com");
  ck_assert_str_eq (both, "https://sts-fips.us-gov-west-1.api.aws");
}
END_TEST

static const struct {
  const gchar *url;
  const gchar *normalised;
} good_urls[] = {
  { "https://kinesisvideo.us-west-2.amazonaws.com",
    "https://kinesisvideo.us-west-2.amazonaws.com" },
  { "https://kinesisvideo.us-west-2.amazonaws.com/",
    "https://kinesisvideo.us-west-2.amazonaws.com" },
  { "HTTPS://Proxy.Example:443", "https://proxy.example" },
  { "https://proxy.example:8443/kvs/", "https://proxy.example:8443/kvs" },
  { "https://10.0.0.1", "https://10.0.0.1" },
  { "https://[2001:DB8::1]:444/", "https://[2001:db8::1]:444" },
  { "http://localhost:8080", "http://localhost:8080" },
  { "http://LocalHost:80", "http://localhost" },
  { "http://127.0.0.1:1/", "http://127.0.0.1:1" },
  { "http://127.255.3.4", "http://127.255.3.4" },
  { "http://[::1]:9000//", "http://[::1]:9000" },
};

START_TEST (test_good_url)
{
  g_autofree gchar *normalised = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_msg (kvs_endpoint_check_url (good_urls[_i].url, FALSE, &normalised, &error), "%s: %s",
                 good_urls[_i].url, error != NULL ? error->message : "");
  ck_assert_str_eq (normalised, good_urls[_i].normalised);
  ck_assert (kvs_endpoint_check_url (good_urls[_i].url, FALSE, NULL, NULL));
}
END_TEST

static const gchar *const bad_urls[] = {
  NULL,
  "",
  "kinesisvideo.us-west-2.amazonaws.com",
  "localhost:8080",
  "ftp://localhost",
  "file:///etc/passwd",
  "https://",
  "https:///path",
  "https://user@host.example",
  "https://user:Secret@host.example",
  "https://host.example?x=1",
  "https://host.example/#there",
  "https://host.example:0",
  "https://host.example:65536",
  "https://host.example:port",
  "https://host name.example",
  "https://host.example\r\nX-Injected: 1",
  "https://host.example\\@other.example",
  "https://host%2eexample%00",
  "https://h\xc3\xb6st.example",
  "https://[::1",
  "https://[fe80::1%25eth0]",
  "http://host.example",
  "http://10.0.0.1",
  "http://0.0.0.0",
  "http://[::]",
  "http://[::2]",
  "http://128.0.0.1",
  "http://127.0.0.1.example.com",
  "http://localhost.example.com",
};

START_TEST (test_bad_url)
{
  gchar *normalised = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_msg (!kvs_endpoint_check_url (bad_urls[_i], FALSE, &normalised, &error), "%s",
                 bad_urls[_i]);
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT));
  ck_assert_ptr_null (g_strstr_len (error->message, -1, "Secret"));
  ck_assert_ptr_null (normalised);
}
END_TEST

START_TEST (test_long_url)
{
  g_autofree gchar *filler = g_strnfill (3000, 'a');
  g_autofree gchar *url = g_strconcat ("https://host.example/", filler, NULL);

  ck_assert (!kvs_endpoint_check_url (url, FALSE, NULL, NULL));
}
END_TEST

START_TEST (test_insecure_allowed)
{
  g_autofree gchar *normalised = NULL;

  ck_assert (kvs_endpoint_check_url ("http://10.0.0.1:81/", TRUE, &normalised, NULL));
  ck_assert_str_eq (normalised, "http://10.0.0.1:81");
  ck_assert (!kvs_endpoint_check_url ("ftp://10.0.0.1", TRUE, NULL, NULL));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("endpoint");
  TCase *tc = tcase_create ("endpoint");

  tcase_add_loop_test (tc, test_region, 0, G_N_ELEMENTS (regions));
  tcase_add_loop_test (tc, test_endpoint_for_region, 0, G_N_ELEMENTS (endpoints));
  tcase_add_test (tc, test_endpoint_of_sts);
  tcase_add_loop_test (tc, test_good_url, 0, G_N_ELEMENTS (good_urls));
  tcase_add_loop_test (tc, test_bad_url, 0, G_N_ELEMENTS (bad_urls));
  tcase_add_test (tc, test_long_url);
  tcase_add_test (tc, test_insecure_allowed);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
