/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTP chunks. Decoded in one piece and byte by byte, the same must come out. */
#include "fuzz.h"

#include "http/chunked-decoder.h"

static KvsLocalChunkedResult
decode (const guint8 *data, gsize size, gsize step, GByteArray *out, gsize *n_used)
{
  g_autoptr (KvsLocalChunkedDecoder) decoder = kvs_local_chunked_decoder_new ();
  KvsLocalChunkedResult result = KVS_LOCAL_CHUNKED_MORE;

  *n_used = 0;
  while (*n_used < size && result == KVS_LOCAL_CHUNKED_MORE) {
    const guint8 *input = data + *n_used;
    gsize input_size = MIN (step, size - *n_used);
    const guint8 *body;
    gsize body_size;

    do {
      result = kvs_local_chunked_decoder_next (decoder, &input, &input_size, &body, &body_size);
      if (result == KVS_LOCAL_CHUNKED_DATA) {
        g_assert_cmpuint (body_size, >, 0);
        g_assert_true (body >= data && body + body_size <= data + size);
        g_byte_array_append (out, body, (guint) body_size);
      }
    } while (result == KVS_LOCAL_CHUNKED_DATA);
    *n_used = (gsize) (input - data);
  }
  return result;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GByteArray) whole = g_byte_array_new ();
  g_autoptr (GByteArray) split = g_byte_array_new ();
  gsize whole_used, split_used;
  KvsLocalChunkedResult result = decode (data, size, MAX (size, 1), whole, &whole_used);

  g_assert_cmpint (decode (data, size, 1, split, &split_used), ==, result);
  g_assert_cmpuint (whole_used, ==, split_used);
  g_assert_cmpmem (whole->data, whole->len, split->data, split->len);
  g_assert_cmpuint (whole->len, <=, size);
  return 0;
}
