/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/pace.h"

#define US_PER_MS 1000

struct _KvsLocalPace {
  KvsLocalStream *stream;
  KvsLocalPaceFunc go_on;
  gpointer user_data;
  gint64 until_us;
  guint timer; /* runs while the connection is held */
};

/**
 * kvs_local_pace_new:
 * @stream: that media go to or come from
 * @go_on: to call when the connection is not held any more; it may free the pace
 * @user_data: handed to @go_on
 *
 * In the functions below %NULL stands for a connection that is never held.
 *
 * Returns: (transfer full): the pace of one connection, which is not held yet
 */
KvsLocalPace *
kvs_local_pace_new (KvsLocalStream *stream, KvsLocalPaceFunc go_on, gpointer user_data)
{
  KvsLocalPace *pace = g_new0 (KvsLocalPace, 1);

  pace->stream = kvs_local_stream_ref (stream);
  pace->go_on = go_on;
  pace->user_data = user_data;
  return pace;
}

/**
 * kvs_local_pace_free:
 * @pace: (transfer full) (nullable): of a connection that is over
 */
void
kvs_local_pace_free (KvsLocalPace *pace)
{
  if (pace == NULL)
    return;
  g_clear_handle_id (&pace->timer, g_source_remove);
  kvs_local_stream_unref (pace->stream);
  g_free (pace);
}

static void wait_until_paid (KvsLocalPace *pace, gint64 now_us);

/* What was had meanwhile may have made it longer. */
static gboolean
on_timer (gpointer user_data)
{
  KvsLocalPace *pace = user_data;
  gint64 now_us = g_get_monotonic_time ();

  pace->timer = 0;
  if (pace->until_us > now_us)
    wait_until_paid (pace, now_us);
  else
    pace->go_on (pace->user_data);
  return G_SOURCE_REMOVE;
}

static void
wait_until_paid (KvsLocalPace *pace, gint64 now_us)
{
  gint64 wait_ms = (pace->until_us - now_us + US_PER_MS - 1) / US_PER_MS;

  pace->timer = g_timeout_add ((guint) MIN (wait_ms, G_MAXINT), on_timer, pace);
}

/**
 * kvs_local_pace_spend:
 * @pace: (nullable): of a connection
 * @quota: of the stream
 * @n: how many of them the connection had just now
 *
 * Holds the connection until that is within the quota.
 */
void
kvs_local_pace_spend (KvsLocalPace *pace, KvsLocalQuota quota, guint64 n)
{
  gint64 now_us, wait_us;

  if (pace == NULL)
    return;
  now_us = g_get_monotonic_time ();
  wait_us = kvs_local_quotas_spend (&pace->stream->quotas, quota, n, now_us);
  if (wait_us == 0)
    return;
  pace->until_us = MAX (pace->until_us, now_us + wait_us);
  if (pace->timer == 0)
    wait_until_paid (pace, now_us);
}

/**
 * kvs_local_pace_is_held:
 * @pace: (nullable): of a connection
 *
 * Returns: whether nothing may be had now; when that is over, the function is called
 */
gboolean
kvs_local_pace_is_held (const KvsLocalPace *pace)
{
  return pace != NULL && pace->timer != 0;
}
