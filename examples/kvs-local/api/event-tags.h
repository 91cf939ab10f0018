/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a producer wants to happen when the service has a fragment, as the Tags before it say
 * (kvs-api.md section 15). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * KvsLocalEvent: what is wanted
 */
typedef enum {
  KVS_LOCAL_EVENT_NOTIFICATION = 1 << 0,
  KVS_LOCAL_EVENT_IMAGE_GENERATION = 1 << 1,
} KvsLocalEvent;

/**
 * KvsLocalEventTags:
 * @events: (type KvsLocalEvent): what is wanted
 * @image_prefix: (nullable): beginning of the names of images
 * @notification_pairs: (element-type utf8 utf8): what goes into the notification: the other tags of
 *   the Tags element that asks for it
 * @image_pairs: (element-type utf8 utf8): likewise, for images
 */
typedef struct {
  guint events;
  gchar *image_prefix;
  GHashTable *notification_pairs;
  GHashTable *image_pairs;
} KvsLocalEventTags;

guint kvs_local_event_of_tag (const gchar *name, gsize size);
KvsLocalEventTags *kvs_local_event_tags_parse (const guint8 *data, gsize size);
void kvs_local_event_tags_free (KvsLocalEventTags *tags);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalEventTags, kvs_local_event_tags_free)

G_END_DECLS
