/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstkvssinkpad.h"

#include "elementclock.h"
#include "error.h"

#define MAX_DURATION (20 * GST_SECOND)
/* Running times may be negative. */
#define NO_TIME_NS G_MININT64

/* What RTP has where nothing is said (RFC 3551 section 4.5.14) */
#define G711_DEFAULT_RATE 8000
#define G711_DEFAULT_CHANNELS 1

G_DEFINE_TYPE (GstKvsSinkPad, gst_kvs_sink_pad, GST_TYPE_PAD)

static void
clear_streams (GstKvsSinkPad *pad)
{
  g_clear_pointer (&pad->video, kvs_video_stream_free);
  g_clear_pointer (&pad->audio, kvs_audio_stream_free);
  g_clear_pointer (&pad->gatherer, kvs_access_unit_gatherer_free);
}

static void
gst_kvs_sink_pad_finalize (GObject *object)
{
  GstKvsSinkPad *pad = GST_KVS_SINK_PAD (object);

  clear_streams (pad);
  g_clear_pointer (&pad->track, kvs_track_free);
  g_free (pad->codec_id);
  g_free (pad->track_name);
  G_OBJECT_CLASS (gst_kvs_sink_pad_parent_class)->finalize (object);
}

static void
gst_kvs_sink_pad_class_init (GstKvsSinkPadClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gst_kvs_sink_pad_finalize;
}

static void
gst_kvs_sink_pad_init (GstKvsSinkPad *pad)
{
  gst_kvs_sink_pad_reset (pad);
}

/**
 * gst_kvs_sink_pad_reset:
 * @pad: a pad
 *
 * Forgets the stream that ran through it, but not its caps.
 */
void
gst_kvs_sink_pad_reset (GstKvsSinkPad *pad)
{
  gst_segment_init (&pad->segment, GST_FORMAT_TIME);
  gst_kvs_timeline_track_init (&pad->time);
  pad->next_pts_ns = NO_TIME_NS;
  pad->has_border = FALSE;
  pad->key_unit_request_us = 0;
  pad->caps_error_told = FALSE;
  pad->told_run = 0;
  if (pad->gatherer != NULL)
    kvs_access_unit_gatherer_clear (pad->gatherer);
}

/* ---- the track ---- */

static KvsTrack *
make_video_track (const GstKvsSinkPad *pad)
{
  gboolean is_h264 = kvs_video_stream_get_codec (pad->video) == KVS_VIDEO_CODEC_H264;
  const gchar *codec_id = is_h264 ? KVS_CODEC_ID_AVC : KVS_CODEC_ID_HEVC;
  GBytes *codec_private = kvs_video_stream_get_codec_private (pad->video);
  guint width, height;
  KvsTrack *track;

  if (codec_private == NULL)
    return NULL;
  /* Whoever copied a pipeline for the other codec does not mean it. */
  if (is_h264 && pad->codec_id != NULL)
    codec_id = pad->codec_id;
  track = kvs_track_new (pad->track_number, KVS_TRACK_TYPE_VIDEO, codec_id, pad->track_name,
                         codec_private);
  kvs_video_stream_get_size (pad->video, &width, &height);
  track->width = pad->caps_width != 0 ? pad->caps_width : width;
  track->height = pad->caps_height != 0 ? pad->caps_height : height;
  track->content_type = g_strdup (is_h264 ? "video/h264" : "video/h265");
  return track;
}

static KvsTrack *
make_audio_track (const GstKvsSinkPad *pad)
{
  static const gchar *const content_types[] = {
    [KVS_AUDIO_CODEC_AAC] = "audio/aac",
    [KVS_AUDIO_CODEC_ALAW] = "audio/alaw",
    [KVS_AUDIO_CODEC_MULAW] = "audio/mulaw",
  };
  KvsTrack *track = kvs_audio_stream_make_track (pad->audio, pad->track_number, pad->track_name);

  if (track == NULL)
    return NULL;
  if (track->channels == 0)
    track->channels = pad->caps_channels;
  track->content_type = g_strdup (content_types[kvs_audio_stream_get_codec (pad->audio)]);
  return track;
}

/**
 * gst_kvs_sink_pad_update_track:
 * @pad: a pad with caps
 *
 * Makes the track what the stream's configuration says; nothing while that is not known.
 * @told_run is 0 when it is another one than before.
 */
void
gst_kvs_sink_pad_update_track (GstKvsSinkPad *pad)
{
  g_autoptr (KvsTrack) track = NULL;

  if (pad->video == NULL && pad->audio == NULL)
    return;
  track = pad->video != NULL ? make_video_track (pad) : make_audio_track (pad);
  if (track == NULL || (pad->track != NULL && kvs_track_equal (pad->track, track)))
    return;
  g_clear_pointer (&pad->track, kvs_track_free);
  pad->track = g_steal_pointer (&track);
  pad->told_run = 0;
}

/* ---- caps ---- */

static GBytes *
read_codec_data (const GstStructure *structure)
{
  const GValue *value = gst_structure_get_value (structure, "codec_data");
  GstBuffer *buffer;
  gsize size;
  guint8 *data;

  if (value == NULL || !GST_VALUE_HOLDS_BUFFER (value))
    return NULL;
  buffer = gst_value_get_buffer (value);
  if (buffer == NULL)
    return NULL;
  size = gst_buffer_get_size (buffer);
  data = g_malloc (size);
  if (size > 0)
    gst_buffer_extract (buffer, 0, data, size);
  return g_bytes_new_take (data, size);
}

static void
take_framerate (GstKvsSinkPad *pad, const GstStructure *structure)
{
  gint numerator, denominator;

  pad->frame_duration_ns = 0;
  if (gst_structure_get_fraction (structure, "framerate", &numerator, &denominator)
      && numerator > 0 && denominator > 0)
    pad->frame_duration_ns
        = (gint64) gst_util_uint64_scale_int (GST_SECOND, denominator, numerator);
}

static guint
read_number (const GstStructure *structure, const gchar *name, guint otherwise)
{
  gint number;

  return gst_structure_get_int (structure, name, &number) && number > 0 ? (guint) number
                                                                         : otherwise;
}

/* avc and hvc1 have all parameter sets in codec_data; the others may have them in the stream. */
static gboolean
needs_codec_data (const gchar *stream_format)
{
  return g_strcmp0 (stream_format, "avc") == 0 || g_strcmp0 (stream_format, "hvc1") == 0;
}

static gboolean
set_video_caps (GstKvsSinkPad *pad, const GstStructure *structure, GError **error)
{
  const gchar *stream_format = gst_structure_get_string (structure, "stream-format");
  gboolean is_byte_stream = g_strcmp0 (stream_format, "byte-stream") == 0;
  gboolean is_gathered
      = g_strcmp0 (gst_structure_get_string (structure, "alignment"), "nal") == 0;
  KvsVideoCodec codec = gst_structure_has_name (structure, "video/x-h265") ? KVS_VIDEO_CODEC_H265
                                                                            : KVS_VIDEO_CODEC_H264;
  g_autoptr (GBytes) codec_data = read_codec_data (structure);
  g_autoptr (KvsVideoStream) video = NULL;
  g_autoptr (KvsAccessUnitGatherer) gatherer = NULL;

  if (codec_data == NULL && needs_codec_data (stream_format)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "stream-format=%s needs codec_data in its caps; put a parser (h264parse, "
                 "h265parse) before kvssink", stream_format);
    return FALSE;
  }
  video = kvs_video_stream_new (codec, is_byte_stream, codec_data, error);
  if (video != NULL && is_gathered)
    gatherer = kvs_access_unit_gatherer_new (codec, is_byte_stream, codec_data, error);
  if (video == NULL || (is_gathered && gatherer == NULL)) {
    g_prefix_error (error, "The codec_data of the caps is damaged: ");
    return FALSE;
  }
  /* What the parameter sets in the stream will say is not what was there before. */
  if (pad->video != NULL && kvs_video_stream_get_codec (pad->video) != codec)
    g_clear_pointer (&pad->track, kvs_track_free);
  clear_streams (pad);
  pad->video = g_steal_pointer (&video);
  pad->gatherer = g_steal_pointer (&gatherer);
  take_framerate (pad, structure);
  pad->caps_width = read_number (structure, "width", 0);
  pad->caps_height = read_number (structure, "height", 0);
  return TRUE;
}

static gboolean
set_audio_caps (GstKvsSinkPad *pad, const GstStructure *structure, GError **error)
{
  guint rate = read_number (structure, "rate", G711_DEFAULT_RATE);
  guint channels = read_number (structure, "channels", G711_DEFAULT_CHANNELS);
  const gchar *stream_format = gst_structure_get_string (structure, "stream-format");
  g_autoptr (GBytes) codec_data = read_codec_data (structure);
  KvsAudioStream *audio;

  if (gst_structure_has_name (structure, "audio/x-alaw"))
    audio = kvs_audio_stream_new_g711 (KVS_G711_A_LAW, rate, channels, error);
  else if (gst_structure_has_name (structure, "audio/x-mulaw"))
    audio = kvs_audio_stream_new_g711 (KVS_G711_MU_LAW, rate, channels, error);
  else
    audio = kvs_audio_stream_new_aac (g_strcmp0 (stream_format, "adts") == 0, codec_data, error);
  if (audio == NULL)
    return FALSE;
  clear_streams (pad);
  pad->audio = audio;
  pad->frame_duration_ns = 0;
  pad->caps_channels = read_number (structure, "channels", 0);
  return TRUE;
}

/**
 * gst_kvs_sink_pad_set_caps:
 * @pad: a pad that has given out all it gathered
 * @caps: fixed caps that the template allows
 * @error: %KVS_ERROR_BAD_MEDIA when the caps cannot be used
 *
 * Where the caps bring parameter sets the track is known at once, else after the first ones in the
 * stream. See gst_kvs_sink_pad_update_track().
 *
 * Returns: whether the caps are good
 */
gboolean
gst_kvs_sink_pad_set_caps (GstKvsSinkPad *pad, GstCaps *caps, GError **error)
{
  const GstStructure *structure = gst_caps_get_structure (caps, 0);
  gboolean good = pad->type == KVS_TRACK_TYPE_VIDEO ? set_video_caps (pad, structure, error)
                                                     : set_audio_caps (pad, structure, error);

  if (good)
    gst_kvs_sink_pad_update_track (pad);
  return good;
}

/* ---- buffers ---- */

static gboolean
parse_access_unit (GstKvsSinkPad *pad, const GstKvsUnit *unit, KvsAccessUnitInfo *info,
                   GError **error)
{
  gboolean is_flagged = (unit->flags & GST_BUFFER_FLAG_DELTA_UNIT) == 0;

  if (unit->nals != NULL)
    return kvs_video_stream_parse_nals (pad->video, unit->payload->data, unit->nals, unit->n_nals,
                                        is_flagged, info, error);
  return kvs_video_stream_parse (pad->video, unit->payload->data, unit->payload->size, is_flagged,
                                 info, error);
}

/**
 * gst_kvs_sink_pad_parse_video:
 * @pad: a video pad with caps
 * @unit: one access unit
 * @flags: (out): of the frame
 * @error: %KVS_ERROR_BAD_MEDIA when it is damaged
 *
 * Returns: whether there is a picture to store; %FALSE without an error where there is none, such as
 *   in a buffer of parameter sets
 */
gboolean
gst_kvs_sink_pad_parse_video (GstKvsSinkPad *pad, const GstKvsUnit *unit, KvsFrameFlags *flags,
                              GError **error)
{
  KvsAccessUnitInfo info;

  *flags = KVS_FRAME_FLAG_NONE;
  if (!parse_access_unit (pad, unit, &info, error))
    return FALSE;
  if (info.config_changed)
    gst_kvs_sink_pad_update_track (pad);
  if (info.is_key)
    *flags |= KVS_FRAME_FLAG_KEY_FRAME;
  if ((unit->flags & GST_BUFFER_FLAG_DROPPABLE) != 0)
    *flags |= KVS_FRAME_FLAG_DISCARDABLE;
  if ((unit->flags & GST_BUFFER_FLAG_DECODE_ONLY) != 0)
    *flags |= KVS_FRAME_FLAG_INVISIBLE;
  return info.has_picture;
}

/* ---- times ---- */

/**
 * gst_kvs_sink_pad_to_running_time:
 * @pad: a pad
 * @timestamp: of a buffer in its segment, or %GST_CLOCK_TIME_NONE
 * @running_ns: (out): the same in running time, which may be negative
 *
 * Returns: whether there is a running time
 */
gboolean
gst_kvs_sink_pad_to_running_time (const GstKvsSinkPad *pad, GstClockTime timestamp,
                                  gint64 *running_ns)
{
  guint64 distance;

  if (!GST_CLOCK_TIME_IS_VALID (timestamp))
    return FALSE;
  /* Backwards from an end that is not known there is no running time either. */
  if (pad->segment.format != GST_FORMAT_TIME
      || (pad->segment.rate < 0 && !GST_CLOCK_TIME_IS_VALID (pad->segment.stop))) {
    *running_ns = (gint64) MIN (timestamp, (GstClockTime) GST_KVS_MAX_TIME_NS);
    return TRUE;
  }
  switch (gst_segment_to_running_time_full (&pad->segment, GST_FORMAT_TIME, timestamp, &distance)) {
    case 1:
      *running_ns = (gint64) MIN (distance, (guint64) GST_KVS_MAX_TIME_NS);
      return TRUE;
    case -1:
      *running_ns = -(gint64) MIN (distance, (guint64) GST_KVS_MAX_TIME_NS);
      return TRUE;
    default:
      return FALSE;
  }
}

/**
 * gst_kvs_sink_pad_get_times:
 * @pad: a pad
 * @element: the sink
 * @unit: what came
 * @default_duration_ns: of a frame where neither buffer nor caps tell
 * @times: (out): running time, which may be negative
 * @duration_ns: (out): of the frame, 0 where it is not known
 *
 * A timestamp that is missing is taken from the other one, from where the last buffer ended, or from
 * the clock.
 */
void
gst_kvs_sink_pad_get_times (GstKvsSinkPad *pad, GstElement *element, const GstKvsUnit *unit,
                            gint64 default_duration_ns, GstKvsTimes *times, gint64 *duration_ns)
{
  gboolean has_pts = gst_kvs_sink_pad_to_running_time (pad, unit->pts, &times->pts_ns);
  gboolean has_dts = gst_kvs_sink_pad_to_running_time (pad, unit->dts, &times->dts_ns);
  gint64 step_ns;

  *duration_ns = pad->frame_duration_ns;
  if (GST_CLOCK_TIME_IS_VALID (unit->duration))
    *duration_ns = (gint64) MIN (unit->duration, MAX_DURATION);
  if (!has_pts && !has_dts) {
    times->pts_ns = pad->next_pts_ns != NO_TIME_NS
                        ? pad->next_pts_ns : MAX (gst_kvs_element_running_ns (element), 0);
    times->dts_ns = times->pts_ns;
  } else if (!has_pts) {
    times->pts_ns = times->dts_ns;
  } else if (!has_dts) {
    times->dts_ns = times->pts_ns;
  }
  step_ns = *duration_ns > 0 ? *duration_ns : default_duration_ns;
  pad->next_pts_ns = MIN (times->pts_ns, GST_KVS_MAX_TIME_NS) + step_ns;
}
