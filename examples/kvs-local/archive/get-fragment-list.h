/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GetMediaForFragmentList (kvs-api.md section 11). */
#pragma once

#include "server.h"

G_BEGIN_DECLS

/* kvs-api.md section 16 */
#define KVS_LOCAL_MAX_LIST_CONNECTIONS 5

gboolean kvs_local_get_fragment_list_start (KvsLocalServer *server, SoupServerMessage *message,
                                            GBytes *body, GError **error);

G_END_DECLS
