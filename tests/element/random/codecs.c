/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codecs.h"

#include "bytes.h"
#include "config-tables.h"

#define ID_BYTES 9
#define MAX_FILLING_BYTES 80

gboolean
codec_is_audio (Codec codec)
{
  return codec >= CODEC_FIRST_AUDIO;
}

gboolean
codec_is_h265 (Codec codec)
{
  return codec == CODEC_HVC1 || codec == CODEC_H265;
}

gboolean
codec_is_byte_stream (Codec codec)
{
  return codec == CODEC_H264 || codec == CODEC_H264_NAL || codec == CODEC_H265;
}

/* ---- configurations ---- */

static gsize
read_length (const guint8 *data)
{
  return (gsize) data[0] << 8 | data[1];
}

static const guint8 *
take_sets (GPtrArray *sets, const guint8 *data, guint n)
{
  while (n-- > 0) {
    gsize size = read_length (data);

    g_ptr_array_add (sets, g_bytes_new (data + 2, size));
    data += 2 + size;
  }
  return data;
}

static void
take_avcc_sets (Config *config)
{
  const guint8 *data = g_bytes_get_data (config->codec_private, NULL);
  const guint8 *pps = take_sets (config->sets, data + 6, data[5] & 0x1f);

  take_sets (config->sets, pps + 1, pps[0]);
}

static void
take_hvcc_sets (Config *config)
{
  const guint8 *data = g_bytes_get_data (config->codec_private, NULL);
  guint n_arrays = data[22];

  for (data += 23; n_arrays > 0; n_arrays--)
    data = take_sets (config->sets, data + 3, (guint) read_length (data + 1));
}

static void
set_video (Config *config, guint variant)
{
  gboolean is_h265 = codec_is_h265 (config->codec);
  VideoRow row = is_h265 ? h265_row (variant) : h264_row (variant);

  config->codec_id = is_h265 ? "V_MPEGH/ISO/HEVC" : "V_MPEG4/ISO/AVC";
  config->codec_private = bytes_from_hex (row.hex);
  config->width = row.width;
  config->height = row.height;
  if (is_h265)
    take_hvcc_sets (config);
  else
    take_avcc_sets (config);
}

/* AudioSpecificConfig: AAC LC, the index of the rate, the channels */
static void
set_aac (Config *config, guint variant)
{
  static const guint rates[] = { 48000, 16000, 44100 };
  static const guint indexes[] = { 3, 8, 4 };
  guint8 data[2];

  config->codec_id = "A_AAC";
  config->sample_rate = rates[variant % 3];
  config->channels = variant % 2 + 1;
  data[0] = (guint8) (2 << 3 | indexes[variant % 3] >> 1);
  data[1] = (guint8) ((indexes[variant % 3] & 1) << 7 | config->channels << 3);
  config->codec_private = g_bytes_new (data, sizeof data);
}

static void
put_little_endian (guint8 *data, guint32 value, guint n_bytes)
{
  for (guint i = 0; i < n_bytes; i++)
    data[i] = (guint8) (value >> (8 * i));
}

/* WAVEFORMATEX: 6 is A-law, 7 mu-law */
static void
set_g711 (Config *config, guint variant)
{
  guint8 data[18] = { 0 };

  config->codec_id = "A_MS/ACM";
  config->sample_rate = variant % 3 == 1 ? 16000 : 8000;
  config->channels = variant % 3 == 2 ? 2 : 1;
  config->bit_depth = 8;
  put_little_endian (data, config->codec == CODEC_A_LAW ? 6 : 7, 2);
  put_little_endian (data + 2, config->channels, 2);
  put_little_endian (data + 4, config->sample_rate, 4);
  put_little_endian (data + 8, config->sample_rate * config->channels, 4);
  put_little_endian (data + 12, config->channels, 2);
  put_little_endian (data + 14, 8, 2);
  config->codec_private = g_bytes_new (data, sizeof data);
}

Config *
config_new (Codec codec, guint variant)
{
  Config *config = g_new0 (Config, 1);

  config->codec = codec;
  config->sets = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  if (!codec_is_audio (codec))
    set_video (config, variant);
  else if (codec == CODEC_AAC || codec == CODEC_ADTS)
    set_aac (config, variant);
  else
    set_g711 (config, variant);
  return config;
}

void
config_free (gpointer data)
{
  Config *config = data;

  g_bytes_unref (config->codec_private);
  g_ptr_array_unref (config->sets);
  g_free (config);
}

/* ---- caps ---- */

static const gchar *const caps_texts[] = {
  [CODEC_AVC] = "video/x-h264,stream-format=avc,alignment=au",
  [CODEC_H264] = "video/x-h264,stream-format=byte-stream,alignment=au",
  [CODEC_H264_NAL] = "video/x-h264,stream-format=byte-stream,alignment=nal",
  [CODEC_HVC1] = "video/x-h265,stream-format=hvc1,alignment=au",
  [CODEC_H265] = "video/x-h265,stream-format=byte-stream,alignment=au",
  [CODEC_AAC] = "audio/mpeg,mpegversion=4,stream-format=raw",
  [CODEC_ADTS] = "audio/mpeg,mpegversion=4,stream-format=adts",
  [CODEC_A_LAW] = "audio/x-alaw",
  [CODEC_MU_LAW] = "audio/x-mulaw",
};

/* @fps: 0 for none
 * @with_size: else kvssink has to find it in the parameter sets */
GstCaps *
config_make_caps (const Config *config, guint fps, gboolean with_size)
{
  GstCaps *caps = gst_caps_from_string (caps_texts[config->codec]);

  if (codec_is_audio (config->codec))
    gst_caps_set_simple (caps, "rate", G_TYPE_INT, (gint) config->sample_rate, "channels",
                         G_TYPE_INT, (gint) config->channels, NULL);
  else if (with_size)
    gst_caps_set_simple (caps, "width", G_TYPE_INT, (gint) config->width, "height", G_TYPE_INT,
                         (gint) config->height, NULL);
  if (fps > 0)
    gst_caps_set_simple (caps, "framerate", GST_TYPE_FRACTION, (gint) fps, 1, NULL);
  if (config->codec == CODEC_AVC || config->codec == CODEC_HVC1 || config->codec == CODEC_AAC) {
    GstBuffer *buffer = gst_buffer_new_wrapped_bytes (config->codec_private);

    gst_caps_set_simple (caps, "codec_data", GST_TYPE_BUFFER, buffer, NULL);
    gst_buffer_unref (buffer);
  }
  return caps;
}

/* ---- NAL units ---- */

/* Seven bits a byte, so that neither start codes nor emulation prevention come about. */
static void
append_id (GByteArray *data, guint64 id, GRand *rand)
{
  guint n_filling = (guint) g_rand_int_range (rand, 0, MAX_FILLING_BYTES);

  for (guint i = 0; i < ID_BYTES; i++) {
    guint8 byte = (guint8) (0x80 | (id >> (7 * (ID_BYTES - 1 - i)) & 0x7f));

    g_byte_array_append (data, &byte, 1);
  }
  for (guint i = 0; i < n_filling; i++) {
    guint8 byte = (guint8) (0x80 | g_rand_int_range (rand, 0, 0x80));

    g_byte_array_append (data, &byte, 1);
  }
}

/* first_mb_in_slice 0 and slice_type 5 to 7, Exp-Golomb coded */
static void
append_h264_head (GByteArray *data, Picture picture)
{
  static const guint8 heads[][2] = {
    [PICTURE_IDR] = { 0x65, 0x88 }, [PICTURE_I] = { 0x41, 0x88 }, [PICTURE_P] = { 0x41, 0x9b },
    [PICTURE_B] = { 0x01, 0x9f },   [PICTURE_LEADING] = { 0x01, 0x9f },
  };

  g_byte_array_append (data, heads[picture], 2);
}

/* IDR_W_RADL, CRA, TRAIL_R, TRAIL_N, RASL_N; then first_slice_segment_in_pic_flag */
static void
append_h265_head (GByteArray *data, Picture picture, guint slice)
{
  static const guint8 types[] = { 19, 21, 1, 0, 8 };
  guint8 head[3] = { (guint8) (types[picture] << 1), 1, slice == 0 ? 0xc0 : 0x40 };

  g_byte_array_append (data, head, sizeof head);
}

static GBytes *
make_slice (const Config *config, GRand *rand, guint64 id, Picture picture, guint slice)
{
  GByteArray *data = g_byte_array_new ();
  const guint8 second = 0x4d; /* first_mb_in_slice 1, slice_type 5 */

  if (codec_is_h265 (config->codec))
    append_h265_head (data, picture, slice);
  else
    append_h264_head (data, picture);
  if (slice > 0 && !codec_is_h265 (config->codec) && picture == PICTURE_P)
    data->data[1] = second;
  append_id (data, id, rand);
  return g_byte_array_free_to_bytes (data);
}

/* Returns: (transfer full): of GBytes */
GPtrArray *
video_make_nals (const Config *config, GRand *rand, guint64 id, Picture picture,
                 gboolean with_sets)
{
  static const guint8 h264_aud[] = { 0x09, 0xf0 }, h265_aud[] = { 0x46, 0x01, 0x50 };
  static const guint8 h264_sei[] = { 0x06, 0x05, 0x01, 0xaa, 0x80 };
  GPtrArray *nals = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  gboolean is_h265 = codec_is_h265 (config->codec);
  guint n_slices = config->codec != CODEC_H264_NAL ? (guint) g_rand_int_range (rand, 1, 3) : 1;

  if (g_rand_int_range (rand, 0, 4) == 0)
    g_ptr_array_add (nals, is_h265 ? g_bytes_new_static (h265_aud, sizeof h265_aud)
                                   : g_bytes_new_static (h264_aud, sizeof h264_aud));
  for (guint i = 0; with_sets && i < config->sets->len; i++)
    g_ptr_array_add (nals, g_bytes_ref (config->sets->pdata[i]));
  if (!is_h265 && g_rand_int_range (rand, 0, 6) == 0)
    g_ptr_array_add (nals, g_bytes_new_static (h264_sei, sizeof h264_sei));
  for (guint i = 0; i < n_slices; i++)
    g_ptr_array_add (nals, make_slice (config, rand, id, picture, i));
  return nals;
}

GBytes *
nals_with_lengths (GPtrArray *nals)
{
  GByteArray *data = g_byte_array_new ();

  for (guint i = 0; i < nals->len; i++) {
    gsize size;
    const guint8 *nal = g_bytes_get_data (nals->pdata[i], &size);
    guint32 length = GUINT32_TO_BE ((guint32) size);

    g_byte_array_append (data, (const guint8 *) &length, sizeof length);
    g_byte_array_append (data, nal, (guint) size);
  }
  return g_byte_array_free_to_bytes (data);
}

GBytes *
nals_with_start_codes (GPtrArray *nals, GRand *rand)
{
  static const guint8 start_code[] = { 0, 0, 0, 1 };
  GByteArray *data = g_byte_array_new ();

  for (guint i = 0; i < nals->len; i++) {
    gsize size;
    const guint8 *nal = g_bytes_get_data (nals->pdata[i], &size);
    gboolean is_short = i > 0 && g_rand_boolean (rand);

    g_byte_array_append (data, start_code + is_short, 4u - is_short);
    g_byte_array_append (data, nal, (guint) size);
  }
  return g_byte_array_free_to_bytes (data);
}

/* ---- audio ---- */

GBytes *
audio_make_packet (GRand *rand, guint64 id, guint channels)
{
  GByteArray *data = g_byte_array_new ();
  const guint8 last = 0x80;

  append_id (data, id, rand);
  while (data->len % channels != 0)
    g_byte_array_append (data, &last, 1);
  return g_byte_array_free_to_bytes (data);
}

GBytes *
audio_with_adts_header (const Config *config, GBytes *packet)
{
  const guint8 *asc = g_bytes_get_data (config->codec_private, NULL);
  guint index = (guint) (asc[0] & 7) << 1 | asc[1] >> 7;
  gsize size;
  const guint8 *data = g_bytes_get_data (packet, &size);
  guint length = (guint) size + 7;
  guint8 header[] = {
    0xff,
    0xf1,
    (guint8) (1 << 6 | index << 2 | config->channels >> 2),
    (guint8) ((config->channels & 3) << 6 | length >> 11),
    (guint8) (length >> 3),
    (guint8) ((length & 7) << 5 | 0x1f),
    0xfc,
  };
  GByteArray *frame = g_byte_array_new ();

  g_byte_array_append (frame, header, sizeof header);
  g_byte_array_append (frame, data, (guint) size);
  return g_byte_array_free_to_bytes (frame);
}
