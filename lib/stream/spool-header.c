/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-header.h"

#include "mkv/ebml-reader.h"
#include "mkv/ebml-writer.h"
#include "mkv/mkv-ids.h"

/* More than a mask has bits for is never taken away. */
#define MAX_TRACK_NUMBER 31

/* Where the Tracks are, and those of them that stay */
typedef struct {
  const guint8 *data;
  guint32 mask;
  guint64 tracks_at;
  guint64 tracks_end;
  GByteArray *kept; /* of TrackEntry */
  guint n_kept;
  guint n_dropped;
  guint64 number; /* of the track at hand */
} Search;

/* Returns: %FALSE without an error where the header is not as the muxer writes it */
static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  Search *search = user_data;
  gboolean is_tracks = element->id == KVS_MKV_ID_TRACKS;

  if (!is_tracks && element->id != KVS_MKV_ID_TRACK_ENTRY)
    return search->tracks_end == 0 || element->offset < search->tracks_end;
  if (is_tracks && search->tracks_end != 0)
    return FALSE;
  search->number = G_MAXUINT64;
  if (is_tracks) {
    search->tracks_at = element->offset;
    search->tracks_end = element->offset + element->header_size + element->size;
  }
  return TRUE;
}

static gboolean
stays (const Search *search)
{
  return search->number > MAX_TRACK_NUMBER || (search->mask & 1u << search->number) != 0;
}

static gboolean
on_end (const KvsEbmlElement *element, const guint8 *payload, gsize size, gpointer user_data,
        GError **error)
{
  Search *search = user_data;

  if (element->id == KVS_MKV_ID_TRACK_NUMBER && element->parent_id == KVS_MKV_ID_TRACK_ENTRY)
    kvs_ebml_parse_uint (payload, size, &search->number);
  if (element->id != KVS_MKV_ID_TRACK_ENTRY)
    return TRUE;
  if (!stays (search)) {
    search->n_dropped++;
    return TRUE;
  }
  search->n_kept++;
  g_byte_array_append (search->kept, search->data + element->offset,
                       (guint) (element->header_size + element->size));
  return TRUE;
}

/**
 * kvs_spool_header_keep_tracks:
 * @header: EBML header to Tracks
 * @track_mask: bit n is set if track number n has a frame
 *
 * The service refuses a Fragment in which a track of its header has no frame (error 4011 of
 * kvs-api.md section 7), as one may be that a crash has cut short. Safe from any thread.
 *
 * Returns: (transfer full): @header without the tracks that have none; as it was if none would be
 *   left
 */
GBytes *
kvs_spool_header_keep_tracks (GBytes *header, guint32 track_mask)
{
  static const KvsEbmlReaderFuncs funcs = { on_start, NULL, on_end };
  g_autoptr (GByteArray) kept = g_byte_array_new ();
  Search search = { .mask = track_mask, .kept = kept };
  g_autoptr (KvsEbmlReader) reader = kvs_ebml_reader_new (&funcs, &search);
  GByteArray *out;
  gsize size;

  search.data = g_bytes_get_data (header, &size);
  if (!kvs_ebml_reader_push (reader, search.data, size, NULL) || search.tracks_end != size
      || search.n_dropped == 0 || search.n_kept == 0)
    return g_bytes_ref (header);
  out = g_byte_array_new ();
  g_byte_array_append (out, search.data, (guint) search.tracks_at);
  kvs_ebml_append_master (out, KVS_MKV_ID_TRACKS, kept);
  return g_byte_array_free_to_bytes (out);
}
