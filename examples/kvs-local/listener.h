/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the server listens. By default one address serves everything; with --data-port the control
 * plane has one and the data plane another, and with --cells each cell has its own data plane, as the
 * service's have (kvs-api.md section 3). */
#pragma once

#include "server.h"

G_BEGIN_DECLS

/**
 * KvsLocalPlane: what an address serves; what kvs-local adds to the service is served by each
 */
typedef enum {
  KVS_LOCAL_PLANE_CONTROL = 1 << 0,
  KVS_LOCAL_PLANE_DATA = 1 << 1,
} KvsLocalPlane;

/**
 * KvsLocalListener:
 * @server: the server
 * @service: accepts connections
 * @planes: (type KvsLocalPlane): what is served
 * @cell: whose data plane it is, from 0
 * @port: where it listens
 */
typedef struct {
  KvsLocalServer *server;
  GSocketService *service;
  guint planes;
  guint cell;
  guint port;
} KvsLocalListener;

gboolean kvs_local_listeners_open (KvsLocalServer *server, GError **error);
void kvs_local_listeners_close (KvsLocalServer *server);
void kvs_local_listeners_free (KvsLocalServer *server);
const KvsLocalListener *kvs_local_listener_of_message (KvsLocalServer *server,
                                                       SoupServerMessage *message);
const KvsLocalListener *kvs_local_listener_of_cell (KvsLocalServer *server, guint cell);
gboolean kvs_local_is_data_path (const gchar *path);
gboolean kvs_local_listener_serves (const KvsLocalListener *listener, const gchar *path);
gchar *kvs_local_listener_get_url (const KvsLocalListener *listener);
gchar *kvs_local_listener_get_url_for (const KvsLocalListener *listener,
                                       SoupServerMessage *message);

G_END_DECLS
