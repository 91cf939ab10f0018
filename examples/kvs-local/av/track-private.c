/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/track-private.h"

#include "mkv/ebml-reader.h"
#include "mkv/mkv-ids.h"

/* How much is read at a time, until Tracks is over */
#define PIECE_BYTES (16 * 1024)
#define MAX_PLACE 63

typedef struct {
  guint n_entries;
  guint64 found;
  gboolean is_over;
} Search;

static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  Search *search = user_data;

  if (element->id == KVS_MKV_ID_TRACK_ENTRY)
    search->n_entries++;
  if (element->id == KVS_MKV_ID_CODEC_PRIVATE && element->size > 0 && search->n_entries > 0)
    search->found |= G_GUINT64_CONSTANT (1) << MIN (search->n_entries - 1, MAX_PLACE);
  return TRUE;
}

static gboolean
on_end (const KvsEbmlElement *element, const guint8 *payload, gsize payload_size,
        gpointer user_data, GError **error)
{
  Search *search = user_data;

  if (element->id == KVS_MKV_ID_TRACKS)
    search->is_over = TRUE;
  return TRUE;
}

/**
 * kvs_local_tracks_with_private:
 * @file: a stored fragment, at least up to its Cluster
 * @size: bytes in @file
 *
 * May be called in any thread.
 *
 * Returns: a bit for each track, the first one lowest: whether it has CodecPrivate
 */
guint64
kvs_local_tracks_with_private (const guint8 *file, gsize size)
{
  static const KvsEbmlReaderFuncs funcs = { .start = on_start, .end = on_end };
  Search search = { 0 };
  g_autoptr (KvsEbmlReader) reader = kvs_ebml_reader_new (&funcs, &search);

  for (gsize at = 0; at < size && !search.is_over; at += PIECE_BYTES) {
    if (!kvs_ebml_reader_push (reader, file + at, MIN (size - at, (gsize) PIECE_BYTES), NULL))
      break;
  }
  return search.found;
}
