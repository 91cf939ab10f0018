/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ListFragments (kvs-api.md section 11). */
#pragma once

#include "operation.h"

G_BEGIN_DECLS

JsonObject *kvs_local_list_fragments (const KvsLocalControlPlane *plane, JsonObject *args,
                                      GError **error);

G_END_DECLS
