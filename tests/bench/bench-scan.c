/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How fast start codes are found in a clip as a byte stream, beside a loop that looks at each byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clip.h"
#include "media/nal.h"
#include "usage.h"

#define LENGTH_BYTES 4
#define RUN_NS (300 * G_GINT64_CONSTANT (1000000))
#define N_RUNS 5

typedef struct {
  GByteArray *bytes;
  GArray *ends; /* of the frames in @bytes */
} Stream;

typedef guint (*CountFunc) (const guint8 *data, gsize size, GArray *units);

static void
append_frame (Stream *stream, const guint8 *data, gsize size)
{
  static const guint8 start_code[] = { 0, 0, 0, 1 };
  gsize end;

  while (size > LENGTH_BYTES) {
    gsize length = (gsize) data[0] << 24 | (gsize) data[1] << 16 | (gsize) data[2] << 8 | data[3];

    length = MIN (length, size - LENGTH_BYTES);
    g_byte_array_append (stream->bytes, start_code, sizeof start_code);
    g_byte_array_append (stream->bytes, data + LENGTH_BYTES, (guint) length);
    data += LENGTH_BYTES + length;
    size -= LENGTH_BYTES + length;
  }
  end = stream->bytes->len;
  g_array_append_val (stream->ends, end);
}

static guint
count_ours (const guint8 *data, gsize size, GArray *units)
{
  kvs_nal_split_annexb (data, size, units);
  return units->len;
}

static guint
count_naive (const guint8 *data, gsize size, GArray *units)
{
  guint zeros = 0, n = 0;

  for (gsize i = 0; i < size; i++) {
    if (data[i] == 0) {
      zeros++;
      continue;
    }
    if (data[i] == 1 && zeros >= 2)
      n++;
    zeros = 0;
  }
  return n;
}

static guint64
count_all (const Stream *stream, CountFunc count, GArray *units)
{
  guint64 n = 0;
  gsize begin = 0;

  for (guint i = 0; i < stream->ends->len; i++) {
    gsize end = g_array_index (stream->ends, gsize, i);

    n += count (stream->bytes->data + begin, end - begin, units);
    begin = end;
  }
  return n;
}

/* The best of some runs: whatever else the machine does only ever takes time. */
static gdouble
gigabytes_per_second (const Stream *stream, CountFunc count, guint64 *n)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  gdouble best = 0;

  for (guint run = 0; run < N_RUNS; run++) {
    gint64 begin_ns = bench_thread_cpu_ns (), took_ns;
    guint64 bytes = 0;

    do {
      *n = count_all (stream, count, units);
      bytes += stream->bytes->len;
      took_ns = bench_thread_cpu_ns () - begin_ns;
    } while (took_ns < RUN_NS);
    best = MAX (best, (gdouble) bytes / (gdouble) took_ns);
  }
  return best;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BenchClip) clip = argc == 2 ? bench_clip_open (argv[1], &error) : NULL;
  Stream stream = { g_byte_array_new (), g_array_new (FALSE, FALSE, sizeof (gsize)) };
  guint64 n_ours, n_naive;
  gdouble ours, naive;

  if (clip == NULL) {
    g_printerr ("bench-scan: %s\n", error != NULL ? error->message : "a clip is needed");
    return EXIT_FAILURE;
  }
  for (guint i = 0; i < clip->n_frames; i++)
    append_frame (&stream, clip->bytes + clip->frames[i].offset, clip->frames[i].size);
  ours = gigabytes_per_second (&stream, count_ours, &n_ours);
  naive = gigabytes_per_second (&stream, count_naive, &n_naive);
  printf ("{\"bytes\": %u, \"units\": %" G_GUINT64_FORMAT ", \"units_naive\": %" G_GUINT64_FORMAT
          ", \"gb_per_s\": %.2f, \"naive_gb_per_s\": %.2f}\n", stream.bytes->len, n_ours, n_naive,
          ours, naive);
  g_byte_array_unref (stream.bytes);
  g_array_unref (stream.ends);
  return EXIT_SUCCESS;
}
