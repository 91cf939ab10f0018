/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of an access unit that is being gathered; private to the gatherer. */
#pragma once

#include "media/access-unit.h"

G_BEGIN_DECLS

/**
 * KvsAccessUnitPiece:
 * @buffer: what it is a part of
 * @start: where it begins, at a NAL unit's start code or length
 * @end: where it ends, at that of another
 * @nal: the NAL unit, in @buffer
 */
typedef struct {
  GBytes *buffer;
  gsize start;
  gsize end;
  KvsNalUnit nal;
} KvsAccessUnitPiece;

/**
 * KvsAccessUnitParts:
 * @pieces: (element-type KvsAccessUnitPiece): in order; what is side by side in a buffer is one piece
 * @nals: (element-type KvsNalUnit): where the NAL units lie in the access unit
 * @size_bytes: of all @pieces
 * @has_picture: whether a slice is among them
 * @is_given_up: whether it became too large; the pieces were dropped, and more will be
 * @tag: the times, and the flags of the picture
 * @any_flags: of all buffers
 */
typedef struct {
  GArray *pieces;
  GArray *nals;
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
