/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames of stored fragments in the containers that players take, written by libavformat. Nothing is
 * decoded. All functions may be called in any thread. */
#pragma once

#include "av/demux.h"

G_BEGIN_DECLS

/**
 * KvsLocalRemuxTime:
 * @position_ns: where the fragment's Cluster is on the time line of the answer
 * @delay_ns: how much later than that everything is shown: the delay_ns of the media that the time
 *   line begins with, and the same for all that is on it. If later media had to wait longer, its
 *   decode times are closer together at its start.
 */
typedef struct {
  gint64 position_ns;
  gint64 delay_ns;
} KvsLocalRemuxTime;

GBytes *kvs_local_remux_mp4_init (const KvsLocalMedia *media, guint track, GError **error);
GBytes *kvs_local_remux_mp4_segment (const KvsLocalMedia *media, guint track,
                                     const KvsLocalRemuxTime *time, GError **error);
GBytes *kvs_local_remux_ts_segment (const KvsLocalMedia *media, const KvsLocalRemuxTime *time,
                                    GError **error);

typedef struct _KvsLocalMp4File KvsLocalMp4File;

KvsLocalMp4File *kvs_local_mp4_file_new (const KvsLocalMedia *first, const gchar *path,
                                         GError **error);
gboolean kvs_local_mp4_file_add (KvsLocalMp4File *file, const KvsLocalMedia *media,
                                 const KvsLocalRemuxTime *time, GError **error);
gboolean kvs_local_mp4_file_finish (KvsLocalMp4File *file, GError **error);
void kvs_local_mp4_file_free (KvsLocalMp4File *file);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalMp4File, kvs_local_mp4_file_free)

G_END_DECLS
