/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Tags that GetMedia puts around fragments (kvs-api.md section 10). */
#pragma once

#include "store.h"

G_BEGIN_DECLS

GBytes *kvs_local_tags_before_fragment (const KvsLocalFragment *fragment);
GBytes *kvs_local_tags_after_fragment (const KvsLocalFragment *fragment);
GBytes *kvs_local_tags_of_error (guint id, const gchar *code);

G_END_DECLS
