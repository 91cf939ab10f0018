/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/store-timeline.h"

#include "store/store-private.h"

/* By start: the first fragment of a span, and the newest that is near enough to it, which SQLite finds
 * with one look into an index each; and that of a short time which ends last. */
typedef struct {
  const gchar *first;
  const gchar *newest;
  const gchar *longest;
} Queries;

static const Queries queries[] = {
  [KVS_LOCAL_TIME_SERVER]
  = { "SELECT server_ms, duration_ms FROM fragments"
      " WHERE stream_id = ? AND server_ms >= ? AND server_ms <= ? ORDER BY server_ms LIMIT 1",
      "SELECT server_ms, duration_ms FROM fragments"
      " WHERE stream_id = ? AND server_ms > ? AND server_ms <= ? ORDER BY server_ms DESC LIMIT 1",
      "SELECT server_ms, duration_ms FROM fragments"
      " WHERE stream_id = ? AND server_ms > ? AND server_ms <= ?"
      " ORDER BY server_ms + duration_ms DESC LIMIT 1" },
  [KVS_LOCAL_TIME_PRODUCER]
  = { "SELECT producer_ms, duration_ms FROM fragments"
      " WHERE stream_id = ? AND producer_ms >= ? AND producer_ms <= ? ORDER BY producer_ms LIMIT 1",
      "SELECT producer_ms, duration_ms FROM fragments"
      " WHERE stream_id = ? AND producer_ms > ? AND producer_ms <= ?"
      " ORDER BY producer_ms DESC LIMIT 1",
      "SELECT producer_ms, duration_ms FROM fragments"
      " WHERE stream_id = ? AND producer_ms > ? AND producer_ms <= ?"
      " ORDER BY producer_ms + duration_ms DESC LIMIT 1" },
};

typedef struct {
  gint64 stream_id;
  sqlite3_stmt *first;
  sqlite3_stmt *newest;
  sqlite3_stmt *longest;
} Finder;

static void
finder_clear (Finder *finder)
{
  sqlite3_finalize (finder->first);
  sqlite3_finalize (finder->newest);
  sqlite3_finalize (finder->longest);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Finder, finder_clear)

static gboolean
finder_init (Finder *finder, KvsLocalStore *store, const KvsLocalStream *stream,
             KvsLocalTimeKind kind, GError **error)
{
  const Queries *texts = &queries[kind];

  *finder = (Finder) { .stream_id = stream->id };
  finder->first = kvs_local_db_prepare (store->db, texts->first, error);
  if (finder->first == NULL)
    return FALSE;
  finder->newest = kvs_local_db_prepare (store->db, texts->newest, error);
  if (finder->newest == NULL)
    return FALSE;
  finder->longest = kvs_local_db_prepare (store->db, texts->longest, error);
  return finder->longest != NULL;
}

static gboolean
look_up (sqlite3_stmt *statement, gint64 stream_id, gint64 low_ms, gint64 high_ms,
         gboolean *is_found, KvsLocalSpan *out, GError **error)
{
  gboolean ok;

  sqlite3_bind_int64 (statement, 1, stream_id);
  sqlite3_bind_int64 (statement, 2, low_ms);
  sqlite3_bind_int64 (statement, 3, high_ms);
  ok = kvs_local_db_step (statement, is_found, error);
  if (*is_found) {
    out->start_ms = sqlite3_column_int64 (statement, 0);
    out->end_ms = out->start_ms + sqlite3_column_int64 (statement, 1);
  }
  sqlite3_reset (statement);
  return ok;
}

/* Goes from one newest fragment to the next for as long as there is one near enough. */
static gboolean
extend_span (const Finder *finder, gint64 to_ms, gint64 tolerance_ms, KvsLocalSpan *span,
             gint64 *last_start_ms, GError **error)
{
  gboolean is_found = TRUE;

  while (is_found) {
    KvsLocalSpan found;

    if (!look_up (finder->newest, finder->stream_id, *last_start_ms,
                  MIN (to_ms, span->end_ms + tolerance_ms), &is_found, &found, error))
      return FALSE;
    if (is_found) {
      *last_start_ms = found.start_ms;
      span->end_ms = MAX (span->end_ms, found.end_ms);
      continue;
    }
    /* of producers that overlap, another one's fragment may last longer than the newest */
    if (!look_up (finder->longest, finder->stream_id, *last_start_ms - KVS_LOCAL_MAX_FRAGMENT_MS,
                  *last_start_ms, &is_found, &found, error))
      return FALSE;
    is_found = is_found && found.end_ms > span->end_ms;
    if (is_found)
      span->end_ms = found.end_ms;
  }
  return TRUE;
}

/**
 * kvs_local_store_list_spans:
 * @store: the store
 * @stream: a stream
 * @kind: which times
 * @from_ms: beginning of the time that is looked at
 * @to_ms: end of it
 * @tolerance_ms: gaps up to that are none
 * @error: where to put an error
 *
 * The work depends on how many times @tolerance_ms goes into the time that is looked at, and not on
 * how many fragments there are.
 *
 * Returns: (transfer full) (nullable) (element-type KvsLocalSpan): when there are fragments, in order
 */
GArray *
kvs_local_store_list_spans (KvsLocalStore *store, KvsLocalStream *stream, KvsLocalTimeKind kind,
                            gint64 from_ms, gint64 to_ms, gint64 tolerance_ms, GError **error)
{
  g_autoptr (GArray) spans = g_array_new (FALSE, FALSE, sizeof (KvsLocalSpan));
  g_auto (Finder) finder = { 0 };
  /* one that began before may reach into the time */
  gint64 next_ms = from_ms - KVS_LOCAL_MAX_FRAGMENT_MS;

  if (!finder_init (&finder, store, stream, kind, error))
    return NULL;
  for (;;) {
    KvsLocalSpan span;
    gint64 last_start_ms;
    gboolean is_found;

    if (!look_up (finder.first, finder.stream_id, next_ms, to_ms, &is_found, &span, error))
      return NULL;
    if (!is_found)
      return g_steal_pointer (&spans);
    last_start_ms = span.start_ms;
    if (!extend_span (&finder, to_ms, tolerance_ms, &span, &last_start_ms, error))
      return NULL;
    next_ms = last_start_ms + 1;
    if (span.end_ms >= from_ms)
      g_array_append_val (spans, span);
  }
}

/**
 * kvs_local_store_find_extent:
 * @store: the store
 * @stream: a stream
 * @kind: which times
 * @extent: (out): from the start of the earliest fragment to the end of the latest; both 0 if there
 *   is none
 * @error: where to put an error
 *
 * Returns: %FALSE if the index could not be read
 */
gboolean
kvs_local_store_find_extent (KvsLocalStore *store, KvsLocalStream *stream, KvsLocalTimeKind kind,
                             KvsLocalSpan *extent, GError **error)
{
  g_auto (Finder) finder = { 0 };
  KvsLocalSpan latest = { 0 };
  gboolean is_found;

  *extent = (KvsLocalSpan) { 0 };
  if (!finder_init (&finder, store, stream, kind, error)
      || !look_up (finder.first, finder.stream_id, G_MININT64, G_MAXINT64, &is_found, extent, error)
      || !look_up (finder.newest, finder.stream_id, G_MININT64, G_MAXINT64, &is_found, &latest,
                   error))
    return FALSE;
  extent->end_ms = latest.end_ms;
  return TRUE;
}
