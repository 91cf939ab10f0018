/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upload/ack-parser.h"

#include <check.h>
#include <string.h>

#include "../suite.h"

/* One line an acknowledgement, so that a failure shows the difference. */
static void
record (const KvsAck *ack, gpointer user_data)
{
  static const gchar *const names[] = {
    "unknown", "buffering", "received", "persisted", "error", "idle",
  };
  GString *log = user_data;

  g_string_append (log, names[ack->type]);
  if (ack->has_timecode)
    g_string_append_printf (log, " t=%" G_GINT64_FORMAT, ack->timecode);
  if (ack->fragment_number[0] != '\0')
    g_string_append_printf (log, " n=%s", ack->fragment_number);
  if (ack->error_id != 0)
    g_string_append_printf (log, " id=%u", ack->error_id);
  if (ack->error_code[0] != '\0')
    g_string_append_printf (log, " code=%s", ack->error_code);
  g_string_append_c (log, '\n');
}

/* Gives the log of text pushed in pieces of piece bytes, each in memory of its own so that a
 * sanitizer sees a look beyond it. */
static gchar *
parse (const gchar *text, gsize size, gsize piece, guint64 *n_malformed)
{
  GString *log = g_string_new (NULL);
  g_autoptr (KvsAckParser) parser = kvs_ack_parser_new (record, log);

  for (gsize at = 0; at < size; at += piece) {
    gsize n = MIN (piece, size - at);
    g_autofree gchar *copy = g_memdup2 (text + at, n);

    kvs_ack_parser_push (parser, copy, n);
  }
  *n_malformed = kvs_ack_parser_get_malformed_count (parser);
  return g_string_free (log, FALSE);
}

#define PERSISTED_1 "{\"EventType\":\"PERSISTED\",\"FragmentTimecode\":1,\"FragmentNumber\":\"91\"}"
#define PERSISTED_1_LOG "persisted t=1 n=91\n"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
  const gchar *what;
  const gchar *text;
  const gchar *log;
  guint64 n_malformed;
} cases[] = {
  { "what the service sends (kvs-api.md section 7)",
    "{\"EventType\":\"BUFFERING\",\"FragmentTimecode\":1663277247152,"
    "\"FragmentNumber\":\"9134385\"}\n"
    "{\"EventType\":\"RECEIVED\",\"FragmentTimecode\":1663277247152,"
    "\"FragmentNumber\":\"9134385\"}\n"
    "{\"EventType\":\"PERSISTED\",\"FragmentTimecode\":1663277247152,"
    "\"FragmentNumber\":\"9134385\"}\n"
    "{\"EventType\":\"ERROR\",\"FragmentTimecode\":1705619089974,\"FragmentNumber\":"
    "\"91343852333181467055003162650405548697432626802\","
    "\"ErrorCode\":\"MAX_FRAGMENT_DURATION_REACHED\",\"ErrorId\":4002}\n"
    "{\"EventType\":\"IDLE\"}\n",
    "buffering t=1663277247152 n=9134385\n"
    "received t=1663277247152 n=9134385\n"
    "persisted t=1663277247152 n=9134385\n"
    "error t=1705619089974 n=91343852333181467055003162650405548697432626802 id=4002"
    " code=MAX_FRAGMENT_DURATION_REACHED\n"
    "idle\n", 0 },
  { "nothing", "", "", 0 },
  { "white space alone", " \r\n\t\n", "", 0 },
  { "back to back", PERSISTED_1 PERSISTED_1 "{\"EventType\":\"IDLE\"}",
    PERSISTED_1_LOG PERSISTED_1_LOG "idle\n", 0 },
  { "CR LF", PERSISTED_1 "\r\n" PERSISTED_1 "\r\n", PERSISTED_1_LOG PERSISTED_1_LOG, 0 },
  { "any order and white space",
    " {\n \"FragmentNumber\" : \"91\" ,\r\n\t\"FragmentTimecode\" : 1,"
    "\"EventType\":\"PERSISTED\"\n}",
    PERSISTED_1_LOG, 0 },
  { "quoted numbers",
    "{\"EventType\":\"ERROR\",\"FragmentTimecode\":\"1\",\"ErrorId\":\"4004\"}",
    "error t=1 id=4004\n", 0 },
  { "unknown members, nested",
    "{\"New\":{\"a\":[1,{\"b\":\"}]{[\"}],\"EventType\":\"IDLE\"},\"Old\":[[],{}],"
    "\"EventType\":\"PERSISTED\",\"FragmentTimecode\":1,\"FragmentNumber\":\"91\",\"x\":null}",
    PERSISTED_1_LOG, 0 },
  { "escapes",
    "{\"Event\\u0054ype\":\"PERSI\\u0053TED\",\"q\":\"\\\"}\\\\\",\"FragmentTimecode\":1,"
    "\"FragmentNumber\":\"91\"}", PERSISTED_1_LOG, 0 },
  { "unknown event", "{\"EventType\":\"REWOUND\",\"FragmentTimecode\":7}\n" PERSISTED_1,
    "unknown t=7\n" PERSISTED_1_LOG, 0 },
  { "null is absent", "{\"EventType\":\"IDLE\",\"FragmentTimecode\":null,\"FragmentNumber\":null,"
    "\"ErrorId\":null,\"ErrorCode\":null}", "idle\n", 0 },
  { "relative timecode 0",
    "{\"EventType\":\"RECEIVED\",\"FragmentTimecode\":0}", "received t=0\n", 0 },
  { "largest timecode", "{\"EventType\":\"RECEIVED\",\"FragmentTimecode\":9223372036854775806}",
    "received t=9223372036854775806\n", 0 },
  { "error without id", "{\"EventType\":\"ERROR\"}", "error\n", 0 },
  { "control characters in an error code",
    "{\"EventType\":\"ERROR\",\"ErrorId\":5000,\"ErrorCode\":\"A\\u001b[2J\\nB\\u00e9\"}",
    "error id=5000 code=A?[2J?B??\n", 0 },
  { "long error code", "{\"EventType\":\"ERROR\",\"ErrorCode\":\"" HUNDRED "\"}",
    "error code=" TEN TEN TEN TEN TEN TEN "012\n", 0 },
  { "fragment number of 128 digits",
    "{\"EventType\":\"IDLE\",\"FragmentNumber\":\"" HUNDRED TEN TEN "01234567\"}",
    "idle n=" HUNDRED TEN TEN "01234567\n", 0 },
  { "fragment number of 129 digits",
    "{\"EventType\":\"IDLE\",\"FragmentNumber\":\"" HUNDRED TEN TEN "012345678\"}\n" PERSISTED_1,
    PERSISTED_1_LOG, 1 },
  { "fragment number that is none",
    "{\"EventType\":\"IDLE\",\"FragmentNumber\":\"9a\"}" PERSISTED_1, PERSISTED_1_LOG, 1 },
  { "timecode that is none",
    "{\"EventType\":\"RECEIVED\",\"FragmentTimecode\":\"soon\"}"
    "{\"EventType\":\"RECEIVED\",\"FragmentTimecode\":true}"
    "{\"EventType\":\"RECEIVED\",\"FragmentTimecode\":\"99999999999999999999\"}"
    "{\"EventType\":\"RECEIVED\",\"FragmentTimecode\":99999999999999999999}"
    "{\"EventType\":\"RECEIVED\",\"FragmentTimecode\":-5}"
    "{\"EventType\":\"RECEIVED\",\"FragmentTimecode\":1.5}"
    "{\"EventType\":\"ERROR\",\"ErrorId\":-1}" PERSISTED_1, PERSISTED_1_LOG, 7 },
  { "no event", "{}{\"EventType\":3}{\"FragmentTimecode\":1}" PERSISTED_1, PERSISTED_1_LOG, 3 },
  { "not JSON, but balanced", "{EventType}" PERSISTED_1, PERSISTED_1_LOG, 1 },
  { "an error page in between", PERSISTED_1 "\n<html>{\"EventType\":\"IDLE\"}</html>\n" PERSISTED_1,
    PERSISTED_1_LOG PERSISTED_1_LOG, 1 },
  { "an object cut within a string", "{\"EventType\":\"PERSI\n" PERSISTED_1, PERSISTED_1_LOG, 1 },
  { "a wrong closer", "{\"EventType\":[\"IDLE\"}\n" PERSISTED_1, PERSISTED_1_LOG, 1 },
  { "a stray closer", "}\n]\n" PERSISTED_1, PERSISTED_1_LOG, 2 },
  { "a control character", "{\"EventType\":\x01\"IDLE\"}\n" PERSISTED_1, PERSISTED_1_LOG, 1 },
  { "text after an object", PERSISTED_1 "garbage\n" PERSISTED_1,
    PERSISTED_1_LOG PERSISTED_1_LOG, 1 },
  { "no end", PERSISTED_1 "{\"EventType\":\"IDLE\"", PERSISTED_1_LOG, 0 },
};

/* In one piece, byte by byte, and in every size between. */
START_TEST (test_splits)
{
  const gchar *text = cases[_i].text;

  for (gsize piece = 1; piece <= strlen (text) + 1; piece++) {
    guint64 n_malformed;
    g_autofree gchar *log = parse (text, strlen (text), piece, &n_malformed);

    ck_assert_msg (strcmp (log, cases[_i].log) == 0, "%s, pieces of %" G_GSIZE_FORMAT
                   ": got\n%swant\n%s", cases[_i].what, piece, log, cases[_i].log);
    ck_assert_msg (n_malformed == cases[_i].n_malformed, "%s: %" G_GUINT64_FORMAT " malformed",
                   cases[_i].what, n_malformed);
  }
}
END_TEST

START_TEST (test_zero_byte)
{
  static const gchar text[] = "{\"EventType\":\"ID\0LE\"}\n\0\n" PERSISTED_1;
  guint64 n_malformed;
  g_autofree gchar *log = parse (text, sizeof text - 1, 1, &n_malformed);

  ck_assert_str_eq (log, PERSISTED_1_LOG);
  ck_assert_uint_eq (n_malformed, 2);
}
END_TEST

/* An acknowledgement with a member of so many bytes that it has total bytes. */
static gchar *
ack_of_size (gsize total)
{
  const gchar *head = "{\"EventType\":\"IDLE\",\"x\":\"", *tail = "\"}";
  g_autofree gchar *filler = g_strnfill (total - strlen (head) - strlen (tail), 'x');

  return g_strconcat (head, filler, tail, NULL);
}

START_TEST (test_longest)
{
  g_autofree gchar *longest = ack_of_size (KVS_ACK_MAX_BYTES);
  g_autofree gchar *too_long = ack_of_size (KVS_ACK_MAX_BYTES + 1);
  g_autofree gchar *text = g_strconcat (longest, "\n", too_long, "\n" PERSISTED_1, NULL);
  guint64 n_malformed;
  g_autofree gchar *log = parse (text, strlen (text), 1000, &n_malformed);

  ck_assert_str_eq (log, "idle\n" PERSISTED_1_LOG);
  ck_assert_uint_eq (n_malformed, 1);
}
END_TEST

static gchar *
nested_ack (guint depth)
{
  g_autofree gchar *open = g_strnfill (depth - 1, '[');
  g_autofree gchar *close = g_strnfill (depth - 1, ']');

  return g_strdup_printf ("{\"x\":%s%s,\"EventType\":\"IDLE\"}\n", open, close);
}

START_TEST (test_depth)
{
  g_autofree gchar *deepest = nested_ack (32);
  g_autofree gchar *too_deep = nested_ack (33);
  g_autofree gchar *text = g_strconcat (deepest, too_deep, PERSISTED_1, NULL);
  guint64 n_malformed;
  g_autofree gchar *log = parse (text, strlen (text), 7, &n_malformed);

  ck_assert_str_eq (log, "idle\n" PERSISTED_1_LOG);
  ck_assert_uint_eq (n_malformed, 1);
}
END_TEST

/* Bytes that never become an acknowledgement must not pile up. */
START_TEST (test_endless_garbage)
{
  GString *log = g_string_new (NULL);
  g_autoptr (KvsAckParser) parser = kvs_ack_parser_new (record, log);
  g_autofree gchar *block = g_strnfill (65536, '{');

  for (guint i = 0; i < 64; i++)
    kvs_ack_parser_push (parser, block, 65536);
  kvs_ack_parser_push (parser, "\n" PERSISTED_1, 1 + strlen (PERSISTED_1));
  ck_assert_str_eq (log->str, PERSISTED_1_LOG);
  ck_assert_uint_eq (kvs_ack_parser_get_malformed_count (parser), 1);
  g_string_free (log, TRUE);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("ack-parser");
  TCase *tc = tcase_create ("ack-parser");

  tcase_set_timeout (tc, 60);
  tcase_add_loop_test (tc, test_splits, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, test_zero_byte);
  tcase_add_test (tc, test_longest);
  tcase_add_test (tc, test_depth);
  tcase_add_test (tc, test_endless_garbage);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
