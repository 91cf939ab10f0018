/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sequence.h"

static void
unit_free (gpointer data)
{
  Unit *unit = data;

  g_bytes_unref (unit->payload);
  g_free (unit);
}

static void
step_clear (gpointer data)
{
  Step *step = data;

  g_clear_pointer (&step->object, gst_mini_object_unref);
}

Sequence *
sequence_new (guint32 seed)
{
  Sequence *sequence = g_new0 (Sequence, 1);

  sequence->seed = seed;
  sequence->rand = g_rand_new_with_seed (seed);
  sequence->units = g_ptr_array_new_with_free_func (unit_free);
  return sequence;
}

void
sequence_free (Sequence *sequence)
{
  for (guint i = 0; i < sequence->n_pads; i++) {
    g_ptr_array_unref (sequence->pads[i].configs);
    g_array_unref (sequence->pads[i].steps);
  }
  g_ptr_array_unref (sequence->units);
  g_rand_free (sequence->rand);
  g_free (sequence);
}

gboolean
sequence_chance (Sequence *sequence, guint percent)
{
  return g_rand_int_range (sequence->rand, 0, 100) < (gint) percent;
}

/* @to: is not chosen */
gint
sequence_choose (Sequence *sequence, gint from, gint to)
{
  return g_rand_int_range (sequence->rand, from, to);
}

void
sequence_add_pad (Sequence *sequence, Codec codec)
{
  Pad *pad = &sequence->pads[sequence->n_pads++];

  pad->codec = codec;
  pad->configs = g_ptr_array_new_with_free_func (config_free);
  pad->steps = g_array_new (FALSE, FALSE, sizeof (Step));
  g_array_set_clear_func (pad->steps, step_clear);
}

Config *
sequence_add_config (Sequence *sequence, guint pad, guint variant)
{
  Config *config = config_new (sequence->pads[pad].codec, variant);

  g_ptr_array_add (sequence->pads[pad].configs, config);
  return config;
}

/* @object: (transfer full): buffer or event */
void
sequence_add_step (Sequence *sequence, guint pad, gint64 at_ns, gint64 running_ns,
                   gpointer object)
{
  const Step step = { .at_ns = at_ns, .running_ns = running_ns, .object = object };

  g_array_append_val (sequence->pads[pad].steps, step);
}

/* Returns: the pad whose key frames start fragments */
guint
sequence_find_lead (const Sequence *sequence)
{
  for (guint i = 0; i < sequence->n_pads; i++) {
    if (!codec_is_audio (sequence->pads[i].codec))
      return i;
  }
  return 0;
}
