/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/audio-stream.h"

#include "error.h"
#include "media/aac.h"

#define NS_PER_SECOND G_GINT64_CONSTANT (1000000000)

struct _KvsAudioStream {
  KvsAudioCodec codec;
  gboolean is_adts;
  KvsAacConfig aac; /* of AAC, once codec_private is there */
  guint sample_rate;
  guint channels;
  GBytes *codec_private; /* NULL until the first frame of ADTS */
  GArray *packets; /* of KvsAudioPacket, of the buffer that was parsed last */
  GArray *blocks;  /* of KvsAacPacket, what the packets of ADTS are made of */
};

static KvsAudioStream *
stream_alloc (KvsAudioCodec codec)
{
  KvsAudioStream *stream = g_new0 (KvsAudioStream, 1);

  stream->codec = codec;
  stream->packets = g_array_new (FALSE, FALSE, sizeof (KvsAudioPacket));
  stream->blocks = g_array_new (FALSE, FALSE, sizeof (KvsAacPacket));
  return stream;
}

/**
 * kvs_audio_stream_free:
 * @stream: (transfer full) (nullable): a stream
 */
void
kvs_audio_stream_free (KvsAudioStream *stream)
{
  if (stream == NULL)
    return;
  g_clear_pointer (&stream->codec_private, g_bytes_unref);
  g_array_unref (stream->packets);
  g_array_unref (stream->blocks);
  g_free (stream);
}

static void
take_aac_config (KvsAudioStream *stream, GBytes *codec_private, const KvsAacConfig *config)
{
  g_clear_pointer (&stream->codec_private, g_bytes_unref);
  stream->codec_private = codec_private;
  stream->aac = *config;
  stream->sample_rate = config->sample_rate;
  stream->channels = config->channels;
}

/**
 * kvs_audio_stream_new_aac:
 * @is_adts: whether buffers hold ADTS frames; else each is one raw_data_block()
 * @codec_data: (nullable): AudioSpecificConfig of the stream, which only ADTS can do without
 * @error: %KVS_ERROR_BAD_MEDIA when @codec_data is missing or damaged
 *
 * The codec private data is that of the core alone, as kvs_aac_config_make_core() makes it. ADTS
 * frames tell their own configuration, so that @codec_data is not looked at with them.
 *
 * Returns: (transfer full) (nullable): a new stream, for one thread
 */
KvsAudioStream *
kvs_audio_stream_new_aac (gboolean is_adts, GBytes *codec_data, GError **error)
{
  g_autoptr (KvsAudioStream) stream = stream_alloc (KVS_AUDIO_CODEC_AAC);
  KvsAacConfig config;
  GBytes *core;
  const guint8 *data;
  gsize size;

  stream->is_adts = is_adts;
  if (is_adts)
    return g_steal_pointer (&stream);
  if (codec_data == NULL) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                         "AAC of stream-format=raw comes without codec_data, which tells its rate "
                         "and channels; use stream-format=adts where there is none");
    return NULL;
  }
  data = g_bytes_get_data (codec_data, &size);
  core = kvs_aac_config_make_core (data, size, &config, error);
  if (core == NULL)
    return NULL;
  take_aac_config (stream, core, &config);
  return g_steal_pointer (&stream);
}

/**
 * kvs_audio_stream_new_g711:
 * @law: A-law or mu-law
 * @sample_rate: in Hz, usually 8000
 * @channels: 1 or more
 * @error: %KVS_ERROR_BAD_MEDIA when the rate or the channels cannot be
 *
 * Returns: (transfer full) (nullable): a new stream, for one thread
 */
KvsAudioStream *
kvs_audio_stream_new_g711 (KvsG711Law law, guint sample_rate, guint channels, GError **error)
{
  g_autoptr (KvsAudioStream) stream
      = stream_alloc (law == KVS_G711_A_LAW ? KVS_AUDIO_CODEC_ALAW : KVS_AUDIO_CODEC_MULAW);

  stream->sample_rate = sample_rate;
  stream->channels = channels;
  stream->codec_private = kvs_g711_config_new (law, sample_rate, channels, error);
  return stream->codec_private != NULL ? g_steal_pointer (&stream) : NULL;
}

/* ---- packets ---- */

static gint64
samples_to_ns (const KvsAudioStream *stream, guint64 n_samples)
{
  gint64 rate = stream->sample_rate;
  gint64 n = (gint64) n_samples;

  /* The product of samples and nanoseconds alone might not fit. */
  return n / rate * NS_PER_SECOND + n % rate * NS_PER_SECOND / rate;
}

/* Times are counted from the buffer's start, so that rounding does not add up. */
static void
append_packet (KvsAudioStream *stream, gsize offset, gsize size, guint64 first_sample,
               guint64 n_samples)
{
  gint64 start_ns = samples_to_ns (stream, first_sample);
  gint64 end_ns = samples_to_ns (stream, first_sample + n_samples);
  KvsAudioPacket packet = { offset, size, start_ns, end_ns - start_ns };

  g_array_append_val (stream->packets, packet);
}

static gboolean
parse_g711 (KvsAudioStream *stream, gsize size, GError **error)
{
  if (size % stream->channels != 0) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "A buffer of %" G_GSIZE_FORMAT " bytes cannot be G.711 of %u channels: "
                 "it has to hold a sample of each",
                 size, stream->channels);
    return FALSE;
  }
  append_packet (stream, 0, size, 0, size / stream->channels);
  return TRUE;
}

/* ---- ADTS ---- */

static gboolean
has_same_config (const KvsAudioStream *stream, const KvsAacAdtsHeader *header, const guint8 *frame,
                 gsize size)
{
  const KvsAacConfig *config = &stream->aac;
  g_autoptr (GBytes) made = NULL;
  KvsAacConfig of_frame;

  if (stream->codec_private == NULL || header->object_type != config->object_type
      || header->sample_rate != config->sample_rate
      || header->channel_config != config->channel_config)
    return FALSE;
  if (header->channel_config != 0)
    return TRUE;
  /* A program config element tells the channels, and need not be in each frame. */
  made = kvs_aac_adts_make_config (frame, size, &of_frame, NULL);
  return made == NULL || g_bytes_equal (made, stream->codec_private);
}

/* The first frame is looked at as a whole before its configuration is believed: what happens to
 * look like a header must not make another track. */
static gboolean
take_adts_config (KvsAudioStream *stream, const guint8 *data, gsize size, gboolean *changed,
                  GError **error)
{
  KvsAacAdtsHeader header;
  KvsAacConfig config;
  GBytes *made;

  if (!kvs_aac_adts_parse_header (data, size, &header, error)
      || !kvs_aac_adts_split (data, MIN (size, header.frame_size), stream->blocks, error))
    return FALSE;
  if (has_same_config (stream, &header, data, size))
    return TRUE;
  made = kvs_aac_adts_make_config (data, size, &config, error);
  if (made == NULL)
    return FALSE;
  take_aac_config (stream, made, &config);
  *changed = TRUE;
  return TRUE;
}

/* Returns: where a frame of another configuration begins; @size if none does before what is no
 * frame */
static gsize
find_other_config (const KvsAudioStream *stream, const guint8 *data, gsize size)
{
  KvsAacAdtsHeader header;
  gsize offset = 0;

  while (offset < size
         && kvs_aac_adts_parse_header (data + offset, size - offset, &header, NULL)) {
    if (!has_same_config (stream, &header, data + offset, size - offset))
      return offset;
    offset += header.frame_size;
  }
  return size;
}

static gboolean
parse_adts (KvsAudioStream *stream, const guint8 *data, gsize size, KvsAudioBufferInfo *info,
            GError **error)
{
  guint samples_per_packet;
  gsize end;
  gboolean good;

  if (!take_adts_config (stream, data, size, &info->config_changed, error))
    return FALSE;
  end = find_other_config (stream, data, size);
  good = kvs_aac_adts_split (data, end, stream->blocks, error);
  /* How long the bad frames would last is not known, and so not when later ones begin. */
  info->used_bytes = good ? end : size;
  samples_per_packet = stream->aac.samples_per_frame;
  for (guint i = 0; i < stream->blocks->len; i++) {
    const KvsAacPacket *block = &g_array_index (stream->blocks, KvsAacPacket, i);

    append_packet (stream, block->offset, block->size, (guint64) i * samples_per_packet,
                   samples_per_packet);
  }
  return good;
}

/* ---- buffers ---- */

static gboolean
parse (KvsAudioStream *stream, const guint8 *data, gsize size, KvsAudioBufferInfo *info,
       GError **error)
{
  if (stream->codec != KVS_AUDIO_CODEC_AAC)
    return parse_g711 (stream, size, error);
  if (!stream->is_adts) {
    append_packet (stream, 0, size, 0, stream->aac.samples_per_frame);
    return TRUE;
  }
  if (parse_adts (stream, data, size, info, error))
    return TRUE;
  g_prefix_error (error, "Cannot read a buffer of ADTS frames, each of which has to be whole: ");
  return FALSE;
}

/**
 * kvs_audio_stream_parse:
 * @stream: a stream
 * @buffer: one packet of raw AAC, whole ADTS frames, or samples of G.711
 * @info: (out): what is in it, filled in after an error too
 * @error: %KVS_ERROR_BAD_MEDIA when it is damaged
 *
 * Finds the packets in it, for kvs_audio_stream_get_packets() and kvs_audio_stream_make_frame().
 * A buffer of ADTS may hold several frames, and a frame several packets; all that one call finds
 * have the same configuration, see #KvsAudioBufferInfo. After an error there are still the packets
 * of the ADTS frames before the bad one, which can be used; the rest of the buffer is lost.
 * An empty buffer has no packets.
 *
 * Returns: whether it is good
 */
gboolean
kvs_audio_stream_parse (KvsAudioStream *stream, GBytes *buffer, KvsAudioBufferInfo *info,
                        GError **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (buffer, &size);
  gboolean good;

  *info = (KvsAudioBufferInfo) { .used_bytes = size };
  g_array_set_size (stream->packets, 0);
  if (size == 0)
    return TRUE;
  good = parse (stream, data, size, info, error);
  if (stream->packets->len > 0) {
    const KvsAudioPacket *last
        = &g_array_index (stream->packets, KvsAudioPacket, stream->packets->len - 1);

    info->duration_ns = last->time_offset_ns + last->duration_ns;
  }
  return good;
}

/**
 * kvs_audio_stream_get_packets:
 * @stream: a stream
 * @n_packets: (out): how many
 *
 * Returns: (transfer none) (array length=n_packets): the packets of the buffer that was parsed
 *   last, in order; valid until the next one is parsed
 */
const KvsAudioPacket *
kvs_audio_stream_get_packets (const KvsAudioStream *stream, guint *n_packets)
{
  *n_packets = stream->packets->len;
  return (const KvsAudioPacket *) stream->packets->data;
}

/**
 * kvs_audio_stream_make_frame:
 * @stream: a stream, after kvs_audio_stream_parse() of the same buffer
 * @info: track, flags and times of the packet
 * @buffer: the bytes, which are referred to
 * @packet_index: which of the packets in it
 *
 * Returns: (transfer full): the frame
 */
KvsFrame *
kvs_audio_stream_make_frame (const KvsAudioStream *stream, const KvsFrameInfo *info,
                             GBytes *buffer, guint packet_index)
{
  const KvsAudioPacket *packet;
  g_autoptr (GBytes) payload = NULL;

  g_return_val_if_fail (packet_index < stream->packets->len, NULL);

  packet = &g_array_index (stream->packets, KvsAudioPacket, packet_index);
  payload = g_bytes_new_from_bytes (buffer, packet->offset, packet->size);
  return kvs_frame_new (info, payload);
}

/**
 * kvs_audio_stream_make_track:
 * @stream: a stream
 * @number: Matroska track number
 * @name: (nullable): track name
 *
 * Rate and channels are those of the core, before spectral band replication and parametric stereo.
 * The channels are 0 where an AudioSpecificConfig of a rare object type does not tell them.
 *
 * Returns: (transfer full) (nullable): the track; %NULL before the first frame of ADTS
 */
KvsTrack *
kvs_audio_stream_make_track (const KvsAudioStream *stream, guint number, const gchar *name)
{
  gboolean is_aac = stream->codec == KVS_AUDIO_CODEC_AAC;
  KvsTrack *track;

  if (stream->codec_private == NULL)
    return NULL;
  track = kvs_track_new (number, KVS_TRACK_TYPE_AUDIO,
                         is_aac ? KVS_CODEC_ID_AAC : KVS_CODEC_ID_MS_ACM, name,
                         stream->codec_private);
  track->sample_rate = stream->sample_rate;
  track->channels = stream->channels;
  track->bit_depth = is_aac ? 0 : KVS_G711_BIT_DEPTH;
  return track;
}

/**
 * kvs_audio_stream_get_codec:
 * @stream: a stream
 *
 * Returns: its codec
 */
KvsAudioCodec
kvs_audio_stream_get_codec (const KvsAudioStream *stream)
{
  return stream->codec;
}
