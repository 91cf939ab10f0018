/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/access-unit-parts.h"

#include <string.h>

#include "error.h"

static void
piece_clear (gpointer data)
{
  KvsAccessUnitPiece *piece = data;

  g_bytes_unref (piece->buffer);
}

void
kvs_access_unit_parts_init (KvsAccessUnitParts *parts)
{
  parts->pieces = g_array_new (FALSE, FALSE, sizeof (KvsAccessUnitPiece));
  g_array_set_clear_func (parts->pieces, piece_clear);
  parts->nals = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  kvs_access_unit_parts_reset (parts);
}

void
kvs_access_unit_parts_clear (KvsAccessUnitParts *parts)
{
  g_clear_pointer (&parts->pieces, g_array_unref);
  g_clear_pointer (&parts->nals, g_array_unref);
}

void
kvs_access_unit_parts_reset (KvsAccessUnitParts *parts)
{
  g_array_set_size (parts->pieces, 0);
  g_array_set_size (parts->nals, 0);
  parts->size_bytes = 0;
  parts->has_picture = FALSE;
  parts->is_given_up = FALSE;
  parts->tag.pts_ns = KVS_ACCESS_UNIT_NO_TIME;
  parts->tag.dts_ns = KVS_ACCESS_UNIT_NO_TIME;
  parts->tag.duration_ns = KVS_ACCESS_UNIT_NO_TIME;
  parts->tag.flags = 0;
  parts->any_flags = 0;
}

static void
take_time (gint64 *time_ns, gint64 from_ns)
{
  if (*time_ns == KVS_ACCESS_UNIT_NO_TIME)
    *time_ns = from_ns;
}

void
kvs_access_unit_parts_add_times (KvsAccessUnitParts *parts, const KvsAccessUnitTag *tag)
{
  take_time (&parts->tag.pts_ns, tag->pts_ns);
  take_time (&parts->tag.dts_ns, tag->dts_ns);
  /* GStreamer's h264parse gives the whole duration to one slice and 0 to all else of a picture */
  if (tag->duration_ns > 0)
    take_time (&parts->tag.duration_ns, tag->duration_ns);
}

static void
give_up (KvsAccessUnitParts *parts, GError **error)
{
  g_array_set_size (parts->pieces, 0);
  g_array_set_size (parts->nals, 0);
  parts->is_given_up = TRUE;
  /* a buffer can have the ends of several, the first of which has been said already */
  if (error != NULL && *error == NULL)
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "An access unit of more than %d bytes or %d buffers was dropped; see what the "
                 "encoder does, or put h264parse or h265parse in front",
                 KVS_ACCESS_UNIT_MAX_BYTES, KVS_ACCESS_UNIT_MAX_BUFFERS);
}

static void
append (KvsAccessUnitParts *parts, const KvsAccessUnitPiece *piece)
{
  guint n = parts->pieces->len;
  KvsAccessUnitPiece *last
      = n > 0 ? &g_array_index (parts->pieces, KvsAccessUnitPiece, n - 1) : NULL;
  KvsNalUnit nal;

  nal = (KvsNalUnit) { parts->size_bytes + piece->nal.offset - piece->start, piece->nal.size };
  g_array_append_val (parts->nals, nal);
  parts->size_bytes += piece->end - piece->start;
  if (last != NULL && last->buffer == piece->buffer && last->end == piece->start) {
    last->end = piece->end;
    return;
  }
  g_bytes_ref (piece->buffer);
  g_array_append_val (parts->pieces, *piece);
}

void
kvs_access_unit_parts_add (KvsAccessUnitParts *parts, const KvsAccessUnitPiece *piece,
                           guint flags, gboolean is_picture, GError **error)
{
  if (parts->pieces->len == 0 || (is_picture && !parts->has_picture))
    parts->tag.flags = flags;
  parts->any_flags |= flags;
  parts->has_picture = parts->has_picture || is_picture;
  if (parts->is_given_up)
    return;
  if (piece->end - piece->start > KVS_ACCESS_UNIT_MAX_BYTES - parts->size_bytes
      || parts->pieces->len == KVS_ACCESS_UNIT_MAX_BUFFERS)
    give_up (parts, error);
  else
    append (parts, piece);
}

static GBytes *
join (const KvsAccessUnitParts *parts)
{
  const KvsAccessUnitPiece *pieces = (const KvsAccessUnitPiece *) parts->pieces->data;
  guint8 *joined, *at;

  /* gives the buffer itself where the piece is all of it */
  if (parts->pieces->len == 1)
    return g_bytes_new_from_bytes (pieces[0].buffer, pieces[0].start,
                                   pieces[0].end - pieces[0].start);
  joined = at = g_malloc (parts->size_bytes);
  for (guint i = 0; i < parts->pieces->len; i++) {
    gsize size = pieces[i].end - pieces[i].start;
    const guint8 *data = g_bytes_get_data (pieces[i].buffer, NULL);

    memcpy (at, data + pieces[i].start, size);
    at += size;
  }
  return g_bytes_new_take (joined, parts->size_bytes);
}

gboolean
kvs_access_unit_parts_take (KvsAccessUnitParts *parts, KvsAccessUnit *out)
{
  gboolean has_any = parts->pieces->len > 0;

  if (has_any)
    *out = (KvsAccessUnit) {
      .bytes = join (parts),
      .nals = g_memdup2 (parts->nals->data, parts->nals->len * sizeof (KvsNalUnit)),
      .n_nals = parts->nals->len,
      .pts_ns = parts->tag.pts_ns,
      .dts_ns = parts->tag.dts_ns,
      .duration_ns = parts->tag.duration_ns,
      .any_flags = parts->any_flags,
      .picture_flags = parts->tag.flags,
    };
  kvs_access_unit_parts_reset (parts);
  return has_any;
}
