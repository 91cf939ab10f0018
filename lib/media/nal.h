/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding NAL units in H.264 / H.265 access units. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * KvsNalUnit:
 * @offset: of the NAL unit's first byte (its header) from the start of the access unit
 * @size: in bytes, without start code, length field or trailing zero bytes
 */
typedef struct {
  gsize offset;
  gsize size;
} KvsNalUnit;

void kvs_nal_split_annexb (const guint8 *data, gsize size, GArray *units);
gboolean kvs_nal_split_length_prefixed (const guint8 *data, gsize size, guint length_size_bytes,
                                        GArray *units, GError **error);
gboolean kvs_nal_replace (GBytes **slot, const guint8 *nal, gsize size);

G_END_DECLS
