/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test exports a g_get_real_time() of its own, which goes before GLib's. */
#include "wall-clock.h"

#include <time.h>

#define EXPORT __attribute__ ((visibility ("default")))

static gint64 fixed_us;
static gint64 offset_us;

EXPORT gint64
g_get_real_time (void)
{
  gint64 fixed = __atomic_load_n (&fixed_us, __ATOMIC_ACQUIRE);
  struct timespec now;

  if (fixed != 0)
    return fixed;
  clock_gettime (CLOCK_REALTIME, &now);
  return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000
         + __atomic_load_n (&offset_us, __ATOMIC_ACQUIRE);
}

/* @now_us: where it stands still, 0 to go on with the machine's */
void
wall_clock_set_us (gint64 now_us)
{
  __atomic_store_n (&fixed_us, now_us, __ATOMIC_RELEASE);
}

void
wall_clock_step_us (gint64 step_us)
{
  __atomic_add_fetch (&offset_us, step_us, __ATOMIC_ACQ_REL);
}
