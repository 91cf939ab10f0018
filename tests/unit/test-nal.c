/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/nal.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "annexb-naive.h"
#include "bytes.h"
#include "error.h"
#include "media/frame.h"

/* "offset+size offset+size ...", so that a failure shows what was found */
static gchar *
describe (const GArray *units)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < units->len; i++) {
    const KvsNalUnit *unit = &g_array_index (units, KvsNalUnit, i);

    g_string_append_printf (text, "%s%" G_GSIZE_FORMAT "+%" G_GSIZE_FORMAT,
                            i > 0 ? " " : "", unit->offset, unit->size);
  }
  return g_string_free (text, FALSE);
}

static const struct {
  const gchar *what;
  const gchar *hex;
  const gchar *units;
} annexb_cases[] = {
  { "nothing", "", "" },
  { "no start code", "67 42 c0 0d", "" },
  { "zeros alone", "00 00 00 00 00", "" },
  { "a start code alone", "00 00 00 01", "" },
  { "three bytes", "00 00 01 65 88", "3+2" },
  { "four bytes", "00 00 00 01 65 88", "4+2" },
  { "many leading zeros", "00 00 00 00 00 00 01 65 88", "7+2" },
  { "both kinds", "00 00 00 01 67 42 00 00 01 68 ce 00 00 00 01 65 88", "4+2 9+2 15+2" },
  { "trailing zeros between", "00 00 01 67 42 00 00 00 00 00 01 68 ce", "3+2 11+2" },
  { "trailing zeros at the end", "00 00 01 65 88 80 00 00 00", "3+3" },
  { "empty units", "00 00 01 00 00 01 00 00 00 01 65 88", "10+2" },
  { "a unit of zeros", "00 00 01 00 00 00 00 01 65 88", "8+2" },
  { "bytes before the first start code", "01 02 03 00 00 01 65 88", "6+2" },
  { "ones are not start codes", "00 00 01 65 01 00 01 01 01 00 01 00 00 01 41", "3+8 14+1" },
  { "emulation prevention stays", "00 00 01 65 00 00 03 01 88", "3+6" },
  { "cabac_zero_words", "00 00 01 65 80 00 00 03 00 00 03 00 00 01 41 9a", "3+8 14+2" },
  { "one byte", "00 00 01 09 00 00 01 65", "3+1 7+1" },
};

START_TEST (test_annexb)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (annexb_cases[_i].hex);
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autofree gchar *got = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  kvs_nal_split_annexb (data, size, units);
  got = describe (units);
  ck_assert_msg (strcmp (got, annexb_cases[_i].units) == 0, "%s: got '%s', want '%s'",
                 annexb_cases[_i].what, got, annexb_cases[_i].units);
}
END_TEST

static void
assert_same_as_naive (const guint8 *data, gsize size, const gchar *what)
{
  g_autoptr (GArray) fast = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autoptr (GArray) naive = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autofree gchar *got = NULL, *want = NULL;
  /* on the heap, at its exact size: a sanitizer then sees any look beyond either end */
  g_autofree guint8 *copy = g_memdup2 (data, size);

  kvs_nal_split_annexb (copy, size, fast);
  annexb_split_naively (data, size, naive);
  got = describe (fast);
  want = describe (naive);
  ck_assert_msg (strcmp (got, want) == 0, "%s: got '%s', want '%s'", what, got, want);
}

START_TEST (test_annexb_like_naive)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (20240102u + (guint) _i);
  guint8 data[2048];

  /* the fewer values there are, the more start codes and ones */
  for (guint round = 0; round < 400; round++) {
    gint n_values = g_rand_int_range (rand, 2, _i == 0 ? 4 : 257);
    gsize size = (gsize) g_rand_int_range (rand, 0, (gint) sizeof data + 1);

    for (gsize i = 0; i < size; i++)
      data[i] = (guint8) g_rand_int_range (rand, 0, n_values);
    assert_same_as_naive (data, size, "random");
  }
}
END_TEST

/* What surrounds a start code. */
static const struct {
  const gchar *what;
  const gchar *hex; /* again and again */
} fillings[] = {
  { "ones", "01" },
  { "zeros", "00" },
  { "zero, one", "00 01" },
  { "two zeros, two", "00 00 02" },
  { "two zeros, three", "00 00 03" },
  { "bits above the lowest", "81 80" },
  { "all bits", "ff" },
  { "nearly", "00 00 81 00 01 01 80 00 01" },
  { "start codes", "00 00 01 41" },
  { "empty start codes", "00 00 01" },
};

static void
fill (guint8 *data, gsize size, const gchar *hex)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (hex);
  gsize period;
  const guint8 *pattern = g_bytes_get_data (bytes, &period);

  for (gsize i = 0; i < size; i++)
    data[i] = pattern[i % period];
}

/* Each place of a start code within words and stripes, and relative to the data's end. */
START_TEST (test_annexb_everywhere)
{
  for (gsize at = 0; at < 200; at++) {
    guint8 data[220];

    fill (data, sizeof data, fillings[_i].hex);
    memcpy (data + at, "\0\0\1\x65", 4);
    assert_same_as_naive (data, sizeof data, fillings[_i].what);
    for (gsize size = at + 5; size-- > at;)
      assert_same_as_naive (data, size, fillings[_i].what);
    for (gsize skipped = 1; skipped < 16; skipped++)
      assert_same_as_naive (data + skipped, sizeof data - skipped, fillings[_i].what);
  }
}
END_TEST

/* What is found at both ends of megabytes. */
START_TEST (test_annexb_of_megabytes)
{
  gsize size = 8 * 1024 * 1024;
  g_autofree guint8 *data = g_malloc (size);
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autofree gchar *got = NULL;

  memset (data, _i, size);
  memcpy (data, "\0\0\1\x65", 4);
  memcpy (data + size - 5, "\0\0\1\x41\x9a", 5);
  kvs_nal_split_annexb (data, size, units);
  got = describe (units);
  ck_assert_str_eq (got, _i == 0 ? "3+1 8388606+2" : "3+8388600 8388606+2");
}
END_TEST

START_TEST (test_array_is_reused)
{
  static const guint8 data[] = { 0, 0, 1, 0x65, 0x88 };
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));

  kvs_nal_split_annexb (data, sizeof data, units);
  kvs_nal_split_annexb (data, sizeof data, units);
  ck_assert_uint_eq (units->len, 1);
  ck_assert (kvs_nal_split_length_prefixed (NULL, 0, 4, units, NULL));
  ck_assert_uint_eq (units->len, 0);
}
END_TEST

static const struct {
  guint length_size;
  const gchar *hex;
  const gchar *units; /* NULL: an error */
  const gchar *error_part;
} prefixed_cases[] = {
  { 4, "", "", NULL },
  { 4, "00000002 6588 00000001 41", "4+2 10+1", NULL },
  { 3, "000002 6588 000001 41", "3+2 8+1", NULL },
  { 2, "0002 6588 0001 41", "2+2 6+1", NULL },
  { 1, "02 6588 01 41", "1+2 4+1", NULL },
  { 4, "00000000 00000002 6588", "8+2", NULL },
  { 4, "00000003 658800", "4+3", NULL },
  { 4, "00000002 65", NULL, "offset 0 " },
  { 4, "00000002 6588 00000002 41", NULL, "offset 6 " },
  { 4, "00000002 6588 000000", NULL, "offset 6 " },
  { 4, "ffffffff 6588", NULL, "claims 4294967295 bytes" },
  { 4, "00000001 65880000", NULL, "offset 5 " },
  { 2, "0001", NULL, "offset 0 " },
  { 0, "65", NULL, "0 bytes" },
  { 5, "0000000001 65", NULL, "5 bytes" },
};

START_TEST (test_length_prefixed)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (prefixed_cases[_i].hex);
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autoptr (GError) error = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  gboolean good = kvs_nal_split_length_prefixed (data, size, prefixed_cases[_i].length_size,
                                                 units, &error);

  if (prefixed_cases[_i].units != NULL) {
    g_autofree gchar *got = describe (units);

    ck_assert (good);
    ck_assert_str_eq (got, prefixed_cases[_i].units);
  } else {
    ck_assert (!good);
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
    ck_assert_msg (strstr (error->message, prefixed_cases[_i].error_part) != NULL, "%s",
                   error->message);
  }
}
END_TEST

/* What goes to the service: start codes become lengths, and the payload is not copied. */
START_TEST (test_frame_of_annexb)
{
  g_autoptr (GBytes) bytes = bytes_from_hex ("00000001 09f0 000001 6588 00 00000001 419a02");
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autoptr (GByteArray) wire = g_byte_array_new ();
  g_autoptr (GBytes) wire_bytes = NULL;
  g_autoptr (KvsFrame) frame = NULL;
  KvsFrameInfo info = { .track_number = 1 };
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  KvsPayload payload;

  kvs_nal_split_annexb (data, size, units);
  kvs_payload_init_bytes (&payload, bytes);
  frame = kvs_frame_new_from_nal_units (&info, &payload, (const KvsNalUnit *) units->data,
                                        units->len);
  for (guint i = 0; i < frame->n_slices; i++)
    g_byte_array_append (wire, frame->slices[i].data, (guint) frame->slices[i].size);
  ck_assert_uint_eq (frame->size_bytes, wire->len);
  ck_assert_ptr_eq (frame->slices[1].data, data + 4);
  wire_bytes = g_bytes_new (wire->data, wire->len);
  assert_bytes_eq_hex (wire_bytes, "00000002 09f0 00000002 6588 00000003 419a02");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("nal");
  TCase *tc = tcase_create ("nal");

  tcase_set_timeout (tc, 60);
  tcase_add_loop_test (tc, test_annexb, 0, G_N_ELEMENTS (annexb_cases));
  tcase_add_loop_test (tc, test_annexb_like_naive, 0, 2);
  tcase_add_loop_test (tc, test_annexb_everywhere, 0, G_N_ELEMENTS (fillings));
  tcase_add_loop_test (tc, test_annexb_of_megabytes, 0, 3);
  tcase_add_test (tc, test_array_is_reused);
  tcase_add_loop_test (tc, test_length_prefixed, 0, G_N_ELEMENTS (prefixed_cases));
  tcase_add_test (tc, test_frame_of_annexb);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
