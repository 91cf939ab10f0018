/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer's body, whole and in pieces: both must give the same acknowledgements. */
#include "fuzz.h"

#include <string.h>

#include "upload/ack-parser.h"

static void
record (const KvsAck *ack, gpointer user_data)
{
  gsize digits = strspn (ack->fragment_number, "0123456789");

  g_assert_cmpuint (digits, <=, KVS_ACK_FRAGMENT_NUMBER_MAX);
  g_assert_cmpint (ack->fragment_number[digits], ==, '\0');
  g_assert_nonnull (memchr (ack->error_code, '\0', sizeof ack->error_code));
  g_assert_cmpint (ack->type, <=, KVS_ACK_IDLE);
  g_string_append_printf (user_data, "%d %d %" G_GINT64_FORMAT " %s %u %s\n", ack->type,
                          ack->has_timecode, ack->timecode, ack->fragment_number, ack->error_id,
                          ack->error_code);
}

static GString *
parse (const gchar *data, gsize size, gsize piece)
{
  GString *log = g_string_new (NULL);
  g_autoptr (KvsAckParser) parser = kvs_ack_parser_new (record, log);

  for (gsize at = 0; at < size; at += piece)
    kvs_ack_parser_push (parser, data + at, MIN (piece, size - at));
  g_string_append_printf (log, "%" G_GUINT64_FORMAT " malformed",
                          kvs_ack_parser_get_malformed_count (parser));
  return log;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  GString *whole, *pieces;

  if (size == 0)
    return 0;
  whole = parse ((const gchar *) data + 1, size - 1, size);
  pieces = parse ((const gchar *) data + 1, size - 1, 1 + data[0] % 16);
  g_assert_cmpstr (whole->str, ==, pieces->str);
  g_string_free (whole, TRUE);
  g_string_free (pieces, TRUE);
  return 0;
}
