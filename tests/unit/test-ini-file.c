/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Much more is compared with botocore in tests/e2e/test_profiles_botocore.py. */
#include "aws/credentials/ini-file.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "aws/credentials/secret.h"

static KvsIniFile *
parse (const gchar *text)
{
  g_autoptr (GError) error = NULL;
  KvsIniFile *file = kvs_ini_file_parse (text, strlen (text), &error);

  ck_assert_msg (file != NULL, "%s", error != NULL ? error->message : "no error");
  return file;
}

static void
assert_refused (const gchar *text, gsize size, const gchar *expected)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (kvs_ini_file_parse (text, size, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_CREDENTIALS));
  ck_assert_msg (strstr (error->message, expected) != NULL, "%s", error->message);
}

START_TEST (test_values)
{
  g_autoptr (KvsIniFile) file = parse ("[a]\nOne = 1\ntwo=\nthree: 3 # x\n[b]\n  one = other\n");

  ck_assert_uint_eq (kvs_ini_file_count_sections (file), 2);
  ck_assert_str_eq (kvs_ini_file_get_section (file, 1), "b");
  ck_assert_str_eq (kvs_ini_file_get (file, "a", "one"), "1");
  ck_assert_str_eq (kvs_ini_file_get (file, "a", "two"), "");
  ck_assert_str_eq (kvs_ini_file_get (file, "a", "three"), "3 # x");
  ck_assert_str_eq (kvs_ini_file_get (file, "b", "one"), "other");
  ck_assert_ptr_null (kvs_ini_file_get (file, "b", "two"));
  ck_assert_ptr_null (kvs_ini_file_get (file, "c", "one"));
}
END_TEST

START_TEST (test_nested_values)
{
  g_autoptr (KvsIniFile) file = parse ("[a]\ns =\n  x = 1\n  # y\n\n   z=a = b \nt = 2\n");

  ck_assert (kvs_ini_file_has (file, "a", "s"));
  ck_assert_ptr_null (kvs_ini_file_get (file, "a", "s"));
  ck_assert_str_eq (kvs_ini_file_get_nested (file, "a", "s", "x"), "1");
  ck_assert_str_eq (kvs_ini_file_get_nested (file, "a", "s", "z"), "a = b");
  ck_assert_ptr_null (kvs_ini_file_get_nested (file, "a", "t", "x"));
  ck_assert_str_eq (kvs_ini_file_get (file, "a", "t"), "2");
}
END_TEST

START_TEST (test_nothing)
{
  g_autoptr (KvsIniFile) empty = parse ("");
  g_autoptr (KvsIniFile) comments = parse ("# a\n\n  ; b");

  ck_assert_uint_eq (kvs_ini_file_count_sections (empty), 0);
  ck_assert_uint_eq (kvs_ini_file_count_sections (comments), 0);
  kvs_ini_file_free (NULL);
}
END_TEST

START_TEST (test_refused)
{
  g_autofree gchar *large = g_strnfill (KVS_SECRET_FILE_MAX_BYTES + 1, '#');
  g_autofree gchar *lines = g_strnfill (70000, '\n');

  assert_refused ("a = b", 5, "line 1 stands before");
  assert_refused ("[a]\n\nx\n", 7, "line 3 is neither");
  assert_refused ("[a]\n=x", 6, "line 2 has no key");
  assert_refused ("[a]\nb =\n c\n", 11, "line 2 begins");
  assert_refused ("[a]\0", 4, "not UTF-8");
  assert_refused ("\xff\xfe[", 3, "not UTF-8");
  assert_refused (large, KVS_SECRET_FILE_MAX_BYTES + 1, "too large");
  assert_refused (lines, 70000, "too many");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("ini-file");
  TCase *tc = tcase_create ("ini-file");

  tcase_add_test (tc, test_values);
  tcase_add_test (tc, test_nested_values);
  tcase_add_test (tc, test_nothing);
  tcase_add_test (tc, test_refused);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
