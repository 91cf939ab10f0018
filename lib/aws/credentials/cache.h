/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsCredentialsCache: credentials of one source, kept fresh for all who use it. */
#pragma once

#include "aws/credentials/provider.h"
#include "net/loop.h"

G_BEGIN_DECLS

typedef struct _KvsCredentialsCache KvsCredentialsCache;
typedef struct _KvsCredentialsWaiter KvsCredentialsWaiter;

KvsCredentialsCache *kvs_credentials_cache_new (KvsLoop *loop, KvsCredentialsProvider *provider);
KvsCredentialsCache *kvs_credentials_cache_ref (KvsCredentialsCache *cache);
void kvs_credentials_cache_unref (KvsCredentialsCache *cache);
void kvs_credentials_cache_own (KvsCredentialsCache *cache, gpointer thing, GDestroyNotify free);
void kvs_credentials_cache_watch (KvsCredentialsCache *cache, const gchar *path,
                                  gint64 interval_us);

KvsCredentials *kvs_credentials_cache_peek (KvsCredentialsCache *cache);
KvsCredentialsWaiter *kvs_credentials_cache_get (KvsCredentialsCache *cache,
                                                 KvsCredentialsFunc func, gpointer user_data);
KvsCredentialsWaiter *kvs_credentials_cache_replace (KvsCredentialsCache *cache,
                                                     KvsCredentials *refused,
                                                     KvsCredentialsFunc func, gpointer user_data);
void kvs_credentials_waiter_cancel (KvsCredentialsWaiter *waiter);

G_END_DECLS
