/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes a fragment's file while it is received; it appears under its name only when it is whole. */
#pragma once

#include "store/write-behind.h"

G_BEGIN_DECLS

typedef struct _KvsLocalFragmentWriter KvsLocalFragmentWriter;

KvsLocalFragmentWriter *kvs_local_fragment_writer_new (KvsLocalWriteBehind *behind,
                                                       const gchar *folder, GError **error);
void kvs_local_fragment_writer_free (KvsLocalFragmentWriter *writer);
gboolean kvs_local_fragment_writer_append (KvsLocalFragmentWriter *writer, gconstpointer data,
                                           gsize size, GError **error);
gboolean kvs_local_fragment_writer_commit (KvsLocalFragmentWriter *writer, const gchar *path,
                                           GError **error);
guint64 kvs_local_fragment_writer_get_size (const KvsLocalFragmentWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalFragmentWriter, kvs_local_fragment_writer_free)

G_END_DECLS
