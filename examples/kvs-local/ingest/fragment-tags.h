/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tags that the producer puts before the Cluster they describe (kvs-api.md section 8). */
#pragma once

#include <glib.h>

#include "api/ack.h"
#include "mkv/ebml-reader.h"

G_BEGIN_DECLS

#define KVS_LOCAL_MAX_FRAGMENT_TAGS 10
#define KVS_LOCAL_MAX_TAG_NAME_BYTES 128
#define KVS_LOCAL_MAX_TAG_VALUE_BYTES 256

/* More than what is within the limits can take, however it is written */
#define KVS_LOCAL_MAX_TAGS_BYTES (64 * 1024)

/**
 * KvsLocalFragmentTags:
 * @bytes: Tags elements as received
 * @events: (type KvsLocalEvent): what they ask for
 * @is_bad: they break a rule; @bytes is not all
 * @error: which rule
 */
typedef struct {
  GByteArray *bytes;
  guint events;
  gboolean is_bad;
  KvsLocalAckError error;
  /*< private >*/
  guint element_start;
  gboolean element_has_tags;
  guint n_tags;
  gboolean has_name;
} KvsLocalFragmentTags;

void kvs_local_fragment_tags_init (KvsLocalFragmentTags *tags);
void kvs_local_fragment_tags_clear (KvsLocalFragmentTags *tags);
void kvs_local_fragment_tags_reset (KvsLocalFragmentTags *tags);
void kvs_local_fragment_tags_append (KvsLocalFragmentTags *tags, gconstpointer data, gsize size);
void kvs_local_fragment_tags_start (KvsLocalFragmentTags *tags, const KvsEbmlElement *element);
void kvs_local_fragment_tags_end (KvsLocalFragmentTags *tags, const KvsEbmlElement *element,
                                  const guint8 *payload, gsize payload_size);

G_END_DECLS
