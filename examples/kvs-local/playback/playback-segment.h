/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes a segment of a session's fragment in a thread, and answers with it. */
#pragma once

#include "http/reply.h"
#include "http/worker.h"
#include "playback/playback-session.h"

G_BEGIN_DECLS

#define KVS_LOCAL_TYPE_TS "video/MP2T"

gboolean kvs_local_segment_check (const KvsLocalPlaybackSession *session,
                                  const KvsLocalPlaybackEntry *entry, GError **error);
void kvs_local_segment_start (KvsLocalWorker *worker, KvsLocalStore *store,
                              const KvsLocalPlaybackSession *session,
                              const KvsLocalPlaybackEntry *entry, guint track,
                              KvsLocalReply *reply);
const gchar *kvs_local_segment_mp4_type (const KvsLocalPlaybackSession *session, guint track);

G_END_DECLS
