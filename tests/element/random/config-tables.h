/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VideoRow: a decoder configuration record from another hand, and what it says.
 */
typedef struct {
  const gchar *hex;
  guint width;
  guint height;
} VideoRow;

VideoRow h264_row (guint variant);
VideoRow h265_row (guint variant);

G_END_DECLS
