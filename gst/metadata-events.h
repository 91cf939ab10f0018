/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From events, tag lists and structures to the metadata of a stream. */
#pragma once

#include <gst/gst.h>

#include "stream/metadata.h"

G_BEGIN_DECLS

/* Custom downstream events; the first is that of the AWS producer SDK's element. */
#define GST_KVS_EVENT_ADD_METADATA "kvs-add-metadata"
#define GST_KVS_EVENT_IMAGE_GENERATION "kvs-image-generation"
#define GST_KVS_EVENT_NOTIFICATION "kvs-notification"

gboolean gst_kvs_metadata_read_event (GstEvent *event, KvsMetadata *metadata, gboolean *handled,
                                      GError **error);
gboolean gst_kvs_metadata_read_tags (const GstTagList *tags, const gchar *key_prefix,
                                     KvsMetadata *metadata, GError **error);
gboolean gst_kvs_metadata_read_structure (const GstStructure *structure, KvsMetadata *metadata,
                                          GError **error);

G_END_DECLS
