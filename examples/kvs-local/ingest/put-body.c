/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/put-body.h"

/**
 * kvs_local_put_body_init:
 * @body: to be set to its start
 * @is_chunked: whether it is in chunks
 * @length: of a body that is not
 */
void
kvs_local_put_body_init (KvsLocalPutBody *body, gboolean is_chunked, guint64 length)
{
  *body = (KvsLocalPutBody) { is_chunked, length, kvs_local_chunked_decoder_new () };
}

/**
 * kvs_local_put_body_clear:
 * @body: to be emptied
 */
void
kvs_local_put_body_clear (KvsLocalPutBody *body)
{
  g_clear_pointer (&body->decoder, kvs_local_chunked_decoder_free);
}

static KvsLocalPutBodyResult
push_chunked (KvsLocalPutBody *body, KvsLocalIngest *ingest, const guint8 *data, gsize size)
{
  const guint8 *piece;
  gsize piece_size;

  for (;;) {
    switch (kvs_local_chunked_decoder_next (body->decoder, &data, &size, &piece, &piece_size)) {
      case KVS_LOCAL_CHUNKED_DATA:
        if (!kvs_local_ingest_push (ingest, piece, piece_size))
          return KVS_LOCAL_PUT_BODY_REFUSED;
        break;
      case KVS_LOCAL_CHUNKED_END:
        return KVS_LOCAL_PUT_BODY_END;
      case KVS_LOCAL_CHUNKED_ERROR:
        return KVS_LOCAL_PUT_BODY_ERROR;
      case KVS_LOCAL_CHUNKED_MORE:
      default:
        return KVS_LOCAL_PUT_BODY_MORE;
    }
  }
}

/**
 * kvs_local_put_body_push:
 * @body: a body that is not over
 * @ingest: gets what is in it
 * @data: bytes from the connection; what follows the body is passed over
 * @size: how many
 *
 * Returns: how it goes on
 */
KvsLocalPutBodyResult
kvs_local_put_body_push (KvsLocalPutBody *body, KvsLocalIngest *ingest, const guint8 *data,
                         gsize size)
{
  gsize taken;

  if (body->is_chunked)
    return push_chunked (body, ingest, data, size);
  taken = (gsize) MIN ((guint64) size, body->length_left);
  body->length_left -= taken;
  if (taken > 0 && !kvs_local_ingest_push (ingest, data, taken))
    return KVS_LOCAL_PUT_BODY_REFUSED;
  return body->length_left == 0 ? KVS_LOCAL_PUT_BODY_END : KVS_LOCAL_PUT_BODY_MORE;
}
