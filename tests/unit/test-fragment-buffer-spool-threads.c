/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Source, Session and disk at once; meant for -Db_sanitize=thread as well. */
#include <check.h>
#include <string.h>

#include "../suite.h"
#include "media.h"
#include "spool-rig.h"
#include "stream/fragment-buffer.h"
#include "wait.h"

#define MS MEDIA_MS
#define START (G_GINT64_CONSTANT (1700000000) * MEDIA_S)
#define FRAMES_A_FRAGMENT 4
#define N_FRAGMENTS 200

typedef struct {
  GMutex lock;
  GCond cond;
  gboolean awake;
} Waker; /* stands for kvs_loop_invoke() */

static gchar *folder;
static KvsStreamDefinition *definition;
static KvsFragmentBuffer *buffer;
static Waker waker;
static gint n_troubles; /* atomic */
static gint n_saved;    /* atomic */

static void
wake (gpointer user_data)
{
  g_mutex_lock (&waker.lock);
  waker.awake = TRUE;
  g_cond_signal (&waker.cond);
  g_mutex_unlock (&waker.lock);
}

/* As the Session does: what is left is sent when the flush interval is over. */
static void
wait_for_wake (void)
{
  gint64 until_us = g_get_monotonic_time () + 2000;

  g_mutex_lock (&waker.lock);
  while (!waker.awake && g_cond_wait_until (&waker.cond, &waker.lock, until_us))
    ;
  waker.awake = FALSE;
  g_mutex_unlock (&waker.lock);
}

static void
on_saved (gpointer user_data)
{
  g_atomic_int_inc (&n_saved);
}

static void
on_full (guint n_frames, gpointer user_data)
{
}

static void
on_trouble (const GError *error, gpointer user_data)
{
  g_atomic_int_inc (&n_troubles);
}

static const KvsFragmentBufferEvents callbacks = { wake, on_saved, on_full, on_trouble };

static gpointer
run_source (gpointer data)
{
  for (guint64 id = 0; id < N_FRAGMENTS * FRAMES_A_FRAGMENT; id++) {
    g_autoptr (KvsFrame) frame
        = media_frame_new (id, id % FRAMES_A_FRAGMENT == 0, START + (gint64) id * 100 * MS, 200);
    KvsPushEffect effect = { 0 };

    ck_assert_int_eq (kvs_fragment_buffer_push (buffer, &frame, &effect), KVS_PUSH_STORED);
    ck_assert_uint_eq (effect.n_dropped, 0);
    if (effect.wake)
      wake (NULL);
  }
  kvs_fragment_buffer_end (buffer);
  wake (NULL);
  return NULL;
}

typedef struct {
  GRand *rand;
  Wire *wire;
  guint n_acked;
  guint n_persisted[N_FRAGMENTS];
  guint n_back; /* how often a Session began before what was persisted last */
  gint64 last;
} Service;

static void
persist (Service *service, const WireCluster *cluster)
{
  gint64 number = ((gint64) cluster->timecode - START / MS) / (100 * FRAMES_A_FRAGMENT);

  for (guint i = 0; i < FRAMES_A_FRAGMENT; i++)
    ck_assert_uint_eq (g_array_index (cluster->blocks, WireBlock, i).id,
                       (guint64) number * FRAMES_A_FRAGMENT + i);
  service->n_persisted[number]++;
  service->n_back += number < service->last;
  service->last = number;
}

/* The last one that came may still be unknown to the buffer as sent: not before the next begins. */
static void
acknowledge (Service *service, gboolean at_end)
{
  while (service->n_acked + (at_end ? 0 : 1) < service->wire->clusters->len) {
    const WireCluster *cluster = g_ptr_array_index (service->wire->clusters, service->n_acked);

    if (cluster->blocks->len < FRAMES_A_FRAGMENT || g_rand_int_range (service->rand, 0, 4) == 0)
      return;
    service->n_acked++;
    kvs_fragment_buffer_persisted (buffer, cluster->timecode);
    persist (service, cluster);
  }
}

/* One Session, to its end or until it breaks. */
static void
serve (Service *service)
{
  KvsSegment *segment = kvs_fragment_buffer_begin_session (buffer);
  guint n_reads = 0, breaks_after = (guint) g_rand_int_range (service->rand, 1, 200);
  KvsReadStatus status = KVS_READ_DATA;
  guint8 out[1000];

  g_clear_pointer (&service->wire, wire_free);
  service->wire = wire_new ();
  service->n_acked = 0;
  while (segment != NULL && status != KVS_READ_END && n_reads++ < breaks_after) {
    gsize n_read;

    status = kvs_fragment_buffer_read (
        buffer, out, (gsize) g_rand_int_range (service->rand, 1, sizeof out), &n_read);
    wire_push (service->wire, out, n_read);
    acknowledge (service, status == KVS_READ_END);
    if (status == KVS_READ_EMPTY && !kvs_fragment_buffer_wait (buffer, 1))
      wait_for_wake ();
  }
  kvs_fragment_buffer_end_session (buffer);
  g_clear_pointer (&segment, kvs_segment_unref);
}

static gboolean
is_saved (gpointer user_data)
{
  return g_atomic_int_get (&n_saved) > 0;
}

static gboolean
is_spool_free (gpointer user_data)
{
  g_autoptr (KvsSpoolStore) store = kvs_spool_store_open (folder, "cam", G_MAXUINT64, NULL);

  return store != NULL;
}

static const struct {
  KvsSpoolMode mode;
  gboolean live_first;
} cases[] = {
  { KVS_SPOOL_MODE_OVERFLOW, FALSE },
  { KVS_SPOOL_MODE_OVERFLOW, TRUE },
  { KVS_SPOOL_MODE_WRITE_THROUGH, FALSE },
  { KVS_SPOOL_MODE_WRITE_THROUGH, TRUE },
};

START_TEST (test_all_frames_once)
{
  Service service = { .rand = g_rand_new_with_seed ((guint32) _i), .last = -1 };
  g_autoptr (KvsTrack) track = media_track_new ();
  const KvsTrack *tracks[] = { track };
  KvsBufferStats stats;
  GThread *thread;

  folder = g_dir_make_tmp ("kvs-spool-XXXXXX", NULL);
  definition = kvs_stream_definition_new ("cam");
  definition->max_unacknowledged = 0; /* see test-fragment-window.c */
  definition->spool_folder = g_strdup (folder);
  definition->spool_bytes = G_MAXUINT32;
  definition->buffer_duration_ns = MEDIA_S;
  definition->spool_mode = cases[_i].mode;
  definition->spool_live_first = cases[_i].live_first;
  buffer = kvs_fragment_buffer_new (definition, NULL);
  kvs_fragment_buffer_set_tracks (buffer, tracks, 1, G_MAXINT64);
  kvs_fragment_buffer_open_spool (buffer, definition, &callbacks, NULL);

  thread = g_thread_new ("source", run_source, NULL);
  while (!kvs_fragment_buffer_is_drained (buffer)) {
    if (!kvs_fragment_buffer_wait (buffer, 1))
      wait_for_wake ();
    serve (&service);
  }
  g_thread_join (thread);
  for (guint i = 0; i < N_FRAGMENTS; i++)
    ck_assert_msg (service.n_persisted[i] == 1, "fragment %u: %u times", i, service.n_persisted[i]);
  if (!cases[_i].live_first)
    ck_assert_uint_eq (service.n_back, 0);
  kvs_fragment_buffer_get_stats (buffer, &stats);
  ck_assert_uint_eq (stats.fragments_persisted, N_FRAGMENTS);
  ck_assert_uint_eq (stats.bytes_buffered, 0);
  ck_assert_int_eq (g_atomic_int_get (&n_troubles), 0);
  ck_assert (kvs_fragment_buffer_save (buffer));
  ck_assert (wait_until (is_saved, NULL));
  kvs_fragment_buffer_get_stats (buffer, &stats);
  ck_assert_uint_eq (stats.spool_fragments, 0);

  kvs_fragment_buffer_free (buffer);
  ck_assert (wait_until (is_spool_free, NULL));
  spool_rig_remove_tree (folder);
  g_free (folder);
  kvs_stream_definition_free (definition);
  wire_free (service.wire);
  g_rand_free (service.rand);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fragment-buffer-spool-threads");
  TCase *tc = tcase_create ("fragment-buffer-spool-threads");

  tcase_set_timeout (tc, 100);
  tcase_add_loop_test (tc, test_all_frames_once, 0, G_N_ELEMENTS (cases));
  suite_add_tcase (s, tc);
  return run_suite (s);
}
