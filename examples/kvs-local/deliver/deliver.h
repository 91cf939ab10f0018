/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Delivers to a folder what the service would deliver to S3 and SNS (kvs-api.md section 15):
 *
 *   notifications/<stream>-<creation ms>/<number>.json    the message to the SNS topic
 *   images/<stream>-<creation ms>/<number>-<ms>.jpg       an image, ms after the fragment's start
 *   images/<stream>-<creation ms>/<number>-<ms>.json      bucket, key and metadata of its object
 */
#pragma once

#include "api/event-tags.h"
#include "store/store.h"

G_BEGIN_DECLS

typedef struct _KvsLocalDeliver KvsLocalDeliver;

KvsLocalDeliver *kvs_local_deliver_new (KvsLocalStore *store, const gchar *folder,
                                        const gchar *account);
void kvs_local_deliver_free (KvsLocalDeliver *deliver);
void kvs_local_deliver_fragment (KvsLocalDeliver *deliver, const KvsLocalStream *stream,
                                 const KvsLocalFragment *fragment, guint events);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalDeliver, kvs_local_deliver_free)

G_END_DECLS
