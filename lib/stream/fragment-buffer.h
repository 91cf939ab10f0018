/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsFragmentBuffer: Fragments from the first Frame until the service has them for good. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "media/track.h"
#include "stream/fragment.h"
#include "stream/metadata.h"
#include "stream/stream-definition.h"

G_BEGIN_DECLS

typedef struct _KvsFragmentBuffer KvsFragmentBuffer;

/**
 * KvsFragmentRelease:
 * @KVS_FRAGMENT_RELEASE_PERSISTED: when the service has stored it
 * @KVS_FRAGMENT_RELEASE_RECEIVED: when the service has it whole: streams that keep nothing
 * @KVS_FRAGMENT_RELEASE_SENT: when it was sent: no Acks were asked for
 *
 * When a Fragment may be forgotten.
 */
typedef enum {
  KVS_FRAGMENT_RELEASE_PERSISTED,
  KVS_FRAGMENT_RELEASE_RECEIVED,
  KVS_FRAGMENT_RELEASE_SENT,
} KvsFragmentRelease;

/**
 * KvsPushResult:
 * @KVS_PUSH_STORED: the frame will be sent
 * @KVS_PUSH_NOT_DECODABLE: not taken, because a key frame has to come first
 * @KVS_PUSH_UNDECLARED: not taken, because the header lacks its track
 * @KVS_PUSH_LATE: not taken, because it belongs to a Fragment that is over
 * @KVS_PUSH_FLUSHING: not taken, because of kvs_fragment_buffer_set_flushing() or the end
 */
typedef enum {
  KVS_PUSH_STORED,
  KVS_PUSH_NOT_DECODABLE,
  KVS_PUSH_UNDECLARED,
  KVS_PUSH_LATE,
  KVS_PUSH_FLUSHING,
} KvsPushResult;

/**
 * KvsDropReason:
 * @KVS_DROP_BEFORE_KEY_FRAME: nothing before it to decode it with
 * @KVS_DROP_OVERFLOW: the buffer was full
 * @KVS_DROP_REFUSED: the service will never take it
 * @KVS_DROP_LATE: it came when its Fragment was over
 * @KVS_DROP_DAMAGED: it cannot be parsed
 * @KVS_DROP_CORRUPTED: the source says that it is corrupted, and the user wants no such frames
 *
 * Why a frame is not stored. Each frame that is not has one.
 */
typedef enum {
  KVS_DROP_BEFORE_KEY_FRAME,
  KVS_DROP_OVERFLOW,
  KVS_DROP_REFUSED,
  KVS_DROP_LATE,
  KVS_DROP_DAMAGED,
  KVS_DROP_CORRUPTED,
} KvsDropReason;

#define KVS_N_DROP_REASONS 6

/**
 * KvsPushEffect:
 * @wake: whether the reader has to be woken
 * @n_dropped: how many older frames had to go to make room
 *
 * Adds up over several calls.
 */
typedef struct {
  gboolean wake;
  guint n_dropped;
} KvsPushEffect;

/**
 * KvsReadStatus:
 * @KVS_READ_DATA: bytes were given
 * @KVS_READ_EMPTY: nothing to send for now
 * @KVS_READ_END: this Session has sent all that belongs to it
 */
typedef enum {
  KVS_READ_DATA,
  KVS_READ_EMPTY,
  KVS_READ_END,
} KvsReadStatus;

/**
 * KvsBufferStats:
 *
 * Running totals of a stream; sizes in bytes, buffered_ns in nanoseconds of media. frames_dropped has
 * a figure for each #KvsDropReason; frames_sent and bytes_sent count what is sent again, again.
 * bytes_per_s is of the last seconds, and ack_latency_ns of the last Fragment: from its last byte to
 * the Ack that let go of it.
 */
typedef struct {
  guint64 frames_in;
  guint64 bytes_in;
  guint64 frames_sent;
  guint64 bytes_sent;
  guint64 bytes_per_s;
  gint64 ack_latency_ns;
  guint64 frames_persisted;
  guint64 fragments_persisted;
  guint64 bytes_persisted;
  guint64 frames_dropped[KVS_N_DROP_REASONS];
  guint64 fragments_forced;
  guint64 fragments_buffered;
  guint64 bytes_buffered;
  gint64 buffered_ns;
  guint64 spool_fragments;
  guint64 spool_bytes;
} KvsBufferStats;

/**
 * KvsBufferRest:
 * @n_fragments: in memory and on disk
 * @media_ns: in these
 * @n_unsaved: of these, what is in memory alone
 * @unsaved_ns: the same for media
 *
 * What is not persisted.
 */
typedef struct {
  guint64 n_fragments;
  gint64 media_ns;
  guint64 n_unsaved;
  gint64 unsaved_ns;
} KvsBufferRest;

/**
 * KvsFragmentBufferEvents:
 * @wake: the reader has to be woken
 * @saved: what kvs_fragment_buffer_save() was called for is done
 * @spool_full: what was oldest on disk had to go
 * @spool_trouble: the disk does not do its work, or is too slow, and why; once, until it does again,
 *   which @error is %NULL for
 */
typedef struct {
  void (*wake) (gpointer user_data);
  void (*saved) (gpointer user_data);
  void (*spool_full) (guint n_frames, gpointer user_data);
  void (*spool_trouble) (const GError *error, gpointer user_data);
} KvsFragmentBufferEvents;

KvsFragmentBuffer *kvs_fragment_buffer_new (const KvsStreamDefinition *definition,
                                            KvsMetadata *metadata);
void kvs_fragment_buffer_free (KvsFragmentBuffer *buffer);

/* the side of the source */
void kvs_fragment_buffer_set_tracks (KvsFragmentBuffer *buffer, const KvsTrack *const *tracks,
                                     guint n_tracks, gint64 earliest_ns);
void kvs_fragment_buffer_set_live_tracks (KvsFragmentBuffer *buffer, guint active, guint ended,
                                          KvsPushEffect *effect);
gboolean kvs_fragment_buffer_wait_for_room (KvsFragmentBuffer *buffer, const gint *cancelled);
void kvs_fragment_buffer_interrupt (KvsFragmentBuffer *buffer);
KvsPushResult kvs_fragment_buffer_push (KvsFragmentBuffer *buffer, KvsFrame **frame,
                                        KvsPushEffect *effect);
void kvs_fragment_buffer_count_drop (KvsFragmentBuffer *buffer, KvsDropReason reason,
                                     gsize size_bytes);
void kvs_fragment_buffer_close_fragment (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_end (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_set_flushing (KvsFragmentBuffer *buffer, gboolean flushing);

/* the side of the Session */
void kvs_fragment_buffer_set_release (KvsFragmentBuffer *buffer, KvsFragmentRelease release);
KvsSegment *kvs_fragment_buffer_begin_session (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_end_session (KvsFragmentBuffer *buffer);
KvsReadStatus kvs_fragment_buffer_read (KvsFragmentBuffer *buffer, guint8 *out, gsize size,
                                        gsize *n_read);
gboolean kvs_fragment_buffer_wait (KvsFragmentBuffer *buffer, gsize wake_bytes);
gint64 kvs_fragment_buffer_get_hold_us (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_finish_session (KvsFragmentBuffer *buffer);
gboolean kvs_fragment_buffer_awaits_acks (KvsFragmentBuffer *buffer);
gboolean kvs_fragment_buffer_is_overdue (KvsFragmentBuffer *buffer, gint64 since_us);
void kvs_fragment_buffer_received (KvsFragmentBuffer *buffer, guint64 timecode);
void kvs_fragment_buffer_persisted (KvsFragmentBuffer *buffer, guint64 timecode);
guint kvs_fragment_buffer_refuse (KvsFragmentBuffer *buffer, guint64 timecode);
guint kvs_fragment_buffer_count_try (KvsFragmentBuffer *buffer, guint64 timecode);

/* what lies on disk */
void kvs_fragment_buffer_open_spool (KvsFragmentBuffer *buffer,
                                     const KvsStreamDefinition *definition,
                                     const KvsFragmentBufferEvents *events, gpointer user_data);
void kvs_fragment_buffer_watch_spool (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_get_left (KvsFragmentBuffer *buffer, KvsBufferRest *rest);
gboolean kvs_fragment_buffer_save (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_close_spool (KvsFragmentBuffer *buffer);

/* either side */
gboolean kvs_fragment_buffer_is_drained (KvsFragmentBuffer *buffer);
gboolean kvs_fragment_buffer_is_empty (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_get_stats (KvsFragmentBuffer *buffer, KvsBufferStats *stats);

G_END_DECLS
