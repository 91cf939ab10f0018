/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the bit fields of a NAL unit's payload, stepping over emulation prevention bytes. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * KvsBitReader:
 * @data: a NAL unit (with or without its header), still holding its emulation prevention bytes
 * @size: of @data in bytes
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
  gsize pos;
  guint zeros;
  guint8 current;
  guint bits_left;
  gboolean failed;
} KvsBitReader;

void kvs_bit_reader_init (KvsBitReader *reader, const guint8 *data, gsize size);
guint32 kvs_bit_reader_read (KvsBitReader *reader, guint n_bits);
guint32 kvs_bit_reader_read_ue (KvsBitReader *reader);
gint32 kvs_bit_reader_read_se (KvsBitReader *reader);
void kvs_bit_reader_skip (KvsBitReader *reader, gsize n_bits);

G_END_DECLS
