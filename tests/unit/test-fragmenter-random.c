/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random legal streams, held against the service's rules (kvs-api.md section 8). */
#include <check.h>

#include "../suite.h"
#include "fragmenter-rig.h"

#define MS MEDIA_MS
#define S MEDIA_S
#define START (G_GINT64_CONSTANT (1700000000) * S)
#define N_STREAMS 40
#define N_FRAMES 400

typedef struct {
  gint64 pts_ns;
  gint64 duration_ns;
  gboolean is_key;
} Pushed;

typedef struct {
  GRand *rand;
  guint32 seed;
  Rig *rig;
  GArray *pushed; /* of Pushed, those that were stored */
  gint64 frame_ns;
  gint64 base_ns; /* where the next picture in display order lies */
  guint n_undecodable;
} Stream;

/* ---- making streams ---- */

static void
push_picture (Stream *stream, gboolean is_key, gint64 pts_ns)
{
  Pushed pushed = { pts_ns, g_rand_boolean (stream->rand) ? stream->frame_ns : 0, is_key };
  gsize size = (gsize) g_rand_int_range (stream->rand, MEDIA_PAYLOAD_MIN_BYTES, 300);

  KvsFragmenterVerdict verdict = rig_push (stream->rig, is_key, pts_ns, pushed.duration_ns, size);

  if (verdict == KVS_FRAGMENTER_ADD || verdict == KVS_FRAGMENTER_OPEN)
    g_array_append_val (stream->pushed, pushed);
  else
    stream->n_undecodable++;
}

/* A picture and the @n_b ones that are shown before it, all but it in display order. */
static void
push_mini_gop (Stream *stream, gboolean is_key, guint n_b)
{
  gint64 from_ns = stream->base_ns;
  gint64 jitter_ns = stream->frame_ns / 10;

  push_picture (stream, is_key, from_ns + n_b * stream->frame_ns);
  for (guint i = 0; i < n_b; i++) {
    gint64 noise_ns = jitter_ns > 0
                          ? (gint64) g_rand_double_range (stream->rand, 0, (gdouble) jitter_ns) : 0;

    push_picture (stream, FALSE, from_ns + i * stream->frame_ns + noise_ns);
  }
  stream->base_ns += (n_b + 1) * stream->frame_ns;
}

static void
jump (Stream *stream)
{
  switch (g_rand_int_range (stream->rand, 0, 4)) {
    case 0: /* a gap */
      stream->base_ns += g_rand_int_range (stream->rand, 1, 100000) * MS;
      break;
    case 1: /* a loop, or a clock that was set back */
      stream->base_ns -= g_rand_int_range (stream->rand, 2000, 100000) * MS;
      break;
    case 2: /* other parameter sets */
      rig_set_tracks (stream->rig);
      break;
    default:
      kvs_fragmenter_close (stream->rig->fragmenter);
      break;
  }
}

static void
choose_definition (Stream *stream)
{
  static const gint64 scales_ns[] = { MS, MS, MS, 10 * MS, 100 * MS, S, MS / 10 };
  KvsStreamDefinition *definition = stream->rig->definition;

  definition->timecode_scale_ns
      = scales_ns[g_rand_int_range (stream->rand, 0, G_N_ELEMENTS (scales_ns))];
  definition->key_frame_fragmentation = g_rand_boolean (stream->rand);
  definition->fragment_duration_ns = g_rand_int_range (stream->rand, 0, 25000) * MS;
  definition->absolute_fragment_times = g_rand_boolean (stream->rand);
  /* up to 4 frames a second to 200 of them */
  stream->frame_ns = g_rand_int_range (stream->rand, 5, 250) * MS;
  stream->base_ns = START + g_rand_int_range (stream->rand, 0, 1000000) * 1000;
}

static void
make_stream (Stream *stream)
{
  guint max_b = (guint) g_rand_int_range (stream->rand, 0, 4);
  guint key_distance = (guint) g_rand_int_range (stream->rand, 1, 120);
  guint n_since_key = 0;
  gboolean open_gop = g_rand_boolean (stream->rand);
  gboolean needs_key = g_rand_int_range (stream->rand, 0, 10) > 0;

  for (guint n = 0; n < N_FRAMES; n++) {
    gboolean is_key = needs_key || n_since_key >= key_distance;
    guint n_b = max_b > 0 ? (guint) g_rand_int_range (stream->rand, 0, (gint) max_b + 1) : 0;

    if (g_rand_int_range (stream->rand, 0, 150) == 0) {
      jump (stream);
      is_key = TRUE;
      n_b = 0;
    } else if (is_key && (needs_key || !open_gop)) {
      n_b = 0;
    }
    push_mini_gop (stream, is_key, n_b);
    needs_key = FALSE;
    n_since_key = is_key ? 0 : n_since_key + 1;
  }
}

/* ---- the rules ---- */

#define CHECK_RULE(condition, what) \
  ck_assert_msg (condition, "seed %u, line %u, cluster %u, block %u: %s", stream->seed, at.line, \
                 at.cluster, at.block, what)

typedef struct {
  guint line, cluster, block;
} Place;

static gint64
floor_div (gint64 a, gint64 b)
{
  return a / b - (a % b < 0 ? 1 : 0);
}

static void
check_block (Stream *stream, Place at, const WireBlock *block, guint64 *next_id)
{
  const KvsStreamDefinition *definition = stream->rig->definition;
  const Line *line = g_ptr_array_index (stream->rig->lines, at.line);
  gint64 base_ns = definition->absolute_fragment_times ? 0 : line->segment->start_ns;
  const Pushed *pushed;
  gint64 true_time;

  CHECK_RULE (block->id == *next_id, "a frame was lost, or came twice");
  pushed = &g_array_index (stream->pushed, Pushed, (*next_id)++);
  CHECK_RULE (block->is_key == pushed->is_key, "key flag");
  /* A leading picture may lie before the time that relative ones count from. */
  true_time = MAX (floor_div (pushed->pts_ns - base_ns, definition->timecode_scale_ns), 0);
  /* Rounding may have to give way by one unit to keep Fragments apart. */
  CHECK_RULE (block->time == true_time || block->time == true_time + 1, "time");
}

static void
check_cluster (Stream *stream, Place at, const WireCluster *cluster, gint64 *newest,
               guint64 *next_id)
{
  const KvsStreamDefinition *definition = stream->rig->definition;
  gint64 floor = *newest, earliest_ns = G_MAXINT64, latest_ns = G_MININT64;

  CHECK_RULE (cluster->blocks->len > 0, "an empty cluster");
  CHECK_RULE ((gint64) cluster->timecode > floor, "the timecode does not rise");
  CHECK_RULE (cluster->size <= KVS_FRAGMENT_MAX_BYTES, "too large");
  for (at.block = 0; at.block < cluster->blocks->len; at.block++) {
    const WireBlock *block = &g_array_index (cluster->blocks, WireBlock, at.block);
    const Pushed *pushed = &g_array_index (stream->pushed, Pushed, *next_id);

    earliest_ns = MIN (earliest_ns, pushed->pts_ns);
    latest_ns = MAX (latest_ns, pushed->pts_ns + pushed->duration_ns);
    check_block (stream, at, block, next_id);
    CHECK_RULE (block->time > floor, "not later than the fragment before");
    *newest = MAX (*newest, block->time);
  }
  /* A late B-frame may end after the picture it comes before; and the service counts in units. */
  CHECK_RULE (latest_ns - earliest_ns
              <= KVS_FRAGMENT_MAX_DURATION_NS + definition->timecode_scale_ns + stream->frame_ns,
              "too long");
}

/* Nothing but a limit may open a Fragment without a key frame. */
static void
check_borders (Stream *stream)
{
  guint64 id = 0;

  for (const gchar *p = stream->rig->verdicts->str; *p != '\0'; p++) {
    const Pushed *pushed;

    if (*p == 'n')
      continue;
    pushed = &g_array_index (stream->pushed, Pushed, id);
    ck_assert_msg (*p != 'o' || pushed->is_key, "seed %u: frame %" G_GUINT64_FORMAT " opens",
                   stream->seed, id);
    ck_assert_msg (*p != 'f' || !pushed->is_key, "seed %u: frame %" G_GUINT64_FORMAT " is forced",
                   stream->seed, id);
    id++;
  }
  ck_assert_uint_eq (id, stream->pushed->len);
}

static void
check_stream (Stream *stream)
{
  guint64 next_id = 0;
  Place at;

  for (at.line = 0; at.line < stream->rig->lines->len; at.line++) {
    const Line *line = g_ptr_array_index (stream->rig->lines, at.line);
    gint64 newest = -1;

    at.block = 0;
    for (at.cluster = 0; at.cluster < line->wire->clusters->len; at.cluster++)
      check_cluster (stream, at, g_ptr_array_index (line->wire->clusters, at.cluster), &newest,
                     &next_id);
  }
  ck_assert_msg (next_id == stream->pushed->len, "seed %u: frames are missing", stream->seed);
  check_borders (stream);
}

START_TEST (test_random_streams)
{
  for (guint i = 0; i < N_STREAMS; i++) {
    Stream stream = { .seed = (guint32) _i * N_STREAMS + i };

    stream.rand = g_rand_new_with_seed (stream.seed);
    stream.rig = rig_new ();
    stream.pushed = g_array_new (FALSE, FALSE, sizeof (Pushed));
    choose_definition (&stream);
    rig_begin (stream.rig);
    make_stream (&stream);
    check_stream (&stream);
    g_array_unref (stream.pushed);
    rig_free (stream.rig);
    g_rand_free (stream.rand);
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragmenter-random");
  TCase *tc = tcase_create ("fragmenter-random");

  tcase_set_timeout (tc, 100);
  tcase_add_loop_test (tc, test_random_streams, 0, 3);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
