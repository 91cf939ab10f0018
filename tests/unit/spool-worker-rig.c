/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spool-worker-rig.h"

#include <check.h>

#include "media.h"
#include "mkv/muxer.h"
#include "spool-rig.h"
#include "wait.h"

gchar *spool_worker_folder;
KvsStreamDefinition *spool_worker_definition;
KvsSegment *spool_worker_segment;

static void log_event (SpoolWorker *worker, const gchar *format, ...) G_GNUC_PRINTF (2, 3);

static void
log_event (SpoolWorker *worker, const gchar *format, ...)
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
  return (guint) (fragment->timecode - SPOOL_WORKER_START_MS) / 1000;
}

static void
on_loaded (KvsFragment *fragment, guint n_damaged, gboolean readable, gpointer user_data)
{
  SpoolWorker *worker = user_data;

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
  SpoolWorker *worker = user_data;

  g_atomic_int_inc (&worker->n_synced);
}

static void
on_trouble (const GError *error, gpointer user_data)
{
  log_event (user_data, error != NULL ? "trouble" : "works");
}

SpoolWorker *
spool_worker_new (void)
{
  static const KvsSpoolEvents events = {
    on_opened, on_stored, on_loaded, on_evicted, on_lost, on_synced, on_trouble,
  };
  SpoolWorker *worker = g_new0 (SpoolWorker, 1);

  g_mutex_init (&worker->lock);
  worker->log = g_string_new (NULL);
  worker->loaded = g_ptr_array_new_with_free_func ((GDestroyNotify) kvs_fragment_unref);
  worker->spool = kvs_spool_new (spool_worker_definition, &events, worker);
  return worker;
}

void
spool_worker_close (SpoolWorker *worker)
{
  if (worker->spool != NULL)
    kvs_spool_close (g_steal_pointer (&worker->spool));
}

void
spool_worker_free (SpoolWorker *worker)
{
  spool_worker_close (worker);
  g_string_free (worker->log, TRUE);
  g_ptr_array_unref (worker->loaded);
  g_mutex_clear (&worker->lock);
  g_free (worker);
}

static gboolean
has_synced (gpointer user_data)
{
  return g_atomic_int_get (&((SpoolWorker *) user_data)->n_synced) > 0;
}

void
spool_worker_settle (SpoolWorker *worker)
{
  g_atomic_int_set (&worker->n_synced, 0);
  kvs_spool_sync (worker->spool);
  ck_assert (wait_until (has_synced, worker));
}

/* Waits until all is done, and forgets what has been told. */
void
spool_worker_expect (SpoolWorker *worker, const gchar *events)
{
  if (worker->spool != NULL)
    spool_worker_settle (worker);
  ck_assert_str_eq (worker->log->str, events);
  g_string_truncate (worker->log, 0);
}

/* Fragment @number, complete, of a stream with a Fragment a second. */
KvsFragment *
spool_worker_fragment (guint number)
{
  guint64 timecode = (guint64) SPOOL_WORKER_START_MS + number * 1000;
  KvsFragment *fragment = kvs_fragment_new (spool_worker_segment, timecode, NULL);

  fragment->id = number;
  for (guint i = 0; i < SPOOL_WORKER_FRAMES; i++) {
    gint64 pts_ns = ((gint64) timecode + i * 300) * MEDIA_MS;
    KvsFrame *frame = media_frame_new (number * 10 + i, i == 0, pts_ns, 500);
    guint8 head[KVS_FRAME_HEAD_MAX_BYTES];
    gsize n = i == 0 ? kvs_mkv_write_cluster_start (head, timecode) : 0;

    frame->info.duration_ns = 300 * MEDIA_MS;
    n += kvs_mkv_write_simple_block_start (
        head + n, 1, (gint16) (i * 300),
        i == 0 ? KVS_FRAME_FLAG_KEY_FRAME : KVS_FRAME_FLAG_NONE, 500);
    kvs_fragment_append (fragment, head, n, frame);
  }
  fragment->complete = TRUE;
  return fragment;
}

void
spool_worker_store (SpoolWorker *worker, guint number)
{
  KvsFragment *fragment = spool_worker_fragment (number);

  kvs_spool_store (worker->spool, fragment);
  kvs_fragment_unref (fragment);
}

void
spool_worker_release (SpoolWorker *worker, guint number)
{
  KvsFragment *fragment = spool_worker_fragment (number);

  kvs_spool_release (worker->spool, fragment);
  kvs_fragment_unref (fragment);
}

void
spool_worker_grow (SpoolWorker *worker, guint number)
{
  KvsFragment *fragment = spool_worker_fragment (number);

  kvs_spool_begin (worker->spool, fragment);
  kvs_spool_append (worker->spool, fragment, 0);
  kvs_fragment_unref (fragment);
}

GBytes *
spool_worker_header (guint n_tracks)
{
  static const guint8 uid[KVS_MKV_SEGMENT_UID_BYTES] = { 9 };
  g_autoptr (KvsTrack) video = media_track_new ();
  g_autoptr (KvsTrack) audio
      = kvs_track_new (2, KVS_TRACK_TYPE_AUDIO, KVS_CODEC_ID_AAC, NULL, NULL);
  const KvsTrack *tracks[] = { video, audio };

  return kvs_mkv_header_new (tracks, n_tracks, MEDIA_MS, uid);
}

void
spool_worker_setup (void)
{
  g_autoptr (GBytes) header = spool_worker_header (1);

  spool_worker_folder = g_dir_make_tmp ("kvs-spool-XXXXXX", NULL);
  spool_worker_definition = kvs_stream_definition_new ("cam");
  spool_worker_definition->spool_folder = g_strdup (spool_worker_folder);
  spool_worker_definition->spool_bytes = G_MAXUINT32;
  spool_worker_segment = kvs_segment_new (header, SPOOL_WORKER_START_MS * MEDIA_MS, FALSE);
}

gboolean
spool_worker_is_free (gpointer user_data)
{
  g_autoptr (KvsSpoolStore) store
      = kvs_spool_store_open (spool_worker_folder, "cam", G_MAXUINT64, NULL);

  return store != NULL;
}

void
spool_worker_teardown (void)
{
  ck_assert (wait_until (spool_worker_is_free, NULL));
  spool_rig_remove_tree (spool_worker_folder);
  g_free (spool_worker_folder);
  kvs_segment_unref (spool_worker_segment);
  kvs_stream_definition_free (spool_worker_definition);
}

/* Names of the files of whole Fragments, in order. */
GPtrArray *
spool_worker_list_files (void)
{
  g_autofree gchar *path = g_build_filename (spool_worker_folder, "cam", NULL);
  GPtrArray *names = spool_rig_list_files (path);

  for (guint i = names->len; i > 0; i--) {
    if (!g_str_has_suffix (g_ptr_array_index (names, i - 1), ".mkv"))
      g_ptr_array_remove_index (names, i - 1);
  }
  return names;
}

guint
spool_worker_count_files (void)
{
  g_autoptr (GPtrArray) names = spool_worker_list_files ();

  return names->len;
}

void
spool_worker_damage_file (guint index)
{
  g_autoptr (GPtrArray) names = spool_worker_list_files ();
  g_autofree gchar *path
      = g_build_filename (spool_worker_folder, "cam", g_ptr_array_index (names, index), NULL);
  g_autofree gchar *data = NULL;
  gsize size;

  ck_assert (g_file_get_contents (path, &data, &size, NULL));
  data[size - 5] ^= 1;
  ck_assert (g_file_set_contents (path, data, (gssize) size, NULL));
}
