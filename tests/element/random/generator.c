/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random sequences that are legal: what each pad brings, and when. */
#include "generator.h"

#define MS GENERATOR_MS
#define S GENERATOR_S

/* ---- settings ---- */

static void
choose_settings (Sequence *sequence)
{
  static const guint scales_ms[] = { 1, 1, 1, 1, 10, 1000 };

  sequence->is_legal = TRUE;
  sequence->is_offline = sequence_chance (sequence, 25);
  sequence->is_absolute = sequence_chance (sequence, 75);
  sequence->key_frame_fragmentation = sequence_chance (sequence, 70);
  sequence->by_arrival = !sequence->is_offline && sequence_chance (sequence, 5);
  sequence->drops_corrupted = sequence_chance (sequence, 10);
  sequence->scale_ms = scales_ms[sequence_choose (sequence, 0, G_N_ELEMENTS (scales_ms))];
  sequence->fragment_ms = (guint) sequence_choose (sequence, 0, 6000);
  sequence->track_timeout_ms = 60000;
  sequence->file_start_s = 1600000000 + (guint64) sequence_choose (sequence, 0, 100000000);
}

static void
choose_pads (Sequence *sequence)
{
  gint kind = sequence_choose (sequence, 0, 100);
  guint n_video = kind < 80 ? 1 : kind < 90 ? 2 : 0;
  guint n_audio = kind < 35 ? 0 : kind < 70 ? 1 : kind < 80 ? 2 : kind < 90 ? 0 : 1;

  if (kind >= 87 && kind < 90)
    n_audio = 1;
  if (kind >= 96)
    n_audio = 2;
  while (n_video-- > 0)
    sequence_add_pad (sequence, (Codec) sequence_choose (sequence, 0, CODEC_FIRST_AUDIO));
  while (n_audio-- > 0)
    sequence_add_pad (sequence, (Codec) sequence_choose (sequence, CODEC_FIRST_AUDIO, N_CODECS));
}

/* A file's thread waits for the other tracks, which one thread alone cannot feed meanwhile. */
static void
choose_order (Sequence *sequence)
{
  if (sequence->n_pads == 1)
    return;
  if (sequence->is_offline)
    sequence->order = ORDER_THREADS;
  else if (sequence_chance (sequence, 50))
    sequence->order = sequence_chance (sequence, 80) ? ORDER_CHUNKS : ORDER_THREADS;
}

/* ---- stretches of time ---- */

static gint64
choose_start (Sequence *sequence)
{
  switch (sequence_choose (sequence, 0, 6)) {
    case 0:
      return sequence_choose (sequence, 1, 2000) * MS;
    case 1:
      return sequence_choose (sequence, 1, 100) * 1000 * S;
    case 2:
      return -sequence_choose (sequence, 1, 2000) * MS;
    default:
      return 0;
  }
}

static gint64
choose_jump (Sequence *sequence, Stretch *stretch)
{
  gint kind = sequence_choose (sequence, 0, 6);

  stretch->has_segment = sequence_chance (sequence, 40);
  if (sequence->is_steady && !sequence->is_offline)
    kind = 0;
  switch (kind) {
    case 0:
      return sequence_choose (sequence, 1000, 8000) * MS;
    case 1:
      return sequence_choose (sequence, 20, 3600) * S;
    case 2: /* a 32-bit RTP timestamp wraps, at 90 kHz */
      stretch->has_key = TRUE;
      return (sequence_chance (sequence, 50) ? 1 : -1) * G_GINT64_CONSTANT (47721858844444);
    case 3: /* a seek */
      stretch->has_flush = sequence->order == ORDER_BY_TIME;
      stretch->has_segment = stretch->has_key = TRUE;
      return sequence_choose (sequence, -3600, 3600) * S + 2 * S;
    default: /* a loop */
      stretch->has_key = TRUE;
      return -sequence_choose (sequence, 5, 300) * S;
  }
}

static void
choose_segment (Sequence *sequence, Stretch *stretch)
{
  stretch->rate = sequence_chance (sequence, 15) ? 2 : 1;
  stretch->base_ns = sequence_chance (sequence, 30) ? sequence_choose (sequence, 0, 5000) * MS : 0;
  stretch->segment_offset_ns
      = sequence_chance (sequence, 10) ? sequence_choose (sequence, 0, 500) * MS : 0;
  stretch->start_ns = sequence_chance (sequence, 30)
                          ? sequence_choose (sequence, 0, 100000) * MS : 0;
}

static void
inherit_segment (Stretch *stretch, const Stretch *before)
{
  stretch->rate = before->rate;
  stretch->base_ns = before->base_ns;
  stretch->segment_offset_ns = before->segment_offset_ns;
  stretch->start_ns = before->start_ns;
}

static void
choose_stretches (Sequence *sequence, Plan *plan)
{
  guint n_jumps = sequence_chance (sequence, 50) ? 0 : (guint) sequence_choose (sequence, 1, 4);
  Stretch first = { .shift_ns = choose_start (sequence), .has_segment = TRUE };

  choose_segment (sequence, &first);
  /* Negative running times, and loops that begin before the start, need room in the segment. */
  first.start_ns += 200000 * S;
  plan->stretches[0] = first;
  plan->n_stretches = 1;
  for (guint i = 1; i <= n_jumps; i++) {
    const Stretch *before = &plan->stretches[i - 1];
    Stretch *stretch = &plan->stretches[i];

    *stretch = (Stretch) { .content_ns = plan->length_ns * i / (n_jumps + 1) };
    stretch->shift_ns = before->shift_ns + choose_jump (sequence, stretch);
    sequence->has_time_lines |= stretch->has_flush || stretch->shift_ns < before->shift_ns;
    inherit_segment (stretch, before);
    if (stretch->has_segment) {
      choose_segment (sequence, stretch);
      stretch->start_ns += 200000 * S;
    }
    plan->n_stretches++;
  }
}

static GstEvent *
make_segment (const Stretch *stretch)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = segment.applied_rate = 1.0;
  segment.rate = stretch->rate;
  segment.start = (guint64) stretch->start_ns;
  segment.offset = (guint64) stretch->segment_offset_ns;
  segment.base = (guint64) stretch->base_ns;
  segment.time = 0;
  return gst_event_new_segment (&segment);
}

/* Returns: the timestamp in the segment whose running time is that */
GstClockTime
generator_to_timestamp (const Stretch *stretch, gint64 running_ns)
{
  return (GstClockTime) ((running_ns - stretch->base_ns) * stretch->rate + stretch->start_ns
                         + stretch->segment_offset_ns);
}

/* ---- what comes between buffers ---- */

/* Events where a stretch begins. */
void
generator_enter_stretch (Track *track, guint index)
{
  Sequence *sequence = track->sequence;
  const Stretch *stretch = &track->plan->stretches[index];
  gint64 at_ns = stretch->content_ns;
  gint64 running_ns = at_ns + stretch->shift_ns;

  track->stretch = index;
  if (stretch->has_flush) {
    GstEvent *start = gst_event_new_flush_start ();
    GstEvent *stop = gst_event_new_flush_stop (TRUE);

    gst_event_set_seqnum (start, track->plan->flush_seqnum + index);
    gst_event_set_seqnum (stop, track->plan->flush_seqnum + index);
    sequence_add_step (sequence, track->pad, at_ns, running_ns, start);
    sequence_add_step (sequence, track->pad, at_ns, running_ns, stop);
    if (track->last != NULL)
      track->last->may_vanish = TRUE;
  }
  if (stretch->has_segment && index > 0)
    sequence_add_step (sequence, track->pad, at_ns, running_ns, make_segment (stretch));
  track->last = NULL;
}

static void
begin_track (Track *track)
{
  Sequence *sequence = track->sequence;
  Pad *pad = &sequence->pads[track->pad];
  Config *config = sequence_add_config (sequence, track->pad, (guint) sequence_choose (
                                                                  sequence, 0, N_CONFIG_VARIANTS));
  g_autoptr (GstCaps) caps = NULL;

  track->with_size = sequence_chance (sequence, 50);
  caps = config_make_caps (config, pad->fps, track->with_size);
  sequence_add_step (sequence, track->pad, G_MININT64, G_MININT64,
                     gst_event_new_stream_start ("s"));
  sequence_add_step (sequence, track->pad, G_MININT64, G_MININT64, gst_event_new_caps (caps));
  sequence_add_step (sequence, track->pad, G_MININT64, G_MININT64,
                     make_segment (&track->plan->stretches[0]));
}

void
generator_change_config (Track *track)
{
  Sequence *sequence = track->sequence;
  Pad *pad = &sequence->pads[track->pad];
  Config *config = sequence_add_config (sequence, track->pad, pad->configs->len
                                                                  + (guint) track->pad);
  g_autoptr (GstCaps) caps = config_make_caps (config, pad->fps, track->with_size);
  gint64 running_ns = track->at_ns + track->plan->stretches[track->stretch].shift_ns;

  sequence->has_config_changes = TRUE;
  sequence_add_step (sequence, track->pad, track->at_ns, running_ns, gst_event_new_caps (caps));
}

static void
add_metadata (Track *track, gint64 running_ns)
{
  Sequence *sequence = track->sequence;
  g_autofree gchar *value = g_strdup_printf ("%d", sequence_choose (sequence, 0, 1000));
  GstStructure *structure = gst_structure_new (
      "kvs-add-metadata", "name", G_TYPE_STRING, sequence_chance (sequence, 50) ? "a" : "b",
      "value", G_TYPE_STRING, value, "persist", G_TYPE_BOOLEAN, sequence_chance (sequence, 30),
      NULL);

  sequence_add_step (sequence, track->pad, track->at_ns, running_ns,
                     gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM, structure));
}

/* Now and then. */
void
generator_add_event (Track *track)
{
  Sequence *sequence = track->sequence;
  const Stretch *stretch = &track->plan->stretches[track->stretch];
  gint64 running_ns = track->at_ns + stretch->shift_ns;

  if (sequence_chance (sequence, 3))
    add_metadata (track, running_ns);
  if (sequence_chance (sequence, 2))
    sequence_add_step (sequence, track->pad, track->at_ns, running_ns,
                       gst_event_new_tag (gst_tag_list_new (GST_TAG_COMMENT, "x", NULL)));
}

/* Time passes without buffers, until @until_ns. */
void
generator_add_gap (Track *track, gint64 until_ns)
{
  Sequence *sequence = track->sequence;
  const Stretch *stretch = &track->plan->stretches[track->stretch];
  gint64 running_ns = track->at_ns + stretch->shift_ns;
  GstClockTime start = generator_to_timestamp (stretch, running_ns);

  if (stretch->rate != 1)
    return;
  sequence_add_step (sequence, track->pad, track->at_ns, running_ns,
                     gst_event_new_gap (start, (GstClockTime) (until_ns - track->at_ns)));
}

/* ---- all of it ---- */

static void
choose_plan (Sequence *sequence, Plan *plan)
{
  static const guint rates[] = { 1, 5, 10, 15, 25, 30, 50, 60 };

  sequence->is_steady = sequence_chance (sequence, 60);
  sequence->has_clock = sequence->is_steady && !sequence->is_offline
                        && sequence->order == ORDER_BY_TIME && sequence_chance (sequence, 40);
  plan->fps = rates[sequence_choose (sequence, 0, G_N_ELEMENTS (rates))];
  plan->n_pictures = (guint) sequence_choose (sequence, 15, 60) / sequence->n_pads + 5;
  plan->length_ns = plan->n_pictures * S / plan->fps;
  plan->flush_seqnum = gst_util_seqnum_next ();
  choose_stretches (sequence, plan);
  for (guint i = 0; i < plan->n_stretches; i++)
    gst_util_seqnum_next ();
  sequence->keeps_time = !sequence->by_arrival
                         && (sequence->is_offline || sequence->order == ORDER_BY_TIME);
  if (sequence->by_arrival)
    sequence->is_steady = FALSE;
  for (guint i = 0; i < plan->n_stretches; i++) {
    /* One pad may still bring what came before it. */
    if (plan->stretches[i].has_flush && sequence->n_pads > 1)
      sequence->keeps_time = sequence->is_offline;
  }
  if (sequence->is_offline)
    sequence->is_steady = !sequence->by_arrival;
}

void
sequence_make_legal (Sequence *sequence)
{
  Plan plan = { 0 };

  choose_settings (sequence);
  choose_pads (sequence);
  choose_order (sequence);
  choose_plan (sequence, &plan);
  for (guint i = 0; i < sequence->n_pads; i++) {
    Track track = { .sequence = sequence, .plan = &plan, .pad = i };

    begin_track (&track);
    if (codec_is_audio (sequence->pads[i].codec))
      generator_make_audio (&track);
    else
      generator_make_video (&track);
    sequence_add_step (sequence, i, sequence_chance (sequence, 50) ? track.at_ns : G_MAXINT64,
                       G_MININT64, gst_event_new_eos ());
  }
}
