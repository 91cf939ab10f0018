/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/wave-format.h"

/* Offsets into the structure of Windows' multimedia API, which is little-endian and unpadded */
#define TAG_AT 0
#define CHANNELS_AT 2
#define SAMPLE_RATE_AT 4
#define BLOCK_ALIGN_AT 12
#define BITS_AT 14
#define EXTRA_SIZE_AT 16
#define WAVE_FORMAT_BYTES 18

#define G711_BITS 8

static guint
read_16 (const guint8 *at)
{
  return at[0] | (guint) at[1] << 8;
}

static guint32
read_32 (const guint8 *at)
{
  return read_16 (at) | (guint32) read_16 (at + 2) << 16;
}

/**
 * kvs_local_wave_format_tag:
 * @data: CodecPrivate of A_MS/ACM
 * @size: bytes in @data
 *
 * Returns: wFormatTag, or 0 (which is that of no format) if @data is too short to have one
 */
guint
kvs_local_wave_format_tag (const guint8 *data, gsize size)
{
  return size >= TAG_AT + 2 ? read_16 (data + TAG_AT) : 0;
}

/**
 * kvs_local_wave_format_parse:
 * @data: CodecPrivate of A_MS/ACM
 * @size: bytes in @data
 * @out: (out): what it says
 *
 * nAvgBytesPerSec and wBitsPerSample are not required to be right: the producer SDK of AWS writes an
 * eighth of the one and 0 for the other.
 *
 * Returns: whether it is a whole WAVEFORMATEX of G.711
 */
gboolean
kvs_local_wave_format_parse (const guint8 *data, gsize size, KvsLocalWaveFormat *out)
{
  guint bits;

  if (size < WAVE_FORMAT_BYTES || size - WAVE_FORMAT_BYTES < read_16 (data + EXTRA_SIZE_AT))
    return FALSE;
  out->tag = kvs_local_wave_format_tag (data, size);
  out->channels = read_16 (data + CHANNELS_AT);
  out->sample_rate = read_32 (data + SAMPLE_RATE_AT);
  bits = read_16 (data + BITS_AT);
  return (out->tag == KVS_LOCAL_WAVE_A_LAW || out->tag == KVS_LOCAL_WAVE_MU_LAW)
         && out->channels >= 1 && out->sample_rate >= 1 && out->sample_rate <= G_MAXINT
         && read_16 (data + BLOCK_ALIGN_AT) == out->channels && (bits == G711_BITS || bits == 0);
}
