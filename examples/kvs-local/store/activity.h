/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happened to a stream lately, for those who watch: its last acks, and how many bytes came in
 * each of the last seconds. Kept in memory alone; one thread only. */
#pragma once

#include <json-glib/json-glib.h>

#include "api/ack.h"

G_BEGIN_DECLS

typedef struct _KvsLocalActivity KvsLocalActivity;

KvsLocalActivity *kvs_local_activity_new (void);
void kvs_local_activity_free (KvsLocalActivity *activity);
void kvs_local_activity_add_ack (KvsLocalActivity *activity, const KvsLocalAck *ack);
void kvs_local_activity_add_bytes (KvsLocalActivity *activity, gsize size);
gdouble kvs_local_activity_get_bytes_per_second (KvsLocalActivity *activity);
JsonArray *kvs_local_activity_get_rates (KvsLocalActivity *activity);
JsonArray *kvs_local_activity_get_acks (KvsLocalActivity *activity, gboolean errors_alone);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalActivity, kvs_local_activity_free)

G_END_DECLS
