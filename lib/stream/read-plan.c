/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/read-plan.h"

#include <string.h>

/* Less than this is copied at once: it may lie in memory that moves when the fragment grows, and
 * costs less than to make a note of it. */
#define MIN_PLANNED_BYTES 512

G_STATIC_ASSERT (KVS_FRAME_HEAD_MAX_BYTES < MIN_PLANNED_BYTES);

/**
 * kvs_read_plan_init:
 * @plan: (out): gets empty
 */
void
kvs_read_plan_init (KvsReadPlan *plan)
{
  plan->n_copies = plan->n_fragments = 0;
}

static gboolean
hold (KvsReadPlan *plan, KvsFragment *fragment)
{
  if (plan->n_fragments > 0 && plan->fragments[plan->n_fragments - 1] == fragment)
    return TRUE;
  if (plan->n_fragments == KVS_READ_PLAN_MAX_FRAGMENTS)
    return FALSE;
  plan->fragments[plan->n_fragments++] = kvs_fragment_ref (fragment);
  return TRUE;
}

/**
 * kvs_read_plan_add:
 * @plan: a plan
 * @fragment: a fragment
 * @cursor: (inout): where to go on; all zeros for the beginning
 * @out: where the bytes go; complete after kvs_read_plan_run()
 * @size: room in @out
 *
 * Reads on in a fragment. To be called with the lock of its fragment buffer held.
 *
 * Returns: how many bytes were read; less than @size when there are no more for now, or the plan is
 *   full
 */
gsize
kvs_read_plan_add (KvsReadPlan *plan, KvsFragment *fragment, KvsFragmentCursor *cursor, guint8 *out,
                   gsize size)
{
  gsize done = 0;
  KvsSlice slice;

  if (!hold (plan, fragment))
    return 0;
  while (done < size && plan->n_copies < KVS_READ_PLAN_MAX_COPIES
         && kvs_fragment_next_slice (fragment, cursor, size - done, &slice)) {
    if (slice.size < MIN_PLANNED_BYTES)
      memcpy (out + done, slice.data, slice.size);
    else
      plan->copies[plan->n_copies++] = (KvsReadCopy) { out + done, slice };
    done += slice.size;
  }
  return done;
}

/**
 * kvs_read_plan_run:
 * @plan: a plan; empty afterwards
 *
 * Copies what is left to copy. No lock may be held.
 */
void
kvs_read_plan_run (KvsReadPlan *plan)
{
  for (guint i = 0; i < plan->n_copies; i++)
    memcpy (plan->copies[i].to, plan->copies[i].from.data, plan->copies[i].from.size);
  for (guint i = 0; i < plan->n_fragments; i++)
    kvs_fragment_unref (plan->fragments[i]);
  kvs_read_plan_init (plan);
}
