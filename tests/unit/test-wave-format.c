/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/wave-format.h"

#include <check.h>

#include "../suite.h"
#include "bytes.h"

/* wFormatTag nChannels nSamplesPerSec nAvgBytesPerSec nBlockAlign wBitsPerSample cbSize */
static const struct {
  const gchar *data;
  guint tag, channels, sample_rate;
} good[] = {
  { "0600 0100 401f0000 401f0000 0100 0800 0000", 6, 1, 8000 },
  { "0700 0200 803e0000 007d0000 0200 0800 0000", 7, 2, 16000 },
  /* as the producer SDK of AWS writes it */
  { "0600 0100 401f0000 e8030000 0100 0000 0000", 6, 1, 8000 },
  { "0700 0100 401f0000 401f0000 0100 0800 0200 abcd", 7, 1, 8000 },
  { "0700 0100 401f0000 401f0000 0100 0800 0000 abcd", 7, 1, 8000 },
  { "0600 ffff ffffff7f 00000000 ffff 0800 0000", 6, 65535, G_MAXINT },
};

START_TEST (test_good)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (good[_i].data);
  KvsLocalWaveFormat format;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  ck_assert (kvs_local_wave_format_parse (data, size, &format));
  ck_assert_uint_eq (format.tag, good[_i].tag);
  ck_assert_uint_eq (format.channels, good[_i].channels);
  ck_assert_uint_eq (format.sample_rate, good[_i].sample_rate);
}
END_TEST

static const struct {
  const gchar *data;
  guint tag;
} bad[] = {
  { "", 0 },
  { "06", 0 },
  { "0600", 6 },
  { "0700 0100 401f0000 401f0000 0100 0800 00", 7 },
  { "0100 0100 401f0000 401f0000 0100 0800 0000", 1 },
  { "0006 0100 401f0000 401f0000 0100 0800 0000", 0x600 },
  { "0600 0000 401f0000 401f0000 0000 0800 0000", 6 },
  { "0600 0100 00000000 401f0000 0100 0800 0000", 6 },
  { "0600 0100 00000080 401f0000 0100 0800 0000", 6 },
  { "0600 0200 401f0000 401f0000 0100 0800 0000", 6 },
  { "0600 0100 401f0000 401f0000 0100 1000 0000", 6 },
  { "0600 0100 401f0000 401f0000 0100 0800 0300 abcd", 6 },
};

START_TEST (test_bad)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (bad[_i].data);
  KvsLocalWaveFormat format;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  ck_assert (!kvs_local_wave_format_parse (data, size, &format));
  ck_assert_uint_eq (kvs_local_wave_format_tag (data, size), bad[_i].tag);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("wave-format");
  TCase *tc = tcase_create ("wave-format");

  tcase_add_loop_test (tc, test_good, 0, G_N_ELEMENTS (good));
  tcase_add_loop_test (tc, test_bad, 0, G_N_ELEMENTS (bad));
  suite_add_tcase (s, tc);
  return run_suite (s);
}
