/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this process has used so far. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * BenchMemory:
 * @resident_bytes: RSS
 * @private_bytes: what no other process shares (USS)
 * @n_threads: how many threads there are
 */
typedef struct {
  gint64 resident_bytes;
  gint64 private_bytes;
  gint64 n_threads;
} BenchMemory;

void bench_memory_read (BenchMemory *memory);
gint64 bench_thread_cpu_ns (void);
gdouble bench_seconds_since (gint64 begin_us);
void bench_usage_begin (void);
void bench_print_usage (gint64 begin_us);

G_END_DECLS
