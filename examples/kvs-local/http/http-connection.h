/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's connection between its requests. libsoup serves one request of a connection that it has
 * not accepted itself, and closes it then; up to 3.2 it also never lets go of one that waits for the
 * next request when the client closes it. So each connection is taken back after an answer, and
 * given to libsoup again as if it were new. */
#pragma once

#include "server.h"

G_BEGIN_DECLS

void kvs_local_http_connection_accept (KvsLocalServer *server, GSocketConnection *accepted,
                                       GIOStream *io);
void kvs_local_http_connection_got_request (SoupServerMessage *message);
void kvs_local_http_connection_cut (SoupServerMessage *message);
void kvs_local_http_connection_reuse_after (KvsLocalServer *server, SoupServerMessage *message);
void kvs_local_http_connection_close_after (SoupServerMessage *message);
GSocket *kvs_local_http_connection_become_session (SoupServerMessage *message);
void kvs_local_http_connection_drop_all (KvsLocalServer *server);

G_END_DECLS
