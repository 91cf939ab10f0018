/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the operations on archived media have in common. */
#pragma once

#include <json-glib/json-glib.h>

#include "store/store.h"

G_BEGIN_DECLS

KvsLocalStream *kvs_local_archive_stream (JsonObject *args, KvsLocalStore *store, GError **error);
gboolean kvs_local_archive_has_retention (const KvsLocalStream *stream, GError **error);
gboolean kvs_local_archive_token (JsonObject *args, const gchar *kind, gint64 *numbers,
                                  guint n_numbers, gboolean *has_token, GError **error);

G_END_DECLS
