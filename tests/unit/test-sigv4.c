/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/sigv4.h"

#include <check.h>
#include <string.h>

#include "../suite.h"

#define ACCESS_KEY "AKIDEXAMPLE"
#define SECRET_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

#define HEADERS(...) (const KvsSigv4Header[]) { __VA_ARGS__ }, \
  sizeof ((const KvsSigv4Header[]) { __VA_ARGS__ }) / sizeof (KvsSigv4Header)

/* The two requests of kvs-api.md section 17 */

static const KvsSigv4Scope kvs_scope = { "20240102T030405Z", "us-west-2", "kinesisvideo" };

static gchar *
text_hash (const gchar *text)
{
  return kvs_sigv4_payload_hash ((const guint8 *) text, strlen (text));
}

static void
assert_stages (const KvsSigv4Request *request, const KvsSigv4Scope *scope,
               const gchar *canonical_hash, const gchar *signature)
{
  g_autofree gchar *canonical = kvs_sigv4_canonical_request (request);
  g_autofree gchar *hash = text_hash (canonical);
  g_autofree gchar *to_sign = kvs_sigv4_string_to_sign (canonical, scope);
  g_autofree gchar *got = kvs_sigv4_signature (to_sign, scope, SECRET_KEY);
  g_autofree gchar *authorization
    = kvs_sigv4_authorization (request, scope, ACCESS_KEY, SECRET_KEY);

  if (canonical_hash != NULL)
    ck_assert_msg (g_str_equal (hash, canonical_hash), "canonical request:\n%s", canonical);
  ck_assert_msg (g_str_has_suffix (to_sign, hash), "string to sign:\n%s", to_sign);
  ck_assert_msg (g_str_equal (got, signature), "canonical request:\n%s\nstring to sign:\n%s",
                 canonical, to_sign);
  ck_assert (g_str_has_suffix (authorization, signature));
}

START_TEST (test_describe_stream)
{
  const gchar *body = "{\"StreamName\":\"cam\"}";
  g_autofree gchar *payload_hash = text_hash (body);
  KvsSigv4Request request = {
    "POST", "/describeStream", NULL,
    HEADERS ({ "Host", "kinesisvideo.us-west-2.amazonaws.com" },
             { "X-Amz-Date", "20240102T030405Z" },
             { "Content-Type", "application/json" }),
    payload_hash
  };

  ck_assert_str_eq (payload_hash,
                    "79cae45dee2cb70c399a756fd371b5a7bb1bc3668ea8094027e677ea22843e4e");
  assert_stages (&request, &kvs_scope,
                 "1dcb088dfa39b68ed34a236e3db7a02ed68f45ed0f5797afa0803c232c55da80",
                 "e260c0244614d8490932d16e4e02e2a9ed23f2209af2350f4d9204956bf44f57");
}
END_TEST

START_TEST (test_put_media)
{
  KvsSigv4Request request = {
    "POST", "/putMedia", "",
    HEADERS ({ "x-amzn-stream-name", "cam" },
             { "x-amzn-fragment-acknowledgment-required", "1" },
             { "host", "s-1234abcd.kinesisvideo.us-west-2.amazonaws.com" },
             { "user-agent", "demo/1.0" },
             { "x-amz-date", "20240102T030405Z" },
             { "connection", "keep-alive" },
             { "x-amzn-fragment-timecode-type", "ABSOLUTE" },
             { "transfer-encoding", "chunked" },
             { "x-amzn-producer-start-timestamp", "1704164645.000" }),
    KVS_SIGV4_EMPTY_PAYLOAD_SHA256
  };

  assert_stages (&request, &kvs_scope,
                 "60971abfda089aa86d32f2f0ae2f9dadbcf6d028bc6a372b4e06873f94ec37e9",
                 "9fd5b28049d31b4f648ebb4eed1e097979c663b95db324cc8f8c72451faf7d7e");
}
END_TEST

/* Cases of AWS's published Signature Version 4 test suite. The signatures were computed with
 * botocore's SigV4Auth (1.29.27), which passes that suite. */

static const KvsSigv4Scope suite_scope = { "20150830T123600Z", "us-east-1", "service" };

#define HOST { "Host", "example.amazonaws.com" }
#define DATE { "X-Amz-Date", "20150830T123600Z" }
#define FORM_BODY_SHA256 "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"

static const struct {
  const gchar *name;
  KvsSigv4Request request;
  const gchar *signature;
} suite[] = {
  { "get-vanilla",
    { "GET", "/", NULL, HEADERS (HOST, DATE), KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
  { "empty path",
    { "GET", "", "", HEADERS (HOST, DATE), KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
  { "get-relative-relative",
    { "GET", "/example1/example2/../..", NULL, HEADERS (HOST, DATE),
      KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
  { "get-slashes",
    { "GET", "//example//", NULL, HEADERS (HOST, DATE), KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84" },
  { "get-slash-pointless-dot",
    { "GET", "/./example//./", NULL, HEADERS (HOST, DATE), KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84" },
  { "get-vanilla-query-order-key-case",
    { "GET", "/", "Param2=value2&Param1=value1", HEADERS (HOST, DATE),
      KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
  { "get-vanilla-utf8-query",
    { "GET", "/", "\xe1\x88\xb4=bar", HEADERS (HOST, DATE), KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
  { "get-vanilla-utf8-query, encoded on the wire",
    { "GET", "/", "%e1%88%B4=b%61r", HEADERS (HOST, DATE), KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
  { "get-header-value-trim",
    { "GET", "/", NULL,
      HEADERS (HOST, DATE, { "My-Header1", " value1" }, { "My-Header2", " \"a   b   c\" " }),
      KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
  { "get-header-key-duplicate",
    { "GET", "/", NULL,
      HEADERS (HOST, { "My-Header1", "value2" }, DATE, { "my-header1", "value2" },
               { "MY-HEADER1", "value1" }),
      KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
  { "get-header-value-order",
    { "GET", "/", NULL,
      HEADERS (HOST, DATE, { "My-Header1", "value4" }, { "My-Header1", "value1" },
               { "My-Header1", "value3" }, { "My-Header1", "value2" }),
      KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
  { "post-vanilla",
    { "POST", "/", NULL, HEADERS (HOST, DATE), KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
  { "post-x-www-form-urlencoded",
    { "POST", "/", NULL,
      HEADERS ({ "Content-Type", "application/x-www-form-urlencoded" }, HOST, DATE),
      FORM_BODY_SHA256 },
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
  { "get-unreserved",
    { "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", NULL,
      HEADERS (HOST, DATE), KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
  { "get-utf8",
    { "GET", "/\xe1\x88\xb4", NULL, HEADERS (HOST, DATE), KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
  { "get-space",
    { "GET", "/example space/", NULL, HEADERS (HOST, DATE), KVS_SIGV4_EMPTY_PAYLOAD_SHA256 },
    "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
};

START_TEST (test_published_suite)
{
  assert_stages (&suite[_i].request, &suite_scope, NULL, suite[_i].signature);
}
END_TEST

/* Canonical forms that no published case has */

static gchar *
canonical_line (const gchar *path, const gchar *query, guint line)
{
  KvsSigv4Request request = { "GET", path, query, HEADERS (HOST, DATE),
                              KVS_SIGV4_EMPTY_PAYLOAD_SHA256 };
  g_autofree gchar *canonical = kvs_sigv4_canonical_request (&request);
  g_auto (GStrv) lines = g_strsplit (canonical, "\n", -1);

  return g_strdup (lines[line]);
}

static const struct {
  const gchar *query;
  const gchar *canonical;
} queries[] = {
  { "uploads", "uploads=" },
  { "a=", "a=" },
  { "b&a", "a=&b=" },
  { "a=2&a=1&a", "a=&a=1&a=2" },
  /* '-' sorts before '=', yet the shorter key comes first */
  { "a-b=1&a=2", "a=2&a-b=1" },
  { "a=b=c", "a=b%3Dc" },
  { "a=x+y", "a=x%2By" },
  { "a=100%", "a=100%25" },
  { "a=%zz%4", "a=%25zz%254" },
  { "&&a=1&", "a=1" },
  { "a=/:~ ", "a=%2F%3A~%20" },
  { "X-Amz-Expires=600", "X-Amz-Expires=600" },
  { "nul=%00", "nul=%00" },
};

START_TEST (test_query)
{
  g_autofree gchar *got = canonical_line ("/", queries[_i].query, 2);

  ck_assert_str_eq (got, queries[_i].canonical);
}
END_TEST

static const struct {
  const gchar *path;
  const gchar *canonical;
} paths[] = {
  { "/putMedia", "/putMedia" },
  { "/..", "/" },
  { "/../a", "/a" },
  { "/a/b/../c/", "/a/c/" },
  { "/a/./b", "/a/b" },
  /* encoded on the wire already: every service but S3 signs it encoded twice */
  { "/a%20b", "/a%2520b" },
  { "/tags/arn:aws:x", "/tags/arn%3Aaws%3Ax" },
};

START_TEST (test_path)
{
  g_autofree gchar *got = canonical_line (paths[_i].path, NULL, 1);

  ck_assert_str_eq (got, paths[_i].canonical);
}
END_TEST

START_TEST (test_header_forms)
{
  KvsSigv4Request request = {
    "GET", "/", NULL,
    HEADERS ({ "B", "\t two \t\r\n words " }, { "a", "" }, { "C", "   " }),
    KVS_SIGV4_EMPTY_PAYLOAD_SHA256
  };
  g_autofree gchar *canonical = kvs_sigv4_canonical_request (&request);

  ck_assert_str_eq (canonical, "GET\n/\n\na:\nb:two words\nc:\n\na;b;c\n"
                    KVS_SIGV4_EMPTY_PAYLOAD_SHA256);
}
END_TEST

START_TEST (test_authorization_form)
{
  g_autofree gchar *authorization
    = kvs_sigv4_authorization (&suite[0].request, &suite_scope, ACCESS_KEY, SECRET_KEY);

  ck_assert_str_eq (authorization,
                    "AWS4-HMAC-SHA256 "
                    "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                    "SignedHeaders=host;x-amz-date, Signature="
                    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}
END_TEST

static void
assert_same_with_key (const KvsSigv4Scope *scope, const gchar *secret_key,
                      KvsSigv4SigningKey *signing_key)
{
  g_autofree gchar *expected
    = kvs_sigv4_authorization (&suite[0].request, scope, ACCESS_KEY, secret_key);
  g_autofree gchar *got = kvs_sigv4_authorization_with_key (&suite[0].request, scope, ACCESS_KEY,
                                                            secret_key, signing_key);

  ck_assert_str_eq (got, expected);
}

/* The key of the day is used until the day, the region or the service is another. */
START_TEST (test_signing_key_is_kept)
{
  static const KvsSigv4Scope scopes[] = {
    { "20150830T123600Z", "us-east-1", "service" },
    { "20150830T235959Z", "us-east-1", "service" },
    { "20150831T000000Z", "us-east-1", "service" },
    { "20150831T000000Z", "us-east-2", "service" },
    { "20150831T000000Z", "us-east-2", "service2" },
    { "20150830T123600Z", "us-east-1", "service" },
  };
  KvsSigv4SigningKey key = { 0 };
  KvsSigv4SigningKey other = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (scopes); i++)
    assert_same_with_key (&scopes[i], SECRET_KEY, &key);

  /* it is not derived anew in vain: what it was derived from is no longer looked at */
  {
    g_autofree gchar *expected
      = kvs_sigv4_authorization (&suite[0].request, &scopes[0], ACCESS_KEY, SECRET_KEY);
    g_autofree gchar *got = kvs_sigv4_authorization_with_key (&suite[0].request, &scopes[0],
                                                              ACCESS_KEY, "unused", &key);

    ck_assert_str_eq (got, expected);
  }

  kvs_sigv4_signing_key_clear (&key);
  ck_assert_mem_eq (key.key, other.key, sizeof key.key);
  assert_same_with_key (&scopes[0], "other", &key);
  kvs_sigv4_signing_key_clear (&key);
}
END_TEST

START_TEST (test_date)
{
  g_autofree gchar *epoch = kvs_sigv4_format_date (0);
  g_autofree gchar *later = kvs_sigv4_format_date (G_GINT64_CONSTANT (1704164645));
  g_autofree gchar *past_2038 = kvs_sigv4_format_date (G_GINT64_CONSTANT (4102444799));

  ck_assert_str_eq (epoch, "19700101T000000Z");
  ck_assert_str_eq (later, "20240102T030405Z");
  ck_assert_str_eq (past_2038, "20991231T235959Z");
}
END_TEST

START_TEST (test_payload_hash)
{
  g_autofree gchar *nothing = kvs_sigv4_payload_hash (NULL, 0);
  g_autofree gchar *form = text_hash ("Param1=value1");

  ck_assert_str_eq (nothing, KVS_SIGV4_EMPTY_PAYLOAD_SHA256);
  ck_assert_str_eq (form, FORM_BODY_SHA256);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("sigv4");
  TCase *tc = tcase_create ("sigv4");

  tcase_add_test (tc, test_describe_stream);
  tcase_add_test (tc, test_put_media);
  tcase_add_loop_test (tc, test_published_suite, 0, G_N_ELEMENTS (suite));
  tcase_add_loop_test (tc, test_query, 0, G_N_ELEMENTS (queries));
  tcase_add_loop_test (tc, test_path, 0, G_N_ELEMENTS (paths));
  tcase_add_test (tc, test_header_forms);
  tcase_add_test (tc, test_authorization_form);
  tcase_add_test (tc, test_signing_key_is_kept);
  tcase_add_test (tc, test_date);
  tcase_add_test (tc, test_payload_hash);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
