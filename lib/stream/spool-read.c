/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the worker of KvsSpool reads back. */
#include "error.h"
#include "stream/spool-header.h"
#include "stream/spool-private.h"

/* Ids of what was read back; those of the buffer count from 1. */
#define LOADED_ID(sequence) ((G_GUINT64_CONSTANT (1) << 63) | (sequence))

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
      kvs_spool_hold (spool, fragment->id, &entry);
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
    kvs_spool_tell_trouble (spool, KVS_SPOOL_TROUBLE_READING, NULL);
    kvs_spool_tell_trouble (spool, KVS_SPOOL_TROUBLE_READING, damage);
  }
  return fragment;
}

void
kvs_spool_read_next (KvsSpool *spool)
{
  g_autoptr (GError) error = NULL;
  KvsFragment *fragment = NULL;
  guint n_damaged = 0;

  if (spool->store != NULL) {
    fragment = load_next (spool, &n_damaged, &error);
    kvs_spool_tell_trouble (spool, KVS_SPOOL_TROUBLE_READING, error);
  }
  if (kvs_spool_begin_events (spool)) {
    spool->events.loaded (fragment, n_damaged, error == NULL, spool->user_data);
    kvs_spool_end_events (spool);
  }
  kvs_fragment_unref (fragment);
}
