/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkv/ebml-reader.h"

#include <string.h>

#include "error.h"
#include "mkv/mkv-ids.h"

#define MAX_ID_BYTES 4
#define MAX_SIZE_BYTES 8
#define NO_END G_MAXUINT64

typedef struct {
  KvsEbmlElement element;
  guint64 end; /* its own or that of an element around it, whichever comes first */
} OpenElement;

struct _KvsEbmlReader {
  const KvsEbmlReaderFuncs *funcs;
  gpointer user_data;
  guint64 offset; /* of the next byte to come */
  guint8 header[KVS_EBML_READER_MAX_HEADER_BYTES];
  gsize header_size; /* of a header that is not whole yet */
  OpenElement open[KVS_EBML_READER_MAX_DEPTH];
  guint depth;
  gboolean in_leaf;
  KvsEbmlElement leaf;
  guint64 leaf_left;
  guint8 payload[KVS_EBML_READER_MAX_PAYLOAD_BYTES];
  gsize payload_size;
  gboolean failed;
};

static gboolean
has_children (guint32 id)
{
  switch (id) {
    case KVS_MKV_ID_EBML:
    case KVS_MKV_ID_SEGMENT:
    case KVS_MKV_ID_INFO:
    case KVS_MKV_ID_TRACKS:
    case KVS_MKV_ID_TRACK_ENTRY:
    case KVS_MKV_ID_VIDEO:
    case KVS_MKV_ID_AUDIO:
    case KVS_MKV_ID_CLUSTER:
    case KVS_MKV_ID_BLOCK_GROUP:
    case KVS_MKV_ID_TAGS:
    case KVS_MKV_ID_TAG:
    case KVS_MKV_ID_TARGETS:
    case KVS_MKV_ID_SIMPLE_TAG:
      return TRUE;
    default:
      return FALSE;
  }
}

/* RFC 8794 section 6.2: an element of unknown size ends where one begins that cannot be in it. */
static gboolean
ends_unknown_size (guint32 open_id, guint32 id)
{
  switch (id) {
    case KVS_MKV_ID_EBML:
    case KVS_MKV_ID_SEGMENT:
      return TRUE;
    case KVS_MKV_ID_SEEK_HEAD:
    case KVS_MKV_ID_INFO:
    case KVS_MKV_ID_TRACKS:
    case KVS_MKV_ID_CLUSTER:
    case KVS_MKV_ID_CUES:
    case KVS_MKV_ID_CHAPTERS:
    case KVS_MKV_ID_ATTACHMENTS:
    case KVS_MKV_ID_TAGS:
      return open_id == KVS_MKV_ID_CLUSTER;
    default:
      return FALSE;
  }
}

static gsize
payload_bytes_to_keep (guint32 id)
{
  if (id == KVS_MKV_ID_SIMPLE_BLOCK || id == KVS_MKV_ID_BLOCK)
    return KVS_EBML_READER_BLOCK_PREFIX_BYTES;
  return KVS_EBML_READER_MAX_PAYLOAD_BYTES;
}

/* Bytes of a variable-length number, from its first byte: 1 to 8, or 9 where no bit is set */
static gsize
vint_bytes (guint8 first)
{
  gsize n = 1;

  for (guint bit = 0x80; bit != 0 && (first & bit) == 0; bit >>= 1)
    n++;
  return n;
}

static gboolean
fail (GError **error, const KvsEbmlReader *reader, const gchar *what)
{
  g_set_error (error, KVS_ERROR, KVS_ERROR_PROTOCOL, "%s, at byte %" G_GUINT64_FORMAT, what,
               reader->offset);
  return FALSE;
}

/**
 * kvs_ebml_parse_uint:
 * @payload: of an element whose type is an unsigned integer
 * @size: of the payload
 * @out: (out): where to put the value
 *
 * Returns: %FALSE if it has more than 8 bytes
 */
gboolean
kvs_ebml_parse_uint (const guint8 *payload, gsize size, guint64 *out)
{
  guint64 value = 0;

  if (size > sizeof value)
    return FALSE;
  for (gsize i = 0; i < size; i++)
    value = value << 8 | payload[i];
  *out = value;
  return TRUE;
}

/**
 * kvs_ebml_parse_vint:
 * @data: where a variable-length number begins, as in an element's size or a block's track number
 * @size: bytes there are
 * @out: (out): where to put the value, %KVS_EBML_SIZE_UNKNOWN if all its bits are set
 *
 * Returns: bytes it takes, or 0 if it is not whole or longer than 8
 */
gsize
kvs_ebml_parse_vint (const guint8 *data, gsize size, guint64 *out)
{
  gsize n_bytes;
  guint64 value, mask;

  if (size == 0)
    return 0;
  n_bytes = vint_bytes (data[0]);
  if (n_bytes > MAX_SIZE_BYTES || n_bytes > size)
    return 0;
  value = 0;
  for (gsize i = 0; i < n_bytes; i++)
    value = value << 8 | data[i];
  mask = (G_GUINT64_CONSTANT (1) << (7 * n_bytes)) - 1;
  value &= mask;
  *out = value == mask ? KVS_EBML_SIZE_UNKNOWN : value;
  return n_bytes;
}

/**
 * kvs_ebml_reader_new:
 * @funcs: what to call; must outlive the reader
 * @user_data: handed to @funcs
 *
 * Returns: (transfer full): a reader at the start of a stream
 */
KvsEbmlReader *
kvs_ebml_reader_new (const KvsEbmlReaderFuncs *funcs, gpointer user_data)
{
  KvsEbmlReader *reader = g_new0 (KvsEbmlReader, 1);

  reader->funcs = funcs;
  reader->user_data = user_data;
  return reader;
}

/**
 * kvs_ebml_reader_free:
 * @reader: (transfer full) (nullable): a reader
 */
void
kvs_ebml_reader_free (KvsEbmlReader *reader)
{
  g_free (reader);
}

/**
 * kvs_ebml_reader_get_offset:
 * @reader: a reader
 *
 * Returns: bytes taken so far
 */
guint64
kvs_ebml_reader_get_offset (const KvsEbmlReader *reader)
{
  return reader->offset;
}

static guint64
current_end (const KvsEbmlReader *reader)
{
  return reader->depth > 0 ? reader->open[reader->depth - 1].end : NO_END;
}

static gboolean
close_innermost (KvsEbmlReader *reader, GError **error)
{
  const KvsEbmlElement element = reader->open[--reader->depth].element;

  return reader->funcs->end (&element, NULL, 0, reader->user_data, error);
}

static gboolean
close_those_that_end_here (KvsEbmlReader *reader, GError **error)
{
  while (reader->depth > 0 && current_end (reader) == reader->offset) {
    if (!close_innermost (reader, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
end_leaf (KvsEbmlReader *reader, GError **error)
{
  reader->in_leaf = FALSE;
  return reader->funcs->end (&reader->leaf, reader->payload, reader->payload_size,
                             reader->user_data, error)
         && close_those_that_end_here (reader, error);
}

static gboolean
open_element (KvsEbmlReader *reader, const KvsEbmlElement *element, GError **error)
{
  guint64 end = current_end (reader);

  if (element->size != KVS_EBML_SIZE_UNKNOWN)
    end = reader->offset + element->size;
  if (reader->depth == KVS_EBML_READER_MAX_DEPTH)
    return fail (error, reader, "elements within elements too deep");
  reader->open[reader->depth++] = (OpenElement) { *element, end };
  return reader->funcs->start (element, reader->user_data, error)
         && close_those_that_end_here (reader, error);
}

static gboolean
start_leaf (KvsEbmlReader *reader, const KvsEbmlElement *element, GError **error)
{
  reader->in_leaf = TRUE;
  reader->leaf = *element;
  reader->leaf_left = element->size;
  reader->payload_size = 0;
  if (!reader->funcs->start (element, reader->user_data, error))
    return FALSE;
  return element->size > 0 || end_leaf (reader, error);
}

/* @reader->header holds a whole header, which ends at @reader->offset. */
static gboolean
start_element (KvsEbmlReader *reader, gsize id_bytes, GError **error)
{
  KvsEbmlElement element = { 0 };
  guint64 end;

  for (gsize i = 0; i < id_bytes; i++)
    element.id = element.id << 8 | reader->header[i];
  kvs_ebml_parse_vint (reader->header + id_bytes, reader->header_size - id_bytes, &element.size);
  memcpy (element.header, reader->header, reader->header_size);
  element.header_size = reader->header_size;
  element.offset = reader->offset - reader->header_size;
  reader->header_size = 0;

  while (reader->depth > 0) {
    const KvsEbmlElement *innermost = &reader->open[reader->depth - 1].element;

    if (innermost->size != KVS_EBML_SIZE_UNKNOWN || !ends_unknown_size (innermost->id, element.id))
      break;
    if (!close_innermost (reader, error))
      return FALSE;
  }
  if (reader->depth > 0)
    element.parent_id = reader->open[reader->depth - 1].element.id;
  element.level = reader->depth;

  end = current_end (reader);
  if (reader->offset > end)
    return fail (error, reader, "element header reaches beyond the element around it");
  if (element.size == KVS_EBML_SIZE_UNKNOWN) {
    if (element.id != KVS_MKV_ID_SEGMENT && element.id != KVS_MKV_ID_CLUSTER)
      return fail (error, reader, "unknown size where only Segment and Cluster may have it");
  } else if (element.size > end - reader->offset) {
    return fail (error, reader, "element reaches beyond the element around it");
  }

  if (has_children (element.id))
    return open_element (reader, &element, error);
  return start_leaf (reader, &element, error);
}

static gboolean
id_is_reserved (const guint8 *id, gsize id_bytes)
{
  guint64 value;

  kvs_ebml_parse_vint (id, id_bytes, &value);
  return value == 0 || value == KVS_EBML_SIZE_UNKNOWN;
}

static gboolean
take_header_byte (KvsEbmlReader *reader, guint8 byte, GError **error)
{
  gsize id_bytes, size_bytes;

  reader->header[reader->header_size++] = byte;
  reader->offset++;
  id_bytes = vint_bytes (reader->header[0]);
  if (id_bytes > MAX_ID_BYTES)
    return fail (error, reader, "element id longer than 4 bytes");
  if (reader->header_size < id_bytes)
    return TRUE;
  if (reader->header_size == id_bytes)
    return !id_is_reserved (reader->header, id_bytes) || fail (error, reader, "reserved element id");

  size_bytes = vint_bytes (reader->header[id_bytes]);
  if (size_bytes > MAX_SIZE_BYTES)
    return fail (error, reader, "element size longer than 8 bytes");
  if (reader->header_size < id_bytes + size_bytes)
    return TRUE;
  return start_element (reader, id_bytes, error);
}

static gboolean
take_payload (KvsEbmlReader *reader, const guint8 *data, gsize size, GError **error)
{
  gsize limit = payload_bytes_to_keep (reader->leaf.id);
  gsize kept = MIN (size, limit - reader->payload_size);

  memcpy (reader->payload + reader->payload_size, data, kept);
  reader->payload_size += kept;
  reader->offset += size;
  reader->leaf_left -= size;
  if (reader->funcs->data != NULL
      && !reader->funcs->data (&reader->leaf, data, size, reader->user_data, error))
    return FALSE;
  return reader->leaf_left > 0 || end_leaf (reader, error);
}

/**
 * kvs_ebml_reader_push:
 * @reader: a reader
 * @data: the next bytes of the stream
 * @size: how many
 * @error: where to put an error
 *
 * Calls the callbacks for all that is in these bytes.
 *
 * Returns: %FALSE if they are not EBML (%KVS_ERROR_PROTOCOL), a callback failed, or an earlier call
 *   did
 */
gboolean
kvs_ebml_reader_push (KvsEbmlReader *reader, const guint8 *data, gsize size, GError **error)
{
  if (reader->failed)
    return fail (error, reader, "reading had stopped after an error");

  while (size > 0) {
    gsize taken = reader->in_leaf ? (gsize) MIN ((guint64) size, reader->leaf_left) : 1;
    gboolean ok = reader->in_leaf ? take_payload (reader, data, taken, error)
                                  : take_header_byte (reader, data[0], error);

    if (!ok) {
      reader->failed = TRUE;
      return FALSE;
    }
    data += taken;
    size -= taken;
  }
  return TRUE;
}

/**
 * kvs_ebml_reader_finish:
 * @reader: a reader
 * @error: where to put an error
 *
 * The stream is over: ends the elements of unknown size. Nothing can be pushed any more.
 *
 * Returns: %FALSE with %KVS_ERROR_PROTOCOL if it ended within an element of known size
 */
gboolean
kvs_ebml_reader_finish (KvsEbmlReader *reader, GError **error)
{
  if (reader->failed)
    return fail (error, reader, "reading had stopped after an error");
  reader->failed = TRUE;
  if (reader->in_leaf || reader->header_size > 0)
    return fail (error, reader, "stream ends within an element");
  while (reader->depth > 0) {
    if (reader->open[reader->depth - 1].element.size != KVS_EBML_SIZE_UNKNOWN)
      return fail (error, reader, "stream ends within an element of known size");
    if (!close_innermost (reader, error))
      return FALSE;
  }
  return TRUE;
}
