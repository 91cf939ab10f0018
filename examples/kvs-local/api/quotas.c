/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/quotas.h"

#include "api/service-error.h"

static const struct {
  guint per_second;
  const gchar *what;
} limits[] = {
  [KVS_LOCAL_QUOTA_PUT_CALLS] = { 5, "PutMedia calls a second for the stream" },
  [KVS_LOCAL_QUOTA_PUT_BYTES] = { 12500000, "bytes a second for PutMedia" },
  [KVS_LOCAL_QUOTA_PUT_FRAGMENTS] = { 5, "fragments a second for PutMedia" },
  [KVS_LOCAL_QUOTA_GET_CALLS] = { 5, "GetMedia calls a second for the stream" },
  [KVS_LOCAL_QUOTA_GET_BYTES] = { 25000000, "bytes a second for GetMedia" },
  [KVS_LOCAL_QUOTA_GET_FRAGMENTS] = { 5, "fragments a second for GetMedia" },
  [KVS_LOCAL_QUOTA_LIST_BYTES] = { 25000000, "bytes a second for GetMediaForFragmentList" },
  [KVS_LOCAL_QUOTA_HLS_URLS] = { 25, "GetHLSStreamingSessionURL calls a second for the stream" },
  [KVS_LOCAL_QUOTA_DASH_URLS] = { 25, "GetDASHStreamingSessionURL calls a second for the stream" },
  [KVS_LOCAL_QUOTA_METADATA_POINTS] = { 10000, "fragment-metadata points a second for the stream" },
  [KVS_LOCAL_QUOTA_MEDIA_POINTS] = { 500, "fragment-media points a second for the stream" },
  [KVS_LOCAL_QUOTA_MASTER_PLAYLISTS] = { 5, "master playlists a second for the session" },
  [KVS_LOCAL_QUOTA_MEDIA_PLAYLISTS] = { 5, "media playlists a second for the session" },
  [KVS_LOCAL_QUOTA_MANIFESTS] = { 5, "manifests a second for the session" },
  [KVS_LOCAL_QUOTA_INIT_FRAGMENTS] = { 5, "MP4 initialization fragments a second for the session" },
  [KVS_LOCAL_QUOTA_MP4_FRAGMENTS] = { 20, "MP4 media fragments a second for the session" },
  [KVS_LOCAL_QUOTA_TS_FRAGMENTS] = { 20, "MPEG-TS fragments a second for the session" },
};

G_STATIC_ASSERT (G_N_ELEMENTS (limits) == KVS_LOCAL_N_QUOTAS);

/**
 * kvs_local_quotas_take:
 * @quotas: of the stream or session that a request is about
 * @quota: what the request uses
 * @n: how many of them
 * @now_us: monotonic time, in microseconds
 * @error: where to put an error
 *
 * Returns: whether they can be had, else with %KVS_LOCAL_ERROR_CLIENT_LIMIT
 */
gboolean
kvs_local_quotas_take (KvsLocalQuotas *quotas, KvsLocalQuota quota, guint64 n, gint64 now_us,
                       GError **error)
{
  if (kvs_local_bucket_take (&quotas->buckets[quota], limits[quota].per_second, n, now_us))
    return TRUE;
  g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_CLIENT_LIMIT,
               "The limit of %u %s is reached.", limits[quota].per_second, limits[quota].what);
  return FALSE;
}

/**
 * kvs_local_quotas_spend:
 * @quotas: of the stream that media go to or come from
 * @quota: what was had
 * @n: how many of them
 * @now_us: monotonic time, in microseconds
 *
 * Returns: microseconds to wait before more is had
 */
gint64
kvs_local_quotas_spend (KvsLocalQuotas *quotas, KvsLocalQuota quota, guint64 n, gint64 now_us)
{
  return kvs_local_bucket_spend (&quotas->buckets[quota], limits[quota].per_second, n, now_us);
}
