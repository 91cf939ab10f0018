/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-header.h"

#include <check.h>

#include "../suite.h"
#include "media/track.h"
#include "mkv/muxer.h"

/* Track numbers need not be in order: pads are taken away and added. */
static const guint numbers[KVS_MAX_TRACKS] = { 2, 1, 3 };

static GBytes *
make_header (guint32 mask)
{
  static const guint8 uid[KVS_MKV_SEGMENT_UID_BYTES] = { 1, 2 };
  g_autoptr (GBytes) private_data = g_bytes_new_static ("\xae\x01\xd7\x81\x02", 5);
  g_autoptr (GPtrArray) tracks = g_ptr_array_new_with_free_func ((GDestroyNotify) kvs_track_free);

  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    if ((mask & 1u << numbers[i]) != 0)
      g_ptr_array_add (tracks, kvs_track_new (numbers[i], i == 0 ? KVS_TRACK_TYPE_VIDEO
                                                                 : KVS_TRACK_TYPE_AUDIO,
                                              i == 0 ? KVS_CODEC_ID_AVC : KVS_CODEC_ID_AAC,
                                              "door", private_data));
  }
  return kvs_mkv_header_new ((const KvsTrack *const *) tracks->pdata, tracks->len, 1000000, uid);
}

/* The muxer would have written the same. */
START_TEST (test_any_tracks_are_kept)
{
  for (guint32 mask = 2; mask < 16; mask += 2) {
    g_autoptr (GBytes) all = make_header (2 | 4 | 8);
    g_autoptr (GBytes) expected = make_header (mask);
    g_autoptr (GBytes) kept = kvs_spool_header_keep_tracks (all, mask);

    ck_assert (g_bytes_equal (kept, expected));
  }
}
END_TEST

START_TEST (test_stays_as_it_is)
{
  g_autoptr (GBytes) header = make_header (2 | 4);
  g_autoptr (GBytes) none = kvs_spool_header_keep_tracks (header, 0);
  g_autoptr (GBytes) other = kvs_spool_header_keep_tracks (header, 8);
  g_autoptr (GBytes) more = kvs_spool_header_keep_tracks (header, G_MAXUINT32);

  ck_assert_ptr_eq (none, header);
  ck_assert_ptr_eq (other, header);
  ck_assert_ptr_eq (more, header);
  for (gsize size = 0; size < g_bytes_get_size (header); size++) {
    g_autoptr (GBytes) cut = g_bytes_new_from_bytes (header, 0, size);
    g_autoptr (GBytes) kept = kvs_spool_header_keep_tracks (cut, 2);

    ck_assert_ptr_eq (kept, cut);
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("spool-header");
  TCase *tc = tcase_create ("spool-header");

  tcase_add_test (tc, test_any_tracks_are_kept);
  tcase_add_test (tc, test_stays_as_it_is);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
