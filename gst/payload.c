/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "payload.h"

typedef struct {
  GstMemory *memory;
  GstMapInfo map;
} MappedMemory;

static void
mapped_memory_free (gpointer data)
{
  MappedMemory *mapped = data;

  gst_memory_unmap (mapped->memory, &mapped->map);
  gst_memory_unref (mapped->memory);
  g_free (mapped);
}

/* Memory of a pool may be all that a hardware encoder has, and a small piece of a large block pins
 * the block: neither may wait for an Ack. */
static gboolean
can_be_held (GstBuffer *buffer)
{
  gsize offset, max_size;
  gsize size;

  if (buffer->pool != NULL || gst_buffer_n_memory (buffer) != 1)
    return FALSE;
  size = gst_memory_get_sizes (gst_buffer_peek_memory (buffer, 0), &offset, &max_size);
  return max_size <= 2 * size + 4096;
}

static GBytes *
copy_payload (GstBuffer *buffer)
{
  gsize size = gst_buffer_get_size (buffer);
  guint8 *data = g_malloc (size);

  /* A buffer without memory is fine, but not to gst_buffer_extract(). */
  if (size > 0)
    gst_buffer_extract (buffer, 0, data, size);
  return g_bytes_new_take (data, size);
}

/**
 * gst_kvs_payload_new:
 * @buffer: a buffer; is not written to
 *
 * Refers to the buffer's memory, or copies it once where holding it would hurt others.
 *
 * Returns: (transfer full): the payload
 */
GBytes *
gst_kvs_payload_new (GstBuffer *buffer)
{
  MappedMemory *mapped;

  if (!can_be_held (buffer))
    return copy_payload (buffer);
  mapped = g_new (MappedMemory, 1);
  mapped->memory = gst_buffer_get_memory (buffer, 0);
  if (!gst_memory_map (mapped->memory, &mapped->map, GST_MAP_READ)) {
    gst_memory_unref (mapped->memory);
    g_free (mapped);
    return copy_payload (buffer);
  }
  return g_bytes_new_with_free_func (mapped->map.data, mapped->map.size, mapped_memory_free,
                                     mapped);
}
