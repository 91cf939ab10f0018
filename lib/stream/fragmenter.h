/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsFragmenter: decides where a Fragment starts, and renders the Matroska bytes around Frames. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "media/track.h"
#include "stream/fragment.h"
#include "stream/stream-definition.h"

G_BEGIN_DECLS

/* Limits of the service on one Fragment (kvs-api.md sections 8 and 16) */
#define KVS_FRAGMENT_MAX_DURATION_NS (20 * G_GINT64_CONSTANT (1000000000))
#define KVS_FRAGMENT_MAX_BYTES (50 * 1000 * 1000)
/* 5 Fragments a second and stream */
#define KVS_FRAGMENT_MIN_DURATION_NS (G_GINT64_CONSTANT (200) * 1000000)
/* How long a Fragment goes on over key frames when one of its Tracks has brought nothing yet. */
#define KVS_FRAGMENT_MAX_MERGE_NS (10 * G_GINT64_CONSTANT (1000000000))

/* Track numbers as a mask */
#define KVS_TRACK_BIT(track_number) (1u << (track_number))
#define KVS_ALL_TRACKS G_MAXUINT

typedef struct _KvsFragmenter KvsFragmenter;

/**
 * KvsFragmenterVerdict:
 * @KVS_FRAGMENTER_ADD: the Frame belongs to the current Fragment
 * @KVS_FRAGMENTER_OPEN: the Frame starts a Fragment
 * @KVS_FRAGMENTER_NOT_DECODABLE: the Frame cannot be stored: a key frame of the leading Track has to
 *   come first
 * @KVS_FRAGMENTER_UNDECLARED: the Frame cannot be stored: its Track is not in the header
 * @KVS_FRAGMENTER_LATE: the Frame cannot be stored: it belongs to a Fragment that is over
 */
typedef enum {
  KVS_FRAGMENTER_ADD,
  KVS_FRAGMENTER_OPEN,
  KVS_FRAGMENTER_NOT_DECODABLE,
  KVS_FRAGMENTER_UNDECLARED,
  KVS_FRAGMENTER_LATE,
} KvsFragmenterVerdict;

/**
 * KvsFragmenterStep:
 * @verdict: see #KvsFragmenterVerdict
 * @forced: the Fragment starts without a key frame, because a limit of the service would be passed
 * @segment: (transfer none): for %KVS_FRAGMENTER_OPEN, what the new Fragment belongs to
 * @closed_segment: (transfer full) (nullable): for %KVS_FRAGMENTER_OPEN, what the Fragment before it
 *   belongs to now, see kvs_fragmenter_close()
 * @is_sendable: every Track of the header has a Frame in the current Fragment, this one included
 * @timecode: for %KVS_FRAGMENTER_OPEN, of the Cluster
 * @head: Matroska bytes that go before the payload
 * @head_size: how many
 */
typedef struct {
  KvsFragmenterVerdict verdict;
  gboolean forced;
  KvsSegment *segment;
  KvsSegment *closed_segment;
  gboolean is_sendable;
  guint64 timecode;
  guint8 head[KVS_FRAME_HEAD_MAX_BYTES];
  gsize head_size;
} KvsFragmenterStep;

KvsFragmenter *kvs_fragmenter_new (const KvsStreamDefinition *definition);
void kvs_fragmenter_free (KvsFragmenter *fragmenter);
KvsSegment *kvs_fragmenter_set_tracks (KvsFragmenter *fragmenter, const KvsTrack *const *tracks,
                                       guint n_tracks, gint64 earliest_ns);
KvsSegment *kvs_fragmenter_set_live_tracks (KvsFragmenter *fragmenter, guint active, guint ended);
KvsSegment *kvs_fragmenter_close (KvsFragmenter *fragmenter);
void kvs_fragmenter_step (KvsFragmenter *fragmenter, KvsFrame *frame, KvsFragmenterStep *step);

G_END_DECLS
