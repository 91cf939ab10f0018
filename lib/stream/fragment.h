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
 * @is_relative: whether they do; else they count from the epoch
 *
 * What the Fragments of one Session have in common. Immutable and reference counted; two Fragments
 * may share a Session only if they share the KvsSegment.
 */
typedef struct {
  gatomicrefcount refs;
  GBytes *header;
  gint64 start_ns;
  gboolean is_relative;
} KvsSegment;

KvsSegment *kvs_segment_new (GBytes *header, gint64 start_ns, gboolean is_relative);
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
 * KvsFragmentDisk:
 * @KVS_FRAGMENT_DISK_NONE: nothing of it is there
 * @KVS_FRAGMENT_DISK_WRITING: it is written as it grows, or as a whole
 * @KVS_FRAGMENT_DISK_STORED: all of it is there for good
 */
typedef enum {
  KVS_FRAGMENT_DISK_NONE,
  KVS_FRAGMENT_DISK_WRITING,
  KVS_FRAGMENT_DISK_STORED,
} KvsFragmentDisk;

/**
 * KvsFragment:
 * @id: unique in its buffer
 * @segment: what it belongs to
 * @timecode: of the Cluster, in timecode units; Acks name it
 * @tags: (nullable): Matroska Tags that go before the Cluster
 * @parts: (element-type KvsFragmentPart): the Frames in the order they came
 * @raw: (nullable): in place of tags and parts, all bytes as they were read back from disk
 * @n_frames: how many it has
 * @track_mask: bit n is set if track number n has one of them
 * @size_bytes: of all that goes on the wire
 * @start_ns: earliest presentation timestamp
 * @end_ns: latest end of a Frame
 * @complete: no Frame will be added
 * @sendable: each Track of the segment has a Frame in it; before that it must not be begun
 * @sent: every byte was given to the running Session
 * @sent_us: when its last byte was given, on the monotonic clock
 * @sent_number: which one it was that the running Session has sent, from 1
 * @n_tries: how often the service answered it with an error that may pass
 * @disk: where it stands on disk
 * @leaves_memory: once it is stored
 * @was_evicted: it had to go from a full spool
 *
 * Reference counted; belongs to the fragment buffer and its lock, but for @parts of a complete one,
 * which do not change while somebody holds a reference for reading them.
 */
typedef struct {
  gatomicrefcount refs;
  guint64 id;
  KvsSegment *segment;
  guint64 timecode;
  GBytes *tags;
  GArray *parts;
  GBytes *raw;
  guint n_frames;
  guint32 track_mask;
  gsize size_bytes;
  gint64 start_ns;
  gint64 end_ns;
  gboolean complete;
  gboolean sendable;
  gboolean sent;
  gint64 sent_us;
  guint sent_number;
  guint n_tries;
  KvsFragmentDisk disk;
  gboolean leaves_memory;
  gboolean was_evicted;
} KvsFragment;

KvsFragment *kvs_fragment_new (KvsSegment *segment, guint64 timecode, GBytes *tags);
KvsFragment *kvs_fragment_new_from_raw (KvsSegment *segment, guint64 timecode, GBytes *raw);
KvsFragment *kvs_fragment_ref (KvsFragment *fragment);
void kvs_fragment_unref (KvsFragment *fragment);
void kvs_fragment_append (KvsFragment *fragment, const guint8 *head, gsize head_size,
                          KvsFrame *frame);
GBytes *kvs_fragment_copy_bytes (const KvsFragment *fragment, guint first_part);

/**
 * KvsFragmentCursor: how far a Fragment was read.
 */
typedef struct {
  gsize first_bytes; /* of the tags, or of all that was read back from disk */
  guint part;
  guint slice; /* 0 is the head, 1 the first slice of the Frame */
  gsize offset;
} KvsFragmentCursor;

gboolean kvs_fragment_next_slice (const KvsFragment *fragment, KvsFragmentCursor *cursor,
                                  gsize max_bytes, KvsSlice *slice);
gboolean kvs_fragment_is_begun (const KvsFragmentCursor *cursor);
gboolean kvs_fragment_is_read (const KvsFragment *fragment, const KvsFragmentCursor *cursor);

G_END_DECLS
