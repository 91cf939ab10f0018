/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker of KvsSpool: what is done on disk, one task after the other, and what is told of it. */
#include "error.h"
#include "stream/spool-header.h"
#include "stream/spool-private.h"

/* Ids of what was read back; those of the buffer count from 1. */
#define LOADED_ID(sequence) ((G_GUINT64_CONSTANT (1) << 63) | (sequence))

/* Each ends by itself: a full disk can be read. */
typedef enum {
  TROUBLE_READING = 1 << 0,
  TROUBLE_WRITING = 1 << 1,
} Trouble;

static void
task_free (KvsSpoolTask *task)
{
  kvs_fragment_unref (task->fragment);
  g_clear_pointer (&task->segment, kvs_segment_unref);
  g_clear_pointer (&task->bytes, g_bytes_unref);
  g_free (task);
}

/* ---- events ---- */

/* Returns: whether events may be told; then end_events() has to follow. */
static gboolean
begin_events (KvsSpool *spool)
{
  g_mutex_lock (&spool->event_lock);
  if (!spool->closed)
    return TRUE;
  g_mutex_unlock (&spool->event_lock);
  return FALSE;
}

static void
end_events (KvsSpool *spool)
{
  g_mutex_unlock (&spool->event_lock);
}

/* Tells of the first trouble, and of the end of the last.
 * @error: (nullable): how it went */
static void
tell_trouble (KvsSpool *spool, Trouble trouble, const GError *error)
{
  gboolean had_any = spool->troubles != 0;

  if (error != NULL)
    spool->troubles |= trouble;
  else
    spool->troubles &= ~(guint) trouble;
  if (had_any == (spool->troubles != 0) || !begin_events (spool))
    return;
  spool->events.trouble (error, spool->user_data);
  end_events (spool);
}

static void
tell_stored (KvsSpool *spool, guint64 id, gboolean good)
{
  if (!begin_events (spool))
    return;
  spool->events.stored (id, good, spool->user_data);
  end_events (spool);
}

static void
tell_synced (KvsSpool *spool)
{
  if (!begin_events (spool))
    return;
  spool->events.synced (spool->user_data);
  end_events (spool);
}

/* ---- what memory has too ---- */

static void
hold (KvsSpool *spool, guint64 id, const KvsSpoolEntry *entry)
{
  KvsSpoolEntry *own = g_memdup2 (entry, sizeof *entry);
  guint64 *key = g_memdup2 (&id, sizeof id);

  g_hash_table_insert (spool->held, key, own);
  g_hash_table_insert (spool->holders, &own->sequence, key);
  if (entry->sequence > spool->newest.sequence)
    spool->newest = *entry;
}

static void
let_go (KvsSpool *spool, guint64 id)
{
  KvsSpoolEntry *entry = g_hash_table_lookup (spool->held, &id);

  if (entry == NULL)
    return;
  g_hash_table_remove (spool->holders, &entry->sequence);
  g_hash_table_remove (spool->held, &id);
}

static gboolean
is_listed (KvsSpool *spool, const KvsSpoolEntry *entry)
{
  KvsSpoolEntry before = { .sequence = entry->sequence - 1 }, found;

  before.start_ns = G_MAXINT64;
  while (kvs_spool_store_next (spool->store, &before, &found)
         && found.sequence < entry->sequence)
    before = found;
  return kvs_spool_store_next (spool->store, &before, &found)
         && found.sequence == entry->sequence;
}

/* Lets go of what memory has too and the disk has no longer.
 * Returns: (transfer full): the ids */
static GArray *
let_go_of_missing (KvsSpool *spool, guint64 *n_frames)
{
  GArray *gone = g_array_new (FALSE, FALSE, sizeof (guint64));
  GHashTableIter iter;
  gpointer id, entry;

  *n_frames = 0;
  g_hash_table_iter_init (&iter, spool->held);
  while (g_hash_table_iter_next (&iter, &id, &entry)) {
    if (is_listed (spool, entry))
      continue;
    *n_frames += ((KvsSpoolEntry *) entry)->n_frames;
    g_array_append_val (gone, *(guint64 *) id);
  }
  for (guint i = 0; i < gone->len; i++)
    let_go (spool, g_array_index (gone, guint64, i));
  return gone;
}

static void
tell_lost (KvsSpool *spool, guint n_fragments, guint n_frames)
{
  if (n_fragments == 0 || !begin_events (spool))
    return;
  spool->events.lost (n_fragments, n_frames, spool->user_data);
  end_events (spool);
}

static void
tell_evicted (KvsSpool *spool, GArray *ids)
{
  if (!begin_events (spool))
    return;
  for (guint i = 0; i < ids->len; i++)
    spool->events.evicted (g_array_index (ids, guint64, i), spool->user_data);
  end_events (spool);
}

/* The oldest ones had to go to make room. */
static void
handle_loss (KvsSpool *spool, const KvsSpoolLoss *loss)
{
  g_autoptr (GArray) gone = NULL;
  guint64 n_frames;

  if (loss->n_fragments == 0)
    return;
  gone = let_go_of_missing (spool, &n_frames);
  tell_evicted (spool, gone);
  tell_lost (spool, (guint) (loss->n_fragments - MIN (loss->n_fragments, gone->len)),
             (guint) (loss->n_frames - MIN (loss->n_frames, n_frames)));
}

/* ---- the work ---- */

static void
tell_opened (KvsSpool *spool)
{
  KvsSpoolStats stats;
  guint n_held = g_hash_table_size (spool->held);

  kvs_spool_store_get_stats (spool->store, &stats);
  if (!begin_events (spool))
    return;
  spool->events.opened ((guint) (stats.n_fragments - MIN (stats.n_fragments, n_held)),
                        spool->user_data);
  end_events (spool);
}

static gboolean
ensure_open (KvsSpool *spool)
{
  g_autoptr (GError) error = NULL;

  if (spool->store != NULL)
    return TRUE;
  spool->store = kvs_spool_store_open (spool->folder, spool->stream_name, spool->max_bytes,
                                       &error);
  tell_trouble (spool, TROUBLE_READING, error);
  if (spool->store == NULL)
    return FALSE;
  tell_opened (spool);
  return TRUE;
}

/* Looks again at a disk that could not be read. */
static void
run_probe (KvsSpool *spool)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) gone = NULL;
  guint64 n_frames;

  if (spool->store == NULL) {
    ensure_open (spool);
    return;
  }
  if (!kvs_spool_store_refresh (spool->store, &error)) {
    tell_trouble (spool, TROUBLE_READING, error);
    return;
  }
  gone = let_go_of_missing (spool, &n_frames);
  tell_evicted (spool, gone);
  tell_opened (spool);
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
  good = kvs_spool_store_write (spool->store, fragment->segment->header, &times, &piece, &loss,
                                error);
  handle_loss (spool, &loss);
  if (!good)
    return FALSE;
  entry = spool->newest;
  while (kvs_spool_store_next (spool->store, &entry, &entry))
    ;
  hold (spool, fragment->id, &entry);
  return TRUE;
}

static void
run_store (KvsSpool *spool, KvsSpoolTask *task)
{
  g_autoptr (GError) error = NULL;
  gboolean good = ensure_open (spool) && write_whole (spool, task->fragment, &error);

  if (spool->store != NULL)
    tell_trouble (spool, TROUBLE_WRITING, error);
  tell_stored (spool, task->id, good);
}

static void
give_up_growing (KvsSpool *spool, const GError *error)
{
  kvs_spool_store_abandon (spool->store);
  spool->growing_id = 0;
  tell_trouble (spool, TROUBLE_WRITING, error);
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
    tell_trouble (spool, TROUBLE_WRITING, error);
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
  gboolean good = FALSE;

  if (spool->growing_id == task->id) {
    good = kvs_spool_store_commit (spool->store, &entry, &error);
    spool->growing_id = 0;
    if (good)
      hold (spool, task->id, &entry);
    else
      kvs_spool_store_abandon (spool->store);
    tell_trouble (spool, TROUBLE_WRITING, error);
  }
  tell_stored (spool, task->id, good);
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
    tell_trouble (spool, TROUBLE_WRITING, error);
  let_go (spool, id);
}

/* What is not there any more had to go before it was known that memory would not have it. */
static void
run_release (KvsSpool *spool, const KvsSpoolTask *task)
{
  if (g_hash_table_contains (spool->held, &task->id))
    let_go (spool, task->id);
  else
    tell_lost (spool, 1, task->n_frames);
}

/* The service refuses what is not after the Fragment before it in the same Session, and on disk the
 * order of writing may not be that of recording: what could not be sent goes there last. */
static gboolean
shares_last_segment (const KvsSpool *spool, const KvsSpoolFragment *read, GBytes *header)
{
  const KvsSegment *last = spool->last_segment;
  const KvsSpoolTimes *times = &read->record.times;

  return last != NULL && last->start_ns == times->segment_start_ns
         && last->is_relative == !times->absolute && times->timecode > spool->last_timecode
         && g_bytes_equal (last->header, header);
}

static KvsFragment *
make_fragment (KvsSpool *spool, const KvsSpoolFragment *read, const KvsSpoolEntry *entry)
{
  g_autoptr (GBytes) header
      = kvs_spool_header_keep_tracks (read->header, read->record.extent.track_mask);
  KvsFragment *fragment;

  if (!shares_last_segment (spool, read, header)) {
    g_clear_pointer (&spool->last_segment, kvs_segment_unref);
    spool->last_segment = kvs_segment_new (header, read->record.times.segment_start_ns,
                                           !read->record.times.absolute);
  }
  spool->last_timecode = read->record.times.timecode;
  fragment = kvs_fragment_new_from_raw (spool->last_segment, read->record.times.timecode,
                                        read->bytes);
  fragment->id = LOADED_ID (entry->sequence);
  fragment->n_frames = read->record.extent.n_frames;
  fragment->track_mask = read->record.extent.track_mask;
  fragment->start_ns = read->record.extent.start_ns;
  fragment->end_ns = read->record.extent.end_ns;
  return fragment;
}

/* Returns: whether there is a fragment that is on disk alone */
static gboolean
find_waiting (KvsSpool *spool, KvsSpoolEntry *entry)
{
  gboolean found = kvs_spool_store_next (spool->store, NULL, entry);

  while (found && g_hash_table_contains (spool->holders, &entry->sequence))
    found = kvs_spool_store_next (spool->store, entry, entry);
  return found;
}

/* Damaged files are set aside on the way, which is no trouble of the disk.
 * Returns: (transfer full) (nullable): the next Fragment that is on disk alone */
static KvsFragment *
load_next (KvsSpool *spool, guint *n_damaged, GError **error)
{
  g_autoptr (GError) damage = NULL;
  KvsFragment *fragment = NULL;
  KvsSpoolEntry entry;

  while (fragment == NULL && find_waiting (spool, &entry)) {
    g_autoptr (GError) own_error = NULL;
    g_autoptr (KvsSpoolFragment) read = kvs_spool_store_read (spool->store, &entry, &own_error);

    if (read != NULL) {
      fragment = make_fragment (spool, read, &entry);
      hold (spool, fragment->id, &entry);
    } else if (g_error_matches (own_error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED)) {
      (*n_damaged)++;
      if (damage == NULL)
        damage = g_steal_pointer (&own_error);
    } else {
      g_propagate_error (error, g_steal_pointer (&own_error));
      break;
    }
  }
  if (damage != NULL) {
    tell_trouble (spool, TROUBLE_READING, NULL);
    tell_trouble (spool, TROUBLE_READING, damage);
  }
  return fragment;
}

static void
run_load (KvsSpool *spool)
{
  g_autoptr (GError) error = NULL;
  KvsFragment *fragment = NULL;
  guint n_damaged = 0;

  if (spool->store != NULL) {
    fragment = load_next (spool, &n_damaged, &error);
    tell_trouble (spool, TROUBLE_READING, error);
  }
  if (begin_events (spool)) {
    spool->events.loaded (fragment, n_damaged, error == NULL, spool->user_data);
    end_events (spool);
  }
  kvs_fragment_unref (fragment);
}

void
kvs_spool_run_task (gpointer data, gpointer user_data)
{
  KvsSpool *spool = user_data;
  KvsSpoolTask *task = data;

  switch (task->kind) {
    case TASK_OPEN:
      ensure_open (spool);
      break;
    case TASK_STORE:
      run_store (spool, task);
      break;
    case TASK_BEGIN:
      run_begin (spool, task);
      break;
    case TASK_APPEND:
      run_append (spool, task);
      break;
    case TASK_COMMIT:
      run_commit (spool, task);
      break;
    case TASK_REMOVE:
      run_remove (spool, task->id);
      break;
    case TASK_RELEASE:
      run_release (spool, task);
      break;
    case TASK_LOAD:
      run_load (spool);
      break;
    case TASK_PROBE:
      run_probe (spool);
      break;
    case TASK_SYNC:
    default:
      tell_synced (spool);
      break;
  }
  g_mutex_lock (&spool->lock);
  spool->pending_bytes -= task->pending_bytes;
  if (spool->store != NULL)
    kvs_spool_store_get_stats (spool->store, &spool->stats);
  g_mutex_unlock (&spool->lock);
  task_free (task);
  kvs_spool_unref (spool);
}
