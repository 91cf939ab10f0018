/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/track-private.h"

#include <string.h>

#include "api/service-error.h"
#include "av/wave-format.h"
#include "mkv/ebml-reader.h"
#include "mkv/mkv-ids.h"

/* How much is read at a time, until Tracks is over */
#define PIECE_BYTES (16 * 1024)

#define ACM "A_MS/ACM"

typedef struct {
  GArray *tracks;
  gboolean is_over;
} Search;

static void
clear_track (gpointer data)
{
  KvsLocalTrackPrivate *track = data;

  g_free (track->codec_id);
  g_clear_pointer (&track->data, g_bytes_unref);
}

static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  Search *search = user_data;

  if (element->id == KVS_MKV_ID_TRACK_ENTRY)
    g_array_set_size (search->tracks, search->tracks->len + 1);
  return TRUE;
}

static void
take_value (KvsLocalTrackPrivate *track, guint32 id, const guint8 *payload, gsize payload_size)
{
  if (id == KVS_MKV_ID_CODEC_ID) {
    g_free (track->codec_id);
    track->codec_id = g_strndup ((const gchar *) payload, payload_size);
  } else if (id == KVS_MKV_ID_CODEC_PRIVATE && payload_size > 0) {
    g_clear_pointer (&track->data, g_bytes_unref);
    track->data = g_bytes_new (payload, payload_size);
  }
}

static gboolean
on_end (const KvsEbmlElement *element, const guint8 *payload, gsize payload_size,
        gpointer user_data, GError **error)
{
  Search *search = user_data;
  GArray *tracks = search->tracks;

  if (element->id == KVS_MKV_ID_TRACKS)
    search->is_over = TRUE;
  if (element->parent_id == KVS_MKV_ID_TRACK_ENTRY && tracks->len > 0)
    take_value (&g_array_index (tracks, KvsLocalTrackPrivate, tracks->len - 1), element->id,
                payload, payload_size);
  return TRUE;
}

/**
 * kvs_local_track_private_read:
 * @file: a stored fragment, at least up to its Cluster
 * @size: bytes in @file
 *
 * May be called in any thread.
 *
 * Returns: (transfer full) (element-type KvsLocalTrackPrivate): one for each TrackEntry
 */
GArray *
kvs_local_track_private_read (const guint8 *file, gsize size)
{
  static const KvsEbmlReaderFuncs funcs = { .start = on_start, .end = on_end };
  Search search = { .tracks = g_array_new (FALSE, TRUE, sizeof (KvsLocalTrackPrivate)) };
  g_autoptr (KvsEbmlReader) reader = kvs_ebml_reader_new (&funcs, &search);

  g_array_set_clear_func (search.tracks, clear_track);
  for (gsize at = 0; at < size && !search.is_over; at += PIECE_BYTES) {
    if (!kvs_ebml_reader_push (reader, file + at, MIN (size - at, (gsize) PIECE_BYTES), NULL))
      break;
  }
  return search.tracks;
}

static gboolean
is_acm (const KvsLocalTrackPrivate *track)
{
  return g_strcmp0 (track->codec_id, ACM) == 0;
}

/* @data: (nullable) */
static void
set_private (AVCodecParameters *codec, const guint8 *data, gsize size)
{
  av_freep (&codec->extradata);
  codec->extradata_size = (int) size;
  if (size == 0)
    return;
  codec->extradata = av_mallocz (size + AV_INPUT_BUFFER_PADDING_SIZE);
  memcpy (codec->extradata, data, size);
}

/* A track that does not tell counts as A-law, so that it is this that it is refused for. */
static enum AVCodecID
acm_codec (const guint8 *data, gsize size)
{
  switch (kvs_local_wave_format_tag (data, size)) {
    case 0:
    case KVS_LOCAL_WAVE_A_LAW:
      return AV_CODEC_ID_PCM_ALAW;
    case KVS_LOCAL_WAVE_MU_LAW:
      return AV_CODEC_ID_PCM_MULAW;
    default:
      return AV_CODEC_ID_NONE;
  }
}

/* Tells the codec, and keeps the WAVEFORMATEX, of which libavformat leaves nothing. */
static void
take_wave_format (AVCodecParameters *codec, GBytes *own)
{
  gsize size = 0;
  const guint8 *data = own != NULL ? g_bytes_get_data (own, &size) : NULL;
  KvsLocalWaveFormat format;

  codec->codec_id = acm_codec (data, size);
  set_private (codec, data, size);
  if (!kvs_local_wave_format_parse (data, size, &format))
    return;
  codec->sample_rate = (int) format.sample_rate;
  codec->block_align = (int) format.channels;
}

/**
 * kvs_local_track_private_apply:
 * @own: (element-type KvsLocalTrackPrivate): of the same file
 * @tracks: (element-type AVCodecParameters): what libavformat made of the file
 *
 * Takes from @tracks what libavformat has made up where there is none, which players of the service
 * may not have. Tracks of A_MS/ACM get their WAVEFORMATEX, and its codec if that is G.711.
 */
void
kvs_local_track_private_apply (const GArray *own, GPtrArray *tracks)
{
  for (guint i = 0; i < tracks->len; i++) {
    AVCodecParameters *codec = g_ptr_array_index (tracks, i);
    KvsLocalTrackPrivate none = { 0 };
    const KvsLocalTrackPrivate *track
      = i < own->len ? &g_array_index (own, KvsLocalTrackPrivate, i) : &none;

    if (is_acm (track))
      take_wave_format (codec, track->data);
    else if (track->data == NULL)
      set_private (codec, NULL, 0);
  }
}

/**
 * kvs_local_track_private_blame:
 * @own: (element-type KvsLocalTrackPrivate): of a file that libavformat does not open
 * @error: set already
 *
 * A WAVEFORMATEX may be so bad that libavformat takes nothing of the file; @error becomes
 * %KVS_LOCAL_ERROR_INVALID_CODEC_PRIVATE_DATA then.
 */
void
kvs_local_track_private_blame (const GArray *own, GError **error)
{
  for (guint i = 0; i < own->len; i++) {
    const KvsLocalTrackPrivate *track = &g_array_index (own, KvsLocalTrackPrivate, i);
    KvsLocalWaveFormat format;
    const guint8 *data;
    gsize size;

    if (!is_acm (track) || track->data == NULL)
      continue;
    data = g_bytes_get_data (track->data, &size);
    if (acm_codec (data, size) == AV_CODEC_ID_NONE
        || kvs_local_wave_format_parse (data, size, &format))
      continue;
    g_clear_error (error);
    g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_CODEC_PRIVATE_DATA,
                 "Invalid codec private data in fragment for track %u.", i + 1);
    return;
  }
}
