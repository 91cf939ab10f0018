/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/cache.h"

#include "net/file-watch.h"

/* Credentials are renewed when this part of their time is over, give or take the jitter. */
#define REFRESH_AT 0.7
#define REFRESH_JITTER 0.1
/* A source that fails is asked again after a random time up to a bound that doubles. */
#define FIRST_RETRY_US G_USEC_PER_SEC
#define LAST_RETRY_US (60 * G_USEC_PER_SEC)
#define LEAST_RETRY_US (G_USEC_PER_SEC / 10)
/* No source is asked for others than those refused more often: a hundred cameras may be refused. */
#define LEAST_AGE_US G_USEC_PER_SEC

struct _KvsCredentialsWaiter {
  KvsCredentialsCache *cache;
  KvsLoopTimer *timer; /* while what it waits for is there already */
  KvsCredentials *refused; /* the waiter is after others than these; or NULL */
  KvsCredentialsFunc func;
  gpointer user_data;
};

struct _KvsCredentialsCache {
  guint refs;
  KvsLoop *loop;
  KvsCredentialsProvider *provider;
  KvsCredentials *current;
  gint64 replaced_at_us; /* when it was last asked for others than those refused, monotonic */
  gboolean is_replacing; /* the service does not take the current ones */
  KvsCredentialsFetch *fetch;
  KvsLoopTimer *refresh_timer;
  guint n_failures;
  GQueue waiters; /* of KvsCredentialsWaiter */
  KvsFileWatch *watch;
  gpointer thing; /* which goes with the cache */
  GDestroyNotify thing_free;
};

/**
 * kvs_credentials_cache_new:
 * @loop: the I/O thread, on which all of this runs; must outlive the cache
 * @provider: (transfer full): the source
 *
 * Returns: (transfer full): a cache that has nothing yet
 */
KvsCredentialsCache *
kvs_credentials_cache_new (KvsLoop *loop, KvsCredentialsProvider *provider)
{
  KvsCredentialsCache *cache = g_new0 (KvsCredentialsCache, 1);

  cache->refs = 1;
  cache->loop = loop;
  cache->provider = provider;
  g_queue_init (&cache->waiters);
  return cache;
}

/**
 * kvs_credentials_cache_ref:
 * @cache: a cache
 *
 * Returns: (transfer full): the same cache
 */
KvsCredentialsCache *
kvs_credentials_cache_ref (KvsCredentialsCache *cache)
{
  cache->refs++;
  return cache;
}

/**
 * kvs_credentials_cache_unref:
 * @cache: (transfer full) (nullable): a cache; who waits on it holds a reference
 */
void
kvs_credentials_cache_unref (KvsCredentialsCache *cache)
{
  if (cache == NULL || --cache->refs > 0)
    return;
  kvs_loop_cancel_timer (cache->loop, &cache->refresh_timer);
  g_clear_pointer (&cache->watch, kvs_file_watch_free);
  kvs_credentials_fetch_cancel (cache->fetch);
  g_clear_pointer (&cache->current, kvs_credentials_unref);
  kvs_credentials_provider_free (cache->provider);
  if (cache->thing_free != NULL)
    cache->thing_free (cache->thing);
  g_free (cache);
}

static gboolean
is_valid (const KvsCredentials *credentials)
{
  return credentials != NULL
         && (credentials->expiration_us == 0 || credentials->expiration_us > g_get_real_time ());
}

static gboolean
are_equal (const KvsCredentials *a, const KvsCredentials *b)
{
  return g_strcmp0 (a->access_key, b->access_key) == 0
         && g_strcmp0 (a->secret_key, b->secret_key) == 0
         && g_strcmp0 (a->session_token, b->session_token) == 0;
}

/* ---- fetching ---- */

static void start_fetch (KvsCredentialsCache *cache);

static void
on_refresh_timer (gpointer user_data)
{
  KvsCredentialsCache *cache = user_data;

  cache->refresh_timer = NULL;
  start_fetch (cache);
}

static void
refresh_after (KvsCredentialsCache *cache, gint64 delay_us)
{
  kvs_loop_cancel_timer (cache->loop, &cache->refresh_timer);
  cache->refresh_timer
      = kvs_loop_add_timer (cache->loop, delay_us, on_refresh_timer, cache);
}

static void
schedule_refresh (KvsCredentialsCache *cache)
{
  gint64 left_us = cache->current->expiration_us - g_get_real_time ();
  gdouble part = REFRESH_AT + g_random_double_range (-REFRESH_JITTER, REFRESH_JITTER);

  if (cache->current->expiration_us != 0)
    refresh_after (cache, MAX ((gint64) ((gdouble) left_us * part), LEAST_RETRY_US));
}

static void
schedule_retry (KvsCredentialsCache *cache)
{
  gint64 bound_us = MIN (FIRST_RETRY_US << MIN (cache->n_failures, 6), LAST_RETRY_US);

  cache->n_failures++;
  refresh_after (cache, MAX ((gint64) g_random_double_range (0, (gdouble) bound_us),
                             LEAST_RETRY_US));
}

static void
waiter_free (KvsCredentialsWaiter *waiter)
{
  g_clear_pointer (&waiter->refused, kvs_credentials_unref);
  g_free (waiter);
}

/* The waiter has left the queue. */
static void
answer (KvsCredentialsWaiter *waiter, const GError *error)
{
  KvsCredentialsCache *cache = waiter->cache;
  g_autoptr (KvsCredentials) credentials = NULL;
  KvsCredentialsFunc func = waiter->func;
  gpointer user_data = waiter->user_data;

  if (error == NULL && (waiter->refused == NULL || !are_equal (cache->current, waiter->refused)))
    credentials = kvs_credentials_ref (cache->current);
  waiter_free (waiter);
  func (credentials, error, user_data);
}

static void
answer_waiters (KvsCredentialsCache *cache, const GError *error)
{
  guint n = cache->waiters.length;

  while (n-- > 0 && cache->waiters.length > 0)
    answer (g_queue_pop_head (&cache->waiters), error);
}

static void
take (KvsCredentialsCache *cache, KvsCredentials *credentials)
{
  g_clear_pointer (&cache->current, kvs_credentials_unref);
  cache->current = kvs_credentials_ref (credentials);
  cache->n_failures = 0;
  schedule_refresh (cache);
}

static void
on_fetched (KvsCredentials *credentials, const GError *error, gpointer user_data)
{
  KvsCredentialsCache *cache = kvs_credentials_cache_ref (user_data);
  g_autoptr (GError) none = NULL;

  cache->fetch = NULL;
  if (cache->is_replacing)
    cache->replaced_at_us = g_get_monotonic_time ();
  cache->is_replacing = FALSE;
  if (credentials != NULL && !is_valid (credentials)) {
    none = g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS,
                        "The credentials of %s have expired already", cache->provider->name);
    error = none;
  } else if (credentials == NULL && error == NULL) {
    none = g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS, "There are no AWS credentials in %s",
                        cache->provider->name);
    error = none;
  }
  if (error == NULL)
    take (cache, credentials);
  else if (is_valid (cache->current))
    /* The old ones are good for a while, and who asks gets these. */
    schedule_retry (cache);
  answer_waiters (cache, error);
  kvs_credentials_cache_unref (cache);
}

static void
start_fetch (KvsCredentialsCache *cache)
{
  kvs_loop_cancel_timer (cache->loop, &cache->refresh_timer);
  if (cache->fetch == NULL)
    cache->fetch = kvs_credentials_provider_fetch (cache->provider, on_fetched, cache);
}

static void
on_file_changed (gpointer user_data)
{
  start_fetch (user_data);
}

/* ---- from outside ---- */

/**
 * kvs_credentials_cache_own:
 * @cache: a cache that owns nothing yet
 * @thing: (transfer full): what the source needs for as long as it is there
 * @free: frees @thing after the source
 */
void
kvs_credentials_cache_own (KvsCredentialsCache *cache, gpointer thing, GDestroyNotify free)
{
  cache->thing = thing;
  cache->thing_free = free;
}

/**
 * kvs_credentials_cache_watch:
 * @cache: a cache that watches nothing yet
 * @path: a file that the source reads
 * @interval_us: how often to look
 *
 * The source is asked again when the file has changed.
 */
void
kvs_credentials_cache_watch (KvsCredentialsCache *cache, const gchar *path, gint64 interval_us)
{
  const gchar *const paths[] = { path, NULL };

  cache->watch
      = kvs_file_watch_new (cache->loop, paths, interval_us, on_file_changed, cache);
}

/**
 * kvs_credentials_cache_peek:
 * @cache: a cache
 *
 * Returns: (transfer none) (nullable): credentials that can be used now
 */
KvsCredentials *
kvs_credentials_cache_peek (KvsCredentialsCache *cache)
{
  return is_valid (cache->current) && !cache->is_replacing ? cache->current : NULL;
}

static void
on_waiter_timer (gpointer user_data)
{
  KvsCredentialsWaiter *waiter = user_data;

  waiter->timer = NULL;
  answer (waiter, NULL);
}

static KvsCredentialsWaiter *
waiter_new (KvsCredentialsCache *cache, KvsCredentialsFunc func, gpointer user_data)
{
  KvsCredentialsWaiter *waiter = g_new0 (KvsCredentialsWaiter, 1);

  waiter->cache = cache;
  waiter->func = func;
  waiter->user_data = user_data;
  return waiter;
}

static void
answer_soon (KvsCredentialsWaiter *waiter)
{
  waiter->timer = kvs_loop_add_timer (waiter->cache->loop, 0, on_waiter_timer, waiter);
}

static void
wait_for_fetch (KvsCredentialsWaiter *waiter)
{
  g_queue_push_tail (&waiter->cache->waiters, waiter);
  start_fetch (waiter->cache);
}

/**
 * kvs_credentials_cache_get:
 * @cache: a cache, to which the caller holds a reference
 * @func: called once, later, with credentials or why there are none
 * @user_data: for @func
 *
 * Returns: what kvs_credentials_waiter_cancel() takes, until @func is called
 */
KvsCredentialsWaiter *
kvs_credentials_cache_get (KvsCredentialsCache *cache, KvsCredentialsFunc func,
                           gpointer user_data)
{
  KvsCredentialsWaiter *waiter = waiter_new (cache, func, user_data);

  if (kvs_credentials_cache_peek (cache) != NULL)
    answer_soon (waiter);
  else
    wait_for_fetch (waiter);
  return waiter;
}

/**
 * kvs_credentials_cache_replace:
 * @cache: a cache, to which the caller holds a reference
 * @refused: credentials of it that the service did not take
 * @func: called once, later, with other credentials, or neither those nor an error where the source
 *   gives the same ones again
 * @user_data: for @func
 *
 * The source is asked once, however many ask at the same time.
 *
 * Returns: what kvs_credentials_waiter_cancel() takes, until @func is called
 */
KvsCredentialsWaiter *
kvs_credentials_cache_replace (KvsCredentialsCache *cache, KvsCredentials *refused,
                               KvsCredentialsFunc func, gpointer user_data)
{
  KvsCredentialsWaiter *waiter = waiter_new (cache, func, user_data);
  gboolean is_news
      = cache->replaced_at_us == 0
        || g_get_monotonic_time () - cache->replaced_at_us >= LEAST_AGE_US;

  waiter->refused = kvs_credentials_ref (refused);
  if (is_valid (cache->current)
      && (!are_equal (cache->current, refused) || !is_news)) {
    answer_soon (waiter);
    return waiter;
  }
  cache->is_replacing = TRUE;
  wait_for_fetch (waiter);
  return waiter;
}

/**
 * kvs_credentials_waiter_cancel:
 * @waiter: (transfer full): what kvs_credentials_cache_get() returned
 *
 * Its function will not be called.
 */
void
kvs_credentials_waiter_cancel (KvsCredentialsWaiter *waiter)
{
  g_queue_remove (&waiter->cache->waiters, waiter);
  kvs_loop_cancel_timer (waiter->cache->loop, &waiter->timer);
  waiter_free (waiter);
}
