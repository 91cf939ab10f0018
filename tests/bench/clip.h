/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frames that all of the benchmark's programs send: made once, mapped by each. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * BenchFrame: one access unit; so it is in the file.
 * @offset: of its bytes in the file
 * @size: in bytes
 * @is_key: whether it can be decoded by itself
 */
typedef struct {
  guint64 offset;
  guint32 size;
  guint32 is_key;
} BenchFrame;

/**
 * BenchClip: H.264, length-prefixed (avc), frame n at n / @fps seconds; read only.
 */
typedef struct {
  GMappedFile *file;
  const guint8 *bytes;
  const BenchFrame *frames;
  guint n_frames;
  guint fps;
  guint width;
  guint height;
  const guint8 *codec_data;
  gsize codec_data_bytes;
} BenchClip;

BenchClip *bench_clip_open (const gchar *path, GError **error);
void bench_clip_free (BenchClip *clip);
const guint8 *bench_clip_frame (const BenchClip *clip, guint64 index, guint32 *size,
                                gboolean *is_key);
gint64 bench_clip_time_ns (const BenchClip *clip, guint64 index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchClip, bench_clip_free)

G_END_DECLS
