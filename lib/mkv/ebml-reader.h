/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads EBML (RFC 8794) as it arrives, in pieces of any size, knowing which Matroska elements have
 * children. Of Matroska the producer reads no more than the beginning of its own spool files. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_EBML_SIZE_UNKNOWN G_MAXUINT64

/* 4 of an id and 8 of a size */
#define KVS_EBML_READER_MAX_HEADER_BYTES 12

/* How much of a payload is kept for the end callback: of a block what holds its header, of others
 * more than any value is long that anybody looks at. */
#define KVS_EBML_READER_BLOCK_PREFIX_BYTES 16
#define KVS_EBML_READER_MAX_PAYLOAD_BYTES 1024

/* Segment, Tags, Tag, SimpleTag is 4; the rest is for SimpleTags within each other. */
#define KVS_EBML_READER_MAX_DEPTH 8

/**
 * KvsEbmlElement:
 * @id: with its marker bits, such as %KVS_MKV_ID_CLUSTER
 * @parent_id: id of the element around it, 0 at the top
 * @level: 0 at the top
 * @offset: of its first byte (of its id) from the start of the stream
 * @size: of its payload, or %KVS_EBML_SIZE_UNKNOWN
 * @header: id and size as they were received
 * @header_size: bytes in @header
 */
typedef struct {
  guint32 id;
  guint32 parent_id;
  guint level;
  guint64 offset;
  guint64 size;
  guint8 header[KVS_EBML_READER_MAX_HEADER_BYTES];
  gsize header_size;
} KvsEbmlElement;

/**
 * KvsEbmlReaderFuncs:
 * @start: id and size of an element were read; its payload follows
 * @data: (nullable): a piece of the payload of an element without children. The headers given to
 *   @start and these pieces, put one after the other, are the stream byte for byte.
 * @end: an element is over. @payload is the start of its payload, @payload_size bytes; it is whole
 *   if that equals the element's size. Elements with children have none.
 *
 * Each gives %FALSE with an error set to stop reading for good. The reader may not be freed from
 * within.
 */
typedef struct {
  gboolean (*start) (const KvsEbmlElement *element, gpointer user_data, GError **error);
  gboolean (*data) (const KvsEbmlElement *element, const guint8 *data, gsize size,
                    gpointer user_data, GError **error);
  gboolean (*end) (const KvsEbmlElement *element, const guint8 *payload, gsize payload_size,
                   gpointer user_data, GError **error);
} KvsEbmlReaderFuncs;

typedef struct _KvsEbmlReader KvsEbmlReader;

KvsEbmlReader *kvs_ebml_reader_new (const KvsEbmlReaderFuncs *funcs, gpointer user_data);
void kvs_ebml_reader_free (KvsEbmlReader *reader);
gboolean kvs_ebml_reader_push (KvsEbmlReader *reader, const guint8 *data, gsize size,
                               GError **error);
gboolean kvs_ebml_reader_finish (KvsEbmlReader *reader, GError **error);
guint64 kvs_ebml_reader_get_offset (const KvsEbmlReader *reader);

gboolean kvs_ebml_parse_uint (const guint8 *payload, gsize size, guint64 *out);
gsize kvs_ebml_parse_vint (const guint8 *data, gsize size, guint64 *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsEbmlReader, kvs_ebml_reader_free)

G_END_DECLS
