/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GetMedia: stored fragments one after the other, then new ones as they come (kvs-api.md section
 * 10). */
#pragma once

#include "server.h"

G_BEGIN_DECLS

#define KVS_LOCAL_MAX_GET_CONNECTIONS 3

typedef struct _KvsLocalGetMedia KvsLocalGetMedia;

gboolean kvs_local_get_media_start (KvsLocalServer *server, SoupServerMessage *message,
                                    GBytes *body, GError **error);
void kvs_local_get_media_free (KvsLocalGetMedia *session);

G_END_DECLS
