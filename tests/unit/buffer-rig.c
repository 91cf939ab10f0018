/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "buffer-rig.h"

#include <check.h>
#include <glib/gstdio.h>
#include <string.h>

#include "spool-rig.h"
#include "stream/spool-private.h"
#include "wait.h"

BufferRig rig;

static void
on_wake (gpointer user_data)
{
  g_atomic_int_inc (&rig.events.n_wakes);
}

/* The worker comes by here, so here it can be held as by a slow disk. */
static void
on_saved (gpointer user_data)
{
  g_mutex_lock (&rig.events.lock);
  while (rig.events.holds_worker) {
    rig.events.worker_is_held = TRUE;
    g_cond_broadcast (&rig.events.cond);
    g_cond_wait (&rig.events.cond, &rig.events.lock);
  }
  rig.events.worker_is_held = FALSE;
  g_mutex_unlock (&rig.events.lock);
  g_atomic_int_inc (&rig.events.n_saved);
}

static void
on_full (guint n_frames, gpointer user_data)
{
  g_atomic_int_add (&rig.events.n_full, (gint) n_frames);
}

static void
on_trouble (const GError *error, gpointer user_data)
{
  g_atomic_int_inc (error != NULL ? &rig.events.n_troubles : &rig.events.n_recoveries);
  if (error == NULL)
    return;
  g_mutex_lock (&rig.events.lock);
  g_free (rig.events.trouble);
  rig.events.trouble = g_strdup (error->message);
  g_mutex_unlock (&rig.events.lock);
}

static const KvsFragmentBufferEvents callbacks = { on_wake, on_saved, on_full, on_trouble };

static gboolean
has_saved (gpointer user_data)
{
  return g_atomic_int_get (&rig.events.n_saved) >= GPOINTER_TO_INT (user_data);
}

/* All that the worker was asked for is done, and what it was asked for because of that. */
void
rig_settle (void)
{
  for (guint i = 0; i < 3; i++) {
    gint n = g_atomic_int_get (&rig.events.n_saved) + 1;

    kvs_spool_sync (rig.buffer->spool);
    ck_assert (wait_until (has_saved, GINT_TO_POINTER (n)));
  }
}

void
rig_hold_worker (void)
{
  g_mutex_lock (&rig.events.lock);
  rig.events.holds_worker = TRUE;
  kvs_spool_sync (rig.buffer->spool);
  while (!rig.events.worker_is_held)
    g_cond_wait (&rig.events.cond, &rig.events.lock);
  g_mutex_unlock (&rig.events.lock);
}

void
rig_let_worker_go (void)
{
  g_mutex_lock (&rig.events.lock);
  rig.events.holds_worker = FALSE;
  g_cond_broadcast (&rig.events.cond);
  g_mutex_unlock (&rig.events.lock);
}

void
rig_watch (void)
{
  kvs_fragment_buffer_watch_spool (rig.buffer);
}

/* The disk has not done for a minute what it was asked for. */
void
rig_let_time_pass (void)
{
  KvsSpool *spool = rig.buffer->spool;

  g_mutex_lock (&spool->lock);
  spool->oldest_us -= 60 * G_USEC_PER_SEC;
  g_mutex_unlock (&spool->lock);
  g_mutex_lock (&rig.buffer->lock);
  rig.buffer->load_asked_us -= 60 * G_USEC_PER_SEC;
  g_mutex_unlock (&rig.buffer->lock);
}

void
rig_set_tracks (void)
{
  g_autoptr (KvsTrack) track = media_track_new ();
  const KvsTrack *tracks[] = { track };

  kvs_fragment_buffer_set_tracks (rig.buffer, tracks, 1, G_MAXINT64);
}

void
rig_open_buffer (void)
{
  rig.n_dropped = 0;
  rig.buffer = kvs_fragment_buffer_new (rig.definition, NULL);
  rig_set_tracks ();
  kvs_fragment_buffer_open_spool (rig.buffer, rig.definition, &callbacks, NULL);
}

void
rig_make_buffer (void)
{
  rig_open_buffer ();
  rig_settle ();
}

void
rig_close_buffer (void)
{
  g_clear_pointer (&rig.segment, kvs_segment_unref);
  g_clear_pointer (&rig.wire, wire_free);
  g_clear_pointer (&rig.buffer, kvs_fragment_buffer_free);
}

gboolean
rig_is_spool_free (gpointer user_data)
{
  g_autoptr (KvsSpoolStore) store = kvs_spool_store_open (rig.folder, "cam", G_MAXUINT64, NULL);

  return store != NULL;
}

/* Another run finds what is on disk. */
void
rig_run_again (void)
{
  rig_close_buffer ();
  ck_assert (wait_until (rig_is_spool_free, NULL));
  rig_make_buffer ();
}

/* With nothing said, nothing stays in memory that need not. */
void
rig_setup (void)
{
  rig.folder = g_dir_make_tmp ("kvs-spool-XXXXXX", NULL);
  rig.definition = kvs_stream_definition_new ("cam");
  rig.definition->max_unacknowledged = 0; /* see test-fragment-window.c */
  rig.definition->spool_folder = g_strdup (rig.folder);
  rig.definition->spool_bytes = G_MAXUINT32;
  rig.definition->buffer_duration_ns = 2 * S;
  memset (&rig.events, 0, sizeof rig.events);
  g_mutex_init (&rig.events.lock);
  g_cond_init (&rig.events.cond);
}

void
rig_teardown (void)
{
  rig_let_worker_go ();
  rig_close_buffer ();
  ck_assert (wait_until (rig_is_spool_free, NULL));
  kvs_stream_definition_free (rig.definition);
  spool_rig_remove_tree (rig.folder);
  g_free (rig.folder);
  g_free (rig.events.trouble);
  g_mutex_clear (&rig.events.lock);
  g_cond_clear (&rig.events.cond);
}

/* Frame @id of a stream of 4 frames a second, a Fragment a second. */
static void
push_sized (guint64 id, gsize size)
{
  gboolean is_key = id % FRAMES_A_FRAGMENT == 0;
  g_autoptr (KvsFrame) frame = media_frame_new (id, is_key, START + (gint64) id * 250 * MS, size);
  KvsPushEffect effect = { 0 };

  ck_assert_int_eq (kvs_fragment_buffer_push (rig.buffer, &frame, &effect), KVS_PUSH_STORED);
  rig.n_dropped += effect.n_dropped;
}

void
rig_push_fragments_sized (guint first, guint n, gsize size)
{
  for (guint i = first * FRAMES_A_FRAGMENT; i < (first + n) * FRAMES_A_FRAGMENT; i++)
    push_sized (i, size);
}

void
rig_push_fragments (guint first, guint n)
{
  rig_push_fragments_sized (first, n, SIZE);
}

/* As a source does that is not faster than the disk. */
void
rig_push_fragments_slowly (guint first, guint n)
{
  for (guint i = 0; i < n; i++) {
    rig_push_fragments (first + i, 1);
    rig_settle ();
  }
}

guint64
rig_timecode (guint fragment)
{
  return (guint64) (START / MS) + fragment * 1000;
}

gboolean
rig_begin (void)
{
  g_clear_pointer (&rig.segment, kvs_segment_unref);
  g_clear_pointer (&rig.wire, wire_free);
  rig.wire = wire_new ();
  rig.segment = kvs_fragment_buffer_begin_session (rig.buffer);
  return rig.segment != NULL;
}

KvsReadStatus
rig_read_some (gsize size)
{
  g_autofree guint8 *out = g_malloc (MAX (size, 1));
  gsize n_read;
  KvsReadStatus status = kvs_fragment_buffer_read (rig.buffer, out, size, &n_read);

  ck_assert_int_eq (status == KVS_READ_DATA, n_read > 0);
  wire_push (rig.wire, out, n_read);
  return status;
}

KvsReadStatus
rig_read_all (void)
{
  KvsReadStatus status;

  while ((status = rig_read_some (1000)) == KVS_READ_DATA)
    ;
  return status;
}

KvsBufferStats
rig_get_stats (void)
{
  KvsBufferStats stats;

  kvs_fragment_buffer_get_stats (rig.buffer, &stats);
  return stats;
}

/* Fragment @index of the running Session is that one, and whole. */
void
rig_assert_cluster_is (guint index, guint fragment)
{
  const WireCluster *cluster;

  ck_assert_uint_lt (index, rig.wire->clusters->len);
  cluster = g_ptr_array_index (rig.wire->clusters, index);
  ck_assert_uint_eq (cluster->timecode, rig_timecode (fragment));
  ck_assert_uint_eq (cluster->blocks->len, FRAMES_A_FRAGMENT);
  for (guint k = 0; k < FRAMES_A_FRAGMENT; k++)
    ck_assert_uint_eq (g_array_index (cluster->blocks, WireBlock, k).id,
                       fragment * FRAMES_A_FRAGMENT + k);
}

guint
rig_fragment_of (guint index)
{
  const WireCluster *cluster = g_ptr_array_index (rig.wire->clusters, index);

  return (guint) (cluster->timecode - rig_timecode (0)) / 1000;
}

/* Sessions as a service that takes everything has them, until there is nothing more to send.
 * Returns: (transfer full): numbers of the Fragments, "|" where a Session began */
gchar *
rig_upload_all (void)
{
  GString *order = g_string_new (NULL);
  guint n_idle = 0;

  while (n_idle < 3) {
    KvsReadStatus status = KVS_READ_EMPTY;
    guint64 n_persisted = rig_get_stats ().fragments_persisted;
    guint n_acked = 0, n_dry = 0;

    rig_settle ();
    if (!rig_begin ()) {
      n_idle++;
      continue;
    }
    g_string_append_c (order, '|');
    while (status != KVS_READ_END && n_dry < 3) {
      status = rig_read_all ();
      n_dry = rig.wire->clusters->len > n_acked ? 0 : n_dry + 1;
      for (; n_acked < rig.wire->clusters->len; n_acked++) {
        const WireCluster *cluster = g_ptr_array_index (rig.wire->clusters, n_acked);

        if (cluster->blocks->len < FRAMES_A_FRAGMENT)
          break;
        rig_assert_cluster_is (n_acked, rig_fragment_of (n_acked));
        kvs_fragment_buffer_persisted (rig.buffer, cluster->timecode);
        g_string_append_printf (order, "%u ", rig_fragment_of (n_acked));
      }
      rig_settle ();
    }
    n_idle = rig_get_stats ().fragments_persisted > n_persisted ? 0 : n_idle + 1;
    kvs_fragment_buffer_end_session (rig.buffer);
  }
  return g_string_free (order, FALSE);
}

gchar *
rig_without_borders (const gchar *order)
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

void
rig_assert_uploads (guint first, guint last)
{
  g_autofree gchar *order = rig_upload_all ();
  g_autofree gchar *got = rig_without_borders (order);
  g_autofree gchar *wanted = numbers (first, last);

  ck_assert_str_eq (got, wanted);
}

guint
rig_count_files (void)
{
  g_autofree gchar *path = g_build_filename (rig.folder, "cam", NULL);
  g_autoptr (GPtrArray) names = spool_rig_list_files (path);
  guint n = 0;

  for (guint i = 0; i < names->len; i++)
    n += g_str_has_suffix (g_ptr_array_index (names, i), ".mkv");
  return n;
}

/* The disk is gone: a file stands where the folder was. */
gchar *
rig_break_disk (void)
{
  gchar *aside = g_strconcat (rig.folder, ".aside", NULL);

  ck_assert_int_eq (g_rename (rig.folder, aside), 0);
  ck_assert (g_file_set_contents (rig.folder, "", 0, NULL));
  return aside;
}

void
rig_mend_disk (gchar *aside)
{
  ck_assert_int_eq (g_remove (rig.folder), 0);
  ck_assert_int_eq (g_rename (aside, rig.folder), 0);
  g_free (aside);
  g_mutex_lock (&rig.buffer->lock);
  rig.buffer->spool_probe_us = rig.buffer->spool_ask_us = G_MININT32;
  g_mutex_unlock (&rig.buffer->lock);
}
