/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* N pipelines of a clip and a sink in this process. */
#pragma once

#include <gst/gst.h>

#include "clip.h"

G_BEGIN_DECLS

/**
 * BenchSettings:
 * @clip: what is sent
 * @sink: "fakesink", "mux" (matroskamux ! fakesink) or "kvssink"
 * @n_streams: how many pipelines
 * @n_frames: of each
 * @is_live: frames come at their time; else as fast as the sink takes them
 * @is_marked: the time from each frame's way into the sink to TLS is taken
 * @prefix: of the streams' names
 * @properties: (nullable): "name=value" for kvssink
 */
typedef struct {
  const BenchClip *clip;
  const gchar *sink;
  guint n_streams;
  guint64 n_frames;
  gboolean is_live;
  gboolean is_marked;
  const gchar *prefix;
  gchar **properties;
} BenchSettings;

typedef struct _BenchPipelines BenchPipelines;

/**
 * BenchOutcome:
 * @n_clean: pipelines that ended with EOS, without an error or a warning, all frames persisted
 * @first_media_us: (nullable): by stream, from PLAYING until TLS had the first media; -1 for never
 * @end_us: by stream, from the source's end until EOS; -1 for never
 * @blocks_ns: (element-type gint64): see bench_clip_source_get_blocks_ns(), of the first stream
 * @complaint: (nullable): the first error or warning
 */
typedef struct {
  guint n_clean;
  gint64 *first_media_us;
  gint64 *end_us;
  GArray *blocks_ns;
  gchar *complaint;
} BenchOutcome;

BenchPipelines *bench_pipelines_new (const BenchSettings *settings);
void bench_pipelines_play (BenchPipelines *pipelines);
gboolean bench_pipelines_wait (BenchPipelines *pipelines, gint64 until_us);
guint64 bench_pipelines_sum_stat (BenchPipelines *pipelines, const gchar *name);
void bench_pipelines_finish (BenchPipelines *pipelines, BenchOutcome *outcome);
void bench_outcome_clear (BenchOutcome *outcome);
void bench_pipelines_free (BenchPipelines *pipelines);

G_END_DECLS
