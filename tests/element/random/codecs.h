/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Media of all codecs: caps, what has to become of them in a track entry, and buffers that can be told
 * apart. */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum {
  CODEC_AVC,
  CODEC_H264,     /* byte-stream, alignment=au */
  CODEC_H264_NAL, /* byte-stream, alignment=nal */
  CODEC_HVC1,
  CODEC_H265,
  CODEC_AAC,
  CODEC_ADTS,
  CODEC_A_LAW,
  CODEC_MU_LAW,
} Codec;

#define CODEC_FIRST_AUDIO CODEC_AAC
#define N_CODECS (CODEC_MU_LAW + 1)
#define N_CONFIG_VARIANTS 3

typedef enum {
  PICTURE_IDR,
  PICTURE_I, /* of an open GOP */
  PICTURE_P,
  PICTURE_B,
  PICTURE_LEADING, /* a B picture that needs one before the I picture it follows */
} Picture;

/**
 * Config: what a stream is until it changes.
 * @sets: of GBytes: parameter sets, without start codes
 */
typedef struct {
  Codec codec;
  const gchar *codec_id;
  GBytes *codec_private;
  GPtrArray *sets;
  guint width;
  guint height;
  guint sample_rate;
  guint channels;
  guint bit_depth;
} Config;

Config *config_new (Codec codec, guint variant);
void config_free (gpointer config);
GstCaps *config_make_caps (const Config *config, guint fps, gboolean with_size);

gboolean codec_is_audio (Codec codec);
gboolean codec_is_h265 (Codec codec);
gboolean codec_is_byte_stream (Codec codec);

GPtrArray *video_make_nals (const Config *config, GRand *rand, guint64 id, Picture picture,
                            gboolean with_sets);
GBytes *nals_with_lengths (GPtrArray *nals);
GBytes *nals_with_start_codes (GPtrArray *nals, GRand *rand);

GBytes *audio_make_packet (GRand *rand, guint64 id, guint channels);
GBytes *audio_with_adts_header (const Config *config, GBytes *packet);

G_END_DECLS
