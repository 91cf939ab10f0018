/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tags of streams, as the operations that name a stream in one way or another share them. */
#pragma once

#include <json-glib/json-glib.h>

#include "store/store.h"

G_BEGIN_DECLS

gboolean kvs_local_take_tags (JsonObject *args, GHashTable *tags, gboolean required,
                              GError **error);
gboolean kvs_local_check_tag_count (GHashTable *tags, GError **error);
gboolean kvs_local_may_be_tagged (const KvsLocalStream *stream, GError **error);
GHashTable *kvs_local_copy_tags (GHashTable *tags);
JsonObject *kvs_local_replace_tags (KvsLocalStore *store, KvsLocalStream *stream, GHashTable *tags,
                                    GError **error);
JsonObject *kvs_local_remove_tags (KvsLocalStore *store, KvsLocalStream *stream, JsonObject *args,
                                   GError **error);
JsonObject *kvs_local_describe_tags (KvsLocalStream *stream, JsonObject *args, GError **error);

G_END_DECLS
