/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fragments of several Tracks, each held against the rules of the service. */
#include <check.h>

#include "../suite.h"
#include "service-rules.h"
#include "stream/fragmenter.h"

#define MS MEDIA_MS
#define S MEDIA_S
#define SIZE 40
#define START (G_GINT64_CONSTANT (1700000000) * S)
#define V 1
#define A 2
#define BIT KVS_TRACK_BIT

/* ---- a fragmenter, and what it made ---- */

typedef struct {
  KvsSegment *segment;
  GByteArray *bytes;
  gboolean sendable;
} Fragment;

static KvsStreamDefinition *definition;
static KvsFragmenter *fragmenter;
static GPtrArray *fragments;
static GString *verdicts; /* 'o'pen, 'f'orced open, 'a'dd, 'n'ot decodable, 'u'ndeclared, 'l'ate */
static guint64 next_id;

static void
fragment_free (gpointer data)
{
  Fragment *fragment = data;

  kvs_segment_unref (fragment->segment);
  g_byte_array_unref (fragment->bytes);
  g_free (fragment);
}

static Fragment *
get_fragment (guint at)
{
  ck_assert_uint_lt (at, fragments->len);
  return g_ptr_array_index (fragments, at);
}

/* @segment: (transfer full) (nullable) */
static void
move_last (KvsSegment *segment)
{
  Fragment *last;

  if (segment == NULL)
    return;
  last = get_fragment (fragments->len - 1);
  ck_assert (!last->sendable);
  kvs_segment_unref (last->segment);
  last->segment = segment;
  last->sendable = TRUE;
}

static void
set_tracks_of (guint mask, gint64 earliest_ns)
{
  KvsTrack *tracks[KVS_MAX_TRACKS];
  guint n = 0;

  for (guint number = 1; number <= KVS_MAX_TRACKS; number++) {
    if ((mask & BIT (number)) == 0)
      continue;
    tracks[n++] = kvs_track_new (
        number, number == V ? KVS_TRACK_TYPE_VIDEO : KVS_TRACK_TYPE_AUDIO,
        number == V ? KVS_CODEC_ID_AVC : KVS_CODEC_ID_AAC, NULL, NULL);
  }
  move_last (kvs_fragmenter_set_tracks (fragmenter, (const KvsTrack *const *) tracks, n,
                                        earliest_ns));
  while (n > 0)
    kvs_track_free (tracks[--n]);
}

static void
setup (void)
{
  definition = kvs_stream_definition_new ("cam");
  fragments = g_ptr_array_new_with_free_func (fragment_free);
  verdicts = g_string_new (NULL);
  next_id = 0;
}

static void
teardown (void)
{
  kvs_fragmenter_free (fragmenter);
  kvs_stream_definition_free (definition);
  g_ptr_array_unref (fragments);
  g_string_free (verdicts, TRUE);
}

static void
begin (void)
{
  fragmenter = kvs_fragmenter_new (definition);
  set_tracks_of (BIT (V) | BIT (A), G_MAXINT64);
}

static void
store (const KvsFrame *frame, KvsFragmenterStep *step)
{
  Fragment *fragment;

  if (step->verdict == KVS_FRAGMENTER_OPEN) {
    move_last (step->closed_segment);
    fragment = g_new0 (Fragment, 1);
    fragment->segment = kvs_segment_ref (step->segment);
    fragment->bytes = g_byte_array_new ();
    g_ptr_array_add (fragments, fragment);
  }
  fragment = get_fragment (fragments->len - 1);
  g_byte_array_append (fragment->bytes, step->head, (guint) step->head_size);
  g_byte_array_append (fragment->bytes, frame->slices[0].data, (guint) frame->slices[0].size);
  fragment->sendable |= step->is_sendable;
}

static gchar
letter_of (const KvsFragmenterStep *step)
{
  switch (step->verdict) {
    case KVS_FRAGMENTER_ADD:
      return 'a';
    case KVS_FRAGMENTER_OPEN:
      return step->forced ? 'f' : 'o';
    case KVS_FRAGMENTER_NOT_DECODABLE:
      return 'n';
    case KVS_FRAGMENTER_UNDECLARED:
      return 'u';
    default:
      return 'l';
  }
}

static void
push (guint track, gboolean is_key, gint64 ms)
{
  g_autoptr (KvsFrame) frame = media_frame_new (next_id++, is_key, START + ms * MS, SIZE);
  KvsFragmenterStep step;

  frame->info.track_number = track;
  kvs_fragmenter_step (fragmenter, frame, &step);
  g_string_append_c (verdicts, letter_of (&step));
  if (step.verdict == KVS_FRAGMENTER_ADD || step.verdict == KVS_FRAGMENTER_OPEN)
    store (frame, &step);
}

/* "k" a key frame, "d" another one, "a" audio of track 2, "b" of track 3 */
static void
push_kind (gchar kind, gint64 ms)
{
  push (kind == 'a' ? A : kind == 'b' ? 3 : V, kind != 'd', ms);
}

/* ---- the Sessions that these Fragments make ---- */

static Wire *
carry (guint first, guint end)
{
  Wire *wire = wire_new ();
  gsize size;
  const guint8 *header = g_bytes_get_data (get_fragment (first)->segment->header, &size);

  wire_push (wire, header, size);
  for (guint i = first; i < end; i++)
    wire_push (wire, get_fragment (i)->bytes->data, get_fragment (i)->bytes->len);
  return wire;
}

static guint
end_of_session (guint first)
{
  guint end = first + 1;

  while (end < fragments->len && get_fragment (end)->segment == get_fragment (first)->segment)
    end++;
  return end;
}

/* Returns: (transfer full): for each Fragment the tracks of its header, "|" between Sessions */
static gchar *
check_sessions (void)
{
  GString *shape = g_string_new (NULL);

  move_last (kvs_fragmenter_close (fragmenter));
  for (guint first = 0, end; first < fragments->len; first = end) {
    g_autoptr (Wire) wire = NULL;
    guint declared;

    end = end_of_session (first);
    wire = carry (first, end);
    service_rules_check (wire, definition->timecode_scale_ns, verdicts->str);
    declared = wire_declared_tracks (wire);
    g_string_append (shape, first > 0 ? "|" : "");
    for (guint i = first; i < end; i++)
      g_string_append_printf (shape, "%s%s%s%s", i > first ? " " : "",
                              declared & BIT (V) ? "V" : "", declared & BIT (A) ? "A" : "",
                              declared & BIT (3) ? "B" : "");
  }
  for (guint i = 0; i < fragments->len; i++)
    ck_assert_msg (get_fragment (i)->sendable, "fragment %u cannot be sent", i);
  return g_string_free (shape, FALSE);
}

#define ASSERT_SESSIONS(expected) \
  do { \
    g_autofree gchar *shape = check_sessions (); \
\
    ck_assert_str_eq (shape, expected); \
  } while (0)

static const WireBlock *
get_block (const Wire *wire, guint cluster, guint block)
{
  const WireCluster *found;

  ck_assert_uint_lt (cluster, wire->clusters->len);
  found = g_ptr_array_index (wire->clusters, cluster);
  ck_assert_uint_lt (block, found->blocks->len);
  return &g_array_index (found->blocks, WireBlock, block);
}

/* ---- where Fragments start ---- */

START_TEST (test_video_leads)
{
  begin ();
  for (gint i = 0; i < 3; i++) {
    push_kind ('k', i * 1000);
    ck_assert (!get_fragment ((guint) i)->sendable);
    push_kind ('a', i * 1000 + 20);
    ck_assert (get_fragment ((guint) i)->sendable);
    push_kind ('d', i * 1000 + 40);
    push_kind ('a', i * 1000 + 500);
  }
  ck_assert_str_eq (verdicts->str, "oaaaoaaaoaaa");
  ASSERT_SESSIONS ("VA VA VA");
}
END_TEST

START_TEST (test_audio_alone)
{
  fragmenter = kvs_fragmenter_new (definition);
  set_tracks_of (BIT (A), G_MAXINT64);
  for (gint i = 0; i < 60; i++)
    push_kind ('a', i * 100);
  ck_assert_uint_eq (fragments->len, 3);
  ASSERT_SESSIONS ("A A A");
}
END_TEST

/* Without audio a Fragment goes on over key frames, but not for ever. */
START_TEST (test_merges_until_covered)
{
  begin ();
  for (gint i = 0; i < 5; i++)
    push_kind ('k', i * 1000);
  ck_assert (!get_fragment (0)->sendable);
  push_kind ('a', 4500);
  ck_assert (get_fragment (0)->sendable);
  push_kind ('k', 5000);
  ck_assert_str_eq (verdicts->str, "oaaaaao");
  push_kind ('a', 5500);
  ASSERT_SESSIONS ("VA VA");
}
END_TEST

START_TEST (test_merges_for_10_s)
{
  begin ();
  for (gint i = 0; i <= 20; i++)
    push_kind ('k', i * 990);
  /* 10.89 s is the first one past 10 s */
  ck_assert_str_eq (verdicts->str, "oaaaaaaaaaaooooooooo" "o");
  push_kind ('a', 20000);
  ck_assert_int_eq (verdicts->str[21], 'u');
  ASSERT_SESSIONS ("V V V V V V V V V V V");
}
END_TEST

/* Nothing but a limit ends a Fragment that has no second key frame. */
START_TEST (test_20_s)
{
  begin ();
  push_kind ('k', 0);
  for (gint i = 0; i < 250; i++) {
    push_kind ('a', i * 100 + 50);
    push_kind ('d', i * 100 + 100);
  }
  ck_assert_uint_eq (fragments->len, 2);
  ASSERT_SESSIONS ("VA VA");
}
END_TEST

/* ---- tracks that live and tracks that do not ---- */

START_TEST (test_silent_track_is_taken_out)
{
  KvsSegment *before;

  begin ();
  push_kind ('k', 0);
  push_kind ('a', 10);
  push_kind ('k', 1000);
  before = get_fragment (1)->segment;
  ck_assert (!get_fragment (1)->sendable);
  move_last (kvs_fragmenter_set_live_tracks (fragmenter, BIT (V), 0));
  ck_assert (get_fragment (1)->sendable);
  ck_assert (get_fragment (1)->segment != before);
  push_kind ('d', 1040);
  push_kind ('a', 1050);
  push_kind ('k', 2000);
  ck_assert_str_eq (verdicts->str, "oaoauo");
  ASSERT_SESSIONS ("VA|V V");
}
END_TEST

/* A Fragment that has all its tracks stays as it is; the next one is opened without. */
START_TEST (test_next_without_the_silent_track)
{
  begin ();
  push_kind ('k', 0);
  push_kind ('a', 10);
  ck_assert_ptr_null (kvs_fragmenter_set_live_tracks (fragmenter, BIT (V), 0));
  push_kind ('d', 40);
  push_kind ('k', 1000);
  ck_assert (get_fragment (1)->sendable);
  ASSERT_SESSIONS ("VA|V");
}
END_TEST

START_TEST (test_audio_goes_on_without_video)
{
  begin ();
  push_kind ('k', 0);
  push_kind ('a', 10);
  ck_assert_ptr_null (kvs_fragmenter_set_live_tracks (fragmenter, BIT (A), BIT (V)));
  for (gint i = 1; i < 100; i++)
    push_kind ('a', i * 100);
  /* fragment-duration is 2 s, counted from the last picture */
  ASSERT_SESSIONS ("VA|A A A A");
}
END_TEST

/* The frame that opens the next one is not of a track that the last one has. */
START_TEST (test_video_ends_before_audio_comes)
{
  begin ();
  push_kind ('k', 0);
  push_kind ('d', 40);
  ck_assert_ptr_null (kvs_fragmenter_set_live_tracks (fragmenter, BIT (A), BIT (V)));
  push_kind ('a', 2500);
  push_kind ('a', 3000);
  ck_assert_str_eq (verdicts->str, "oaoa");
  ASSERT_SESSIONS ("V|A");
}
END_TEST

START_TEST (test_limit_before_audio_comes)
{
  static const gint64 jumps_ms[] = { 20500, 33000, 3600 * 1000 };

  begin ();
  push_kind ('k', 0);
  push_kind ('a', 20);
  push_kind ('k', 1000);
  push_kind ('a', 1000 + jumps_ms[_i]);
  push_kind ('d', 1040 + jumps_ms[_i]);
  push_kind ('k', 2000 + jumps_ms[_i]);
  push_kind ('a', 2010 + jumps_ms[_i]);
  ck_assert_str_eq (verdicts->str, "oaofaoa");
  ASSERT_SESSIONS ("VA|V|VA VA");
}
END_TEST

/* The same at a limit of offsets, which is 3.3 s with a unit of 100 us. */
START_TEST (test_offsets_before_audio_comes)
{
  definition->timecode_scale_ns = MS / 10;
  begin ();
  push_kind ('k', 0);
  push_kind ('d', 40);
  push_kind ('a', 3400);
  push_kind ('d', 3440);
  ck_assert_str_eq (verdicts->str, "oafa");
  ASSERT_SESSIONS ("V|VA");
}
END_TEST

START_TEST (test_video_lost_of_three)
{
  fragmenter = kvs_fragmenter_new (definition);
  set_tracks_of (BIT (V) | BIT (A) | BIT (3), G_MAXINT64);
  push_kind ('k', 0);
  push_kind ('a', 10);
  move_last (kvs_fragmenter_set_live_tracks (fragmenter, BIT (V) | BIT (A), 0));
  ck_assert (get_fragment (0)->sendable);
  push_kind ('b', 20);
  set_tracks_of (BIT (V) | BIT (A) | BIT (3), G_MAXINT64);
  ck_assert_ptr_null (kvs_fragmenter_set_live_tracks (fragmenter, KVS_ALL_TRACKS, 0));
  push_kind ('k', 1000);
  push_kind ('b', 1010);
  push_kind ('a', 1020);
  ck_assert_str_eq (verdicts->str, "oauoaa");
  ASSERT_SESSIONS ("VA|VAB");
}
END_TEST

START_TEST (test_new_tracks_close_an_uncovered_fragment)
{
  begin ();
  push_kind ('k', 0);
  push_kind ('d', 40);
  set_tracks_of (BIT (V) | BIT (A), G_MAXINT64);
  ck_assert (get_fragment (0)->sendable);
  push_kind ('a', 50);
  push_kind ('k', 80);
  push_kind ('a', 90);
  ck_assert_str_eq (verdicts->str, "oanoa");
  ASSERT_SESSIONS ("V|VA");
}
END_TEST

START_TEST (test_undeclared)
{
  fragmenter = kvs_fragmenter_new (definition);
  set_tracks_of (BIT (A), G_MAXINT64);
  push_kind ('k', 0);
  push_kind ('a', 10);
  push_kind ('k', 20);
  push_kind ('d', 30);
  ck_assert_str_eq (verdicts->str, "uouu");
  ASSERT_SESSIONS ("A");
}
END_TEST

/* ---- audio that comes too late ---- */

/* Up to a second it is put as near to its time as the service allows. */
START_TEST (test_late)
{
  begin ();
  push_kind ('k', 0);
  push_kind ('a', 10);
  push_kind ('d', 1960);
  push_kind ('k', 2000);
  push_kind ('a', 1000);
  push_kind ('a', 959);
  push_kind ('a', 2010);
  push_kind ('d', 500); /* a picture is never late */
  ck_assert_str_eq (verdicts->str, "oaaoalaa");
  {
    g_autoptr (Wire) wire = carry (0, 2);

    ck_assert_int_eq (get_block (wire, 1, 1)->time, START / MS + 1961);
    ck_assert_uint_eq (get_block (wire, 1, 2)->id, 6);
  }
  ASSERT_SESSIONS ("VA VA");
}
END_TEST

/* Audio of long before, in the first Fragment, must not make that too long. */
START_TEST (test_late_and_too_long)
{
  begin ();
  push_kind ('k', 10000);
  push_kind ('d', 29000);
  push_kind ('a', 9500);
  push_kind ('a', 5000);
  push_kind ('a', 29000);
  ck_assert_str_eq (verdicts->str, "oaala");
  ASSERT_SESSIONS ("VA");
}
END_TEST

/* It never begins a new time line: that is the leading track's. */
START_TEST (test_audio_of_long_ago)
{
  begin ();
  push_kind ('k', 60000);
  push_kind ('a', 100);
  push_kind ('d', 60040);
  push_kind ('a', 60050);
  ck_assert_str_eq (verdicts->str, "olaa");
  ASSERT_SESSIONS ("VA");
}
END_TEST

/* ---- times ---- */

/* Relative times count from what will follow the key frame. */
START_TEST (test_relative_times)
{
  definition->absolute_fragment_times = FALSE;
  begin ();
  set_tracks_of (BIT (V) | BIT (A), START + 2500 * MS);
  push_kind ('k', 5000);
  push_kind ('a', 2500);
  push_kind ('a', 4980);
  push_kind ('k', 6000);
  push_kind ('a', 6010);
  ck_assert_int_eq (get_fragment (0)->segment->start_ns, START + 2500 * MS);
  {
    g_autoptr (Wire) wire = carry (0, 2);

    ck_assert_int_eq (get_block (wire, 0, 0)->time, 2500);
    ck_assert_int_eq (get_block (wire, 0, 1)->time, 0);
    ck_assert_int_eq (get_block (wire, 0, 2)->time, 2480);
    ck_assert_int_eq (get_block (wire, 1, 0)->time, 3500);
  }
  /* a header without a track keeps the times */
  push_kind ('k', 7000);
  move_last (kvs_fragmenter_set_live_tracks (fragmenter, BIT (V), 0));
  ck_assert_int_eq (get_fragment (2)->segment->start_ns, START + 2500 * MS);
  ASSERT_SESSIONS ("VA VA|V");
}
END_TEST

/* Audio right before a key frame shares its millisecond. */
START_TEST (test_audio_in_the_key_frames_unit)
{
  begin ();
  push_kind ('k', 0);
  push_kind ('a', 1000);
  {
    g_autoptr (KvsFrame) frame = media_frame_new (9, TRUE, START + 1000 * MS + MS / 2, SIZE);
    KvsFragmenterStep step;

    kvs_fragmenter_step (fragmenter, frame, &step);
    ck_assert_int_eq (step.verdict, KVS_FRAGMENTER_OPEN);
    ck_assert_uint_eq (step.timecode, START / MS + 1001);
    store (frame, &step);
  }
  push_kind ('a', 1020);
  ASSERT_SESSIONS ("VA VA");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragmenter-tracks");
  TCase *tc = tcase_create ("fragmenter-tracks");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_video_leads);
  tcase_add_test (tc, test_audio_alone);
  tcase_add_test (tc, test_merges_until_covered);
  tcase_add_test (tc, test_merges_for_10_s);
  tcase_add_test (tc, test_20_s);
  tcase_add_test (tc, test_silent_track_is_taken_out);
  tcase_add_test (tc, test_next_without_the_silent_track);
  tcase_add_test (tc, test_audio_goes_on_without_video);
  tcase_add_test (tc, test_video_ends_before_audio_comes);
  tcase_add_loop_test (tc, test_limit_before_audio_comes, 0, 3);
  tcase_add_test (tc, test_offsets_before_audio_comes);
  tcase_add_test (tc, test_video_lost_of_three);
  tcase_add_test (tc, test_new_tracks_close_an_uncovered_fragment);
  tcase_add_test (tc, test_undeclared);
  tcase_add_test (tc, test_late);
  tcase_add_test (tc, test_late_and_too_long);
  tcase_add_test (tc, test_audio_of_long_ago);
  tcase_add_test (tc, test_relative_times);
  tcase_add_test (tc, test_audio_in_the_key_frames_unit);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
