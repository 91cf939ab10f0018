/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsTransfers: what libcurl does on the I/O thread. For one thread. */
#pragma once

#include <sys/epoll.h>

#include "net/loop.h"

G_BEGIN_DECLS

typedef struct _KvsTransfers KvsTransfers;

KvsTransfers *kvs_transfers_new (int epoll_fd);
void kvs_transfers_free (KvsTransfers *transfers);
gboolean kvs_transfers_add (KvsTransfers *transfers, CURL *easy, KvsLoopTransferFunc func,
                            gpointer user_data);
void kvs_transfers_remove (KvsTransfers *transfers, CURL *easy);
void kvs_transfers_set_gathering (KvsTransfers *transfers, CURL *easy, gboolean gathering);
void kvs_transfers_set_patient (KvsTransfers *transfers, CURL *easy, gboolean patient);
gboolean kvs_transfers_has_peer_ended (KvsTransfers *transfers, CURL *easy);
gint64 kvs_transfers_get_deadline_us (KvsTransfers *transfers);
void kvs_transfers_handle_event (KvsTransfers *transfers, const struct epoll_event *event);
void kvs_transfers_run (KvsTransfers *transfers, gboolean with_patient);
void kvs_transfers_apply (KvsTransfers *transfers);

G_END_DECLS
