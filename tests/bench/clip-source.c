/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clip-source.h"

#include <string.h>

#include "usage.h"

struct _BenchClipSource {
  GstPushSrc parent;
  BenchClipSourceSettings settings;
  guint64 next;
  GArray *blocks_ns; /* CPU time of the streaming thread at each block's begin */
  gint64 end_us; /* under the object lock */
};

G_DEFINE_TYPE (BenchClipSource, bench_clip_source, GST_TYPE_PUSH_SRC)

static GstStaticPadTemplate template
  = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS ("video/x-h264"));

static GstCaps *
get_caps (GstBaseSrc *base, GstCaps *filter)
{
  const BenchClip *clip = BENCH_CLIP_SOURCE (base)->settings.clip;
  GstCaps *caps;
  g_autoptr (GstBuffer) codec_data = NULL;

  if (clip == NULL)
    return gst_pad_get_pad_template_caps (base->srcpad);
  codec_data = gst_buffer_new_memdup (clip->codec_data, clip->codec_data_bytes);
  caps = gst_caps_new_simple ("video/x-h264", "stream-format", G_TYPE_STRING, "avc", "alignment",
                              G_TYPE_STRING, "au", "width", G_TYPE_INT, (gint) clip->width,
                              "height", G_TYPE_INT, (gint) clip->height, "framerate",
                              GST_TYPE_FRACTION, (gint) clip->fps, 1, "codec_data",
                              GST_TYPE_BUFFER, codec_data, NULL);
  if (filter != NULL) {
    GstCaps *both = gst_caps_intersect (filter, caps);

    gst_caps_unref (caps);
    return both;
  }
  return caps;
}

/* The base class waits for a live source's frame until it is due. */
static void
get_times (GstBaseSrc *base, GstBuffer *buffer, GstClockTime *start, GstClockTime *end)
{
  *start = BENCH_CLIP_SOURCE (base)->settings.is_live ? GST_BUFFER_PTS (buffer)
                                                      : GST_CLOCK_TIME_NONE;
  *end = GST_CLOCK_TIME_NONE;
}

static void
mark (GstBuffer *buffer, gsize size, guint32 stream, guint32 index)
{
  guint8 bytes[BENCH_MARK_BYTES];

  memcpy (bytes, BENCH_MARK, 8);
  memcpy (bytes + 8, &stream, 4);
  memcpy (bytes + 12, &index, 4);
  if (size >= 4 * sizeof bytes)
    gst_buffer_fill (buffer, size - sizeof bytes, bytes, sizeof bytes);
}

/* Each frame has memory of its own, as encoders' have: a sink that keeps frames keeps memory. */
static GstFlowReturn
create (GstPushSrc *push, GstBuffer **out)
{
  BenchClipSource *source = BENCH_CLIP_SOURCE (push);
  const BenchClipSourceSettings *settings = &source->settings;
  guint32 size;
  gboolean is_key;
  const guint8 *bytes;
  GstBuffer *buffer;

  if (source->next % BENCH_BLOCK_FRAMES == 0) {
    gint64 now_ns = bench_thread_cpu_ns ();

    g_array_append_val (source->blocks_ns, now_ns);
  }
  if (source->next >= settings->n_frames) {
    GST_OBJECT_LOCK (source);
    source->end_us = g_get_monotonic_time ();
    GST_OBJECT_UNLOCK (source);
    return GST_FLOW_EOS;
  }
  bytes = bench_clip_frame (settings->clip, source->next, &size, &is_key);
  buffer = gst_buffer_new_allocate (NULL, size, NULL);
  gst_buffer_fill (buffer, 0, bytes, size);
  if (settings->is_marked)
    mark (buffer, size, settings->stream, (guint32) source->next);
  GST_BUFFER_PTS (buffer) = settings->offset_ns
                            + (GstClockTime) bench_clip_time_ns (settings->clip, source->next);
  GST_BUFFER_DTS (buffer) = GST_BUFFER_PTS (buffer);
  GST_BUFFER_DURATION (buffer) = GST_SECOND / settings->clip->fps;
  if (!is_key)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  source->next++;
  *out = buffer;
  return GST_FLOW_OK;
}

static void
finalize (GObject *object)
{
  g_array_unref (BENCH_CLIP_SOURCE (object)->blocks_ns);
  G_OBJECT_CLASS (bench_clip_source_parent_class)->finalize (object);
}

static void
bench_clip_source_class_init (BenchClipSourceClass *klass)
{
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSrcClass *base_class = GST_BASE_SRC_CLASS (klass);

  gst_element_class_add_static_pad_template (element_class, &template);
  gst_element_class_set_static_metadata (element_class, "Clip source", "Source",
                                         "Plays a clip from memory", "kvssink");
  G_OBJECT_CLASS (klass)->finalize = finalize;
  base_class->get_caps = get_caps;
  base_class->get_times = get_times;
  GST_PUSH_SRC_CLASS (klass)->create = create;
}

static void
bench_clip_source_init (BenchClipSource *source)
{
  source->blocks_ns = g_array_new (FALSE, FALSE, sizeof (gint64));
  gst_base_src_set_format (GST_BASE_SRC (source), GST_FORMAT_TIME);
}

/**
 * bench_clip_source_new:
 *
 * Returns: (transfer floating): the element
 */
GstElement *
bench_clip_source_new (const BenchClipSourceSettings *settings)
{
  BenchClipSource *source = g_object_new (BENCH_TYPE_CLIP_SOURCE, NULL);

  source->settings = *settings;
  gst_base_src_set_live (GST_BASE_SRC (source), settings->is_live);
  return GST_ELEMENT (source);
}

/**
 * bench_clip_source_get_end_us:
 *
 * Returns: monotonic time at which the source had no more frames, 0 before
 */
gint64
bench_clip_source_get_end_us (BenchClipSource *source)
{
  gint64 end_us;

  GST_OBJECT_LOCK (source);
  end_us = source->end_us;
  GST_OBJECT_UNLOCK (source);
  return end_us;
}

/**
 * bench_clip_source_get_blocks_ns:
 *
 * To be called when the source has stopped.
 *
 * Returns: (transfer none) (element-type gint64): CPU time of the streaming thread before each frame
 *   whose number divides by %BENCH_BLOCK_FRAMES
 */
GArray *
bench_clip_source_get_blocks_ns (BenchClipSource *source)
{
  return source->blocks_ns;
}
