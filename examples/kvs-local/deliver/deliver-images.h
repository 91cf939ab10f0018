/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes the images of fragments whose tags ask for them, and writes each beside what S3 would know
 * of it. A thread of its own does it, one fragment after the other. */
#pragma once

#include "api/event-tags.h"
#include "store/store.h"

G_BEGIN_DECLS

/**
 * KvsLocalImageOrder:
 * @path: the fragment's file
 * @fragment: the fragment
 * @folder: where images go; there already
 * @stream_name: of the fragment
 * @account: of the stream
 * @configuration: the stream's ImageGenerationConfiguration, in JSON
 * @tags: of the fragment
 */
typedef struct {
  gchar *path;
  KvsLocalFragment fragment;
  gchar *folder;
  gchar *stream_name;
  gchar *account;
  gchar *configuration;
  KvsLocalEventTags *tags;
} KvsLocalImageOrder;

typedef struct _KvsLocalDeliverImages KvsLocalDeliverImages;

KvsLocalDeliverImages *kvs_local_deliver_images_new (void);
void kvs_local_deliver_images_free (KvsLocalDeliverImages *images);
gboolean kvs_local_deliver_images_put (KvsLocalDeliverImages *images, KvsLocalImageOrder *order,
                                       GError **error);
void kvs_local_image_order_free (KvsLocalImageOrder *order);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalImageOrder, kvs_local_image_order_free)

G_END_DECLS
