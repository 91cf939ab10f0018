/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsEarlyFrames: Frames that came before the key frame of another Track that starts their Fragment. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "stream/fragment-buffer.h"
#include "stream/fragmenter.h"

G_BEGIN_DECLS

/* How far before the key frame that they wait for they may lie. Within a Fragment that leaves room for
 * another as much. */
#define KVS_EARLY_FRAMES_MAX_NS (KVS_FRAGMENT_MAX_DURATION_NS / 2)

typedef struct _KvsEarlyFrames KvsEarlyFrames;

KvsEarlyFrames *kvs_early_frames_new (KvsFragmentBuffer *buffer, gsize max_bytes);
void kvs_early_frames_free (KvsEarlyFrames *early);

guint kvs_early_frames_get_length (const KvsEarlyFrames *early);
guint kvs_early_frames_get_tracks (const KvsEarlyFrames *early);
gint64 kvs_early_frames_get_earliest_ns (const KvsEarlyFrames *early);

void kvs_early_frames_keep (KvsEarlyFrames *early, KvsFrame *frame, guint time_line);
KvsFrame *kvs_early_frames_take (KvsEarlyFrames *early, guint *time_line);
void kvs_early_frames_drop (KvsEarlyFrames *early, KvsFrame *frame);
void kvs_early_frames_drop_track (KvsEarlyFrames *early, guint track_number);
void kvs_early_frames_push_alone (KvsEarlyFrames *early, guint mask, KvsPushEffect *effect);

G_END_DECLS
