/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/bit-reader.h"

/**
 * kvs_bit_reader_init:
 * @reader: to be filled
 * @data: (nullable): a NAL unit or the beginning of one, which must outlive @reader
 * @size: of @data in bytes
 */
void
kvs_bit_reader_init (KvsBitReader *reader, const guint8 *data, gsize size)
{
  *reader = (KvsBitReader) { .data = data, .size = size };
}

/**
 * kvs_bit_reader_init_plain:
 * @reader: to be filled
 * @data: (nullable): bytes that must outlive @reader, without any emulation prevention
 * @size: of @data in bytes
 */
void
kvs_bit_reader_init_plain (KvsBitReader *reader, const guint8 *data, gsize size)
{
  *reader = (KvsBitReader) { .data = data, .size = size, .is_plain = TRUE };
}

/**
 * kvs_bit_reader_get_bits_left:
 * @reader: a reader of plain bytes
 *
 * Returns: how many bits can still be read; modulo 8 those up to the next whole byte
 */
gsize
kvs_bit_reader_get_bits_left (const KvsBitReader *reader)
{
  return reader->failed ? 0 : reader->bits_left + 8 * (reader->size - reader->pos);
}

/* ISO/IEC 14496-10 7.3.1 and 23008-2 7.3.1.1: 00 00 03 inside a NAL unit stands for 00 00. */
static gboolean
next_byte (KvsBitReader *reader)
{
  if (!reader->is_plain && reader->zeros >= 2 && reader->pos < reader->size
      && reader->data[reader->pos] == 3) {
    reader->pos++;
    reader->zeros = 0;
  }
  if (reader->pos >= reader->size) {
    reader->failed = TRUE;
    return FALSE;
  }
  reader->current = reader->data[reader->pos++];
  reader->zeros = reader->current == 0 ? reader->zeros + 1 : 0;
  reader->bits_left = 8;
  return TRUE;
}

/**
 * kvs_bit_reader_read:
 * @reader: a reader
 * @n_bits: 0 to 32
 *
 * Returns: u(n), the most significant bit first; 0 once the reader has failed
 */
guint32
kvs_bit_reader_read (KvsBitReader *reader, guint n_bits)
{
  guint32 value = 0;

  while (n_bits > 0) {
    guint take;
    guint32 bits;

    if (reader->failed || (reader->bits_left == 0 && !next_byte (reader)))
      return 0;
    take = MIN (n_bits, reader->bits_left);
    bits = (guint32) reader->current >> (reader->bits_left - take) & ((1u << take) - 1);
    value = value << take | bits;
    reader->bits_left -= take;
    n_bits -= take;
  }
  return value;
}

/**
 * kvs_bit_reader_read_ue:
 * @reader: a reader
 *
 * Returns: ue(v), ISO/IEC 14496-10 9.1, at most 2^32 - 2; 0 once the reader has failed
 */
guint32
kvs_bit_reader_read_ue (KvsBitReader *reader)
{
  guint n_zeros = 0;
  guint64 base;

  while (kvs_bit_reader_read (reader, 1) == 0) {
    if (reader->failed)
      return 0;
    if (++n_zeros > 31) {
      reader->failed = TRUE;
      return 0;
    }
  }
  base = (G_GUINT64_CONSTANT (1) << n_zeros) - 1;
  base += kvs_bit_reader_read (reader, n_zeros);
  return reader->failed ? 0 : (guint32) base;
}

/**
 * kvs_bit_reader_read_se:
 * @reader: a reader
 *
 * Returns: se(v), ISO/IEC 14496-10 9.1.1; 0 once the reader has failed
 */
gint32
kvs_bit_reader_read_se (KvsBitReader *reader)
{
  gint64 code = kvs_bit_reader_read_ue (reader);

  return (gint32) ((code & 1) != 0 ? (code + 1) / 2 : -(code / 2));
}

/**
 * kvs_bit_reader_skip:
 * @reader: a reader
 * @n_bits: any number; the reader fails when there are fewer
 */
void
kvs_bit_reader_skip (KvsBitReader *reader, gsize n_bits)
{
  while (n_bits > 0 && !reader->failed) {
    guint take = (guint) MIN (n_bits, 32);

    kvs_bit_reader_read (reader, take);
    n_bits -= take;
  }
}
