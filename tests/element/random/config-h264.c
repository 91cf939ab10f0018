/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-tables.h"

#include "h264-streams.h"

/* of different sizes */
static const guint rows[] = { 0, 3, 4 };

VideoRow
h264_row (guint variant)
{
  guint at = rows[variant % G_N_ELEMENTS (rows)];

  return (VideoRow) { streams[at].avcc, streams[at].width, streams[at].height };
}
