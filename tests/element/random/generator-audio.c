/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generator.h"

#define MS GENERATOR_MS
#define S GENERATOR_S
#define SAMPLES_PER_AAC_FRAME 1024

/* @payload: (transfer full)
 * @pts_ns: media time, as @dts_ns */
Unit *
generator_add_unit (Track *track, guint64 id, GBytes *payload, gint64 pts_ns, gint64 dts_ns)
{
  Pad *pad = &track->sequence->pads[track->pad];
  gint64 shift_ns = track->plan->stretches[track->stretch].shift_ns;
  Unit *unit = g_new0 (Unit, 1);

  unit->id = id;
  unit->pad = track->pad;
  unit->index = pad->n_units++;
  unit->config = pad->configs->len - 1;
  unit->payload = payload;
  unit->pts_ns = pts_ns + shift_ns;
  unit->dts_ns = dts_ns + shift_ns;
  unit->stretch = track->stretch;
  g_ptr_array_add (track->sequence->units, unit);
  track->last = unit;
  return unit;
}

/* @n_packets: of ADTS; else 1
 * Returns: how long it lasts */
static gint64
add_buffer (Track *track, guint n_packets, gboolean has_time)
{
  Sequence *sequence = track->sequence;
  Pad *pad = &sequence->pads[track->pad];
  const Config *config = pad->configs->pdata[pad->configs->len - 1];
  const Stretch *stretch = &track->plan->stretches[track->stretch];
  gint64 n_samples = 0, rate = config->sample_rate;
  GstBuffer *buffer = gst_buffer_new ();

  for (guint i = 0; i < n_packets; i++) {
    guint64 id = sequence->units->len;
    GBytes *packet = audio_make_packet (sequence->rand, id, config->channels);
    gint64 pts_ns = track->at_ns + n_samples * S / rate;
    g_autoptr (GBytes) frame = pad->codec == CODEC_ADTS ? audio_with_adts_header (config, packet)
                                                        : g_bytes_ref (packet);
    gsize size;
    gconstpointer data = g_bytes_get_data (frame, &size);
    gpointer copy;
    Unit *unit = generator_add_unit (track, id, packet, pts_ns, pts_ns);

    unit->is_key = TRUE;
    n_samples += pad->codec <= CODEC_ADTS ? SAMPLES_PER_AAC_FRAME
                                          : (gint64) (size / config->channels);
    copy = g_memdup2 (data, size);
    gst_buffer_append_memory (buffer, gst_memory_new_wrapped (0, copy, size, 0, size, copy, g_free));
  }
  if (has_time)
    GST_BUFFER_PTS (buffer) = generator_to_timestamp (stretch, track->at_ns + stretch->shift_ns);
  if (has_time && sequence_chance (sequence, 20))
    GST_BUFFER_DTS (buffer) = GST_BUFFER_PTS (buffer);
  if (sequence_chance (sequence, 70))
    GST_BUFFER_DURATION (buffer) = (GstClockTime) (n_samples * S / rate);
  if (sequence_chance (sequence, 5))
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_MARKER);
  if (sequence_chance (sequence, 5))
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  sequence_add_step (sequence, track->pad, track->at_ns, track->at_ns + stretch->shift_ns, buffer);
  return n_samples * S / rate;
}

static gint64
choose_audio_start (Sequence *sequence)
{
  if (sequence_chance (sequence, 60))
    return 0;
  return sequence_choose (sequence, -3000, 3000) * MS;
}

static void
enter_next_stretches (Track *track)
{
  while (track->stretch + 1 < track->plan->n_stretches
         && track->at_ns >= track->plan->stretches[track->stretch + 1].content_ns)
    generator_enter_stretch (track, track->stretch + 1);
}

/* Time goes on, mostly by an even step.
 * Returns: whether it does without a pause. */
static gboolean
advance (Track *track, gint64 from_ns, gint64 least_ns, gint64 step_ns)
{
  Sequence *sequence = track->sequence;
  gint64 next_ns = from_ns + MAX (step_ns, least_ns);

  if (sequence_chance (sequence, 3)) {
    gint64 pause_ns = sequence_choose (sequence, 200, 9000) * MS;

    if (sequence_chance (sequence, 50)) {
      track->at_ns = next_ns;
      if (track->stretch + 1 == track->plan->n_stretches)
        generator_add_gap (track, next_ns + pause_ns);
    }
    track->at_ns = next_ns + pause_ns;
    return FALSE;
  }
  track->at_ns = next_ns;
  return TRUE;
}

void
generator_make_audio (Track *track)
{
  Sequence *sequence = track->sequence;
  guint n_buffers = (guint) sequence_choose (sequence, 8, 50) / sequence->n_pads + 3;
  gint64 step_ns = track->plan->length_ns / n_buffers;
  guint change_at = sequence_chance (sequence, 10)
                        ? (guint) sequence_choose (sequence, 1, (gint) n_buffers) : G_MAXUINT;
  gint64 end_ns = 0;
  gboolean goes_on = FALSE;

  track->at_ns = choose_audio_start (sequence);
  if (sequence_chance (sequence, 20))
    n_buffers = n_buffers / 2 + 1;
  for (guint i = 0; i < n_buffers; i++) {
    gboolean is_adts = sequence->pads[track->pad].codec == CODEC_ADTS;
    gboolean has_time = TRUE;
    gint64 from_ns;

    enter_next_stretches (track);
    if (i == change_at)
      generator_change_config (track);
    else if (goes_on && track->last != NULL && sequence_chance (sequence, 10)
             && track->plan->stretches[track->stretch].rate == 1) {
      has_time = FALSE;
      track->at_ns = end_ns;
    }
    from_ns = track->at_ns;
    end_ns = from_ns + add_buffer (track, is_adts ? (guint) sequence_choose (sequence, 1, 4) : 1,
                                   has_time);
    generator_add_event (track);
    goes_on = advance (track, from_ns, end_ns - from_ns, step_ns);
  }
}
