/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* WAVEFORMATEX: what is taken says what the producer's own structure of the same values says. */
#include "fuzz.h"

#include "av/wave-format.h"
#include "media/g711.h"

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  KvsLocalWaveFormat format, again;
  g_autoptr (GBytes) config = NULL;
  const guint8 *made;
  gsize made_size;

  if (!kvs_local_wave_format_parse (data, size, &format))
    return 0;
  g_assert_cmpuint (kvs_local_wave_format_tag (data, size), ==, format.tag);
  config = kvs_g711_config_new ((KvsG711Law) format.tag, format.sample_rate, format.channels, NULL);
  if (config == NULL)
    return 0;
  made = g_bytes_get_data (config, &made_size);
  g_assert_true (kvs_local_wave_format_parse (made, made_size, &again));
  g_assert_cmpuint (again.tag, ==, format.tag);
  g_assert_cmpuint (again.sample_rate, ==, format.sample_rate);
  g_assert_cmpuint (again.channels, ==, format.channels);
  return 0;
}
