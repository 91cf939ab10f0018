/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Holds one connection back that moves media faster than its stream may. For the main thread alone. */
#pragma once

#include "store/stream.h"

G_BEGIN_DECLS

typedef struct _KvsLocalPace KvsLocalPace;

/**
 * KvsLocalPaceFunc:
 * @user_data: from kvs_local_pace_new()
 */
typedef void (*KvsLocalPaceFunc) (gpointer user_data);

KvsLocalPace *kvs_local_pace_new (KvsLocalStream *stream, KvsLocalPaceFunc go_on,
                                  gpointer user_data);
void kvs_local_pace_free (KvsLocalPace *pace);
void kvs_local_pace_spend (KvsLocalPace *pace, KvsLocalQuota quota, guint64 n);
gboolean kvs_local_pace_is_held (const KvsLocalPace *pace);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalPace, kvs_local_pace_free)

G_END_DECLS
