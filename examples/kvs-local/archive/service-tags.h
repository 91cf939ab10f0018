/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Tags that the service puts around fragments (kvs-api.md sections 10 and 11). */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

/* The id of an error within a body: a fragment is not there */
#define KVS_LOCAL_MEDIA_ERROR_NOT_FOUND 4000

GBytes *kvs_local_tags_before_fragment (const KvsLocalFragment *fragment);
GBytes *kvs_local_tags_after_fragment (const KvsLocalFragment *fragment);
GBytes *kvs_local_tags_of_error (guint id, const gchar *code);
GBytes *kvs_local_tags_of_exception (const gchar *number);

G_END_DECLS
