/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the AAC code share among themselves. */
#pragma once

#include "media/aac.h"
#include "media/bit-reader.h"

G_BEGIN_DECLS

/**
 * KvsAacWriter:
 * @bytes: (nullable): what was written, zero bits after the last one; %NULL to write nothing
 * @n_bits: number of bits written
 */
typedef struct {
  GByteArray *bytes;
  gsize n_bits;
} KvsAacWriter;

/* Always FALSE, to be returned. */
gboolean kvs_aac_fail (GError **error, const gchar *what, guint64 value);

/* 0 for the reserved indices 13 and 14, and for 15 */
guint kvs_aac_sample_rate_of_index (guint index);
/* 0 for reserved numbers and for 0 */
guint kvs_aac_channels_of_config (guint channel_config);

void kvs_aac_write (KvsAacWriter *writer, guint32 value, guint n_bits);
/* AudioSpecificConfig() up to channelConfiguration, without signs of spectral band replication */
void kvs_aac_write_head (KvsAacWriter *writer, const KvsAacConfig *config);
/* Takes a program_config_element() without its comment from one to the other, and counts channels.
 * */
void kvs_aac_copy_program_config (KvsBitReader *reader, KvsAacWriter *writer, guint *channels);

G_END_DECLS
