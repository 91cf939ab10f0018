/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GetClip (kvs-api.md section 14). */
#pragma once

#include "server.h"

G_BEGIN_DECLS

gboolean kvs_local_get_clip_start (KvsLocalServer *server, SoupServerMessage *message,
                                   GBytes *body, GError **error);

G_END_DECLS
