/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds out which tracks the fragments have that are about to come into a session. */
#pragma once

#include "http/worker.h"
#include "playback/playback-session.h"

G_BEGIN_DECLS

typedef struct _KvsLocalProbe KvsLocalProbe;

/**
 * KvsLocalProbeFunc:
 * @session: now with the fragments
 * @error: (nullable): why it has none
 * @user_data: as given
 */
typedef void (*KvsLocalProbeFunc) (KvsLocalPlaybackSession *session, const GError *error,
                                   gpointer user_data);

void kvs_local_probe_start (KvsLocalWorker *worker, KvsLocalStore *store,
                            KvsLocalPlaybackSession *session, const GArray *fragments,
                            KvsLocalProbeFunc func, gpointer user_data,
                            GDestroyNotify destroy);

G_END_DECLS
