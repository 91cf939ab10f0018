/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GetMedia (kvs-api.md section 10). */
#pragma once

#include "server.h"

G_BEGIN_DECLS

/* kvs-api.md section 16 */
#define KVS_LOCAL_MAX_GET_CONNECTIONS 3

gboolean kvs_local_get_media_start (KvsLocalServer *server, SoupServerMessage *message,
                                    GBytes *body, GError **error);

G_END_DECLS
