/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NAL units as Annex B says it, byte after byte, with nothing clever. */
#pragma once

#include "media/nal.h"

static inline void
annexb_split_naively (const guint8 *data, gsize size, GArray *units)
{
  gsize start = 0;
  gboolean inside = FALSE;

  for (gsize i = 0; i <= size; i++) {
    gboolean start_code = i + 3 <= size && data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1;

    if (i < size && !start_code)
      continue;
    if (inside) {
      KvsNalUnit unit = { start, i - start };

      while (unit.size > 0 && data[start + unit.size - 1] == 0)
        unit.size--;
      if (unit.size > 0)
        g_array_append_val (units, unit);
    }
    if (start_code) {
      inside = TRUE;
      start = i + 3;
      i += 2;
    }
  }
}
