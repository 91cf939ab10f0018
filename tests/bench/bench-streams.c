/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs N pipelines of a clip and a sink, and prints as JSON what that took. */
#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>

#include "clip-source.h"
#include "pipelines.h"
#include "usage.h"
#include "wire.h"

/* When memory and threads are counted: as a part of the time that the source plays */
#define STEADY_AT 0.8
/* GLib keeps threads of its pools for a while after their work; only those that work count. */
#define MAX_POOL_IDLE_MS 500
#define NO_TIME_US (G_USEC_PER_SEC * G_GINT64_CONSTANT (3600))

static gchar *clip_path;
static gchar *sink_name;
static gchar *prefix;
static gchar **properties;
static gint n_streams = 1;
static gdouble seconds = 20;
static gint sample_ms;
static gboolean is_offline;
static gboolean is_marked;

static const GOptionEntry entries[] = {
  { "clip", 0, 0, G_OPTION_ARG_FILENAME, &clip_path, "What to send", "FILE" },
  { "sink", 0, 0, G_OPTION_ARG_STRING, &sink_name, "fakesink, mux or kvssink", "NAME" },
  { "prefix", 0, 0, G_OPTION_ARG_STRING, &prefix, "Of the streams' names", "TEXT" },
  { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &properties, "Property of kvssink", "NAME=VALUE" },
  { "streams", 0, 0, G_OPTION_ARG_INT, &n_streams, "How many pipelines", "N" },
  { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &seconds, "Media of each", "S" },
  { "sample", 0, 0, G_OPTION_ARG_INT, &sample_ms, "Print memory so often", "MS" },
  { "offline", 0, 0, G_OPTION_ARG_NONE, &is_offline, "As fast as it goes", NULL },
  { "latency", 0, 0, G_OPTION_ARG_NONE, &is_marked, "Follow each frame until TLS has it", NULL },
  { NULL }
};

static gint
compare (gconstpointer a, gconstpointer b)
{
  const gint64 *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

/* Times of which one is never (-1) have no largest. */
static void
print_times (const gchar *name, gint64 *times_us, guint n)
{
  qsort (times_us, n, sizeof *times_us, compare);
  if (times_us[0] < 0)
    printf (", \"%s_ms\": null, \"%s_max_ms\": null", name, name);
  else
    printf (", \"%s_ms\": %.3f, \"%s_max_ms\": %.3f", name, (gdouble) times_us[n / 2] / 1000, name,
            (gdouble) times_us[n - 1] / 1000);
}

static void
print_latencies (void)
{
  guint n_missing;
  g_autoptr (GArray) latencies = bench_wire_latencies_us (&n_missing);
  const gint64 *sorted_us = (const gint64 *) (gpointer) latencies->data;
  guint n = latencies->len;

  printf (", \"latency_frames\": %u, \"latency_missing\": %u", n, n_missing);
  if (n > 0)
    printf (", \"latency_p50_ms\": %.3f, \"latency_p99_ms\": %.3f, \"latency_max_ms\": %.3f",
            (gdouble) sorted_us[n / 2] / 1000, (gdouble) sorted_us[n * 99 / 100] / 1000,
            (gdouble) sorted_us[n - 1] / 1000);
}

/* CPU time of the streaming thread per frame, a number for each block of frames */
static void
print_blocks (const GArray *blocks_ns)
{
  printf (", \"block_ns\": [");
  for (guint i = 1; i < blocks_ns->len; i++)
    printf ("%s%.1f", i > 1 ? ", " : "",
            (gdouble) (g_array_index (blocks_ns, gint64, i) - g_array_index (blocks_ns, gint64, i - 1))
              / BENCH_BLOCK_FRAMES);
  printf ("]");
}

static void
print_sample (BenchPipelines *pipelines, gint64 begin_us)
{
  BenchMemory memory;

  bench_memory_read (&memory);
  printf ("{\"sample\": %.3f, \"resident\": %" G_GINT64_FORMAT ", \"private\": %" G_GINT64_FORMAT
          ", \"buffered\": %" G_GUINT64_FORMAT ", \"frames_in\": %" G_GUINT64_FORMAT "}\n",
          bench_seconds_since (begin_us), memory.resident_bytes, memory.private_bytes,
          bench_pipelines_sum_stat (pipelines, "bytes-buffered"),
          bench_pipelines_sum_stat (pipelines, "frames-in"));
  fflush (stdout);
}

typedef struct {
  BenchMemory memory;
  guint64 buffered_bytes;
} Steady;

static void
take_steady (BenchPipelines *pipelines, Steady *steady)
{
  bench_memory_read (&steady->memory);
  steady->buffered_bytes = bench_pipelines_sum_stat (pipelines, "bytes-buffered");
}

/* Waits until all have ended; memory is counted on the way. */
static void
follow (BenchPipelines *pipelines, gint64 begin_us, Steady *steady)
{
  gint64 steady_us = g_get_monotonic_time () + (gint64) (STEADY_AT * seconds * G_USEC_PER_SEC);
  gint64 sample_us = sample_ms > 0 ? begin_us : begin_us + NO_TIME_US;

  while (!bench_pipelines_wait (pipelines, MIN (steady_us, sample_us))) {
    gint64 now_us = g_get_monotonic_time ();

    if (now_us >= steady_us) {
      take_steady (pipelines, steady);
      steady_us = begin_us + NO_TIME_US;
    }
    if (now_us >= sample_us) {
      print_sample (pipelines, begin_us);
      sample_us += sample_ms * G_GINT64_CONSTANT (1000);
    }
  }
  if (steady->memory.n_threads == 0)
    take_steady (pipelines, steady);
}

static void
print_outcome (const BenchSettings *settings, BenchOutcome *outcome, const Steady *steady)
{
  printf (", \"sink\": \"%s\", \"streams\": %u, \"frames\": %" G_GUINT64_FORMAT
          ", \"resident\": %" G_GINT64_FORMAT ", \"private\": %" G_GINT64_FORMAT
          ", \"buffered\": %" G_GUINT64_FORMAT ", \"threads\": %" G_GINT64_FORMAT
          ", \"clean\": %u", settings->sink, settings->n_streams, settings->n_frames,
          steady->memory.resident_bytes, steady->memory.private_bytes, steady->buffered_bytes,
          steady->memory.n_threads, outcome->n_clean);
  print_times ("first_media", outcome->first_media_us, settings->n_streams);
  print_times ("end", outcome->end_us, settings->n_streams);
  print_blocks (outcome->blocks_ns);
}

static gboolean
parse (int *argc, char ***argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (clip_path == NULL || n_streams < 1 || seconds <= 0) {
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                         "--clip is needed, and positive numbers");
    return FALSE;
  }
  return TRUE;
}

static void
run (const BenchClip *clip, gint64 begin_us)
{
  BenchSettings settings = {
    clip, sink_name != NULL ? sink_name : "kvssink", (guint) n_streams,
    (guint64) (seconds * clip->fps), !is_offline, is_marked, prefix != NULL ? prefix : "bench-",
    properties
  };
  BenchPipelines *pipelines;
  Steady steady = { 0 };
  BenchOutcome outcome;

  bench_wire_watch (settings.prefix, settings.n_streams,
                    is_marked ? (guint) settings.n_frames : 0);
  pipelines = bench_pipelines_new (&settings);
  bench_pipelines_play (pipelines);
  follow (pipelines, begin_us, &steady);
  if (sample_ms > 0)
    print_sample (pipelines, begin_us);
  bench_pipelines_finish (pipelines, &outcome);
  bench_pipelines_free (pipelines);
  printf ("{");
  bench_print_usage (begin_us);
  print_outcome (&settings, &outcome, &steady);
  if (is_marked)
    print_latencies ();
  printf ("}\n");
  if (outcome.complaint != NULL)
    g_printerr ("%s: %s\n", settings.sink, outcome.complaint);
  bench_outcome_clear (&outcome);
}

int
main (int argc, char **argv)
{
  gint64 begin_us = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  g_autoptr (BenchClip) clip = NULL;

  gst_init (NULL, NULL);
  g_thread_pool_set_max_idle_time (MAX_POOL_IDLE_MS);
  if (parse (&argc, &argv, &error))
    clip = bench_clip_open (clip_path, &error);
  if (clip == NULL) {
    g_printerr ("bench-streams: %s\n", error->message);
    return EXIT_FAILURE;
  }
  run (clip, begin_us);
  return EXIT_SUCCESS;
}
