/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/payload.h"

static void
init (KvsPayload *payload, gconstpointer data, gsize size, void (*release) (gpointer owner),
      gpointer owner)
{
  payload->data = data;
  payload->size = size;
  payload->release = release;
  payload->owner_size = sizeof (gpointer);
  payload->owner[0] = owner;
}

static void
release_bytes (gpointer owner)
{
  g_bytes_unref (*(GBytes **) owner);
}

static void
release_data (gpointer owner)
{
  g_free (*(gpointer *) owner);
}

/**
 * kvs_payload_init_bytes:
 * @payload: (out): to be filled in
 * @bytes: what it shall hold; referred to
 */
void
kvs_payload_init_bytes (KvsPayload *payload, GBytes *bytes)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  init (payload, data, size, release_bytes, g_bytes_ref (bytes));
}

/**
 * kvs_payload_init_take:
 * @payload: (out): to be filled in
 * @data: (transfer full) (nullable): what it shall hold, for g_free()
 * @size: of @data in bytes
 */
void
kvs_payload_init_take (KvsPayload *payload, gpointer data, gsize size)
{
  init (payload, data, size, release_data, data);
}

/**
 * kvs_payload_clear:
 * @payload: a payload, or an empty one
 *
 * Empties it.
 */
void
kvs_payload_clear (KvsPayload *payload)
{
  if (payload->release != NULL)
    payload->release (payload->owner);
  payload->release = NULL;
  payload->data = NULL;
  payload->size = 0;
}

static void
free_payload (gpointer data)
{
  kvs_payload_clear (data);
  g_free (data);
}

/**
 * kvs_payload_take_bytes:
 * @payload: a payload; empty afterwards
 *
 * Returns: (transfer full): the same bytes, for whoever needs to refer to them or to parts of them
 */
GBytes *
kvs_payload_take_bytes (KvsPayload *payload)
{
  KvsPayload *moved = g_memdup2 (payload, sizeof *payload);

  payload->release = NULL;
  kvs_payload_clear (payload);
  return g_bytes_new_with_free_func (moved->data, moved->size, free_payload, moved);
}
