/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fragment buffer that has a disk, and Sessions that read it. */
#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "media.h"
#include "spool-rig.h"
#include "stream/fragment-buffer-private.h"
#include "stream/spool-private.h"
#include "wait.h"

#define MS MEDIA_MS
#define S MEDIA_S
#define SIZE 60
#define MIB (1024 * 1024)
#define START (G_GINT64_CONSTANT (1700000000) * S)
#define FRAMES_A_FRAGMENT 4

/* ---- a buffer with a disk, and one Session at a time that reads it ---- */

typedef struct {
  KvsFragmentBuffer *buffer;
  Wire *wire;
  KvsSegment *segment;
  guint64 n_dropped; /* as the pushes said */
} Reader;

typedef struct {
  GMutex lock;
  GCond cond;
  gint n_saved, n_wakes, n_full, n_troubles, n_recoveries; /* atomic */
  gboolean holds_worker, worker_is_held;
  gchar *trouble;
} Events;

static gchar *folder;
static KvsStreamDefinition *definition;
static Events events;
static Reader reader;

static void
on_wake (gpointer user_data)
{
  g_atomic_int_inc (&events.n_wakes);
}

/* The worker comes by here, so here it can be held as by a slow disk. */
static void
on_saved (gpointer user_data)
{
  g_mutex_lock (&events.lock);
  while (events.holds_worker) {
    events.worker_is_held = TRUE;
    g_cond_broadcast (&events.cond);
    g_cond_wait (&events.cond, &events.lock);
  }
  events.worker_is_held = FALSE;
  g_mutex_unlock (&events.lock);
  g_atomic_int_inc (&events.n_saved);
}

static void
on_full (guint n_frames, gpointer user_data)
{
  g_atomic_int_add (&events.n_full, (gint) n_frames);
}

static void
on_trouble (const GError *error, gpointer user_data)
{
  g_atomic_int_inc (error != NULL ? &events.n_troubles : &events.n_recoveries);
  if (error == NULL)
    return;
  g_mutex_lock (&events.lock);
  g_free (events.trouble);
  events.trouble = g_strdup (error->message);
  g_mutex_unlock (&events.lock);
}

static const KvsFragmentBufferEvents callbacks = { on_wake, on_saved, on_full, on_trouble };

static gboolean
has_saved (gpointer user_data)
{
  return g_atomic_int_get (&events.n_saved) >= GPOINTER_TO_INT (user_data);
}

/* All that the worker was asked for is done, and what it was asked for because of that. */
static void
settle (void)
{
  for (guint i = 0; i < 3; i++) {
    gint n = g_atomic_int_get (&events.n_saved) + 1;

    kvs_spool_sync (reader.buffer->spool);
    ck_assert (wait_until (has_saved, GINT_TO_POINTER (n)));
  }
}

static void
hold_worker (void)
{
  g_mutex_lock (&events.lock);
  events.holds_worker = TRUE;
  kvs_spool_sync (reader.buffer->spool);
  while (!events.worker_is_held)
    g_cond_wait (&events.cond, &events.lock);
  g_mutex_unlock (&events.lock);
}

static void
let_worker_go (void)
{
  g_mutex_lock (&events.lock);
  events.holds_worker = FALSE;
  g_cond_broadcast (&events.cond);
  g_mutex_unlock (&events.lock);
}

static void
watch (void)
{
  kvs_fragment_buffer_watch_spool (reader.buffer);
}

/* The disk has not done for a minute what it was asked for. */
static void
let_time_pass (void)
{
  KvsSpool *spool = reader.buffer->spool;

  g_mutex_lock (&spool->lock);
  spool->oldest_us -= 60 * G_USEC_PER_SEC;
  g_mutex_unlock (&spool->lock);
  g_mutex_lock (&reader.buffer->lock);
  reader.buffer->load_asked_us -= 60 * G_USEC_PER_SEC;
  g_mutex_unlock (&reader.buffer->lock);
}

static void
set_tracks (void)
{
  g_autoptr (KvsTrack) track = media_track_new ();
  const KvsTrack *tracks[] = { track };

  kvs_fragment_buffer_set_tracks (reader.buffer, tracks, 1, G_MAXINT64);
}

static void
make_buffer (void)
{
  reader.n_dropped = 0;
  reader.buffer = kvs_fragment_buffer_new (definition, NULL);
  set_tracks ();
  kvs_fragment_buffer_open_spool (reader.buffer, definition, &callbacks, NULL);
  settle ();
}

static void
close_buffer (void)
{
  g_clear_pointer (&reader.segment, kvs_segment_unref);
  g_clear_pointer (&reader.wire, wire_free);
  g_clear_pointer (&reader.buffer, kvs_fragment_buffer_free);
}

static gboolean
is_spool_free (gpointer user_data)
{
  g_autoptr (KvsSpoolStore) store = kvs_spool_store_open (folder, "cam", G_MAXUINT64, NULL);

  return store != NULL;
}

/* Another run finds what is on disk. */
static void
run_again (void)
{
  close_buffer ();
  ck_assert (wait_until (is_spool_free, NULL));
  make_buffer ();
}

/* With nothing said, nothing stays in memory that need not. */
static void
setup (void)
{
  folder = g_dir_make_tmp ("kvs-spool-XXXXXX", NULL);
  definition = kvs_stream_definition_new ("cam");
  definition->max_unacknowledged = 0; /* see test-fragment-window.c */
  definition->spool_folder = g_strdup (folder);
  definition->spool_bytes = G_MAXUINT32;
  definition->buffer_duration_ns = 2 * S;
  memset (&events, 0, sizeof events);
  g_mutex_init (&events.lock);
  g_cond_init (&events.cond);
}

static void
teardown (void)
{
  let_worker_go ();
  close_buffer ();
  ck_assert (wait_until (is_spool_free, NULL));
  kvs_stream_definition_free (definition);
  spool_rig_remove_tree (folder);
  g_free (folder);
  g_free (events.trouble);
  g_mutex_clear (&events.lock);
  g_cond_clear (&events.cond);
}

/* Frame @id of a stream of 4 frames a second, a Fragment a second. */
static void
push_sized (guint64 id, gsize size)
{
  gboolean is_key = id % FRAMES_A_FRAGMENT == 0;
  g_autoptr (KvsFrame) frame = media_frame_new (id, is_key, START + (gint64) id * 250 * MS, size);
  KvsPushEffect effect = { 0 };

  ck_assert_int_eq (kvs_fragment_buffer_push (reader.buffer, &frame, &effect), KVS_PUSH_STORED);
  reader.n_dropped += effect.n_dropped;
}

static void
push_fragments_sized (guint first, guint n, gsize size)
{
  for (guint i = first * FRAMES_A_FRAGMENT; i < (first + n) * FRAMES_A_FRAGMENT; i++)
    push_sized (i, size);
}

static void
push_fragments (guint first, guint n)
{
  push_fragments_sized (first, n, SIZE);
}

/* As a source does that is not faster than the disk. */
static void
push_fragments_slowly (guint first, guint n)
{
  for (guint i = 0; i < n; i++) {
    push_fragments (first + i, 1);
    settle ();
  }
}

static guint64
timecode (guint fragment)
{
  return (guint64) (START / MS) + fragment * 1000;
}

static gboolean
begin (void)
{
  g_clear_pointer (&reader.segment, kvs_segment_unref);
  g_clear_pointer (&reader.wire, wire_free);
  reader.wire = wire_new ();
  reader.segment = kvs_fragment_buffer_begin_session (reader.buffer);
  return reader.segment != NULL;
}

static KvsReadStatus
read_some (gsize size)
{
  g_autofree guint8 *out = g_malloc (MAX (size, 1));
  gsize n_read;
  KvsReadStatus status = kvs_fragment_buffer_read (reader.buffer, out, size, &n_read);

  ck_assert_int_eq (status == KVS_READ_DATA, n_read > 0);
  wire_push (reader.wire, out, n_read);
  return status;
}

static KvsReadStatus
read_all (void)
{
  KvsReadStatus status;

  while ((status = read_some (1000)) == KVS_READ_DATA)
    ;
  return status;
}

static KvsBufferStats
get_stats (void)
{
  KvsBufferStats stats;

  kvs_fragment_buffer_get_stats (reader.buffer, &stats);
  return stats;
}

/* Fragment @index of the running Session is that one, and whole. */
static void
assert_cluster_is (guint index, guint fragment)
{
  const WireCluster *cluster;

  ck_assert_uint_lt (index, reader.wire->clusters->len);
  cluster = g_ptr_array_index (reader.wire->clusters, index);
  ck_assert_uint_eq (cluster->timecode, timecode (fragment));
  ck_assert_uint_eq (cluster->blocks->len, FRAMES_A_FRAGMENT);
  for (guint k = 0; k < FRAMES_A_FRAGMENT; k++)
    ck_assert_uint_eq (g_array_index (cluster->blocks, WireBlock, k).id,
                       fragment * FRAMES_A_FRAGMENT + k);
}

static guint
fragment_of (guint index)
{
  const WireCluster *cluster = g_ptr_array_index (reader.wire->clusters, index);

  return (guint) (cluster->timecode - timecode (0)) / 1000;
}

/* Sessions as a service that takes everything has them, until there is nothing more to send.
 * Returns: (transfer full): numbers of the Fragments, "|" where a Session began */
static gchar *
upload_all (void)
{
  GString *order = g_string_new (NULL);
  guint n_idle = 0;

  while (n_idle < 3) {
    KvsReadStatus status = KVS_READ_EMPTY;
    guint64 n_persisted = get_stats ().fragments_persisted;
    guint n_acked = 0, n_dry = 0;

    settle ();
    if (!begin ()) {
      n_idle++;
      continue;
    }
    g_string_append_c (order, '|');
    while (status != KVS_READ_END && n_dry < 3) {
      status = read_all ();
      n_dry = reader.wire->clusters->len > n_acked ? 0 : n_dry + 1;
      for (; n_acked < reader.wire->clusters->len; n_acked++) {
        const WireCluster *cluster = g_ptr_array_index (reader.wire->clusters, n_acked);

        if (cluster->blocks->len < FRAMES_A_FRAGMENT)
          break;
        assert_cluster_is (n_acked, fragment_of (n_acked));
        kvs_fragment_buffer_persisted (reader.buffer, cluster->timecode);
        g_string_append_printf (order, "%u ", fragment_of (n_acked));
      }
      settle ();
    }
    n_idle = get_stats ().fragments_persisted > n_persisted ? 0 : n_idle + 1;
    kvs_fragment_buffer_end_session (reader.buffer);
  }
  return g_string_free (order, FALSE);
}

static gchar *
without_borders (const gchar *order)
{
  g_auto (GStrv) parts = g_strsplit (order, "|", -1);

  return g_strjoinv ("", parts);
}

static gchar *
numbers (guint first, guint last)
{
  GString *text = g_string_new (NULL);

  for (guint i = first; i <= last; i++)
    g_string_append_printf (text, "%u ", i);
  return g_string_free (text, FALSE);
}

static void
assert_uploads (guint first, guint last)
{
  g_autofree gchar *order = upload_all ();
  g_autofree gchar *got = without_borders (order);
  g_autofree gchar *wanted = numbers (first, last);

  ck_assert_str_eq (got, wanted);
}

static guint
count_files (void)
{
  g_autofree gchar *path = g_build_filename (folder, "cam", NULL);
  g_autoptr (GPtrArray) names = spool_rig_list_files (path);
  guint n = 0;

  for (guint i = 0; i < names->len; i++)
    n += g_str_has_suffix (g_ptr_array_index (names, i), ".mkv");
  return n;
}

/* The disk is gone: a file stands where the folder was. */
static gchar *
break_disk (void)
{
  gchar *aside = g_strconcat (folder, ".aside", NULL);

  ck_assert_int_eq (g_rename (folder, aside), 0);
  ck_assert (g_file_set_contents (folder, "", 0, NULL));
  return aside;
}

static void
mend_disk (gchar *aside)
{
  ck_assert_int_eq (g_remove (folder), 0);
  ck_assert_int_eq (g_rename (aside, folder), 0);
  g_free (aside);
  g_mutex_lock (&reader.buffer->lock);
  reader.buffer->spool_probe_us = reader.buffer->spool_ask_us = G_MININT32;
  g_mutex_unlock (&reader.buffer->lock);
}

/* ---- overflow ---- */

START_TEST (test_overflow_by_time)
{
  make_buffer ();
  push_fragments_slowly (0, 20);
  ck_assert_uint_le (get_stats ().fragments_buffered, 3);
  ck_assert_uint_ge (get_stats ().spool_fragments, 17);
  ck_assert_uint_eq (reader.n_dropped, 0);
  kvs_fragment_buffer_end (reader.buffer);
  ck_assert (!kvs_fragment_buffer_is_drained (reader.buffer));
  assert_uploads (0, 19);
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
  ck_assert_uint_eq (get_stats ().frames_persisted, 20 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (get_stats ().bytes_buffered, 0);
  ck_assert_uint_eq (reader.buffer->storing_bytes, 0);
  ck_assert_uint_eq (reader.buffer->raw_bytes, 0);
  settle ();
  ck_assert_uint_eq (count_files (), 0);
  ck_assert_int_eq (events.n_troubles, 0);
}
END_TEST

START_TEST (test_overflow_by_bytes)
{
  definition->buffer_duration_ns = 1000 * S;
  definition->storage_bytes = 3 * MIB;
  make_buffer ();
  for (guint i = 0; i < 20; i++) {
    push_fragments_sized (i, 1, MIB / 4);
    settle ();
    ck_assert_uint_le (get_stats ().bytes_buffered, 3 * MIB);
  }
  ck_assert_uint_eq (reader.n_dropped, 0);
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 19);
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
}
END_TEST

/* What was sent and not acknowledged stays before what lies on disk. */
START_TEST (test_between_sent_and_live)
{
  make_buffer ();
  push_fragments (0, 2);
  ck_assert (begin ());
  ck_assert_int_eq (read_all (), KVS_READ_EMPTY);
  read_all ();
  push_fragments_slowly (2, 10);
  /* 0 and 1 were sent, and the Session has gone on with 2 */
  kvs_fragment_buffer_end_session (reader.buffer);
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 11);
}
END_TEST

START_TEST (test_session_goes_on_over_what_is_on_disk)
{
  guint n_acked = 0;

  make_buffer ();
  push_fragments_slowly (0, 10);
  ck_assert (!begin ());
  settle ();
  ck_assert (begin ());
  /* everything up to the border to what is on disk, then from there, then live */
  for (guint i = 10; i < 30; i++) {
    g_autofree gchar *order = NULL;

    push_fragments_slowly (i, 1);
    if (read_all () == KVS_READ_END) {
      for (guint k = 0; k < reader.wire->clusters->len; k++, n_acked++) {
        assert_cluster_is (k, n_acked);
        kvs_fragment_buffer_persisted (reader.buffer, timecode (n_acked));
      }
      kvs_fragment_buffer_end_session (reader.buffer);
      settle ();
      begin ();
    }
  }
  kvs_fragment_buffer_end_session (reader.buffer);
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (n_acked, 29);
  ck_assert_uint_eq (reader.n_dropped, 0);
}
END_TEST

/* Acks that do not come must not fill memory with what was read back. */
START_TEST (test_memory_is_bounded_while_reading_back)
{
  definition->storage_bytes = 4 * MIB;
  make_buffer ();
  for (guint i = 0; i < 20; i++) {
    push_fragments_sized (i, 1, MIB / 4);
    settle ();
  }
  for (guint i = 0; i < 40; i++) {
    if (reader.segment == NULL)
      begin ();
    if (reader.segment != NULL && read_all () == KVS_READ_END)
      ck_assert_uint_gt (reader.wire->clusters->len, 0);
    settle ();
    ck_assert_uint_le (get_stats ().bytes_buffered, 6 * MIB);
  }
  kvs_fragment_buffer_end_session (reader.buffer);
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 19);
}
END_TEST

/* Live media that fill memory drive what was read back out of it, but never off the disk. */
START_TEST (test_read_back_is_never_dropped)
{
  definition->storage_bytes = 2 * MIB;
  definition->buffer_duration_ns = 1000 * S;
  make_buffer ();
  for (guint i = 0; i < 8; i++) {
    push_fragments_sized (i, 1, MIB / 4);
    settle ();
  }
  begin ();
  read_some (1);
  settle ();
  for (guint i = 8; i < 30; i++) {
    push_fragments_sized (i, 1, MIB / 4);
    settle ();
  }
  ck_assert_uint_eq (reader.n_dropped, 0);
  kvs_fragment_buffer_end_session (reader.buffer);
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 29);
}
END_TEST

START_TEST (test_latency_is_no_reason_to_drop_what_the_disk_keeps)
{
  definition->buffer_duration_ns = 1000 * S;
  definition->max_latency_ns = 3 * S;
  make_buffer ();
  push_fragments_slowly (0, 12);
  ck_assert_uint_ge (get_stats ().spool_fragments, 8);
  begin ();
  read_some (1);
  settle ();
  push_fragments_slowly (12, 8);
  ck_assert_uint_eq (reader.n_dropped, 0);
  kvs_fragment_buffer_end_session (reader.buffer);
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 19);
}
END_TEST

/* Wherever the Session breaks, what was read back is sent again as a whole. */
START_TEST (test_session_breaks_in_what_was_read_back)
{
  make_buffer ();
  push_fragments_slowly (0, 10);
  for (gsize n = 1; n < 1500; n += 31) {
    settle ();
    if (!begin ())
      continue;
    read_some (n);
    read_some (n);
    kvs_fragment_buffer_end_session (reader.buffer);
  }
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 9);
}
END_TEST

START_TEST (test_relative_times_keep_their_start)
{
  definition->absolute_fragment_times = FALSE;
  make_buffer ();
  push_fragments_slowly (0, 6);
  kvs_fragment_buffer_end (reader.buffer);
  settle ();
  ck_assert (!begin ());
  settle ();
  ck_assert (begin ());
  ck_assert (reader.segment->is_relative);
  ck_assert_int_eq (reader.segment->start_ns, START);
  read_all ();
  settle ();
  read_all ();
  for (guint i = 0; i < reader.wire->clusters->len; i++) {
    const WireCluster *cluster = g_ptr_array_index (reader.wire->clusters, i);

    ck_assert_uint_eq (cluster->timecode, i * 1000);
  }
  ck_assert_uint_ge (reader.wire->clusters->len, 2);
}
END_TEST

/* ---- a disk that is slow, fails, or is full ---- */

START_TEST (test_slow_disk_bounds_memory)
{
  guint64 n_kept, at_most = 2 * MIB + 32 * MIB + 6 * MIB;

  definition->storage_bytes = 2 * MIB;
  make_buffer ();
  hold_worker ();
  for (guint i = 0; i < 30; i++) {
    push_fragments_sized (i, 1, MIB);
    ck_assert_uint_le (get_stats ().bytes_buffered, at_most);
  }
  ck_assert_uint_gt (reader.n_dropped, 0);
  ck_assert_uint_eq (reader.n_dropped % FRAMES_A_FRAGMENT, 0);
  ck_assert_uint_eq (get_stats ().frames_dropped[KVS_DROP_OVERFLOW], reader.n_dropped);
  watch ();
  watch ();
  ck_assert_int_eq (events.n_troubles, 1);
  ck_assert_ptr_nonnull (strstr (events.trouble, "too slow"));
  let_worker_go ();
  settle ();
  watch ();
  ck_assert_int_eq (events.n_recoveries, 1);
  kvs_fragment_buffer_end (reader.buffer);
  n_kept = 30 * FRAMES_A_FRAGMENT - reader.n_dropped;
  {
    g_autofree gchar *order = upload_all ();
    g_autofree gchar *got = without_borders (order);
    g_auto (GStrv) words = g_strsplit (g_strstrip (got), " ", -1);
    gint64 last = -1;

    ck_assert_uint_eq (g_strv_length (words), n_kept / FRAMES_A_FRAGMENT);
    for (guint i = 0; words[i] != NULL; i++) {
      ck_assert_int_gt (g_ascii_strtoll (words[i], NULL, 10), last);
      last = g_ascii_strtoll (words[i], NULL, 10);
    }
  }
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
}
END_TEST

/* Nothing of much size waits, but it waits for long. */
START_TEST (test_disk_that_hangs)
{
  definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  definition->buffer_duration_ns = 1000 * S;
  make_buffer ();
  push_fragments (0, 2);
  watch ();
  ck_assert_int_eq (events.n_troubles, 0);
  hold_worker ();
  push_fragments (2, 2);
  watch ();
  ck_assert_int_eq (events.n_troubles, 0);
  let_time_pass ();
  for (guint i = 4; i < 8; i++) {
    watch ();
    push_fragments (i, 1);
  }
  ck_assert_int_eq (events.n_troubles, 1);
  ck_assert_int_eq (events.n_recoveries, 0);
  let_worker_go ();
  settle ();
  watch ();
  ck_assert_int_eq (events.n_recoveries, 1);
  push_fragments (8, 2);
  settle ();
  ck_assert_uint_ge (count_files (), 4);
  ck_assert_int_eq (events.n_troubles, 1);
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 9);
}
END_TEST

/* It fails while memory is full: media go through memory; it works again: it is used again. */
START_TEST (test_disk_fails_and_works_again)
{
  gchar *aside;
  guint n_files;

  make_buffer ();
  push_fragments_slowly (0, 6);
  n_files = count_files ();
  ck_assert_uint_gt (n_files, 2);
  aside = break_disk ();
  push_fragments_slowly (6, 10);
  ck_assert_int_eq (events.n_troubles, 1);
  ck_assert_int_eq (events.n_recoveries, 0);
  ck_assert_uint_le (get_stats ().fragments_buffered, 4);
  ck_assert_uint_gt (reader.n_dropped, 0);
  ck_assert_uint_eq (reader.n_dropped % FRAMES_A_FRAGMENT, 0);
  mend_disk (aside);
  push_fragments_slowly (16, 6);
  ck_assert_int_eq (events.n_recoveries, 1);
  ck_assert_uint_gt (count_files (), n_files);
  kvs_fragment_buffer_end (reader.buffer);
  {
    g_autofree gchar *order = upload_all ();
    g_autofree gchar *got = without_borders (order);
    g_auto (GStrv) words = g_strsplit (g_strstrip (got), " ", -1);

    ck_assert_uint_eq (g_strv_length (words), 22 - reader.n_dropped / FRAMES_A_FRAGMENT);
    ck_assert_str_eq (words[0], "0");
    ck_assert_str_eq (words[1], "1");
  }
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
}
END_TEST

/* What cannot be read for now is not forgotten, and keeps nobody waiting. */
START_TEST (test_disk_cannot_be_read_for_a_while)
{
  g_autofree gchar *order = NULL;
  g_autofree gchar *got = NULL;
  gchar *aside;

  make_buffer ();
  push_fragments_slowly (0, 10);
  aside = break_disk ();
  order = upload_all ();
  got = without_borders (order);
  /* what memory had */
  ck_assert_ptr_nonnull (strstr (got, "8 "));
  ck_assert_ptr_null (strstr (got, "4 "));
  ck_assert_int_eq (events.n_troubles, 1);
  mend_disk (aside);
  push_fragments (10, 1);
  kvs_fragment_buffer_end (reader.buffer);
  settle ();
  {
    g_autofree gchar *rest = upload_all ();
    g_autofree gchar *both = g_strconcat (got, " ", rest, NULL);

    for (guint i = 0; i < 11; i++) {
      g_autofree gchar *number = g_strdup_printf ("%u ", i);

      ck_assert_msg (strstr (both, number) != NULL, "%u is missing in %s", i, both);
    }
  }
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
}
END_TEST

START_TEST (test_spool_that_is_not_there_at_first)
{
  gchar *aside;

  make_buffer ();
  push_fragments_slowly (0, 6);
  kvs_fragment_buffer_end (reader.buffer);
  kvs_fragment_buffer_save (reader.buffer);
  settle ();
  close_buffer ();
  ck_assert (wait_until (is_spool_free, NULL));
  aside = break_disk ();
  make_buffer ();
  ck_assert_int_eq (events.n_troubles, 1);
  push_fragments_slowly (6, 2);
  /* live media do not wait */
  ck_assert (begin ());
  ck_assert_int_eq (read_all (), KVS_READ_EMPTY);
  ck_assert_uint_eq (reader.wire->clusters->len, 2);
  mend_disk (aside);
  push_fragments_slowly (8, 1);
  ck_assert_int_eq (events.n_recoveries, 1);
  /* the running Session makes way at the next border */
  kvs_fragment_buffer_end (reader.buffer);
  ck_assert_int_eq (read_all (), KVS_READ_END);
  kvs_fragment_buffer_persisted (reader.buffer, timecode (6));
  kvs_fragment_buffer_persisted (reader.buffer, timecode (7));
  kvs_fragment_buffer_persisted (reader.buffer, timecode (8));
  kvs_fragment_buffer_end_session (reader.buffer);
  {
    g_autofree gchar *order = upload_all ();
    g_autofree gchar *got = without_borders (order);

    ck_assert (g_str_has_prefix (got, "0 1 2 3 4 5 "));
  }
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
}
END_TEST

START_TEST (test_full_spool_drops_the_oldest_and_says_so)
{
  definition->spool_bytes = 5 * 2000;
  make_buffer ();
  push_fragments_slowly (0, 40);
  ck_assert_uint_eq (reader.n_dropped, 0);
  ck_assert_int_gt (events.n_full, 0);
  ck_assert_uint_eq (get_stats ().frames_dropped[KVS_DROP_OVERFLOW], (guint) events.n_full);
  ck_assert_uint_le (get_stats ().spool_bytes, 5 * 2000);
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads ((guint) events.n_full / FRAMES_A_FRAGMENT, 39);
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
}
END_TEST

/* It had to go from the disk, and comes to it again at the end. */
START_TEST (test_read_back_and_evicted_is_saved_again)
{
  make_buffer ();
  push_fragments_slowly (0, 6);
  begin ();
  settle ();
  ck_assert_uint_gt (reader.buffer->raw_bytes, 0);
  spool_rig_remove_tree (folder);
  g_mutex_lock (&reader.buffer->lock);
  for (GList *link = reader.buffer->fragments.head; link != NULL; link = link->next)
    ((KvsFragment *) link->data)->disk = KVS_FRAGMENT_DISK_NONE;
  g_mutex_unlock (&reader.buffer->lock);
  kvs_fragment_buffer_end (reader.buffer);
  kvs_fragment_buffer_save (reader.buffer);
  settle ();
  run_again ();
  {
    g_autofree gchar *order = upload_all ();
    g_autofree gchar *got = without_borders (order);

    ck_assert_str_eq (got, "0 4 5 ");
  }
}
END_TEST

/* ---- write-through ---- */

START_TEST (test_write_through)
{
  definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  definition->buffer_duration_ns = 100 * S;
  make_buffer ();
  push_fragments (0, 4);
  settle ();
  ck_assert_uint_eq (count_files (), 3); /* and one that grows */
  ck_assert (begin ());
  ck_assert_int_eq (read_all (), KVS_READ_EMPTY);
  kvs_fragment_buffer_persisted (reader.buffer, timecode (0));
  settle ();
  ck_assert_uint_eq (count_files (), 2);
  kvs_fragment_buffer_end_session (reader.buffer);
  run_again ();
  /* as after a crash: the open one too */
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (1, 3);
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
  settle ();
  ck_assert_uint_eq (count_files (), 0);
}
END_TEST

START_TEST (test_write_through_from_the_first_frame)
{
  definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  reader.buffer = kvs_fragment_buffer_new (definition, NULL);
  set_tracks ();
  kvs_fragment_buffer_open_spool (reader.buffer, definition, &callbacks, NULL);
  push_fragments (0, 1); /* the spool may not be open yet */
  settle ();
  run_again ();
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 0);
}
END_TEST

START_TEST (test_write_through_and_overflow)
{
  definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  make_buffer ();
  push_fragments_slowly (0, 20);
  ck_assert_uint_le (get_stats ().fragments_buffered, 3);
  ck_assert_uint_eq (reader.n_dropped, 0);
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 19);
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
  settle ();
  ck_assert_uint_eq (count_files (), 0);
}
END_TEST

/* Some are on disk and some could not be: memory stays bounded all the same. */
START_TEST (test_write_through_with_gaps)
{
  gchar *aside;

  definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  definition->buffer_duration_ns = 6 * S;
  make_buffer ();
  push_fragments_slowly (0, 2);
  aside = break_disk ();
  push_fragments_slowly (2, 2);
  mend_disk (aside);
  push_fragments_slowly (4, 26);
  ck_assert_uint_le (get_stats ().fragments_buffered, 8);
  ck_assert_uint_eq (reader.n_dropped, 0);
  ck_assert_uint_eq (reader.buffer->storing_bytes, 0);
  kvs_fragment_buffer_end (reader.buffer);
  {
    g_autofree gchar *order = upload_all ();
    g_autofree gchar *got = without_borders (order);

    for (guint i = 0; i < 30; i++) {
      g_autofree gchar *number = g_strdup_printf (" %u ", i);
      g_autofree gchar *text = g_strconcat (" ", got, NULL);

      ck_assert_msg (strstr (text, number) != NULL, "%u is missing in %s", i, got);
    }
  }
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
}
END_TEST

/* What is in memory only while the disk has trouble is on it once it works again, in order, and the
 * open one too, as far as it has got. */
START_TEST (test_write_through_catches_up)
{
  gchar *aside;

  definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  definition->buffer_duration_ns = 100 * S;
  make_buffer ();
  push_fragments_slowly (0, 3);
  aside = break_disk ();
  push_fragments_slowly (3, 5);
  ck_assert_int_eq (events.n_troubles, 1);
  mend_disk (aside);
  push_fragments_slowly (8, 1);
  ck_assert_int_eq (events.n_recoveries, 1);
  watch ();
  settle ();
  ck_assert_uint_eq (count_files (), 8); /* and one that grows */
  run_again (); /* as after a crash */
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 8);
}
END_TEST

/* The same where the disk was too slow: nothing has failed. */
START_TEST (test_write_through_catches_up_with_a_slow_disk)
{
  definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  definition->buffer_duration_ns = 100 * S;
  make_buffer ();
  push_fragments_slowly (0, 2);
  hold_worker ();
  let_time_pass ();
  watch ();
  push_fragments (2, 20);
  let_worker_go ();
  settle ();
  watch ();
  settle ();
  ck_assert_uint_eq (count_files (), 21);
  run_again ();
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 21);
}
END_TEST

/* The disk was taken out and another one is there: it gets all that is not persisted. */
START_TEST (test_write_through_to_another_folder)
{
  definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  definition->buffer_duration_ns = 100 * S;
  make_buffer ();
  push_fragments_slowly (0, 5);
  spool_rig_remove_tree (folder);
  push_fragments_slowly (5, 3);
  g_mutex_lock (&reader.buffer->lock);
  reader.buffer->spool_probe_us = G_MININT32;
  g_mutex_unlock (&reader.buffer->lock);
  push_fragments_slowly (8, 1);
  watch ();
  settle ();
  ck_assert_uint_eq (count_files (), 8);
  run_again ();
  kvs_fragment_buffer_end (reader.buffer);
  {
    g_autofree gchar *order = upload_all ();

    for (guint i = 0; i < 9; i++) {
      g_autofree gchar *number = g_strdup_printf ("%u ", i);

      ck_assert_msg (strstr (order, number) != NULL, "%u is missing in %s", i, order);
    }
  }
}
END_TEST

/* What had to go from a full spool is not written again and again, each driving out the next. */
START_TEST (test_write_through_does_not_turn_in_circles)
{
  definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  definition->buffer_duration_ns = 100 * S;
  definition->spool_bytes = 5 * 2000;
  make_buffer ();
  push_fragments_slowly (0, 20);
  hold_worker ();
  watch ();
  ck_assert_uint_eq (kvs_spool_get_pending_bytes (reader.buffer->spool), 0);
  let_worker_go ();
  run_again ();
  kvs_fragment_buffer_end (reader.buffer);
  {
    g_autofree gchar *order = upload_all ();
    g_autofree gchar *got = without_borders (order);

    ck_assert_msg (g_str_has_suffix (got, "16 17 18 19 "), "%s", got);
  }
}
END_TEST

START_TEST (test_write_through_and_another_header)
{
  definition->spool_mode = KVS_SPOOL_MODE_WRITE_THROUGH;
  definition->buffer_duration_ns = 100 * S;
  make_buffer ();
  push_fragments (0, 2);
  set_tracks ();
  push_fragments (2, 2);
  settle ();
  run_again ();
  kvs_fragment_buffer_end (reader.buffer);
  {
    g_autofree gchar *order = upload_all ();

    /* two headers, two Sessions */
    ck_assert_str_eq (order, "|0 1 |2 3 ");
  }
}
END_TEST

/* ---- the end, and what earlier runs left ---- */

START_TEST (test_saved_at_the_end)
{
  make_buffer ();
  push_fragments_slowly (0, 10);
  kvs_fragment_buffer_end (reader.buffer);
  ck_assert (kvs_fragment_buffer_save (reader.buffer));
  settle ();
  ck_assert_uint_eq (count_files (), 10);
  run_again ();
  push_fragments (20, 2);
  kvs_fragment_buffer_end (reader.buffer);
  {
    g_autofree gchar *order = upload_all ();

    /* a Session of the earlier run's, then one of this run's */
    ck_assert_str_eq (order, "|0 1 2 3 4 5 6 7 8 9 |20 21 ");
  }
}
END_TEST

/* What is written last was recorded first: the service would refuse it in one Session. */
START_TEST (test_saved_in_another_order)
{
  make_buffer ();
  push_fragments (0, 2);
  ck_assert (begin ());
  read_all ();
  push_fragments_slowly (2, 8);
  kvs_fragment_buffer_end_session (reader.buffer);
  kvs_fragment_buffer_end (reader.buffer);
  kvs_fragment_buffer_save (reader.buffer);
  settle ();
  run_again ();
  kvs_fragment_buffer_end (reader.buffer);
  for (guint i = 0; i < 20 && !kvs_fragment_buffer_is_drained (reader.buffer); i++) {
    guint64 last = 0;

    settle ();
    if (!begin ())
      continue;
    while (read_all () != KVS_READ_END && !kvs_fragment_buffer_wait (reader.buffer, 1))
      settle ();
    for (guint k = 0; k < reader.wire->clusters->len; k++) {
      const WireCluster *cluster = g_ptr_array_index (reader.wire->clusters, k);

      ck_assert_uint_gt (cluster->timecode, last);
      last = cluster->timecode;
      kvs_fragment_buffer_persisted (reader.buffer, last);
    }
    kvs_fragment_buffer_end_session (reader.buffer);
  }
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
  ck_assert_uint_eq (get_stats ().fragments_persisted, 10);
}
END_TEST

START_TEST (test_oldest_first_waits_for_the_disk)
{
  make_buffer ();
  push_fragments_slowly (0, 8);
  kvs_fragment_buffer_end (reader.buffer);
  kvs_fragment_buffer_save (reader.buffer);
  settle ();
  run_again ();
  hold_worker ();
  push_fragments (8, 2);
  ck_assert (!begin ()); /* live media are there, but it is not their turn */
  ck_assert (!kvs_fragment_buffer_wait (reader.buffer, 1));
  let_worker_go ();
  settle ();
  ck_assert_int_gt (events.n_wakes, 0);
  kvs_fragment_buffer_end (reader.buffer);
  assert_uploads (0, 9);
}
END_TEST

/* A disk that does not come back with what it was asked to read holds live media up for a while only;
 * when it does come back, it is its turn again. */
START_TEST (test_oldest_first_does_not_wait_for_ever)
{
  gint n_wakes;

  make_buffer ();
  push_fragments_slowly (0, 8);
  kvs_fragment_buffer_end (reader.buffer);
  kvs_fragment_buffer_save (reader.buffer);
  settle ();
  run_again ();
  hold_worker ();
  push_fragments (8, 2);
  ck_assert (!begin ());
  ck_assert (!kvs_fragment_buffer_wait (reader.buffer, 1));
  watch ();
  ck_assert (!begin ());
  ck_assert (!kvs_fragment_buffer_wait (reader.buffer, 1));
  n_wakes = events.n_wakes;
  let_time_pass ();
  watch ();
  ck_assert_int_eq (events.n_wakes, n_wakes + 1);
  ck_assert_int_eq (events.n_troubles, 1);
  ck_assert (begin ());
  push_fragments (10, 1);
  ck_assert_int_eq (read_all (), KVS_READ_EMPTY);
  assert_cluster_is (0, 8);
  assert_cluster_is (1, 9);
  kvs_fragment_buffer_persisted (reader.buffer, timecode (8));
  let_worker_go ();
  settle ();
  watch ();
  ck_assert_int_eq (events.n_recoveries, 1);
  ck_assert_int_eq (events.n_troubles, 1);
  settle ();
  /* the running Session makes way at the next border */
  push_fragments (11, 1);
  ck_assert_int_eq (read_all (), KVS_READ_END);
  kvs_fragment_buffer_persisted (reader.buffer, timecode (9));
  kvs_fragment_buffer_persisted (reader.buffer, timecode (10));
  kvs_fragment_buffer_end_session (reader.buffer);
  kvs_fragment_buffer_end (reader.buffer);
  {
    g_autofree gchar *order = upload_all ();
    g_autofree gchar *got = without_borders (order);

    ck_assert_str_eq (got, "0 1 2 3 4 5 6 7 11 ");
  }
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
}
END_TEST

/* It does not even say what is on it. */
START_TEST (test_opening_that_hangs_wakes_the_reader)
{
  make_buffer ();
  push_fragments (0, 1);
  g_mutex_lock (&reader.buffer->lock);
  reader.buffer->spool_is_opening = TRUE;
  reader.buffer->spool_opening_us = g_get_monotonic_time ();
  g_mutex_unlock (&reader.buffer->lock);
  ck_assert (!begin ());
  watch ();
  ck_assert_int_eq (events.n_wakes, 0);
  g_mutex_lock (&reader.buffer->lock);
  reader.buffer->spool_opening_us -= 60 * G_USEC_PER_SEC;
  g_mutex_unlock (&reader.buffer->lock);
  watch ();
  ck_assert_int_eq (events.n_wakes, 1);
  ck_assert (begin ());
}
END_TEST

/* Fragments 0 to @n - 1, of an earlier run. */
static void
leave_on_disk (guint n)
{
  make_buffer ();
  push_fragments_slowly (0, n);
  kvs_fragment_buffer_end (reader.buffer);
  kvs_fragment_buffer_save (reader.buffer);
  settle ();
  run_again ();
}

/* Returns: whether there was one that brought something */
static gboolean
run_session (GString *order)
{
  guint64 n_persisted = get_stats ().fragments_persisted;
  guint n_acked = 0;

  if (!begin ())
    return FALSE;
  g_string_append_c (order, '|');
  for (guint i = 0; i < 3; i++) {
    KvsReadStatus status = read_all ();

    for (; n_acked < reader.wire->clusters->len; n_acked++) {
      const WireCluster *cluster = g_ptr_array_index (reader.wire->clusters, n_acked);

      if (cluster->blocks->len < FRAMES_A_FRAGMENT)
        break;
      g_string_append_printf (order, "%u ", fragment_of (n_acked));
      kvs_fragment_buffer_persisted (reader.buffer, cluster->timecode);
    }
    if (status == KVS_READ_END)
      break;
    settle ();
  }
  kvs_fragment_buffer_end_session (reader.buffer);
  return get_stats ().fragments_persisted > n_persisted;
}

START_TEST (test_live_first_takes_turns)
{
  g_autoptr (GString) order = g_string_new (NULL);

  definition->spool_live_first = TRUE;
  leave_on_disk (4);
  for (guint i = 100; i < 104; i++) {
    push_fragments (i, 1);
    ck_assert (run_session (order) || i == 100);
    settle ();
  }
  /* the newest has always gone first, and nothing old has gone meanwhile */
  ck_assert_ptr_nonnull (strstr (order->str, "|100 |101 |102 "));
  while (run_session (order))
    settle ();
  ck_assert_ptr_nonnull (strstr (order->str, "1 2 3 "));
  kvs_fragment_buffer_end (reader.buffer);
  {
    g_autofree gchar *rest = upload_all ();
  }
  ck_assert (kvs_fragment_buffer_is_drained (reader.buffer));
  ck_assert_uint_eq (get_stats ().fragments_persisted, 8);
}
END_TEST

/* Live media that have come since are sent before the next one from disk. */
START_TEST (test_live_first_between_two_from_disk)
{
  g_autoptr (GString) order = g_string_new (NULL);

  definition->spool_live_first = TRUE;
  leave_on_disk (4);
  settle ();
  begin (); /* nothing is live: the disk is read */
  settle ();
  ck_assert (begin ());
  read_some (g_bytes_get_size (reader.segment->header) + 20);
  push_fragments (100, 2);
  ck_assert_int_eq (read_all (), KVS_READ_END);
  ck_assert_uint_eq (reader.wire->clusters->len, 1);
  assert_cluster_is (0, 0);
  kvs_fragment_buffer_persisted (reader.buffer, timecode (0));
  kvs_fragment_buffer_end_session (reader.buffer);
  ck_assert (run_session (order));
  ck_assert_str_eq (order->str, "|100 ");
}
END_TEST

/* The last one from disk does not wait until the live Session ends by itself. */
START_TEST (test_live_first_does_not_forget_the_last)
{
  g_autoptr (GString) order = g_string_new (NULL);

  definition->spool_live_first = TRUE;
  leave_on_disk (1);
  push_fragments (100, 2);
  ck_assert (begin ());
  settle (); /* it is in memory now, before what this Session sends */
  ck_assert_int_eq (read_all (), KVS_READ_END);
  assert_cluster_is (0, 100);
  kvs_fragment_buffer_persisted (reader.buffer, timecode (100));
  kvs_fragment_buffer_end_session (reader.buffer);
  ck_assert (run_session (order));
  ck_assert (g_str_has_prefix (order->str, "|0 "));
}
END_TEST

START_TEST (test_many_wait)
{
  gint64 began_us, took_us;

  make_buffer ();
  push_fragments_slowly (0, 1);
  g_mutex_lock (&reader.buffer->lock);
  reader.buffer->n_waiting = 43200;
  g_mutex_unlock (&reader.buffer->lock);
  began_us = g_get_monotonic_time ();
  push_fragments (1, 1000);
  took_us = g_get_monotonic_time () - began_us;
  settle ();
  g_mutex_lock (&reader.buffer->lock);
  reader.buffer->n_waiting -= 43200;
  g_mutex_unlock (&reader.buffer->lock);
  ck_assert_msg (took_us < 20 * G_USEC_PER_SEC, "%d ms", (gint) (took_us / 1000));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragment-buffer-spool");
  TCase *tc = tcase_create ("fragment-buffer-spool");
  SRunner *runner;
  gint failed;

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_overflow_by_time);
  tcase_add_test (tc, test_overflow_by_bytes);
  tcase_add_test (tc, test_between_sent_and_live);
  tcase_add_test (tc, test_session_goes_on_over_what_is_on_disk);
  tcase_add_test (tc, test_memory_is_bounded_while_reading_back);
  tcase_add_test (tc, test_read_back_is_never_dropped);
  tcase_add_test (tc, test_latency_is_no_reason_to_drop_what_the_disk_keeps);
  tcase_add_test (tc, test_session_breaks_in_what_was_read_back);
  tcase_add_test (tc, test_relative_times_keep_their_start);
  tcase_add_test (tc, test_slow_disk_bounds_memory);
  tcase_add_test (tc, test_disk_that_hangs);
  tcase_add_test (tc, test_disk_fails_and_works_again);
  tcase_add_test (tc, test_disk_cannot_be_read_for_a_while);
  tcase_add_test (tc, test_spool_that_is_not_there_at_first);
  tcase_add_test (tc, test_full_spool_drops_the_oldest_and_says_so);
  tcase_add_test (tc, test_read_back_and_evicted_is_saved_again);
  tcase_add_test (tc, test_write_through);
  tcase_add_test (tc, test_write_through_from_the_first_frame);
  tcase_add_test (tc, test_write_through_and_overflow);
  tcase_add_test (tc, test_write_through_with_gaps);
  tcase_add_test (tc, test_write_through_catches_up);
  tcase_add_test (tc, test_write_through_catches_up_with_a_slow_disk);
  tcase_add_test (tc, test_write_through_to_another_folder);
  tcase_add_test (tc, test_write_through_does_not_turn_in_circles);
  tcase_add_test (tc, test_write_through_and_another_header);
  tcase_add_test (tc, test_saved_at_the_end);
  tcase_add_test (tc, test_saved_in_another_order);
  tcase_add_test (tc, test_oldest_first_waits_for_the_disk);
  tcase_add_test (tc, test_oldest_first_does_not_wait_for_ever);
  tcase_add_test (tc, test_opening_that_hangs_wakes_the_reader);
  tcase_add_test (tc, test_live_first_takes_turns);
  tcase_add_test (tc, test_live_first_between_two_from_disk);
  tcase_add_test (tc, test_live_first_does_not_forget_the_last);
  tcase_add_test (tc, test_many_wait);
  suite_add_tcase (s, tc);

  runner = srunner_create (s);
  srunner_run_all (runner, CK_ENV);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
