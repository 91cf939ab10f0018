/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/demux.h"

#include <libavformat/avformat.h>
#include <string.h>

#include "av/av-error.h"
#include "av/track-private.h"

#define AVIO_BYTES (32 * 1024)
#define AAC_FRAME_SAMPLES 1024
#define NS_PER_MS G_GINT64_CONSTANT (1000000)

static const AVRational ns_base = { 1, 1000000000 };

typedef struct {
  const guint8 *data;
  gsize size;
  gsize position;
} Memory;

static int
read_memory (void *opaque, uint8_t *buffer, int wanted)
{
  Memory *memory = opaque;
  gsize size = MIN ((gsize) wanted, memory->size - memory->position);

  if (size == 0)
    return AVERROR_EOF;
  memcpy (buffer, memory->data + memory->position, size);
  memory->position += size;
  return (int) size;
}

static void
free_codec (gpointer data)
{
  AVCodecParameters *codec = data;

  avcodec_parameters_free (&codec);
}

static void
free_packet (gpointer data)
{
  AVPacket *packet = data;

  av_packet_free (&packet);
}

static KvsLocalMedia *
media_alloc (void)
{
  KvsLocalMedia *media = g_new0 (KvsLocalMedia, 1);

  g_atomic_ref_count_init (&media->ref_count);
  media->tracks = g_ptr_array_new_with_free_func (free_codec);
  media->packets = g_ptr_array_new_with_free_func (free_packet);
  return media;
}

/**
 * kvs_local_media_ref:
 * @media: media
 *
 * Returns: (transfer full): @media
 */
KvsLocalMedia *
kvs_local_media_ref (KvsLocalMedia *media)
{
  g_atomic_ref_count_inc (&media->ref_count);
  return media;
}

/**
 * kvs_local_media_unref:
 * @media: (transfer full) (nullable): media
 */
void
kvs_local_media_unref (KvsLocalMedia *media)
{
  if (media == NULL || !g_atomic_ref_count_dec (&media->ref_count))
    return;
  g_ptr_array_unref (media->tracks);
  g_ptr_array_unref (media->packets);
  g_free (media);
}

static gboolean
take_tracks (KvsLocalMedia *media, const AVFormatContext *input, GError **error)
{
  for (guint i = 0; i < input->nb_streams; i++) {
    AVCodecParameters *codec = avcodec_parameters_alloc ();
    int result = avcodec_parameters_copy (codec, input->streams[i]->codecpar);

    if (codec->codec_id == AV_CODEC_ID_AAC)
      codec->frame_size = AAC_FRAME_SAMPLES;
    g_ptr_array_add (media->tracks, codec);
    if (!kvs_local_av_check (error, "The fragment's tracks", result))
      return FALSE;
  }
  return TRUE;
}

/* Frames of a lace have no times of their own, and follow one after the other. */
static void
complete_times (AVPacket *packet, const AVPacket *before)
{
  if (packet->pts == AV_NOPTS_VALUE)
    packet->pts = before != NULL ? before->pts + MAX (before->duration, 1) : 0;
  packet->duration = MAX (packet->duration, 0);
}

static gboolean
take_packets (KvsLocalMedia *media, AVFormatContext *input, gint64 timecode, GError **error)
{
  g_autofree AVPacket **last = g_new0 (AVPacket *, input->nb_streams);
  int result;

  for (;;) {
    g_autoptr (GPtrArray) holder = g_ptr_array_new_with_free_func (free_packet);
    AVPacket *packet = av_packet_alloc ();
    guint index;

    g_ptr_array_add (holder, packet);
    result = av_read_frame (input, packet);
    if (result == AVERROR_EOF)
      return TRUE;
    if (!kvs_local_av_check_read (error, "The fragment's frames", result))
      return FALSE;
    index = (guint) packet->stream_index;
    if (index >= media->tracks->len)
      continue;
    if (packet->pts != AV_NOPTS_VALUE)
      packet->pts -= timecode;
    av_packet_rescale_ts (packet, input->streams[index]->time_base, ns_base);
    complete_times (packet, last[index]);
    last[index] = packet;
    g_ptr_array_add (media->packets, g_ptr_array_steal_index (holder, 0));
  }
}

static gint
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return (x > y) - (x < y);
}

/* Sets dts of one track's frames, and the durations that are not known from the time of the frame
 * that is shown next; the last one lasts until the fragment's end. */
static void
order_track (KvsLocalMedia *media, gint track)
{
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));
  guint place = 0;

  for (guint i = 0; i < media->packets->len; i++) {
    const AVPacket *packet = g_ptr_array_index (media->packets, i);

    if (packet->stream_index == track)
      g_array_append_val (times, packet->pts);
  }
  g_array_sort (times, compare_times);
  for (guint i = 0; i < media->packets->len; i++) {
    AVPacket *packet = g_ptr_array_index (media->packets, i);
    gint64 next;

    if (packet->stream_index != track)
      continue;
    packet->dts = g_array_index (times, gint64, place);
    next = place + 1 < times->len ? g_array_index (times, gint64, place + 1) : media->duration_ns;
    if (place + 1 < times->len || packet->duration == 0)
      packet->duration = MAX (next - packet->dts, 0);
    media->delay_ns = MAX (media->delay_ns, MAX (packet->dts - packet->pts, -packet->pts));
    place++;
  }
}

static AVFormatContext *
open_input (AVIOContext *io, GError **error)
{
  const AVInputFormat *format = av_find_input_format ("matroska");
  AVFormatContext *input = avformat_alloc_context ();
  int result;

  input->pb = io;
  /* Times are worked out here: what libavformat guesses at the start of a file is no good for one
   * that continues another. */
  input->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
  result = avformat_open_input (&input, NULL, format, NULL);
  return kvs_local_av_check_read (error, "The fragment", result) ? input : NULL;
}

/* Gives @media its tracks, and its frames too if there is a @fragment that they belong to. */
static gboolean
read_media (KvsLocalMedia *media, GBytes *file, const KvsLocalFragment *fragment, GError **error)
{
  Memory memory = { 0 };
  g_autoptr (GArray) own = NULL;
  AVIOContext *io;
  AVFormatContext *input;
  gboolean ok;

  memory.data = g_bytes_get_data (file, &memory.size);
  own = kvs_local_track_private_read (memory.data, memory.size);
  io = avio_alloc_context (av_malloc (AVIO_BYTES), AVIO_BYTES, 0, &memory, read_memory, NULL, NULL);
  input = open_input (io, error);
  if (input == NULL)
    kvs_local_track_private_blame (own, error);
  ok = input != NULL && take_tracks (media, input, error)
       && (fragment == NULL || take_packets (media, input, (gint64) fragment->timecode, error));
  avformat_close_input (&input);
  av_freep (&io->buffer);
  avio_context_free (&io);
  if (ok)
    kvs_local_track_private_apply (own, media->tracks);
  return ok;
}

/**
 * kvs_local_media_new:
 * @file: a stored fragment, whole
 * @fragment: what the store knows about it
 * @error: where to put an error
 *
 * May be called in any thread.
 *
 * Returns: (transfer full) (nullable): its frames; %NULL with %KVS_LOCAL_ERROR_INVALID_MEDIA_FRAME or
 *   %KVS_LOCAL_ERROR_INVALID_CODEC_PRIVATE_DATA
 */
KvsLocalMedia *
kvs_local_media_new (GBytes *file, const KvsLocalFragment *fragment, GError **error)
{
  g_autoptr (KvsLocalMedia) media = media_alloc ();

  media->duration_ns = fragment->duration_ms * NS_PER_MS;
  if (!read_media (media, file, fragment, error))
    return NULL;
  for (guint i = 0; i < media->tracks->len; i++)
    order_track (media, (gint) i);
  return g_steal_pointer (&media);
}

/**
 * kvs_local_media_new_tracks:
 * @start: of a stored fragment, as far as into its Cluster
 * @error: where to put an error
 *
 * May be called in any thread.
 *
 * Returns: (transfer full) (nullable): its tracks without frames; %NULL with
 *   %KVS_LOCAL_ERROR_INVALID_MEDIA_FRAME or %KVS_LOCAL_ERROR_INVALID_CODEC_PRIVATE_DATA
 */
KvsLocalMedia *
kvs_local_media_new_tracks (GBytes *start, GError **error)
{
  g_autoptr (KvsLocalMedia) media = media_alloc ();

  return read_media (media, start, NULL, error) ? g_steal_pointer (&media) : NULL;
}

/**
 * kvs_local_media_load:
 * @path: of a stored fragment
 * @fragment: what the store knows about it
 * @error: where to put an error
 *
 * May be called in any thread.
 *
 * Returns: (transfer full) (nullable): its frames; %NULL with a %G_FILE_ERROR if the file is gone, or
 *   an error of kvs_local_media_new()
 */
KvsLocalMedia *
kvs_local_media_load (const gchar *path, const KvsLocalFragment *fragment, GError **error)
{
  g_autoptr (GBytes) file = NULL;
  gchar *data;
  gsize size;

  if (!g_file_get_contents (path, &data, &size, error))
    return NULL;
  file = g_bytes_new_take (data, size);
  return kvs_local_media_new (file, fragment, error);
}
