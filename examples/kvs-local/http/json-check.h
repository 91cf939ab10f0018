/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean kvs_local_json_check (const gchar *text, gsize size);

G_END_DECLS
