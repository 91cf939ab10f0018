/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AudioSpecificConfig(), ISO/IEC 14496-3 1.6.2.1. */
#include "media/aac.h"

#include "error.h"
#include "media/aac-private.h"

#define OBJECT_TYPE_ESCAPE 31
#define OBJECT_TYPE_ER_BSAC 22
#define OBJECT_TYPE_ELD 39
#define FREQUENCY_INDEX_ESCAPE 15
#define SYNC_EXTENSION_SBR 0x2b7
#define SYNC_EXTENSION_PS 0x548

/* ISO/IEC 14496-3 table 1.18 */
static const guint sample_rates[] = {
  96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
};

/* ISO/IEC 14496-3 table 1.19 */
static const guint8 channels_of_config[] = {
  0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0,
};

gboolean
kvs_aac_fail (GError **error, const gchar *what, guint64 value)
{
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA, "AAC: %s is %" G_GUINT64_FORMAT, what, value);
  return FALSE;
}

static gboolean
fail_cut (GError **error, gsize size)
{
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
               "AudioSpecificConfig of %" G_GSIZE_FORMAT " bytes is cut off", size);
  return FALSE;
}

guint
kvs_aac_sample_rate_of_index (guint index)
{
  return index < G_N_ELEMENTS (sample_rates) ? sample_rates[index] : 0;
}

guint
kvs_aac_channels_of_config (guint channel_config)
{
  if (channel_config >= G_N_ELEMENTS (channels_of_config))
    return 0;
  return channels_of_config[channel_config];
}

/* ---- writing ---- */

void
kvs_aac_write (KvsAacWriter *writer, guint32 value, guint n_bits)
{
  static const guint8 zero = 0;

  if (writer->bytes == NULL)
    return;
  while (n_bits-- > 0) {
    if (writer->n_bits % 8 == 0)
      g_byte_array_append (writer->bytes, &zero, 1);
    if ((value >> n_bits & 1) != 0)
      writer->bytes->data[writer->bytes->len - 1] |= (guint8) (0x80 >> writer->n_bits % 8);
    writer->n_bits++;
  }
}

static guint32
copy (KvsBitReader *reader, KvsAacWriter *writer, guint n_bits)
{
  guint32 value = kvs_bit_reader_read (reader, n_bits);

  kvs_aac_write (writer, value, n_bits);
  return value;
}

void
kvs_aac_write_head (KvsAacWriter *writer, const KvsAacConfig *config)
{
  guint index = 0;

  if (config->object_type >= OBJECT_TYPE_ESCAPE + 1) {
    kvs_aac_write (writer, OBJECT_TYPE_ESCAPE, 5);
    kvs_aac_write (writer, config->object_type - OBJECT_TYPE_ESCAPE - 1, 6);
  } else {
    kvs_aac_write (writer, config->object_type, 5);
  }
  while (index < G_N_ELEMENTS (sample_rates) && sample_rates[index] != config->sample_rate)
    index++;
  if (index < G_N_ELEMENTS (sample_rates)) {
    kvs_aac_write (writer, index, 4);
  } else {
    kvs_aac_write (writer, FREQUENCY_INDEX_ESCAPE, 4);
    kvs_aac_write (writer, config->sample_rate, 24);
  }
  kvs_aac_write (writer, config->channel_config, 4);
}

/* Elements of one kind, each one channel or a pair. Returns: their channels */
static guint
copy_channel_elements (KvsBitReader *reader, KvsAacWriter *writer, guint n_elements)
{
  guint n_channels = 0;

  for (guint i = 0; i < n_elements; i++) {
    n_channels += 1 + copy (reader, writer, 1); /* element_is_cpe */
    copy (reader, writer, 4);
  }
  return n_channels;
}

/* 4.4.1.1, table 4.2. byte_alignment() counts from where the reader, and the writer, began. */
void
kvs_aac_copy_program_config (KvsBitReader *reader, KvsAacWriter *writer, guint *channels)
{
  guint n_front, n_side, n_back, n_lfe, n_data, n_coupling;

  copy (reader, writer, 4 + 2 + 4); /* tag, object type, frequency index */
  n_front = copy (reader, writer, 4);
  n_side = copy (reader, writer, 4);
  n_back = copy (reader, writer, 4);
  n_lfe = copy (reader, writer, 2);
  n_data = copy (reader, writer, 3);
  n_coupling = copy (reader, writer, 4);
  if (copy (reader, writer, 1) != 0) /* mono_mixdown_present */
    copy (reader, writer, 4);
  if (copy (reader, writer, 1) != 0) /* stereo_mixdown_present */
    copy (reader, writer, 4);
  if (copy (reader, writer, 1) != 0) /* matrix_mixdown_idx_present */
    copy (reader, writer, 2 + 1);
  *channels = copy_channel_elements (reader, writer, n_front);
  *channels += copy_channel_elements (reader, writer, n_side);
  *channels += copy_channel_elements (reader, writer, n_back);
  *channels += n_lfe;
  for (guint i = 0; i < n_lfe + n_data; i++)
    copy (reader, writer, 4);
  for (guint i = 0; i < n_coupling; i++)
    copy (reader, writer, 1 + 4);
  kvs_bit_reader_skip (reader, kvs_bit_reader_get_bits_left (reader) % 8);
  kvs_bit_reader_skip (reader, 8 * (gsize) kvs_bit_reader_read (reader, 8));
  kvs_aac_write (writer, 0, (guint) ((8 - writer->n_bits % 8) % 8));
  kvs_aac_write (writer, 0, 8); /* comment_field_bytes */
}

/* ---- parsing ---- */

/* GetAudioObjectType() */
static guint
read_object_type (KvsBitReader *reader)
{
  guint object_type = kvs_bit_reader_read (reader, 5);

  if (object_type == OBJECT_TYPE_ESCAPE)
    object_type = OBJECT_TYPE_ESCAPE + 1 + kvs_bit_reader_read (reader, 6);
  return object_type;
}

/* Returns: 0 where it is reserved */
static guint
read_sample_rate (KvsBitReader *reader)
{
  guint index = kvs_bit_reader_read (reader, 4);

  if (index == FREQUENCY_INDEX_ESCAPE)
    return kvs_bit_reader_read (reader, 24);
  return kvs_aac_sample_rate_of_index (index);
}

/* From the beginning up to the configuration of the object type */
static gboolean
read_head (KvsBitReader *reader, KvsAacConfig *out, GError **error)
{
  out->object_type = read_object_type (reader);
  out->sample_rate = read_sample_rate (reader);
  out->channel_config = kvs_bit_reader_read (reader, 4);
  out->extension_sample_rate = out->sample_rate;
  if (out->object_type == KVS_AAC_SBR || out->object_type == KVS_AAC_PS) {
    out->has_sbr = TRUE;
    out->has_ps = out->object_type == KVS_AAC_PS;
    out->extension_sample_rate = read_sample_rate (reader);
    out->object_type = read_object_type (reader);
    if (out->object_type == OBJECT_TYPE_ER_BSAC)
      kvs_bit_reader_skip (reader, 4); /* extensionChannelConfiguration */
  }
  if (out->object_type == 0 || out->object_type == KVS_AAC_SBR || out->object_type == KVS_AAC_PS)
    return kvs_aac_fail (error, "audioObjectType", out->object_type);
  if (out->sample_rate == 0 || out->extension_sample_rate == 0)
    return kvs_aac_fail (error, "sampling frequency", 0);
  out->channels = kvs_aac_channels_of_config (out->channel_config);
  if (out->channels == 0 && out->channel_config != 0)
    return kvs_aac_fail (error, "channelConfiguration", out->channel_config);
  return TRUE;
}

static gboolean
is_error_resilient (guint object_type)
{
  return object_type == KVS_AAC_ER_LC || object_type == KVS_AAC_ER_LTP
         || object_type == KVS_AAC_ER_LD;
}

/* Those whose configuration is read to its end. The scalable ones, BSAC, TwinVQ and all that are no
 * AAC are not. */
static gboolean
is_known (guint object_type)
{
  return (object_type >= KVS_AAC_MAIN && object_type <= KVS_AAC_LTP)
         || is_error_resilient (object_type);
}

/* GASpecificConfig(), 4.4.1, and epConfig */
static gboolean
copy_core (KvsBitReader *reader, KvsAacWriter *writer, KvsAacConfig *out, GError **error)
{
  guint is_short, has_extension;

  is_short = copy (reader, writer, 1); /* frameLengthFlag */
  if (out->object_type == KVS_AAC_ER_LD)
    out->samples_per_frame = is_short ? 480 : 512;
  else
    out->samples_per_frame = is_short ? 960 : 1024;
  if (copy (reader, writer, 1) != 0) /* dependsOnCoreCoder */
    copy (reader, writer, 14);
  has_extension = copy (reader, writer, 1);
  if (out->channel_config == 0) {
    kvs_aac_copy_program_config (reader, writer, &out->channels);
    if (out->channels == 0 && !reader->failed)
      return kvs_aac_fail (error, "number of channels", 0);
  }
  if (has_extension && is_error_resilient (out->object_type))
    copy (reader, writer, 1 + 1 + 1); /* aac...ResilienceFlag */
  if (has_extension)
    copy (reader, writer, 1); /* extensionFlag3 */
  if (is_error_resilient (out->object_type)) {
    guint ep_config = copy (reader, writer, 2);

    if (ep_config > 1)
      return kvs_aac_fail (error, "epConfig", ep_config);
  }
  return TRUE;
}

/* What old decoders do not look at, behind the core's configuration. Other bits may lie there: what
 * does not read as an extension is none. */
static void
read_sync_extension (KvsBitReader *reader, KvsAacConfig *out)
{
  guint sample_rate;

  if (kvs_bit_reader_get_bits_left (reader) < 16
      || kvs_bit_reader_read (reader, 11) != SYNC_EXTENSION_SBR
      || read_object_type (reader) != KVS_AAC_SBR || kvs_bit_reader_read (reader, 1) == 0)
    return;
  sample_rate = read_sample_rate (reader);
  if (reader->failed || sample_rate == 0)
    return;
  out->has_sbr = TRUE;
  out->extension_sample_rate = sample_rate;
  if (kvs_bit_reader_get_bits_left (reader) >= 12
      && kvs_bit_reader_read (reader, 11) == SYNC_EXTENSION_PS)
    out->has_ps = kvs_bit_reader_read (reader, 1) != 0;
}

static gboolean
parse (const guint8 *data, gsize size, KvsAacConfig *out, KvsAacWriter *writer, GError **error)
{
  KvsBitReader reader;

  *out = (KvsAacConfig) { .samples_per_frame = 1024 };
  kvs_bit_reader_init_plain (&reader, data, size);
  if (!read_head (&reader, out, error)) {
    if (!reader.failed)
      return FALSE;
    g_clear_error (error); /* what was not there read as 0 */
    return fail_cut (error, size);
  }
  if (is_known (out->object_type)) {
    kvs_aac_write_head (writer, out);
    if (!copy_core (&reader, writer, out, error))
      return FALSE;
  } else if (out->object_type == OBJECT_TYPE_ELD) {
    out->samples_per_frame = kvs_bit_reader_read (&reader, 1) != 0 ? 480 : 512;
  }
  if (reader.failed)
    return fail_cut (error, size);
  if (is_known (out->object_type) && !out->has_sbr)
    read_sync_extension (&reader, out);
  return TRUE;
}

/**
 * kvs_aac_config_parse:
 * @data: (nullable): an AudioSpecificConfig, ISO/IEC 14496-3 1.6.2.1
 * @size: of @data in bytes
 * @out: (out): what it says, valid only on success
 * @error: %KVS_ERROR_BAD_MEDIA, naming the field, when it is cut off or has a reserved value
 *
 * Understands the object types Main, LC, SSR, LTP and the error resilient LC, LTP and LD, with
 * spectral band replication announced in front of or behind the core. Of other object types it
 * reads the head, and @channels is 0 where the head does not tell them.
 *
 * Returns: whether it is good
 */
gboolean
kvs_aac_config_parse (const guint8 *data, gsize size, KvsAacConfig *out, GError **error)
{
  KvsAacWriter nowhere = { 0 };

  return parse (data, size, out, &nowhere, error);
}

/**
 * kvs_aac_config_make_core:
 * @data: (nullable): an AudioSpecificConfig
 * @size: of @data in bytes
 * @out: (out): what it says, with the extensions that are left out
 * @error: %KVS_ERROR_BAD_MEDIA, as kvs_aac_config_parse() gives it
 *
 * Makes the AudioSpecificConfig for a Matroska track: that of the core alone, in its shortest form.
 * The service's players take one of 2 or 5 bytes: 2 as it usually is, 5 where the sampling
 * frequency is not in the table. RTP sessions bring others, with bits of a LATM multiplex behind
 * them. Spectral band replication and parametric stereo lie in the payload and are found there by
 * decoders (implicit signalling, 1.6.5); no announcement of them is left. A program config element
 * stays, without its comment. For object types that are not understood it is a copy.
 *
 * Returns: (transfer full) (nullable): the AudioSpecificConfig, or %NULL after an error
 */
GBytes *
kvs_aac_config_make_core (const guint8 *data, gsize size, KvsAacConfig *out, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  KvsAacWriter writer = { .bytes = bytes };

  if (!parse (data, size, out, &writer, error))
    return NULL;
  if (!is_known (out->object_type))
    return g_bytes_new (data, size);
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}
