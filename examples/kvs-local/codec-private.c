/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec-private.h"

#include "mkv/ebml-reader.h"
#include "mkv/mkv-ids.h"

#define MAX_ENTRIES 64

/* n_entries: TrackEntries that are over
 * has_private: a bit for each of them and the one that is not */
typedef struct {
  guint n_entries;
  guint64 has_private;
} Found;

/* Nothing of interest is behind Tracks; stopping there is no error of the file's. */
static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  return element->id != KVS_MKV_ID_CLUSTER;
}

static gboolean
on_data (const KvsEbmlElement *element, const guint8 *data, gsize size, gpointer user_data,
         GError **error)
{
  return TRUE;
}

static gboolean
on_end (const KvsEbmlElement *element, const guint8 *payload, gsize payload_size,
        gpointer user_data, GError **error)
{
  Found *found = user_data;

  if (element->id == KVS_MKV_ID_CODEC_PRIVATE && element->size > 0)
    found->has_private |= G_GUINT64_CONSTANT (1) << found->n_entries;
  if (element->id == KVS_MKV_ID_TRACK_ENTRY)
    found->n_entries++;
  return found->n_entries < MAX_ENTRIES && element->id != KVS_MKV_ID_TRACKS;
}

/**
 * kvs_local_codec_private_find:
 * @data: a fragment from its beginning
 * @size: bytes of it, up to Tracks at least
 * @has_private: (out): for each track a bit, from the lowest on in the order of Tracks
 *
 * Returns: how many tracks there are
 */
guint
kvs_local_codec_private_find (const guint8 *data, gsize size, guint64 *has_private)
{
  static const KvsEbmlReaderFuncs funcs = { on_start, on_data, on_end };
  Found found = { 0 };
  g_autoptr (KvsEbmlReader) reader = kvs_ebml_reader_new (&funcs, &found);
  g_autoptr (GError) error = NULL;

  kvs_ebml_reader_push (reader, data, size, &error);
  *has_private = found.has_private;
  return found.n_entries;
}
