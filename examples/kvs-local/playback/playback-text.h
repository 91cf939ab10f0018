/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What HLS playlists and DASH manifests have in common. */
#pragma once

#include "playback/playback-session.h"

G_BEGIN_DECLS

gchar *kvs_local_playback_date_time (gint64 ms);
guint64 kvs_local_playback_bandwidth (const KvsLocalPlaybackSession *session);

G_END_DECLS
