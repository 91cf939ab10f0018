/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random sequences of which nothing is legal: what can be stored of them has to obey the service's
 * rules all the same. */
#include "sequence.h"

#define MS G_GINT64_CONSTANT (1000000)
#define S G_GINT64_CONSTANT (1000000000)

/* ---- buffers ---- */

static GBytes *
make_garbage (Sequence *sequence)
{
  gsize size = (gsize) sequence_choose (sequence, 0, 60);
  guint8 *data = g_malloc (size + 1);

  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) sequence_choose (sequence, 0, sequence_chance (sequence, 50) ? 4 : 256);
  return g_bytes_new_take (data, size);
}

static GBytes *
make_good (Sequence *sequence, const Pad *pad, guint64 id)
{
  const Config *config = pad->configs->pdata[sequence_choose (sequence, 0,
                                                              (gint) pad->configs->len)];
  g_autoptr (GPtrArray) nals = NULL;
  GBytes *packet, *frame;

  if (!codec_is_audio (pad->codec)) {
    nals = video_make_nals (config, sequence->rand, id,
                            (Picture) sequence_choose (sequence, PICTURE_IDR, PICTURE_LEADING + 1),
                            sequence_chance (sequence, 40));
    return sequence_chance (sequence, 90) == codec_is_byte_stream (pad->codec)
               ? nals_with_start_codes (nals, sequence->rand) : nals_with_lengths (nals);
  }
  packet = audio_make_packet (sequence->rand, id, config->channels);
  if (pad->codec != CODEC_ADTS)
    return packet;
  frame = audio_with_adts_header (config, packet);
  g_bytes_unref (packet);
  return frame;
}

static GBytes *
make_bytes (Sequence *sequence, const Pad *pad, guint64 id)
{
  g_autoptr (GBytes) good = NULL;
  gsize size;

  if (sequence_chance (sequence, 15))
    return make_garbage (sequence);
  good = make_good (sequence, pad, id);
  size = g_bytes_get_size (good);
  if (sequence_chance (sequence, 10))
    return g_bytes_new_from_bytes (good, 0, (gsize) sequence_choose (sequence, 0, (gint) size));
  return g_steal_pointer (&good);
}

static GstClockTime
choose_time (Sequence *sequence, gint64 at_ns)
{
  switch (sequence_choose (sequence, 0, 16)) {
    case 0:
      return GST_CLOCK_TIME_NONE;
    case 1:
      return 0;
    case 2:
      return G_MAXUINT64 - 1;
    case 3:
      return (GstClockTime) g_rand_int (sequence->rand) << 32 | g_rand_int (sequence->rand);
    case 4:
      return G_MAXINT64;
    case 5:
      return (GstClockTime) sequence_choose (sequence, 0, 100000) * MS;
    default:
      return (GstClockTime) at_ns;
  }
}

static void
add_buffer (Sequence *sequence, guint number, gint64 at_ns)
{
  Pad *pad = &sequence->pads[number];
  g_autoptr (GBytes) bytes = make_bytes (sequence, pad, pad->n_units++);
  GstBuffer *buffer = gst_buffer_new_wrapped_bytes (bytes);

  GST_BUFFER_PTS (buffer) = choose_time (sequence, at_ns);
  GST_BUFFER_DTS (buffer) = choose_time (sequence, at_ns);
  GST_BUFFER_DURATION (buffer) = choose_time (sequence, 40 * MS);
  GST_BUFFER_FLAG_SET (buffer, g_rand_int (sequence->rand) & 0x1ff0);
  sequence_add_step (sequence, number, at_ns, at_ns, buffer);
}

/* ---- events ---- */

static GstEvent *
make_caps_event (Sequence *sequence, Pad *pad)
{
  g_autoptr (GstCaps) caps = NULL;
  Config *config = config_new (pad->codec, (guint) sequence_choose (sequence, 0, 3));

  g_ptr_array_add (pad->configs, config);
  caps = config_make_caps (config, (guint) sequence_choose (sequence, 0, 60),
                           sequence_chance (sequence, 50));
  if (sequence_chance (sequence, 20)) {
    g_autoptr (GBytes) garbage = make_garbage (sequence);
    GstBuffer *buffer = gst_buffer_new_wrapped_bytes (garbage);

    gst_caps_set_simple (caps, "codec_data", GST_TYPE_BUFFER, buffer, NULL);
    gst_buffer_unref (buffer);
  }
  if (sequence_chance (sequence, 10) && codec_is_audio (pad->codec))
    gst_caps_set_simple (caps, "rate", G_TYPE_INT, sequence_choose (sequence, -5, 100000),
                         "channels", G_TYPE_INT, sequence_choose (sequence, -2, 300), NULL);
  return gst_event_new_caps (caps);
}

static GstEvent *
make_segment_event (Sequence *sequence)
{
  GstSegment segment;

  gst_segment_init (&segment, sequence_chance (sequence, 80) ? GST_FORMAT_TIME : GST_FORMAT_BYTES);
  segment.rate = sequence_choose (sequence, 0, 5) - 2;
  if (segment.rate == 0)
    segment.rate = 0.001;
  segment.start = choose_time (sequence, 0) & G_MAXINT64;
  segment.base = choose_time (sequence, 0) & G_MAXINT64;
  segment.stop = choose_time (sequence, 100 * S);
  return gst_event_new_segment (&segment);
}

static GstEvent *
make_metadata_event (Sequence *sequence)
{
  static const gchar *const names[]
      = { "kvs-add-metadata", "kvs-image-generation", "kvs-notification", "x" };
  static const gchar *const keys[] = { "name", "value", "persist", "prefix" };
  GstStructure *structure = gst_structure_new_empty (names[sequence_choose (sequence, 0, 4)]);
  g_autofree gchar *text = g_strnfill ((gsize) sequence_choose (sequence, 0, 400), 'A');

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    switch (sequence_choose (sequence, 0, 5)) {
      case 0:
        gst_structure_set (structure, keys[i], G_TYPE_STRING, text, NULL);
        break;
      case 1:
        gst_structure_set (structure, keys[i], G_TYPE_INT, 5, NULL);
        break;
      case 2:
        gst_structure_set (structure, keys[i], G_TYPE_BOOLEAN, TRUE, NULL);
        break;
      case 3:
        gst_structure_set (structure, keys[i], G_TYPE_STRING, "b", NULL);
        break;
      default:
        break;
    }
  }
  return gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM, structure);
}

static GstEvent *
make_event (Sequence *sequence, Pad *pad)
{
  switch (sequence_choose (sequence, 0, 9)) {
    case 0:
      return make_caps_event (sequence, pad);
    case 1:
      return make_segment_event (sequence);
    case 2:
      return make_metadata_event (sequence);
    case 3: {
      GstClockTime start = choose_time (sequence, 0);

      return gst_event_new_gap (GST_CLOCK_TIME_IS_VALID (start) ? start : 0,
                                choose_time (sequence, S));
    }
    case 4:
      return gst_event_new_stream_start ("again");
    case 5:
      return gst_event_new_flush_stop (sequence_chance (sequence, 50));
    case 6:
      return sequence_chance (sequence, 30) ? gst_event_new_flush_start ()
                                            : gst_event_new_flush_stop (TRUE);
    case 7:
      return sequence_chance (sequence, 20) ? gst_event_new_eos ()
                                            : gst_event_new_segment_done (GST_FORMAT_TIME, 0);
    default:
      return gst_event_new_tag (gst_tag_list_new (GST_TAG_EXTENDED_COMMENT, "kvs:a=b", NULL));
  }
}

/* ---- all of it ---- */

static void
make_pad (Sequence *sequence, guint number)
{
  Pad *pad = &sequence->pads[number];
  guint n = (guint) sequence_choose (sequence, 10, 60);
  gint64 at_ns = 0;

  sequence_add_step (sequence, number, 0, 0, gst_event_new_stream_start ("s"));
  sequence_add_step (sequence, number, 0, 0, make_caps_event (sequence, pad));
  if (sequence_chance (sequence, 90))
    sequence_add_step (sequence, number, 0, 0, make_segment_event (sequence));
  while (n-- > 0) {
    if (sequence_chance (sequence, 12))
      sequence_add_step (sequence, number, at_ns, at_ns, make_event (sequence, pad));
    else
      add_buffer (sequence, number, at_ns);
    at_ns += sequence_choose (sequence, 0, 400) * MS;
  }
  /* Whatever came before, this is an end. */
  sequence_add_step (sequence, number, G_MAXINT64, G_MININT64, gst_event_new_flush_stop (TRUE));
  sequence_add_step (sequence, number, G_MAXINT64, G_MININT64, gst_event_new_eos ());
}

void
sequence_make_illegal (Sequence *sequence)
{
  guint n_pads = (guint) sequence_choose (sequence, 1, MAX_PADS + 1);

  sequence->is_absolute = sequence_chance (sequence, 70);
  sequence->key_frame_fragmentation = sequence_chance (sequence, 70);
  sequence->by_arrival = sequence_chance (sequence, 10);
  sequence->drops_corrupted = sequence_chance (sequence, 30);
  sequence->scale_ms = sequence_chance (sequence, 80) ? 1 : 1000;
  sequence->fragment_ms = (guint) sequence_choose (sequence, 0, 30000);
  sequence->track_timeout_ms = (guint) sequence_choose (sequence, 0, 3000);
  sequence->file_start_s = 1600000000;
  for (guint i = 0; i < n_pads; i++) {
    sequence_add_pad (sequence, (Codec) sequence_choose (sequence, 0, N_CODECS));
    make_pad (sequence, i);
  }
  sequence->order = sequence_chance (sequence, 70) ? ORDER_BY_TIME : ORDER_THREADS;
}
