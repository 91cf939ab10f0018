/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What no request may have in its head, whatever it asks for. */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* What is larger than a request may be is read up to here, so that its connection can be kept. */
#define KVS_LOCAL_MAX_READ_BODY_BYTES (16 * 1024 * 1024)

gboolean kvs_local_request_head_check (SoupServerMessage *message, gboolean has_media,
                                       GError **error);

G_END_DECLS
