/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-store.h"

#include <errno.h>
#include <unistd.h>

#include "error.h"
#include "stream/spool-io.h"
#include "stream/spool-store-private.h"

/* A file that cannot be removed keeps its room, so the caller may not count on it. */
static gboolean
evict_oldest (KvsSpoolStore *store, KvsSpoolLoss *loss, GError **error)
{
  const KvsSpoolEntry oldest
      = *(const KvsSpoolEntry *) g_tree_node_key (g_tree_node_first (store->entries));
  gchar name[KVS_SPOOL_NAME_MAX_BYTES];

  kvs_spool_name_of_fragment (&oldest, name);
  if (unlinkat (kvs_spool_folder_get_fd (store->folder), name, 0) != 0 && errno != ENOENT)
    return kvs_spool_io_fail (error, errno, "remove", name);
  kvs_spool_store_unlist (store, &oldest);
  loss->n_fragments++;
  loss->n_frames += oldest.n_frames;
  loss->size_bytes += oldest.size_bytes;
  return TRUE;
}

/* @own_bytes are in use by what cannot be evicted. */
static gboolean
make_room (KvsSpoolStore *store, guint64 own_bytes, guint64 new_bytes, KvsSpoolLoss *loss,
           GError **error)
{
  if (own_bytes + new_bytes > MIN (store->max_bytes, KVS_SPOOL_FILE_MAX_BYTES)) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_SPOOL,
                         "a fragment alone is larger than the disk spool may be; raise spool-size");
    return FALSE;
  }
  while (g_tree_nnodes (store->entries) > 0
         && kvs_spool_store_get_used_bytes (store) + new_bytes > store->max_bytes) {
    if (!evict_oldest (store, loss, error))
      return FALSE;
  }
  return TRUE;
}

/**
 * kvs_spool_store_begin:
 * @store: a store in which no Fragment grows
 * @header: EBML header to Tracks
 * @times: what belongs to the Fragment
 * @error: %KVS_ERROR_BAD_ARGUMENT for a bad header, %KVS_ERROR_SPOOL
 *
 * Begins a Fragment that grows. It comes after all that were begun or written before.
 *
 * Returns: whether it can be appended to
 */
gboolean
kvs_spool_store_begin (KvsSpoolStore *store, GBytes *header, const KvsSpoolTimes *times,
                       GError **error)
{
  g_return_val_if_fail (store->part == NULL, FALSE);
  if (!kvs_spool_store_refresh (store, error))
    return FALSE;
  store->part = kvs_spool_part_new (kvs_spool_folder_get_fd (store->folder), store->next_sequence,
                                    header, times, error);
  /* also after an error, which may have left a file of that name */
  store->next_sequence++;
  return store->part != NULL;
}

static gboolean
require_part (const KvsSpoolStore *store, GError **error)
{
  if (store->part != NULL)
    return TRUE;
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_SPOOL,
                       "the fragment went away with the folder of the disk spool");
  return FALSE;
}

/**
 * kvs_spool_store_append:
 * @store: a store in which a Fragment grows
 * @piece: whole frames
 * @loss: (inout): what had to go to make room
 * @error: %KVS_ERROR_SPOOL; the Fragment is as it was and may be appended to again
 *
 * Does not sync.
 *
 * Returns: %TRUE if kill -9 cannot take the frames away any more
 */
gboolean
kvs_spool_store_append (KvsSpoolStore *store, const KvsSpoolPiece *piece, KvsSpoolLoss *loss,
                        GError **error)
{
  return require_part (store, error)
         && make_room (store, kvs_spool_part_get_size (store->part),
                       kvs_spool_piece_get_size (piece), loss, error)
         && kvs_spool_part_append (store->part, piece, error);
}

/**
 * kvs_spool_store_sync:
 * @store: a store in which a Fragment grows
 * @error: %KVS_ERROR_SPOOL
 *
 * Waits until the disk has what was appended. kvs_spool_part_settle() does it too; to call this
 * every second bounds what a power cut takes, and costs a flash disk some of its life.
 *
 * Returns: whether it has
 */
gboolean
kvs_spool_store_sync (KvsSpoolStore *store, GError **error)
{
  return require_part (store, error) && kvs_spool_part_sync (store->part, error);
}

/* @part: (transfer full): a whole one */
static void
take_whole (KvsSpoolStore *store, KvsSpoolPart *part, KvsSpoolEntry *entry)
{
  kvs_spool_store_list (store, kvs_spool_part_get_entry (part));
  if (entry != NULL)
    *entry = *kvs_spool_part_get_entry (part);
  g_queue_push_tail (&store->unsettled, part);
}

/**
 * kvs_spool_store_take_unsettled:
 * @store: a store
 *
 * What was written whole, or recovered, may still be taken away by a power cut.
 *
 * Returns: (transfer full) (nullable): what kvs_spool_part_settle() has to be called for, on any
 *   thread; %NULL if there is nothing (more). Without that the store does the work of recovering it
 *   when it is opened next.
 */
KvsSpoolPart *
kvs_spool_store_take_unsettled (KvsSpoolStore *store)
{
  return g_queue_pop_head (&store->unsettled);
}

/**
 * kvs_spool_store_commit:
 * @store: a store in which a Fragment grows, with at least one frame
 * @entry: (out) (optional): what it is listed as
 * @error: %KVS_ERROR_SPOOL; then call kvs_spool_store_abandon() while memory still has the
 *   Fragment, or close the store, and opening it finds what is good of it
 *
 * Returns: %TRUE if the Fragment is whole and listed, and kvs_spool_store_take_unsettled() gives it
 */
gboolean
kvs_spool_store_commit (KvsSpoolStore *store, KvsSpoolEntry *entry, GError **error)
{
  if (!require_part (store, error) || !kvs_spool_part_commit (store->part, error))
    return FALSE;
  take_whole (store, g_steal_pointer (&store->part), entry);
  return TRUE;
}

/**
 * kvs_spool_store_abandon:
 * @store: a store
 *
 * Takes the Fragment that grows, if there is one, away from the disk.
 */
void
kvs_spool_store_abandon (KvsSpoolStore *store)
{
  g_clear_pointer (&store->part, kvs_spool_part_abandon);
}

/**
 * kvs_spool_store_is_growing:
 * @store: a store
 *
 * Returns: whether there is a Fragment that grows
 */
gboolean
kvs_spool_store_is_growing (const KvsSpoolStore *store)
{
  return store->part != NULL;
}

/**
 * kvs_spool_store_write:
 * @store: a store; another Fragment may be growing in it
 * @header: EBML header to Tracks
 * @times: what belongs to the Fragment
 * @fragment: all of it
 * @entry: (out) (optional): what it is listed as
 * @loss: (inout): what had to go to make room
 * @error: %KVS_ERROR_BAD_ARGUMENT for a bad header, %KVS_ERROR_SPOOL; nothing was written then
 *
 * Writes a Fragment in one go. It comes after all that were begun or written before.
 *
 * Returns: %TRUE if it is whole and listed, and kvs_spool_store_take_unsettled() gives it
 */
gboolean
kvs_spool_store_write (KvsSpoolStore *store, GBytes *header, const KvsSpoolTimes *times,
                       const KvsSpoolPiece *fragment, KvsSpoolEntry *entry, KvsSpoolLoss *loss,
                       GError **error)
{
  guint64 own_bytes = g_bytes_get_size (header) + KVS_SPOOL_RECORD_MAX_BYTES;
  KvsSpoolPart *part;

  if (!kvs_spool_store_refresh (store, error)
      || !make_room (store, store->part != NULL ? kvs_spool_part_get_size (store->part) : 0,
                     own_bytes + kvs_spool_piece_get_size (fragment), loss, error))
    return FALSE;
  part = kvs_spool_part_new (kvs_spool_folder_get_fd (store->folder), store->next_sequence++,
                             header, times, error);
  if (part == NULL)
    return FALSE;
  if (!kvs_spool_part_append (part, fragment, error)
      || !kvs_spool_part_commit (part, error)) {
    kvs_spool_part_abandon (part);
    return FALSE;
  }
  take_whole (store, part, entry);
  return TRUE;
}
