/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsInterleaver: Frames of several Tracks, each in decoding order, into one order. */
#pragma once

#include <glib.h>

#include "media/frame.h"
#include "media/track.h"

G_BEGIN_DECLS

typedef struct _KvsInterleaver KvsInterleaver;

/**
 * KvsInterleaverFunc:
 * @frame: (transfer full): the next frame
 * @user_data: what was given with it
 */
typedef void (*KvsInterleaverFunc) (KvsFrame *frame, gpointer user_data);

KvsInterleaver *kvs_interleaver_new (gint64 max_delay_ns, KvsInterleaverFunc func,
                                     gpointer user_data);
void kvs_interleaver_free (KvsInterleaver *interleaver);

void kvs_interleaver_add_track (KvsInterleaver *interleaver, guint track_number,
                                KvsTrackType type);
void kvs_interleaver_remove_track (KvsInterleaver *interleaver, guint track_number);
void kvs_interleaver_push (KvsInterleaver *interleaver, KvsFrame *frame);
void kvs_interleaver_progress (KvsInterleaver *interleaver, guint track_number, gint64 time_ns);
void kvs_interleaver_end_track (KvsInterleaver *interleaver, guint track_number);
void kvs_interleaver_drain (KvsInterleaver *interleaver);
void kvs_interleaver_clear (KvsInterleaver *interleaver);
gboolean kvs_interleaver_is_ahead (const KvsInterleaver *interleaver, guint track_number);

G_END_DECLS
