/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstkvssinkpad.h"

#include "error.h"

G_DEFINE_TYPE (GstKvsSinkPad, gst_kvs_sink_pad, GST_TYPE_PAD)

static void
gst_kvs_sink_pad_finalize (GObject *object)
{
  GstKvsSinkPad *pad = GST_KVS_SINK_PAD (object);

  kvs_h264_parameter_sets_free (pad->parameter_sets);
  g_array_unref (pad->units);
  g_clear_pointer (&pad->track, kvs_track_free);
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
  pad->parameter_sets = kvs_h264_parameter_sets_new ();
  pad->units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
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
  pad->next_pts_ns = -1;
  pad->track_changed = pad->track != NULL && pad->track->codec_private != NULL;
}

/* ---- caps ---- */

static void
set_track (GstKvsSinkPad *pad, KvsTrack *track)
{
  if (pad->track != NULL && kvs_track_equal (pad->track, track)) {
    kvs_track_free (track);
    return;
  }
  g_clear_pointer (&pad->track, kvs_track_free);
  pad->track = track;
  pad->track_changed = TRUE;
}

static KvsTrack *
make_track (GstKvsSinkPad *pad, const KvsTrack *like, GBytes *codec_private, const KvsH264Sps *sps)
{
  KvsTrack *track = kvs_track_new (like->number, like->type, like->codec_id, like->name,
                                   codec_private);

  track->width = pad->caps_width != 0 ? pad->caps_width : sps != NULL ? sps->width : 0;
  track->height = pad->caps_height != 0 ? pad->caps_height : sps != NULL ? sps->height : 0;
  return track;
}

static gboolean
take_codec_data (GstKvsSinkPad *pad, GstBuffer *codec_data, const KvsTrack *like, GError **error)
{
  g_auto (KvsH264Avcc) avcc = { 0 };
  g_autoptr (GBytes) bytes = NULL;
  KvsH264Sps sps = { 0 };
  gsize size = gst_buffer_get_size (codec_data);
  guint8 *data = g_malloc (size);

  gst_buffer_extract (codec_data, 0, data, size);
  bytes = g_bytes_new_take (data, size);
  if (!kvs_h264_avcc_parse (bytes, &avcc, error)) {
    g_prefix_error (error, "The codec_data of the caps is damaged: ");
    return FALSE;
  }
  pad->nal_length_size = avcc.nal_length_size;
  if (avcc.sps->len > 0) {
    gsize sps_size;
    const guint8 *nal = g_bytes_get_data (avcc.sps->pdata[0], &sps_size);

    kvs_h264_sps_parse (nal, sps_size, &sps, NULL);
  }
  set_track (pad, make_track (pad, like, bytes, &sps));
  return TRUE;
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

/**
 * gst_kvs_sink_pad_set_caps:
 * @pad: a pad
 * @caps: fixed caps that the template allows
 * @track_name: (nullable): name of the track
 * @codec_id: (nullable): codec id that the user insists on
 * @error: %KVS_ERROR_BAD_MEDIA when the caps cannot be used
 *
 * With stream-format avc the track is known at once; with byte-stream only after its first parameter
 * sets. @track_changed tells when it is, or is another one than before.
 *
 * Returns: whether the caps are good
 */
gboolean
gst_kvs_sink_pad_set_caps (GstKvsSinkPad *pad, GstCaps *caps, const gchar *track_name,
                           const gchar *codec_id, GError **error)
{
  const GstStructure *structure = gst_caps_get_structure (caps, 0);
  const GValue *codec_data = gst_structure_get_value (structure, "codec_data");
  const gchar *stream_format = gst_structure_get_string (structure, "stream-format");
  g_autoptr (KvsTrack) like
      = kvs_track_new (pad->track_number, KVS_TRACK_TYPE_VIDEO,
                       codec_id != NULL ? codec_id : KVS_CODEC_ID_AVC, track_name, NULL);

  pad->is_byte_stream = g_strcmp0 (stream_format, "byte-stream") == 0;
  take_framerate (pad, structure);
  take_size (pad, structure);
  kvs_h264_parameter_sets_reset (pad->parameter_sets);
  if (!pad->is_byte_stream) {
    if (codec_data != NULL && GST_VALUE_HOLDS_BUFFER (codec_data))
      return take_codec_data (pad, gst_value_get_buffer (codec_data), like, error);
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                         "H.264 with stream-format=avc needs codec_data in its caps; put h264parse "
                         "before kvssink");
    return FALSE;
  }
  /* The rest comes with the parameter sets; until then nothing can be stored. */
  if (pad->track == NULL || pad->track->codec_private == NULL) {
    g_clear_pointer (&pad->track, kvs_track_free);
    pad->track = g_steal_pointer (&like);
  }
  return TRUE;
}

/* ---- buffers ---- */

static gboolean
take_parameter_sets (GstKvsSinkPad *pad, const guint8 *data, GError **error)
{
  const KvsNalUnit *units = (const KvsNalUnit *) pad->units->data;
  g_autoptr (GBytes) avcc = NULL;
  gboolean changed;

  if (!kvs_h264_parameter_sets_add_access_unit (pad->parameter_sets, data, units, pad->units->len,
                                                &changed, error))
    return FALSE;
  if (!changed || !kvs_h264_parameter_sets_is_complete (pad->parameter_sets))
    return TRUE;
  avcc = kvs_h264_parameter_sets_make_avcc (pad->parameter_sets, error);
  if (avcc == NULL)
    return FALSE;
  set_track (pad, make_track (pad, pad->track, avcc,
                              kvs_h264_parameter_sets_get_sps (pad->parameter_sets)));
  return TRUE;
}

static gboolean
has_picture (const GstKvsSinkPad *pad, const guint8 *data)
{
  for (guint i = 0; i < pad->units->len; i++) {
    const KvsNalUnit *unit = &g_array_index (pad->units, KvsNalUnit, i);

    if (kvs_h264_nal_type_is_vcl (kvs_h264_nal_type (data + unit->offset)))
      return TRUE;
  }
  return FALSE;
}

static KvsFrameFlags
read_flags (const GstKvsSinkPad *pad, GstBuffer *buffer, const guint8 *data)
{
  KvsFrameFlags flags = KVS_FRAME_FLAG_NONE;

  /* An IDR picture is a key frame, whatever flags a camera's payloader forgot. */
  if (!GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT)
      || kvs_h264_access_unit_is_key (data, (const KvsNalUnit *) pad->units->data,
                                      pad->units->len))
    flags |= KVS_FRAME_FLAG_KEY_FRAME;
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DROPPABLE))
    flags |= KVS_FRAME_FLAG_DISCARDABLE;
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DECODE_ONLY))
    flags |= KVS_FRAME_FLAG_INVISIBLE;
  return flags;
}

/**
 * gst_kvs_sink_pad_parse:
 * @pad: a pad with caps
 * @buffer: one access unit
 * @payload: its bytes
 * @flags: (out): of the frame; %KVS_FRAME_FLAG_NONE together with no picture
 * @error: %KVS_ERROR_BAD_MEDIA when it is damaged
 *
 * Looks at the NAL units: with stream-format avc at their lengths and first bytes alone. The pad
 * remembers them for gst_kvs_sink_pad_make_frame().
 *
 * Returns: whether there is a picture to store; %FALSE without an error where there is none, such as
 *   in a buffer of parameter sets
 */
gboolean
gst_kvs_sink_pad_parse (GstKvsSinkPad *pad, GstBuffer *buffer, GBytes *payload,
                        KvsFrameFlags *flags, GError **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (payload, &size);

  g_array_set_size (pad->units, 0);
  if (size == 0)
    return FALSE;
  if (pad->is_byte_stream) {
    kvs_nal_split_annexb (data, size, pad->units);
    if (pad->units->len == 0) {
      g_set_error_literal (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                           "A buffer of stream-format=byte-stream has no start code");
      return FALSE;
    }
    if (!take_parameter_sets (pad, data, error))
      return FALSE;
  } else if (!kvs_nal_split_length_prefixed (data, size, pad->nal_length_size, pad->units,
                                             error)) {
    return FALSE;
  }
  *flags = read_flags (pad, buffer, data);
  return has_picture (pad, data);
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
                                          : MAX (gst_kvs_timeline_running_time (element), 0);
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
  if (pad->is_byte_stream)
    return kvs_frame_new_from_nal_units (info, payload, (const KvsNalUnit *) pad->units->data,
                                         pad->units->len);
  return kvs_frame_new (info, payload);
}
