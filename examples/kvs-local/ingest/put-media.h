/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The headers of a PutMedia request (kvs-api.md section 6). */
#pragma once

#include <libsoup/soup.h>

#include "ingest/ingest.h"
#include "server.h"

G_BEGIN_DECLS

/* The quota is one; a second is let in, because producers that renew their credentials open the
 * next connection before the last acks of the one before are there. */
#define KVS_LOCAL_MAX_PUT_CONNECTIONS 2

/**
 * KvsLocalPutMediaRequest:
 * @stream: where the media go
 * @config: how to understand them
 * @wants_acks: whether acks other than ERROR are to be sent
 * @expects_continue: whether the client waits for "100 Continue"
 * @is_chunked: whether the body is in chunks
 * @length: of a body that is not
 */
typedef struct {
  KvsLocalStream *stream;
  KvsLocalIngestConfig config;
  gboolean wants_acks;
  gboolean expects_continue;
  gboolean is_chunked;
  guint64 length;
} KvsLocalPutMediaRequest;

gboolean kvs_local_put_media_parse (KvsLocalServer *server, SoupServerMessage *message,
                                    KvsLocalPutMediaRequest *out, GError **error);
void kvs_local_put_media_request_clear (KvsLocalPutMediaRequest *request);

G_END_DECLS
