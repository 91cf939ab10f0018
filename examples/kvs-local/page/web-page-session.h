/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streaming sessions for the page, which has no keys to sign with. */
#pragma once

#include "server.h"

G_BEGIN_DECLS

gboolean kvs_local_web_page_make_session (KvsLocalServer *server, SoupServerMessage *message,
                                      GHashTable *query, GError **error);

G_END_DECLS
