/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/mkv-structure.h"

#include "mkv/mkv-ids.h"

static const struct {
  guint32 id;
  guint32 parent_id;
} places[] = {
  { KVS_MKV_ID_EBML, 0 },
  { KVS_MKV_ID_EBML_VERSION, KVS_MKV_ID_EBML },
  { KVS_MKV_ID_EBML_READ_VERSION, KVS_MKV_ID_EBML },
  { KVS_MKV_ID_EBML_MAX_ID_LENGTH, KVS_MKV_ID_EBML },
  { KVS_MKV_ID_EBML_MAX_SIZE_LENGTH, KVS_MKV_ID_EBML },
  { KVS_MKV_ID_DOC_TYPE, KVS_MKV_ID_EBML },
  { KVS_MKV_ID_DOC_TYPE_VERSION, KVS_MKV_ID_EBML },
  { KVS_MKV_ID_DOC_TYPE_READ_VERSION, KVS_MKV_ID_EBML },
  { KVS_MKV_ID_SEGMENT, 0 },
  { KVS_MKV_ID_SEEK_HEAD, KVS_MKV_ID_SEGMENT },
  { KVS_MKV_ID_CUES, KVS_MKV_ID_SEGMENT },
  { KVS_MKV_ID_CHAPTERS, KVS_MKV_ID_SEGMENT },
  { KVS_MKV_ID_ATTACHMENTS, KVS_MKV_ID_SEGMENT },
  { KVS_MKV_ID_INFO, KVS_MKV_ID_SEGMENT },
  { KVS_MKV_ID_TIMECODE_SCALE, KVS_MKV_ID_INFO },
  { KVS_MKV_ID_TRACKS, KVS_MKV_ID_SEGMENT },
  { KVS_MKV_ID_TRACK_ENTRY, KVS_MKV_ID_TRACKS },
  { KVS_MKV_ID_TRACK_NUMBER, KVS_MKV_ID_TRACK_ENTRY },
  { KVS_MKV_ID_TRACK_TYPE, KVS_MKV_ID_TRACK_ENTRY },
  { KVS_MKV_ID_CODEC_ID, KVS_MKV_ID_TRACK_ENTRY },
  { KVS_MKV_ID_CODEC_PRIVATE, KVS_MKV_ID_TRACK_ENTRY },
  { KVS_MKV_ID_VIDEO, KVS_MKV_ID_TRACK_ENTRY },
  { KVS_MKV_ID_AUDIO, KVS_MKV_ID_TRACK_ENTRY },
  { KVS_MKV_ID_CLUSTER, KVS_MKV_ID_SEGMENT },
  { KVS_MKV_ID_TIMECODE, KVS_MKV_ID_CLUSTER },
  { KVS_MKV_ID_POSITION, KVS_MKV_ID_CLUSTER },
  { KVS_MKV_ID_PREV_SIZE, KVS_MKV_ID_CLUSTER },
  { KVS_MKV_ID_SIMPLE_BLOCK, KVS_MKV_ID_CLUSTER },
  { KVS_MKV_ID_BLOCK_GROUP, KVS_MKV_ID_CLUSTER },
  { KVS_MKV_ID_BLOCK, KVS_MKV_ID_BLOCK_GROUP },
  { KVS_MKV_ID_BLOCK_DURATION, KVS_MKV_ID_BLOCK_GROUP },
  { KVS_MKV_ID_REFERENCE_BLOCK, KVS_MKV_ID_BLOCK_GROUP },
  { KVS_MKV_ID_TAGS, KVS_MKV_ID_SEGMENT },
  { KVS_MKV_ID_TAG, KVS_MKV_ID_TAGS },
  { KVS_MKV_ID_TARGETS, KVS_MKV_ID_TAG },
  { KVS_MKV_ID_SIMPLE_TAG, KVS_MKV_ID_TAG },
  { KVS_MKV_ID_SIMPLE_TAG, KVS_MKV_ID_SIMPLE_TAG },
  { KVS_MKV_ID_TAG_NAME, KVS_MKV_ID_SIMPLE_TAG },
  { KVS_MKV_ID_TAG_STRING, KVS_MKV_ID_SIMPLE_TAG },
};

/**
 * kvs_local_mkv_may_be_in:
 * @id: of an element
 * @parent_id: of the element around it, 0 at the top
 *
 * Returns: whether it has a place there. Elements that are not looked at may be anywhere but at the
 *   top, where only padding may be beside the EBML header and the Segment.
 */
gboolean
kvs_local_mkv_may_be_in (guint32 id, guint32 parent_id)
{
  gboolean known = FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (places); i++) {
    if (places[i].id != id)
      continue;
    if (places[i].parent_id == parent_id)
      return TRUE;
    known = TRUE;
  }
  return !known && (parent_id != 0 || id == KVS_MKV_ID_VOID || id == KVS_MKV_ID_CRC32);
}
