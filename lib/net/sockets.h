/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsSockets: the sockets that libcurl waits for, and what epoll knows of them. For one thread.
 *
 * libcurl says after each burst of a paced upload that it waits for room in the socket, finds a moment
 * later that there is nothing to send, and says that it does not wait any more. Told each time, epoll
 * would cost more system calls than the upload. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _KvsSockets KvsSockets;

KvsSockets *kvs_sockets_new (int epoll_fd);
void kvs_sockets_free (KvsSockets *sockets);
void kvs_sockets_watch (KvsSockets *sockets, int fd, gboolean reads, gboolean writes);
void kvs_sockets_forget (KvsSockets *sockets, int fd);
void kvs_sockets_set_patient (KvsSockets *sockets, int fd, gboolean patient);
gboolean kvs_sockets_is_patient (KvsSockets *sockets, int fd);
const GArray *kvs_sockets_find_ready_patient (KvsSockets *sockets);
gboolean kvs_sockets_take_writer (KvsSockets *sockets, int *fd);
void kvs_sockets_apply (KvsSockets *sockets);

G_END_DECLS
