/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/spare-memory.h"

#include <malloc.h>

#define SHARED_KEY "spare-memory"

/* Streams that lived through the same outage are done with it at about the same time: it is the last one
 * that counts. */
#define QUIET_US G_USEC_PER_SEC

/* Streams whose fragments are large ask after each of these. */
#define INTERVAL_US (10 * G_USEC_PER_SEC)

typedef struct {
  KvsLoopTimer *timer;
  gint64 latest_us; /* that the timer is put off to */
  gint64 earliest_us;
} SpareMemory;

/* The C library keeps what is freed between two pieces in use, however much it is, and media that were
 * buffered together with others lie between those. */
static void
give_back (void)
{
#ifdef __GLIBC__
  malloc_trim (0);
#endif
}

static gpointer
make_spare_memory (KvsLoop *loop)
{
  return g_new0 (SpareMemory, 1);
}

static void
free_spare_memory (gpointer data)
{
  SpareMemory *spare = data;

  if (spare->timer != NULL)
    give_back ();
  g_free (spare);
}

static void
on_timer (gpointer user_data)
{
  SpareMemory *spare = user_data;

  spare->timer = NULL;
  spare->earliest_us = g_get_monotonic_time () + INTERVAL_US;
  give_back ();
}

/**
 * kvs_spare_memory_return:
 * @loop: the loop
 *
 * Much was freed: gives it back to the system a moment later, once for all who ask until then, and not
 * more often than every ten seconds. I/O thread only.
 */
void
kvs_spare_memory_return (KvsLoop *loop)
{
  SpareMemory *spare = kvs_loop_shared (loop, SHARED_KEY, make_spare_memory, free_spare_memory);
  gint64 now_us = g_get_monotonic_time ();
  gint64 when_us = MAX (now_us + QUIET_US, spare->earliest_us);

  if (spare->timer == NULL)
    spare->latest_us = when_us + INTERVAL_US;
  kvs_loop_cancel_timer (loop, &spare->timer);
  spare->timer = kvs_loop_add_timer (loop, MIN (when_us, spare->latest_us) - now_us, on_timer, spare);
}
