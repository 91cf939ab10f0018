/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer made of fragments, one Matroska document after the other (kvs-api.md sections 10 and
 * 11). */
#pragma once

#include "server.h"

G_BEGIN_DECLS

typedef struct _KvsLocalMediaSession KvsLocalMediaSession;

/**
 * KvsLocalMediaPlan:
 * @fragments: (nullable) (element-type KvsLocalFragment): gives these and ends
 * @after_id: without @fragments: gives all those stored after that with this id, waits for more,
 *   and says how far it is
 * @only: (nullable): gives these bytes and ends
 * @n_connections: of the stream, to be counted up while the session lasts
 */
typedef struct {
  GArray *fragments;
  gint64 after_id;
  GBytes *only;
  guint *n_connections;
} KvsLocalMediaPlan;

void kvs_local_media_session_start (KvsLocalServer *server, SoupServerMessage *message,
                                    KvsLocalStream *stream, const KvsLocalMediaPlan *plan);
void kvs_local_media_session_free (KvsLocalMediaSession *session);

G_END_DECLS
