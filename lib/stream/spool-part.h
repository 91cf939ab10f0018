/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsSpoolPart: a file of the spool while it is written, with the journal beside it.
 *
 * kill -9 at any moment leaves what kvs_spool_part_recover() makes a good file of, with all that
 * was appended. A power cut may take what was not synced; never does it leave damaged frames in. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "stream/spool-format.h"
#include "stream/spool-name.h"

G_BEGIN_DECLS

/**
 * KvsSpoolPiece:
 * @slices: (array length=n_slices): whole frames with their Matroska bytes; before the first one
 *   tags and the start of the Cluster
 * @n_slices: how many
 * @start_ns: earliest presentation timestamp of these frames
 * @end_ns: latest end of one
 * @n_frames: how many there are, at least 1
 * @track_mask: bit n is set if one is of track number n
 *
 * The next bytes of a Fragment.
 */
typedef struct {
  const KvsSlice *slices;
  guint n_slices;
  gint64 start_ns;
  gint64 end_ns;
  guint n_frames;
  guint32 track_mask;
} KvsSpoolPiece;

typedef struct _KvsSpoolPart KvsSpoolPart;

KvsSpoolPart *kvs_spool_part_new (int folder_fd, guint64 sequence, GBytes *header,
                                  const KvsSpoolTimes *times, GError **error);
gboolean kvs_spool_part_append (KvsSpoolPart *part, const KvsSpoolPiece *piece, GError **error);
gboolean kvs_spool_part_sync (KvsSpoolPart *part, GError **error);
gboolean kvs_spool_part_commit (KvsSpoolPart *part, GError **error);
gboolean kvs_spool_part_settle (KvsSpoolPart *part, GError **error);
void kvs_spool_part_abandon (KvsSpoolPart *part);
void kvs_spool_part_free (KvsSpoolPart *part);
const KvsSpoolEntry *kvs_spool_part_get_entry (const KvsSpoolPart *part);
guint64 kvs_spool_part_get_size (const KvsSpoolPart *part);
guint64 kvs_spool_piece_get_size (const KvsSpoolPiece *piece);

/**
 * KvsSpoolRecovered:
 * @KVS_SPOOL_RECOVERED_FRAGMENT: there is a Fragment more
 * @KVS_SPOOL_RECOVERED_NOTHING: no frame had been appended; the file is gone
 * @KVS_SPOOL_RECOVERED_DAMAGED: nothing in it can be relied on; it was set aside
 * @KVS_SPOOL_RECOVERED_FAILED: the disk does not let it happen now; all is as it was
 */
typedef enum {
  KVS_SPOOL_RECOVERED_FRAGMENT,
  KVS_SPOOL_RECOVERED_NOTHING,
  KVS_SPOOL_RECOVERED_DAMAGED,
  KVS_SPOOL_RECOVERED_FAILED,
} KvsSpoolRecovered;

KvsSpoolRecovered kvs_spool_part_recover (int folder_fd, guint64 sequence,
                                          KvsSpoolPart **recovered);
KvsSpoolRecovered kvs_spool_part_recover_whole (int folder_fd, const KvsSpoolEntry *entry,
                                                KvsSpoolPart **recovered);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsSpoolPart, kvs_spool_part_free)

G_END_DECLS
