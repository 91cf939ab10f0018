/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer that is made after its handler has returned. The client may have gone by then. */
#pragma once

#include "server.h"

G_BEGIN_DECLS

typedef struct _KvsLocalReply KvsLocalReply;

KvsLocalReply *kvs_local_reply_new (KvsLocalServer *server, SoupServerMessage *message);
void kvs_local_reply_free (KvsLocalReply *reply);
void kvs_local_reply_object (KvsLocalReply *reply, JsonObject *object);
void kvs_local_reply_bytes (KvsLocalReply *reply, const gchar *content_type, GBytes *bytes);
void kvs_local_reply_error (KvsLocalReply *reply, const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalReply, kvs_local_reply_free)

G_END_DECLS
