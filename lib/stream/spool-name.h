/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of the spool: a stream's folder, and files that tell what is in them without being opened.
 *
 *   000000000042-20260823T101502.120Z-2000ms-60f-1a2b3c4d.mkv
 *     sequence, begin of the earliest frame, duration, number of frames, hash of the header
 *   000000000043.part, 000000000043.journal
 *     one that still grows, see spool-format.h */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_SPOOL_NAME_MAX_BYTES 128

/**
 * KvsSpoolEntry:
 * @sequence: rises with each Fragment: the order of recording, whatever clocks do
 * @start_ns: epoch time of the earliest frame, rounded down to 1 ms
 * @end_ns: epoch time of the latest end of a frame, rounded up to 1 ms
 * @n_frames: how many frames
 * @header_hash: equal for those that may share a Session, but compare the headers
 * @size_bytes: of the file
 *
 * A Fragment on disk, as far as its name tells. All but @size_bytes together identify it.
 */
typedef struct {
  guint64 sequence;
  gint64 start_ns;
  gint64 end_ns;
  guint n_frames;
  guint32 header_hash;
  guint64 size_bytes;
} KvsSpoolEntry;

typedef enum {
  KVS_SPOOL_NAME_OTHER,
  KVS_SPOOL_NAME_FRAGMENT,
  KVS_SPOOL_NAME_PART,
  KVS_SPOOL_NAME_JOURNAL,
} KvsSpoolNameKind;

gchar *kvs_spool_name_of_stream (const gchar *stream_name);
void kvs_spool_name_of_fragment (const KvsSpoolEntry *entry, gchar *out);
void kvs_spool_name_of_part (guint64 sequence, gchar *out);
void kvs_spool_name_of_journal (guint64 sequence, gchar *out);
KvsSpoolNameKind kvs_spool_name_parse (const gchar *name, KvsSpoolEntry *entry);
void kvs_spool_entry_set (KvsSpoolEntry *entry, guint64 sequence, gint64 start_ns, gint64 end_ns,
                          guint n_frames);
guint32 kvs_spool_header_hash (GBytes *header);
gint kvs_spool_entry_compare (const KvsSpoolEntry *a, const KvsSpoolEntry *b);

G_END_DECLS
