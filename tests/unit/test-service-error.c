/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/service-error.h"

#include <check.h>
#include <string.h>

#include "../suite.h"

static KvsServiceError *
parse (guint status, const gchar *type, const gchar *body)
{
  KvsServiceAnswer answer = { status, type, NULL, body, body != NULL ? strlen (body) : 0 };

  return kvs_service_error_parse (&answer);
}

static const struct {
  const gchar *header;
  const gchar *body;
  const gchar *type;
  const gchar *message;
} answers[] = {
  { "ResourceNotFoundException:http://internal.example/coral/",
    "{\"Message\":\"The requested stream is not found or not active.\"}",
    "ResourceNotFoundException", "The requested stream is not found or not active." },
  { "AccessDeniedException", "{\"message\":\"no\"}", "AccessDeniedException", "no" },
  { " InvalidArgumentException ", NULL, "InvalidArgumentException", NULL },
  { NULL, "{\"__type\":\"UnrecognizedClientException\",\"message\":\"bad token\"}",
    "UnrecognizedClientException", "bad token" },
  { NULL, "{\"__type\":\"com.amazon.coral.service#InvalidSignatureException\"}",
    "InvalidSignatureException", NULL },
  { NULL, "{\"__type\":\"aws.x#NameException:http://internal.example/a#b\"}", "NameException",
    NULL },
  { NULL,
    "{\"Output\":{\"__type\":\"com.amazon.coral.service#UnknownOperationException\","
    "\"message\":null},\"Version\":\"1.0\"}",
    "UnknownOperationException", NULL },
  { NULL, "{\"code\":\"ThrottlingException\",\"Message\":\"slow\"}", "ThrottlingException",
    "slow" },
  /* the header beats the body */
  { "NotAuthorizedException", "{\"__type\":\"Other\"}", "NotAuthorizedException", NULL },
  { ":", "{\"__type\":\"FromBody\"}", "FromBody", NULL },
  /* one line, no control characters */
  { "A", "{\"message\":\"  two\\r\\nlines\\u0000\\u0007 \"}", "A", "two  lines" },
  /* garbage of many kinds */
  { NULL, NULL, NULL, NULL },
  { NULL, "", NULL, NULL },
  { "", "{}", NULL, NULL },
  { "<script>", "null", NULL, NULL },
  { NULL, "<html><body>502 Bad Gateway</body></html>", NULL, NULL },
  { NULL, "{\"message\":", NULL, NULL },
  { NULL, "[]", NULL, NULL },
  { NULL, "\"text\"", NULL, NULL },
  { NULL, "{\"__type\":5,\"message\":{\"a\":1},\"Message\":[1]}", NULL, NULL },
  { NULL, "{\"__type\":\"\",\"message\":\"\"}", NULL, NULL },
  { NULL, "{\"__type\":null,\"Output\":\"x\"}", NULL, NULL },
  { NULL, "{\"message\":\"\xff\xfe\"}", NULL, NULL },
};

START_TEST (test_parse)
{
  g_autoptr (KvsServiceError) error = parse (418, answers[_i].header, answers[_i].body);

  ck_assert_uint_eq (error->http_status, 418);
  ck_assert_pstr_eq (error->type, answers[_i].type);
  /* json-glib ends strings at an escaped NUL in some versions and keeps it in others */
  ck_assert_pstr_eq (error->message, answers[_i].message);
}
END_TEST

START_TEST (test_bounds)
{
  g_autofree gchar *long_text = g_strnfill (5000, 'x');
  g_autofree gchar *long_message = g_strdup_printf ("{\"message\":\"%s\"}", long_text);
  g_autofree gchar *deep = g_strnfill (60000, '[');
  g_autofree gchar *huge = g_strnfill (1024 * 1024, ' ');
  g_autoptr (KvsServiceError) cut = parse (400, long_text, long_message);
  g_autoptr (KvsServiceError) nested = parse (400, NULL, deep);
  g_autoptr (KvsServiceError) large = NULL;

  memcpy (huge, "{\"message\":\"m\"}", strlen ("{\"message\":\"m\"}"));
  large = parse (400, NULL, huge);
  ck_assert_ptr_null (cut->type);
  ck_assert_uint_eq (strlen (cut->message), 1024);
  ck_assert_ptr_null (nested->message);
  ck_assert_ptr_null (large->message);
}
END_TEST

START_TEST (test_cut_between_characters)
{
  g_autoptr (GString) body = g_string_new ("{\"message\":\"x");
  g_autoptr (KvsServiceError) error = NULL;

  for (guint i = 0; i < 1000; i++)
    g_string_append (body, "\xe2\x82\xac");
  g_string_append (body, "\"}");
  error = parse (400, NULL, body->str);
  ck_assert (g_utf8_validate (error->message, -1, NULL));
  ck_assert_uint_eq (strlen (error->message), 1 + 3 * 341);
  ck_assert (g_str_has_suffix (error->message, "\xe2\x82\xac"));
}
END_TEST

START_TEST (test_body_without_terminator)
{
  static const gchar body[] = "{\"message\":\"m\"}garbage";
  KvsServiceAnswer answer = { 400, NULL, " id\r\n", body, strlen ("{\"message\":\"m\"}") };
  g_autoptr (KvsServiceError) error = kvs_service_error_parse (&answer);

  ck_assert_str_eq (error->message, "m");
  ck_assert_str_eq (error->request_id, "id");
}
END_TEST

static const struct {
  guint status;
  const gchar *type;
  KvsError code;
} codes[] = {
  { 403, "UnrecognizedClientException", KVS_ERROR_CREDENTIALS },
  { 403, "InvalidSignatureException", KVS_ERROR_CREDENTIALS },
  { 403, "ExpiredTokenException", KVS_ERROR_CREDENTIALS },
  { 403, "MissingAuthenticationToken", KVS_ERROR_CREDENTIALS },
  { 403, "MissingAuthenticationTokenException", KVS_ERROR_CREDENTIALS },
  { 403, "IncompleteSignature", KVS_ERROR_CREDENTIALS },
  { 403, "InvalidClientTokenId", KVS_ERROR_CREDENTIALS },
  { 401, NULL, KVS_ERROR_CREDENTIALS },
  { 403, "AccessDeniedException", KVS_ERROR_ACCESS_DENIED },
  { 401, "NotAuthorizedException", KVS_ERROR_ACCESS_DENIED },
  { 401, "NotAuthorized", KVS_ERROR_ACCESS_DENIED },
  { 403, "OptInRequired", KVS_ERROR_ACCESS_DENIED },
  { 403, NULL, KVS_ERROR_ACCESS_DENIED },
  { 404, "ResourceNotFoundException", KVS_ERROR_NOT_FOUND },
  { 404, "Unheard", KVS_ERROR_NOT_FOUND },
  { 400, "ClientLimitExceededException", KVS_ERROR_LIMIT },
  { 400, "ConnectionLimitExceededException", KVS_ERROR_LIMIT },
  { 400, "AccountStreamLimitExceededException", KVS_ERROR_LIMIT },
  { 400, "ThrottlingException", KVS_ERROR_LIMIT },
  { 400, "Throttling", KVS_ERROR_LIMIT },
  { 429, NULL, KVS_ERROR_LIMIT },
  { 400, "InvalidArgumentException", KVS_ERROR_BAD_ARGUMENT },
  { 400, "ValidationError", KVS_ERROR_BAD_ARGUMENT },
  { 400, "ValidationException", KVS_ERROR_BAD_ARGUMENT },
  { 400, "InvalidEndpointException", KVS_ERROR_BAD_ARGUMENT },
  { 404, "UnknownOperationException", KVS_ERROR_BAD_ARGUMENT },
  { 400, NULL, KVS_ERROR_BAD_ARGUMENT },
  { 413, NULL, KVS_ERROR_BAD_ARGUMENT },
  { 413, "RequestEntityTooLargeException", KVS_ERROR_BAD_ARGUMENT },
  { 400, "ResourceInUseException", KVS_ERROR_SERVICE },
  { 408, "RequestTimeoutException", KVS_ERROR_SERVICE },
  { 500, "InternalFailure", KVS_ERROR_SERVICE },
  { 503, "ServiceUnavailable", KVS_ERROR_SERVICE },
  { 503, NULL, KVS_ERROR_SERVICE },
  { 599, "Unheard", KVS_ERROR_SERVICE },
  { 302, NULL, KVS_ERROR_SERVICE },
  { 0, NULL, KVS_ERROR_SERVICE },
};

START_TEST (test_classify)
{
  g_autoptr (KvsServiceError) error = parse (codes[_i].status, codes[_i].type, NULL);

  ck_assert_int_eq (kvs_service_error_classify (error), codes[_i].code);
}
END_TEST

START_TEST (test_type_helpers)
{
  g_autoptr (KvsServiceError) endpoint = parse (400, "InvalidEndpointException", NULL);
  g_autoptr (KvsServiceError) other = parse (400, "InvalidEndpointExceptionX", NULL);
  g_autoptr (KvsServiceError) none = parse (400, NULL, NULL);

  ck_assert (kvs_service_error_is_invalid_endpoint (endpoint));
  ck_assert (!kvs_service_error_is_invalid_endpoint (other));
  ck_assert (!kvs_service_error_is_invalid_endpoint (none));
  ck_assert (!kvs_service_error_is (endpoint, "Invalid"));
  ck_assert (kvs_service_error_is_known (endpoint));
  ck_assert (!kvs_service_error_is_known (other));
  ck_assert (!kvs_service_error_is_known (none));
}
END_TEST

START_TEST (test_clock_skew)
{
  g_autoptr (KvsServiceError) late = parse (
    403, "InvalidSignatureException",
    "{\"message\":\"Signature expired: 20231107T044734Z is now earlier than 20231107T045305Z "
    "(20231107T045805Z - 5 min.)\"}");
  g_autoptr (KvsServiceError) mismatch = parse (
    403, "InvalidSignatureException",
    "{\"message\":\"The request signature we calculated does not match\"}");
  g_autoptr (KvsServiceError) named = parse (403, "RequestTimeTooSkewed", NULL);

  ck_assert (kvs_service_error_is_clock_skew (late));
  ck_assert (!kvs_service_error_is_clock_skew (mismatch));
  ck_assert (kvs_service_error_is_clock_skew (named));
}
END_TEST

START_TEST (test_gerror)
{
  KvsServiceAnswer answer = { 404, "ResourceNotFoundException:", "1-2-3",
                              "{\"Message\":\"No such stream.\"}", 29 };
  g_autoptr (KvsServiceError) error = kvs_service_error_parse (&answer);
  g_autoptr (KvsServiceError) bare = parse (502, NULL, "<html>");
  g_autoptr (GError) full = kvs_service_error_to_gerror (error, "DescribeStream");
  g_autoptr (GError) status_alone = kvs_service_error_to_gerror (bare, "PutMedia");

  ck_assert (g_error_matches (full, KVS_ERROR, KVS_ERROR_NOT_FOUND));
  ck_assert_str_eq (full->message, "DescribeStream failed: ResourceNotFoundException (HTTP 404): "
                    "No such stream. (request 1-2-3)");
  ck_assert (g_error_matches (status_alone, KVS_ERROR, KVS_ERROR_SERVICE));
  ck_assert_str_eq (status_alone->message, "PutMedia failed: HTTP 502 without an error type of AWS; "
                    "a proxy or another server may have answered");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("service-error");
  TCase *tc = tcase_create ("service-error");

  tcase_add_loop_test (tc, test_parse, 0, G_N_ELEMENTS (answers));
  tcase_add_test (tc, test_bounds);
  tcase_add_test (tc, test_cut_between_characters);
  tcase_add_test (tc, test_body_without_terminator);
  tcase_add_loop_test (tc, test_classify, 0, G_N_ELEMENTS (codes));
  tcase_add_test (tc, test_type_helpers);
  tcase_add_test (tc, test_clock_skew);
  tcase_add_test (tc, test_gerror);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
