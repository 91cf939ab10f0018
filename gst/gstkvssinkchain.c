/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers on their way through a pad of kvssink: from access units and packets to frames. */
#include "gstkvssink-private.h"
#include "gstkvssinkreport.h"
#include "payload.h"

/* How often an encoder is asked for a key frame while none comes. */
#define KEY_UNIT_REQUEST_US G_USEC_PER_SEC
#define DAMAGED_WARNING_US (10 * G_USEC_PER_SEC)
#define AUDIO_BORDER_NS (10 * (gint64) GST_SECOND)

static void
request_key_unit (GstKvsSinkPad *pad)
{
  gint64 now_us = g_get_monotonic_time ();
  GstStructure *structure;

  if (pad->key_unit_request_us != 0 && now_us - pad->key_unit_request_us < KEY_UNIT_REQUEST_US)
    return;
  pad->key_unit_request_us = now_us;
  GST_INFO_OBJECT (pad, "Frames come before a key frame: asking for one");
  structure = gst_structure_new ("GstForceKeyUnit", "running-time", GST_TYPE_CLOCK_TIME,
                                 GST_CLOCK_TIME_NONE, "all-headers", G_TYPE_BOOLEAN, TRUE, "count",
                                 G_TYPE_UINT, 0, NULL);
  gst_pad_push_event (GST_PAD (pad), gst_event_new_custom (GST_EVENT_CUSTOM_UPSTREAM, structure));
}

/* The first of a series is told, and one now and then. */
static void
report_dropped (GstKvsSink *sink, KvsProducer *producer, KvsDropReason reason, const GError *error)
{
  gint64 now_us = g_get_monotonic_time ();
  g_autoptr (GError) full = NULL;
  KvsProducerStats stats;
  gboolean is_due;

  GST_OBJECT_LOCK (sink);
  is_due = sink->dropped_warning_us == 0
           || now_us - sink->dropped_warning_us >= DAMAGED_WARNING_US;
  if (is_due)
    sink->dropped_warning_us = now_us;
  GST_OBJECT_UNLOCK (sink);
  if (!is_due)
    return;
  kvs_producer_get_stats (producer, &stats);
  full = g_error_new (error->domain, error->code,
                      "%s; the buffer was dropped (%" G_GUINT64_FORMAT " so far)", error->message,
                      stats.buffer.frames_dropped[reason]);
  gst_kvs_sink_report_warning (GST_ELEMENT (sink), full, NULL);
}

static void
drop_damaged (GstKvsSink *sink, KvsProducer *producer, gsize size_bytes, const GError *error)
{
  kvs_producer_count_drop (producer, KVS_DROP_DAMAGED, size_bytes);
  report_dropped (sink, producer, KVS_DROP_DAMAGED, error);
}

static GstFlowReturn
flow_of (GstKvsSink *sink, KvsPushResult result)
{
  gboolean failed;

  if (result != KVS_PUSH_FLUSHING)
    return GST_FLOW_OK;
  GST_OBJECT_LOCK (sink);
  failed = sink->failed;
  GST_OBJECT_UNLOCK (sink);
  return failed ? GST_FLOW_ERROR : GST_FLOW_FLUSHING;
}

/* ---- frames ---- */

/* Where the timeline may move. Each audio frame may start a fragment: without video it is one now and
 * then that counts, or the offset would move with each. */
static gboolean
is_border (GstKvsSinkPad *pad, const KvsFrameInfo *info, const GstKvsTimes *times)
{
  if (!g_atomic_int_get (&pad->is_lead) || (info->flags & KVS_FRAME_FLAG_KEY_FRAME) == 0)
    return FALSE;
  if (pad->type == KVS_TRACK_TYPE_VIDEO)
    return TRUE;
  if (pad->has_border && ABS (times->pts_ns - pad->border_ns) < AUDIO_BORDER_NS)
    return FALSE;
  pad->has_border = TRUE;
  pad->border_ns = times->pts_ns;
  return TRUE;
}

static void
take_epoch_times (GstKvsSink *sink, GstKvsSinkPad *pad, const GstKvsUnit *unit, GstKvsTimes times,
                  KvsFrameInfo *info)
{
  gboolean may_move = is_border (pad, info, &times);

  gst_kvs_timeline_to_epoch (sink->timeline, &pad->time, may_move,
                             unit->has_reference ? &unit->reference : NULL, &times);
  info->pts_ns = CLAMP (times.pts_ns, -GST_KVS_MAX_TIME_NS, 2 * GST_KVS_MAX_TIME_NS);
  info->dts_ns = CLAMP (times.dts_ns, -GST_KVS_MAX_TIME_NS, 2 * GST_KVS_MAX_TIME_NS);
}

static void
tell_metrics (GstKvsSink *sink)
{
  g_autoptr (GstStructure) stats = gst_kvs_sink_get_stats (sink);

  g_signal_emit_by_name (sink, "stream-client-metric", stats);
}

static GstFlowReturn
push_frame (GstKvsSink *sink, GstKvsSinkPad *pad, KvsProducer *producer, KvsFrame *frame)
{
  const gboolean is_told = pad->told_run == pad->run;
  const gboolean is_lead_key = g_atomic_int_get (&pad->is_lead)
                               && (frame->info.flags & KVS_FRAME_FLAG_KEY_FRAME) != 0;
  KvsPushResult result;

  GST_LOG_OBJECT (pad, "Frame of %" G_GSIZE_FORMAT " bytes, flags %x, pts %" G_GINT64_FORMAT,
                  frame->size_bytes, frame->info.flags, frame->info.pts_ns);
  result = kvs_producer_push (producer, frame, is_told ? NULL : pad->track);
  if (result != KVS_PUSH_FLUSHING)
    pad->told_run = pad->run;
  if (result == KVS_PUSH_NOT_DECODABLE)
    request_key_unit (pad);
  if (is_lead_key && sink->tells_metrics)
    tell_metrics (sink);
  return flow_of (sink, result);
}

static GstFlowReturn
push_access_unit (GstKvsSink *sink, GstKvsSinkPad *pad, KvsProducer *producer,
                  const GstKvsUnit *unit)
{
  KvsFrameInfo info = { .track_number = pad->track_number };
  g_autoptr (GError) error = NULL;
  GstKvsTimes times;

  if (!gst_kvs_sink_pad_parse_video (pad, unit, &info.flags, &error)) {
    if (error != NULL)
      drop_damaged (sink, producer, unit->payload->size, error);
    return GST_FLOW_OK;
  }
  gst_kvs_sink_pad_get_times (pad, GST_ELEMENT_CAST (sink), unit, sink->default_duration_ns, &times,
                              &info.duration_ns);
  if (pad->track == NULL) {
    /* Nothing can be decoded before the first parameter sets. */
    kvs_producer_count_drop (producer, KVS_DROP_BEFORE_KEY_FRAME, unit->payload->size);
    request_key_unit (pad);
    return GST_FLOW_OK;
  }
  take_epoch_times (sink, pad, unit, times, &info);
  return push_frame (sink, pad, producer,
                     kvs_video_stream_make_frame (pad->video, &info, unit->payload));
}

/* All packets of one configuration. */
static GstFlowReturn
push_packets (GstKvsSink *sink, GstKvsSinkPad *pad, KvsProducer *producer, GBytes *payload,
              const KvsFrameInfo *first)
{
  const KvsAudioPacket *packets;
  GstFlowReturn flow = GST_FLOW_OK;
  guint n_packets;

  packets = kvs_audio_stream_get_packets (pad->audio, &n_packets);
  for (guint i = 0; i < n_packets && flow == GST_FLOW_OK; i++) {
    KvsFrameInfo info = *first;

    info.pts_ns += packets[i].time_offset_ns;
    info.dts_ns = info.pts_ns;
    info.duration_ns = packets[i].duration_ns;
    flow = push_frame (sink, pad, producer,
                       kvs_audio_stream_make_frame (pad->audio, &info, payload, i));
  }
  return flow;
}

static GstFlowReturn
push_audio (GstKvsSink *sink, GstKvsSinkPad *pad, KvsProducer *producer, const GstKvsUnit *whole)
{
  KvsFrameInfo info = { .track_number = pad->track_number, .flags = KVS_FRAME_FLAG_KEY_FRAME };
  g_autoptr (GBytes) rest = kvs_payload_take_bytes (whole->payload);
  GstFlowReturn flow = GST_FLOW_OK;
  GstKvsUnit unit = *whole;
  gboolean has_times = FALSE;
  GstKvsTimes times;

  while (g_bytes_get_size (rest) > 0 && flow == GST_FLOW_OK) {
    g_autoptr (GBytes) part = g_steal_pointer (&rest);
    g_autoptr (GError) error = NULL;
    KvsAudioBufferInfo found;

    if (!kvs_audio_stream_parse (pad->audio, part, &found, &error))
      drop_damaged (sink, producer, g_bytes_get_size (part), error);
    if (!has_times) {
      unit.duration = (GstClockTime) found.duration_ns;
      gst_kvs_sink_pad_get_times (pad, GST_ELEMENT_CAST (sink), &unit, 0, &times, &info.duration_ns);
      take_epoch_times (sink, pad, &unit, times, &info);
      has_times = TRUE;
    }
    if (found.config_changed)
      gst_kvs_sink_pad_update_track (pad);
    if (pad->track != NULL)
      flow = push_packets (sink, pad, producer, part, &info);
    info.pts_ns += found.duration_ns;
    rest = g_bytes_new_from_bytes (part, found.used_bytes,
                                   g_bytes_get_size (part) - found.used_bytes);
  }
  return flow;
}

/* ---- access units of alignment=nal ---- */

static gint64
to_tag_time (GstClockTime time)
{
  return GST_CLOCK_TIME_IS_VALID (time) ? (gint64) MIN (time, (GstClockTime) G_MAXINT64)
                                        : KVS_ACCESS_UNIT_NO_TIME;
}

static GstClockTime
from_tag_time (gint64 time_ns)
{
  return time_ns != KVS_ACCESS_UNIT_NO_TIME ? (GstClockTime) time_ns : GST_CLOCK_TIME_NONE;
}

static GstFlowReturn
push_gathered (GstKvsSink *sink, GstKvsSinkPad *pad, KvsProducer *producer)
{
  GstFlowReturn flow = GST_FLOW_OK;
  KvsAccessUnit gathered;

  while (flow == GST_FLOW_OK && kvs_access_unit_gatherer_pop (pad->gatherer, &gathered)) {
    g_auto (KvsPayload) payload = { 0 };
    GstKvsUnit unit = {
      .payload = &payload,
      .nals = gathered.nals,
      .n_nals = gathered.n_nals,
      .pts = from_tag_time (gathered.pts_ns),
      .dts = from_tag_time (gathered.dts_ns),
      .duration = from_tag_time (gathered.duration_ns),
      .flags = gathered.picture_flags,
    };

    kvs_payload_init_bytes (&payload, gathered.bytes);
    if (pad->has_gathered_reference && gathered.pts_ns != KVS_ACCESS_UNIT_NO_TIME) {
      unit.has_reference = TRUE;
      unit.reference.epoch_ns = gathered.pts_ns + pad->gathered_reference_ns;
    }
    flow = push_access_unit (sink, pad, producer, &unit);
    kvs_access_unit_clear (&gathered);
  }
  return flow;
}

static GstFlowReturn
gather (GstKvsSink *sink, GstKvsSinkPad *pad, KvsProducer *producer, const GstKvsUnit *unit)
{
  const KvsAccessUnitTag tag = {
    .pts_ns = to_tag_time (unit->pts),
    .dts_ns = to_tag_time (unit->dts),
    .duration_ns = to_tag_time (unit->duration),
    .flags = unit->flags,
  };
  g_autoptr (GBytes) bytes = kvs_payload_take_bytes (unit->payload);
  g_autoptr (GError) error = NULL;

  if (unit->has_reference && GST_CLOCK_TIME_IS_VALID (unit->pts)) {
    pad->has_gathered_reference = TRUE;
    pad->gathered_reference_ns = unit->reference.epoch_ns - (gint64) unit->pts;
  }
  /* Markers are not relied on: there are cameras that set them on each slice. */
  if (!kvs_access_unit_gatherer_push (pad->gatherer, bytes, &tag, FALSE, &error))
    drop_damaged (sink, producer, g_bytes_get_size (bytes), error);
  return push_gathered (sink, pad, producer);
}

/**
 * gst_kvs_sink_finish_gathering:
 * @sink: the sink
 * @pad: one of its pads
 *
 * What was gathered so far is whole. The pad's streaming thread only.
 */
void
gst_kvs_sink_finish_gathering (GstKvsSink *sink, GstKvsSinkPad *pad)
{
  g_autoptr (KvsProducer) producer = NULL;

  if (pad->gatherer == NULL)
    return;
  producer = gst_kvs_sink_get_run (sink, &pad->run);
  if (producer == NULL)
    return;
  kvs_access_unit_gatherer_finish (pad->gatherer);
  push_gathered (sink, pad, producer);
}

/* ---- buffers ---- */

static gboolean
drop_corrupted (GstKvsSink *sink, KvsProducer *producer, const GstKvsUnit *unit)
{
  g_autoptr (GError) error = NULL;

  if (!sink->drops_corrupted || (unit->flags & GST_BUFFER_FLAG_CORRUPTED) == 0)
    return FALSE;
  error = g_error_new_literal (KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                               "The source marks a buffer as corrupted, and drop-corrupted is set");
  kvs_producer_count_drop (producer, KVS_DROP_CORRUPTED, unit->payload->size);
  report_dropped (sink, producer, KVS_DROP_CORRUPTED, error);
  return TRUE;
}

GstFlowReturn
gst_kvs_sink_chain (GstPad *gst_pad, GstObject *parent, GstBuffer *gst_buffer)
{
  g_autoptr (GstBuffer) buffer = gst_buffer;
  GstKvsSink *sink = (GstKvsSink *) parent;
  GstKvsSinkPad *pad = (GstKvsSinkPad *) gst_pad;
  g_autoptr (KvsProducer) producer = gst_kvs_sink_get_run (sink, &pad->run);
  g_auto (KvsPayload) payload = { 0 };
  GstKvsUnit unit;

  if (producer == NULL) {
    gst_kvs_sink_report_settings_error (sink);
    return flow_of (sink, KVS_PUSH_FLUSHING);
  }
  if (pad->video == NULL && pad->audio == NULL)
    return GST_FLOW_NOT_NEGOTIATED;
  gst_kvs_payload_init (&payload, buffer);
  unit = (GstKvsUnit) {
    .payload = &payload,
    .pts = GST_BUFFER_PTS (buffer),
    .dts = GST_BUFFER_DTS (buffer),
    .duration = GST_BUFFER_DURATION (buffer),
    .flags = GST_BUFFER_FLAGS (buffer),
  };
  unit.has_reference = gst_kvs_timeline_read_reference (buffer, &unit.reference.epoch_ns);
  if (drop_corrupted (sink, producer, &unit))
    return GST_FLOW_OK;
  if (pad->audio != NULL)
    return push_audio (sink, pad, producer, &unit);
  if (pad->gatherer != NULL)
    return gather (sink, pad, producer, &unit);
  return push_access_unit (sink, pad, producer, &unit);
}
