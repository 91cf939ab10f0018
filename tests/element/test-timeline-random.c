/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A camera with a microphone, to which all happens that can: what holds in spite of it. */
#include <check.h>

#include "../suite.h"
#include "timeline-rig.h"

#define MS RIG_MS
#define S RIG_S
#define DAY (24 * 3600 * S)
#define TICK (20 * MS)
#define N_WORLDS 10
#define N_TICKS 10000
#define N_FRAMES_A_KEY 50
#define MAX_LAG (2 * S)
#define MAX_JITTER (60 * MS)
#define MAX_DRIFT_MOVE (5 * MS)
/* The clocks, half a second, and what the guesses at lone jumps add up to */
#define MAX_ERROR (3 * S)

typedef struct {
  GstKvsTimelineTrack *track;
  gboolean leads;
  gint64 interval_ns;
  gint64 lag_ns;   /* from its being taken to its coming here */
  gint64 shift_ns; /* that the source adds to its timestamps */
  gint64 next_ns;  /* when the next frame is taken, in running time */
  guint n_frames;

  /* of the last frame */
  gboolean has_last;
  gint64 last_shift_ns;
  gint64 last_offset_ns; /* from true running time to epoch time */
  guint last_border;
  guint last_step;
} Source;

typedef struct {
  GRand *rand;
  guint32 seed;
  guint tick;
  TimelineRig rig;
  Source video;
  Source audio;
  guint n_borders;
  guint n_steps; /* of the clocks, that a border came after */
  gint64 stalled_until_ns; /* the network holds everything back; monotonic */
  gboolean clock_stepped;  /* since the last border */
  gint64 distance_ns;      /* between the two sources' offsets */
  gboolean distance_changed;
} World;

/* Check's own assertions write to a pipe each time: too slow for a million frames. */
static void
check (const World *world, gboolean condition, const gchar *what)
{
  if (!condition)
    ck_abort_msg ("seed %u, tick %u: %s", world->seed, world->tick, what);
}

static gint64
random_time (World *world, gint64 from_ns, gint64 to_ns)
{
  return (gint64) g_rand_double_range (world->rand, (gdouble) from_ns, (gdouble) to_ns);
}

static gint64
random_either_way (World *world, gint64 from_ns, gint64 to_ns)
{
  gint64 time_ns = random_time (world, from_ns, to_ns);

  return g_rand_boolean (world->rand) ? time_ns : -time_ns;
}

static gint64
distance (gint64 a, gint64 b)
{
  return llabs (a - b);
}

/* ---- what holds ---- */

/* A guess cannot be better than the network's jitter. */
static void
check_offset (World *world, const Source *source, gint64 offset_ns)
{
  gint64 moved_ns = distance (offset_ns, source->last_offset_ns);
  gint64 drift_ns = MAX_DRIFT_MOVE * (world->n_borders - source->last_border);

  if (!source->has_last || source->last_step != world->n_steps)
    return;
  if (source->shift_ns != source->last_shift_ns)
    check (world, moved_ns <= drift_ns + MAX_JITTER, "a jump of the source is a jump in time");
  else if (drift_ns == 0)
    check (world, moved_ns == 0, "time moves inside a fragment");
  else
    check (world, moved_ns <= drift_ns, "time moves for nothing");
}

static void
check_epoch (World *world, gint64 taken_ns, gint64 epoch_ns)
{
  gint64 age_ns = fake_clock_running (&world->rig.clock) - taken_ns;
  gint64 true_ns = fake_clock_wall (&world->rig.clock) - age_ns;

  if (!world->clock_stepped)
    check (world, distance (epoch_ns, true_ns) <= MAX_ERROR, "it was taken at another time");
}

static void
check_distance (World *world)
{
  const Source *video = &world->video, *audio = &world->audio;
  gint64 distance_ns = video->last_offset_ns - audio->last_offset_ns;

  if (!video->has_last || !audio->has_last || video->last_border != world->n_borders
      || audio->last_border != world->n_borders || video->last_shift_ns != video->shift_ns
      || audio->last_shift_ns != audio->shift_ns)
    return;
  if (!world->distance_changed)
    check (world, distance_ns == world->distance_ns, "sound and picture came apart");
  world->distance_ns = distance_ns;
  world->distance_changed = FALSE;
}

/* ---- frames ---- */

static void
push_frame (World *world, Source *source)
{
  gint64 taken_ns = source->next_ns;
  gboolean is_key = source->leads && source->n_frames++ % N_FRAMES_A_KEY == 0;
  gint64 epoch_ns = timeline_rig_push (&world->rig, source->track, is_key,
                                       taken_ns + source->shift_ns);

  if (is_key) {
    world->n_borders++;
    world->n_steps += world->clock_stepped ? 1 : 0;
    world->clock_stepped = FALSE;
  }
  check_offset (world, source, epoch_ns - taken_ns);
  check_epoch (world, taken_ns, epoch_ns);
  source->has_last = TRUE;
  source->last_offset_ns = epoch_ns - taken_ns;
  source->last_shift_ns = source->shift_ns;
  source->last_border = world->n_borders;
  source->last_step = world->n_steps;
  source->next_ns += source->interval_ns;
  check_distance (world);
}

static void
push_what_came (World *world, Source *source)
{
  gint64 jitter_ns = random_time (world, 0, MAX_JITTER);

  if (world->rig.clock.monotonic_ns < world->stalled_until_ns)
    return;
  while (source->next_ns + source->lag_ns + jitter_ns <= fake_clock_running (&world->rig.clock))
    push_frame (world, source);
}

/* ---- what happens ---- */

static gboolean
is_calm (const World *world)
{
  const FakeClock *clock = &world->rig.clock;

  return world->video.has_last && world->audio.has_last
         && clock->monotonic_ns > world->stalled_until_ns + 5 * S
         && world->video.last_shift_ns == world->video.shift_ns
         && world->audio.last_shift_ns == world->audio.shift_ns;
}

static void
step_wall_clock (World *world)
{
  world->rig.clock.wall_skew_ns += random_either_way (world, 1 * MS, g_rand_boolean (world->rand)
                                                                         ? 500 * MS : 400 * DAY);
  world->clock_stepped = TRUE;
}

static void
pause_pipeline (World *world)
{
  fake_clock_pause (&world->rig.clock, random_time (world, 1 * MS, 3600 * S));
  world->clock_stepped = TRUE;
}

/* The camera takes no pictures, and no sound. */
static void
pause_source (World *world)
{
  gint64 time_ns = random_time (world, 100 * MS, 3600 * S);

  if (!is_calm (world))
    return;
  fake_clock_pass (&world->rig.clock, time_ns);
  world->video.next_ns += time_ns;
  world->audio.next_ns += time_ns;
}

/* Never by less than the clock would let pass for right. */
static void
jump (World *world)
{
  gint64 shift_ns = random_either_way (world, 30 * S, 1000 * DAY);
  guint who = (guint) g_rand_int_range (world->rand, 0, 4);

  if (!is_calm (world))
    return;
  if (who != 0)
    world->video.shift_ns += shift_ns;
  if (who != 1)
    world->audio.shift_ns += shift_ns;
  if (who < 2)
    world->distance_changed = TRUE;
}

static void
stall_network (World *world)
{
  if (is_calm (world))
    world->stalled_until_ns = world->rig.clock.monotonic_ns + random_time (world, 1 * S, 40 * S);
}

static void
happen (World *world)
{
  switch (g_rand_int_range (world->rand, 0, 600)) {
    case 0:
      step_wall_clock (world);
      break;
    case 1:
      pause_pipeline (world);
      break;
    case 2:
      pause_source (world);
      break;
    case 3:
    case 4:
      jump (world);
      break;
    case 5:
      stall_network (world);
      break;
    default:
      break;
  }
}

/* ---- the test ---- */

static void
start_world (World *world)
{
  timeline_rig_start (&world->rig, GST_KVS_TIMELINE_LIVE);
  world->video = (Source){ .track = &world->rig.video, .leads = TRUE, .interval_ns = 40 * MS };
  world->audio = (Source){ .track = &world->rig.audio, .interval_ns = 20 * MS };
  world->video.lag_ns = random_time (world, 0, MAX_LAG);
  world->audio.lag_ns = random_time (world, 0, MAX_LAG);
}

START_TEST (test_world)
{
  for (guint i = 0; i < N_WORLDS; i++) {
    World world = { .seed = (guint32) _i * N_WORLDS + i };

    world.rand = g_rand_new_with_seed (world.seed);
    start_world (&world);
    for (world.tick = 0; world.tick < N_TICKS; world.tick++) {
      fake_clock_pass (&world.rig.clock, TICK);
      world.rig.clock.drift_ns += random_time (&world, -MS / 50, MS / 50);
      happen (&world);
      push_what_came (&world, &world.video);
      push_what_came (&world, &world.audio);
    }
    timeline_rig_clear (&world.rig);
    g_rand_free (world.rand);
  }
}
END_TEST

static Suite *
timeline_random_suite (void)
{
  Suite *s = suite_create ("timeline-random");
  TCase *tc = tcase_create ("random");

  tcase_add_loop_test (tc, test_world, 0, 20);
  suite_add_tcase (s, tc);
  return s;
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  return run_suite (timeline_random_suite ());
}
