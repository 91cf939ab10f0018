/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files, with errors that say what was done to which file. */
#pragma once

#include <glib.h>

#include "media/frame.h"

G_BEGIN_DECLS

/* Footage is private. */
#define KVS_SPOOL_FILE_MODE 0600
#define KVS_SPOOL_FOLDER_MODE 0700

gboolean kvs_spool_io_fail (GError **error, int number, const gchar *doing, const gchar *name);
gboolean kvs_spool_io_write (int fd, const KvsSlice *slices, guint n_slices);
gboolean kvs_spool_io_write_at (int fd, guint64 offset, GBytes *bytes);
GBytes *kvs_spool_io_read (int folder_fd, const gchar *name, guint64 max_bytes, GError **error);
gboolean kvs_spool_io_sync_folder (int folder_fd, GError **error);
gboolean kvs_spool_io_set_aside (int folder_fd, const gchar *name, GError **error);

G_END_DECLS
