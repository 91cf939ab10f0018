/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HLS and DASH: the operations that begin sessions, and what players fetch of them (kvs-api.md
 * sections 12 and 13). */
#pragma once

#include "http/worker.h"
#include "playback/playback-session.h"
#include "server.h"

G_BEGIN_DECLS

typedef struct _KvsLocalPlayback KvsLocalPlayback;

KvsLocalPlayback *kvs_local_playback_new (KvsLocalServer *server, GError **error);
void kvs_local_playback_free (KvsLocalPlayback *playback);
KvsLocalWorker *kvs_local_playback_get_worker (KvsLocalPlayback *playback);
KvsLocalPlaybackSession *kvs_local_playback_find (KvsLocalPlayback *playback, const gchar *token,
                                                  gboolean is_dash, GError **error);

gboolean kvs_local_playback_start_hls (KvsLocalServer *server, SoupServerMessage *message,
                                       GBytes *body, GError **error);
gboolean kvs_local_playback_start_dash (KvsLocalServer *server, SoupServerMessage *message,
                                        GBytes *body, GError **error);

/* playback-resources.c */
gboolean kvs_local_playback_get (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                                 GError **error);
gboolean kvs_local_playback_tell_options (KvsLocalServer *server, SoupServerMessage *message,
                                          GBytes *body, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalPlayback, kvs_local_playback_free)

G_END_DECLS
