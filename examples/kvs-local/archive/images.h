/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GetImages (kvs-api.md section 15). */
#pragma once

#include "server.h"

G_BEGIN_DECLS

gboolean kvs_local_get_images_start (KvsLocalServer *server, SoupServerMessage *message,
                                     GBytes *body, GError **error);

G_END_DECLS
