/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/spare-memory.h"

#include <malloc.h>

#define SHARED_KEY "spare-memory"

/* Streams that lived through the same outage are done with it at about the same time, and what the last
 * one has just freed is to be among it. */
#define DELAY_US G_USEC_PER_SEC

/* Streams whose fragments are large ask after each of these. */
#define MIN_INTERVAL_US (10 * G_USEC_PER_SEC)

typedef struct {
  KvsLoop *loop;
  KvsLoopTimer *timer;
  gint64 last_us; /* when it was done last; 0: never */
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
  SpareMemory *spare = g_new0 (SpareMemory, 1);

  spare->loop = loop;
  return spare;
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
  spare->last_us = g_get_monotonic_time ();
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

  gint64 delay_us = DELAY_US;

  if (spare->timer != NULL)
    return;
  if (spare->last_us != 0)
    delay_us = MAX (delay_us, spare->last_us + MIN_INTERVAL_US - g_get_monotonic_time ());
  spare->timer = kvs_loop_add_timer (spare->loop, delay_us, on_timer, spare);
}
