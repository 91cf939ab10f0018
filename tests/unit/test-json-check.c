/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/json-check.h"

#include <check.h>
#include <string.h>

#include "../suite.h"

static const gchar *const good[] = {
  "{}",
  " [ ] ",
  "{\"StreamName\":\"cam\",\"MaxResults\":7}",
  "\t{ \"a\" : [ 1 , \"b\" , { } ] ,\r\n\"c\" : null } ",
  "{\"a\":true,\"b\":false}",
  "0",
  "-0",
  "[0.5,-1,10,1e2,1E+2,1.5e-3,1.551924009774E9]",
  "\"\"",
  "\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9 \\ud83d\\uDE00\"",
  "\"/* none */ // here 'either'\"",
  "\"caf\303\251\"",
  "\"\\\\u0000\"",
  "{\"a\":1,\"a\":2}",
};

static const gchar *const bad[] = {
  "",
  " ",
  "{",
  "}",
  "[1",
  "[1,]",
  "[,1]",
  "[1 2]",
  "{\"a\"}",
  "{\"a\":}",
  "{\"a\":1,}",
  "{\"a\" 1}",
  "{\"a\":1 \"b\":2}",
  "{a:1}",
  "{1:1}",
  "{'a':1}",
  "{\"a\":'b'}",
  "{} {}",
  "{}}",
  "var a = {};",
  "a = {}",
  "// no\n{}",
  "/* no */ {}",
  "# no\n{}",
  "\357\273\277{}",
  "01",
  "-",
  "+1",
  ".5",
  "1.",
  "1e",
  "1e+",
  "0x10",
  "NaN",
  "Infinity",
  "True",
  "nul",
  "\"",
  "\"a",
  "\"\\\"",
  "\"\\x63\"",
  "\"\\u12\"",
  "\"\\u12g4\"",
  "\"\\ud83d\"",
  "\"\\ud83d\\u0041\"",
  "\"\\ude00\"",
  "\"\\ude00" "1",
  "\"\\u00" "true",
  "\"\\u0000\"",
  "\"a\tb\"",
  "\"a\nb\"",
  "\"\377\"",
  "\"\303\"",
};

START_TEST (test_good)
{
  ck_assert_msg (kvs_local_json_check (good[_i], strlen (good[_i])), "%s", good[_i]);
}
END_TEST

START_TEST (test_bad)
{
  ck_assert_msg (!kvs_local_json_check (bad[_i], strlen (bad[_i])), "%s", bad[_i]);
}
END_TEST

START_TEST (test_zero_byte)
{
  ck_assert (!kvs_local_json_check ("\"a\0b\"", 5));
  ck_assert (!kvs_local_json_check ("{}\0", 3));
}
END_TEST

/* No part of a text is one, and nothing is read behind the end. */
START_TEST (test_cut_off)
{
  static const gchar text[] = "{\"a\":[-1.5e+7,\"\\ud83d\\ude00\",true,false,null]}";

  for (gsize size = 0; size < strlen (text); size++) {
    g_autofree gchar *part = g_memdup2 (text, size);

    ck_assert_msg (!kvs_local_json_check (part, size), "%zu bytes", size);
  }
}
END_TEST

static gboolean
check_depth (guint depth)
{
  g_autofree gchar *opening = g_strnfill (depth, '[');
  g_autofree gchar *closing = g_strnfill (depth, ']');
  g_autofree gchar *text = g_strconcat (opening, closing, NULL);

  return kvs_local_json_check (text, strlen (text));
}

START_TEST (test_depth)
{
  ck_assert (check_depth (32));
  ck_assert (!check_depth (33));
  ck_assert (!check_depth (1000000));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("json-check");
  TCase *tc = tcase_create ("core");

  tcase_add_loop_test (tc, test_good, 0, G_N_ELEMENTS (good));
  tcase_add_loop_test (tc, test_bad, 0, G_N_ELEMENTS (bad));
  tcase_add_test (tc, test_zero_byte);
  tcase_add_test (tc, test_cut_off);
  tcase_add_test (tc, test_depth);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
