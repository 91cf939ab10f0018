/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "player.h"

#include <gst/check/gsttestclock.h>

#include "wait.h"
#include "wall-clock.h"

#define S G_GINT64_CONSTANT (1000000000)
/* How far one pad may run ahead of another one, in media time */
#define MAX_AHEAD_NS (3 * S)
#define CLOCK_START (1000 * GST_SECOND)

typedef struct {
  Sequence *sequence;
  GstElement *sink;
  GstClock *clock; /* nullable */
  GstPad *pads[MAX_PADS];
  guint at[MAX_PADS]; /* the next step */
} Player;

void
result_free (Result *result)
{
  g_clear_pointer (&result->recordings, g_ptr_array_unref);
  g_clear_pointer (&result->stats, gst_structure_free);
  g_free (result->error);
  g_free (result);
}

/* ---- set up ---- */

static void
set_properties (Player *player, Collector *collector, const gchar *name)
{
  const Sequence *sequence = player->sequence;

  g_object_set (player->sink, "stream-name", name, "access-key", "AKID", "secret-key", "SECRET",
                "aws-region", "us-west-2", "endpoint", collector_get_url (collector),
                "stop-stream-timeout", 60, "absolute-fragment-times", sequence->is_absolute,
                "key-frame-fragmentation", sequence->key_frame_fragmentation,
                "frame-timecodes", !sequence->by_arrival, "drop-corrupted",
                sequence->drops_corrupted, "timecode-scale", sequence->scale_ms,
                "fragment-duration", sequence->fragment_ms, "track-timeout",
                sequence->track_timeout_ms, "file-start-time", sequence->file_start_s, NULL);
  if (sequence->is_offline)
    gst_util_set_object_arg (G_OBJECT (player->sink), "streaming-type", "offline");
}

static void
request_pads (Player *player)
{
  for (guint i = 0; i < player->sequence->n_pads; i++) {
    gboolean is_audio = codec_is_audio (player->sequence->pads[i].codec);

    player->pads[i]
        = gst_element_request_pad_simple (player->sink, is_audio ? "audio_%u" : "video_%u");
  }
}

static void
set_clock (Player *player)
{
  if (!player->sequence->has_clock)
    return;
  player->clock = gst_test_clock_new_with_start_time (CLOCK_START);
  gst_element_set_clock (player->sink, player->clock);
  gst_element_set_base_time (player->sink, CLOCK_START);
}

/* ---- pushing ---- */

static void
advance_clock (Player *player, const Step *step)
{
  GstClockTime now;

  if (player->clock == NULL || step->running_ns == G_MININT64)
    return;
  now = gst_clock_get_time (player->clock);
  if (step->running_ns > 0 && CLOCK_START + (GstClockTime) step->running_ns > now)
    gst_test_clock_set_time (GST_TEST_CLOCK (player->clock),
                             CLOCK_START + (GstClockTime) step->running_ns);
  now = gst_clock_get_time (player->clock) - CLOCK_START;
  wall_clock_set_us ((PLAYER_EPOCH_NS + (gint64) now) / 1000);
}

static void
push (Player *player, guint pad, Step *step)
{
  gpointer object = g_steal_pointer (&step->object);

  advance_clock (player, step);
  if (GST_IS_BUFFER (object))
    gst_pad_chain (player->pads[pad], object);
  else
    gst_pad_send_event (player->pads[pad], object);
}

static Step *
next_step (Player *player, guint pad)
{
  GArray *steps = player->sequence->pads[pad].steps;

  return player->at[pad] < steps->len ? &g_array_index (steps, Step, player->at[pad]) : NULL;
}

/* Returns: the pad whose next step comes first, -1 at the end */
static gint
find_earliest (Player *player)
{
  const Step *earliest = NULL;
  gint found = -1;

  for (guint i = 0; i < player->sequence->n_pads; i++) {
    const Step *step = next_step (player, i);

    if (step != NULL && (earliest == NULL || step->at_ns < earliest->at_ns)) {
      earliest = step;
      found = (gint) i;
    }
  }
  return found;
}

static void
push_by_time (Player *player)
{
  gint pad;

  while ((pad = find_earliest (player)) >= 0) {
    push (player, (guint) pad, next_step (player, (guint) pad));
    player->at[pad]++;
  }
}

static void
push_chunk (Player *player, guint pad, gint64 limit_ns)
{
  guint n = (guint) sequence_choose (player->sequence, 1, 12);
  Step *step;

  while (n-- > 0 && (step = next_step (player, pad)) != NULL && step->at_ns <= limit_ns) {
    push (player, pad, step);
    player->at[pad]++;
  }
}

static void
push_in_chunks (Player *player)
{
  gint earliest;

  while ((earliest = find_earliest (player)) >= 0) {
    gint64 from_ns = next_step (player, (guint) earliest)->at_ns;
    gint64 limit_ns = from_ns > G_MAXINT64 - MAX_AHEAD_NS ? G_MAXINT64 : from_ns + MAX_AHEAD_NS;

    push_chunk (player, (guint) sequence_choose (player->sequence, 0,
                                                 (gint) player->sequence->n_pads), limit_ns);
  }
}

typedef struct {
  Player *player;
  guint pad;
} Source;

static gpointer
run_source (gpointer data)
{
  Source *source = data;
  Step *step;

  while ((step = next_step (source->player, source->pad)) != NULL) {
    push (source->player, source->pad, step);
    source->player->at[source->pad]++;
  }
  return NULL;
}

static void
push_from_threads (Player *player)
{
  Source sources[MAX_PADS];
  GThread *threads[MAX_PADS];

  for (guint i = 0; i < player->sequence->n_pads; i++) {
    sources[i] = (Source) { player, i };
    threads[i] = g_thread_new ("source", run_source, &sources[i]);
  }
  for (guint i = 0; i < player->sequence->n_pads; i++)
    g_thread_join (threads[i]);
}

/* ---- the end ---- */

/* Bad caps are an error, but not the end. */
static void
wait_for_eos (Player *player, GstBus *bus, Result *result)
{
  const GstMessageType types
      = player->sequence->is_legal ? GST_MESSAGE_EOS | GST_MESSAGE_ERROR : GST_MESSAGE_EOS;
  g_autoptr (GstMessage) message
      = gst_bus_timed_pop_filtered (bus, WAIT_LIMIT_US * 1000, types);
  g_autoptr (GError) error = NULL;

  if (message == NULL) {
    result->error = g_strdup ("no EOS");
  } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    result->error = g_strdup (error->message);
  }
}

typedef struct {
  GstElement *sink;
  GstBus *bus;
} LastWords;

/* Messages refer to the sink, and one may have been on its way into the bus. */
static gboolean
is_last_reference (gpointer user_data)
{
  LastWords *last = user_data;

  gst_bus_set_flushing (last->bus, TRUE);
  return GST_OBJECT_REFCOUNT_VALUE (last->sink) == 1;
}

static void
tear_down (Player *player, GstBus *bus)
{
  gst_element_set_state (player->sink, GST_STATE_NULL);
  for (guint i = 0; i < player->sequence->n_pads; i++) {
    if (player->pads[i] == NULL)
      continue;
    gst_element_release_request_pad (player->sink, player->pads[i]);
    gst_object_unref (player->pads[i]);
  }
  gst_element_set_bus (player->sink, NULL);
  g_assert (wait_until (is_last_reference, &(LastWords) { player->sink, bus }));
  gst_object_unref (player->sink);
  g_clear_pointer (&player->clock, gst_object_unref);
}

/**
 * player_run:
 * @sequence: what to push; its steps are used up
 * @collector: where it goes
 *
 * Returns: (transfer full): what came of it
 */
Result *
player_run (Sequence *sequence, Collector *collector)
{
  static void (*const orders[]) (Player *) = { push_by_time, push_in_chunks, push_from_threads };
  g_autofree gchar *name = g_strdup_printf ("s%u", sequence->seed);
  Player player = { .sequence = sequence, .sink = gst_element_factory_make ("kvssink", NULL) };
  g_autoptr (GstBus) bus = gst_bus_new ();
  Result *result = g_new0 (Result, 1);

  gst_object_ref_sink (player.sink);
  gst_element_set_bus (player.sink, bus);
  set_properties (&player, collector, name);
  request_pads (&player);
  set_clock (&player);
  gst_element_set_state (player.sink, GST_STATE_PLAYING);
  orders[sequence->order] (&player);
  wait_for_eos (&player, bus, result);
  g_object_get (player.sink, "stats", &result->stats, NULL);
  tear_down (&player, bus);
  wall_clock_set_us (0);
  result->recordings = collector_take (collector, name);
  return result;
}
