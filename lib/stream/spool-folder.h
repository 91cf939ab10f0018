/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsSpoolFolder: the folder of one stream's spool, held by one user at a time. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _KvsSpoolFolder KvsSpoolFolder;

KvsSpoolFolder *kvs_spool_folder_open (const gchar *folder, const gchar *stream_name,
                                       GError **error);
void kvs_spool_folder_close (KvsSpoolFolder *folder);
int kvs_spool_folder_get_fd (const KvsSpoolFolder *folder);
gboolean kvs_spool_folder_is_current (const KvsSpoolFolder *folder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsSpoolFolder, kvs_spool_folder_close)

G_END_DECLS
