/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists without what other fragments replace. A clip that was sent again and again has all its fragments
 * at the same producer's times: nothing here may take the square of their number. */
#include <string.h>

#include "store/store-private.h"
#include "store/store-range.h"

typedef struct {
  KvsLocalFragment fragment;
  gboolean is_replaced; /* by one of its group */
} Entry;

/* Fragments of one producer's time, in the order of storing
 * oldest_ms: when the first of them came
 * longest_ms: how long the longest of them lasts */
typedef struct {
  GArray *entries;
  gint64 producer_ms;
  gint64 oldest_ms;
  gint64 longest_ms;
} Group;

/* groups: (element-type Group): those around the one that is looked at
 * row: the first of the group after these */
typedef struct {
  sqlite3_stmt *statement;
  KvsLocalFragment row;
  gboolean has_row;
  GQueue groups;
} Reader;

static void
group_free (gpointer data)
{
  Group *group = data;

  g_array_unref (group->entries);
  g_free (group);
}

static gint64
shown_ms (const KvsLocalFragment *fragment)
{
  return MAX (fragment->duration_ms, 1);
}

static gboolean
read_row (Reader *reader, GError **error)
{
  if (!kvs_local_db_step (reader->statement, &reader->has_row, error))
    return FALSE;
  if (reader->has_row)
    kvs_local_store_read_fragment (reader->statement, &reader->row);
  return TRUE;
}

static gint
compare_numbers_backwards (gconstpointer a, gconstpointer b)
{
  const Entry *const *first = a;
  const Entry *const *second = b;

  return strcmp ((*second)->fragment.number, (*first)->fragment.number);
}

/* A larger number replaces those that came before it, and those that came a little later. */
static void
mark_replaced (Group *group)
{
  g_autoptr (GPtrArray) by_number = g_ptr_array_sized_new (group->entries->len);
  gint64 earliest_ms = G_MAXINT64;

  for (guint i = 0; i < group->entries->len; i++)
    g_ptr_array_add (by_number, &g_array_index (group->entries, Entry, i));
  g_ptr_array_sort (by_number, compare_numbers_backwards);
  for (guint i = 0; i < by_number->len; i++) {
    Entry *entry = g_ptr_array_index (by_number, i);

    entry->is_replaced
      = earliest_ms != G_MAXINT64
        && earliest_ms - entry->fragment.server_ms <= KVS_LOCAL_COLLECTION_GAP_MS;
    earliest_ms = MIN (earliest_ms, entry->fragment.server_ms);
  }
}

/* Puts the group of the row at the end of the queue. */
static gboolean
read_group (Reader *reader, GError **error)
{
  Group *group = g_new0 (Group, 1);

  group->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  group->producer_ms = reader->row.producer_ms;
  group->oldest_ms = G_MAXINT64;
  g_queue_push_tail (&reader->groups, group);
  while (reader->has_row && reader->row.producer_ms == group->producer_ms) {
    const Entry entry = { .fragment = reader->row };

    g_array_append_val (group->entries, entry);
    group->oldest_ms = MIN (group->oldest_ms, entry.fragment.server_ms);
    group->longest_ms = MAX (group->longest_ms, shown_ms (&entry.fragment));
    if (!read_row (reader, error))
      return FALSE;
  }
  mark_replaced (group);
  return TRUE;
}

/* Reads what begins before the longest fragment of @group is over. */
static gboolean
read_beside (Reader *reader, const Group *group, GError **error)
{
  while (reader->has_row && reader->row.producer_ms < group->producer_ms + group->longest_ms) {
    if (!read_group (reader, error))
      return FALSE;
  }
  return TRUE;
}

/* When the first of those came that began before @group and reach into it; the others before it are
 * of no more use. */
static gint64
find_oldest_before (Reader *reader, const Group *group)
{
  gint64 oldest_ms = G_MAXINT64;
  const Group *head;

  while ((head = g_queue_peek_head (&reader->groups))->producer_ms
         < group->producer_ms - KVS_LOCAL_MAX_FRAGMENT_MS)
    group_free (g_queue_pop_head (&reader->groups));
  for (GList *l = reader->groups.head; l->data != group; l = l->next) {
    const Group *before = l->data;

    for (guint i = 0; i < before->entries->len; i++) {
      const KvsLocalFragment *fragment = &g_array_index (before->entries, Entry, i).fragment;

      if (fragment->producer_ms + shown_ms (fragment) > group->producer_ms)
        oldest_ms = MIN (oldest_ms, fragment->server_ms);
    }
  }
  return oldest_ms;
}

/* Whether none that overlaps the fragment came so much earlier that it is of another collection */
static gboolean
is_of_first_collection (const KvsLocalFragment *fragment, GList *link, gint64 oldest_ms)
{
  for (GList *l = link; l != NULL; l = l->next) {
    const Group *group = l->data;

    if (group->producer_ms >= fragment->producer_ms + shown_ms (fragment))
      break;
    oldest_ms = MIN (oldest_ms, group->oldest_ms);
  }
  return fragment->server_ms - oldest_ms <= KVS_LOCAL_COLLECTION_GAP_MS;
}

static gboolean
is_in_range (const KvsLocalRange *range, const KvsLocalFragment *fragment)
{
  if (fragment->producer_ms < range->start_ms || fragment->producer_ms > range->end_ms)
    return FALSE;
  return range->after_id == 0 || fragment->producer_ms > range->after_ms
         || (fragment->producer_ms == range->after_ms && fragment->id > range->after_id);
}

static void
add_group (GList *link, const KvsLocalRange *range, gint64 oldest_ms, guint max, GArray *out)
{
  const Group *group = link->data;

  for (guint i = 0; i < group->entries->len && out->len < max; i++) {
    const Entry *entry = &g_array_index (group->entries, Entry, i);

    if (!entry->is_replaced && is_in_range (range, &entry->fragment)
        && is_of_first_collection (&entry->fragment, link, oldest_ms))
      g_array_append_val (out, entry->fragment);
  }
}

static gboolean
read_all (Reader *reader, const KvsLocalRange *range, guint max, GArray *out, GError **error)
{
  GList *link = NULL;

  if (!read_row (reader, error))
    return FALSE;
  while (out->len < max) {
    const Group *group;

    if ((link == NULL || link->next == NULL) && reader->has_row && !read_group (reader, error))
      return FALSE;
    link = link != NULL ? link->next : reader->groups.head;
    if (link == NULL)
      return TRUE;
    group = link->data;
    if (group->producer_ms > range->end_ms)
      return TRUE;
    if (!read_beside (reader, group, error))
      return FALSE;
    add_group (link, range, find_oldest_before (reader, group), max, out);
  }
  return TRUE;
}

/**
 * kvs_local_store_list_distinct:
 * @store: the store
 * @stream: a stream
 * @range: of the producer's time
 * @max: how many at most
 * @error: where to put an error
 *
 * Like kvs_local_store_list_range(), without what other fragments replace.
 *
 * Returns: (transfer full) (element-type KvsLocalFragment) (nullable): fragments in the order of the
 *   producer's time, and of storing where that is the same
 */
GArray *
kvs_local_store_list_distinct (KvsLocalStore *store, KvsLocalStream *stream,
                               const KvsLocalRange *range, guint max, GError **error)
{
  g_autoptr (sqlite3_stmt) statement
    = kvs_local_db_prepare (store->db,
                            "SELECT " KVS_LOCAL_FRAGMENT_COLUMNS " FROM fragments"
                            " WHERE stream_id = ?1 AND producer_ms >= ?2 ORDER BY producer_ms, id",
                            error);
  g_autoptr (GArray) out = g_array_new (FALSE, TRUE, sizeof (KvsLocalFragment));
  Reader reader = { .statement = statement, .groups = G_QUEUE_INIT };
  gint64 start_ms = range->after_id != 0 ? MAX (range->start_ms, range->after_ms) : range->start_ms;
  gboolean ok;

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, stream->deleted ? 0 : stream->id);
  sqlite3_bind_int64 (statement, 2, start_ms - KVS_LOCAL_MAX_FRAGMENT_MS);
  ok = read_all (&reader, range, max, out, error);
  g_queue_clear_full (&reader.groups, group_free);
  return ok ? g_steal_pointer (&out) : NULL;
}
