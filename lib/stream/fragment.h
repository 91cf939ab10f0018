/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsFragment: one Cluster as it goes on the wire, a list of slices that can be sent again and again. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "mkv/muxer.h"

G_BEGIN_DECLS

#define KVS_FRAME_HEAD_MAX_BYTES \
  (KVS_MKV_CLUSTER_START_MAX_BYTES + KVS_MKV_SIMPLE_BLOCK_MAX_BYTES)

/**
 * KvsSegment:
 * @header: EBML header, Segment, Info and Tracks
 * @start_ns: epoch time that relative Cluster timecodes count from
 *
 * What the Fragments of one Session have in common. Immutable and reference counted; two Fragments
 * may share a Session only if they share the KvsSegment.
 */
typedef struct {
  gatomicrefcount refs;
  GBytes *header;
  gint64 start_ns;
} KvsSegment;

KvsSegment *kvs_segment_new (GBytes *header, gint64 start_ns);
KvsSegment *kvs_segment_ref (KvsSegment *segment);
void kvs_segment_unref (KvsSegment *segment);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsSegment, kvs_segment_unref)

/**
 * KvsFragmentPart: one Frame with the Matroska bytes before its payload.
 */
typedef struct {
  KvsFrame *frame;
  guint8 head_size;
  guint8 head[KVS_FRAME_HEAD_MAX_BYTES];
} KvsFragmentPart;

/**
 * KvsFragment:
 * @segment: what it belongs to
 * @timecode: of the Cluster, in timecode units; Acks name it
 * @tags: (nullable): Matroska Tags that go before the Cluster
 * @parts: (element-type KvsFragmentPart): the Frames in the order they came
 * @size_bytes: the sum of tags and all parts
 * @start_ns: earliest presentation timestamp
 * @end_ns: latest end of a Frame
 * @complete: no Frame will be added
 * @sendable: each Track of the segment has a Frame in it; before that it must not be begun
 * @sent: every byte was given to the running Session
 * @n_tries: how often the service answered it with an error that may pass
 */
typedef struct {
  KvsSegment *segment;
  guint64 timecode;
  GBytes *tags;
  GArray *parts;
  gsize size_bytes;
  gint64 start_ns;
  gint64 end_ns;
  gboolean complete;
  gboolean sendable;
  gboolean sent;
  guint n_tries;
} KvsFragment;

KvsFragment *kvs_fragment_new (KvsSegment *segment, guint64 timecode, GBytes *tags);
void kvs_fragment_append (KvsFragment *fragment, const guint8 *head, gsize head_size,
                          KvsFrame *frame);
void kvs_fragment_free (KvsFragment *fragment);

/**
 * KvsFragmentCursor: how far a Fragment was read.
 */
typedef struct {
  gsize tags_bytes;
  guint part;
  guint slice; /* 0 is the head, 1 the first slice of the Frame */
  gsize offset;
} KvsFragmentCursor;

gsize kvs_fragment_read (const KvsFragment *fragment, KvsFragmentCursor *cursor, guint8 *out,
                         gsize size);
gboolean kvs_fragment_is_begun (const KvsFragmentCursor *cursor);
gboolean kvs_fragment_is_read (const KvsFragment *fragment, const KvsFragmentCursor *cursor);

G_END_DECLS
