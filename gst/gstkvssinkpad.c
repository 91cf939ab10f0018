/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstkvssinkpad.h"

#include "elementclock.h"
#include "error.h"

G_DEFINE_TYPE (GstKvsSinkPad, gst_kvs_sink_pad, GST_TYPE_PAD)

static void
gst_kvs_sink_pad_finalize (GObject *object)
{
  GstKvsSinkPad *pad = GST_KVS_SINK_PAD (object);

  g_clear_pointer (&pad->video, kvs_video_stream_free);
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
  gst_kvs_timeline_track_init (&pad->timeline_track);
  pad->next_pts_ns = -1;
  pad->track_changed = pad->track != NULL;
}

/* ---- caps ---- */

/* What the stream's configuration makes of the track; nothing while that is not known. */
static void
update_track (GstKvsSinkPad *pad)
{
  gboolean is_h264 = kvs_video_stream_get_codec (pad->video) == KVS_VIDEO_CODEC_H264;
  const gchar *codec_id = is_h264 ? KVS_CODEC_ID_AVC : KVS_CODEC_ID_HEVC;
  GBytes *codec_private = kvs_video_stream_get_codec_private (pad->video);
  g_autoptr (KvsTrack) track = NULL;
  guint width, height;

  if (codec_private == NULL)
    return;
  track = kvs_track_new (pad->track_number, KVS_TRACK_TYPE_VIDEO,
                         pad->codec_id != NULL ? pad->codec_id : codec_id, pad->track_name,
                         codec_private);
  kvs_video_stream_get_size (pad->video, &width, &height);
  track->width = pad->caps_width != 0 ? pad->caps_width : width;
  track->height = pad->caps_height != 0 ? pad->caps_height : height;
  if (pad->track != NULL && kvs_track_equal (pad->track, track))
    return;
  g_clear_pointer (&pad->track, kvs_track_free);
  pad->track = g_steal_pointer (&track);
  pad->track_changed = TRUE;
}

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

static void
take_size (GstKvsSinkPad *pad, const GstStructure *structure)
{
  gint width = 0, height = 0;

  gst_structure_get_int (structure, "width", &width);
  gst_structure_get_int (structure, "height", &height);
  pad->caps_width = (guint) MAX (width, 0);
  pad->caps_height = (guint) MAX (height, 0);
}

/* avc and hvc1 have all parameter sets in codec_data; the others may have them in the stream. */
static gboolean
needs_codec_data (const gchar *stream_format)
{
  return g_strcmp0 (stream_format, "avc") == 0 || g_strcmp0 (stream_format, "hvc1") == 0;
}

/**
 * gst_kvs_sink_pad_set_caps:
 * @pad: a pad
 * @caps: fixed caps that the template allows
 * @track_name: (nullable): name of the track
 * @codec_id: (nullable): codec id that the user insists on
 * @error: %KVS_ERROR_BAD_MEDIA when the caps cannot be used
 *
 * Where the caps bring parameter sets the track is known at once, else after the first ones in the
 * stream. @track_changed tells when it is, or is another one than before.
 *
 * Returns: whether the caps are good
 */
gboolean
gst_kvs_sink_pad_set_caps (GstKvsSinkPad *pad, GstCaps *caps, const gchar *track_name,
                           const gchar *codec_id, GError **error)
{
  const GstStructure *structure = gst_caps_get_structure (caps, 0);
  const gchar *stream_format = gst_structure_get_string (structure, "stream-format");
  gboolean is_byte_stream = g_strcmp0 (stream_format, "byte-stream") == 0;
  KvsVideoCodec codec = gst_structure_has_name (structure, "video/x-h265") ? KVS_VIDEO_CODEC_H265
                                                                            : KVS_VIDEO_CODEC_H264;
  g_autoptr (GBytes) codec_data = read_codec_data (structure);
  KvsVideoStream *video;

  if (codec_data == NULL && needs_codec_data (stream_format)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "stream-format=%s needs codec_data in its caps; put a parser (h264parse, "
                 "h265parse) before kvssink", stream_format);
    return FALSE;
  }
  video = kvs_video_stream_new (codec, is_byte_stream, codec_data, error);
  if (video == NULL) {
    g_prefix_error (error, "The codec_data of the caps is damaged: ");
    return FALSE;
  }
  if (pad->video != NULL && kvs_video_stream_get_codec (pad->video) != codec)
    g_clear_pointer (&pad->track, kvs_track_free);
  g_clear_pointer (&pad->video, kvs_video_stream_free);
  pad->video = video;
  g_free (pad->track_name);
  pad->track_name = g_strdup (track_name);
  g_free (pad->codec_id);
  pad->codec_id = g_strdup (codec_id);
  take_framerate (pad, structure);
  take_size (pad, structure);
  update_track (pad);
  return TRUE;
}

/* ---- buffers ---- */

/**
 * gst_kvs_sink_pad_parse:
 * @pad: a pad with caps
 * @buffer: one access unit
 * @payload: its bytes
 * @flags: (out): of the frame
 * @error: %KVS_ERROR_BAD_MEDIA when it is damaged
 *
 * Returns: whether there is a picture to store; %FALSE without an error where there is none, such as
 *   in a buffer of parameter sets
 */
gboolean
gst_kvs_sink_pad_parse (GstKvsSinkPad *pad, GstBuffer *buffer, GBytes *payload,
                        KvsFrameFlags *flags, GError **error)
{
  gboolean is_flagged = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  KvsAccessUnitInfo info;

  *flags = KVS_FRAME_FLAG_NONE;
  if (!kvs_video_stream_parse (pad->video, payload, is_flagged, &info, error))
    return FALSE;
  if (info.config_changed)
    update_track (pad);
  if (info.is_key)
    *flags |= KVS_FRAME_FLAG_KEY_FRAME;
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DROPPABLE))
    *flags |= KVS_FRAME_FLAG_DISCARDABLE;
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DECODE_ONLY))
    *flags |= KVS_FRAME_FLAG_INVISIBLE;
  return info.has_picture;
}

/* ---- times ---- */

static gboolean
to_running_time (const GstKvsSinkPad *pad, GstClockTime timestamp, gint64 *running_ns)
{
  guint64 distance;

  if (!GST_CLOCK_TIME_IS_VALID (timestamp))
    return FALSE;
  if (pad->segment.format != GST_FORMAT_TIME) {
    *running_ns = (gint64) timestamp;
    return TRUE;
  }
  switch (gst_segment_to_running_time_full (&pad->segment, GST_FORMAT_TIME, timestamp, &distance)) {
    case 1:
      *running_ns = (gint64) distance;
      return TRUE;
    case -1:
      *running_ns = -(gint64) distance;
      return TRUE;
    default:
      return FALSE;
  }
}

/**
 * gst_kvs_sink_pad_get_times:
 * @pad: a pad
 * @element: the sink
 * @buffer: a buffer
 * @default_duration_ns: of a frame where neither buffer nor caps tell
 * @times: (out): running time, which may be negative
 * @duration_ns: (out): of the frame
 *
 * A timestamp that is missing is taken from the other one, from where the last buffer ended, or from
 * the clock.
 */
void
gst_kvs_sink_pad_get_times (GstKvsSinkPad *pad, GstElement *element, GstBuffer *buffer,
                            gint64 default_duration_ns, GstKvsTimes *times, gint64 *duration_ns)
{
  gboolean has_pts = to_running_time (pad, GST_BUFFER_PTS (buffer), &times->pts_ns);
  gboolean has_dts = to_running_time (pad, GST_BUFFER_DTS (buffer), &times->dts_ns);

  *duration_ns = pad->frame_duration_ns;
  if (GST_BUFFER_DURATION_IS_VALID (buffer))
    *duration_ns = (gint64) MIN (GST_BUFFER_DURATION (buffer), 20 * GST_SECOND);
  if (!has_pts && !has_dts) {
    times->pts_ns = pad->next_pts_ns >= 0 ? pad->next_pts_ns
                                          : MAX (gst_kvs_element_running_ns (element), 0);
    times->dts_ns = times->pts_ns;
  } else if (!has_pts) {
    times->pts_ns = times->dts_ns;
  } else if (!has_dts) {
    times->dts_ns = times->pts_ns;
  }
  pad->next_pts_ns = times->pts_ns + (*duration_ns > 0 ? *duration_ns : default_duration_ns);
}

/**
 * gst_kvs_sink_pad_make_frame:
 * @pad: a pad, after gst_kvs_sink_pad_parse() of the same payload
 * @info: flags and times
 * @payload: the bytes
 *
 * Returns: (transfer full): the frame, with length-prefixed NAL units
 */
KvsFrame *
gst_kvs_sink_pad_make_frame (GstKvsSinkPad *pad, const KvsFrameInfo *info, GBytes *payload)
{
  return kvs_video_stream_make_frame (pad->video, info, payload);
}
