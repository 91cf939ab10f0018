/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/g711.h"

#include "error.h"

static guint8 *
put_little_endian (guint8 *at, guint32 value, guint n_bytes)
{
  for (guint i = 0; i < n_bytes; i++)
    *at++ = (guint8) (value >> 8 * i);
  return at;
}

/**
 * kvs_g711_config_new:
 * @law: A-law or mu-law
 * @sample_rate: in Hz, usually 8000
 * @channels: 1 or more
 * @error: %KVS_ERROR_BAD_MEDIA when the rate or the channels cannot be
 *
 * Makes a WAVEFORMATEX, the structure of Windows' multimedia API, little-endian and without
 * padding: one byte for each sample of each channel, so nBlockAlign is the number of channels, and
 * nAvgBytesPerSec that times the rate.
 *
 * Returns: (transfer full) (nullable): 18 bytes, or %NULL after an error
 */
GBytes *
kvs_g711_config_new (KvsG711Law law, guint sample_rate, guint channels, GError **error)
{
  guint8 config[KVS_G711_CONFIG_BYTES];
  guint8 *at = config;

  if (sample_rate < 1 || sample_rate > KVS_G711_MAX_SAMPLE_RATE || channels < 1
      || channels > KVS_G711_MAX_CHANNELS) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA, "G.711 of %u channels at %u Hz", channels,
                 sample_rate);
    return NULL;
  }
  at = put_little_endian (at, law, 2); /* wFormatTag */
  at = put_little_endian (at, channels, 2); /* nChannels */
  at = put_little_endian (at, sample_rate, 4); /* nSamplesPerSec */
  at = put_little_endian (at, channels * sample_rate, 4); /* nAvgBytesPerSec */
  at = put_little_endian (at, channels, 2); /* nBlockAlign */
  at = put_little_endian (at, KVS_G711_BIT_DEPTH, 2); /* wBitsPerSample */
  put_little_endian (at, 0, 2); /* cbSize */
  return g_bytes_new (config, sizeof config);
}
