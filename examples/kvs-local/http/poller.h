/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells when sockets have something to read. GLib's own sources are all looked at in each round of
 * the main loop, which with hundreds of sessions costs more than the media; this is one source,
 * whatever the number of sockets. One thread only: that of the default main context. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _KvsLocalPoller KvsLocalPoller;
typedef struct _KvsLocalWatch KvsLocalWatch;

/**
 * KvsLocalWatchFunc:
 * @user_data: from kvs_local_watch_new()
 *
 * There may be something to read. Called again as long as the socket is not empty, or if
 * kvs_local_watch_wake() is called.
 */
typedef void (*KvsLocalWatchFunc) (gpointer user_data);

KvsLocalPoller *kvs_local_poller_new (GError **error);
void kvs_local_poller_free (KvsLocalPoller *poller);

KvsLocalWatch *kvs_local_watch_new (KvsLocalPoller *poller, int fd, KvsLocalWatchFunc func,
                                    gpointer user_data);
void kvs_local_watch_free (KvsLocalWatch *watch);
void kvs_local_watch_set_active (KvsLocalWatch *watch, gboolean active);
void kvs_local_watch_wake (KvsLocalWatch *watch);

G_END_DECLS
