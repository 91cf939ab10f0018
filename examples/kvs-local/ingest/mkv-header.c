/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/mkv-header.h"

#include <string.h>

#include "mkv/mkv-ids.h"

#define DEFAULT_TIMECODE_SCALE 1000000

static const guint8 segment_of_unknown_size[]
  = { 0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/**
 * kvs_local_mkv_header_init:
 * @header: to be set to the start of a stream
 */
void
kvs_local_mkv_header_init (KvsLocalMkvHeader *header)
{
  *header = (KvsLocalMkvHeader) {
    .bytes = g_byte_array_new (),
    .timecode_scale = DEFAULT_TIMECODE_SCALE,
  };
}

/**
 * kvs_local_mkv_header_clear:
 * @header: to be emptied
 */
void
kvs_local_mkv_header_clear (KvsLocalMkvHeader *header)
{
  g_clear_pointer (&header->bytes, g_byte_array_unref);
}

/**
 * kvs_local_mkv_header_append:
 * @header: a header
 * @data: bytes that belong to it
 * @size: how many
 *
 * Returns: whether there is room
 */
KvsLocalMkvHeaderResult
kvs_local_mkv_header_append (KvsLocalMkvHeader *header, gconstpointer data, gsize size)
{
  if (size > KVS_LOCAL_MAX_HEADER_BYTES - header->bytes->len)
    return KVS_LOCAL_MKV_HEADER_INVALID;
  g_byte_array_append (header->bytes, data, (guint) size);
  return KVS_LOCAL_MKV_HEADER_OK;
}

/**
 * kvs_local_mkv_header_start:
 * @header: a header
 * @element: one that begins: EBML, Segment, one before the first Cluster, or one in these
 *
 * Returns: whether it may come here
 */
KvsLocalMkvHeaderResult
kvs_local_mkv_header_start (KvsLocalMkvHeader *header, const KvsEbmlElement *element)
{
  switch (element->id) {
    case KVS_MKV_ID_EBML:
      if (header->bytes->len > 0)
        return KVS_LOCAL_MKV_HEADER_INVALID;
      break;
    case KVS_MKV_ID_SEGMENT:
      if (!header->has_ebml || header->has_segment)
        return KVS_LOCAL_MKV_HEADER_INVALID;
      header->has_segment = TRUE;
      return kvs_local_mkv_header_append (header, segment_of_unknown_size,
                                          sizeof segment_of_unknown_size);
    case KVS_MKV_ID_INFO:
      if (header->has_info)
        return KVS_LOCAL_MKV_HEADER_INVALID;
      break;
    case KVS_MKV_ID_TRACKS:
      if (header->has_tracks)
        return KVS_LOCAL_MKV_HEADER_INVALID;
      break;
    case KVS_MKV_ID_TRACK_ENTRY:
      header->entry_number = 0;
      header->entry_has_codec = FALSE;
      break;
    default:
      break;
  }
  return kvs_local_mkv_header_append (header, element->header, element->header_size);
}

static KvsLocalMkvHeaderResult
end_track_entry (KvsLocalMkvHeader *header)
{
  if (header->entry_number == 0 || !header->entry_has_codec
      || kvs_local_mkv_header_find_track (header, header->entry_number) >= 0)
    return KVS_LOCAL_MKV_HEADER_INVALID;
  if (header->n_tracks == KVS_LOCAL_MAX_TRACKS)
    return KVS_LOCAL_MKV_HEADER_TOO_MANY_TRACKS;
  header->tracks[header->n_tracks++] = header->entry_number;
  return KVS_LOCAL_MKV_HEADER_OK;
}

static gboolean
payload_is (const guint8 *payload, gsize size, const gchar *text)
{
  return size == strlen (text) && memcmp (payload, text, size) == 0;
}

/**
 * kvs_local_mkv_header_end:
 * @header: a header
 * @element: one that ends
 * @payload: (nullable): start of its payload
 * @payload_size: bytes in @payload
 *
 * Returns: whether its value is good
 */
KvsLocalMkvHeaderResult
kvs_local_mkv_header_end (KvsLocalMkvHeader *header, const KvsEbmlElement *element,
                          const guint8 *payload, gsize payload_size)
{
  gboolean good = TRUE;
  guint64 value;

  switch (element->id) {
    case KVS_MKV_ID_DOC_TYPE:
      header->doc_type_is_good = payload_is (payload, payload_size, "matroska")
                                 || payload_is (payload, payload_size, "webm");
      break;
    case KVS_MKV_ID_EBML_MAX_ID_LENGTH:
      good = kvs_ebml_parse_uint (payload, (gsize) element->size, &value) && value <= 4;
      break;
    case KVS_MKV_ID_EBML_MAX_SIZE_LENGTH:
      good = kvs_ebml_parse_uint (payload, (gsize) element->size, &value) && value <= 8;
      break;
    case KVS_MKV_ID_EBML:
      good = header->doc_type_is_good;
      header->has_ebml = TRUE;
      break;
    case KVS_MKV_ID_TIMECODE_SCALE:
      good = kvs_ebml_parse_uint (payload, (gsize) element->size, &header->timecode_scale)
             && header->timecode_scale > 0;
      break;
    case KVS_MKV_ID_INFO:
      header->has_info = TRUE;
      break;
    case KVS_MKV_ID_TRACK_NUMBER:
      good = kvs_ebml_parse_uint (payload, (gsize) element->size, &header->entry_number);
      break;
    case KVS_MKV_ID_CODEC_ID:
      header->entry_has_codec = element->size > 0;
      break;
    case KVS_MKV_ID_TRACK_ENTRY:
      return end_track_entry (header);
    case KVS_MKV_ID_TRACKS:
      good = header->n_tracks > 0;
      header->has_tracks = TRUE;
      break;
    default:
      break;
  }
  return good ? KVS_LOCAL_MKV_HEADER_OK : KVS_LOCAL_MKV_HEADER_INVALID;
}

/**
 * kvs_local_mkv_header_find_track:
 * @header: a header
 * @number: track number of a block
 *
 * Returns: its place among the declared ones, or -1
 */
gint
kvs_local_mkv_header_find_track (const KvsLocalMkvHeader *header, guint64 number)
{
  for (guint i = 0; i < header->n_tracks; i++) {
    if (header->tracks[i] == number)
      return (gint) i;
  }
  return -1;
}
