/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/g711-fit.h"

#include <check.h>
#include <string.h>

#include "../suite.h"

#define HZ 8000
#define SLACK (HZ * KVS_LOCAL_G711_SLACK_MS / 1000)
#define SOUND 0x12

static AVCodecParameters *codec;
static AVPacket *packet;
static KvsLocalG711Fit fit;

static void
set_up (void)
{
  codec = avcodec_parameters_alloc ();
  codec->codec_id = AV_CODEC_ID_PCM_ALAW;
  codec->sample_rate = HZ;
  codec->block_align = 1;
  packet = av_packet_alloc ();
  fit = (KvsLocalG711Fit) { 0 };
}

static void
tear_down (void)
{
  av_packet_free (&packet);
  avcodec_parameters_free (&codec);
}

/* @packet is what is made of a packet of sound at a time */
static void
fit_sound (gint64 pts, gint n_samples)
{
  gint size = n_samples * codec->block_align;

  av_packet_unref (packet);
  ck_assert_int_ge (av_new_packet (packet, size), 0);
  memset (packet->data, SOUND, (gsize) size);
  packet->pts = pts;
  packet->stream_index = 1;
  packet->flags = AV_PKT_FLAG_KEY;
  ck_assert (kvs_local_g711_fit (&fit, codec, packet));
  ck_assert_int_eq (packet->stream_index, 1);
  ck_assert_int_eq (packet->flags, AV_PKT_FLAG_KEY);
  ck_assert_int_eq (packet->dts, packet->pts);
  ck_assert_int_eq (packet->duration, packet->size / codec->block_align);
}

/* @n_silent bytes are before the sound of @packet */
static void
check_packet (gint64 pts, gint n_silent, guint8 silence, gint n_sound)
{
  ck_assert_int_eq (packet->pts, pts);
  ck_assert_int_eq (packet->size, n_silent + n_sound);
  for (gint i = 0; i < packet->size; i++)
    ck_assert_uint_eq (packet->data[i], i < n_silent ? silence : SOUND);
}

START_TEST (test_begins_at_its_time)
{
  fit_sound (-500, 160);
  check_packet (-500, 0, 0, 160);
  fit_sound (-340, 160);
  check_packet (-340, 0, 0, 160);
}
END_TEST

/* Each is at most so far from its time, early or late, and jitter does not add up. */
START_TEST (test_jitter_is_left_alone)
{
  gint64 at = 1000;

  for (gint i = 0; i < 1000; i++, at += 160) {
    gint64 jitter = i == 0 ? 0 : i % 2 == 0 ? SLACK : -SLACK;

    fit_sound (at + jitter, 160);
    check_packet (at, 0, 0, 160);
  }
}
END_TEST

START_TEST (test_gap_is_silent)
{
  fit_sound (0, 160);
  fit_sound (160 + SLACK + 1, 160);
  check_packet (160, SLACK + 1, 0xd5, 160);
  fit_sound (320 + SLACK + 1, 160);
  check_packet (320 + SLACK + 1, 0, 0, 160);
}
END_TEST

START_TEST (test_mu_law_of_two_channels)
{
  codec->codec_id = AV_CODEC_ID_PCM_MULAW;
  codec->block_align = 2;
  fit_sound (0, 160);
  check_packet (0, 0, 0, 320);
  fit_sound (1160, 160);
  check_packet (160, 2000, 0xff, 320);
}
END_TEST

/* The clock of the sound is slow: what is missing adds up until it is put in. */
START_TEST (test_slow_clock)
{
  gint n_silent = 0;

  for (gint i = 0; i < 10000; i++) {
    fit_sound (i * 161, 160);
    n_silent += packet->size - 160;
    ck_assert_int_le (ABS (packet->pts + packet->size - 160 - i * 161), SLACK);
  }
  ck_assert_int_ge (n_silent, 10000 - SLACK);
  ck_assert_int_le (n_silent, 10000);
}
END_TEST

START_TEST (test_overlap_is_cut)
{
  fit_sound (0, 1000);
  fit_sound (1000 - SLACK - 1, 1000);
  check_packet (1000, 0, 0, 1000 - SLACK - 1);
  fit_sound (0, 1000);
  check_packet (2000 - SLACK - 1, 0, 0, 0);
  fit_sound (2000, 160);
  check_packet (2000 - SLACK - 1, SLACK + 1, 0xd5, 160);
}
END_TEST

/* No more memory and disk than that, whatever times somebody sends. */
START_TEST (test_silence_is_limited)
{
  gint64 max = KVS_LOCAL_G711_MAX_SILENCE_BYTES;

  fit_sound (0, 160);
  fit_sound (160 + max + 1, 160);
  check_packet (160, 0, 0, 160);
  fit_sound (G_MAXINT64 / 2, 160);
  check_packet (320, 0, 0, 160);
  fit_sound (480 + max, 160);
  ck_assert_int_eq (packet->size, max + 160);
  fit_sound (480 + max + 160 + SLACK + 1, 160);
  check_packet (480 + max + 160, 0, 0, 160);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("g711-fit");
  TCase *tc = tcase_create ("g711-fit");

  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, test_begins_at_its_time);
  tcase_add_test (tc, test_jitter_is_left_alone);
  tcase_add_test (tc, test_gap_is_silent);
  tcase_add_test (tc, test_mu_law_of_two_channels);
  tcase_add_test (tc, test_slow_clock);
  tcase_add_test (tc, test_overlap_is_cut);
  tcase_add_test (tc, test_silence_is_limited);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
