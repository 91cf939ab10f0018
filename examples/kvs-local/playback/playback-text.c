/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "playback/playback-text.h"

#define MS_PER_SECOND 1000

/* How much larger segments are at most than the fragments they are made of (kvs-api.md section 12) */
#define MP4_PERCENT 110
#define TS_PERCENT 125

/**
 * kvs_local_playback_date_time:
 * @ms: since 1970
 *
 * Returns: (transfer full): the time as ISO 8601 has it, with milliseconds
 */
gchar *
kvs_local_playback_date_time (gint64 ms)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (ms / MS_PER_SECOND);
  g_autofree gchar *seconds = g_date_time_format (time, "%Y-%m-%dT%H:%M:%S");

  return g_strdup_printf ("%s.%03dZ", seconds, (gint) (ms % MS_PER_SECOND));
}

/**
 * kvs_local_playback_bandwidth:
 * @session: a session with fragments
 *
 * Returns: bits per second of the largest segment so far
 */
guint64
kvs_local_playback_bandwidth (const KvsLocalPlaybackSession *session)
{
  return session->peak_bytes_per_second * 8 * (session->request.is_ts ? TS_PERCENT : MP4_PERCENT)
         / 100;
}
