/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counts what may be had so often a second. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * KvsLocalBucket: all zero is one of which nothing was taken
 */
typedef struct {
  /*< private >*/
  gint64 paid_until_ns; /* when all that was taken is paid for, at an even pace */
} KvsLocalBucket;

gboolean kvs_local_bucket_take (KvsLocalBucket *bucket, guint64 per_second, guint64 n,
                                gint64 now_us);
gint64 kvs_local_bucket_spend (KvsLocalBucket *bucket, guint64 per_second, guint64 n,
                               gint64 now_us);

G_END_DECLS
