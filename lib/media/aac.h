/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AAC: the AudioSpecificConfig that Matroska wants, and ADTS, which it does not want. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * KvsAacObjectType: audioObjectType, ISO/IEC 14496-3 table 1.17
 */
typedef enum {
  KVS_AAC_MAIN = 1,
  KVS_AAC_LC = 2,
  KVS_AAC_SSR = 3,
  KVS_AAC_LTP = 4,
  KVS_AAC_SBR = 5,
  KVS_AAC_ER_LC = 17,
  KVS_AAC_ER_LTP = 19,
  KVS_AAC_ER_LD = 23,
  KVS_AAC_PS = 29,
} KvsAacObjectType;

/* what adts_frame() has before its first raw_data_block(), without any CRC (1.A.2.2) */
#define KVS_AAC_ADTS_HEADER_BYTES 7

/**
 * KvsAacConfig:
 * @object_type: of the core; 2 for AAC LC and for HE-AAC
 * @sample_rate: of the core, in Hz: what Matroska calls SamplingFrequency
 * @channel_config: channelConfiguration, 0 where a program config element tells the channels
 * @channels: of the core
 * @samples_per_frame: of the core, 1024 or 960, or 512 or 480 for ER AAC LD
 * @has_sbr: whether spectral band replication is announced; it may be there unannounced
 * @has_ps: whether parametric stereo is announced, which makes two channels of one
 * @extension_sample_rate: in Hz, after spectral band replication; @sample_rate without it
 */
typedef struct {
  guint object_type;
  guint sample_rate;
  guint channel_config;
  guint channels;
  guint samples_per_frame;
  gboolean has_sbr;
  gboolean has_ps;
  guint extension_sample_rate;
} KvsAacConfig;

/**
 * KvsAacAdtsHeader:
 * @object_type: 1 Main, 2 LC, 3 SSR, 4 LTP
 * @sample_rate: in Hz
 * @channel_config: 0 where a program config element in the frame tells the channels
 * @header_size: bytes before the first raw_data_block(), CRC and positions counted
 * @frame_size: bytes of the whole ADTS frame, header counted
 * @n_blocks: raw_data_block()s in the frame, 1 to 4; each is a packet of its own in Matroska
 * @has_crc: whether CRCs come with header and blocks
 */
typedef struct {
  guint object_type;
  guint sample_rate;
  guint channel_config;
  gsize header_size;
  gsize frame_size;
  guint n_blocks;
  gboolean has_crc;
} KvsAacAdtsHeader;

/**
 * KvsAacPacket:
 * @offset: of a raw_data_block() from the start of the data
 * @size: in bytes
 */
typedef struct {
  gsize offset;
  gsize size;
} KvsAacPacket;

gboolean kvs_aac_config_parse (const guint8 *data, gsize size, KvsAacConfig *out, GError **error);
GBytes *kvs_aac_config_make_core (const guint8 *data, gsize size, KvsAacConfig *out,
                                  GError **error);

gboolean kvs_aac_adts_parse_header (const guint8 *data, gsize size, KvsAacAdtsHeader *out,
                                    GError **error);
gboolean kvs_aac_adts_split (const guint8 *data, gsize size, GArray *packets, GError **error);
GBytes *kvs_aac_adts_make_config (const guint8 *data, gsize size, KvsAacConfig *out,
                                  GError **error);

G_END_DECLS
