/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usage.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* The sum of the numbers on the lines of a file of /proc that begin with a name */
static gint64
sum_lines (const gchar *path, const gchar *name)
{
  FILE *file = fopen (path, "re");
  gint64 sum = 0;
  gchar line[256];

  if (file == NULL)
    return 0;
  while (fgets (line, sizeof line, file) != NULL)
    if (g_str_has_prefix (line, name))
      sum += g_ascii_strtoll (line + strcspn (line, ":") + 1, NULL, 10);
  fclose (file);
  return sum;
}

/**
 * bench_memory_read:
 * @memory: (out): as it is now
 */
void
bench_memory_read (BenchMemory *memory)
{
  memory->resident_bytes = sum_lines ("/proc/self/smaps_rollup", "Rss:") * 1024;
  memory->private_bytes = sum_lines ("/proc/self/smaps_rollup", "Private_") * 1024;
  memory->n_threads = sum_lines ("/proc/self/status", "Threads:");
}

/**
 * bench_thread_cpu_ns:
 *
 * Returns: CPU time of the calling thread
 */
gint64
bench_thread_cpu_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/**
 * bench_seconds_since:
 * @begin_us: monotonic
 */
gdouble
bench_seconds_since (gint64 begin_us)
{
  return (gdouble) (g_get_monotonic_time () - begin_us) / G_USEC_PER_SEC;
}

static gdouble
seconds (const struct timeval *time)
{
  return (gdouble) time->tv_sec + (gdouble) time->tv_usec / G_USEC_PER_SEC;
}

/* What was used before bench_usage_begin() */
static struct rusage before;

/**
 * bench_usage_begin:
 *
 * What was used until now is preparation, and does not count. Without this call all counts.
 */
void
bench_usage_begin (void)
{
  getrusage (RUSAGE_SELF, &before);
}

/**
 * bench_print_usage:
 * @begin_us: monotonic time of the beginning
 *
 * Prints members of a JSON object: time, CPU time and memory of the whole process.
 */
void
bench_print_usage (gint64 begin_us)
{
  struct rusage usage;
  gdouble user, system;

  getrusage (RUSAGE_SELF, &usage);
  user = seconds (&usage.ru_utime) - seconds (&before.ru_utime);
  system = seconds (&usage.ru_stime) - seconds (&before.ru_stime);
  /* ru_maxrss is no good: a program begins with that of the process that started it */
  printf ("\"wall\": %.6f, \"user\": %.6f, \"system\": %.6f, \"cpu\": %.6f, "
          "\"peak_resident\": %" G_GINT64_FORMAT ", \"switches\": %ld",
          bench_seconds_since (begin_us), user, system, user + system,
          sum_lines ("/proc/self/status", "VmHWM:") * 1024,
          usage.ru_nvcsw + usage.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw);
}
