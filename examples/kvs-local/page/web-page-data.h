/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the page shows, as JSON. */
#pragma once

#include "server.h"

G_BEGIN_DECLS

gboolean kvs_local_web_page_tell_streams (KvsLocalServer *server, SoupServerMessage *message,
                                      GHashTable *query, GError **error);
gboolean kvs_local_web_page_tell_stream (KvsLocalServer *server, SoupServerMessage *message,
                                     GHashTable *query, GError **error);
gboolean kvs_local_web_page_tell_timeline (KvsLocalServer *server, SoupServerMessage *message,
                                       GHashTable *query, GError **error);

G_END_DECLS
