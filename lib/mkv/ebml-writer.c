/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkv/ebml-writer.h"

#include <string.h>

static void
put_big_endian (guint8 *out, guint64 value, guint n_bytes)
{
  for (guint i = n_bytes; i-- > 0; value >>= 8)
    out[i] = (guint8) value;
}

/* at least one */
static guint
count_bytes (guint64 value)
{
  guint n = 1;

  while ((value >>= 8) != 0)
    n++;
  return n;
}

/**
 * kvs_ebml_put_id:
 * @out: room for %KVS_EBML_ID_MAX_BYTES
 * @id: an element id with its marker bits, such as 0x1a45dfa3
 *
 * Returns: how many bytes were written
 */
gsize
kvs_ebml_put_id (guint8 *out, guint32 id)
{
  guint n = count_bytes (id);

  put_big_endian (out, id, n);
  return n;
}

/**
 * kvs_ebml_put_size:
 * @out: room for %KVS_EBML_SIZE_MAX_BYTES
 * @size: at most %KVS_EBML_MAX_SIZE
 *
 * Writes an element data size in as few bytes as it needs (RFC 8794 section 4). All ones is left
 * out for each length: it means an unknown size (section 6.2).
 *
 * Returns: how many bytes were written
 */
gsize
kvs_ebml_put_size (guint8 *out, guint64 size)
{
  guint n = 1;

  g_return_val_if_fail (size <= KVS_EBML_MAX_SIZE, 0);

  while (size >= (G_GUINT64_CONSTANT (1) << (7 * n)) - 1)
    n++;
  put_big_endian (out, size | G_GUINT64_CONSTANT (1) << (7 * n), n);
  return n;
}

/**
 * kvs_ebml_put_uint:
 * @out: room for 1 + %KVS_EBML_UINT_MAX_BYTES
 * @value: any
 *
 * Writes size and data of an unsigned integer element in as few bytes as it needs.
 *
 * Returns: how many bytes were written
 */
gsize
kvs_ebml_put_uint (guint8 *out, guint64 value)
{
  guint n = count_bytes (value);

  out[0] = (guint8) (0x80 | n);
  put_big_endian (out + 1, value, n);
  return 1 + n;
}

/**
 * kvs_ebml_append_start:
 * @out: grows
 * @id: element id
 * @size: of the element's data in bytes
 *
 * Appends what stands before the data of an element.
 */
void
kvs_ebml_append_start (GByteArray *out, guint32 id, guint64 size)
{
  guint8 start[KVS_EBML_ID_MAX_BYTES + KVS_EBML_SIZE_MAX_BYTES];
  gsize n = kvs_ebml_put_id (start, id);

  n += kvs_ebml_put_size (start + n, size);
  g_byte_array_append (out, start, (guint) n);
}

/**
 * kvs_ebml_append_unknown_size:
 * @out: grows
 * @id: id of an element that may end without having said its size
 *
 * The size is written in its 8-byte form, 01 ff ff ff ff ff ff ff, which every live muxer writes.
 */
void
kvs_ebml_append_unknown_size (GByteArray *out, guint32 id)
{
  static const guint8 unknown[KVS_EBML_SIZE_MAX_BYTES] = {
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  };
  guint8 start[KVS_EBML_ID_MAX_BYTES];

  g_byte_array_append (out, start, (guint) kvs_ebml_put_id (start, id));
  g_byte_array_append (out, unknown, sizeof unknown);
}

/**
 * kvs_ebml_append_uint:
 * @out: grows
 * @id: element id
 * @value: any
 */
void
kvs_ebml_append_uint (GByteArray *out, guint32 id, guint64 value)
{
  guint8 element[KVS_EBML_ID_MAX_BYTES + 1 + KVS_EBML_UINT_MAX_BYTES];
  gsize n = kvs_ebml_put_id (element, id);

  n += kvs_ebml_put_uint (element + n, value);
  g_byte_array_append (out, element, (guint) n);
}

/**
 * kvs_ebml_append_float:
 * @out: grows
 * @id: element id
 * @value: written as an 8-byte float
 */
void
kvs_ebml_append_float (GByteArray *out, guint32 id, gdouble value)
{
  guint64 bits;
  guint8 data[sizeof bits];

  memcpy (&bits, &value, sizeof bits);
  put_big_endian (data, bits, sizeof bits);
  kvs_ebml_append_binary (out, id, data, sizeof data);
}

/**
 * kvs_ebml_append_string:
 * @out: grows
 * @id: element id
 * @value: UTF-8, may be empty
 */
void
kvs_ebml_append_string (GByteArray *out, guint32 id, const gchar *value)
{
  kvs_ebml_append_binary (out, id, value, strlen (value));
}

/**
 * kvs_ebml_append_binary:
 * @out: grows
 * @id: element id
 * @data: (nullable): the element's data
 * @size: of @data in bytes, less than 4 GiB as all of @out
 */
void
kvs_ebml_append_binary (GByteArray *out, guint32 id, gconstpointer data, gsize size)
{
  kvs_ebml_append_start (out, id, size);
  if (size > 0)
    g_byte_array_append (out, data, (guint) size);
}

/**
 * kvs_ebml_append_master:
 * @out: grows
 * @id: element id
 * @children: the elements in it
 */
void
kvs_ebml_append_master (GByteArray *out, guint32 id, const GByteArray *children)
{
  kvs_ebml_append_binary (out, id, children->data, children->len);
}
