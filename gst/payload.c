/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "payload.h"

#include <string.h>

G_STATIC_ASSERT (sizeof (GstMapInfo) <= sizeof ((KvsPayload *) NULL)->owner);

static void
release_map (gpointer owner)
{
  GstMapInfo *map = owner;
  GstMemory *memory = map->memory;

  gst_memory_unmap (memory, map);
  gst_memory_unref (memory);
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

static void
copy_buffer (KvsPayload *payload, GstBuffer *buffer)
{
  gsize size = gst_buffer_get_size (buffer);
  guint8 *data = g_malloc (size);

  /* A buffer without memory is fine, but not to gst_buffer_extract(). */
  if (size > 0)
    gst_buffer_extract (buffer, 0, data, size);
  kvs_payload_init_take (payload, data, size);
}

/**
 * gst_kvs_payload_init:
 * @payload: (out): to be filled in; for kvs_payload_clear()
 * @buffer: a buffer; is not written to
 *
 * Refers to the buffer's memory, or copies it once where holding it would hurt others.
 */
void
gst_kvs_payload_init (KvsPayload *payload, GstBuffer *buffer)
{
  GstMemory *memory;
  GstMapInfo map;

  if (!can_be_held (buffer)) {
    copy_buffer (payload, buffer);
    return;
  }
  memory = gst_buffer_peek_memory (buffer, 0);
  if (!gst_memory_map (memory, &map, GST_MAP_READ)) {
    copy_buffer (payload, buffer);
    return;
  }
  gst_memory_ref (memory);
  payload->data = map.data;
  payload->size = map.size;
  payload->release = release_map;
  payload->owner_size = sizeof map;
  memcpy (payload->owner, &map, sizeof map);
}
