/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/fragmenter.h"

#include <check.h>

#include "../suite.h"
#include "fragmenter-rig.h"

#define MS MEDIA_MS
#define S MEDIA_S
#define SIZE 40
/* an epoch time whose milliseconds are round */
#define START (G_GINT64_CONSTANT (1700000000) * S)

/* "k" a key frame, "d" another one; times in milliseconds after START. */
static void
push_ms (Rig *rig, gchar kind, gint64 ms)
{
  rig_push (rig, kind == 'k', START + ms * MS, 0, SIZE);
}

/* ---- where fragments start ---- */

START_TEST (test_key_frames_open)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  for (gint i = 0; i < 90; i++)
    push_ms (rig, i % 30 == 0 ? 'k' : 'd', i * 40);
  ck_assert_uint_eq (rig->lines->len, 1);
  ck_assert_uint_eq (rig_count_clusters (rig, 0), 3);
  for (guint i = 0; i < 3; i++) {
    ck_assert_uint_eq (rig_cluster (rig, 0, i)->blocks->len, 30);
    ck_assert_uint_eq (rig_cluster (rig, 0, i)->timecode, START / MS + i * 1200);
    ck_assert (rig_block (rig, 0, i, 0)->is_key);
    ck_assert (!rig_block (rig, 0, i, 1)->is_key);
    ck_assert_int_eq (rig_block (rig, 0, i, 29)->offset, 1160);
  }
}
END_TEST

START_TEST (test_fragment_duration)
{
  g_autoptr (Rig) rig = rig_new ();

  rig->definition->key_frame_fragmentation = FALSE;
  rig->definition->fragment_duration_ns = 3 * S;
  rig_begin (rig);
  /* a key frame a second: every third one is past the duration */
  for (gint i = 0; i < 100; i++)
    push_ms (rig, i % 10 == 0 ? 'k' : 'd', i * 100);
  ck_assert_uint_eq (rig_count_clusters (rig, 0), 4);
  for (guint i = 0; i < 4; i++)
    ck_assert_uint_eq (rig_cluster (rig, 0, i)->timecode, START / MS + i * 3000);
}
END_TEST

START_TEST (test_nothing_before_a_key_frame)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  push_ms (rig, 'd', 0);
  push_ms (rig, 'd', 40);
  push_ms (rig, 'k', 80);
  push_ms (rig, 'd', 120);
  kvs_fragmenter_close (rig->fragmenter);
  push_ms (rig, 'd', 160);
  push_ms (rig, 'k', 200);
  ck_assert_str_eq (rig->verdicts->str, "nnoano");
  ck_assert_uint_eq (rig->lines->len, 1);
  ck_assert_uint_eq (rig_count_clusters (rig, 0), 2);
}
END_TEST

START_TEST (test_no_tracks)
{
  g_autoptr (Rig) rig = rig_new ();

  rig->fragmenter = kvs_fragmenter_new (rig->definition);
  push_ms (rig, 'k', 0);
  ck_assert_str_eq (rig->verdicts->str, "n");
}
END_TEST

/* 5 Fragments a second are what the service takes. */
START_TEST (test_all_intra)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  for (gint i = 0; i < 600; i++)
    rig_push (rig, TRUE, START + i * S / 60, S / 60, SIZE);
  ck_assert_uint_eq (rig_count_clusters (rig, 0), 50);
  for (guint i = 5; i < 50; i++)
    ck_assert_uint_ge (rig_cluster (rig, 0, i)->timecode,
                       rig_cluster (rig, 0, i - 5)->timecode + 1000);
}
END_TEST

/* ---- limits of the service ---- */

START_TEST (test_20_seconds)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  for (gint i = 0; i < 1500; i++)
    rig_push (rig, i == 0, START + i * 40 * MS, 40 * MS, SIZE);
  ck_assert_uint_eq (rig->next_id, 1500);
  ck_assert_uint_eq (rig->lines->len, 1);
  ck_assert_uint_eq (rig_count_clusters (rig, 0), 3);
  for (guint i = 0; i < 3; i++)
    ck_assert_uint_eq (rig_cluster (rig, 0, i)->blocks->len, 500);
  ck_assert_uint_eq (rig->verdicts->str[0], 'o');
  ck_assert_uint_eq (rig->verdicts->str[500], 'f');
  ck_assert_uint_eq (rig->verdicts->str[1000], 'f');
}
END_TEST

/* Leading pictures count too: they begin before the Fragment's key frame. */
START_TEST (test_20_seconds_with_leading_pictures)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  push_ms (rig, 'k', 0);
  push_ms (rig, 'd', 40);
  push_ms (rig, 'k', 1000);
  push_ms (rig, 'd', 200);
  push_ms (rig, 'd', 20200);
  push_ms (rig, 'd', 20240);
  ck_assert_str_eq (rig->verdicts->str, "oaoaaf");
}
END_TEST

START_TEST (test_50_megabytes)
{
  g_autoptr (Rig) rig = rig_new ();
  gsize size = 9 * 1000 * 1000;

  rig_begin (rig);
  for (gint i = 0; i < 12; i++)
    rig_push (rig, i == 0, START + i * 40 * MS, 40 * MS, size);
  ck_assert_str_eq (rig->verdicts->str, "oaaaafaaaafa");
  for (guint i = 0; i < 3; i++)
    ck_assert_uint_le (rig_cluster (rig, 0, i)->size, KVS_FRAGMENT_MAX_BYTES);
}
END_TEST

/* Frames whose times do not rise, B-frames among them, fill a Fragment as well. */
START_TEST (test_50_megabytes_of_one_time)
{
  g_autoptr (Rig) rig = rig_new ();
  gsize size = 9 * 1000 * 1000;

  rig_begin (rig);
  for (gint i = 0; i < 7; i++)
    rig_push (rig, i == 0, START, 0, size);
  ck_assert_str_eq (rig->verdicts->str, "oaaaafa");
  ck_assert_uint_eq (rig->lines->len, 1);
  ck_assert_uint_gt (rig_cluster (rig, 0, 1)->timecode, rig_cluster (rig, 0, 0)->timecode);
  ck_assert_int_gt (rig_block (rig, 0, 1, 1)->time, rig_block (rig, 0, 0, 4)->time);
}
END_TEST

START_TEST (test_int16_offsets)
{
  g_autoptr (Rig) rig = rig_new ();

  /* 32767 units of 100 us are 3.2767 s */
  rig->definition->timecode_scale_ns = 100 * 1000;
  rig_begin (rig);
  for (gint i = 0; i < 250; i++)
    rig_push (rig, i == 0, START + i * 40 * MS, 40 * MS, SIZE);
  ck_assert_uint_eq (rig->next_id, 250);
  ck_assert_uint_eq (rig_count_clusters (rig, 0), 4);
  ck_assert_uint_eq (rig_cluster (rig, 0, 0)->blocks->len, 82);
  ck_assert_int_eq (rig_block (rig, 0, 0, 81)->offset, 32400);
  for (guint cluster = 0; cluster < 4; cluster++)
    for (guint i = 0; i < rig_cluster (rig, 0, cluster)->blocks->len; i++) {
      const WireBlock *block = rig_block (rig, 0, cluster, i);

      ck_assert_int_eq (block->time, (START + (gint64) block->id * 40 * MS) / (100 * 1000));
    }
}
END_TEST

/* 100 ns, the smallest unit: a Fragment holds 3.3 ms of offsets. */
START_TEST (test_smallest_scale)
{
  g_autoptr (Rig) rig = rig_new ();

  rig->definition->timecode_scale_ns = 100;
  rig_begin (rig);
  for (gint i = 0; i < 50; i++)
    rig_push (rig, i == 0, START + i * 40 * MS, 40 * MS, SIZE);
  ck_assert_uint_eq (rig->next_id, 50);
  ck_assert_uint_eq (rig->lines->len, 1);
  for (guint i = 0; i < rig_count_clusters (rig, 0); i++)
    ck_assert_uint_eq (rig_cluster (rig, 0, i)->timecode, START / 100 + i * 400000);
}
END_TEST

/* ---- reordered frames ---- */

/* Open GOPs of I B B P B B in decoding order; the leading pictures come after the key frame. */
START_TEST (test_leading_pictures)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  for (gint gop = 0; gop < 3; gop++) {
    gint64 ms = gop * 480;

    push_ms (rig, 'k', ms);
    if (gop > 0) {
      push_ms (rig, 'd', ms - 80);
      push_ms (rig, 'd', ms - 40);
    }
    push_ms (rig, 'd', ms + 360);
    push_ms (rig, 'd', ms + 120);
    push_ms (rig, 'd', ms + 240);
  }
  ck_assert_str_eq (rig->verdicts->str, "oaaaoaaaaaoaaaaa");
  ck_assert_int_eq (rig_block (rig, 0, 1, 0)->offset, 0);
  ck_assert_int_eq (rig_block (rig, 0, 1, 1)->offset, -80);
  ck_assert_int_eq (rig_block (rig, 0, 1, 2)->offset, -40);
  ck_assert_int_eq (rig_block (rig, 0, 1, 3)->offset, 360);
  ck_assert_int_eq (rig_block (rig, 0, 1, 4)->offset, 120);
}
END_TEST

/* With a unit of a second the leading picture falls on the last frame of the Fragment before: the
 * whole Fragment would be refused (4004). */
START_TEST (test_rounding_collision)
{
  g_autoptr (Rig) rig = rig_new ();

  rig->definition->timecode_scale_ns = S;
  rig_begin (rig);
  push_ms (rig, 'k', 0);
  push_ms (rig, 'd', 1000);
  push_ms (rig, 'd', 2100);
  push_ms (rig, 'k', 3000);
  push_ms (rig, 'd', 2900);
  ck_assert_str_eq (rig->verdicts->str, "oaaoa");
  ck_assert_int_eq (rig_block (rig, 0, 0, 2)->time, START / S + 2);
  ck_assert_int_eq (rig_block (rig, 0, 1, 0)->time, START / S + 3);
  ck_assert_int_eq (rig_block (rig, 0, 1, 1)->time, START / S + 3);
}
END_TEST

/* A key frame that rounding puts on the newest frame cannot start a Fragment. */
START_TEST (test_key_frame_in_a_collision)
{
  g_autoptr (Rig) rig = rig_new ();

  rig->definition->timecode_scale_ns = S;
  rig_begin (rig);
  push_ms (rig, 'k', 0);
  push_ms (rig, 'k', 500);
  push_ms (rig, 'k', 1100);
  ck_assert_str_eq (rig->verdicts->str, "oao");
}
END_TEST

/* ---- time that goes back ---- */

START_TEST (test_jitter)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  push_ms (rig, 'k', 0);
  push_ms (rig, 'd', 2000);
  push_ms (rig, 'k', 1500);
  push_ms (rig, 'd', 1540);
  push_ms (rig, 'd', 2040);
  push_ms (rig, 'k', 2080);
  ck_assert_str_eq (rig->verdicts->str, "oaaaao");
  ck_assert_uint_eq (rig->lines->len, 1);
  ck_assert_int_eq (rig_block (rig, 0, 0, 2)->offset, 1500);
}
END_TEST

/* A looped file, or a clock that was set back. */
START_TEST (test_jump_back)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  for (gint loop = 0; loop < 3; loop++) {
    push_ms (rig, 'k', 0);
    push_ms (rig, 'd', 2000);
    push_ms (rig, 'k', 4000);
    push_ms (rig, 'd', 6000);
  }
  ck_assert_str_eq (rig->verdicts->str, "oaoaoaoaoaoa");
  ck_assert_uint_eq (rig->lines->len, 3);
  for (guint i = 0; i < 3; i++) {
    ck_assert_uint_eq (rig_count_clusters (rig, i), 2);
    ck_assert_uint_eq (rig_cluster (rig, i, 0)->timecode, START / MS);
  }
}
END_TEST

/* Back without a key frame: in the open Fragment as long as offsets reach, then anew. */
START_TEST (test_jump_back_without_key_frame)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  push_ms (rig, 'k', 100000);
  push_ms (rig, 'd', 90000);
  push_ms (rig, 'd', 50000);
  push_ms (rig, 'd', 50040);
  ck_assert_str_eq (rig->verdicts->str, "oafa");
  ck_assert_uint_eq (rig->lines->len, 2);
  ck_assert_int_eq (rig_block (rig, 1, 0, 1)->offset, 40);
}
END_TEST

START_TEST (test_jump_forward)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  push_ms (rig, 'k', 0);
  push_ms (rig, 'd', 40);
  push_ms (rig, 'd', 3600 * 1000);
  push_ms (rig, 'k', 7200 * 1000);
  ck_assert_str_eq (rig->verdicts->str, "oafo");
  ck_assert_uint_eq (rig->lines->len, 1);
}
END_TEST

START_TEST (test_times_before_the_epoch)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  rig_push (rig, TRUE, -80 * MS, 0, SIZE);
  rig_push (rig, FALSE, -40 * MS, 0, SIZE);
  rig_push (rig, FALSE, 0, 0, SIZE);
  rig_push (rig, FALSE, 40 * MS, 0, SIZE);
  ck_assert_str_eq (rig->verdicts->str, "oaaa");
  ck_assert_uint_eq (rig_cluster (rig, 0, 0)->timecode, 0);
  ck_assert_int_eq (rig_block (rig, 0, 0, 0)->time, 0);
  ck_assert_int_eq (rig_block (rig, 0, 0, 3)->time, 40);
}
END_TEST

/* ---- tracks and time bases ---- */

START_TEST (test_tracks_changed)
{
  g_autoptr (Rig) rig = rig_new ();

  rig_begin (rig);
  push_ms (rig, 'k', 0);
  push_ms (rig, 'd', 40);
  rig_set_tracks (rig);
  push_ms (rig, 'd', 80);
  push_ms (rig, 'k', 120);
  push_ms (rig, 'd', 160);
  ck_assert_str_eq (rig->verdicts->str, "oanoa");
  ck_assert_uint_eq (rig->lines->len, 2);
  /* a header of its own: the segment's UID is another one */
  {
    GBytes *before = ((Line *) g_ptr_array_index (rig->lines, 0))->segment->header;
    GBytes *after = ((Line *) g_ptr_array_index (rig->lines, 1))->segment->header;

    ck_assert (!g_bytes_equal (before, after));
  }
}
END_TEST

START_TEST (test_relative_times)
{
  g_autoptr (Rig) rig = rig_new ();

  rig->definition->absolute_fragment_times = FALSE;
  rig_begin (rig);
  for (gint loop = 0; loop < 2; loop++) {
    push_ms (rig, 'k', 5000 - loop * 4000);
    push_ms (rig, 'd', 5040 - loop * 4000);
    push_ms (rig, 'k', 7000 - loop * 4000);
    push_ms (rig, 'd', 6960 - loop * 4000);
  }
  ck_assert_str_eq (rig->verdicts->str, "oaoaoaoa");
  ck_assert_uint_eq (rig->lines->len, 2);
  for (guint i = 0; i < 2; i++) {
    const Line *line = g_ptr_array_index (rig->lines, i);

    ck_assert_int_eq (line->segment->start_ns, START + (5000 - (gint64) i * 4000) * MS);
    ck_assert_uint_eq (rig_cluster (rig, i, 0)->timecode, 0);
    ck_assert_int_eq (rig_block (rig, i, 0, 1)->offset, 40);
    ck_assert_uint_eq (rig_cluster (rig, i, 1)->timecode, 2000);
    ck_assert_int_eq (rig_block (rig, i, 1, 1)->offset, -40);
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragmenter");
  TCase *tc = tcase_create ("fragmenter");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, test_key_frames_open);
  tcase_add_test (tc, test_fragment_duration);
  tcase_add_test (tc, test_nothing_before_a_key_frame);
  tcase_add_test (tc, test_no_tracks);
  tcase_add_test (tc, test_all_intra);
  tcase_add_test (tc, test_20_seconds);
  tcase_add_test (tc, test_20_seconds_with_leading_pictures);
  tcase_add_test (tc, test_50_megabytes);
  tcase_add_test (tc, test_50_megabytes_of_one_time);
  tcase_add_test (tc, test_int16_offsets);
  tcase_add_test (tc, test_smallest_scale);
  tcase_add_test (tc, test_leading_pictures);
  tcase_add_test (tc, test_rounding_collision);
  tcase_add_test (tc, test_key_frame_in_a_collision);
  tcase_add_test (tc, test_jitter);
  tcase_add_test (tc, test_jump_back);
  tcase_add_test (tc, test_jump_back_without_key_frame);
  tcase_add_test (tc, test_jump_forward);
  tcase_add_test (tc, test_times_before_the_epoch);
  tcase_add_test (tc, test_tracks_changed);
  tcase_add_test (tc, test_relative_times);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
