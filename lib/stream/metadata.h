/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsMetadata: the names and values that travel with the Fragments of a stream. */
#pragma once

#include <glib.h>

#include "mkv/muxer.h"

G_BEGIN_DECLS

/* Limits of the service (kvs-api.md sections 8 and 16) */
#define KVS_METADATA_MAX_NAME_BYTES 128
#define KVS_METADATA_MAX_VALUE_BYTES 256
#define KVS_METADATA_MAX_PER_FRAGMENT 10

typedef struct _KvsMetadata KvsMetadata;

/**
 * KvsMetadataEvent:
 * @KVS_METADATA_EVENT_NONE: nothing is asked for
 * @KVS_METADATA_EVENT_IMAGE_GENERATION: the service puts images of the Fragment into S3
 * @KVS_METADATA_EVENT_NOTIFICATION: the service tells an SNS topic when the Fragment is persisted
 *
 * Flags: what a Fragment asks the service for, in so far as the stream is configured for it
 * (kvs-api.md section 15).
 */
typedef enum {
  KVS_METADATA_EVENT_NONE = 0,
  KVS_METADATA_EVENT_IMAGE_GENERATION = 1 << 0,
  KVS_METADATA_EVENT_NOTIFICATION = 1 << 1,
} KvsMetadataEvent;

KvsMetadata *kvs_metadata_new (void);
KvsMetadata *kvs_metadata_ref (KvsMetadata *metadata);
void kvs_metadata_unref (KvsMetadata *metadata);
gboolean kvs_metadata_add (KvsMetadata *metadata, const gchar *name, const gchar *value,
                           gboolean persist, GError **error);
gboolean kvs_metadata_add_event (KvsMetadata *metadata, KvsMetadataEvent kinds,
                                 const gchar *image_prefix, const KvsMkvTag *pairs, guint n_pairs,
                                 GError **error);
gboolean kvs_metadata_set_every_fragment (KvsMetadata *metadata, KvsMetadataEvent kinds,
                                          const gchar *image_prefix, GError **error);
GBytes *kvs_metadata_take (KvsMetadata *metadata);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsMetadata, kvs_metadata_unref)

G_END_DECLS
