/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsEndpointCache: where streams take media, as GetDataEndpoint said, for all producers of the
 * process. I/O thread only. */
#pragma once

#include "net/loop.h"

G_BEGIN_DECLS

/* As long as AWS's own producers keep an endpoint */
#define KVS_ENDPOINT_LIFETIME_US (40 * 60 * (gint64) G_USEC_PER_SEC)

typedef struct _KvsEndpointCache KvsEndpointCache;

KvsEndpointCache *kvs_endpoint_cache_of (KvsLoop *loop);
KvsEndpointCache *kvs_endpoint_cache_new (void);
void kvs_endpoint_cache_free (KvsEndpointCache *cache);

const gchar *kvs_endpoint_cache_get (KvsEndpointCache *cache, const gchar *control_endpoint,
                                     const gchar *stream_arn, gint64 now_us);
void kvs_endpoint_cache_set (KvsEndpointCache *cache, const gchar *control_endpoint,
                             const gchar *stream_arn, const gchar *data_endpoint, gint64 now_us);
void kvs_endpoint_cache_drop (KvsEndpointCache *cache, const gchar *control_endpoint,
                              const gchar *stream_arn, const gchar *data_endpoint);

G_END_DECLS
