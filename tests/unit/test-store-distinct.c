/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which fragments replace which, against a look at each pair. */
#include <check.h>
#include <glib/gstdio.h>
#include <string.h>

#include "../suite.h"
#include "store/store-private.h"
#include "store/store-range.h"

#define N_ROUNDS 100
#define N_CLIPS 300
#define N_FRAGMENTS_OF_CLIP 30
#define MAX_STEPS_PER_FRAGMENT 200
#define GAP_MS KVS_LOCAL_COLLECTION_GAP_MS

static gchar *folder;
static KvsLocalStore *store;
static KvsLocalStream *stream;

static void
set_up (void)
{
  folder = g_dir_make_tmp ("kvs-store-XXXXXX", NULL);
  store = kvs_local_store_open (folder, "us-west-2", "123456789012", NULL);
  ck_assert_ptr_nonnull (store);
  stream = kvs_local_stream_new ();
  stream->name = g_strdup ("cam");
  stream->retention_hours = 1;
  ck_assert (kvs_local_store_add_stream (store, stream, NULL));
  /* never committed: this is not about the disk */
  ck_assert (kvs_local_db_exec (store->db, "BEGIN", NULL));
}

static void
remove_tree (const gchar *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree gchar *child = g_build_filename (path, name, NULL);

    remove_tree (child);
  }
  g_remove (path);
}

static void
tear_down (void)
{
  kvs_local_stream_unref (stream);
  kvs_local_store_close (store);
  remove_tree (folder);
  g_free (folder);
}

static void
add (GArray *all, guint64 sequence, gint64 server_ms, gint64 producer_ms, gint64 duration_ms)
{
  KvsLocalFragment fragment
    = { .server_ms = server_ms, .producer_ms = producer_ms, .duration_ms = duration_ms };

  kvs_local_fragment_number_make (sequence, server_ms, (guint32) all->len, fragment.number);
  ck_assert (kvs_local_store_add_fragment (store, stream, &fragment, NULL));
  g_array_append_val (all, fragment);
}

static gboolean
replaces (const KvsLocalFragment *other, const KvsLocalFragment *fragment)
{
  if (other->producer_ms == fragment->producer_ms && strcmp (other->number, fragment->number) > 0
      && other->server_ms - fragment->server_ms <= GAP_MS)
    return TRUE;
  return other->producer_ms >= fragment->producer_ms - KVS_LOCAL_MAX_FRAGMENT_MS
         && other->producer_ms < fragment->producer_ms + MAX (fragment->duration_ms, 1)
         && other->producer_ms + MAX (other->duration_ms, 1) > fragment->producer_ms
         && fragment->server_ms - other->server_ms > GAP_MS;
}

static gint
compare_times (gconstpointer a, gconstpointer b)
{
  const KvsLocalFragment *first = a, *second = b;

  if (first->producer_ms != second->producer_ms)
    return first->producer_ms < second->producer_ms ? -1 : 1;
  return first->id < second->id ? -1 : 1;
}

static GArray *
list_slowly (GArray *all, const KvsLocalRange *range)
{
  GArray *out = g_array_new (FALSE, FALSE, sizeof (KvsLocalFragment));

  for (guint i = 0; i < all->len; i++) {
    const KvsLocalFragment *fragment = &g_array_index (all, KvsLocalFragment, i);
    gboolean is_replaced = FALSE;

    for (guint j = 0; j < all->len; j++)
      is_replaced |= replaces (&g_array_index (all, KvsLocalFragment, j), fragment);
    if (!is_replaced && fragment->producer_ms >= range->start_ms
        && fragment->producer_ms <= range->end_ms)
      g_array_append_val (out, *fragment);
  }
  g_array_sort (out, compare_times);
  return out;
}

/* Page by page, as playlists that grow do it */
static void
check_pages (GArray *expected, KvsLocalRange range, guint max)
{
  guint n_seen = 0;

  for (;;) {
    g_autoptr (GArray) page = kvs_local_store_list_range (store, stream, &range, max, NULL);

    ck_assert_ptr_nonnull (page);
    ck_assert_uint_le (page->len, max);
    for (guint i = 0; i < page->len; i++, n_seen++) {
      ck_assert_uint_lt (n_seen, expected->len);
      ck_assert_str_eq (g_array_index (page, KvsLocalFragment, i).number,
                        g_array_index (expected, KvsLocalFragment, n_seen).number);
      range.after_ms = g_array_index (page, KvsLocalFragment, i).producer_ms;
      range.after_id = g_array_index (page, KvsLocalFragment, i).id;
    }
    if (page->len < max)
      break;
  }
  ck_assert_uint_eq (n_seen, expected->len);
}

START_TEST (test_random)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) _i);
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (KvsLocalFragment));
  guint n = (guint) g_rand_int_range (rand, 0, 60);
  KvsLocalRange range = { .by_producer = TRUE, .is_deduplicated = TRUE };

  for (guint i = 0; i < n; i++)
    add (all, (guint64) g_rand_int_range (rand, 1, 6) * 1000 + i,
         g_rand_int_range (rand, 0, 5) * (GAP_MS / 2) + g_rand_int_range (rand, 0, 3),
         100000 + g_rand_int_range (rand, 0, 30) * 1000, g_rand_int_range (rand, 0, 5) * 500);
  range.start_ms = 100000 + g_rand_int_range (rand, 0, 15) * 1000;
  range.end_ms = g_rand_boolean (rand) ? G_MAXINT64 : range.start_ms + 10000;
  g_autoptr (GArray) expected = list_slowly (all, &range);
  check_pages (expected, range, 1000);
  check_pages (expected, range, (guint) g_rand_int_range (rand, 1, 5));
}
END_TEST

static int
count_step (void *user_data)
{
  ++*(guint *) user_data;
  return 0;
}

/* SQLite's own steps are counted: all who are served wait for them. */
START_TEST (test_clip_that_comes_again_and_again)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (KvsLocalFragment));
  KvsLocalRange range
    = { .by_producer = TRUE, .is_deduplicated = TRUE, .end_ms = G_MAXINT64 };
  g_autoptr (GArray) found = NULL;
  guint n_steps = 0;

  for (guint i = 0; i < N_CLIPS; i++) {
    for (guint j = 0; j < N_FRAGMENTS_OF_CLIP; j++)
      add (all, i * 1000 + j + 1, (gint64) i * 2 * GAP_MS, j * 2000, 2000);
  }
  sqlite3_progress_handler (store->db, 1, count_step, &n_steps);
  found = kvs_local_store_list_range (store, stream, &range, 1000, NULL);
  sqlite3_progress_handler (store->db, 0, NULL, NULL);
  ck_assert_uint_gt (n_steps, all->len);
  ck_assert_uint_lt (n_steps, all->len * MAX_STEPS_PER_FRAGMENT);
  ck_assert_uint_eq (found->len, N_FRAGMENTS_OF_CLIP);
  for (guint i = 0; i < found->len; i++)
    ck_assert_str_eq (g_array_index (found, KvsLocalFragment, i).number,
                      g_array_index (all, KvsLocalFragment, i).number);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store-distinct");
  TCase *tcase = tcase_create ("store-distinct");

  tcase_add_checked_fixture (tcase, set_up, tear_down);
  tcase_add_loop_test (tcase, test_random, 0, N_ROUNDS);
  tcase_add_test (tcase, test_clip_that_comes_again_and_again);
  tcase_set_timeout (tcase, 60);
  suite_add_tcase (suite, tcase);
  return run_suite (suite);
}
