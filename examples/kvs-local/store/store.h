/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kvs-local keeps, in one folder:
 *
 *   kvs-local.sqlite                               the index: streams, tags, fragments
 *   media/<stream>-<creation ms>/<number>.mkv      one fragment, playable by itself:
 *                                                    EBML header, Segment, ..., Tracks
 *                                                    Tags that came before the Cluster
 *                                                    Cluster
 *   media/<stream>-<creation ms>/<number>.part     one that is being received
 *
 * A fragment is written beside, renamed, and then put into the index; what a crash leaves without
 * an index entry is taken away at the next start. */
#pragma once

#include <glib.h>

#include "api/fragment-number.h"
#include "store/stream.h"
#include "store/write-behind.h"

G_BEGIN_DECLS

/* kvs-api.md section 4: what is kept of a stream without retention, whichever is less */
#define KVS_LOCAL_HOST_BUFFER_MS (5 * 60 * 1000)
#define KVS_LOCAL_HOST_BUFFER_BYTES (200 * 1000 * 1000)

#define KVS_LOCAL_MAX_RETENTION_HOURS 87600

/* kvs-api.md section 8: how much time the frames of a fragment may span */
#define KVS_LOCAL_MAX_FRAGMENT_MS 20000

typedef struct _KvsLocalStore KvsLocalStore;

/**
 * KvsLocalFragment:
 * @id: order in which fragments were stored; given by kvs_local_store_add_fragment()
 * @number: fragment number
 * @server_ms: when its first byte came, ms since 1970
 * @producer_ms: what the producer says, ms
 * @duration_ms: of the frames of its first track
 * @timecode: of its Cluster, in the producer's scale
 * @header_size: bytes up to and with Tracks
 * @cluster_offset: where the Cluster begins in the file; between are the producer's Tags
 * @file_size: bytes of the file
 */
typedef struct {
  gint64 id;
  gchar number[KVS_LOCAL_FRAGMENT_NUMBER_CHARS];
  gint64 server_ms;
  gint64 producer_ms;
  gint64 duration_ms;
  guint64 timecode;
  guint64 header_size;
  guint64 cluster_offset;
  guint64 file_size;
} KvsLocalFragment;

KvsLocalStore *kvs_local_store_open (const gchar *folder, const gchar *region,
                                     const gchar *account, GError **error);
void kvs_local_store_set_creating_ms (KvsLocalStore *store, gint64 creating_ms);
void kvs_local_store_close (KvsLocalStore *store);

KvsLocalStream *kvs_local_store_find_by_name (KvsLocalStore *store, const gchar *name);
KvsLocalStream *kvs_local_store_find_by_arn (KvsLocalStore *store, const gchar *arn);
guint kvs_local_store_count (KvsLocalStore *store);
GList *kvs_local_store_list (KvsLocalStore *store);
const gchar *kvs_local_store_get_default_kms_key (KvsLocalStore *store);
KvsLocalWriteBehind *kvs_local_store_get_write_behind (KvsLocalStore *store);
gboolean kvs_local_store_add_stream (KvsLocalStore *store, KvsLocalStream *stream, GError **error);
gboolean kvs_local_store_save_stream (KvsLocalStore *store, KvsLocalStream *stream,
                                      GError **error);
gboolean kvs_local_store_save_tags (KvsLocalStore *store, KvsLocalStream *stream, GError **error);
gboolean kvs_local_store_delete_stream (KvsLocalStore *store, KvsLocalStream *stream,
                                        GError **error);

gboolean kvs_local_store_next_sequence (KvsLocalStore *store, KvsLocalStream *stream,
                                        guint64 *sequence, GError **error);
gchar *kvs_local_store_get_folder (KvsLocalStore *store, const KvsLocalStream *stream);
gchar *kvs_local_store_get_path (KvsLocalStore *store, const KvsLocalStream *stream,
                                 const gchar *number);
gboolean kvs_local_store_add_fragment (KvsLocalStore *store, KvsLocalStream *stream,
                                       KvsLocalFragment *fragment, GError **error);
gboolean kvs_local_store_find_fragment (KvsLocalStore *store, KvsLocalStream *stream,
                                        const gchar *number, KvsLocalFragment *out);
gboolean kvs_local_store_next_fragment (KvsLocalStore *store, KvsLocalStream *stream,
                                        gint64 after_id, KvsLocalFragment *out);
gboolean kvs_local_store_newest_fragment (KvsLocalStore *store, KvsLocalStream *stream,
                                          KvsLocalFragment *out);
gboolean kvs_local_store_fragment_at_server_time (KvsLocalStore *store, KvsLocalStream *stream,
                                                  gint64 ms, KvsLocalFragment *out);
gboolean kvs_local_store_fragment_at_producer_time (KvsLocalStore *store, KvsLocalStream *stream,
                                                    gint64 ms, KvsLocalFragment *out);
void kvs_local_store_expire_stream (KvsLocalStore *store, KvsLocalStream *stream);
void kvs_local_store_expire (KvsLocalStore *store);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalStore, kvs_local_store_close)

G_END_DECLS
