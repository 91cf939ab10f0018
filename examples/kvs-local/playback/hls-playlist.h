/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Playlists of a session (RFC 8216), in the form that the service gives them (kvs-api.md section 12). */
#pragma once

#include "playback/playback-session.h"

G_BEGIN_DECLS

gchar *kvs_local_hls_master_playlist (const KvsLocalPlaybackSession *session);
gchar *kvs_local_hls_media_playlist (const KvsLocalPlaybackSession *session, guint track_number);

G_END_DECLS
