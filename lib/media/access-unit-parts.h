/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of an access unit that is being gathered; private to the gatherer. */
#pragma once

#include "media/access-unit.h"

G_BEGIN_DECLS

/**
 * KvsAccessUnitPiece: a part of a buffer, from one NAL unit's start code or length to another's.
 */
typedef struct {
  GBytes *buffer;
  gsize start;
  gsize end;
} KvsAccessUnitPiece;

/**
 * KvsAccessUnitParts:
 * @pieces: (element-type KvsAccessUnitPiece): in order
 * @size_bytes: of all @pieces
 * @has_picture: whether a slice is among them
 * @is_given_up: whether it became too large; the pieces were dropped, and more will be
 * @tag: the times, and the flags of the picture
 * @any_flags: of all buffers
 */
typedef struct {
  GArray *pieces;
  gsize size_bytes;
  gboolean has_picture;
  gboolean is_given_up;
  KvsAccessUnitTag tag;
  guint any_flags;
} KvsAccessUnitParts;

void kvs_access_unit_parts_init (KvsAccessUnitParts *parts);
void kvs_access_unit_parts_clear (KvsAccessUnitParts *parts);
void kvs_access_unit_parts_reset (KvsAccessUnitParts *parts);

/* Takes times where none of the kind are known yet. */
void kvs_access_unit_parts_add_times (KvsAccessUnitParts *parts, const KvsAccessUnitTag *tag);

/* Refers to the piece's buffer. Fails once, with KVS_ERROR_BAD_MEDIA, when there is too much. */
void kvs_access_unit_parts_add (KvsAccessUnitParts *parts, const KvsAccessUnitPiece *piece,
                                guint flags, gboolean is_picture, GError **error);

/* Makes an access unit of the parts, if there are any, and is empty then. */
gboolean kvs_access_unit_parts_take (KvsAccessUnitParts *parts, KvsAccessUnit *out);

G_END_DECLS
