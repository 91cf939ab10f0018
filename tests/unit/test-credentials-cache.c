/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials that are kept fresh, and several sources asked in turn. The sources are scripted. */
#include "aws/credentials/shared-cache.h"

#include <check.h>
#include <glib/gstdio.h>
#include <string.h>

#include "../suite.h"
#include "aws/credentials/chain.h"
#include "aws/credentials/file-provider.h"
#include "error.h"

/* ---- a source that gives what the test says ---- */

typedef struct {
  KvsCredentialsProvider parent;
  guint n_fetches;
  const gchar *access_key; /* NULL: not configured */
  gint64 lifetime_us;      /* 0: for ever */
  KvsError failure;        /* 0: none */
} Source;

typedef struct {
  KvsCredentialsFetch parent;
  Source *source;
  KvsLoopTimer *timer;
  KvsCredentialsFunc func;
  gpointer user_data;
} SourceFetch;

static KvsLoop *loop;
static GMutex lock;
static GCond changed;

/* What came of the last request, and how often something did. */
static guint n_answers;
static gchar *access_key;
static GError *failure;

static void
on_source_timer (gpointer user_data)
{
  g_autofree SourceFetch *fetch = user_data;
  Source *source = fetch->source;
  gint64 expiration_us = source->lifetime_us == 0 ? 0 : g_get_real_time () + source->lifetime_us;
  g_autoptr (KvsCredentials) credentials = NULL;
  g_autoptr (GError) error = NULL;

  if (source->failure != 0)
    error = g_error_new_literal (KVS_ERROR, (gint) source->failure, "no such luck");
  else if (source->access_key != NULL)
    credentials = kvs_credentials_new (source->access_key, "secret", NULL, expiration_us);
  fetch->func (credentials, error, fetch->user_data);
}

static void
cancel_fetch (KvsCredentialsFetch *parent)
{
  SourceFetch *fetch = (SourceFetch *) parent;

  kvs_loop_cancel_timer (loop, &fetch->timer);
  g_free (fetch);
}

static KvsCredentialsFetch *
start_fetch (KvsCredentialsProvider *provider, KvsCredentialsFunc func, gpointer user_data)
{
  SourceFetch *fetch = g_new0 (SourceFetch, 1);

  fetch->parent.cancel = cancel_fetch;
  fetch->source = (Source *) provider;
  fetch->func = func;
  fetch->user_data = user_data;
  fetch->timer = kvs_loop_add_timer (loop, G_USEC_PER_SEC / 50, on_source_timer, fetch);
  g_mutex_lock (&lock);
  fetch->source->n_fetches++;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
  return &fetch->parent;
}

static void
keep_source (KvsCredentialsProvider *provider)
{
}

static Source *
source_new (const gchar *key, gint64 lifetime_us)
{
  Source *source = g_new0 (Source, 1);

  source->parent = (KvsCredentialsProvider) { "the test", start_fetch, keep_source };
  source->access_key = key;
  source->lifetime_us = lifetime_us;
  return source;
}

/* ---- the I/O thread ---- */

typedef struct {
  KvsLoopFunc func;
  gpointer user_data;
  gboolean done;
} Errand;

static void
do_errand (gpointer user_data)
{
  Errand *errand = user_data;

  errand->func (errand->user_data);
  g_mutex_lock (&lock);
  errand->done = TRUE;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
}

static void
on_io_thread (KvsLoopFunc func, gpointer user_data)
{
  Errand errand = { func, user_data, FALSE };

  kvs_loop_invoke (loop, do_errand, &errand);
  g_mutex_lock (&lock);
  while (!errand.done)
    g_cond_wait (&changed, &lock);
  g_mutex_unlock (&lock);
}

static void
wait_for (const guint *number, guint at_least)
{
  g_mutex_lock (&lock);
  while (*number < at_least)
    g_cond_wait (&changed, &lock);
  g_mutex_unlock (&lock);
}

static void
on_answer (KvsCredentials *credentials, const GError *error, gpointer user_data)
{
  g_mutex_lock (&lock);
  g_clear_pointer (&access_key, g_free);
  g_clear_error (&failure);
  access_key = credentials != NULL ? g_strdup (credentials->access_key) : NULL;
  failure = error != NULL ? g_error_copy (error) : NULL;
  n_answers++;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
}

static void
get (gpointer cache)
{
  kvs_credentials_cache_get (cache, on_answer, NULL);
}

static void
get_and_cancel (gpointer cache)
{
  kvs_credentials_waiter_cancel (kvs_credentials_cache_get (cache, on_answer, NULL));
}

static void
replace (gpointer cache)
{
  g_autoptr (KvsCredentials) refused = kvs_credentials_new ("AKIDOLD", "secret", NULL, 0);

  kvs_credentials_cache_replace (cache, refused, on_answer, NULL);
}

static void
drop (gpointer cache)
{
  kvs_credentials_cache_unref (cache);
}

static void
ask (KvsCredentialsCache *cache, KvsLoopFunc how, guint times)
{
  guint n_before = n_answers;

  for (guint i = 0; i < times; i++)
    on_io_thread (how, cache);
  wait_for (&n_answers, n_before + times);
}

static void
set_up (void)
{
  loop = kvs_loop_acquire ();
  n_answers = 0;
}

static void
tear_down (void)
{
  g_clear_pointer (&loop, kvs_loop_release);
  g_clear_pointer (&access_key, g_free);
  g_clear_error (&failure);
}

/* ---- one source ---- */

START_TEST (test_all_share_one_fetch)
{
  g_autofree Source *source = source_new ("AKIDOLD", 0);
  KvsCredentialsCache *cache = kvs_credentials_cache_new (loop, &source->parent);

  ask (cache, get, 20);
  ck_assert_str_eq (access_key, "AKIDOLD");
  ask (cache, get, 1);
  ck_assert_uint_eq (source->n_fetches, 1);
  on_io_thread (drop, cache);
}
END_TEST

START_TEST (test_cancelled_while_it_waits)
{
  g_autofree Source *source = source_new ("AKIDOLD", 0);
  KvsCredentialsCache *cache = kvs_credentials_cache_new (loop, &source->parent);

  on_io_thread (get_and_cancel, cache);
  ask (cache, get, 1);
  on_io_thread (get_and_cancel, cache);
  ck_assert_uint_eq (n_answers, 1);
  on_io_thread (get_and_cancel, cache);
  on_io_thread (drop, cache);
}
END_TEST

/* Ahead of time, though nobody asks. */
START_TEST (test_refreshed_by_itself)
{
  g_autofree Source *source = source_new ("AKIDOLD", G_USEC_PER_SEC);
  KvsCredentialsCache *cache = kvs_credentials_cache_new (loop, &source->parent);

  ask (cache, get, 1);
  wait_for (&source->n_fetches, 3);
  on_io_thread (drop, cache);
}
END_TEST

START_TEST (test_old_ones_serve_while_the_source_fails)
{
  g_autofree Source *source = source_new ("AKIDOLD", 4 * G_USEC_PER_SEC);
  KvsCredentialsCache *cache = kvs_credentials_cache_new (loop, &source->parent);

  ask (cache, get, 1);
  source->failure = KVS_ERROR_NETWORK;
  wait_for (&source->n_fetches, 2);
  ask (cache, get, 1);
  ck_assert_str_eq (access_key, "AKIDOLD");
  /* it is tried again, and taken when it works */
  source->access_key = "AKIDNEW";
  source->failure = 0;
  source->lifetime_us = 0;
  while (g_strcmp0 (access_key, "AKIDNEW") != 0)
    ask (cache, get, 1);
  on_io_thread (drop, cache);
}
END_TEST

START_TEST (test_nothing_there)
{
  g_autofree Source *source = source_new (NULL, 0);
  KvsCredentialsCache *cache = kvs_credentials_cache_new (loop, &source->parent);

  ask (cache, get, 2);
  ck_assert (g_error_matches (failure, KVS_ERROR, KVS_ERROR_CREDENTIALS));
  ck_assert_ptr_null (access_key);
  /* who asks again makes it look again */
  source->access_key = "AKIDNEW";
  ask (cache, get, 1);
  ck_assert_str_eq (access_key, "AKIDNEW");
  on_io_thread (drop, cache);
}
END_TEST

START_TEST (test_expired_already)
{
  g_autofree Source *source = source_new ("AKIDOLD", -G_USEC_PER_SEC);
  KvsCredentialsCache *cache = kvs_credentials_cache_new (loop, &source->parent);

  ask (cache, get, 1);
  ck_assert (g_error_matches (failure, KVS_ERROR, KVS_ERROR_CREDENTIALS));
  ck_assert_ptr_nonnull (strstr (failure->message, "the test have expired"));
  on_io_thread (drop, cache);
}
END_TEST

START_TEST (test_gone_while_it_fetches)
{
  g_autofree Source *source = source_new ("AKIDOLD", 0);
  KvsCredentialsCache *cache = kvs_credentials_cache_new (loop, &source->parent);

  on_io_thread (get_and_cancel, cache);
  on_io_thread (drop, cache);
  ck_assert_uint_eq (n_answers, 0);
}
END_TEST

/* ---- what the service does not take ---- */

/* Twenty sinks are refused at once: one request. */
START_TEST (test_replaced_once_for_all)
{
  g_autofree Source *source = source_new ("AKIDOLD", 0);
  KvsCredentialsCache *cache = kvs_credentials_cache_new (loop, &source->parent);

  ask (cache, get, 1);
  source->access_key = "AKIDNEW";
  ask (cache, replace, 20);
  ck_assert_str_eq (access_key, "AKIDNEW");
  ck_assert_uint_eq (source->n_fetches, 2);
  /* one that comes late */
  ask (cache, replace, 1);
  ck_assert_str_eq (access_key, "AKIDNEW");
  ck_assert_uint_eq (source->n_fetches, 2);
  on_io_thread (drop, cache);
}
END_TEST

START_TEST (test_the_same_again)
{
  g_autofree Source *source = source_new ("AKIDOLD", 0);
  KvsCredentialsCache *cache = kvs_credentials_cache_new (loop, &source->parent);

  ask (cache, get, 1);
  ask (cache, replace, 3);
  ck_assert_ptr_null (access_key);
  ck_assert_ptr_null (failure);
  ck_assert_uint_eq (source->n_fetches, 2);
  /* they are fresh now: the source is left alone */
  ask (cache, replace, 1);
  ck_assert_ptr_null (access_key);
  ck_assert_uint_eq (source->n_fetches, 2);
  /* and may be tried again: policies are changed back */
  ask (cache, get, 1);
  ck_assert_str_eq (access_key, "AKIDOLD");
  on_io_thread (drop, cache);
}
END_TEST

START_TEST (test_refused_and_the_source_fails)
{
  g_autofree Source *source = source_new ("AKIDOLD", 0);
  KvsCredentialsCache *cache = kvs_credentials_cache_new (loop, &source->parent);

  ask (cache, get, 1);
  source->failure = KVS_ERROR_NETWORK;
  ask (cache, replace, 1);
  ck_assert (g_error_matches (failure, KVS_ERROR, KVS_ERROR_NETWORK));
  on_io_thread (drop, cache);
}
END_TEST

/* ---- several sources ---- */

START_TEST (test_first_that_has_some)
{
  g_autofree Source *none = source_new (NULL, 0);
  g_autofree Source *first = source_new ("AKIDFIRST", 0);
  g_autofree Source *second = source_new ("AKIDSECOND", 0);
  KvsCredentialsProvider *chain = kvs_credentials_chain_new ();
  KvsCredentialsCache *cache;

  kvs_credentials_chain_add (chain, &none->parent);
  kvs_credentials_chain_add (chain, &first->parent);
  kvs_credentials_chain_add (chain, &second->parent);
  cache = kvs_credentials_cache_new (loop, chain);
  ask (cache, get, 1);
  ck_assert_str_eq (access_key, "AKIDFIRST");
  ck_assert_uint_eq (second->n_fetches, 0);
  on_io_thread (drop, cache);
}
END_TEST

/* A source that is configured and wrong is not passed by in silence. */
START_TEST (test_failure_ends_the_search)
{
  g_autofree Source *first = source_new ("AKIDFIRST", 0);
  g_autofree Source *second = source_new ("AKIDSECOND", 0);
  KvsCredentialsProvider *chain = kvs_credentials_chain_new ();
  KvsCredentialsCache *cache;

  first->failure = KVS_ERROR_CREDENTIALS;
  kvs_credentials_chain_add (chain, &first->parent);
  kvs_credentials_chain_add (chain, &second->parent);
  cache = kvs_credentials_cache_new (loop, chain);
  ask (cache, get, 1);
  ck_assert (g_error_matches (failure, KVS_ERROR, KVS_ERROR_CREDENTIALS));
  ck_assert_uint_eq (second->n_fetches, 0);
  on_io_thread (drop, cache);
}
END_TEST

/* ---- a file that changes ---- */

static gchar *
write_credentials (const gchar *folder, const gchar *key)
{
  g_autofree gchar *path = g_build_filename (folder, "credential", NULL);
  g_autofree gchar *text = g_strdup_printf ("CREDENTIALS %s secret\n", key);

  ck_assert (g_file_set_contents (path, text, -1, NULL));
  return g_steal_pointer (&path);
}

typedef struct {
  KvsCredentialsCache *cache;
  const gchar *path;
} Watched;

static void
watch (gpointer user_data)
{
  Watched *watched = user_data;

  watched->cache
      = kvs_credentials_cache_new (loop, kvs_file_provider_new (loop, watched->path));
  kvs_credentials_cache_watch (watched->cache, watched->path, G_USEC_PER_SEC / 50);
}

START_TEST (test_file_changes)
{
  g_autofree gchar *folder = g_dir_make_tmp ("credentials-XXXXXX", NULL);
  g_autofree gchar *path = write_credentials (folder, "AKIDFIRST0000000");
  Watched watched = { NULL, path };

  on_io_thread (watch, &watched);
  ask (watched.cache, get, 1);
  ck_assert_str_eq (access_key, "AKIDFIRST0000000");
  /* the first look may come after the first change */
  for (guint i = 0; g_strcmp0 (access_key, "AKIDOTHER0000000") != 0; i++) {
    g_free (write_credentials (folder, i % 50 == 49 ? "AKIDTHIRD0000000" : "AKIDOTHER0000000"));
    g_usleep (G_USEC_PER_SEC / 20);
    ask (watched.cache, get, 1);
  }
  on_io_thread (drop, watched.cache);
  g_unlink (path);
  g_rmdir (folder);
}
END_TEST

/* ---- all elements of the process ---- */

typedef struct {
  KvsCredentialsConfig *config;
  KvsCredentialsCache *cache;
} Opened;

static void
open_shared (gpointer user_data)
{
  Opened *opened = user_data;

  opened->cache = kvs_credentials_cache_for (loop, &(KvsHttpOptions) { .ca_path = NULL },
                                             opened->config);
}

static KvsCredentialsConfig *
config_with_keys (const gchar *key, const gchar *secret)
{
  const KvsEndpointChoice place = { .region = (gchar *) "us-west-2" };
  KvsCredentialsConfig *config = kvs_credentials_config_new (&place);

  config->given = kvs_credentials_new (key, secret, NULL, 0);
  return config;
}

START_TEST (test_one_cache_a_source)
{
  g_autoptr (KvsCredentialsConfig) config = config_with_keys ("AKIDONE", "secret");
  g_autoptr (KvsCredentialsConfig) same = config_with_keys ("AKIDONE", "secret");
  g_autoptr (KvsCredentialsConfig) other = config_with_keys ("AKIDONE", "another");
  Opened opened[] = { { config }, { same }, { other } };

  for (guint i = 0; i < G_N_ELEMENTS (opened); i++)
    on_io_thread (open_shared, &opened[i]);
  ck_assert_ptr_eq (opened[0].cache, opened[1].cache);
  ck_assert_ptr_ne (opened[0].cache, opened[2].cache);
  on_io_thread (drop, opened[0].cache);
  ask (opened[1].cache, get, 1);
  ck_assert_str_eq (access_key, "AKIDONE");
  on_io_thread (drop, opened[1].cache);
  on_io_thread (drop, opened[2].cache);
  /* nothing is left of it */
  on_io_thread (open_shared, &opened[0]);
  ask (opened[0].cache, get, 1);
  on_io_thread (drop, opened[0].cache);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("credentials-cache");
  TCase *tc = tcase_create ("cache");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, test_all_share_one_fetch);
  tcase_add_test (tc, test_cancelled_while_it_waits);
  tcase_add_test (tc, test_refreshed_by_itself);
  tcase_add_test (tc, test_old_ones_serve_while_the_source_fails);
  tcase_add_test (tc, test_nothing_there);
  tcase_add_test (tc, test_expired_already);
  tcase_add_test (tc, test_gone_while_it_fetches);
  tcase_add_test (tc, test_replaced_once_for_all);
  tcase_add_test (tc, test_the_same_again);
  tcase_add_test (tc, test_refused_and_the_source_fails);
  tcase_add_test (tc, test_first_that_has_some);
  tcase_add_test (tc, test_failure_ends_the_search);
  tcase_add_test (tc, test_file_changes);
  tcase_add_test (tc, test_one_cache_a_source);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
