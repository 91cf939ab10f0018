/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads bit fields: of a NAL unit's payload, stepping over emulation prevention bytes, or of plain
 * bytes. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * KvsBitReader:
 * @data: a NAL unit (with or without its header), still holding its emulation prevention bytes; or
 *   any bytes
 * @size: of @data in bytes
 * @is_plain: whether all bytes are taken as they are
 * @pos: next byte to take
 * @zeros: zero bytes in a row before @pos
 * @current: the byte that bits are taken from
 * @bits_left: bits of @current not yet taken
 * @failed: sticks once something was read beyond the end, or an Exp-Golomb code was too long
 *
 * Lives on the stack. Reads after a failure give 0, so a parser may check @failed once at its end;
 * loops over counts must check the counts first.
 */
typedef struct {
  const guint8 *data;
  gsize size;
  gboolean is_plain;
  gsize pos;
  guint zeros;
  guint8 current;
  guint bits_left;
  gboolean failed;
} KvsBitReader;

void kvs_bit_reader_init (KvsBitReader *reader, const guint8 *data, gsize size);
void kvs_bit_reader_init_plain (KvsBitReader *reader, const guint8 *data, gsize size);
gsize kvs_bit_reader_get_bits_left (const KvsBitReader *reader);
guint32 kvs_bit_reader_read (KvsBitReader *reader, guint n_bits);
guint32 kvs_bit_reader_read_ue (KvsBitReader *reader);
gint32 kvs_bit_reader_read_se (KvsBitReader *reader);
void kvs_bit_reader_skip (KvsBitReader *reader, gsize n_bits);

G_END_DECLS
