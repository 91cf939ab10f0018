/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps G.711 in time where its samples have no times of their own: in a QuickTime file, in which each
 * follows the one before at once. */
#pragma once

#include <libavcodec/avcodec.h>

#include <glib.h>

G_BEGIN_DECLS

/* How far sound may be from its time before it is moved: as far as producers' clocks and jitter take
 * it, and less than what is seen on lips. */
#define KVS_LOCAL_G711_SLACK_MS 40

/* More than two hours of a telephone's sound. What would need more is not moved any more. */
#define KVS_LOCAL_G711_MAX_SILENCE_BYTES (64 * 1024 * 1024)

/**
 * KvsLocalG711Fit:
 * @has_begun: whether there was a packet; all zero before
 * @end: where the last packet ends, in samples
 * @silence_bytes: how much was put in
 */
typedef struct {
  gboolean has_begun;
  gint64 end;
  gsize silence_bytes;
} KvsLocalG711Fit;

gboolean kvs_local_g711_fit (KvsLocalG711Fit *fit, const AVCodecParameters *codec,
                             AVPacket *packet);

G_END_DECLS
