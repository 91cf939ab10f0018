/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where GetMedia begins (kvs-api.md section 10). */
#pragma once

#include <json-glib/json-glib.h>

#include "store/store.h"

G_BEGIN_DECLS

/**
 * KvsLocalStart:
 * @after_id: the first fragment to give is the one stored after that with this id
 * @is_missing: the fragment that was named is not there
 */
typedef struct {
  gint64 after_id;
  gboolean is_missing;
} KvsLocalStart;

gboolean kvs_local_start_selector_resolve (JsonObject *args, KvsLocalStore *store,
                                           KvsLocalStream *stream, KvsLocalStart *out,
                                           GError **error);

G_END_DECLS
