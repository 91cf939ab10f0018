/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsPayload: bytes that a source has brought, with what keeps them alive. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A GstMapInfo fits. */
#define KVS_PAYLOAD_OWNER_WORDS 13

/**
 * KvsPayload:
 * @data: the bytes
 * @size: how many
 * @release: (nullable): gives back what is in @owner
 * @owner: what keeps @data alive; lies elsewhere when it is released than when it was filled in
 * @owner_size: bytes of @owner that are in use
 *
 * A value, so that it takes no allocation of its own: a frame has it in its memory. Whoever holds one
 * passes it on, which leaves an empty one, or empties it with kvs_payload_clear().
 */
typedef struct {
  const guint8 *data;
  gsize size;
  void (*release) (gpointer owner);
  gsize owner_size;
  gpointer owner[KVS_PAYLOAD_OWNER_WORDS];
} KvsPayload;

void kvs_payload_init_bytes (KvsPayload *payload, GBytes *bytes);
void kvs_payload_init_take (KvsPayload *payload, gpointer data, gsize size);
void kvs_payload_clear (KvsPayload *payload);
GBytes *kvs_payload_take_bytes (KvsPayload *payload);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KvsPayload, kvs_payload_clear)

G_END_DECLS
