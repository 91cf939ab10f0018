/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/bucket.h"

#define NS_PER_SECOND G_GINT64_CONSTANT (1000000000)
#define NS_PER_US 1000

static gint64
cost_ns (guint64 per_second, guint64 n)
{
  return (gint64) (n * NS_PER_SECOND / per_second);
}

/**
 * kvs_local_bucket_take:
 * @bucket: a bucket
 * @per_second: as many may be had at once, and so many each second
 * @n: how many are wanted; fewer than 2^63 / 10^9
 * @now_us: monotonic time, in microseconds
 *
 * More than @per_second of them can be had when nothing is owed: otherwise that could never be.
 *
 * Returns: whether they can be had, and have been taken
 */
gboolean
kvs_local_bucket_take (KvsLocalBucket *bucket, guint64 per_second, guint64 n, gint64 now_us)
{
  gint64 now_ns = now_us * NS_PER_US;
  gint64 owed_ns = MAX (bucket->paid_until_ns - now_ns, 0);
  gint64 cost = cost_ns (per_second, n);

  if (owed_ns > 0 && owed_ns + cost > NS_PER_SECOND)
    return FALSE;
  bucket->paid_until_ns = now_ns + owed_ns + cost;
  return TRUE;
}

/**
 * kvs_local_bucket_spend:
 * @bucket: a bucket
 * @per_second: as many may be had at once, and so many each second
 * @n: how many were had; fewer than 2^63 / 10^9
 * @now_us: monotonic time, in microseconds
 *
 * Takes them in any case. Who waits as long as this says before the next are had keeps to the pace,
 * and of several who do, each has a part.
 *
 * Returns: microseconds from now on until no more are owed than may be had at once
 */
gint64
kvs_local_bucket_spend (KvsLocalBucket *bucket, guint64 per_second, guint64 n, gint64 now_us)
{
  gint64 now_ns = now_us * NS_PER_US;
  gint64 wait_ns;

  bucket->paid_until_ns = MAX (bucket->paid_until_ns, now_ns) + cost_ns (per_second, n);
  wait_ns = bucket->paid_until_ns - now_ns - NS_PER_SECOND;
  return wait_ns > 0 ? (wait_ns + NS_PER_US - 1) / NS_PER_US : 0;
}
