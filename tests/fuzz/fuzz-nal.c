/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access units in both forms. What is found must hold what Annex B says, and be what a search finds
 * that looks at one byte after the other; a frame made of it must split into the same units again. */
#include "fuzz.h"

#include <string.h>

#include "../unit/annexb-naive.h"
#include "media/frame.h"
#include "media/nal.h"

static gboolean
is_start_code (const guint8 *at)
{
  return at[0] == 0 && at[1] == 0 && at[2] == 1;
}

static void
check_unit (const guint8 *data, gsize size, gsize previous_end, const KvsNalUnit *unit)
{
  g_assert_cmpuint (unit->size, >, 0);
  g_assert_cmpuint (unit->offset, >=, previous_end + 3);
  g_assert_cmpuint (unit->offset, <, size);
  g_assert_cmpuint (unit->size, <=, size - unit->offset);
  g_assert_true (is_start_code (data + unit->offset - 3));
  g_assert_cmpuint (data[unit->offset + unit->size - 1], !=, 0);
  for (gsize i = 0; i + 3 <= unit->size; i++)
    g_assert_false (is_start_code (data + unit->offset + i));
}

static void
check_annexb (const guint8 *data, gsize size, const GArray *units)
{
  gsize end = 0;

  for (guint i = 0; i < units->len; i++) {
    const KvsNalUnit *unit = &g_array_index (units, KvsNalUnit, i);

    check_unit (data, size, end, unit);
    /* nothing but start codes and zeros between units */
    for (gsize gap = end; i > 0 && gap < unit->offset; gap++)
      g_assert_cmpuint (data[gap], <=, 1);
    end = unit->offset + unit->size;
  }
  /* nothing left out at the end */
  for (gsize i = end; i + 4 <= size; i++)
    g_assert_false (is_start_code (data + i) && data[i + 3] > 1);
}

static void
check_naively (const guint8 *data, gsize size, const GArray *units)
{
  g_autoptr (GArray) naive = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));

  annexb_split_naively (data, size, naive);
  g_assert_cmpuint (units->len, ==, naive->len);
  g_assert_true (units->len == 0
                 || memcmp (units->data, naive->data, units->len * sizeof (KvsNalUnit)) == 0);
}

/* The same bytes at another place in words and stripes. */
static void
check_moved (const guint8 *data, gsize size)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  gsize skipped = size > 0 ? data[0] % MIN (size, 64) : 0;

  kvs_nal_split_annexb (data + skipped, size - skipped, units);
  check_naively (data + skipped, size - skipped, units);
}

static void
check_frame (const guint8 *data, gsize size, GArray *units)
{
  KvsPayload payload = { .data = data, .size = size };
  g_autoptr (GByteArray) wire = g_byte_array_new ();
  g_autoptr (GArray) again = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  KvsFrameInfo info = { .track_number = 1 };
  g_autoptr (KvsFrame) frame
    = kvs_frame_new_from_nal_units (&info, &payload, (const KvsNalUnit *) units->data, units->len);

  for (guint i = 0; i < frame->n_slices; i++)
    g_byte_array_append (wire, frame->slices[i].data, (guint) frame->slices[i].size);
  g_assert_cmpuint (wire->len, ==, frame->size_bytes);
  g_assert_true (kvs_nal_split_length_prefixed (wire->data, wire->len, 4, again, NULL));
  g_assert_cmpuint (again->len, ==, units->len);
  for (guint i = 0; i < again->len; i++)
    g_assert_cmpuint (g_array_index (again, KvsNalUnit, i).size, ==,
                      g_array_index (units, KvsNalUnit, i).size);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));

  kvs_nal_split_annexb (data, size, units);
  check_annexb (data, size, units);
  check_naively (data, size, units);
  check_moved (data, size);
  check_frame (data, size, units);

  for (guint length_size = 0; length_size <= 5; length_size++) {
    g_autoptr (GError) error = NULL;
    gboolean good = kvs_nal_split_length_prefixed (data, size, length_size, units, &error);

    g_assert_cmpint (good, ==, error == NULL);
    for (guint i = 0; i < units->len; i++) {
      const KvsNalUnit *unit = &g_array_index (units, KvsNalUnit, i);

      g_assert_cmpuint (unit->offset, <, size);
      g_assert_cmpuint (unit->size, <=, size - unit->offset);
    }
  }
  return 0;
}
