/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata of any kind, and from several threads. */
#include "stream/metadata.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "tags-text.h"

static KvsMetadata *metadata;

static void
setup (void)
{
  metadata = kvs_metadata_new ();
}

static void
teardown (void)
{
  kvs_metadata_unref (metadata);
}

static gchar *
random_text (GRand *rand, gint min_bytes, gint end_bytes)
{
  return g_strnfill ((gsize) g_rand_int_range (rand, min_bytes, end_bytes), 'x');
}

static void
add_random_event (GRand *rand)
{
  KvsMkvTag pairs[12];
  guint n_pairs = (guint) g_rand_int_range (rand, 0, G_N_ELEMENTS (pairs));

  for (guint i = 0; i < n_pairs; i++)
    pairs[i] = (KvsMkvTag) { "e", i % 2 ? "" : "v" };
  kvs_metadata_add_event (metadata, (KvsMetadataEvent) g_rand_int_range (rand, 0, 5),
                          g_rand_boolean (rand) ? "p" : NULL, pairs, n_pairs, NULL);
}

static void
add_random_pair (GRand *rand)
{
  g_autofree gchar *name = g_strdup_printf ("n%d", g_rand_int_range (rand, 0, 14));
  g_autofree gchar *long_name = random_text (rand, 120, 135);
  g_autofree gchar *value = random_text (rand, 250, 262);

  switch (g_rand_int_range (rand, 0, 4)) {
    case 0:
      kvs_metadata_add (metadata, name, "", g_rand_boolean (rand), NULL);
      break;
    case 1:
      kvs_metadata_add (metadata, long_name, value, FALSE, NULL);
      break;
    default:
      kvs_metadata_add (metadata, name, value, g_rand_boolean (rand), NULL);
      break;
  }
}

/* tags_to_text() fails on what the service would refuse. */
START_TEST (test_service_never_refuses)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (20);
  guint n_with_tags = 0;

  for (guint i = 0; i < 20000; i++) {
    g_autoptr (GBytes) tags = NULL;
    g_autofree gchar *text = NULL;

    if (g_rand_int_range (rand, 0, 4) == 0)
      add_random_event (rand);
    else
      add_random_pair (rand);
    if (g_rand_int_range (rand, 0, 8) > 0)
      continue;
    tags = kvs_metadata_take (metadata);
    text = tags_to_text (tags);
    n_with_tags += text[0] != '\0';
  }
  ck_assert_uint_gt (n_with_tags, 1000);
}
END_TEST

#define N_THREADS 3
#define N_PER_THREAD 2000

static gpointer
add_from_thread (gpointer user_data)
{
  gint *n_added = user_data;

  for (guint i = 0; i < N_PER_THREAD; i++) {
    if (kvs_metadata_add (metadata, "one", "1", FALSE, NULL))
      g_atomic_int_inc (n_added);
    kvs_metadata_add (metadata, "stays", i % 2 ? "" : "1", TRUE, NULL);
    kvs_metadata_add_event (metadata, KVS_METADATA_EVENT_NOTIFICATION, NULL, NULL, 0, NULL);
    kvs_metadata_set_every_fragment (metadata, KVS_METADATA_EVENT_IMAGE_GENERATION,
                                     i % 2 ? "p" : NULL, NULL);
  }
  return NULL;
}

static guint
count_one_shots (void)
{
  g_autoptr (GBytes) tags = kvs_metadata_take (metadata);
  g_autofree gchar *text = tags_to_text (tags);
  guint n = 0;

  for (const gchar *at = text; (at = strstr (at, "one=1")) != NULL; at++)
    n++;
  return n;
}

START_TEST (test_threads)
{
  GThread *threads[N_THREADS];
  gint n_added = 0;
  guint n_taken = 0;

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("adder", add_from_thread, &n_added);
  for (guint i = 0; i < 500; i++)
    n_taken += count_one_shots ();
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  n_taken += count_one_shots ();
  ck_assert_int_gt (n_added, 0);
  ck_assert_uint_eq (n_taken, (guint) n_added);
}
END_TEST

static Suite *
metadata_random_suite (void)
{
  Suite *s = suite_create ("metadata-random");
  TCase *tc = tcase_create ("metadata-random");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_service_never_refuses);
  tcase_add_test (tc, test_threads);
  suite_add_tcase (s, tc);
  return s;
}

int
main (void)
{
  return run_suite (metadata_random_suite ());
}
