/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker of KvsSpool: what is done on disk, one task after the other, and what is told of it. */
#include "stream/spool-private.h"

/* How long the run before may take to put away what it could not deliver. */
#define TURN_US (5 * G_USEC_PER_SEC)

static void
task_free (KvsSpoolTask *task)
{
  kvs_fragment_unref (task->fragment);
  g_clear_pointer (&task->segment, kvs_segment_unref);
  g_clear_pointer (&task->bytes, g_bytes_unref);
  kvs_spool_part_free (task->part);
  g_clear_error (&task->error);
  g_free (task);
}

/* The oldest ones had to go to make room. */
static void
handle_loss (KvsSpool *spool, const KvsSpoolLoss *loss)
{
  g_autoptr (GArray) gone = NULL;
  guint64 n_frames;

  if (loss->n_fragments == 0)
    return;
  gone = kvs_spool_let_go_of_missing (spool, &n_frames);
  kvs_spool_tell_evicted (spool, gone, TRUE);
  kvs_spool_tell_lost (spool, (guint) (loss->n_fragments - MIN (loss->n_fragments, gone->len)),
                       (guint) (loss->n_frames - MIN (loss->n_frames, n_frames)));
}

/* ---- the work ---- */

static gboolean
ensure_open (KvsSpool *spool)
{
  g_autoptr (GError) error = NULL;

  if (spool->store != NULL)
    return TRUE;
  spool->store = kvs_spool_store_open (spool->folder, spool->stream_name, spool->max_bytes,
                                       &error);
  kvs_spool_tell_trouble (spool, KVS_SPOOL_TROUBLE_READING, error);
  return spool->store != NULL;
}

/* Looks again at a disk that could not be read. */
static void
run_probe (KvsSpool *spool)
{
  g_autoptr (GError) error = NULL;

  if (spool->store == NULL)
    ensure_open (spool);
  else if (!kvs_spool_store_refresh (spool->store, &error))
    kvs_spool_tell_trouble (spool, KVS_SPOOL_TROUBLE_READING, error);
  else
    spool->generation = 0;
}

/* What memory has too may be missing in another folder, and that one may hold what nobody knew. */
static void
tell_other_folder (KvsSpool *spool)
{
  guint generation = spool->store != NULL ? kvs_spool_store_get_generation (spool->store) : 0;
  g_autoptr (GArray) gone = NULL;
  guint64 n_frames;

  if (generation == spool->generation)
    return;
  spool->generation = generation;
  gone = kvs_spool_let_go_of_missing (spool, &n_frames);
  kvs_spool_tell_evicted (spool, gone, FALSE);
  kvs_spool_tell_opened (spool);
}

static KvsSpoolTimes
times_of (const KvsSpool *spool, const KvsSegment *segment, guint64 timecode)
{
  return (KvsSpoolTimes) {
    .absolute = !segment->is_relative,
    .segment_start_ns = segment->start_ns,
    .timecode_scale_ns = spool->timecode_scale_ns,
    .timecode = timecode,
  };
}

/* All of a complete fragment, which stays as it is. */
static void
describe (const KvsFragment *fragment, GArray *slices, KvsSpoolPiece *piece)
{
  GBytes *first = fragment->raw != NULL ? fragment->raw : fragment->tags;

  *piece = (KvsSpoolPiece) {
    .start_ns = fragment->start_ns, .end_ns = fragment->end_ns, .n_frames = fragment->n_frames,
    .track_mask = fragment->track_mask,
  };
  if (first != NULL) {
    KvsSlice slice = { g_bytes_get_data (first, NULL), g_bytes_get_size (first) };

    g_array_append_val (slices, slice);
  }
  for (guint i = 0; i < fragment->parts->len; i++) {
    const KvsFragmentPart *part = &g_array_index (fragment->parts, KvsFragmentPart, i);
    KvsSlice head = { part->head, part->head_size };

    g_array_append_val (slices, head);
    g_array_append_vals (slices, part->frame->slices, part->frame->n_slices);
  }
  piece->slices = (const KvsSlice *) slices->data;
  piece->n_slices = slices->len;
}

static gboolean
write_whole (KvsSpool *spool, const KvsFragment *fragment, GError **error)
{
  g_autoptr (GArray) slices = g_array_new (FALSE, FALSE, sizeof (KvsSlice));
  KvsSpoolTimes times = times_of (spool, fragment->segment, fragment->timecode);
  KvsSpoolLoss loss = { 0 };
  KvsSpoolPiece piece;
  KvsSpoolEntry entry;
  gboolean good;

  describe (fragment, slices, &piece);
  good = kvs_spool_store_write (spool->store, fragment->segment->header, &times, &piece, &entry,
                                &loss, error);
  handle_loss (spool, &loss);
  if (good)
    kvs_spool_hold (spool, fragment->id, &entry);
  return good;
}

static void
run_store (KvsSpool *spool, KvsSpoolTask *task)
{
  g_autoptr (GError) error = NULL;
  gboolean good = ensure_open (spool) && write_whole (spool, task->fragment, &error);

  if (good)
    return;
  if (error != NULL)
    kvs_spool_tell_trouble (spool, KVS_SPOOL_TROUBLE_WRITING, error);
  kvs_spool_tell_stored (spool, task->id, FALSE);
}

static void
give_up_growing (KvsSpool *spool, const GError *error)
{
  kvs_spool_store_abandon (spool->store);
  spool->growing_id = 0;
  kvs_spool_tell_trouble (spool, KVS_SPOOL_TROUBLE_WRITING, error);
}

static void
run_begin (KvsSpool *spool, KvsSpoolTask *task)
{
  KvsSpoolTimes times = times_of (spool, task->segment, task->timecode);
  g_autoptr (GError) error = NULL;

  spool->growing_id = 0;
  if (!ensure_open (spool))
    return;
  kvs_spool_store_abandon (spool->store);
  if (kvs_spool_store_begin (spool->store, task->segment->header, &times, &error))
    spool->growing_id = task->id;
  else
    kvs_spool_tell_trouble (spool, KVS_SPOOL_TROUBLE_WRITING, error);
}

static void
run_append (KvsSpool *spool, KvsSpoolTask *task)
{
  KvsSlice slice = { g_bytes_get_data (task->bytes, NULL), g_bytes_get_size (task->bytes) };
  g_autoptr (GError) error = NULL;
  KvsSpoolLoss loss = { 0 };
  gboolean good;

  if (spool->growing_id != task->id)
    return;
  task->piece.slices = &slice;
  task->piece.n_slices = 1;
  good = kvs_spool_store_append (spool->store, &task->piece, &loss, &error);
  handle_loss (spool, &loss);
  if (!good)
    give_up_growing (spool, error);
}

static void
run_commit (KvsSpool *spool, KvsSpoolTask *task)
{
  g_autoptr (GError) error = NULL;
  KvsSpoolEntry entry;

  if (spool->growing_id == task->id) {
    spool->growing_id = 0;
    if (kvs_spool_store_commit (spool->store, &entry, &error)) {
      kvs_spool_hold (spool, task->id, &entry);
      return;
    }
    give_up_growing (spool, error);
  }
  kvs_spool_tell_stored (spool, task->id, FALSE);
}

static void
run_remove (KvsSpool *spool, guint64 id)
{
  KvsSpoolEntry *entry = g_hash_table_lookup (spool->held, &id);
  g_autoptr (GError) error = NULL;

  if (spool->store != NULL && spool->growing_id == id) {
    kvs_spool_store_abandon (spool->store);
    spool->growing_id = 0;
  }
  if (entry == NULL)
    return;
  if (!kvs_spool_store_remove (spool->store, entry, &error))
    kvs_spool_tell_trouble (spool, KVS_SPOOL_TROUBLE_WRITING, error);
  kvs_spool_let_go (spool, id);
}

/* What is not there any more had to go before it was known that memory would not have it. */
static void
run_release (KvsSpool *spool, const KvsSpoolTask *task)
{
  if (g_hash_table_contains (spool->held, &task->id))
    kvs_spool_let_go (spool, task->id);
  else
    kvs_spool_tell_lost (spool, 1, task->n_frames);
}

void
kvs_spool_run_task (gpointer data, gpointer user_data)
{
  KvsSpool *spool = user_data;
  KvsSpoolTask *task = data;

  g_mutex_lock (&spool->lock);
  spool->oldest_us = task->asked_us;
  g_mutex_unlock (&spool->lock);
  switch (task->kind) {
    case KVS_SPOOL_TASK_OPEN:
      if (spool->store == NULL)
        kvs_spool_turn_wait (spool->turn, TURN_US);
      ensure_open (spool);
      break;
    case KVS_SPOOL_TASK_STORE:
      run_store (spool, task);
      break;
    case KVS_SPOOL_TASK_BEGIN:
      run_begin (spool, task);
      break;
    case KVS_SPOOL_TASK_APPEND:
      run_append (spool, task);
      break;
    case KVS_SPOOL_TASK_COMMIT:
      run_commit (spool, task);
      break;
    case KVS_SPOOL_TASK_REMOVE:
      run_remove (spool, task->id);
      break;
    case KVS_SPOOL_TASK_RELEASE:
      run_release (spool, task);
      break;
    case KVS_SPOOL_TASK_LOAD:
      kvs_spool_read_next (spool);
      break;
    case KVS_SPOOL_TASK_PROBE:
      run_probe (spool);
      break;
    case KVS_SPOOL_TASK_SETTLED:
      kvs_spool_run_settled (spool, task);
      break;
    case KVS_SPOOL_TASK_SYNC:
      kvs_spool_sync_later (spool);
      break;
    case KVS_SPOOL_TASK_SYNCED:
    default:
      kvs_spool_tell_synced (spool);
      break;
  }
  tell_other_folder (spool);
  kvs_spool_settle_all (spool);
  g_mutex_lock (&spool->lock);
  spool->pending_bytes -= task->pending_bytes;
  spool->n_pending--;
  if (spool->store != NULL)
    kvs_spool_store_get_stats (spool->store, &spool->stats);
  g_mutex_unlock (&spool->lock);
  task_free (task);
  kvs_spool_unref (spool);
}
