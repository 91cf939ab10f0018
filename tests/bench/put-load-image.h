/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What put-load sends: made once, so that sending costs next to nothing. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define IMAGE_MAX_HEAD_BYTES 64

/**
 * Image:
 * @fd: of a file in memory that holds @bytes, for sendfile()
 * @bytes: one fragment as it is on the wire: an HTTP chunk with the start of its Cluster, which has
 *   its timecode and is @head_size bytes, then one a frame
 * @size: of all
 * @head_size: what differs from fragment to fragment
 * @frame_size: of one frame on the wire
 */
typedef struct {
  int fd;
  const guint8 *bytes;
  gsize size;
  gsize head_size;
  gsize frame_size;
} Image;

gboolean image_make (Image *image, guint n_frames, gsize frame_bytes, guint frame_ms,
                     GError **error);
void image_clear (Image *image);
void image_write_head (guint8 *head, guint64 timecode_ms);
GByteArray *image_make_header (void);

G_END_DECLS
