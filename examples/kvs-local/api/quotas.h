/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the service allows so often a second (kvs-api.md section 16). */
#pragma once

#include "api/bucket.h"

G_BEGIN_DECLS

/**
 * KvsLocalQuota: each counted for a stream, or from %KVS_LOCAL_QUOTA_MASTER_PLAYLISTS on for an HLS
 * or DASH session
 */
typedef enum {
  KVS_LOCAL_QUOTA_PUT_CALLS,
  KVS_LOCAL_QUOTA_PUT_BYTES,
  KVS_LOCAL_QUOTA_PUT_FRAGMENTS,
  KVS_LOCAL_QUOTA_GET_CALLS,
  KVS_LOCAL_QUOTA_GET_BYTES,
  KVS_LOCAL_QUOTA_GET_FRAGMENTS,
  KVS_LOCAL_QUOTA_LIST_BYTES,
  KVS_LOCAL_QUOTA_HLS_URLS,
  KVS_LOCAL_QUOTA_DASH_URLS,
  KVS_LOCAL_QUOTA_METADATA_POINTS,
  KVS_LOCAL_QUOTA_MEDIA_POINTS,
  KVS_LOCAL_QUOTA_MASTER_PLAYLISTS,
  KVS_LOCAL_QUOTA_MEDIA_PLAYLISTS,
  KVS_LOCAL_QUOTA_MANIFESTS,
  KVS_LOCAL_QUOTA_INIT_FRAGMENTS,
  KVS_LOCAL_QUOTA_MP4_FRAGMENTS,
  KVS_LOCAL_QUOTA_TS_FRAGMENTS,
  KVS_LOCAL_N_QUOTAS,
} KvsLocalQuota;

/**
 * KvsLocalQuotas: what a stream or a session has used; all zero is nothing
 */
typedef struct {
  /*< private >*/
  KvsLocalBucket buckets[KVS_LOCAL_N_QUOTAS];
} KvsLocalQuotas;

gboolean kvs_local_quotas_take (KvsLocalQuotas *quotas, KvsLocalQuota quota, guint64 n,
                                gint64 now_us, GError **error);
gint64 kvs_local_quotas_spend (KvsLocalQuotas *quotas, KvsLocalQuota quota, guint64 n,
                               gint64 now_us);

G_END_DECLS
