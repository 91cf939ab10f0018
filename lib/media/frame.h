/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsFrame: one access unit (or audio packet) of one Track, ready to be put into a SimpleBlock. */
#pragma once

#include <glib.h>

#include "media/nal.h"
#include "media/payload.h"

G_BEGIN_DECLS

/**
 * KvsFrameFlags:
 * @KVS_FRAME_FLAG_KEY_FRAME: decodable without any earlier frame; may start a Fragment
 * @KVS_FRAME_FLAG_DISCARDABLE: no other frame depends on it
 * @KVS_FRAME_FLAG_INVISIBLE: to be decoded but not shown
 */
typedef enum {
  KVS_FRAME_FLAG_NONE = 0,
  KVS_FRAME_FLAG_KEY_FRAME = 1 << 0,
  KVS_FRAME_FLAG_DISCARDABLE = 1 << 1,
  KVS_FRAME_FLAG_INVISIBLE = 1 << 2,
} KvsFrameFlags;

/**
 * KvsFrameInfo:
 * @track_number: Matroska track number, 1 to 3
 * @flags: see #KvsFrameFlags
 * @pts_ns: presentation timestamp, nanoseconds, same time base as @dts_ns
 * @dts_ns: decoding timestamp, nanoseconds
 * @duration_ns: playback duration in nanoseconds, 0 where unknown
 */
typedef struct {
  guint track_number;
  KvsFrameFlags flags;
  gint64 pts_ns;
  gint64 dts_ns;
  gint64 duration_ns;
} KvsFrameInfo;

/**
 * KvsSlice: bytes that somebody else owns.
 */
typedef struct {
  const guint8 *data;
  gsize size;
} KvsSlice;

/**
 * KvsFrame:
 * @info: track, flags, times
 * @index: rises by one with each frame of a stream; given by the fragmenter
 * @size_bytes: the sum of all slices
 * @release: (nullable): gives back what is in @owner
 * @owner: what keeps the payload alive, in the frame's own memory; see #KvsPayload
 * @n_slices: number of @slices
 * @slices: the payload in order; they refer to what @owner keeps or to the frame's own memory
 */
typedef struct {
  KvsFrameInfo info;
  guint64 index;
  gsize size_bytes;
  void (*release) (gpointer owner);
  gpointer owner;
  guint n_slices;
  KvsSlice slices[];
} KvsFrame;

KvsFrame *kvs_frame_new (const KvsFrameInfo *info, GBytes *payload);
KvsFrame *kvs_frame_new_take (const KvsFrameInfo *info, KvsPayload *payload);
KvsFrame *kvs_frame_new_from_nal_units (const KvsFrameInfo *info, KvsPayload *annexb,
                                        const KvsNalUnit *units, guint n_units);
void kvs_frame_free (KvsFrame *frame);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsFrame, kvs_frame_free)

G_END_DECLS
