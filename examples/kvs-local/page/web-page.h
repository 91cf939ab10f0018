/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The page that shows the streams, and what it asks for. It needs no signature, so it is there only
 * for those who are on this machine: where kvs-local listens on a loopback address, and is called by
 * the name of one. Another page that a browser has open gets nothing. */
#pragma once

#include "server.h"

G_BEGIN_DECLS

gboolean kvs_local_web_page_answer (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                                GError **error);

G_END_DECLS
