/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The body of a PutMedia request with a clip in it: what kvssink sends, made beforehand. */
#pragma once

#include <glib.h>

#include "clip.h"

G_BEGIN_DECLS

/**
 * BenchBody:
 * @bytes: header, Clusters, SimpleBlocks
 * @frame_ends: by frame, where in @bytes it ends
 */
typedef struct {
  GByteArray *bytes;
  GArray *frame_ends;
} BenchBody;

BenchBody *bench_body_new (const BenchClip *clip, guint64 n_frames, gint64 start_ms);
void bench_body_free (BenchBody *body);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchBody, bench_body_free)

G_END_DECLS
