/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a spool file and of the journal beside one that still grows. No I/O.
 *
 *   EBML header, Segment, Info, Tracks   as they go on the wire
 *   Tags with one SimpleTag:             what the spool itself has to remember
 *     KVSSINK_SPOOL = "v1 times=absolute segment_start_ns=... ... crc=1a2b3c4d"
 *   the Fragment: its own Tags, Cluster  as they go on the wire
 *
 * That string, the record, has the same length whatever it says, so that it can be written last.
 * Its CRC-32 goes over the header, the Fragment and the record before "crc="; all other bytes
 * follow from the record. A Matroska CRC-32 element could not be used: it has to be inside of the
 * Cluster, whose bytes go on the wire as they are and whose size is not known.
 *
 * The journal has a line for each append: the record as it would be if the Fragment ended there.
 * The line is written before the bytes that it is about. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_SPOOL_RECORD_MAX_BYTES 384

/* More than any fragment that the service takes (50 MB, kvs-api.md section 16) with its header. */
#define KVS_SPOOL_FILE_MAX_BYTES (G_GUINT64_CONSTANT (128) << 20)

/**
 * KvsSpoolTimes:
 * @absolute: Cluster timecodes count from the epoch, not from @segment_start_ns
 * @segment_start_ns: as #KvsSegment has it
 * @timecode_scale_ns: nanoseconds a timecode unit
 * @timecode: of the Cluster
 *
 * What a Fragment needs besides its bytes to be sent again.
 */
typedef struct {
  gboolean absolute;
  gint64 segment_start_ns;
  gint64 timecode_scale_ns;
  guint64 timecode;
} KvsSpoolTimes;

/**
 * KvsSpoolExtent:
 * @start_ns: earliest presentation timestamp
 * @end_ns: latest end of a frame
 * @n_frames: how many there are
 * @track_mask: bit n is set if track number n has a frame
 * @size_bytes: of tags and Cluster
 *
 * How far a Fragment, or a part of one, goes.
 */
typedef struct {
  gint64 start_ns;
  gint64 end_ns;
  guint n_frames;
  guint32 track_mask;
  guint64 size_bytes;
} KvsSpoolExtent;

typedef struct {
  KvsSpoolTimes times;
  KvsSpoolExtent extent;
} KvsSpoolRecord;

/**
 * KvsSpoolFragment:
 * @header: EBML header to Tracks
 * @bytes: tags and Cluster, bit for bit what was put in
 * @record: what belongs to them
 */
typedef struct {
  GBytes *header;
  GBytes *bytes;
  KvsSpoolRecord record;
} KvsSpoolFragment;

void kvs_spool_extent_add (KvsSpoolExtent *extent, const KvsSpoolExtent *next);

gsize kvs_spool_record_print (const KvsSpoolRecord *record, guint32 bytes_crc, gchar *out);
GBytes *kvs_spool_tags_new (const KvsSpoolRecord *record, guint32 bytes_crc);
gboolean kvs_spool_header_check (GBytes *header, GError **error);

KvsSpoolFragment *kvs_spool_fragment_parse (GBytes *file, GError **error);
gboolean kvs_spool_is_empty (GBytes *part);
gboolean kvs_spool_recover (GBytes *part, GBytes *journal, gsize *header_size,
                            KvsSpoolRecord *record, guint32 *bytes_crc, GError **error);
void kvs_spool_fragment_free (KvsSpoolFragment *fragment);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsSpoolFragment, kvs_spool_fragment_free)

G_END_DECLS
