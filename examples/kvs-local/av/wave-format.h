/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The WAVEFORMATEX of Matroska's A_MS/ACM, as far as the service plays it: G.711. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Values of wFormatTag, RFC 2361 appendix A */
#define KVS_LOCAL_WAVE_A_LAW 6
#define KVS_LOCAL_WAVE_MU_LAW 7

/**
 * KvsLocalWaveFormat:
 * @tag: %KVS_LOCAL_WAVE_A_LAW or %KVS_LOCAL_WAVE_MU_LAW
 * @channels: at least 1; a sample of each takes a byte
 * @sample_rate: in Hz, at least 1
 */
typedef struct {
  guint tag;
  guint channels;
  guint sample_rate;
} KvsLocalWaveFormat;

guint kvs_local_wave_format_tag (const guint8 *data, gsize size);
gboolean kvs_local_wave_format_parse (const guint8 *data, gsize size, KvsLocalWaveFormat *out);

G_END_DECLS
