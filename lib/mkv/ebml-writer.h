/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes EBML (RFC 8794): ids, sizes, and the element types that Matroska headers need. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_EBML_ID_MAX_BYTES 4
#define KVS_EBML_SIZE_MAX_BYTES 8
#define KVS_EBML_UINT_MAX_BYTES 8

/* 2^56 - 1 means that the size is not known, so this is the largest that can be said. */
#define KVS_EBML_MAX_SIZE ((G_GUINT64_CONSTANT (1) << 56) - 2)

gsize kvs_ebml_put_id (guint8 *out, guint32 id);
gsize kvs_ebml_put_size (guint8 *out, guint64 size);
gsize kvs_ebml_put_uint (guint8 *out, guint64 value);

void kvs_ebml_append_start (GByteArray *out, guint32 id, guint64 size);
void kvs_ebml_append_unknown_size (GByteArray *out, guint32 id);
void kvs_ebml_append_uint (GByteArray *out, guint32 id, guint64 value);
void kvs_ebml_append_float (GByteArray *out, guint32 id, gdouble value);
void kvs_ebml_append_string (GByteArray *out, guint32 id, const gchar *value);
void kvs_ebml_append_binary (GByteArray *out, guint32 id, gconstpointer data, gsize size);
void kvs_ebml_append_master (GByteArray *out, guint32 id, const GByteArray *children);

G_END_DECLS
