/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random sequences of buffers and events through the pads of kvssink, judged by what comes over the
 * wire. KVSSINK_RANDOM_SEED=n plays one sequence again, and tells what is in it;
 * KVSSINK_RANDOM_COUNT=n plays more, or fewer. */
#include <check.h>

#include "../suite.h"
#include "random/rules.h"

#define N_LEGAL 5000 /* in each of two parts */
#define N_ILLEGAL 3000
#define FIRST_ILLEGAL 10000000
/* Connections of the collector stay open until its end. */
#define SEQUENCES_A_COLLECTOR 50

typedef void (*Maker) (Sequence *sequence);

static void
describe (const Sequence *sequence)
{
  g_printerr ("seed %u: %u pads, order %d, %s%s%s%s, scale %u ms\n", sequence->seed,
              sequence->n_pads, (gint) sequence->order,
              sequence->is_offline ? "offline" : "realtime", sequence->is_steady ? ", steady" : "",
              sequence->is_absolute ? "" : ", relative", sequence->has_clock ? ", clock" : "",
              sequence->scale_ms);
  for (guint i = 0; i < sequence->n_pads; i++) {
    const Pad *pad = &sequence->pads[i];

    g_printerr ("pad %u: codec %d, %u configs\n", i, (gint) pad->codec, pad->configs->len);
    for (guint k = 0; k < pad->steps->len; k++) {
      const Step *step = &g_array_index (pad->steps, Step, k);

      if (GST_IS_EVENT (step->object))
        g_printerr ("  %" G_GINT64_FORMAT " ms: %s\n", step->at_ns / 1000000,
                    GST_EVENT_TYPE_NAME (step->object));
      else
        g_printerr ("  %" G_GINT64_FORMAT " ms: buffer pts %" GST_TIME_FORMAT " dts %"
                    GST_TIME_FORMAT " flags %x\n", step->at_ns / 1000000,
                    GST_TIME_ARGS (GST_BUFFER_PTS (step->object)),
                    GST_TIME_ARGS (GST_BUFFER_DTS (step->object)),
                    GST_BUFFER_FLAGS (step->object));
    }
  }
}

static void
show_wire (const Sequence *sequence, const Result *result)
{
  g_autofree gchar *stats = gst_structure_to_string (result->stats);

  for (guint i = 0; i < sequence->units->len; i++) {
    const Unit *unit = sequence->units->pdata[i];

    g_printerr ("unit pad %u frame %u: running pts %" G_GINT64_FORMAT " dts %" G_GINT64_FORMAT
                " ms, stretch %u, config %u%s, stored %u\n", unit->pad, unit->index,
                unit->pts_ns / 1000000, unit->dts_ns / 1000000, unit->stretch, unit->config,
                unit->is_key ? ", key" : "", unit->n_stored);
  }
  for (guint i = 0; i < result->recordings->len; i++) {
    const Recording *recording = result->recordings->pdata[i];

    g_printerr ("session %u: %u tracks%s%s\n", i, recording->tracks->len,
                recording->error != NULL ? ", " : "",
                recording->error != NULL ? recording->error : "");
    for (guint k = 0; k < recording->clusters->len; k++) {
      const RecordedCluster *cluster = recording->clusters->pdata[k];

      g_printerr (" cluster %" G_GUINT64_FORMAT ":", cluster->timecode);
      for (guint n = 0; n < cluster->blocks->len; n++) {
        const RecordedBlock *block = &g_array_index (cluster->blocks, RecordedBlock, n);

        g_printerr (" %u%s@%d", (guint) block->track, block->is_key ? "K" : "", block->offset);
      }
      g_printerr ("\n");
    }
  }
  g_printerr ("%s\n", stats);
}

static gchar *
play (guint32 seed, Maker make, Collector *collector, gboolean is_verbose)
{
  g_autoptr (Sequence) sequence = sequence_new (seed);
  g_autoptr (Result) result = NULL;
  gchar *error;

  make (sequence);
  if (is_verbose)
    describe (sequence);
  result = player_run (sequence, collector);
  error = rules_check_service (sequence, result);
  if (error == NULL && sequence->is_legal)
    error = rules_check_media (sequence, result);
  if (is_verbose)
    show_wire (sequence, result);
  if (error != NULL) {
    g_autofree gchar *stats = gst_structure_to_string (result->stats);
    gchar *full = g_strdup_printf ("KVSSINK_RANDOM_SEED=%u: %s; %s", seed, error, stats);

    g_free (error);
    return full;
  }
  return NULL;
}

/* Returns: how many failed */
static guint
play_some (guint32 first, guint n, Maker make, gboolean is_verbose)
{
  Collector *collector = collector_new ();
  guint n_failed = 0;

  for (guint i = 0; i < n; i++) {
    g_autofree gchar *error = play (first + i, make, collector, is_verbose);

    if (error == NULL)
      continue;
    g_printerr ("%s\n", error);
    n_failed++;
  }
  collector_free (collector);
  return n_failed;
}

static void
play_all (guint32 first, guint n, Maker make)
{
  guint n_failed = 0;

  for (guint i = 0; i < n; i += SEQUENCES_A_COLLECTOR)
    n_failed += play_some (first + i, MIN (n - i, SEQUENCES_A_COLLECTOR), make, FALSE);
  ck_assert_msg (n_failed == 0, "%u sequences failed", n_failed);
}

static guint
get_number (const gchar *name, guint otherwise)
{
  const gchar *text = g_getenv (name);

  return text != NULL ? (guint) g_ascii_strtoull (text, NULL, 10) : otherwise;
}

/* Part 3 is the illegal ones. */
START_TEST (test_sequences)
{
  guint part = get_number ("KVSSINK_RANDOM_PART", 1);
  gboolean is_legal = part < 3;
  guint n = get_number ("KVSSINK_RANDOM_COUNT", is_legal ? N_LEGAL : N_ILLEGAL);

  play_all (is_legal ? (part - 1) * n : FIRST_ILLEGAL, n,
            is_legal ? sequence_make_legal : sequence_make_illegal);
}
END_TEST

START_TEST (test_one)
{
  guint32 seed = get_number ("KVSSINK_RANDOM_SEED", 0);
  Maker make = seed < FIRST_ILLEGAL ? sequence_make_legal : sequence_make_illegal;

  ck_assert_uint_eq (play_some (seed, 1, make, TRUE), 0);
}
END_TEST

static Suite *
random_suite (void)
{
  Suite *s = suite_create ("kvssink-random");
  TCase *tc = tcase_create ("kvssink-random");

  tcase_set_timeout (tc, 1500);
  tcase_add_test (tc, g_getenv ("KVSSINK_RANDOM_SEED") != NULL ? test_one : test_sequences);
  suite_add_tcase (s, tc);
  return s;
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  return run_suite (random_suite ());
}
