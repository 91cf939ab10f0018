/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the user's AWS files are. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gchar *kvs_shared_path_expand (const gchar *path);
gchar *kvs_shared_path_from_environment (const gchar *variable, const gchar *name);

G_END_DECLS
