/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for what other threads do, with a bound that only a hang reaches. */
#pragma once

#include <glib.h>

#define WAIT_LIMIT_US (20 * (gint64) G_USEC_PER_SEC)

/* Counts the process's threads, those of a sanitizer too: compare with what there was before. */
static inline guint
count_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static inline gboolean
wait_until (gboolean (*condition) (gpointer user_data), gpointer user_data)
{
  gint64 deadline_us = g_get_monotonic_time () + WAIT_LIMIT_US;

  while (!condition (user_data)) {
    if (g_get_monotonic_time () > deadline_us)
      return FALSE;
    g_usleep (1000);
  }
  return TRUE;
}

static inline gboolean
has_threads (gpointer user_data)
{
  return count_threads () == GPOINTER_TO_UINT (user_data);
}

static inline gpointer
do_nothing (gpointer data)
{
  return data;
}

/* ThreadSanitizer starts its own thread together with the first one; and a thread that was joined is
 * still listed for a moment. */
static inline guint
count_threads_before (void)
{
  guint least;

  g_thread_join (g_thread_new ("first", do_nothing, NULL));
  least = count_threads ();
  for (guint i = 0; i < 10 && least > 1; i++) {
    g_usleep (1000);
    least = MIN (least, count_threads ());
  }
  return least;
}

static inline gboolean
wait_until_threads_are (guint n)
{
  return wait_until (has_threads, GUINT_TO_POINTER (n));
}
