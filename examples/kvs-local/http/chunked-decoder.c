/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/chunked-decoder.h"

/* 15 digits are 2^60 bytes: no body is that long, and nothing overflows. */
#define MAX_SIZE_DIGITS 15

typedef enum {
  STATE_SIZE,
  STATE_EXTENSION,
  STATE_SIZE_LF,
  STATE_DATA,
  STATE_DATA_CR,
  STATE_DATA_LF,
  STATE_TRAILER_START, /* at the beginning of a line */
  STATE_TRAILER,
  STATE_TRAILER_LF,
  STATE_LAST_LF,
  STATE_END,
  STATE_ERROR,
} State;

struct _KvsLocalChunkedDecoder {
  State state;
  guint64 left; /* of the chunk */
  guint n_digits;
  gsize line_bytes; /* of a chunk extension */
  gsize trailer_bytes;
};

/**
 * kvs_local_chunked_decoder_new:
 *
 * Returns: (transfer full): a decoder at the start of a body
 */
KvsLocalChunkedDecoder *
kvs_local_chunked_decoder_new (void)
{
  return g_new0 (KvsLocalChunkedDecoder, 1);
}

/**
 * kvs_local_chunked_decoder_free:
 * @decoder: (transfer full) (nullable): a decoder
 */
void
kvs_local_chunked_decoder_free (KvsLocalChunkedDecoder *decoder)
{
  g_free (decoder);
}

static State
after_size_byte (KvsLocalChunkedDecoder *decoder, guint8 byte)
{
  gint digit = g_ascii_xdigit_value ((gchar) byte);

  if (digit >= 0) {
    if (++decoder->n_digits > MAX_SIZE_DIGITS)
      return STATE_ERROR;
    decoder->left = decoder->left << 4 | (guint) digit;
    return STATE_SIZE;
  }
  if (decoder->n_digits == 0)
    return STATE_ERROR;
  decoder->n_digits = 0;
  decoder->line_bytes = 0;
  if (byte == '\r')
    return STATE_SIZE_LF;
  return byte == ';' || byte == ' ' || byte == '\t' ? STATE_EXTENSION : STATE_ERROR;
}

static gboolean
is_control (guint8 byte)
{
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

static State
after_extension_byte (KvsLocalChunkedDecoder *decoder, guint8 byte)
{
  if (byte == '\r')
    return STATE_SIZE_LF;
  if (is_control (byte) || ++decoder->line_bytes > KVS_LOCAL_CHUNKED_MAX_LINE_BYTES)
    return STATE_ERROR;
  return STATE_EXTENSION;
}

static State
after_trailer_byte (KvsLocalChunkedDecoder *decoder, guint8 byte)
{
  if (byte == '\r')
    return decoder->state == STATE_TRAILER_START ? STATE_LAST_LF : STATE_TRAILER_LF;
  if (is_control (byte) || ++decoder->trailer_bytes > KVS_LOCAL_CHUNKED_MAX_TRAILER_BYTES)
    return STATE_ERROR;
  return STATE_TRAILER;
}

static State
after_byte (KvsLocalChunkedDecoder *decoder, guint8 byte)
{
  switch (decoder->state) {
    case STATE_SIZE:
      return after_size_byte (decoder, byte);
    case STATE_EXTENSION:
      return after_extension_byte (decoder, byte);
    case STATE_SIZE_LF:
      if (byte != '\n')
        return STATE_ERROR;
      return decoder->left > 0 ? STATE_DATA : STATE_TRAILER_START;
    case STATE_DATA_CR:
      return byte == '\r' ? STATE_DATA_LF : STATE_ERROR;
    case STATE_DATA_LF:
      return byte == '\n' ? STATE_SIZE : STATE_ERROR;
    case STATE_TRAILER_START:
    case STATE_TRAILER:
      return after_trailer_byte (decoder, byte);
    case STATE_TRAILER_LF:
      return byte == '\n' ? STATE_TRAILER_START : STATE_ERROR;
    case STATE_LAST_LF:
      return byte == '\n' ? STATE_END : STATE_ERROR;
    default:
      return STATE_ERROR;
  }
}

/**
 * kvs_local_chunked_decoder_next:
 * @decoder: a decoder
 * @input: (inout): bytes from the connection; moved on behind what was used
 * @input_size: (inout): how many are left
 * @body: (out): where a piece of the body is, within the input
 * @body_size: (out): its size
 *
 * Call it again as long as it gives %KVS_LOCAL_CHUNKED_DATA.
 *
 * Returns: what was found
 */
KvsLocalChunkedResult
kvs_local_chunked_decoder_next (KvsLocalChunkedDecoder *decoder, const guint8 **input,
                                gsize *input_size, const guint8 **body, gsize *body_size)
{
  while (decoder->state != STATE_END && decoder->state != STATE_ERROR) {
    if (*input_size == 0)
      return KVS_LOCAL_CHUNKED_MORE;
    if (decoder->state == STATE_DATA) {
      *body = *input;
      *body_size = (gsize) MIN (decoder->left, (guint64) *input_size);
      decoder->left -= *body_size;
      *input += *body_size;
      *input_size -= *body_size;
      if (decoder->left == 0)
        decoder->state = STATE_DATA_CR;
      return KVS_LOCAL_CHUNKED_DATA;
    }
    decoder->state = after_byte (decoder, **input);
    (*input)++;
    (*input_size)--;
  }
  return decoder->state == STATE_END ? KVS_LOCAL_CHUNKED_END : KVS_LOCAL_CHUNKED_ERROR;
}
