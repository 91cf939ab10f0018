/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is answered by a JSON object: the control plane, and ListFragments. */
#pragma once

#include <json-glib/json-glib.h>

#include "server.h"
#include "store/store.h"

G_BEGIN_DECLS

/**
 * KvsLocalControlPlane:
 * @store: the store
 * @server: the server
 * @message: the request
 */
typedef struct {
  KvsLocalStore *store;
  KvsLocalServer *server;
  SoupServerMessage *message;
} KvsLocalControlPlane;

/**
 * KvsLocalOperation:
 * @plane: where
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
typedef JsonObject *(*KvsLocalOperation) (const KvsLocalControlPlane *plane, JsonObject *args,
                                          GError **error);

G_END_DECLS
