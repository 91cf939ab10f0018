/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first thing that a client of TLS says. GLib has each handshake wait for the client in a thread of
 * a pool that grows slowly: a hundred who say nothing would keep everybody else out for minutes. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * KvsLocalTlsHelloFunc:
 * @is_there: a handshake can begin; %FALSE if the client has gone, or says nothing
 * @user_data: from kvs_local_tls_hello_wait()
 */
typedef void (*KvsLocalTlsHelloFunc) (gboolean is_there, gpointer user_data);

GSource *kvs_local_tls_hello_wait (GSocket *socket, KvsLocalTlsHelloFunc func, gpointer user_data,
                                   GDestroyNotify destroy);

G_END_DECLS
