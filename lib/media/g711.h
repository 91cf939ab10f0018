/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* G.711 (A-law and mu-law): the WAVEFORMATEX that Matroska's A_MS/ACM wants. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* bytes of a WAVEFORMATEX without anything behind it */
#define KVS_G711_CONFIG_BYTES 18

/* of one sample of one channel, coded */
#define KVS_G711_BIT_DEPTH 8

/* nAvgBytesPerSec stays far from its limit, and nothing has more */
#define KVS_G711_MAX_CHANNELS 255
#define KVS_G711_MAX_SAMPLE_RATE 768000

/**
 * KvsG711Law: values of wFormatTag, RFC 2361 appendix A
 */
typedef enum {
  KVS_G711_A_LAW = 6,
  KVS_G711_MU_LAW = 7,
} KvsG711Law;

GBytes *kvs_g711_config_new (KvsG711Law law, guint sample_rate, guint channels, GError **error);

G_END_DECLS
