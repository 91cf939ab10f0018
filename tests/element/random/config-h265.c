/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-tables.h"

#include "h265-streams.h"

/* of different sizes */
static const guint rows[] = { 0, 2, 3 };

VideoRow
h265_row (guint variant)
{
  guint at = rows[variant % G_N_ELEMENTS (rows)];

  return (VideoRow) { streams[at].hvcc, streams[at].width, streams[at].height };
}
