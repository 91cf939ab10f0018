/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frames of one stored fragment, as libavformat reads them. */
#pragma once

#include <gio/gio.h>
#include <libavcodec/avcodec.h>

#include "store/store.h"

G_BEGIN_DECLS

/**
 * KvsLocalMedia:
 * @tracks: (element-type AVCodecParameters): in the order of the Tracks element
 * @packets: (element-type AVPacket): in the order of the file, which is that of decoding within a
 *   track; stream_index is a place in @tracks, pts and duration are ns from the Cluster's time, dts
 *   is the pts that the frame would have if pictures were shown in the order of decoding
 * @duration_ns: of the fragment
 * @delay_ns: how long all frames have to wait so that each is decoded before it is shown, and none
 *   is before the Cluster's time
 *
 * Does not change once it is made: any thread may read it.
 */
typedef struct {
  gatomicrefcount ref_count;
  GPtrArray *tracks;
  GPtrArray *packets;
  gint64 duration_ns;
  gint64 delay_ns;
} KvsLocalMedia;

KvsLocalMedia *kvs_local_media_new (GBytes *file, const KvsLocalFragment *fragment,
                                    GError **error);
KvsLocalMedia *kvs_local_media_new_tracks (GBytes *start, GError **error);
KvsLocalMedia *kvs_local_media_load (const gchar *path, const KvsLocalFragment *fragment,
                                     GError **error);
KvsLocalMedia *kvs_local_media_ref (KvsLocalMedia *media);
void kvs_local_media_unref (KvsLocalMedia *media);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalMedia, kvs_local_media_unref)

G_END_DECLS
