/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pads of kvssink: how they come and go, and which track each is. */
#include "gstkvssink-private.h"

/* ---- tracks ---- */

/* Object lock held. Fragments start at key frames of the first video track, else of the first one. */
static void
find_lead (GstKvsSink *sink)
{
  GstKvsSinkPad *lead = NULL;

  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next) {
    GstKvsSinkPad *pad = link->data;

    if (lead == NULL || pad->type < lead->type
        || (pad->type == lead->type && pad->track_number < lead->track_number))
      lead = pad;
  }
  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next)
    g_atomic_int_set (&GST_KVS_SINK_PAD (link->data)->is_lead, link->data == lead);
}

/* Object lock held. */
static guint
find_free_track_number (GstKvsSink *sink)
{
  guint used = 0;

  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next)
    used |= 1u << GST_KVS_SINK_PAD (link->data)->track_number;
  for (guint number = 1; number <= KVS_MAX_TRACKS; number++) {
    if ((used & (1u << number)) == 0)
      return number;
  }
  return 0;
}

/* Object lock held. What plays media back expects video as track 1 (kvs-api.md section 8). */
static void
number_tracks (GstKvsSink *sink)
{
  static const KvsTrackType types[] = { KVS_TRACK_TYPE_VIDEO, KVS_TRACK_TYPE_AUDIO };
  guint number = 1;

  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next) {
      GstKvsSinkPad *pad = link->data;

      if (pad->type == types[i])
        pad->track_number = number++;
    }
  }
  find_lead (sink);
}

/**
 * gst_kvs_sink_reset_pads:
 * @sink: a sink in which nothing streams
 *
 * A new run begins.
 */
void
gst_kvs_sink_reset_pads (GstKvsSink *sink)
{
  GST_OBJECT_LOCK (sink);
  number_tracks (sink);
  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next) {
    GST_KVS_SINK_PAD (link->data)->eos = FALSE;
    gst_kvs_sink_pad_reset (link->data);
    gst_kvs_sink_pad_update_track (link->data);
  }
  GST_OBJECT_UNLOCK (sink);
}

/**
 * gst_kvs_sink_set_pads_flushing:
 * @sink: the sink
 * @producer: its producer
 *
 * No streaming thread waits any more. Any thread.
 */
void
gst_kvs_sink_set_pads_flushing (GstKvsSink *sink, KvsProducer *producer)
{
  guint numbers[KVS_MAX_TRACKS];
  guint n = 0;

  GST_OBJECT_LOCK (sink);
  for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next)
    numbers[n++] = GST_KVS_SINK_PAD (link->data)->track_number;
  GST_OBJECT_UNLOCK (sink);
  while (n > 0)
    kvs_producer_set_track_flushing (producer, numbers[--n], TRUE);
}

/* ---- pads that come and go ---- */

/* Object lock held. */
static gchar *
find_free_name (GstKvsSink *sink, const gchar *prefix)
{
  for (guint i = 0;; i++) {
    g_autofree gchar *name = g_strdup_printf ("%s_%u", prefix, i);
    gboolean is_used = FALSE;

    for (GList *link = GST_ELEMENT (sink)->sinkpads; link != NULL; link = link->next)
      is_used = is_used || g_str_equal (GST_OBJECT_NAME (link->data), name);
    if (!is_used)
      return g_steal_pointer (&name);
  }
}

GstPad *
gst_kvs_sink_request_new_pad (GstElement *element, GstPadTemplate *template, const gchar *name,
                              const GstCaps *caps)
{
  GstKvsSink *sink = GST_KVS_SINK (element);
  gboolean is_audio = g_str_has_prefix (GST_PAD_TEMPLATE_NAME_TEMPLATE (template), "audio");
  g_autoptr (KvsProducer) producer = NULL;
  g_autofree gchar *own_name = NULL;
  GstKvsSinkPad *pad;
  guint track_number;

  GST_OBJECT_LOCK (sink);
  track_number = find_free_track_number (sink);
  own_name = name != NULL ? g_strdup (name) : find_free_name (sink, is_audio ? "audio" : "video");
  GST_OBJECT_UNLOCK (sink);
  if (track_number == 0) {
    GST_ERROR_OBJECT (sink, "A Kinesis Video stream has %d tracks at most", KVS_MAX_TRACKS);
    return NULL;
  }
  pad = g_object_new (GST_TYPE_KVS_SINK_PAD, "name", own_name, "direction", GST_PAD_SINK,
                      "template", template, NULL);
  pad->type = is_audio ? KVS_TRACK_TYPE_AUDIO : KVS_TRACK_TYPE_VIDEO;
  pad->track_number = track_number;
  gst_pad_set_chain_function (GST_PAD (pad), gst_kvs_sink_chain);
  gst_pad_set_event_function (GST_PAD (pad), gst_kvs_sink_event);
  if (!gst_element_add_pad (element, GST_PAD (pad)))
    return NULL;
  GST_OBJECT_LOCK (sink);
  find_lead (sink);
  producer = sink->producer != NULL ? kvs_producer_ref (sink->producer) : NULL;
  GST_OBJECT_UNLOCK (sink);
  if (producer != NULL)
    kvs_producer_add_track (producer, track_number, pad->type);
  return GST_PAD (pad);
}

void
gst_kvs_sink_release_pad (GstElement *element, GstPad *gst_pad)
{
  GstKvsSink *sink = GST_KVS_SINK (element);
  guint track_number = GST_KVS_SINK_PAD (gst_pad)->track_number;
  g_autoptr (KvsProducer) producer = gst_kvs_sink_get_producer (sink);

  if (producer != NULL)
    kvs_producer_set_track_flushing (producer, track_number, TRUE);
  gst_pad_set_active (gst_pad, FALSE);
  gst_element_remove_pad (element, gst_pad);
  GST_OBJECT_LOCK (sink);
  find_lead (sink);
  GST_OBJECT_UNLOCK (sink);
  if (producer == NULL)
    return;
  kvs_producer_remove_track (producer, track_number);
  gst_kvs_sink_finish_if_ended (sink);
}
