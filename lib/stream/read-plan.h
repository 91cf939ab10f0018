/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsReadPlan: what a reader copies after it has given back the lock under which it found it, so that
 * sources do not wait meanwhile. */
#pragma once

#include "stream/fragment.h"

G_BEGIN_DECLS

#define KVS_READ_PLAN_MAX_COPIES 64
#define KVS_READ_PLAN_MAX_FRAGMENTS 16

typedef struct {
  guint8 *to;
  KvsSlice from;
} KvsReadCopy;

/**
 * KvsReadPlan:
 * @copies: what is left to copy
 * @fragments: references to what that belongs to
 *
 * Lives on the reader's stack, from kvs_read_plan_init() to kvs_read_plan_run().
 */
typedef struct {
  guint n_copies;
  guint n_fragments;
  KvsReadCopy copies[KVS_READ_PLAN_MAX_COPIES];
  KvsFragment *fragments[KVS_READ_PLAN_MAX_FRAGMENTS];
} KvsReadPlan;

void kvs_read_plan_init (KvsReadPlan *plan);
gsize kvs_read_plan_add (KvsReadPlan *plan, KvsFragment *fragment, KvsFragmentCursor *cursor,
                         guint8 *out, gsize size);
void kvs_read_plan_run (KvsReadPlan *plan);

G_END_DECLS
