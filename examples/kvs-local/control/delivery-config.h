/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a stream's images and notifications are to be delivered (kvs-api.md section 15). */
#pragma once

#include "control/control-plane.h"

G_BEGIN_DECLS

JsonObject *kvs_local_describe_image_generation (const KvsLocalControlPlane *plane,
                                                 JsonObject *args, GError **error);
JsonObject *kvs_local_update_image_generation (const KvsLocalControlPlane *plane, JsonObject *args,
                                               GError **error);
JsonObject *kvs_local_describe_notification (const KvsLocalControlPlane *plane, JsonObject *args,
                                             GError **error);
JsonObject *kvs_local_update_notification (const KvsLocalControlPlane *plane, JsonObject *args,
                                           GError **error);

G_END_DECLS
