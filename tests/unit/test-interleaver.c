/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/interleaver.h"

#include <check.h>

#include "../suite.h"

#define MS G_GINT64_CONSTANT (1000000)
#define MAX_DELAY_US 2000
#define MAX_BYTES 1000
#define V 1
#define A 2
#define B 3

/* ---- frames that say what they are ---- */

static KvsInterleaver *interleaver;
static GString *order; /* of the frames that came out: track and presentation time */
static guint time_line;
static gint64 now_us;

static void
setup (void)
{
  interleaver = kvs_interleaver_new (MAX_DELAY_US, MAX_BYTES);
  order = g_string_new (NULL);
  time_line = 0;
  now_us = 1000000;
}

static void
teardown (void)
{
  kvs_interleaver_free (interleaver);
  g_string_free (order, TRUE);
}

static void
add (guint n_tracks)
{
  for (guint number = 1; number <= n_tracks; number++)
    kvs_interleaver_add_track (interleaver, number,
                               number == V ? KVS_TRACK_TYPE_VIDEO : KVS_TRACK_TYPE_AUDIO);
}

static void
push_full (guint track, gboolean is_key, gint64 dts_ms, gint64 pts_ms, gsize size, KvsTrack *config)
{
  g_autofree guint8 *data = g_malloc0 (size);
  g_autoptr (GBytes) payload = g_bytes_new (data, size);
  const KvsFrameInfo info = {
    .track_number = track,
    .flags = is_key ? KVS_FRAME_FLAG_KEY_FRAME : KVS_FRAME_FLAG_NONE,
    .pts_ns = pts_ms * MS,
    .dts_ns = dts_ms * MS,
  };

  kvs_interleaver_push (interleaver, kvs_frame_new (&info, payload), config, now_us);
}

static void
key (gint64 dts_ms, gint64 pts_ms)
{
  push_full (V, TRUE, dts_ms, pts_ms, 10, NULL);
}

static void
delta (gint64 dts_ms, gint64 pts_ms)
{
  push_full (V, FALSE, dts_ms, pts_ms, 10, NULL);
}

static void
audio (guint track, gint64 ms)
{
  push_full (track, TRUE, ms, ms, 10, NULL);
}

static void
pop_all (void)
{
  static const gchar letters[] = "?VAB";
  KvsInterleaved out;

  while (kvs_interleaver_pop (interleaver, now_us, &out)) {
    if (out.time_line != time_line)
      g_string_append (order, "| ");
    time_line = out.time_line;
    g_string_append_printf (order, "%s%c%d ",
                            out.track != NULL ? "*" : "", letters[out.frame->info.track_number],
                            (gint) (out.frame->info.pts_ns / MS));
    kvs_track_free (out.track);
    kvs_frame_free (out.frame);
  }
}

#define ASSERT_ORDER(expected) \
  do { \
    pop_all (); \
    ck_assert_str_eq (order->str, expected); \
  } while (0)

/* ---- the order ---- */

START_TEST (test_one_track_never_waits)
{
  add (1);
  key (0, 0);
  delta (40, 120);
  delta (80, 40);
  ck_assert_int_eq (kvs_interleaver_get_deadline_us (interleaver), now_us + MAX_DELAY_US);
  ASSERT_ORDER ("V0 V120 V40 ");
  ck_assert_int_eq (kvs_interleaver_get_deadline_us (interleaver), -1);
}
END_TEST

START_TEST (test_order)
{
  add (2);
  audio (A, 0);
  audio (A, 20);
  audio (A, 40);
  ASSERT_ORDER ("");
  key (10, 10);
  /* nothing before 10 can come of the video */
  ASSERT_ORDER ("A0 V10 ");
  delta (30, 30);
  ASSERT_ORDER ("A0 V10 A20 V30 ");
  delta (50, 50);
  ASSERT_ORDER ("A0 V10 A20 V30 A40 ");
  kvs_interleaver_end_all (interleaver);
  ASSERT_ORDER ("A0 V10 A20 V30 A40 V50 ");
}
END_TEST

START_TEST (test_video_first_at_equal_times)
{
  add (2);
  audio (A, 0);
  audio (A, 40);
  key (0, 0);
  delta (40, 40);
  ASSERT_ORDER ("V0 A0 V40 A40 ");
}
END_TEST

/* Whatever the number of the track is. */
START_TEST (test_video_first_though_it_is_the_second_track)
{
  kvs_interleaver_add_track (interleaver, 1, KVS_TRACK_TYPE_AUDIO);
  kvs_interleaver_add_track (interleaver, 2, KVS_TRACK_TYPE_VIDEO);
  audio (1, 0);
  audio (2, 0);
  ASSERT_ORDER ("A0 V0 "); /* letters go by number: A is the video here */
}
END_TEST

/* I0 P120 B40 B80 | I160: all audio up to 120 goes before the key frame, whose dts is 40. */
START_TEST (test_border_of_a_closed_gop)
{
  add (2);
  key (-80, 0);
  delta (-40, 120);
  delta (0, 40);
  delta (40, 80);
  key (80, 160);
  delta (120, 280);
  delta (160, 200);
  for (gint i = 0; i < 9; i++)
    audio (A, i * 30);
  kvs_interleaver_end_all (interleaver);
  ASSERT_ORDER ("V0 V120 V40 A0 A30 V80 A60 A90 A120 V160 V280 A150 V200 A180 A210 A240 ");
}
END_TEST

/* I0 P120 B40 B80 | I240 B160 B200: what the leading pictures show lies after the border too. */
START_TEST (test_border_of_an_open_gop)
{
  add (2);
  key (-80, 0);
  delta (-40, 120);
  delta (0, 40);
  delta (40, 80);
  key (80, 240);
  delta (120, 160);
  delta (160, 200);
  for (gint i = 0; i < 8; i++)
    audio (A, i * 30);
  kvs_interleaver_end_all (interleaver);
  ASSERT_ORDER ("V0 V120 V40 A0 A30 V80 A60 A90 A120 V240 V160 A150 V200 A180 A210 ");
}
END_TEST

/* Times that do not rise keep the order that they came in. */
START_TEST (test_jitter)
{
  add (2);
  audio (A, 0);
  audio (A, 100);
  audio (A, 50);
  key (0, 0);
  delta (70, 70);
  delta (110, 110);
  ASSERT_ORDER ("V0 A0 V70 A100 A50 ");
}
END_TEST

/* ---- what comes with a frame ---- */

static KvsTrack *
new_config (guint number)
{
  return kvs_track_new (number, KVS_TRACK_TYPE_AUDIO, KVS_CODEC_ID_AAC, NULL, NULL);
}

START_TEST (test_tracks_come_with_their_frames)
{
  add (2);
  push_full (A, TRUE, 0, 0, 10, new_config (A));
  push_full (A, TRUE, 20, 20, 10, new_config (A));
  push_full (V, TRUE, 10, 10, 10, new_config (V));
  ck_assert_ptr_null (kvs_interleaver_take_next_track (interleaver, B));
  {
    g_autoptr (KvsTrack) taken = kvs_interleaver_take_next_track (interleaver, V);

    ck_assert_uint_eq (taken->number, V);
    ck_assert_ptr_null (kvs_interleaver_take_next_track (interleaver, V));
  }
  ASSERT_ORDER ("*A0 V10 ");
  {
    g_autoptr (KvsTrack) taken = kvs_interleaver_take_next_track (interleaver, A);

    ck_assert_uint_eq (taken->number, A);
  }
  kvs_interleaver_end_all (interleaver);
  ASSERT_ORDER ("*A0 V10 A20 ");
}
END_TEST

/* ---- how long frames wait ---- */

START_TEST (test_silent_track)
{
  guint active, ended;

  add (2);
  key (0, 0);
  delta (40, 40);
  now_us += MAX_DELAY_US - 1;
  delta (80, 80);
  ASSERT_ORDER ("");
  ck_assert_int_eq (kvs_interleaver_get_deadline_us (interleaver), now_us + 1);
  now_us++;
  /* and then not again, though these have not waited that long */
  ASSERT_ORDER ("V0 V40 V80 ");
  kvs_interleaver_get_live_tracks (interleaver, &active, &ended);
  ck_assert_uint_eq (active, 1u << V);
  ck_assert_uint_eq (ended, 0);
  delta (120, 120);
  ASSERT_ORDER ("V0 V40 V80 V120 ");

  /* until it brings something */
  audio (A, 130);
  kvs_interleaver_get_live_tracks (interleaver, &active, &ended);
  ck_assert_uint_eq (active, 1u << V | 1u << A);
  delta (140, 140);
  delta (160, 160);
  g_string_truncate (order, 0);
  ASSERT_ORDER ("A130 ");
  now_us += MAX_DELAY_US;
  ASSERT_ORDER ("A130 V140 V160 ");
}
END_TEST

/* What comes too late goes out at once. */
START_TEST (test_late_frames_go_first)
{
  add (2);
  key (0, 0);
  delta (400, 400);
  now_us += MAX_DELAY_US;
  ASSERT_ORDER ("V0 V400 ");
  audio (A, 10);
  audio (A, 410);
  ASSERT_ORDER ("V0 V400 A10 ");
  delta (440, 440);
  ASSERT_ORDER ("V0 V400 A10 A410 ");
}
END_TEST

/* No frame waits longer because one of another track has come in before it. */
START_TEST (test_delay_with_three_tracks)
{
  gint64 start_us = now_us;

  add (3);
  key (100, 100);
  now_us = start_us + MAX_DELAY_US - 100;
  audio (A, 50);
  ASSERT_ORDER ("");
  ck_assert_int_eq (kvs_interleaver_get_deadline_us (interleaver), start_us + MAX_DELAY_US);
  now_us = start_us + MAX_DELAY_US;
  ASSERT_ORDER ("A50 V100 ");
}
END_TEST

START_TEST (test_held_bytes)
{
  add (2);
  push_full (V, TRUE, 0, 0, 600, NULL);
  push_full (V, FALSE, 40, 40, 400, NULL);
  ASSERT_ORDER ("");
  push_full (V, FALSE, 80, 80, 1, NULL);
  ASSERT_ORDER ("V0 V40 V80 ");
  /* what has gone does not count */
  audio (A, 90);
  ASSERT_ORDER ("V0 V40 V80 ");
  push_full (V, FALSE, 120, 120, 900, NULL);
  ASSERT_ORDER ("V0 V40 V80 A90 ");
}
END_TEST

START_TEST (test_progress)
{
  add (2);
  key (0, 0);
  delta (40, 40);
  delta (80, 80);
  kvs_interleaver_progress (interleaver, A, 40 * MS);
  ASSERT_ORDER ("V0 V40 ");
  kvs_interleaver_progress (interleaver, A, 20 * MS);
  ASSERT_ORDER ("V0 V40 ");
  kvs_interleaver_progress (interleaver, A, 1000 * MS);
  ASSERT_ORDER ("V0 V40 V80 ");
  delta (1000, 1000);
  delta (1040, 1040);
  ASSERT_ORDER ("V0 V40 V80 V1000 ");
  audio (A, 1010);
  ASSERT_ORDER ("V0 V40 V80 V1000 A1010 ");
}
END_TEST

START_TEST (test_progress_that_goes_back)
{
  add (2);
  key (0, 0);
  kvs_interleaver_progress (interleaver, A, 50 * MS);
  kvs_interleaver_progress (interleaver, A, 20 * MS);
  delta (40, 40);
  ASSERT_ORDER ("V0 V40 ");
}
END_TEST

/* A track that says how far it is does not count as silent. */
START_TEST (test_progress_ends_silence)
{
  guint active, ended;

  add (2);
  key (0, 0);
  now_us += MAX_DELAY_US;
  pop_all ();
  kvs_interleaver_progress (interleaver, A, 10 * MS);
  kvs_interleaver_get_live_tracks (interleaver, &active, &ended);
  ck_assert_uint_eq (active, 1u << V | 1u << A);
  delta (40, 40);
  ASSERT_ORDER ("V0 ");
}
END_TEST

START_TEST (test_end_of_a_track)
{
  guint active, ended;

  add (2);
  audio (A, 0);
  audio (A, 60);
  key (10, 10);
  delta (50, 50);
  delta (90, 90);
  kvs_interleaver_end_track (interleaver, A);
  kvs_interleaver_get_live_tracks (interleaver, &active, &ended);
  ck_assert_uint_eq (active, 1u << V | 1u << A);
  ck_assert_uint_eq (ended, 0);
  ASSERT_ORDER ("A0 V10 V50 A60 V90 ");
  kvs_interleaver_get_live_tracks (interleaver, &active, &ended);
  ck_assert_uint_eq (active, 1u << V);
  ck_assert_uint_eq (ended, 1u << A);
  /* it goes on after all */
  audio (A, 100);
  delta (130, 130);
  kvs_interleaver_get_live_tracks (interleaver, &active, &ended);
  ck_assert_uint_eq (ended, 0);
  ASSERT_ORDER ("A0 V10 V50 A60 V90 A100 ");
}
END_TEST

START_TEST (test_removed_track)
{
  add (2);
  audio (A, 20);
  key (0, 0);
  delta (40, 40);
  kvs_interleaver_remove_track (interleaver, A);
  ASSERT_ORDER ("V0 A20 V40 ");
  kvs_interleaver_add_track (interleaver, A, KVS_TRACK_TYPE_AUDIO);
  delta (80, 80);
  ASSERT_ORDER ("V0 A20 V40 ");
  audio (A, 60);
  audio (A, 90);
  ASSERT_ORDER ("V0 A20 V40 A60 V80 ");
}
END_TEST

/* ---- time that begins anew ---- */

START_TEST (test_loop_of_all_tracks)
{
  add (2);
  key (10000, 10000);
  audio (A, 10010);
  key (0, 0); /* the video loops first */
  audio (A, 10020);
  delta (40, 40);
  ASSERT_ORDER ("V10000 A10010 A10020 ");
  audio (A, 10);
  ASSERT_ORDER ("V10000 A10010 A10020 | V0 A10 ");
  audio (A, 50);
  ASSERT_ORDER ("V10000 A10010 A10020 | V0 A10 V40 ");
}
END_TEST

START_TEST (test_loop_of_the_audio_first)
{
  add (2);
  key (10000, 10000);
  audio (A, 10010);
  audio (A, 0);
  audio (A, 20);
  delta (10040, 10040);
  ASSERT_ORDER ("V10000 A10010 V10040 ");
  key (0, 0);
  ASSERT_ORDER ("V10000 A10010 V10040 | V0 A0 ");
}
END_TEST

/* Only one track goes back: what the others bring after that goes with it. */
START_TEST (test_one_track_goes_back)
{
  add (2);
  key (10000, 10000);
  audio (A, 10010);
  key (0, 0);
  pop_all ();
  now_us += MAX_DELAY_US;
  ASSERT_ORDER ("V10000 A10010 | V0 ");
  audio (A, 10030);
  delta (40, 40);
  delta (80, 80);
  ASSERT_ORDER ("V10000 A10010 | V0 V40 V80 ");
  kvs_interleaver_end_all (interleaver);
  ASSERT_ORDER ("V10000 A10010 | V0 V40 V80 A10030 ");
}
END_TEST

/* A second back is jitter, more is not. */
START_TEST (test_step_back)
{
  add (1);
  key (5000, 5000);
  delta (4000, 4000);
  delta (3999, 3999);
  delta (10, 10);
  ASSERT_ORDER ("V5000 V4000 | V3999 | V10 ");
}
END_TEST

START_TEST (test_progress_on_a_new_time_line)
{
  add (2);
  audio (A, 10000);
  key (10000, 10000);
  key (0, 0);
  ASSERT_ORDER ("V10000 A10000 ");
  kvs_interleaver_progress (interleaver, A, 10 * MS);
  ASSERT_ORDER ("V10000 A10000 | V0 ");
}
END_TEST

/* ---- a source that is faster than the others ---- */

START_TEST (test_is_ahead)
{
  add (2);
  ck_assert (!kvs_interleaver_is_ahead (interleaver, V));
  key (0, 0);
  delta (1000, 1000);
  ck_assert (!kvs_interleaver_is_ahead (interleaver, V));
  delta (1001, 1001);
  ck_assert (kvs_interleaver_is_ahead (interleaver, V));
  ck_assert (!kvs_interleaver_is_ahead (interleaver, A));
  audio (A, 10);
  pop_all ();
  ck_assert (!kvs_interleaver_is_ahead (interleaver, V));
  /* on the next time line */
  key (0, 0);
  delta (0, 0);
  ck_assert (kvs_interleaver_is_ahead (interleaver, V));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("interleaver");
  TCase *tc = tcase_create ("interleaver");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_one_track_never_waits);
  tcase_add_test (tc, test_order);
  tcase_add_test (tc, test_video_first_at_equal_times);
  tcase_add_test (tc, test_video_first_though_it_is_the_second_track);
  tcase_add_test (tc, test_border_of_a_closed_gop);
  tcase_add_test (tc, test_border_of_an_open_gop);
  tcase_add_test (tc, test_jitter);
  tcase_add_test (tc, test_tracks_come_with_their_frames);
  tcase_add_test (tc, test_silent_track);
  tcase_add_test (tc, test_late_frames_go_first);
  tcase_add_test (tc, test_delay_with_three_tracks);
  tcase_add_test (tc, test_held_bytes);
  tcase_add_test (tc, test_progress);
  tcase_add_test (tc, test_progress_that_goes_back);
  tcase_add_test (tc, test_progress_ends_silence);
  tcase_add_test (tc, test_end_of_a_track);
  tcase_add_test (tc, test_removed_track);
  tcase_add_test (tc, test_loop_of_all_tracks);
  tcase_add_test (tc, test_loop_of_the_audio_first);
  tcase_add_test (tc, test_one_track_goes_back);
  tcase_add_test (tc, test_step_back);
  tcase_add_test (tc, test_progress_on_a_new_time_line);
  tcase_add_test (tc, test_is_ahead);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
