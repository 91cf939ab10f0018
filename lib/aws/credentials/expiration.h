/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When credentials end, as it is written in files and answers. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean kvs_expiration_parse (const gchar *text, gint64 *expiration_us);

G_END_DECLS
