/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes before the first Cluster: kept byte for byte, and the few values in it that the rules
 * of ingest need. */
#pragma once

#include <glib.h>

#include "mkv/ebml-reader.h"

G_BEGIN_DECLS

/* kvs-api.md sections 8 and 16 */
#define KVS_LOCAL_MAX_TRACKS 3

/* Three CodecPrivates of 1 MiB, which is what the producer SDKs allow, and the rest */
#define KVS_LOCAL_MAX_HEADER_BYTES (4 * 1024 * 1024)

/**
 * KvsLocalMkvHeaderResult:
 * @KVS_LOCAL_MKV_HEADER_OK: go on
 * @KVS_LOCAL_MKV_HEADER_INVALID: not a header
 * @KVS_LOCAL_MKV_HEADER_TOO_MANY_TRACKS: more than %KVS_LOCAL_MAX_TRACKS
 */
typedef enum {
  KVS_LOCAL_MKV_HEADER_OK,
  KVS_LOCAL_MKV_HEADER_INVALID,
  KVS_LOCAL_MKV_HEADER_TOO_MANY_TRACKS,
} KvsLocalMkvHeaderResult;

/**
 * KvsLocalMkvHeader:
 * @bytes: EBML header to Tracks as received, but with an unknown size for the Segment
 * @timecode_scale: ns a unit of Cluster and Block timecodes
 * @tracks: declared track numbers
 * @n_tracks: how many
 * @has_ebml: EBML header is whole
 * @has_segment: Segment has begun
 * @has_info: Info is whole
 * @has_tracks: Tracks is whole
 */
typedef struct {
  GByteArray *bytes;
  guint64 timecode_scale;
  guint64 tracks[KVS_LOCAL_MAX_TRACKS];
  guint n_tracks;
  gboolean has_ebml;
  gboolean has_segment;
  gboolean has_info;
  gboolean has_tracks;
  /*< private >*/
  guint64 entry_number;
  gboolean entry_has_codec;
  gboolean doc_type_is_good;
} KvsLocalMkvHeader;

void kvs_local_mkv_header_init (KvsLocalMkvHeader *header);
void kvs_local_mkv_header_clear (KvsLocalMkvHeader *header);
KvsLocalMkvHeaderResult kvs_local_mkv_header_append (KvsLocalMkvHeader *header,
                                                     gconstpointer data, gsize size);
KvsLocalMkvHeaderResult kvs_local_mkv_header_start (KvsLocalMkvHeader *header,
                                                    const KvsEbmlElement *element);
KvsLocalMkvHeaderResult kvs_local_mkv_header_end (KvsLocalMkvHeader *header,
                                                  const KvsEbmlElement *element,
                                                  const guint8 *payload, gsize payload_size);
gint kvs_local_mkv_header_find_track (const KvsLocalMkvHeader *header, guint64 number);

G_END_DECLS
