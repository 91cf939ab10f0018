/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text that is wiped when it is freed, and files that hold such text. */
#pragma once

#include "error.h"

G_BEGIN_DECLS

/* Largest file of keys or settings that is read */
#define KVS_SECRET_FILE_MAX_BYTES (1024 * 1024)

void kvs_secret_free (gchar *text);
void kvs_secret_free_sized (gchar *text, gsize size);
gboolean kvs_secret_file_read (const gchar *path, gchar **text, gsize *size, GError **error);

G_END_DECLS
