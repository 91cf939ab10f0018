/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipelines.h"

#include "clip-source.h"
#include "wire.h"

typedef struct {
  BenchPipelines *owner;
  guint number;
  GstElement *pipeline;
  GstElement *source;
  GstElement *sink;
  guint64 n_marked; /* only the streaming thread uses it */
  gint64 playing_us;
  gint64 eos_us;    /* under the owner's lock, as all that follows */
  guint n_complaints;
} Stream;

struct _BenchPipelines {
  BenchSettings settings;
  Stream *streams;
  GMutex lock;
  GCond ended;
  guint n_ended;
  gchar *complaint;
};

/* ---- making ---- */

static GstElement *
make (const gchar *factory)
{
  GstElement *element = gst_element_factory_make (factory, NULL);

  if (element == NULL)
    g_error ("There is no element %s", factory);
  return element;
}

static GstElement *
make_kvssink (const BenchSettings *settings, guint number)
{
  GstElement *sink = make ("kvssink");
  g_autofree gchar *name = g_strdup_printf ("%s%u", settings->prefix, number);

  g_object_set (sink, "stream-name", name, NULL);
  if (!settings->is_live)
    gst_util_set_object_arg (G_OBJECT (sink), "streaming-type", "offline");
  for (guint i = 0; settings->properties != NULL && settings->properties[i] != NULL; i++) {
    g_auto (GStrv) pair = g_strsplit (settings->properties[i], "=", 2);

    if (pair[1] == NULL)
      g_error ("%s is not a property and its value", pair[0]);
    gst_util_set_object_arg (G_OBJECT (sink), pair[0], pair[1]);
  }
  return sink;
}

static GstElement *
make_fakesink (void)
{
  GstElement *sink = make ("fakesink");

  /* the source has the time */
  g_object_set (sink, "sync", FALSE, NULL);
  return sink;
}

static void
link_sink (const BenchSettings *settings, Stream *stream)
{
  if (g_str_equal (settings->sink, "mux")) {
    GstElement *mux = make ("matroskamux");

    g_object_set (mux, "streamable", TRUE, NULL);
    stream->sink = make_fakesink ();
    gst_bin_add_many (GST_BIN (stream->pipeline), mux, stream->sink, NULL);
    if (!gst_element_link_many (stream->source, mux, stream->sink, NULL))
      g_error ("matroskamux does not take the clip");
    return;
  }
  stream->sink = g_str_equal (settings->sink, "kvssink") ? make_kvssink (settings, stream->number)
                                                         : make_fakesink ();
  gst_bin_add (GST_BIN (stream->pipeline), stream->sink);
  if (!gst_element_link (stream->source, stream->sink))
    g_error ("%s does not take the clip", settings->sink);
}

static GstPadProbeReturn
note_frame (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Stream *stream = user_data;

  bench_wire_mark_in (stream->number, (guint) stream->n_marked++);
  return GST_PAD_PROBE_OK;
}

/* ---- messages ---- */

static void
note_complaint (Stream *stream, GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else
    gst_message_parse_warning (message, &error, NULL);
  stream->n_complaints++;
  if (stream->owner->complaint == NULL)
    stream->owner->complaint = g_strdup (error->message);
}

/* No main loop turns here: what a sink tells costs what it costs to tell it. */
static GstBusSyncReply
take_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  Stream *stream = user_data;
  BenchPipelines *owner = stream->owner;
  GstMessageType type = GST_MESSAGE_TYPE (message);

  if ((type & (GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING)) == 0) {
    gst_message_unref (message);
    return GST_BUS_DROP;
  }
  g_mutex_lock (&owner->lock);
  if (type == GST_MESSAGE_EOS)
    stream->eos_us = g_get_monotonic_time ();
  else
    note_complaint (stream, message);
  if (type == GST_MESSAGE_EOS || (type == GST_MESSAGE_ERROR && stream->n_complaints == 1)) {
    owner->n_ended++;
    g_cond_signal (&owner->ended);
  }
  g_mutex_unlock (&owner->lock);
  gst_message_unref (message);
  return GST_BUS_DROP;
}

static void
make_stream (BenchPipelines *pipelines, guint number)
{
  const BenchSettings *settings = &pipelines->settings;
  Stream *stream = &pipelines->streams[number];
  BenchClipSourceSettings source = {
    settings->clip, settings->n_frames, number, settings->is_live, settings->is_marked,
    GST_SECOND / settings->clip->fps * number / settings->n_streams
  };
  g_autoptr (GstBus) bus = NULL;

  stream->owner = pipelines;
  stream->number = number;
  stream->pipeline = gst_pipeline_new (NULL);
  stream->source = bench_clip_source_new (&source);
  gst_bin_add (GST_BIN (stream->pipeline), stream->source);
  link_sink (settings, stream);
  if (settings->is_marked) {
    g_autoptr (GstPad) pad = gst_element_get_static_pad (stream->source, "src");

    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, note_frame, stream, NULL);
  }
  bus = gst_element_get_bus (stream->pipeline);
  gst_bus_set_sync_handler (bus, take_message, stream, NULL);
}

/**
 * bench_pipelines_new:
 * @settings: what it refers to must stay
 */
BenchPipelines *
bench_pipelines_new (const BenchSettings *settings)
{
  BenchPipelines *pipelines = g_new0 (BenchPipelines, 1);

  pipelines->settings = *settings;
  pipelines->streams = g_new0 (Stream, settings->n_streams);
  g_mutex_init (&pipelines->lock);
  g_cond_init (&pipelines->ended);
  for (guint i = 0; i < settings->n_streams; i++)
    make_stream (pipelines, i);
  return pipelines;
}

/* ---- running ---- */

/**
 * bench_pipelines_play:
 *
 * Starts all, one after the other.
 */
void
bench_pipelines_play (BenchPipelines *pipelines)
{
  for (guint i = 0; i < pipelines->settings.n_streams; i++) {
    Stream *stream = &pipelines->streams[i];

    stream->playing_us = g_get_monotonic_time ();
    if (gst_element_set_state (stream->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
      g_error ("Pipeline %u does not start", i);
  }
}

/**
 * bench_pipelines_wait:
 * @until_us: monotonic time
 *
 * Returns: whether all have ended
 */
gboolean
bench_pipelines_wait (BenchPipelines *pipelines, gint64 until_us)
{
  gboolean have_ended;

  g_mutex_lock (&pipelines->lock);
  while (pipelines->n_ended < pipelines->settings.n_streams
         && g_cond_wait_until (&pipelines->ended, &pipelines->lock, until_us))
    continue;
  have_ended = pipelines->n_ended >= pipelines->settings.n_streams;
  g_mutex_unlock (&pipelines->lock);
  return have_ended;
}

static guint64
read_stat (Stream *stream, const gchar *name)
{
  g_autoptr (GstStructure) stats = NULL;
  guint64 value = 0;

  g_object_get (stream->sink, "stats", &stats, NULL);
  if (stats != NULL)
    gst_structure_get_uint64 (stats, name, &value);
  return value;
}

/**
 * bench_pipelines_sum_stat:
 * @name: a number of the property "stats"
 *
 * Returns: the sum over all sinks; 0 where they have no such thing
 */
guint64
bench_pipelines_sum_stat (BenchPipelines *pipelines, const gchar *name)
{
  guint64 sum = 0;

  if (!g_str_equal (pipelines->settings.sink, "kvssink"))
    return 0;
  for (guint i = 0; i < pipelines->settings.n_streams; i++)
    sum += read_stat (&pipelines->streams[i], name);
  return sum;
}

static void
finish_stream (Stream *stream, BenchOutcome *outcome)
{
  gboolean is_kvssink = g_str_equal (stream->owner->settings.sink, "kvssink");
  gint64 source_end_us = bench_clip_source_get_end_us (BENCH_CLIP_SOURCE (stream->source));
  gint64 first_us = is_kvssink ? bench_wire_first_media_us (stream->number) : 0;
  guint64 n_in = is_kvssink ? read_stat (stream, "frames-in") : 0;
  gboolean is_whole = !is_kvssink || (n_in == stream->owner->settings.n_frames
                                      && read_stat (stream, "frames-persisted") == n_in);

  outcome->first_media_us[stream->number] = first_us != 0 ? first_us - stream->playing_us : -1;
  outcome->end_us[stream->number] = stream->eos_us != 0 ? stream->eos_us - source_end_us : -1;
  if (stream->eos_us != 0 && stream->n_complaints == 0 && is_whole)
    outcome->n_clean++;
}

/**
 * bench_pipelines_finish:
 * @outcome: (out): to be cleared with bench_outcome_clear()
 *
 * Stops all.
 */
void
bench_pipelines_finish (BenchPipelines *pipelines, BenchOutcome *outcome)
{
  *outcome = (BenchOutcome) { 0 };
  outcome->first_media_us = g_new0 (gint64, pipelines->settings.n_streams);
  outcome->end_us = g_new0 (gint64, pipelines->settings.n_streams);
  g_mutex_lock (&pipelines->lock);
  for (guint i = 0; i < pipelines->settings.n_streams; i++)
    finish_stream (&pipelines->streams[i], outcome);
  outcome->complaint = g_strdup (pipelines->complaint);
  g_mutex_unlock (&pipelines->lock);
  for (guint i = 0; i < pipelines->settings.n_streams; i++)
    gst_element_set_state (pipelines->streams[i].pipeline, GST_STATE_NULL);
  outcome->blocks_ns = g_array_ref (
    bench_clip_source_get_blocks_ns (BENCH_CLIP_SOURCE (pipelines->streams[0].source)));
}

void
bench_outcome_clear (BenchOutcome *outcome)
{
  g_free (outcome->first_media_us);
  g_free (outcome->end_us);
  g_array_unref (outcome->blocks_ns);
  g_free (outcome->complaint);
}

/**
 * bench_pipelines_free:
 *
 * To be called after bench_pipelines_finish().
 */
void
bench_pipelines_free (BenchPipelines *pipelines)
{
  for (guint i = 0; i < pipelines->settings.n_streams; i++) {
    g_autoptr (GstBus) bus = gst_element_get_bus (pipelines->streams[i].pipeline);

    gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
    gst_object_unref (pipelines->streams[i].pipeline);
  }
  g_mutex_clear (&pipelines->lock);
  g_cond_clear (&pipelines->ended);
  g_free (pipelines->complaint);
  g_free (pipelines->streams);
  g_free (pipelines);
}
