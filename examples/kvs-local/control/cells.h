/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream lives in one cell of the service, whose data endpoint GetDataEndpoint tells; the others'
 * know nothing of it (kvs-api.md section 3). Which cell that is may change. */
#pragma once

#include "control/control-plane.h"
#include "server.h"

G_BEGIN_DECLS

gboolean kvs_local_cells_serve (KvsLocalServer *server, SoupServerMessage *message,
                                const KvsLocalStream *stream, GError **error);
gboolean kvs_local_cells_check_request (KvsLocalServer *server, SoupServerMessage *message,
                                        GBytes *body, GError **error);
gchar *kvs_local_cells_get_endpoint (KvsLocalServer *server, SoupServerMessage *message,
                                     const KvsLocalStream *stream);
guint kvs_local_cells_choose (KvsLocalServer *server, const gchar *stream_name);
JsonObject *kvs_local_move_stream (const KvsLocalControlPlane *plane, JsonObject *args,
                                   GError **error);

G_END_DECLS
