/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes files away: a few at once, and the rest of many in a thread of its own. A stream may have a
 * million, and nobody else is served while one waits for the disk. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _KvsLocalRemover KvsLocalRemover;

KvsLocalRemover *kvs_local_remover_new (void);
void kvs_local_remover_free (KvsLocalRemover *remover);
void kvs_local_remover_take_folder (KvsLocalRemover *remover, const gchar *folder);
void kvs_local_remover_take_files (KvsLocalRemover *remover, const gchar *folder,
                                   GPtrArray *names);

G_END_DECLS
