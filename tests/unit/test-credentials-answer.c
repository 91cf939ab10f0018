/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers with credentials, and times in them. */
#include "aws/credentials/answer.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "aws/credentials/imds-provider.h"
#include "aws/credentials/sts.h"

#define TIME_US (G_GINT64_CONSTANT (1516266000) * G_USEC_PER_SEC) /* 2018-01-18T09:00:00Z */

static const struct {
  const gchar *text;
  gint64 time_us; /* 0: not a time */
} times[] = {
  { "2018-01-18T09:00:00Z", TIME_US },
  { "2018-01-18T09:00:00.5Z", TIME_US + 500000 },
  { "2018-01-18T09:00:00.000000Z", TIME_US },
  { "2018-01-18T09:00:00", TIME_US },
  { "2018-01-18 09:00:00Z", TIME_US },
  { "2018-01-18T09:00:00+00:00", TIME_US },
  { "2018-01-18T11:00:00+0200", TIME_US },
  { "2018-01-18T03:30:00-05:30", TIME_US },
  { "20180118T090000Z", TIME_US },
  { "2018-01-18t09:00:00z", 0 },
  { "2018-01-18", 0 },
  { "2018-02-30T09:00:00Z", 0 },
  { "2018-01-18T25:00:00Z", 0 },
  { "1969-12-31T23:59:59Z", 0 },
  { "never", 0 },
  { "", 0 },
};

START_TEST (test_times)
{
  gint64 time_us = 0;
  gboolean is_time = kvs_answer_parse_time (times[_i].text, &time_us);

  ck_assert_msg (is_time == (times[_i].time_us != 0), "%s", times[_i].text);
  if (is_time)
    ck_assert_int_eq (time_us, times[_i].time_us);
}
END_TEST

static const KvsAnswerForm form = { NULL, "a", "s", "t", "e" };

static const struct {
  const gchar *expiration; /* JSON */
  gint64 expiration_us;    /* -1: refused */
} expirations[] = {
  { "\"2018-01-18T09:00:00Z\"", TIME_US },
  { "1516266000", TIME_US },
  { "1516266000.25", TIME_US + 250000 },
  { "1516266000123", TIME_US + 123000 },
  { "null", 0 },
  { "0", -1 },
  { "-5", -1 },
  { "1e300", -1 },
  { "true", -1 },
  { "[]", -1 },
  { "\"soon\"", -1 },
};

START_TEST (test_expirations)
{
  const KvsAnswerClock clock = { TIME_US - 60 * G_USEC_PER_SEC, 0 };
  g_autofree gchar *text = g_strdup_printf ("{\"a\":\"AKID\",\"s\":\"secret\",\"e\":%s}",
                                            expirations[_i].expiration);
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsCredentials) credentials
      = kvs_answer_parse_json (text, strlen (text), &form, &clock, &error);

  if (expirations[_i].expiration_us < 0) {
    ck_assert_ptr_null (credentials);
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_CREDENTIALS));
    return;
  }
  ck_assert_ptr_nonnull (credentials);
  ck_assert_int_eq (credentials->expiration_us, expirations[_i].expiration_us);
  ck_assert_ptr_null (credentials->session_token);
}
END_TEST

START_TEST (test_longest_token)
{
  const KvsAnswerClock clock = { TIME_US, 0 };
  g_autofree gchar *token = g_strnfill (KVS_CREDENTIALS_MAX_TOKEN_BYTES + (gsize) _i, 't');
  g_autofree gchar *json = g_strdup_printf ("{\"a\":\"A\",\"s\":\"s\",\"t\":\"%s\"}", token);
  g_autofree gchar *xml = g_strdup_printf (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId>"
    "<SecretAccessKey>s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>"
    "2018-01-18T10:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
    token);
  g_autoptr (KvsCredentials) of_json
      = kvs_answer_parse_json (json, strlen (json), &form, &clock, NULL);
  g_autoptr (KvsCredentials) of_xml
      = kvs_sts_parse_answer (KVS_STS_ASSUME_ROLE, xml, strlen (xml), &clock, NULL);

  ck_assert_int_eq (of_json != NULL, _i == 0);
  ck_assert_int_eq (of_xml != NULL, _i == 0);
  if (_i == 0) {
    ck_assert_str_eq (of_json->session_token, token);
    ck_assert_str_eq (of_xml->session_token, token);
  }
}
END_TEST

#define XML_CREDENTIALS "<Credentials><AccessKeyId>A</AccessKeyId>" \
  "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>" \
  "<Expiration>2018-01-18T10:00:00Z</Expiration></Credentials>"
#define XML(content) "<AssumeRoleResponse>" content "</AssumeRoleResponse>"

static const struct {
  const gchar *text;
  gboolean is_good;
} answers[] = {
  { XML ("<AssumeRoleResult>" XML_CREDENTIALS "</AssumeRoleResult>"), TRUE },
  { XML ("<AssumeRoleResult><Other/>" XML_CREDENTIALS "</AssumeRoleResult><X>1</X>"), TRUE },
  { XML ("<AssumeRoleResult>" XML_CREDENTIALS XML_CREDENTIALS "</AssumeRoleResult>"), FALSE },
  { XML ("<OtherResult>" XML_CREDENTIALS "</OtherResult>"), FALSE },
  { XML (XML_CREDENTIALS), FALSE },
  { XML_CREDENTIALS, FALSE },
  { "<AssumeRoleResponse><AssumeRoleResult>" XML_CREDENTIALS "</AssumeRoleResult>", FALSE },
  { XML ("<AssumeRoleResult>" XML_CREDENTIALS "</AssumeRoleResult>") "<x>", FALSE },
};

START_TEST (test_sts_answers)
{
  const KvsAnswerClock clock = { TIME_US, 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsCredentials) credentials
      = kvs_sts_parse_answer (KVS_STS_ASSUME_ROLE, answers[_i].text, strlen (answers[_i].text),
                              &clock, &error);

  ck_assert_msg ((credentials != NULL) == answers[_i].is_good, "%s", answers[_i].text);
  ck_assert ((error == NULL) == answers[_i].is_good);
}
END_TEST

START_TEST (test_roles)
{
  static const struct {
    const gchar *text;
    const gchar *role;
  } roles[] = {
    { "camera", "camera" }, { "camera\nother", "camera" }, { "a+=,.@_-\r\n", "a+=,.@_-" },
    { "", NULL }, { "\n", NULL }, { "a/b", NULL }, { "<a>", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (roles); i++) {
    g_autofree gchar *role = kvs_imds_parse_role (roles[i].text, strlen (roles[i].text));

    ck_assert_pstr_eq (role, roles[i].role);
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("credentials-answer");
  TCase *tc = tcase_create ("credentials-answer");

  tcase_add_loop_test (tc, test_times, 0, G_N_ELEMENTS (times));
  tcase_add_loop_test (tc, test_expirations, 0, G_N_ELEMENTS (expirations));
  tcase_add_loop_test (tc, test_longest_token, 0, 2);
  tcase_add_loop_test (tc, test_sts_answers, 0, G_N_ELEMENTS (answers));
  tcase_add_test (tc, test_roles);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
