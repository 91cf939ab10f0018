/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes a body out of HTTP/1.1 chunks (RFC 9112 section 7.1) as it arrives, in pieces of any size. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_LOCAL_CHUNKED_MAX_LINE_BYTES 1024
#define KVS_LOCAL_CHUNKED_MAX_TRAILER_BYTES 8192

/**
 * KvsLocalChunkedResult:
 * @KVS_LOCAL_CHUNKED_MORE: all input is used up; the body is not over
 * @KVS_LOCAL_CHUNKED_DATA: a piece of the body was found
 * @KVS_LOCAL_CHUNKED_END: the last chunk and its trailer are over; the rest of the input is not
 *   part of the body
 * @KVS_LOCAL_CHUNKED_ERROR: the input is not chunks
 */
typedef enum {
  KVS_LOCAL_CHUNKED_MORE,
  KVS_LOCAL_CHUNKED_DATA,
  KVS_LOCAL_CHUNKED_END,
  KVS_LOCAL_CHUNKED_ERROR,
} KvsLocalChunkedResult;

typedef struct _KvsLocalChunkedDecoder KvsLocalChunkedDecoder;

KvsLocalChunkedDecoder *kvs_local_chunked_decoder_new (void);
void kvs_local_chunked_decoder_free (KvsLocalChunkedDecoder *decoder);
KvsLocalChunkedResult kvs_local_chunked_decoder_next (KvsLocalChunkedDecoder *decoder,
                                                      const guint8 **input, gsize *input_size,
                                                      const guint8 **body, gsize *body_size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalChunkedDecoder, kvs_local_chunked_decoder_free)

G_END_DECLS
