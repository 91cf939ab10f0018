/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/chunked-decoder.h"

#include <check.h>
#include <string.h>

#include "../suite.h"

/* @step: bytes of input at a time; body goes to @out, what was not used to @rest */
static KvsLocalChunkedResult
decode (const gchar *text, gsize step, GString *out, GString *rest)
{
  g_autoptr (KvsLocalChunkedDecoder) decoder = kvs_local_chunked_decoder_new ();
  KvsLocalChunkedResult result = KVS_LOCAL_CHUNKED_MORE;
  gsize size = strlen (text);
  gsize at = 0;

  while (at < size && result == KVS_LOCAL_CHUNKED_MORE) {
    const guint8 *input = (const guint8 *) text + at;
    gsize input_size = MIN (step, size - at);
    const guint8 *body;
    gsize body_size;

    while ((result = kvs_local_chunked_decoder_next (decoder, &input, &input_size, &body,
                                                     &body_size))
           == KVS_LOCAL_CHUNKED_DATA)
      g_string_append_len (out, (const gchar *) body, (gssize) body_size);
    at = (gsize) (input - (const guint8 *) text);
  }
  g_string_append (rest, text + at);
  return result;
}

static const struct {
  const gchar *text;
  KvsLocalChunkedResult result;
  const gchar *body;
  const gchar *rest;
} cases[] = {
  { "0\r\n\r\n", KVS_LOCAL_CHUNKED_END, "", "" },
  { "5\r\nhello\r\n0\r\n\r\n", KVS_LOCAL_CHUNKED_END, "hello", "" },
  { "5\r\nhello\r\n006\r\n world\r\n000\r\n\r\nGET", KVS_LOCAL_CHUNKED_END, "hello world", "GET" },
  { "A\r\n0123456789\r\na\r\n0123456789\r\n", KVS_LOCAL_CHUNKED_MORE, "01234567890123456789", "" },
  { "5;name=value\r\nhello\r\n0 ; x\r\n\r\n", KVS_LOCAL_CHUNKED_END, "hello", "" },
  { "0\r\nA: b\r\nC: d\r\n\r\n", KVS_LOCAL_CHUNKED_END, "", "" },
  { "5\r\nhel", KVS_LOCAL_CHUNKED_MORE, "hel", "" },
  { "", KVS_LOCAL_CHUNKED_MORE, "", "" },
  { "\r\n", KVS_LOCAL_CHUNKED_ERROR, "", "\n" },
  { "g\r\n", KVS_LOCAL_CHUNKED_ERROR, "", "\r\n" },
  { "-1\r\n", KVS_LOCAL_CHUNKED_ERROR, "", "1\r\n" },
  { "5\nhello", KVS_LOCAL_CHUNKED_ERROR, "", "hello" },
  { "5\rhello", KVS_LOCAL_CHUNKED_ERROR, "", "ello" },
  { "5\r\nhelloX", KVS_LOCAL_CHUNKED_ERROR, "hello", "" },
  { "5\r\nhello\n", KVS_LOCAL_CHUNKED_ERROR, "hello", "" },
  { "0\r\n\n", KVS_LOCAL_CHUNKED_ERROR, "", "" },
  { "5;\x01\r\n", KVS_LOCAL_CHUNKED_ERROR, "", "\r\n" },
  { "1234567890abcdef\r\n", KVS_LOCAL_CHUNKED_ERROR, "", "\r\n" },
};

START_TEST (test_cases)
{
  for (gsize step = 1; step <= 64; step++) {
    g_autoptr (GString) body = g_string_new (NULL);
    g_autoptr (GString) rest = g_string_new (NULL);

    ck_assert_int_eq (decode (cases[_i].text, step, body, rest), cases[_i].result);
    ck_assert_str_eq (body->str, cases[_i].body);
    ck_assert_str_eq (rest->str, cases[_i].rest);
  }
}
END_TEST

static KvsLocalChunkedResult
decode_line (const gchar *before, gsize n, const gchar *after)
{
  g_autoptr (GString) text = g_string_new (before);
  g_autoptr (GString) body = g_string_new (NULL);
  g_autoptr (GString) rest = g_string_new (NULL);

  for (gsize i = 0; i < n; i++)
    g_string_append_c (text, 'x');
  g_string_append (text, after);
  return decode (text->str, 100, body, rest);
}

START_TEST (test_limits)
{
  ck_assert_int_eq (decode_line ("0;", KVS_LOCAL_CHUNKED_MAX_LINE_BYTES, "\r\n\r\n"),
                    KVS_LOCAL_CHUNKED_END);
  ck_assert_int_eq (decode_line ("0;", KVS_LOCAL_CHUNKED_MAX_LINE_BYTES + 1, "\r\n\r\n"),
                    KVS_LOCAL_CHUNKED_ERROR);
  ck_assert_int_eq (decode_line ("0\r\n", KVS_LOCAL_CHUNKED_MAX_TRAILER_BYTES, "\r\n\r\n"),
                    KVS_LOCAL_CHUNKED_END);
  ck_assert_int_eq (decode_line ("0\r\n", KVS_LOCAL_CHUNKED_MAX_TRAILER_BYTES + 1, "\r\n\r\n"),
                    KVS_LOCAL_CHUNKED_ERROR);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("chunked-decoder");
  TCase *tcase = tcase_create ("chunked-decoder");

  tcase_add_loop_test (tcase, test_cases, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tcase, test_limits);
  suite_add_tcase (suite, tcase);
  return run_suite (suite);
}
