/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The body of a PutMedia request as it comes over the connection, in chunks or with a length. */
#pragma once

#include "http/chunked-decoder.h"
#include "ingest/ingest.h"

G_BEGIN_DECLS

/**
 * KvsLocalPutBody:
 * @is_chunked: whether it is in chunks
 * @length_left: of a body that is not
 */
typedef struct {
  gboolean is_chunked;
  guint64 length_left;
  /*< private >*/
  KvsLocalChunkedDecoder *decoder;
} KvsLocalPutBody;

/**
 * KvsLocalPutBodyResult:
 * @KVS_LOCAL_PUT_BODY_MORE: the body is not over
 * @KVS_LOCAL_PUT_BODY_END: it is over as it should be
 * @KVS_LOCAL_PUT_BODY_REFUSED: the ingest is over before it
 * @KVS_LOCAL_PUT_BODY_ERROR: these are not chunks
 */
typedef enum {
  KVS_LOCAL_PUT_BODY_MORE,
  KVS_LOCAL_PUT_BODY_END,
  KVS_LOCAL_PUT_BODY_REFUSED,
  KVS_LOCAL_PUT_BODY_ERROR,
} KvsLocalPutBodyResult;

void kvs_local_put_body_init (KvsLocalPutBody *body, gboolean is_chunked, guint64 length);
void kvs_local_put_body_clear (KvsLocalPutBody *body);
KvsLocalPutBodyResult kvs_local_put_body_push (KvsLocalPutBody *body, KvsLocalIngest *ingest,
                                               const guint8 *data, gsize size);

G_END_DECLS
