/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PutMedia connection: takes the body and sends acks at the same time. */
#pragma once

#include "ingest/put-media.h"
#include "server.h"

G_BEGIN_DECLS

typedef struct _KvsLocalPutConnection KvsLocalPutConnection;

void kvs_local_put_connection_start (KvsLocalServer *server, SoupServerMessage *message,
                                     const KvsLocalPutMediaRequest *request);
void kvs_local_put_connection_refuse (KvsLocalServer *server, SoupServerMessage *message,
                                      const GError *why);
void kvs_local_put_connection_cancel (KvsLocalPutConnection *connection);

G_END_DECLS
