/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkv/ebml-reader.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "bytes.h"
#include "error.h"
#include "mkv/mkv-ids.h"

#define RANDOM_SPLITS 200

/* What came out: events as text, and headers and data put together again */
typedef struct {
  GString *events;
  GByteArray *bytes;
  guint n_starts_before_failure;
} Seen;

static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  Seen *seen = user_data;

  if (seen->n_starts_before_failure == 1) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA, "no more");
    return FALSE;
  }
  if (seen->n_starts_before_failure > 0)
    seen->n_starts_before_failure--;
  g_byte_array_append (seen->bytes, element->header, (guint) element->header_size);
  g_string_append_printf (seen->events, "%u:%x in %x at %" G_GUINT64_FORMAT, element->level,
                          element->id, element->parent_id, element->offset);
  if (element->size == KVS_EBML_SIZE_UNKNOWN)
    g_string_append (seen->events, " size ? ");
  else
    g_string_append_printf (seen->events, " size %" G_GUINT64_FORMAT " ", element->size);
  return TRUE;
}

static gboolean
on_data (const KvsEbmlElement *element, const guint8 *data, gsize size, gpointer user_data,
         GError **error)
{
  Seen *seen = user_data;

  ck_assert_uint_gt (size, 0);
  g_byte_array_append (seen->bytes, data, (guint) size);
  return TRUE;
}

static gboolean
on_end (const KvsEbmlElement *element, const guint8 *payload, gsize payload_size,
        gpointer user_data, GError **error)
{
  Seen *seen = user_data;
  g_autofree gchar *hex = hex_from_data (payload, payload_size);

  g_string_append_printf (seen->events, "/%x%s%s ", element->id, *hex != '\0' ? "=" : "", hex);
  return TRUE;
}

static const KvsEbmlReaderFuncs funcs = { on_start, on_data, on_end };

static void
seen_init (Seen *seen)
{
  *seen = (Seen) { g_string_new (NULL), g_byte_array_new (), 0 };
}

static void
seen_clear (Seen *seen)
{
  g_string_free (seen->events, TRUE);
  g_byte_array_unref (seen->bytes);
}

/* @step: bytes a push, 0 for random ones */
static gboolean
read_all (GBytes *input, gsize step, GRand *rand, Seen *seen, GError **error)
{
  g_autoptr (KvsEbmlReader) reader = kvs_ebml_reader_new (&funcs, seen);
  gsize size;
  const guint8 *data = g_bytes_get_data (input, &size);

  for (gsize at = 0; at < size;) {
    gsize n = step > 0 ? step : (gsize) g_rand_int_range (rand, 1, 12);
    g_autofree guint8 *copy = NULL;

    /* a copy of its own shows reads beyond the end to the sanitizer */
    n = MIN (n, size - at);
    copy = g_memdup2 (data + at, n);
    if (!kvs_ebml_reader_push (reader, copy, n, error))
      return FALSE;
    at += n;
    ck_assert_uint_eq (kvs_ebml_reader_get_offset (reader), at);
  }
  return kvs_ebml_reader_finish (reader, error);
}

static const struct {
  const gchar *what;
  const gchar *hex;
  const gchar *events;
} good[] = {
  { "nothing", "", "" },
  { "EBML header", "1a45dfa3 84 4286 81 01", "0:1a45dfa3 in 0 at 0 size 4 1:4286 in 1a45dfa3 at 5 "
                                             "size 1 /4286=01 /1a45dfa3 " },
  { "empty elements", "ec80 1a45dfa3 80 ec 4000",
    "0:ec in 0 at 0 size 0 /ec 0:1a45dfa3 in 0 at 2 size 0 /1a45dfa3 0:ec in 0 at 7 size 0 /ec " },
  { "sizes longer than needed", "ec 01 00000000000002 abcd", "0:ec in 0 at 0 size 2 /ec=abcd " },
  { "clusters of unknown size",
    "18538067 01ffffffffffffff 1f43b675 ff e781 05 1f43b675 ff e781 06",
    "0:18538067 in 0 at 0 size ? "
    "1:1f43b675 in 18538067 at 12 size ? 2:e7 in 1f43b675 at 17 size 1 /e7=05 /1f43b675 "
    "1:1f43b675 in 18538067 at 20 size ? 2:e7 in 1f43b675 at 25 size 1 /e7=06 /1f43b675 "
    "/18538067 " },
  { "Tags end a cluster of unknown size", "18538067 ff 1f43b675 ff e781 05 1254c367 80",
    "0:18538067 in 0 at 0 size ? 1:1f43b675 in 18538067 at 5 size ? "
    "2:e7 in 1f43b675 at 10 size 1 /e7=05 /1f43b675 "
    "1:1254c367 in 18538067 at 13 size 0 /1254c367 /18538067 " },
  { "Void does not", "18538067 ff 1f43b675 ff ec80",
    "0:18538067 in 0 at 0 size ? 1:1f43b675 in 18538067 at 5 size ? "
    "2:ec in 1f43b675 at 10 size 0 /ec /1f43b675 /18538067 " },
  { "EBML header ends all of unknown size", "18538067 ff 1f43b675 ff 1a45dfa3 80",
    "0:18538067 in 0 at 0 size ? 1:1f43b675 in 18538067 at 5 size ? /1f43b675 /18538067 "
    "0:1a45dfa3 in 0 at 10 size 0 /1a45dfa3 " },
  { "cluster of unknown size in a segment of known size", "18538067 88 1f43b675 ff e781 05 ec80",
    "0:18538067 in 0 at 0 size 8 1:1f43b675 in 18538067 at 5 size ? "
    "2:e7 in 1f43b675 at 10 size 1 /e7=05 /1f43b675 /18538067 0:ec in 0 at 13 size 0 /ec " },
  { "cluster of known size", "18538067 ff 1f43b675 83 e781 05 1f43b675 80",
    "0:18538067 in 0 at 0 size ? 1:1f43b675 in 18538067 at 5 size 3 "
    "2:e7 in 1f43b675 at 10 size 1 /e7=05 /1f43b675 "
    "1:1f43b675 in 18538067 at 13 size 0 /1f43b675 /18538067 " },
  { "several end at one place", "1254c367 89 7373 86 67c8 83 45a3 80",
    "0:1254c367 in 0 at 0 size 9 1:7373 in 1254c367 at 5 size 6 2:67c8 in 7373 at 8 size 3 "
    "3:45a3 in 67c8 at 11 size 0 /45a3 /67c8 /7373 /1254c367 " },
  { "only the start of a block is kept", "a3 92 0102030405060708090a0b0c0d0e0f101112",
    "0:a3 in 0 at 0 size 18 /a3=0102030405060708090a0b0c0d0e0f10 " },
};

START_TEST (test_good)
{
  g_autoptr (GBytes) input = bytes_from_hex (good[_i].hex);
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) _i);

  for (guint i = 0; i < RANDOM_SPLITS; i++) {
    gsize step = i == 0 ? MAX (1, g_bytes_get_size (input)) : i == 1 ? 1 : 0;
    g_autoptr (GError) error = NULL;
    Seen seen;

    seen_init (&seen);
    ck_assert_msg (read_all (input, step, rand, &seen, &error), "%s: %s", good[_i].what,
                   error != NULL ? error->message : "");
    ck_assert_msg (g_str_equal (seen.events->str, good[_i].events), "%s: %s", good[_i].what,
                   seen.events->str);
    assert_bytes_eq_hex (input, good[_i].hex);
    ck_assert_uint_eq (seen.bytes->len, g_bytes_get_size (input));
    if (seen.bytes->len > 0)
      ck_assert_mem_eq (seen.bytes->data, g_bytes_get_data (input, NULL), seen.bytes->len);
    seen_clear (&seen);
  }
}
END_TEST

static const struct {
  const gchar *what;
  const gchar *hex;
} bad[] = {
  { "id longer than 4 bytes", "0843b67501 80" },
  { "id of zeros", "80 80" },
  { "id of ones", "ff 80" },
  { "id of ones, 2 bytes", "7fff 80" },
  { "size longer than 8 bytes", "ec 00" },
  { "unknown size of Tags", "1254c367 ff" },
  { "unknown size of a leaf", "18538067 ff ec ff" },
  { "ends within an id", "1f43" },
  { "ends within a size", "1f43b675 40" },
  { "ends within a payload", "ec 82 00" },
  { "ends within an element of known size", "18538067 82" },
  { "ends within unknown size in known size", "18538067 88 1f43b675 ff e781 05 ec" },
  { "child larger than its parent", "18538067 84 ec83 000000" },
  { "child larger than its grandparent", "18538067 86 1f43b675 82 e781 05" },
  { "child's header crosses its parent's end", "18538067 81 ec80" },
  { "Segment within a Cluster of known size", "18538067 ff 1f43b675 85 18538067 81" },
  { "child of unknown size beyond the segment", "18538067 84 1f43b675 ff" },
  { "too deep", "1254c367 9f 7373 9c 67c8 99 67c8 96 67c8 93 67c8 90 67c8 8d 67c8 8a 67c8 87 67c8"
                " 84 67c8 81 00" },
};

START_TEST (test_bad)
{
  g_autoptr (GBytes) input = bytes_from_hex (bad[_i].hex);
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) _i);

  for (guint i = 0; i < RANDOM_SPLITS; i++) {
    g_autoptr (GError) error = NULL;
    Seen seen;

    seen_init (&seen);
    ck_assert_msg (!read_all (input, i == 0 ? 1 : 0, rand, &seen, &error), "%s", bad[_i].what);
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_PROTOCOL));
    seen_clear (&seen);
  }
}
END_TEST

/* However much comes, what is kept stays within its bounds. */
START_TEST (test_large_payload)
{
  g_autoptr (GByteArray) input = g_byte_array_new ();
  g_autofree guint8 *zeros = g_malloc0 (1 << 20);
  g_autoptr (KvsEbmlReader) reader = NULL;
  Seen seen;

  seen_init (&seen);
  reader = kvs_ebml_reader_new (&funcs, &seen);
  /* Void of 2^56 - 2 bytes */
  ck_assert (kvs_ebml_reader_push (reader, (const guint8 *) "\xec\x01\xff\xff\xff\xff\xff\xff\xfe",
                                   9, NULL));
  for (guint i = 0; i < 64; i++) {
    ck_assert (kvs_ebml_reader_push (reader, zeros, 1 << 20, NULL));
    g_byte_array_set_size (seen.bytes, 0);
  }
  ck_assert (!kvs_ebml_reader_finish (reader, NULL));
  seen_clear (&seen);
}
END_TEST

START_TEST (test_payload_limit)
{
  g_autofree guint8 *input = g_malloc0 (3 + 2000);
  g_autoptr (GBytes) bytes = NULL;
  Seen seen;

  seen_init (&seen);
  input[0] = 0xec;
  input[1] = 0x40 | 2000 >> 8;
  input[2] = 2000 & 0xff;
  bytes = g_bytes_new_static (input, 3 + 2000);
  ck_assert (read_all (bytes, 7, NULL, &seen, NULL));
  ck_assert_uint_eq (seen.events->len, strlen ("0:ec in 0 at 0 size 2000 /ec= ")
                                         + 2 * KVS_EBML_READER_MAX_PAYLOAD_BYTES);
  ck_assert_uint_eq (seen.bytes->len, 3 + 2000);
  seen_clear (&seen);
}
END_TEST

START_TEST (test_callback_stops)
{
  g_autoptr (GBytes) input = bytes_from_hex ("18538067 ff ec80 ec80");
  g_autoptr (GError) error = NULL, again = NULL, at_end = NULL;
  g_autoptr (KvsEbmlReader) reader = NULL;
  Seen seen;
  gsize size;
  const guint8 *data = g_bytes_get_data (input, &size);

  seen_init (&seen);
  seen.n_starts_before_failure = 2;
  reader = kvs_ebml_reader_new (&funcs, &seen);
  ck_assert (!kvs_ebml_reader_push (reader, data, size, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
  ck_assert (!kvs_ebml_reader_push (reader, data, size, &again));
  ck_assert (g_error_matches (again, KVS_ERROR, KVS_ERROR_PROTOCOL));
  ck_assert (!kvs_ebml_reader_finish (reader, &at_end));
  ck_assert (g_error_matches (at_end, KVS_ERROR, KVS_ERROR_PROTOCOL));
  seen_clear (&seen);
}
END_TEST

START_TEST (test_parse_numbers)
{
  guint64 value = 1;

  ck_assert (kvs_ebml_parse_uint (NULL, 0, &value));
  ck_assert_uint_eq (value, 0);
  ck_assert (kvs_ebml_parse_uint ((const guint8 *) "\x01\x02", 2, &value));
  ck_assert_uint_eq (value, 0x0102);
  ck_assert (kvs_ebml_parse_uint ((const guint8 *) "\xff\xff\xff\xff\xff\xff\xff\xff", 8, &value));
  ck_assert_uint_eq (value, G_MAXUINT64);
  ck_assert (!kvs_ebml_parse_uint ((const guint8 *) "\0\0\0\0\0\0\0\0\0", 9, &value));

  ck_assert_uint_eq (kvs_ebml_parse_vint ((const guint8 *) "\x81", 1, &value), 1);
  ck_assert_uint_eq (value, 1);
  ck_assert_uint_eq (kvs_ebml_parse_vint ((const guint8 *) "\x40\x02\x03", 3, &value), 2);
  ck_assert_uint_eq (value, 2);
  ck_assert_uint_eq (
    kvs_ebml_parse_vint ((const guint8 *) "\x01\xff\xff\xff\xff\xff\xff\xff", 8, &value), 8);
  ck_assert_uint_eq (value, KVS_EBML_SIZE_UNKNOWN);
  ck_assert_uint_eq (kvs_ebml_parse_vint ((const guint8 *) "\x40", 1, &value), 0);
  ck_assert_uint_eq (kvs_ebml_parse_vint ((const guint8 *) "\x00", 1, &value), 0);
  ck_assert_uint_eq (kvs_ebml_parse_vint (NULL, 0, &value), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("ebml-reader");
  TCase *tcase = tcase_create ("ebml-reader");

  tcase_add_loop_test (tcase, test_good, 0, G_N_ELEMENTS (good));
  tcase_add_loop_test (tcase, test_bad, 0, G_N_ELEMENTS (bad));
  tcase_add_test (tcase, test_large_payload);
  tcase_add_test (tcase, test_payload_limit);
  tcase_add_test (tcase, test_callback_stops);
  tcase_add_test (tcase, test_parse_numbers);
  suite_add_tcase (suite, tcase);
  return run_suite (suite);
}
