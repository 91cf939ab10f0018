/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsLoopShared: what users of one loop have in common, each thing under a name of its own. I/O thread
 * only. */
#pragma once

#include "net/loop.h"

G_BEGIN_DECLS

typedef struct _KvsLoopShared KvsLoopShared;

KvsLoopShared *kvs_loop_shared_new (void);
gpointer kvs_loop_shared_get (KvsLoopShared *shared, const gchar *key);
void kvs_loop_shared_set (KvsLoopShared *shared, const gchar *key, gpointer value,
                          GDestroyNotify destroy);
void kvs_loop_shared_free (KvsLoopShared *shared);

G_END_DECLS
