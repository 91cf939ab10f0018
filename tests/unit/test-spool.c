/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker of a spool: what it is asked for, and what it tells. */
#include "stream/spool.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "media.h"
#include "mkv/muxer.h"
#include "spool-rig.h"
#include "wait.h"

#define MS MEDIA_MS
#define START_MS G_GINT64_CONSTANT (1700000000000)
#define N_FRAMES 3
#define FILE_BYTES 2600 /* room for one */

/* Events as text, such as "opened 2, stored 1 good", in the order they came. */
typedef struct {
  KvsSpool *spool;
  GMutex lock;
  GString *log;
  gint n_synced; /* atomic */
  GPtrArray *loaded; /* of KvsFragment */
} Worker;

static gchar *folder;
static KvsStreamDefinition *definition;
static KvsSegment *segment;

static void log_event (Worker *worker, const gchar *format, ...) G_GNUC_PRINTF (2, 3);

static void
log_event (Worker *worker, const gchar *format, ...)
{
  va_list args;

  va_start (args, format);
  g_mutex_lock (&worker->lock);
  if (worker->log->len > 0)
    g_string_append (worker->log, ", ");
  g_string_append_vprintf (worker->log, format, args);
  g_mutex_unlock (&worker->lock);
  va_end (args);
}

static void
on_opened (guint n_waiting, gpointer user_data)
{
  log_event (user_data, "opened %u", n_waiting);
}

static void
on_stored (guint64 id, gboolean good, gpointer user_data)
{
  log_event (user_data, "stored %u %s", (guint) id, good ? "good" : "bad");
}

static guint
number_of (const KvsFragment *fragment)
{
  return (guint) (fragment->timecode - START_MS) / 1000;
}

static void
on_loaded (KvsFragment *fragment, guint n_damaged, gboolean readable, gpointer user_data)
{
  Worker *worker = user_data;

  if (n_damaged > 0)
    log_event (worker, "damaged %u", n_damaged);
  if (fragment == NULL) {
    log_event (worker, readable ? "loaded none" : "loaded unreadable");
    return;
  }
  log_event (worker, "loaded %u", number_of (fragment));
  g_ptr_array_add (worker->loaded, kvs_fragment_ref (fragment));
}

static void
on_evicted (guint64 id, gboolean spool_was_full, gpointer user_data)
{
  log_event (user_data, "%s %u", spool_was_full ? "evicted" : "missing", (guint) id);
}

static void
on_lost (guint n_fragments, guint n_frames, gpointer user_data)
{
  log_event (user_data, "lost %u of %u", n_fragments, n_frames);
}

static void
on_synced (gpointer user_data)
{
  Worker *worker = user_data;

  g_atomic_int_inc (&worker->n_synced);
}

static void
on_trouble (const GError *error, gpointer user_data)
{
  log_event (user_data, error != NULL ? "trouble" : "works");
}

static Worker *
worker_new (void)
{
  static const KvsSpoolEvents events = {
    on_opened, on_stored, on_loaded, on_evicted, on_lost, on_synced, on_trouble,
  };
  Worker *worker = g_new0 (Worker, 1);

  g_mutex_init (&worker->lock);
  worker->log = g_string_new (NULL);
  worker->loaded = g_ptr_array_new_with_free_func ((GDestroyNotify) kvs_fragment_unref);
  worker->spool = kvs_spool_new (definition, &events, worker);
  return worker;
}

static void
close_spool (Worker *worker)
{
  if (worker->spool != NULL)
    kvs_spool_close (g_steal_pointer (&worker->spool));
}

static void
worker_free (Worker *worker)
{
  close_spool (worker);
  g_string_free (worker->log, TRUE);
  g_ptr_array_unref (worker->loaded);
  g_mutex_clear (&worker->lock);
  g_free (worker);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Worker, worker_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsFragment, kvs_fragment_unref)

static gboolean
has_synced (gpointer user_data)
{
  return g_atomic_int_get (&((Worker *) user_data)->n_synced) > 0;
}

static void
settle (Worker *worker)
{
  g_atomic_int_set (&worker->n_synced, 0);
  kvs_spool_sync (worker->spool);
  ck_assert (wait_until (has_synced, worker));
}

/* Waits until all is done, and forgets what has been told. */
static void
expect (Worker *worker, const gchar *events)
{
  if (worker->spool != NULL)
    settle (worker);
  ck_assert_str_eq (worker->log->str, events);
  g_string_truncate (worker->log, 0);
}

/* Fragment @number, complete, of a stream with a Fragment a second. */
static KvsFragment *
make_fragment (guint number)
{
  guint64 timecode = (guint64) START_MS + number * 1000;
  KvsFragment *fragment = kvs_fragment_new (segment, timecode, NULL);

  fragment->id = number;
  for (guint i = 0; i < N_FRAMES; i++) {
    gint64 pts_ns = ((gint64) timecode + i * 300) * MS;
    KvsFrame *frame = media_frame_new (number * 10 + i, i == 0, pts_ns, 500);
    guint8 head[KVS_FRAME_HEAD_MAX_BYTES];
    gsize n = i == 0 ? kvs_mkv_write_cluster_start (head, timecode) : 0;

    frame->info.duration_ns = 300 * MS;
    n += kvs_mkv_write_simple_block_start (
        head + n, 1, (gint16) (i * 300),
        i == 0 ? KVS_FRAME_FLAG_KEY_FRAME : KVS_FRAME_FLAG_NONE, 500);
    kvs_fragment_append (fragment, head, n, frame);
  }
  fragment->complete = TRUE;
  return fragment;
}

static void
store (Worker *worker, guint number)
{
  KvsFragment *fragment = make_fragment (number);

  kvs_spool_store (worker->spool, fragment);
  kvs_fragment_unref (fragment);
}

static void
release (Worker *worker, guint number)
{
  KvsFragment *fragment = make_fragment (number);

  kvs_spool_release (worker->spool, fragment);
  kvs_fragment_unref (fragment);
}

static void
grow (Worker *worker, guint number)
{
  KvsFragment *fragment = make_fragment (number);

  kvs_spool_begin (worker->spool, fragment);
  kvs_spool_append (worker->spool, fragment, 0);
  kvs_fragment_unref (fragment);
}

static GBytes *
make_header (guint n_tracks)
{
  static const guint8 uid[KVS_MKV_SEGMENT_UID_BYTES] = { 9 };
  g_autoptr (KvsTrack) video = media_track_new ();
  g_autoptr (KvsTrack) audio
      = kvs_track_new (2, KVS_TRACK_TYPE_AUDIO, KVS_CODEC_ID_AAC, NULL, NULL);
  const KvsTrack *tracks[] = { video, audio };

  return kvs_mkv_header_new (tracks, n_tracks, MS, uid);
}

static void
setup (void)
{
  g_autoptr (GBytes) header = make_header (1);

  folder = g_dir_make_tmp ("kvs-spool-XXXXXX", NULL);
  definition = kvs_stream_definition_new ("cam");
  definition->spool_folder = g_strdup (folder);
  definition->spool_bytes = G_MAXUINT32;
  segment = kvs_segment_new (header, START_MS * MS, FALSE);
}

static gboolean
is_spool_free (gpointer user_data)
{
  g_autoptr (KvsSpoolStore) store = kvs_spool_store_open (folder, "cam", G_MAXUINT64, NULL);

  return store != NULL;
}

static void
teardown (void)
{
  ck_assert (wait_until (is_spool_free, NULL));
  spool_rig_remove_tree (folder);
  g_free (folder);
  kvs_segment_unref (segment);
  kvs_stream_definition_free (definition);
}

/* Names of the files of whole Fragments, in order. */
static GPtrArray *
list_files (void)
{
  g_autofree gchar *path = g_build_filename (folder, "cam", NULL);
  GPtrArray *names = spool_rig_list_files (path);

  for (guint i = names->len; i > 0; i--) {
    if (!g_str_has_suffix (g_ptr_array_index (names, i - 1), ".mkv"))
      g_ptr_array_remove_index (names, i - 1);
  }
  return names;
}

static guint
count_files (void)
{
  g_autoptr (GPtrArray) names = list_files ();

  return names->len;
}

static void
damage_file (guint index)
{
  g_autoptr (GPtrArray) names = list_files ();
  g_autofree gchar *path = g_build_filename (folder, "cam", g_ptr_array_index (names, index), NULL);
  g_autofree gchar *data = NULL;
  gsize size;

  ck_assert (g_file_get_contents (path, &data, &size, NULL));
  data[size - 5] ^= 1;
  ck_assert (g_file_set_contents (path, data, (gssize) size, NULL));
}

/* ---- to disk and back ---- */

START_TEST (test_there_and_back)
{
  g_autoptr (Worker) worker = worker_new ();
  g_autoptr (KvsFragment) original = make_fragment (1);
  g_autoptr (GBytes) bytes = kvs_fragment_copy_bytes (original, 0);
  const KvsFragment *fragment;

  store (worker, 1);
  expect (worker, "opened 0, stored 1 good");
  /* memory has it too: it does not wait */
  kvs_spool_load (worker->spool);
  expect (worker, "loaded none");
  release (worker, 1);
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  expect (worker, "loaded 1, loaded none");
  fragment = g_ptr_array_index (worker->loaded, 0);
  ck_assert (g_bytes_equal (fragment->raw, bytes));
  ck_assert (g_bytes_equal (fragment->segment->header, segment->header));
  ck_assert_int_eq (fragment->segment->start_ns, segment->start_ns);
  ck_assert (!fragment->segment->is_relative);
  ck_assert_uint_eq (fragment->n_frames, N_FRAMES);
  ck_assert_uint_eq (fragment->track_mask, 2);
  ck_assert_int_eq (fragment->start_ns, original->start_ns);
  ck_assert_int_eq (fragment->end_ns, original->end_ns);
  ck_assert (fragment->complete && fragment->sendable && !fragment->sent);
  kvs_spool_remove (worker->spool, fragment->id);
  expect (worker, "");
  ck_assert_uint_eq (count_files (), 0);
}
END_TEST

START_TEST (test_what_was_read_back_is_stored_again)
{
  g_autoptr (Worker) worker = worker_new ();
  g_autoptr (GBytes) bytes = NULL;
  KvsFragment *fragment;

  store (worker, 1);
  release (worker, 1);
  kvs_spool_load (worker->spool);
  expect (worker, "opened 0, stored 1 good, loaded 1");
  fragment = g_ptr_array_index (worker->loaded, 0);
  bytes = g_bytes_ref (fragment->raw);
  kvs_spool_remove (worker->spool, fragment->id);
  fragment->id = 7;
  kvs_spool_store (worker->spool, fragment);
  kvs_spool_release (worker->spool, fragment);
  kvs_spool_load (worker->spool);
  expect (worker, "stored 7 good, loaded 1");
  fragment = g_ptr_array_index (worker->loaded, 1);
  ck_assert (g_bytes_equal (fragment->raw, bytes));
  ck_assert_uint_eq (fragment->n_frames, N_FRAMES);
  ck_assert_uint_eq (fragment->track_mask, 2);
}
END_TEST

START_TEST (test_grows)
{
  g_autoptr (Worker) worker = worker_new ();
  g_autoptr (KvsFragment) whole = make_fragment (1);
  g_autoptr (GBytes) bytes = kvs_fragment_copy_bytes (whole, 0);

  grow (worker, 1);
  expect (worker, "opened 0");
  ck_assert_uint_eq (count_files (), 0);
  kvs_spool_commit (worker->spool, 1);
  expect (worker, "stored 1 good");
  ck_assert_uint_eq (count_files (), 1);
  /* from the beginning again, as with another header */
  grow (worker, 2);
  grow (worker, 2);
  kvs_spool_commit (worker->spool, 2);
  expect (worker, "stored 2 good");
  ck_assert_uint_eq (count_files (), 2);
  /* not needed after all, before and after it was whole */
  grow (worker, 3);
  kvs_spool_remove (worker->spool, 3);
  kvs_spool_commit (worker->spool, 3);
  kvs_spool_remove (worker->spool, 2);
  expect (worker, "stored 3 bad");
  ck_assert_uint_eq (count_files (), 1);
  release (worker, 1);
  kvs_spool_load (worker->spool);
  expect (worker, "loaded 1");
  ck_assert (g_bytes_equal (((KvsFragment *) g_ptr_array_index (worker->loaded, 0))->raw, bytes));
}
END_TEST

START_TEST (test_what_was_not_begun)
{
  g_autoptr (Worker) worker = worker_new ();
  g_autoptr (KvsFragment) fragment = make_fragment (5);

  kvs_spool_append (worker->spool, fragment, 0);
  kvs_spool_commit (worker->spool, 5);
  kvs_spool_remove (worker->spool, 5);
  kvs_spool_remove (worker->spool, 6);
  expect (worker, "opened 0, stored 5 bad");
  ck_assert_uint_eq (kvs_spool_get_pending_bytes (worker->spool), 0);
}
END_TEST

START_TEST (test_order)
{
  g_autoptr (Worker) worker = worker_new ();

  for (guint i = 1; i <= 5; i++)
    store (worker, i);
  expect (worker, "opened 0, stored 1 good, stored 2 good, stored 3 good, stored 4 good, "
                  "stored 5 good");
  /* the first one has been in memory all the time */
  for (guint i = 5; i >= 2; i--)
    release (worker, i);
  for (guint i = 0; i < 5; i++)
    kvs_spool_load (worker->spool);
  expect (worker, "loaded 2, loaded 3, loaded 4, loaded 5, loaded none");
  for (guint i = 1; i < 4; i++)
    ck_assert_ptr_eq (((KvsFragment *) g_ptr_array_index (worker->loaded, i))->segment,
                      ((KvsFragment *) g_ptr_array_index (worker->loaded, 0))->segment);
}
END_TEST

/* The service refuses in one Session what goes back in time. */
START_TEST (test_written_last_but_recorded_first)
{
  g_autoptr (Worker) worker = worker_new ();
  KvsFragment *fragments[3];

  store (worker, 4);
  store (worker, 1);
  store (worker, 2);
  release (worker, 4);
  release (worker, 1);
  release (worker, 2);
  for (guint i = 0; i < 3; i++)
    kvs_spool_load (worker->spool);
  expect (worker, "opened 0, stored 4 good, stored 1 good, stored 2 good, loaded 4, loaded 1, "
                  "loaded 2");
  for (guint i = 0; i < 3; i++)
    fragments[i] = g_ptr_array_index (worker->loaded, i);
  ck_assert_ptr_ne (fragments[0]->segment, fragments[1]->segment);
  ck_assert_ptr_eq (fragments[1]->segment, fragments[2]->segment);
}
END_TEST

START_TEST (test_next_run)
{
  g_autoptr (Worker) first = worker_new ();
  g_autoptr (Worker) second = NULL;

  store (first, 1);
  grow (first, 2);
  settle (first);
  close_spool (first);
  ck_assert (wait_until (is_spool_free, NULL));
  second = worker_new ();
  for (guint i = 0; i < 3; i++)
    kvs_spool_load (second->spool);
  expect (second, "opened 2, loaded 1, loaded 2, loaded none");
}
END_TEST

/* What a crash has cut short may lack a track; the service refuses it with the header it had. */
START_TEST (test_cut_short_before_the_second_track)
{
  g_autoptr (GBytes) two = make_header (2);
  g_autoptr (GBytes) one = g_bytes_ref (segment->header);
  g_autoptr (Worker) first = worker_new ();
  g_autoptr (Worker) second = NULL;
  const KvsFragment *fragment;

  kvs_segment_unref (segment);
  segment = kvs_segment_new (two, START_MS * MS, FALSE);
  grow (first, 1);
  settle (first);
  close_spool (first);
  ck_assert (wait_until (is_spool_free, NULL));
  second = worker_new ();
  kvs_spool_load (second->spool);
  expect (second, "opened 1, loaded 1");
  fragment = g_ptr_array_index (second->loaded, 0);
  ck_assert (g_bytes_equal (fragment->segment->header, one));
  /* and so on its way to the disk and back */
  kvs_spool_release (second->spool, fragment);
  kvs_spool_load (second->spool);
  expect (second, "loaded 1");
  fragment = g_ptr_array_index (second->loaded, 1);
  ck_assert (g_bytes_equal (fragment->segment->header, one));
}
END_TEST

/* ---- a spool that is full ---- */

START_TEST (test_eviction)
{
  g_autoptr (Worker) worker = NULL;
  KvsSpoolStats stats;

  definition->spool_bytes = 3 * FILE_BYTES;
  worker = worker_new ();
  store (worker, 1);
  store (worker, 2);
  store (worker, 3);
  settle (worker);
  kvs_spool_get_stats (worker->spool, &stats);
  ck_assert_uint_eq (stats.n_fragments, 3);
  g_string_truncate (worker->log, 0);
  release (worker, 1);
  store (worker, 4);
  expect (worker, "lost 1 of 3, stored 4 good"); /* it was on disk alone */
  store (worker, 5);
  expect (worker, "evicted 2, stored 5 good"); /* memory has that one too */
  release (worker, 3);
  release (worker, 4);
  grow (worker, 6);
  kvs_spool_commit (worker->spool, 6);
  expect (worker, "lost 1 of 3, stored 6 good");
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  expect (worker, "loaded 4, loaded none");
}
END_TEST

/* It had to go before the worker knew that memory would not have it any more. */
START_TEST (test_evicted_and_released_at_once)
{
  g_autoptr (Worker) worker = NULL;

  definition->spool_bytes = 2 * FILE_BYTES;
  worker = worker_new ();
  store (worker, 1);
  store (worker, 2);
  expect (worker, "opened 0, stored 1 good, stored 2 good");
  store (worker, 3);
  release (worker, 1);
  expect (worker, "evicted 1, stored 3 good, lost 1 of 3");
}
END_TEST

START_TEST (test_larger_than_the_spool)
{
  g_autoptr (Worker) worker = NULL;

  definition->spool_bytes = 1000;
  worker = worker_new ();
  store (worker, 1);
  grow (worker, 2);
  kvs_spool_commit (worker->spool, 2);
  expect (worker, "opened 0, trouble, stored 1 bad, stored 2 bad");
}
END_TEST

/* ---- a disk that fails ---- */

START_TEST (test_damaged_files_are_passed_by)
{
  g_autoptr (Worker) worker = worker_new ();

  for (guint i = 1; i <= 4; i++) {
    store (worker, i);
    release (worker, i);
  }
  settle (worker);
  damage_file (0);
  damage_file (1);
  damage_file (3);
  g_string_truncate (worker->log, 0);
  kvs_spool_load (worker->spool);
  expect (worker, "trouble, works, damaged 2, loaded 3");
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  expect (worker, "trouble, works, damaged 1, loaded none, loaded none");
  {
    g_autofree gchar *path = g_build_filename (folder, "cam", "damaged", NULL);
    g_autoptr (GPtrArray) names = spool_rig_list_files (path);

    ck_assert_uint_eq (names->len, 3);
  }
}
END_TEST

START_TEST (test_cannot_be_opened_at_first)
{
  g_autofree gchar *aside = g_strconcat (folder, ".aside", NULL);
  g_autoptr (Worker) worker = NULL;

  ck_assert_int_eq (g_rename (folder, aside), 0);
  ck_assert (g_file_set_contents (folder, "", 0, NULL));
  worker = worker_new ();
  store (worker, 1);
  grow (worker, 2);
  kvs_spool_commit (worker->spool, 2);
  kvs_spool_load (worker->spool);
  kvs_spool_probe (worker->spool);
  expect (worker, "trouble, stored 1 bad, stored 2 bad, loaded none");
  ck_assert_int_eq (g_remove (folder), 0);
  ck_assert_int_eq (g_rename (aside, folder), 0);
  kvs_spool_probe (worker->spool);
  store (worker, 3);
  expect (worker, "works, opened 0, stored 3 good");
}
END_TEST

START_TEST (test_another_holder)
{
  g_autoptr (Worker) first = worker_new ();
  g_autoptr (Worker) second = NULL;

  store (first, 1);
  release (first, 1);
  expect (first, "opened 0, stored 1 good");
  second = worker_new ();
  store (second, 2);
  kvs_spool_load (second->spool);
  expect (second, "trouble, stored 2 bad, loaded none");
  close_spool (first);
  ck_assert (wait_until (is_spool_free, NULL));
  kvs_spool_probe (second->spool);
  kvs_spool_load (second->spool);
  expect (second, "works, opened 1, loaded 1");
}
END_TEST

START_TEST (test_disk_goes_away_for_a_while)
{
  g_autofree gchar *aside = g_strconcat (folder, ".aside", NULL);
  g_autoptr (Worker) worker = worker_new ();

  store (worker, 1);
  store (worker, 2);
  store (worker, 3);
  release (worker, 1);
  release (worker, 2);
  settle (worker);
  ck_assert_int_eq (g_rename (folder, aside), 0);
  ck_assert (g_file_set_contents (folder, "", 0, NULL));
  g_string_truncate (worker->log, 0);
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  store (worker, 4);
  kvs_spool_probe (worker->spool);
  expect (worker, "trouble, loaded unreadable, loaded unreadable, stored 4 bad");
  ck_assert_int_eq (g_remove (folder), 0);
  ck_assert_int_eq (g_rename (aside, folder), 0);
  kvs_spool_probe (worker->spool);
  expect (worker, "opened 2");
  kvs_spool_load (worker->spool);
  expect (worker, "loaded 1"); /* it can be read; whether it can be written is not known yet */
  store (worker, 4);
  expect (worker, "works, stored 4 good");
}
END_TEST

START_TEST (test_folder_is_removed)
{
  g_autoptr (Worker) worker = worker_new ();

  store (worker, 1);
  store (worker, 2);
  release (worker, 1);
  settle (worker);
  spool_rig_remove_tree (folder);
  g_string_truncate (worker->log, 0);
  store (worker, 3);
  expect (worker, "stored 3 good, missing 2, opened 0");
  kvs_spool_probe (worker->spool);
  expect (worker, "opened 0");
  release (worker, 3);
  kvs_spool_load (worker->spool);
  kvs_spool_load (worker->spool);
  expect (worker, "loaded 3, loaded none");
}
END_TEST

/* ---- the end ---- */

START_TEST (test_closed_with_work_to_do)
{
  g_autoptr (Worker) worker = worker_new ();

  expect (worker, "opened 0");
  for (guint i = 1; i <= 50; i++)
    store (worker, i);
  ck_assert_uint_gt (kvs_spool_get_pending_bytes (worker->spool), 0);
  close_spool (worker);
  {
    g_autofree gchar *told = g_strdup (worker->log->str);

    ck_assert (wait_until (is_spool_free, NULL));
    ck_assert_uint_eq (count_files (), 50);
    ck_assert_str_eq (worker->log->str, told); /* nothing is told any more */
  }
}
END_TEST

START_TEST (test_closed_at_once)
{
  for (guint i = 0; i < 200; i++)
    worker_free (worker_new ());
  ck_assert (wait_until (is_spool_free, NULL));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("spool");
  TCase *tc = tcase_create ("spool");
  SRunner *runner;
  gint failed;

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_there_and_back);
  tcase_add_test (tc, test_what_was_read_back_is_stored_again);
  tcase_add_test (tc, test_grows);
  tcase_add_test (tc, test_what_was_not_begun);
  tcase_add_test (tc, test_order);
  tcase_add_test (tc, test_written_last_but_recorded_first);
  tcase_add_test (tc, test_next_run);
  tcase_add_test (tc, test_cut_short_before_the_second_track);
  tcase_add_test (tc, test_eviction);
  tcase_add_test (tc, test_evicted_and_released_at_once);
  tcase_add_test (tc, test_larger_than_the_spool);
  tcase_add_test (tc, test_damaged_files_are_passed_by);
  tcase_add_test (tc, test_cannot_be_opened_at_first);
  tcase_add_test (tc, test_another_holder);
  tcase_add_test (tc, test_disk_goes_away_for_a_while);
  tcase_add_test (tc, test_folder_is_removed);
  tcase_add_test (tc, test_closed_with_work_to_do);
  tcase_add_test (tc, test_closed_at_once);
  suite_add_tcase (s, tc);

  runner = srunner_create (s);
  srunner_run_all (runner, CK_ENV);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
