/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations that describe streams (kvs-api.md section 4, Annex A.1). */
#pragma once

#include "operation.h"

G_BEGIN_DECLS

KvsLocalOperation kvs_local_control_plane_find (const gchar *path);

/* storage-tier.c */
gboolean kvs_local_take_storage_tier (JsonObject *args, KvsLocalStream *stream, gboolean required,
                                      GError **error);
JsonObject *kvs_local_describe_storage (const KvsLocalControlPlane *plane, JsonObject *args,
                                        GError **error);
JsonObject *kvs_local_update_storage (const KvsLocalControlPlane *plane, JsonObject *args,
                                      GError **error);

/* tags.c and resource-tags.c */
JsonObject *kvs_local_tag_stream (const KvsLocalControlPlane *plane, JsonObject *args,
                                  GError **error);
JsonObject *kvs_local_untag_stream (const KvsLocalControlPlane *plane, JsonObject *args,
                                    GError **error);
JsonObject *kvs_local_list_tags_for_stream (const KvsLocalControlPlane *plane, JsonObject *args,
                                            GError **error);
JsonObject *kvs_local_tag_resource (const KvsLocalControlPlane *plane, JsonObject *args,
                                    GError **error);
JsonObject *kvs_local_untag_resource (const KvsLocalControlPlane *plane, JsonObject *args,
                                      GError **error);
JsonObject *kvs_local_list_tags_for_resource (const KvsLocalControlPlane *plane, JsonObject *args,
                                              GError **error);

G_END_DECLS
