/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "stream/spool-io.h"
#include "stream/spool-store-private.h"

static gint
compare_entries (gconstpointer a, gconstpointer b, gpointer user_data)
{
  return kvs_spool_entry_compare (a, b);
}

/* ---- the list ---- */

static void
count (KvsSpoolStore *store, const KvsSpoolEntry *entry, gboolean adds)
{
  KvsSpoolStats *totals = &store->totals;
  const gint64 duration_ns = entry->end_ns - entry->start_ns;

  if (adds) {
    totals->n_fragments++;
    totals->n_frames += entry->n_frames;
    totals->size_bytes += entry->size_bytes;
    totals->duration_ns += duration_ns;
  } else {
    totals->n_fragments--;
    totals->n_frames -= entry->n_frames;
    totals->size_bytes -= entry->size_bytes;
    totals->duration_ns -= duration_ns;
  }
}

void
kvs_spool_store_list (KvsSpoolStore *store, const KvsSpoolEntry *entry)
{
  KvsSpoolEntry *own = g_memdup2 (entry, sizeof *entry);

  /* a folder that changes while it is listed may show a name twice */
  kvs_spool_store_unlist (store, entry);
  g_tree_insert (store->entries, own, own);
  count (store, entry, TRUE);
}

gboolean
kvs_spool_store_unlist (KvsSpoolStore *store, const KvsSpoolEntry *entry)
{
  const KvsSpoolEntry *own = g_tree_lookup (store->entries, entry);

  if (own == NULL)
    return FALSE;
  count (store, own, FALSE);
  g_tree_remove (store->entries, own);
  return TRUE;
}

static void
clear_list (KvsSpoolStore *store)
{
  g_clear_pointer (&store->entries, g_tree_unref);
  store->entries = g_tree_new_full (compare_entries, NULL, NULL, g_free);
  store->totals.n_fragments = 0;
  store->totals.n_frames = 0;
  store->totals.size_bytes = 0;
  store->totals.duration_ns = 0;
}

guint64
kvs_spool_store_get_used_bytes (const KvsSpoolStore *store)
{
  return store->totals.size_bytes
         + (store->part != NULL ? kvs_spool_part_get_size (store->part) : 0);
}

/* ---- the folder ---- */

static int
folder_fd (const KvsSpoolStore *store)
{
  return kvs_spool_folder_get_fd (store->folder);
}

static void
see_name (KvsSpoolStore *store, const gchar *name, GArray *parts, GArray *journals)
{
  KvsSpoolEntry entry;
  KvsSpoolNameKind kind = kvs_spool_name_parse (name, &entry);
  struct stat st;

  if (kind == KVS_SPOOL_NAME_OTHER
      || fstatat (folder_fd (store), name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG (st.st_mode))
    return;
  entry.size_bytes = (guint64) st.st_size;
  store->next_sequence = MAX (store->next_sequence, entry.sequence + 1);
  if (kind == KVS_SPOOL_NAME_FRAGMENT)
    kvs_spool_store_list (store, &entry);
  else
    g_array_append_val (kind == KVS_SPOOL_NAME_PART ? parts : journals, entry.sequence);
}

static gboolean
see_names (KvsSpoolStore *store, GArray *parts, GArray *journals, GError **error)
{
  int fd = openat (folder_fd (store), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  const struct dirent *at;
  int number;

  if (dir == NULL) {
    kvs_spool_io_fail (error, errno, "list", "the folder");
    if (fd >= 0)
      close (fd);
    return FALSE;
  }
  errno = 0;
  while ((at = readdir (dir)) != NULL) {
    see_name (store, at->d_name, parts, journals);
    errno = 0;
  }
  number = errno;
  closedir (dir);
  return number == 0 || kvs_spool_io_fail (error, number, "list", "the folder");
}

static void
take_recovered (KvsSpoolStore *store, KvsSpoolRecovered what, KvsSpoolPart *part)
{
  if (part != NULL) {
    kvs_spool_store_list (store, kvs_spool_part_get_entry (part));
    g_queue_push_tail (&store->unsettled, part);
  }
  if (what == KVS_SPOOL_RECOVERED_DAMAGED)
    store->totals.n_damaged++;
}

static void
recover_part (KvsSpoolStore *store, guint64 sequence)
{
  KvsSpoolPart *part;
  KvsSpoolRecovered what = kvs_spool_part_recover (folder_fd (store), sequence, &part);

  take_recovered (store, what, part);
  if (part != NULL)
    store->totals.n_recovered++;
}

static gboolean
find_sequence (KvsSpoolStore *store, guint64 sequence, KvsSpoolEntry *entry)
{
  const KvsSpoolEntry before = { .sequence = sequence, .start_ns = G_MININT64 };

  return kvs_spool_store_next (store, &before, entry) && entry->sequence == sequence;
}

static gboolean
is_missing (const KvsSpoolStore *store, const gchar *name)
{
  struct stat st;

  return fstatat (folder_fd (store), name, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

static void
recover_whole (KvsSpoolStore *store, const KvsSpoolEntry *entry)
{
  KvsSpoolPart *part;
  KvsSpoolRecovered what = kvs_spool_part_recover_whole (folder_fd (store), entry, &part);
  gchar name[KVS_SPOOL_NAME_MAX_BYTES];

  kvs_spool_name_of_fragment (entry, name);
  if (part != NULL || is_missing (store, name))
    kvs_spool_store_unlist (store, entry);
  take_recovered (store, what, part);
}

/* A crash came between the name of the whole file and the end of its journal. */
static void
take_lone_journal (KvsSpoolStore *store, guint64 sequence)
{
  gchar name[KVS_SPOOL_NAME_MAX_BYTES];
  KvsSpoolEntry entry;

  kvs_spool_name_of_part (sequence, name);
  if (!is_missing (store, name))
    return;
  if (find_sequence (store, sequence, &entry)) {
    recover_whole (store, &entry);
    return;
  }
  kvs_spool_name_of_journal (sequence, name);
  unlinkat (folder_fd (store), name, 0);
}

static gboolean
list_folder (KvsSpoolStore *store, GError **error)
{
  g_autoptr (GArray) parts = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GArray) journals = g_array_new (FALSE, FALSE, sizeof (guint64));

  clear_list (store);
  store->generation++;
  if (!see_names (store, parts, journals, error))
    return FALSE;
  for (guint i = 0; i < journals->len; i++)
    take_lone_journal (store, g_array_index (journals, guint64, i));
  for (guint i = 0; i < parts->len; i++)
    recover_part (store, g_array_index (parts, guint64, i));
  return TRUE;
}

static void
leave_folder (KvsSpoolStore *store)
{
  g_clear_pointer (&store->part, kvs_spool_part_free);
  g_clear_pointer (&store->folder, kvs_spool_folder_close);
}

/**
 * kvs_spool_store_refresh:
 * @store: a store
 * @error: %KVS_ERROR_SPOOL
 *
 * Should the folder have been removed, or its disk been replaced, goes on with what is there now. A
 * Fragment that was growing is no longer. kvs_spool_store_begin(), _write() and _read() do this
 * themselves.
 *
 * Returns: whether there is a folder
 */
gboolean
kvs_spool_store_refresh (KvsSpoolStore *store, GError **error)
{
  if (store->folder != NULL && kvs_spool_folder_is_current (store->folder))
    return TRUE;
  leave_folder (store);
  store->folder = kvs_spool_folder_open (store->path, store->stream_name, error);
  if (store->folder == NULL)
    return FALSE;
  if (list_folder (store, error))
    return TRUE;
  leave_folder (store);
  return FALSE;
}

/**
 * kvs_spool_store_open:
 * @folder: where spools are; each stream has a folder below
 * @stream_name: of the stream
 * @max_bytes: bound on all files together
 * @error: %KVS_ERROR_BAD_ARGUMENT, or %KVS_ERROR_SPOOL
 *
 * Finishes what a crash left unfinished, and lists what is there without opening it. What was
 * finished is for kvs_spool_store_take_unsettled().
 *
 * Returns: (transfer full) (nullable): a store; nobody else has the same one
 */
KvsSpoolStore *
kvs_spool_store_open (const gchar *folder, const gchar *stream_name, guint64 max_bytes,
                      GError **error)
{
  KvsSpoolStore *store = g_new0 (KvsSpoolStore, 1);

  store->path = g_strdup (folder);
  store->stream_name = g_strdup (stream_name);
  store->max_bytes = max_bytes;
  store->entries = g_tree_new_full (compare_entries, NULL, NULL, g_free);
  store->next_sequence = 1;
  if (kvs_spool_store_refresh (store, error))
    return store;
  kvs_spool_store_close (store);
  return NULL;
}

/**
 * kvs_spool_store_close:
 * @store: (transfer full) (nullable): a store
 *
 * A Fragment that grows is left as a crash would leave it.
 */
void
kvs_spool_store_close (KvsSpoolStore *store)
{
  if (store == NULL)
    return;
  leave_folder (store);
  g_queue_clear_full (&store->unsettled, (GDestroyNotify) kvs_spool_part_free);
  g_tree_unref (store->entries);
  g_free (store->path);
  g_free (store->stream_name);
  g_free (store);
}

/* ---- reading ---- */

/**
 * kvs_spool_store_next:
 * @store: a store
 * @after: (nullable): an entry, which need not be there any more; %NULL for the oldest one
 * @entry: (out): the one recorded after it
 *
 * Looks at no file.
 *
 * Returns: whether there is one
 */
gboolean
kvs_spool_store_next (KvsSpoolStore *store, const KvsSpoolEntry *after, KvsSpoolEntry *entry)
{
  GTreeNode *node = after != NULL ? g_tree_upper_bound (store->entries, after)
                                  : g_tree_node_first (store->entries);

  if (node == NULL)
    return FALSE;
  *entry = *(const KvsSpoolEntry *) g_tree_node_key (node);
  return TRUE;
}

/* Should it not let itself be moved, it is found again when the store is opened next. */
static void
set_aside (KvsSpoolStore *store, const KvsSpoolEntry *entry, const gchar *name)
{
  kvs_spool_store_unlist (store, entry);
  if (kvs_spool_io_set_aside (folder_fd (store), name, NULL))
    store->totals.n_damaged++;
}

/* A disk may be away for a moment; one that cannot read the same file when it is asked again,
 * later, has a bad spot there.
 * @number: errno */
static gboolean
has_bad_spot (KvsSpoolStore *store, const KvsSpoolEntry *entry, int number)
{
  gboolean is_again = store->unreadable == entry->sequence;

  if (number != EIO && number != EBADMSG && number != EUCLEAN)
    return FALSE;
  store->unreadable = entry->sequence;
  return is_again;
}

/**
 * kvs_spool_store_read:
 * @store: a store
 * @entry: one that it lists
 * @error: %KVS_ERROR_SPOOL_DAMAGED if the file is not as it was written, or the disk cannot read it
 *   for the second time, in which case it was set aside, or is gone: it is no longer listed, go on
 *   with the next; %KVS_ERROR_SPOOL
 *
 * Returns: (transfer full) (nullable): the Fragment as it goes on the wire
 */
KvsSpoolFragment *
kvs_spool_store_read (KvsSpoolStore *store, const KvsSpoolEntry *entry, GError **error)
{
  gchar name[KVS_SPOOL_NAME_MAX_BYTES];
  g_autoptr (GBytes) file = NULL;
  g_autoptr (GError) own_error = NULL;
  KvsSpoolFragment *fragment = NULL;

  kvs_spool_name_of_fragment (entry, name);
  if (!kvs_spool_store_refresh (store, error))
    return NULL;
  file = kvs_spool_io_read (folder_fd (store), name, KVS_SPOOL_FILE_MAX_BYTES, &own_error);
  if (file == NULL && has_bad_spot (store, entry, errno))
    own_error->code = KVS_ERROR_SPOOL_DAMAGED;
  if (file != NULL)
    fragment = kvs_spool_fragment_parse (file, &own_error);
  if (fragment != NULL)
    return fragment;
  if (g_error_matches (own_error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED)) {
    set_aside (store, entry, name);
    if (file != NULL || store->unreadable == entry->sequence)
      g_prefix_error (&own_error, "%s in the disk spool is set aside: ", name);
  }
  g_propagate_error (error, g_steal_pointer (&own_error));
  return NULL;
}

/**
 * kvs_spool_store_remove:
 * @store: a store
 * @entry: one that it lists or listed
 * @error: %KVS_ERROR_SPOOL; it is no longer listed, but comes back when the store is opened next
 *
 * Deletes a Fragment that has been delivered.
 *
 * Returns: whether it is gone
 */
gboolean
kvs_spool_store_remove (KvsSpoolStore *store, const KvsSpoolEntry *entry, GError **error)
{
  gchar name[KVS_SPOOL_NAME_MAX_BYTES];

  kvs_spool_name_of_fragment (entry, name);
  if (!kvs_spool_store_unlist (store, entry))
    return TRUE;
  if (store->folder == NULL)
    return kvs_spool_io_fail (error, ENOENT, "remove", name);
  if (unlinkat (folder_fd (store), name, 0) != 0 && errno != ENOENT)
    return kvs_spool_io_fail (error, errno, "remove", name);
  return TRUE;
}

/**
 * kvs_spool_store_get_generation:
 * @store: a store
 *
 * Returns: another number after the folder was removed, or its disk replaced, and what is there now
 *   was listed
 */
guint
kvs_spool_store_get_generation (const KvsSpoolStore *store)
{
  return store->generation;
}

/**
 * kvs_spool_store_get_stats:
 * @store: a store
 * @stats: (out): what is there; looks at no file
 */
void
kvs_spool_store_get_stats (const KvsSpoolStore *store, KvsSpoolStats *stats)
{
  GTreeNode *first = g_tree_node_first (store->entries);
  GTreeNode *last = g_tree_node_last (store->entries);

  *stats = store->totals;
  stats->size_bytes = kvs_spool_store_get_used_bytes (store);
  if (first == NULL)
    return;
  stats->oldest_ns = ((const KvsSpoolEntry *) g_tree_node_key (first))->start_ns;
  stats->newest_ns = ((const KvsSpoolEntry *) g_tree_node_key (last))->end_ns;
}
