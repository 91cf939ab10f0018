/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-turn.h"

struct _KvsSpoolTurn {
  gchar *path;
};

/* All of the process, in the order in which they came */
static GMutex lock;
static GCond changed;
static GQueue turns = G_QUEUE_INIT;

/**
 * kvs_spool_turn_new:
 * @folder: where spools are
 * @stream_name: of the stream
 *
 * Any thread, as all of this.
 *
 * Returns: (transfer full): a place behind all that want the same spool by now
 */
KvsSpoolTurn *
kvs_spool_turn_new (const gchar *folder, const gchar *stream_name)
{
  KvsSpoolTurn *turn = g_new0 (KvsSpoolTurn, 1);

  turn->path = g_build_filename (folder, stream_name, NULL);
  g_mutex_lock (&lock);
  g_queue_push_tail (&turns, turn);
  g_mutex_unlock (&lock);
  return turn;
}

static gboolean
has_come (const KvsSpoolTurn *turn)
{
  for (const GList *link = turns.head; link->data != turn; link = link->next) {
    if (g_str_equal (((const KvsSpoolTurn *) link->data)->path, turn->path))
      return FALSE;
  }
  return TRUE;
}

/**
 * kvs_spool_turn_wait:
 * @turn: a turn
 * @timeout_us: how long at most
 *
 * Blocks until those are gone that came before.
 *
 * Returns: whether they are
 */
gboolean
kvs_spool_turn_wait (KvsSpoolTurn *turn, gint64 timeout_us)
{
  gint64 end_us = g_get_monotonic_time () + timeout_us;
  gboolean has_it;

  g_mutex_lock (&lock);
  while (!(has_it = has_come (turn)) && g_cond_wait_until (&changed, &lock, end_us))
    ;
  g_mutex_unlock (&lock);
  return has_it;
}

/**
 * kvs_spool_turn_free:
 * @turn: (transfer full) (nullable): a turn
 *
 * The next one has it from now on.
 */
void
kvs_spool_turn_free (KvsSpoolTurn *turn)
{
  if (turn == NULL)
    return;
  g_mutex_lock (&lock);
  g_queue_remove (&turns, turn);
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
  g_free (turn->path);
  g_free (turn);
}
