/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upload/endpoint-cache.h"

#define LOOP_KEY "kvs-endpoint-cache"

typedef struct {
  gchar *data_endpoint;
  gint64 until_us;
} Entry;

struct _KvsEndpointCache {
  GHashTable *entries; /* "<control endpoint> <stream ARN>" -> Entry */
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->data_endpoint);
  g_free (entry);
}

/* The ARN says account, region and which of the streams that had the name in turn; the control plane
 * decides whether the answer is a host with IPv6, with FIPS, or another service altogether. */
static gchar *
make_key (const gchar *control_endpoint, const gchar *stream_arn)
{
  return g_strdup_printf ("%s %s", control_endpoint, stream_arn);
}

/**
 * kvs_endpoint_cache_new:
 *
 * Returns: (transfer full): a cache with nothing in it
 */
KvsEndpointCache *
kvs_endpoint_cache_new (void)
{
  KvsEndpointCache *cache = g_new (KvsEndpointCache, 1);

  cache->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, entry_free);
  return cache;
}

/**
 * kvs_endpoint_cache_free:
 * @cache: (transfer full): a cache
 */
void
kvs_endpoint_cache_free (KvsEndpointCache *cache)
{
  g_hash_table_unref (cache->entries);
  g_free (cache);
}

static gpointer
make_for_loop (KvsLoop *loop)
{
  return kvs_endpoint_cache_new ();
}

static void
free_for_loop (gpointer cache)
{
  kvs_endpoint_cache_free (cache);
}

/**
 * kvs_endpoint_cache_of:
 * @loop: the loop
 *
 * Returns: (transfer none): the cache that all users of @loop share
 */
KvsEndpointCache *
kvs_endpoint_cache_of (KvsLoop *loop)
{
  return kvs_loop_shared (loop, LOOP_KEY, make_for_loop, free_for_loop);
}

/**
 * kvs_endpoint_cache_get:
 * @cache: a cache
 * @control_endpoint: who was asked
 * @stream_arn: for which stream
 * @now_us: monotonic time
 *
 * Returns: (transfer none) (nullable): what was answered, if that is not too long ago
 */
const gchar *
kvs_endpoint_cache_get (KvsEndpointCache *cache, const gchar *control_endpoint,
                        const gchar *stream_arn, gint64 now_us)
{
  g_autofree gchar *key = make_key (control_endpoint, stream_arn);
  const Entry *entry = g_hash_table_lookup (cache->entries, key);

  return entry != NULL && now_us < entry->until_us ? entry->data_endpoint : NULL;
}

static gboolean
is_too_old (gpointer key, gpointer entry, gpointer now_us)
{
  return ((const Entry *) entry)->until_us <= *(const gint64 *) now_us;
}

/**
 * kvs_endpoint_cache_set:
 * @cache: a cache
 * @control_endpoint: who was asked
 * @stream_arn: for which stream
 * @data_endpoint: what was answered
 * @now_us: monotonic time
 */
void
kvs_endpoint_cache_set (KvsEndpointCache *cache, const gchar *control_endpoint,
                        const gchar *stream_arn, const gchar *data_endpoint, gint64 now_us)
{
  Entry *entry = g_new (Entry, 1);

  entry->data_endpoint = g_strdup (data_endpoint);
  entry->until_us = now_us + KVS_ENDPOINT_LIFETIME_US;
  /* What nobody asks for any more goes here. */
  g_hash_table_foreach_remove (cache->entries, is_too_old, &now_us);
  g_hash_table_replace (cache->entries, make_key (control_endpoint, stream_arn), entry);
}

/**
 * kvs_endpoint_cache_drop:
 * @cache: a cache
 * @control_endpoint: who was asked
 * @stream_arn: for which stream
 * @data_endpoint: what does not work any more
 *
 * Leaves an answer alone that somebody got since.
 */
void
kvs_endpoint_cache_drop (KvsEndpointCache *cache, const gchar *control_endpoint,
                         const gchar *stream_arn, const gchar *data_endpoint)
{
  g_autofree gchar *key = make_key (control_endpoint, stream_arn);
  const Entry *entry = g_hash_table_lookup (cache->entries, key);

  if (entry != NULL && g_str_equal (entry->data_endpoint, data_endpoint))
    g_hash_table_remove (cache->entries, key);
}
