/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-turns.h"

#define SHARED_KEY "http-hosts"

/* Calls that go to one host at a time. */
#define MAX_RUNNING 8

/* How long a call waits for one of these to end. A service that is slow, or gone, costs no more. */
#define MAX_WAIT_US (G_USEC_PER_SEC / 4)

struct _KvsHttpHost {
  GHashTable *table; /* that this one is in */
  gchar *key;
  guint n_running;
  GQueue waiting; /* of KvsHttpTurn */
};

static gpointer
make_table (KvsLoop *loop)
{
  return g_hash_table_new (g_str_hash, g_str_equal);
}

/* Scheme, host and port: what libcurl tells connections apart by. */
static gchar *
key_of (const gchar *url)
{
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_ENCODED, NULL);

  if (uri == NULL)
    return g_strdup (url);
  return g_strdup_printf ("%s://%s:%d", g_uri_get_scheme (uri), g_uri_get_host (uri),
                          g_uri_get_port (uri));
}

static KvsHttpHost *
find_host (KvsLoop *loop, const gchar *url)
{
  GHashTable *table
      = kvs_loop_shared (loop, SHARED_KEY, make_table, (GDestroyNotify) g_hash_table_unref);
  g_autofree gchar *key = key_of (url);
  KvsHttpHost *host = g_hash_table_lookup (table, key);

  if (host != NULL)
    return host;
  host = g_new0 (KvsHttpHost, 1);
  host->table = table;
  host->key = g_steal_pointer (&key);
  g_queue_init (&host->waiting);
  g_hash_table_insert (table, host->key, host);
  return host;
}

static void
drop_if_unused (KvsHttpHost *host)
{
  if (host->n_running > 0 || !g_queue_is_empty (&host->waiting))
    return;
  g_hash_table_remove (host->table, host->key);
  g_free (host->key);
  g_free (host);
}

static void
stop_waiting (KvsHttpTurn *turn)
{
  turn->is_waiting = FALSE;
  g_queue_unlink (&turn->host->waiting, &turn->link);
  kvs_loop_cancel_timer (turn->loop, &turn->timer);
}

static void let_next_start (KvsHttpHost *host);

static void
on_turn (gpointer user_data)
{
  KvsHttpTurn *turn = user_data;
  KvsHttpHost *host = turn->host;

  turn->timer = NULL;
  stop_waiting (turn);
  host->n_running++;
  let_next_start (host);
  turn->start (turn->user_data);
}

/* On a turn of the loop of its own: not from inside of whoever leaves. */
static void
let_next_start (KvsHttpHost *host)
{
  KvsHttpTurn *turn = g_queue_peek_head (&host->waiting);

  if (turn == NULL || host->n_running >= MAX_RUNNING)
    return;
  kvs_loop_cancel_timer (turn->loop, &turn->timer);
  turn->timer = kvs_loop_add_timer (turn->loop, 0, on_turn, turn);
}

/**
 * kvs_http_turn_take:
 * @turn: a place that is not in use
 * @loop: the loop; outlives @turn
 * @url: where the call goes
 * @start: called later, on the I/O thread, where the call has to wait
 * @user_data: for @start
 *
 * I/O thread only. Any turn that was taken has to be left.
 *
 * Returns: whether the call may start at once
 */
gboolean
kvs_http_turn_take (KvsHttpTurn *turn, KvsLoop *loop, const gchar *url, KvsLoopFunc start,
                    gpointer user_data)
{
  KvsHttpHost *host = find_host (loop, url);

  turn->loop = loop;
  turn->host = host;
  turn->link.data = turn;
  turn->start = start;
  turn->user_data = user_data;
  if (host->n_running < MAX_RUNNING) {
    host->n_running++;
    return TRUE;
  }
  turn->is_waiting = TRUE;
  g_queue_push_tail_link (&host->waiting, &turn->link);
  turn->timer = kvs_loop_add_timer (loop, MAX_WAIT_US, on_turn, turn);
  return FALSE;
}

/**
 * kvs_http_turn_leave:
 * @turn: a place, taken or not, of a call that has ended or will not be made
 *
 * Lets the next one start. I/O thread only.
 */
void
kvs_http_turn_leave (KvsHttpTurn *turn)
{
  KvsHttpHost *host = turn->host;

  if (host == NULL)
    return;
  if (turn->is_waiting)
    stop_waiting (turn);
  else
    host->n_running--;
  turn->host = NULL;
  let_next_start (host);
  drop_if_unused (host);
}
