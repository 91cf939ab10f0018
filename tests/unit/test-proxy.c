/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/proxy.h"

#include <check.h>

#include "../suite.h"

static const gchar *const good[] = {
  "",
  "proxy.example",
  "proxy.example:3128",
  "http://proxy.example:3128",
  "HTTP://proxy.example",
  "https://proxy.example/",
  "http://user@proxy.example:3128",
  "http://user:p%40ss%3Aword@proxy.example:3128",
  "user:password@proxy.example:3128",
  "socks5h://[2001:db8::1]:1080",
  "socks4a://10.0.0.1",
};

START_TEST (test_good)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (kvs_proxy_check (good[_i], &error), "%s: %s", good[_i],
                 error != NULL ? error->message : "");
}
END_TEST

static const gchar *const bad[] = {
  "ftp://user:Hush@proxy.example",
  "http://",
  "http://user:Hush@",
  "http://user:Hush@proxy.example:port",
  "http://user:Hush word@proxy.example",
  "http://user:Hush@proxy.example\r\nX: y",
  "http://user:Hush%@[::1",
  "://Hush",
};

START_TEST (test_bad)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (!kvs_proxy_check (bad[_i], &error), "%s", bad[_i]);
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT));
  ck_assert_ptr_null (g_strstr_len (error->message, -1, "Hush"));
}
END_TEST

static void
assert_described (const gchar *proxy, const gchar *url, const gchar *expected,
                  const gchar *expected_where)
{
  const gchar *where;
  g_autofree gchar *got = kvs_proxy_describe (proxy, url, &where);

  ck_assert_pstr_eq (got, expected);
  if (expected_where != NULL)
    ck_assert_str_eq (where, expected_where);
}

/* In messages stands neither name nor password. */
START_TEST (test_describe)
{
  static const gchar *const names[]
      = { "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_unsetenv (names[i]);
  assert_described (NULL, "https://x", NULL, NULL);
  g_setenv ("HTTP_PROXY", "http://not.this.one", TRUE);
  assert_described (NULL, "http://x", NULL, NULL);
  g_setenv ("ALL_PROXY", "a.example:1", TRUE);
  assert_described (NULL, "https://x", "a.example port 1", "ALL_PROXY");
  g_setenv ("HTTPS_PROXY", "https://me:Hush@b.example", TRUE);
  assert_described (NULL, "https://x", "b.example port 443", "HTTPS_PROXY");
  assert_described (NULL, "http://x", "a.example port 1", "ALL_PROXY");
  assert_described ("socks5://me:Hush@c.example", "https://x", "c.example port 1080", "proxy");
  assert_described ("", "https://x", NULL, NULL);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("proxy");
  TCase *tc = tcase_create ("proxy");

  tcase_add_loop_test (tc, test_good, 0, G_N_ELEMENTS (good));
  tcase_add_loop_test (tc, test_bad, 0, G_N_ELEMENTS (bad));
  tcase_add_test (tc, test_describe);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
