/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/stream-arn.h"

#include <check.h>

#include "../suite.h"

static const struct {
  const gchar *text;
  const gchar *region;
  const gchar *stream_name;
} good[] = {
  { "arn:aws:kinesisvideo:us-west-2:123456789012:stream/cam/1551924009774", "us-west-2", "cam" },
  { "arn:aws-cn:kinesisvideo:cn-north-1:1:stream/A.b_c-9/0", "cn-north-1", "A.b_c-9" },
  { "arn:aws-us-gov:kinesisvideo:us-gov-west-1:1:stream/x/1", "us-gov-west-1", "x" },
};

START_TEST (test_good)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsStreamArn) arn = kvs_stream_arn_parse (good[_i].text, &error);

  ck_assert_msg (arn != NULL, "%s", error != NULL ? error->message : "");
  ck_assert_str_eq (arn->region, good[_i].region);
  ck_assert_str_eq (arn->stream_name, good[_i].stream_name);
}
END_TEST

static const gchar *const bad[] = {
  "",
  "cam",
  "arn:aws:kinesisvideo:us-west-2:123456789012:stream/cam",
  "arn:aws:kinesisvideo:us-west-2:123456789012:stream/cam/",
  "arn:aws:kinesisvideo:us-west-2:123456789012:stream/cam/1/2",
  "arn:aws:kinesisvideo:us-west-2:123456789012:stream/cam/1x",
  "arn:aws:kinesisvideo:us-west-2:123456789012:stream//1",
  "arn:aws:kinesisvideo:us-west-2:123456789012:stream/my cam/1",
  "arn:aws:kinesisvideo:us-west-2:123456789012:channel/cam/1",
  "arn:aws:kinesisvideo:us-west-2::stream/cam/1",
  "arn:aws:kinesisvideo:us-west-2:me:stream/cam/1",
  "arn:aws:kinesisvideo::123456789012:stream/cam/1",
  "arn:aws:kinesisvideo:us west:123456789012:stream/cam/1",
  "arn:aws:kinesis:us-west-2:123456789012:stream/cam/1",
  "arn::kinesisvideo:us-west-2:123456789012:stream/cam/1",
  "ARN:aws:kinesisvideo:us-west-2:123456789012:stream/cam/1",
  "arn:aws:kinesisvideo:us-west-2:123456789012:stream/cam/1:x",
  "arn:aws:kinesisvideo:us-west-2:123456789012:stream/cam/1\r\nX: y",
};

START_TEST (test_bad)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (kvs_stream_arn_parse (bad[_i], &error) == NULL, "%s", bad[_i]);
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT));
  ck_assert_ptr_nonnull (g_strstr_len (error->message, -1, "stream-arn"));
}
END_TEST

START_TEST (test_long)
{
  g_autofree gchar *digits = g_strnfill (2000, '1');
  g_autofree gchar *name = g_strnfill (257, 'a');
  g_autofree gchar *text = g_strconcat (good[0].text, digits, NULL);
  g_autofree gchar *named
      = g_strdup_printf ("arn:aws:kinesisvideo:us-west-2:1:stream/%s/1", name);

  ck_assert_ptr_null (kvs_stream_arn_parse (text, NULL));
  ck_assert_ptr_null (kvs_stream_arn_parse (named, NULL));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("stream-arn");
  TCase *tc = tcase_create ("stream-arn");

  tcase_add_loop_test (tc, test_good, 0, G_N_ELEMENTS (good));
  tcase_add_loop_test (tc, test_bad, 0, G_N_ELEMENTS (bad));
  tcase_add_test (tc, test_long);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
