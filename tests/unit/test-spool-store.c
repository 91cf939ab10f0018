/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-store.h"

#include <check.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../suite.h"
#include "bytes.h"
#include "error.h"
#include "media.h"
#include "mkv/muxer.h"
#include "spool-rig.h"

#define T0 SPOOL_RIG_EPOCH_MS
#define T1 (T0 + 2000)
#define T2 (T0 + 4000)
#define N_FRAMES SPOOL_RIG_FRAMES
#define PAYLOAD_BYTES SPOOL_RIG_PAYLOAD_BYTES

/* ---- in and out ---- */

START_TEST (test_comes_out_as_it_went_in)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (KvsSpoolFragment) fragment = NULL;
  KvsSpoolEntry entry;

  spool_rig_write_one (rig, store, T0);
  spool_rig_assert_first_is (store, T0, N_FRAMES);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  fragment = kvs_spool_store_read (store, &entry, NULL);
  ck_assert (g_bytes_equal (fragment->header, rig->header));
  ck_assert (fragment->record.times.absolute);
  ck_assert_int_eq (fragment->record.times.segment_start_ns, 12345);
  ck_assert_int_eq (fragment->record.times.timecode_scale_ns, MEDIA_MS);
  ck_assert_int_eq (fragment->record.extent.start_ns, (gint64) T0 * MEDIA_MS);
  ck_assert_int_eq (fragment->record.extent.end_ns, (gint64) (T0 + 200) * MEDIA_MS);
  ck_assert_uint_eq (fragment->record.extent.track_mask, 2);
  ck_assert_int_eq (entry.start_ns, (gint64) T0 * MEDIA_MS);
  ck_assert_int_eq (entry.end_ns, (gint64) (T0 + 200) * MEDIA_MS);
}
END_TEST

START_TEST (test_relative_times_before_the_epoch)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (GByteArray) bytes = spool_rig_fragment (0, 1, PAYLOAD_BYTES);
  const KvsSpoolTimes times = { FALSE, -5 * MEDIA_S - 7, 100, 3 };
  const KvsSlice slice = { bytes->data, bytes->len };
  const KvsSpoolPiece piece = { &slice, 1, -5 * MEDIA_S - 7, -4 * MEDIA_S - 7, 1, 6 };
  g_autoptr (KvsSpoolFragment) fragment = NULL;
  KvsSpoolEntry entry;

  ck_assert (kvs_spool_store_write (store, rig->header, &times, &piece, NULL, &rig->loss, NULL));
  g_clear_pointer (&store, kvs_spool_store_close);
  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  fragment = kvs_spool_store_read (store, &entry, NULL);
  ck_assert_ptr_nonnull (fragment);
  ck_assert (!fragment->record.times.absolute);
  ck_assert_int_eq (fragment->record.times.segment_start_ns, -5 * MEDIA_S - 7);
  ck_assert_int_eq (fragment->record.times.timecode_scale_ns, 100);
  ck_assert_int_eq (fragment->record.extent.start_ns, -5 * MEDIA_S - 7);
  ck_assert_int_eq (entry.start_ns, -5 * MEDIA_S - MEDIA_MS);
}
END_TEST

START_TEST (test_footage_is_private)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  mode_t mask = umask (0);
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autoptr (GPtrArray) names = NULL;
  struct stat st;

  spool_rig_write_one (rig, store, T0);
  spool_rig_begin (rig, store, T1, 1);
  umask (mask);
  ck_assert_int_eq (stat (rig->stream_folder, &st), 0);
  ck_assert_uint_eq (st.st_mode & 07777, 0700);
  names = spool_rig_list_files (rig->stream_folder);
  ck_assert_uint_eq (names->len, 4);
  for (guint i = 0; i < names->len; i++) {
    g_autofree gchar *path = spool_rig_path (rig, g_ptr_array_index (names, i));

    ck_assert_int_eq (stat (path, &st), 0);
    ck_assert_uint_eq (st.st_mode & 07777, 0600);
  }
}
END_TEST

START_TEST (test_order_is_that_of_recording)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  KvsSpoolStore *store = spool_rig_open (rig, G_MAXUINT64);
  /* the clock is set back by half a minute, and then once more to the same second */
  static const guint64 timecodes[] = { T1, T2, T1 - 30000, T0, T2, T1 };

  for (guint i = 0; i < G_N_ELEMENTS (timecodes); i++) {
    if (i == 3) {
      kvs_spool_store_close (store);
      store = spool_rig_open (rig, G_MAXUINT64);
    }
    spool_rig_write_one (rig, store, timecodes[i]);
  }
  spool_rig_assert_holds (store, timecodes, G_N_ELEMENTS (timecodes));
  kvs_spool_store_close (store);
  store = spool_rig_open (rig, G_MAXUINT64);
  spool_rig_assert_holds (store, timecodes, G_N_ELEMENTS (timecodes));
  kvs_spool_store_close (store);
}
END_TEST

/* What was begun first is first, although it is whole last. */
START_TEST (test_order_of_what_grows)
{
  static const guint64 timecodes[] = { T1, T0, T2 };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);

  spool_rig_begin (rig, store, T1, 2);
  spool_rig_write_one (rig, store, T0);
  ck_assert_uint_eq (spool_rig_stats (store).n_fragments, 1);
  ck_assert (spool_rig_commit (store, NULL, NULL));
  spool_rig_write_one (rig, store, T2);
  spool_rig_assert_holds (store, timecodes, 3);
}
END_TEST

START_TEST (test_grows_until_it_is_whole)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  KvsSpoolEntry entry, first;
  guint64 bytes;

  spool_rig_begin (rig, store, T0, 3);
  ck_assert (kvs_spool_store_is_growing (store));
  ck_assert (!kvs_spool_store_next (store, NULL, &first));
  bytes = spool_rig_stats (store).size_bytes;
  ck_assert_uint_gt (bytes, 3 * PAYLOAD_BYTES);
  ck_assert (kvs_spool_store_sync (store, NULL));
  ck_assert (spool_rig_commit (store, &entry, NULL));
  ck_assert (!kvs_spool_store_is_growing (store));
  ck_assert_uint_eq (spool_rig_stats (store).size_bytes, bytes);
  ck_assert_uint_eq (entry.size_bytes, bytes);
  spool_rig_assert_first_is (store, T0, 3);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 2);
}
END_TEST

START_TEST (test_abandoned_is_gone)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);

  spool_rig_begin (rig, store, T0, 3);
  kvs_spool_store_abandon (store);
  kvs_spool_store_abandon (store);
  ck_assert_uint_eq (spool_rig_stats (store).size_bytes, 0);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 1);
}
END_TEST

START_TEST (test_removed_is_gone)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  static const guint64 timecodes[] = { T1, T2 };
  KvsSpoolEntry entry, next;

  spool_rig_write_one (rig, store, T0);
  spool_rig_write_one (rig, store, T1);
  spool_rig_write_one (rig, store, T2);
  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  ck_assert (kvs_spool_store_remove (store, &entry, NULL));
  ck_assert (kvs_spool_store_remove (store, &entry, NULL));
  ck_assert (kvs_spool_store_next (store, &entry, &next));
  ck_assert_int_eq (next.start_ns, (gint64) T1 * MEDIA_MS);
  spool_rig_assert_holds (store, timecodes, 2);
  g_clear_pointer (&store, kvs_spool_store_close);
  store = spool_rig_open (rig, G_MAXUINT64);
  spool_rig_assert_holds (store, timecodes, 2);
}
END_TEST

START_TEST (test_stats_add_up)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  KvsSpoolStats before, after;

  after = spool_rig_stats (store);
  ck_assert_uint_eq (after.n_fragments + after.size_bytes + after.n_frames, 0);
  spool_rig_write_one (rig, store, T0);
  spool_rig_write_one (rig, store, T1);
  before = spool_rig_stats (store);
  ck_assert_uint_eq (before.n_fragments, 2);
  ck_assert_uint_eq (before.n_frames, 2 * N_FRAMES);
  ck_assert_int_eq (before.duration_ns, 2 * N_FRAMES * SPOOL_RIG_FRAME_MS * MEDIA_MS);
  ck_assert_int_eq (before.oldest_ns, (gint64) T0 * MEDIA_MS);
  ck_assert_int_eq (before.newest_ns, (gint64) (T1 + 200) * MEDIA_MS);
  g_clear_pointer (&store, kvs_spool_store_close);
  store = spool_rig_open (rig, G_MAXUINT64);
  after = spool_rig_stats (store);
  ck_assert_mem_eq (&before, &after, sizeof before);
}
END_TEST

/* Sparse files that nobody could load, of names alone. */
START_TEST (test_listing_opens_no_file)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);

  g_clear_pointer (&store, kvs_spool_store_close);
  for (guint i = 1; i <= 2000; i++) {
    KvsSpoolEntry entry = { 0 };
    gchar name[KVS_SPOOL_NAME_MAX_BYTES];
    g_autofree gchar *path = NULL;

    kvs_spool_entry_set (&entry, i, i * 2 * MEDIA_S, (i + 1) * 2 * MEDIA_S, 50);
    kvs_spool_name_of_fragment (&entry, name);
    path = spool_rig_path (rig, name);
    ck_assert (g_file_set_contents (path, "", 0, NULL));
    ck_assert_int_eq (truncate (path, (off_t) 1 << 30), 0);
    ck_assert_int_eq (chmod (path, 0), 0);
  }
  store = spool_rig_open (rig, G_MAXUINT64);
  ck_assert_uint_eq (spool_rig_stats (store).n_fragments, 2000);
  ck_assert_uint_eq (spool_rig_stats (store).n_frames, 100000);
  ck_assert_uint_eq (spool_rig_stats (store).size_bytes, (guint64) 2000 << 30);
}
END_TEST

/* ---- bounds ---- */

START_TEST (test_oldest_goes_first)
{
  static const guint64 timecodes[] = { T1, T2 };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  guint64 one;

  spool_rig_write_one (rig, store, T0);
  one = spool_rig_stats (store).size_bytes;
  g_clear_pointer (&store, kvs_spool_store_close);
  store = spool_rig_open (rig, 3 * one - 1);
  spool_rig_write_one (rig, store, T1);
  ck_assert_uint_eq (rig->loss.n_fragments, 0);
  spool_rig_write_one (rig, store, T2);
  spool_rig_assert_holds (store, timecodes, 2);
  ck_assert_uint_eq (rig->loss.n_fragments, 1);
  ck_assert_uint_eq (rig->loss.n_frames, N_FRAMES);
  ck_assert_uint_eq (rig->loss.size_bytes, one);
  ck_assert_uint_le (spool_rig_stats (store).size_bytes, 3 * one - 1);
  ck_assert_uint_eq (spool_rig_count_files (rig, ""), 3);

  spool_rig_begin (rig, store, T0, N_FRAMES);
  ck_assert_uint_eq (rig->loss.n_fragments, 2);
  ck_assert_uint_le (spool_rig_stats (store).size_bytes, 3 * one - 1);
}
END_TEST

START_TEST (test_what_never_fits_drives_nothing_out)
{
  static const guint64 timecodes[] = { T0 };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, 10 * PAYLOAD_BYTES);
  g_autoptr (GError) whole_error = NULL;
  g_autoptr (GError) append_error = NULL;

  spool_rig_write_one (rig, store, T0);
  ck_assert (!spool_rig_write (rig, store, T1, 10, PAYLOAD_BYTES, &whole_error));
  ck_assert (g_error_matches (whole_error, KVS_ERROR, KVS_ERROR_SPOOL));
  spool_rig_begin (rig, store, T1, 1);
  ck_assert (!spool_rig_append (rig, store, T1, 1, 10 * PAYLOAD_BYTES, &append_error));
  ck_assert (g_error_matches (append_error, KVS_ERROR, KVS_ERROR_SPOOL));
  spool_rig_assert_holds (store, timecodes, 1);
  ck_assert_uint_eq (rig->loss.n_fragments, 0);
}
END_TEST

/* ---- players ---- */

static gchar *
run_player (const gchar *const *args, const gchar *path)
{
  g_autofree gchar *program = g_find_program_in_path (args[0]);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_auto (GStrv) env = g_environ_setenv (g_get_environ (), "LC_ALL", "C", TRUE);
  g_autofree gchar *output = NULL;
  g_autofree gchar *errors = NULL;
  gint status = 0;

  if (program == NULL)
    return NULL;
  for (; *args != NULL; args++)
    g_ptr_array_add (argv, (gpointer) *args);
  g_ptr_array_add (argv, (gpointer) path);
  g_ptr_array_add (argv, NULL);
  ck_assert (g_spawn_sync (NULL, (gchar **) argv->pdata, env, G_SPAWN_SEARCH_PATH, NULL, NULL,
                           &output, &errors, &status, NULL));
  ck_assert_msg (status == 0, "%s%s", output, errors);
  return g_strconcat (output, errors, NULL);
}

/* G.711, of which any bytes are sound. */
static GBytes *
sound_header (void)
{
  static const guint8 uid[KVS_MKV_SEGMENT_UID_BYTES] = { 1 };
  g_autoptr (GBytes) mulaw = bytes_from_hex ("0700 0100 401f0000 401f0000 0100 0800 0000");
  g_autoptr (KvsTrack) track
      = kvs_track_new (1, KVS_TRACK_TYPE_AUDIO, KVS_CODEC_ID_MS_ACM, "sound", mulaw);
  const KvsTrack *tracks[] = { track };

  track->sample_rate = 8000;
  track->channels = 1;
  return kvs_mkv_header_new (tracks, 1, MEDIA_MS, uid);
}

START_TEST (test_any_player_opens_it)
{
  static const gchar *const mkvinfo[] = { "mkvinfo", "--all", NULL };
  static const gchar *const ffprobe[] = {
    "ffprobe", "-v", "error", "-show_entries", "packet=pts,size:stream=codec_name", "-of",
    "compact=nk=1:p=0", NULL,
  };
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autofree gchar *path = NULL;
  g_autofree gchar *info = NULL;
  g_autofree gchar *probe = NULL;

  g_bytes_unref (rig->header);
  rig->header = sound_header ();
  spool_rig_begin (rig, store, T0, 2);
  if (_i == 1) { /* as a crash leaves it, for whoever looks at the files before the next start */
    g_clear_pointer (&store, kvs_spool_store_close);
    path = spool_rig_path (rig, "000000000001.part");
  } else {
    ck_assert (spool_rig_commit (store, NULL, NULL));
    path = spool_rig_only_file (rig);
  }
  info = run_player (mkvinfo, path);
  probe = run_player (ffprobe, path);
  if (info != NULL) {
    ck_assert_msg (strcasestr (info, "error") == NULL && strcasestr (info, "warning") == NULL
                   && strcasestr (info, "unknown element") == NULL
                   && strcasestr (info, "missing") == NULL, "%s", info);
    ck_assert_msg (strstr (info, "KVSSINK_SPOOL") != NULL, "%s", info);
  }
  if (probe != NULL)
    ck_assert_str_eq (probe, "1787480102120|1000\n1787480102160|1000\npcm_mulaw\n");
}
END_TEST

static Suite *
make_suite (void)
{
  Suite *s = suite_create ("spool-store");
  TCase *tc = tcase_create ("spool-store");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, test_comes_out_as_it_went_in);
  tcase_add_test (tc, test_relative_times_before_the_epoch);
  tcase_add_test (tc, test_footage_is_private);
  tcase_add_test (tc, test_order_is_that_of_recording);
  tcase_add_test (tc, test_order_of_what_grows);
  tcase_add_test (tc, test_grows_until_it_is_whole);
  tcase_add_test (tc, test_abandoned_is_gone);
  tcase_add_test (tc, test_removed_is_gone);
  tcase_add_test (tc, test_stats_add_up);
  tcase_add_test (tc, test_listing_opens_no_file);
  tcase_add_test (tc, test_oldest_goes_first);
  tcase_add_test (tc, test_what_never_fits_drives_nothing_out);
  tcase_add_loop_test (tc, test_any_player_opens_it, 0, 2);
  suite_add_tcase (s, tc);
  return s;
}

int
main (void)
{
  return run_suite (make_suite ());
}
