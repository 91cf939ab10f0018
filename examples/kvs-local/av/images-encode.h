/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures as PNG and JPEG files. All functions may be called in any thread. */
#pragma once

#include <glib.h>
#include <libavutil/frame.h>

G_BEGIN_DECLS

/**
 * KvsLocalImageFormat:
 * @is_png: PNG, else JPEG
 * @quality: of JPEG, 1 to 100
 * @width: pixels, 0 for that which goes with @height
 * @height: pixels, 0 for the picture's own size
 */
typedef struct {
  gboolean is_png;
  guint quality;
  guint width;
  guint height;
} KvsLocalImageFormat;

GBytes *kvs_local_image_encode (const AVFrame *picture, const KvsLocalImageFormat *format,
                                GError **error);

G_END_DECLS
