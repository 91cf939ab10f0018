/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A source that plays a clip as a live encoder would, or as fast as it can. */
#pragma once

#include <gst/base/base.h>

#include "clip.h"

G_BEGIN_DECLS

/* The last bytes of a marked frame: this, the stream's number, the frame's number */
#define BENCH_MARK "KVSBENCH"
#define BENCH_MARK_BYTES 16

/* How many frames a measurement of the streaming thread's CPU time covers */
#define BENCH_BLOCK_FRAMES 1000

#define BENCH_TYPE_CLIP_SOURCE (bench_clip_source_get_type ())
G_DECLARE_FINAL_TYPE (BenchClipSource, bench_clip_source, BENCH, CLIP_SOURCE, GstPushSrc)

/**
 * BenchClipSourceSettings:
 * @clip: must stay
 * @n_frames: after which the stream ends; the clip begins anew as often as needed
 * @stream: number of the stream, which goes into the marks
 * @is_live: frames come at their time; else at once
 * @is_marked: frames end in a mark
 * @offset_ns: of the first frame, so that the streams of a process do not tick together
 */
typedef struct {
  const BenchClip *clip;
  guint64 n_frames;
  guint32 stream;
  gboolean is_live;
  gboolean is_marked;
  GstClockTime offset_ns;
} BenchClipSourceSettings;

GstElement *bench_clip_source_new (const BenchClipSourceSettings *settings);
gint64 bench_clip_source_get_end_us (BenchClipSource *source);
GArray *bench_clip_source_get_blocks_ns (BenchClipSource *source);

G_END_DECLS
