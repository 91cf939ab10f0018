/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/remux.h"

#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <string.h>

#include "av/av-error.h"
#include "av/codecs.h"
#include "av/g711-fit.h"

#define ALL_TRACKS G_MAXUINT
#define VIDEO_HZ 90000
#define MAX_TRACKS 8

/* What a receiver buffers: PCR runs ahead of decode times by no more than this. */
#define TS_START_NS G_GINT64_CONSTANT (1000000000)
#define TS_DELAY_US 500000

/* hvc1 tells that parameter sets are in the sample description alone, which Apple's players want. */
#define TAG_HVC1 MKTAG ('h', 'v', 'c', '1')

static const AVRational ns_base = { 1, 1000000000 };

/* An output in memory, and what of each track was written last.
 * g711: of each track, if it is a file
 * only_track: place of the one track that is written, or %ALL_TRACKS
 * is_file: it is a file instead */
typedef struct {
  AVFormatContext *output;
  gboolean is_file;
  guint only_track;
  AVPacket *packet;
  gint64 next_dts[MAX_TRACKS];
  KvsLocalG711Fit g711[MAX_TRACKS];
  gsize header_bytes;
} Muxer;

static gboolean
has_track (const Muxer *muxer, guint track)
{
  return muxer->only_track == ALL_TRACKS || muxer->only_track == track;
}

static AVStream *
get_stream (const Muxer *muxer, guint track)
{
  return muxer->output->streams[muxer->only_track == ALL_TRACKS ? track : 0];
}

static gboolean
add_stream (Muxer *muxer, const AVCodecParameters *codec, GError **error)
{
  AVStream *stream = avformat_new_stream (muxer->output, NULL);
  int result = stream != NULL ? avcodec_parameters_copy (stream->codecpar, codec)
                              : AVERROR (ENOMEM);

  if (!kvs_local_av_check (error, "The track", result))
    return FALSE;
  /* that of Matroska, which other containers do not know */
  stream->codecpar->codec_tag = 0;
  if (codec->codec_id == AV_CODEC_ID_HEVC)
    stream->codecpar->codec_tag = TAG_HVC1;
  stream->time_base = codec->codec_type == AVMEDIA_TYPE_AUDIO && codec->sample_rate > 0
                        ? (AVRational) { 1, codec->sample_rate }
                        : (AVRational) { 1, VIDEO_HZ };
  return TRUE;
}

/* The muxer of ISO's MP4 has no sample description for G.711, that of QuickTime has. Its files are named
 * so in ftyp, which sample rates above 65535 Hz need: they are told in a form that ISO's have not. */
static const gchar *
choose_mp4 (const KvsLocalMedia *media, guint only_track)
{
  for (guint i = 0; i < media->tracks->len; i++) {
    if ((only_track == ALL_TRACKS || only_track == i)
        && kvs_local_codecs_is_g711 (g_ptr_array_index (media->tracks, i)))
      return "mov";
  }
  return "mp4";
}

/* @url: (nullable): of a file, else it is written to memory */
static gboolean
muxer_open (Muxer *muxer, const gchar *format, const gchar *url, const KvsLocalMedia *media,
            guint only_track, AVDictionary **options, GError **error)
{
  int result = avformat_alloc_output_context2 (&muxer->output, NULL, format, url);

  if (!kvs_local_av_check (error, format, result))
    return FALSE;
  muxer->only_track = only_track;
  muxer->packet = av_packet_alloc ();
  for (guint i = 0; i < MIN (media->tracks->len, (guint) MAX_TRACKS); i++) {
    if (has_track (muxer, i) && !add_stream (muxer, g_ptr_array_index (media->tracks, i), error))
      return FALSE;
  }
  muxer->output->flags |= AVFMT_FLAG_BITEXACT;
  muxer->output->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
  muxer->is_file = url != NULL;
  result = muxer->is_file ? avio_open (&muxer->output->pb, url, AVIO_FLAG_WRITE)
                          : avio_open_dyn_buf (&muxer->output->pb);
  if (result >= 0)
    result = avformat_write_header (muxer->output, options);
  if (!kvs_local_av_check (error, format, result))
    return FALSE;
  avio_flush (muxer->output->pb);
  muxer->header_bytes = (gsize) avio_tell (muxer->output->pb);
  return TRUE;
}

static void
muxer_clear (Muxer *muxer)
{
  if (muxer->output != NULL && muxer->is_file) {
    avio_closep (&muxer->output->pb);
  } else if (muxer->output != NULL && muxer->output->pb != NULL) {
    guint8 *data;

    avio_close_dyn_buf (muxer->output->pb, &data);
    av_free (data);
    muxer->output->pb = NULL;
  }
  avformat_free_context (muxer->output);
  av_packet_free (&muxer->packet);
}

/* Gives what was written, from @start on; nothing can be written any more. */
static GBytes *
muxer_take_bytes (Muxer *muxer, gsize start)
{
  guint8 *data;
  int size = avio_close_dyn_buf (muxer->output->pb, &data);
  g_autoptr (GBytes) bytes = g_bytes_new_with_free_func (data, (gsize) size, av_free, data);

  muxer->output->pb = NULL;
  return g_bytes_new_from_bytes (bytes, start, (gsize) size - start);
}

/* Fills @dts for all packets of a track: each no later than any pts that is still to come, and later
 * than the one before. */
static void
set_decode_times (const KvsLocalMedia *media, guint track, const KvsLocalRemuxTime *time,
                  AVRational base, gint64 *dts)
{
  const AVCodecParameters *codec = g_ptr_array_index (media->tracks, track);
  gint64 late_ns = codec->codec_type == AVMEDIA_TYPE_VIDEO ? 0 : time->delay_ns;
  gint64 latest = G_MAXINT64;

  for (guint i = media->packets->len; i-- > 0;) {
    const AVPacket *packet = g_ptr_array_index (media->packets, i);
    gint64 pts, ideal;

    if ((guint) packet->stream_index != track)
      continue;
    pts = av_rescale_q (time->position_ns + packet->pts + time->delay_ns, ns_base, base);
    ideal = av_rescale_q (time->position_ns + packet->dts + late_ns, ns_base, base);
    dts[i] = MIN (ideal, MIN (pts, latest));
    latest = dts[i] - 1;
  }
}

/* Gives @packet, which has its pts, the rest of its times, none of them before @dts. */
static gboolean
set_packet_times (Muxer *muxer, guint track, AVPacket *packet, gint64 dts, GError **error)
{
  const AVStream *stream = get_stream (muxer, track);

  if (muxer->is_file && kvs_local_codecs_is_g711 (stream->codecpar))
    return kvs_local_g711_fit (&muxer->g711[track], stream->codecpar, packet)
           || kvs_local_av_fail (error, "A frame", AVERROR (ENOMEM));
  packet->dts = MAX (dts, muxer->next_dts[track]);
  packet->pts = MAX (packet->pts, packet->dts);
  packet->duration = av_rescale_q (packet->duration, ns_base, stream->time_base);
  muxer->next_dts[track] = packet->dts + 1;
  return TRUE;
}

static gboolean
write_packet (Muxer *muxer, const AVPacket *source, const KvsLocalRemuxTime *time, gint64 dts,
              GError **error)
{
  guint track = (guint) source->stream_index;
  AVStream *stream = get_stream (muxer, track);
  AVPacket *packet = muxer->packet;
  int result = av_packet_ref (packet, source);

  if (!kvs_local_av_check (error, "A frame", result))
    return FALSE;
  packet->stream_index = stream->index;
  packet->pts = av_rescale_q (time->position_ns + source->pts + time->delay_ns, ns_base,
                              stream->time_base);
  if (!set_packet_times (muxer, track, packet, dts, error))
    return FALSE;
  if (packet->size == 0 && kvs_local_codecs_is_g711 (stream->codecpar)) {
    av_packet_unref (packet);
    return TRUE;
  }
  result = av_interleaved_write_frame (muxer->output, packet);
  return kvs_local_av_check (error, "A frame", result);
}

static gboolean
muxer_add (Muxer *muxer, const KvsLocalMedia *media, const KvsLocalRemuxTime *time,
           GError **error)
{
  g_autofree gint64 *dts = g_new0 (gint64, media->packets->len + 1);

  for (guint i = 0; i < MIN (media->tracks->len, (guint) MAX_TRACKS); i++) {
    if (has_track (muxer, i))
      set_decode_times (media, i, time, get_stream (muxer, i)->time_base, dts);
  }
  for (guint i = 0; i < media->packets->len; i++) {
    const AVPacket *packet = g_ptr_array_index (media->packets, i);

    if (packet->stream_index < MAX_TRACKS && has_track (muxer, (guint) packet->stream_index)
        && !write_packet (muxer, packet, time, dts[i], error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
muxer_finish (Muxer *muxer, GError **error)
{
  int result = av_interleaved_write_frame (muxer->output, NULL);

  if (result >= 0)
    result = av_write_trailer (muxer->output);
  if (!kvs_local_av_check (error, "The end", result))
    return FALSE;
  avio_flush (muxer->output->pb);
  return TRUE;
}

static gboolean
open_fragmented (Muxer *muxer, const KvsLocalMedia *media, guint track, GError **error)
{
  AVDictionary *options = NULL;
  gboolean ok;

  if (track >= media->tracks->len)
    return kvs_local_av_fail (error, "The track", AVERROR_STREAM_NOT_FOUND);
  /* frag_discont makes tfdt the time that is given and not the sum of what was written before. */
  av_dict_set (&options, "movflags",
               "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer", 0);
  av_dict_set_int (&options, "use_editlist", 0, 0);
  ok = muxer_open (muxer, choose_mp4 (media, track), NULL, media, track, &options, error);
  av_dict_free (&options);
  return ok;
}

/**
 * kvs_local_remux_mp4_init:
 * @media: of a fragment
 * @track: place of a track in it
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): ftyp and moov for the segments of that track
 */
GBytes *
kvs_local_remux_mp4_init (const KvsLocalMedia *media, guint track, GError **error)
{
  Muxer muxer = { 0 };
  GBytes *bytes = NULL;

  if (open_fragmented (&muxer, media, track, error))
    bytes = muxer_take_bytes (&muxer, 0);
  muxer_clear (&muxer);
  return bytes;
}

/**
 * kvs_local_remux_mp4_segment:
 * @media: of a fragment
 * @track: place of a track in it
 * @time: when it begins
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): moof and mdat
 */
GBytes *
kvs_local_remux_mp4_segment (const KvsLocalMedia *media, guint track,
                             const KvsLocalRemuxTime *time, GError **error)
{
  Muxer muxer = { 0 };
  GBytes *bytes = NULL;

  if (open_fragmented (&muxer, media, track, error) && muxer_add (&muxer, media, time, error)
      && muxer_finish (&muxer, error))
    bytes = muxer_take_bytes (&muxer, muxer.header_bytes);
  muxer_clear (&muxer);
  return bytes;
}

/**
 * kvs_local_remux_ts_segment:
 * @media: of a fragment
 * @time: when it begins
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): PAT, PMT and all tracks. PTS 90000 is the start of the time
 *   line.
 */
GBytes *
kvs_local_remux_ts_segment (const KvsLocalMedia *media, const KvsLocalRemuxTime *time,
                            GError **error)
{
  KvsLocalRemuxTime late = { time->position_ns + TS_START_NS, time->delay_ns };
  Muxer muxer = { 0 };
  AVDictionary *options = NULL;
  GBytes *bytes = NULL;

  /* Continuity counters begin anew in each segment, which has to be said. */
  av_dict_set (&options, "mpegts_flags", "initial_discontinuity", 0);
  av_dict_set_int (&options, "mpegts_copyts", 1, 0);
  av_dict_set_int (&options, "max_delay", TS_DELAY_US, 0);
  if (muxer_open (&muxer, "mpegts", NULL, media, ALL_TRACKS, &options, error)
      && muxer_add (&muxer, media, &late, error) && muxer_finish (&muxer, error))
    bytes = muxer_take_bytes (&muxer, 0);
  av_dict_free (&options);
  muxer_clear (&muxer);
  return bytes;
}

struct _KvsLocalMp4File {
  Muxer muxer;
};

/**
 * kvs_local_mp4_file_new:
 * @first: media whose tracks are those of the file
 * @path: where it is written
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): an MP4 file without media
 */
KvsLocalMp4File *
kvs_local_mp4_file_new (const KvsLocalMedia *first, const gchar *path, GError **error)
{
  g_autoptr (KvsLocalMp4File) file = g_new0 (KvsLocalMp4File, 1);
  g_autofree gchar *url = g_strconcat ("file:", path, NULL);
  AVDictionary *options = NULL;
  gboolean ok;

  /* decoding may begin before the first picture is shown */
  for (guint i = 0; i < MAX_TRACKS; i++)
    file->muxer.next_dts[i] = G_MININT64;
  /* players begin before they have all of it */
  av_dict_set (&options, "movflags", "faststart", 0);
  ok = muxer_open (&file->muxer, choose_mp4 (first, ALL_TRACKS), url, first, ALL_TRACKS, &options,
                   error);
  av_dict_free (&options);
  return ok ? g_steal_pointer (&file) : NULL;
}

/**
 * kvs_local_mp4_file_add:
 * @file: a file
 * @media: of a fragment with the same tracks
 * @time: when it begins; not earlier than the end of what was added before
 * @error: where to put an error
 *
 * Returns: whether it is in the file
 */
gboolean
kvs_local_mp4_file_add (KvsLocalMp4File *file, const KvsLocalMedia *media,
                        const KvsLocalRemuxTime *time, GError **error)
{
  if (media->tracks->len != file->muxer.output->nb_streams)
    return kvs_local_av_fail (error, "The tracks have changed", AVERROR_INVALIDDATA);
  return muxer_add (&file->muxer, media, time, error);
}

/**
 * kvs_local_mp4_file_finish:
 * @file: a file, to which nothing can be added any more
 * @error: where to put an error
 *
 * Returns: whether it is whole
 */
gboolean
kvs_local_mp4_file_finish (KvsLocalMp4File *file, GError **error)
{
  return muxer_finish (&file->muxer, error)
         && kvs_local_av_check (error, "The file", avio_closep (&file->muxer.output->pb));
}

/**
 * kvs_local_mp4_file_free:
 * @file: (transfer full) (nullable): a file
 */
void
kvs_local_mp4_file_free (KvsLocalMp4File *file)
{
  if (file == NULL)
    return;
  muxer_clear (&file->muxer);
  g_free (file);
}
