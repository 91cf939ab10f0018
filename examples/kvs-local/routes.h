/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is answered by more than a JSON object of the control plane, and who answers it. */
#pragma once

#include "server.h"

G_BEGIN_DECLS

/**
 * KvsLocalHandler:
 * @server: the server
 * @message: a request whose body is there; the handler sets the answer, or pauses the message
 * @body: of the request
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: %FALSE if the request is refused
 */
typedef gboolean (*KvsLocalHandler) (KvsLocalServer *server, SoupServerMessage *message,
                                     GBytes *body, GError **error);

/**
 * KvsLocalRoute:
 * @method: of the request
 * @path: of the request, or the beginning of it where it ends in a slash
 * @handler: who answers
 * @is_open: no signature is asked for
 * @is_endless: the answer is made bit by bit, and its connection is closed at its end
 */
typedef struct {
  const gchar *method;
  const gchar *path;
  KvsLocalHandler handler;
  gboolean is_open;
  gboolean is_endless;
} KvsLocalRoute;

const KvsLocalRoute *kvs_local_route_find (const gchar *method, const gchar *path);

G_END_DECLS
