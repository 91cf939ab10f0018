/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/g711.h"

#include <check.h>

#include "../suite.h"
#include "bytes.h"
#include "error.h"

/* wFormatTag nChannels nSamplesPerSec nAvgBytesPerSec nBlockAlign wBitsPerSample cbSize. The first
 * two are also what FFmpeg's Matroska muxer writes. */
static const struct {
  KvsG711Law law;
  guint sample_rate, channels;
  const gchar *config;
} configs[] = {
  { KVS_G711_A_LAW, 8000, 1, "0600 0100 401f0000 401f0000 0100 0800 0000" },
  { KVS_G711_MU_LAW, 8000, 1, "0700 0100 401f0000 401f0000 0100 0800 0000" },
  { KVS_G711_MU_LAW, 16000, 2, "0700 0200 803e0000 007d0000 0200 0800 0000" },
  { KVS_G711_A_LAW, 1, 255, "0600 ff00 01000000 ff000000 ff00 0800 0000" },
  { KVS_G711_A_LAW, 768000, 255, "0600 ff00 00b80b00 0048ac0b ff00 0800 0000" },
};

START_TEST (test_config)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) config = kvs_g711_config_new (configs[_i].law, configs[_i].sample_rate,
                                                   configs[_i].channels, &error);

  ck_assert_msg (config != NULL, "%s", error ? error->message : "");
  ck_assert_uint_eq (g_bytes_get_size (config), KVS_G711_CONFIG_BYTES);
  assert_bytes_eq_hex (config, configs[_i].config);
}
END_TEST

static const struct {
  guint sample_rate, channels;
} bad_configs[] = {
  { 0, 1 }, { 8000, 0 }, { 8000, 256 }, { 768001, 1 }, { G_MAXUINT, G_MAXUINT },
};

START_TEST (test_bad_config)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (kvs_g711_config_new (KVS_G711_A_LAW, bad_configs[_i].sample_rate,
                                           bad_configs[_i].channels, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("g711");
  TCase *tc = tcase_create ("g711");

  tcase_add_loop_test (tc, test_config, 0, G_N_ELEMENTS (configs));
  tcase_add_loop_test (tc, test_bad_config, 0, G_N_ELEMENTS (bad_configs));
  suite_add_tcase (s, tc);
  return run_suite (s);
}
