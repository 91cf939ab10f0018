/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last requests that were refused, for those who watch. */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef struct _KvsLocalRefusals KvsLocalRefusals;

KvsLocalRefusals *kvs_local_refusals_new (void);
void kvs_local_refusals_free (KvsLocalRefusals *refusals);
void kvs_local_refusals_add (KvsLocalRefusals *refusals, const gchar *path, const GError *why);
JsonArray *kvs_local_refusals_to_json (KvsLocalRefusals *refusals);

G_END_DECLS
