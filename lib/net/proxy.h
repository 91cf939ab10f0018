/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses of HTTP and SOCKS proxies. They may hold a user name and a password: messages name host
 * and port alone. */
#pragma once

#include "error.h"

G_BEGIN_DECLS

gboolean kvs_proxy_check (const gchar *proxy, GError **error);
gchar *kvs_proxy_describe (const gchar *proxy, const gchar *url, const gchar **where);

G_END_DECLS
