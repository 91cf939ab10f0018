/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsInterleaver: Frames of several Tracks, each in decoding order, into one order. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "media/track.h"

G_BEGIN_DECLS

typedef struct _KvsInterleaver KvsInterleaver;

/**
 * KvsInterleaved:
 * @frame: (transfer full): the next frame
 * @track: (transfer full) (nullable): what its Track is from this frame on; %NULL for the same as
 *   before
 * @time_line: rises when time begins anew, in any Track
 */
typedef struct {
  KvsFrame *frame;
  KvsTrack *track;
  guint time_line;
} KvsInterleaved;

KvsInterleaver *kvs_interleaver_new (gint64 max_delay_us, gsize max_bytes);
void kvs_interleaver_free (KvsInterleaver *interleaver);

void kvs_interleaver_add_track (KvsInterleaver *interleaver, guint track_number,
                                KvsTrackType type);
void kvs_interleaver_remove_track (KvsInterleaver *interleaver, guint track_number);
void kvs_interleaver_push (KvsInterleaver *interleaver, KvsFrame *frame, KvsTrack *track,
                           gint64 now_us);
void kvs_interleaver_progress (KvsInterleaver *interleaver, guint track_number, gint64 time_ns);
void kvs_interleaver_end_track (KvsInterleaver *interleaver, guint track_number);
void kvs_interleaver_end_all (KvsInterleaver *interleaver);

gboolean kvs_interleaver_pop (KvsInterleaver *interleaver, gint64 now_us, KvsInterleaved *out);
KvsTrack *kvs_interleaver_take_next_track (KvsInterleaver *interleaver, guint track_number);
gint64 kvs_interleaver_get_deadline_us (const KvsInterleaver *interleaver);
gboolean kvs_interleaver_is_ahead (const KvsInterleaver *interleaver, guint track_number);
guint kvs_interleaver_get_silent_tracks (const KvsInterleaver *interleaver);
void kvs_interleaver_get_live_tracks (const KvsInterleaver *interleaver, guint *active,
                                      guint *ended);

G_END_DECLS
