/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/nal.h"

#include <string.h>

#include "error.h"

/* A 0x01 nearer than this to where memchr() began costs more in calls than it saves in bytes; the
 * next DENSE_SPAN bytes are then looked at one by one. */
#define DENSE_DISTANCE 16
#define DENSE_SPAN 256

/* Looks for the 0x01 that ends 00 00 01 at *third or later and before limit. Where there is none,
 * *third becomes the first place that was not ruled out, which may lie up to two beyond limit. */
static gboolean
scan_bytewise (const guint8 *data, gsize limit, gsize *third)
{
  gsize i = *third;

  while (i < limit) {
    if (data[i] == 0) {
      i++;
    } else if (data[i] == 1 && data[i - 1] == 0 && data[i - 2] == 0) {
      *third = i;
      return TRUE;
    } else {
      /* this byte is not zero, so it is in no start code that ends at i + 1 or i + 2 */
      i += 3;
    }
  }
  *third = i;
  return FALSE;
}

/* Gives the index of the 0x01 of the first start code whose 0x01 is at third or later, or size. */
static gsize
find_start_code (const guint8 *data, gsize size, gsize third)
{
  while (third < size) {
    const guint8 *one = memchr (data + third, 0x01, size - third);
    gsize found;

    if (one == NULL)
      return size;
    found = (gsize) (one - data);
    if (one[-1] == 0 && one[-2] == 0)
      return found;
    if (found - third >= DENSE_DISTANCE) {
      third = found + 3;
      continue;
    }
    third = found + 3;
    if (scan_bytewise (data, MIN (size, third + DENSE_SPAN), &third))
      return third;
  }
  return size;
}

static void
append_unit (GArray *units, const guint8 *data, gsize start, gsize end)
{
  KvsNalUnit unit;

  while (end > start && data[end - 1] == 0)
    end--;
  if (end == start)
    return;
  unit = (KvsNalUnit) { start, end - start };
  g_array_append_val (units, unit);
}

/**
 * kvs_nal_split_annexb:
 * @data: (nullable): an access unit, or any part of a byte stream
 * @size: of @data in bytes
 * @units: (element-type KvsNalUnit): what was in it is dropped, so that one array serves many calls
 *
 * Finds the NAL units of a byte stream (ISO/IEC 14496-10 and 23008-2, Annex B). Start codes have
 * three or four bytes. Zero bytes at a unit's end are trailing_zero_8bits (B.1.1) or belong to the
 * next start code, never to the unit: a NAL unit cannot end in 0x00 (14496-10 7.4.1). Units without
 * any byte are left out, and so is whatever lies before the first start code.
 *
 * Keeps no state; safe from any thread.
 */
void
kvs_nal_split_annexb (const guint8 *data, gsize size, GArray *units)
{
  gsize one;

  g_array_set_size (units, 0);
  one = find_start_code (data, size, 2);
  while (one < size) {
    gsize start = one + 1;

    /* the nearest possible next start code begins right here, its 0x01 two bytes on */
    one = find_start_code (data, size, start + 2);
    append_unit (units, data, start, one < size ? one - 2 : size);
  }
}

static gsize
read_length (const guint8 *data, guint n_bytes)
{
  gsize length = 0;

  for (guint i = 0; i < n_bytes; i++)
    length = length << 8 | data[i];
  return length;
}

/**
 * kvs_nal_split_length_prefixed:
 * @data: (nullable): an access unit in which each NAL unit has its length before it
 * @size: of @data in bytes
 * @length_size_bytes: bytes of a length field, 1 to 4, as the avcC or hvcC says
 * @units: (element-type KvsNalUnit): what was in it is dropped
 * @error: %KVS_ERROR_BAD_MEDIA where lengths and @size do not agree; says at which offset
 *
 * Walks and checks the lengths (ISO/IEC 14496-15 5.3.2): they must add up to @size. Units of
 * length 0 are left out. Sizes are the lengths as they are, trailing zero bytes counted. After an
 * error @units holds the units before the bad one.
 *
 * Keeps no state; safe from any thread.
 *
 * Returns: whether the whole access unit was good
 */
gboolean
kvs_nal_split_length_prefixed (const guint8 *data, gsize size, guint length_size_bytes,
                               GArray *units, GError **error)
{
  gsize offset = 0;

  g_array_set_size (units, 0);
  if (length_size_bytes < 1 || length_size_bytes > 4) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA, "NAL length fields of %u bytes",
                 length_size_bytes);
    return FALSE;
  }
  while (offset < size) {
    KvsNalUnit unit;

    if (size - offset < length_size_bytes) {
      g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                   "NAL length field at offset %" G_GSIZE_FORMAT " is cut off: access unit has %"
                   G_GSIZE_FORMAT " bytes", offset, size);
      return FALSE;
    }
    unit.size = read_length (data + offset, length_size_bytes);
    unit.offset = offset + length_size_bytes;
    if (unit.size > size - unit.offset) {
      g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                   "NAL unit at offset %" G_GSIZE_FORMAT " claims %" G_GSIZE_FORMAT
                   " bytes, but only %" G_GSIZE_FORMAT " follow",
                   offset, unit.size, size - unit.offset);
      return FALSE;
    }
    if (unit.size > 0)
      g_array_append_val (units, unit);
    offset = unit.offset + unit.size;
  }
  return TRUE;
}

/**
 * kvs_nal_replace:
 * @slot: (inout): a NAL unit, or %NULL
 * @nal: the one that shall take its place; copied
 * @size: of @nal in bytes
 *
 * Returns: whether @slot holds something else than before
 */
gboolean
kvs_nal_replace (GBytes **slot, const guint8 *nal, gsize size)
{
  if (*slot != NULL) {
    gsize old_size;
    const guint8 *old = g_bytes_get_data (*slot, &old_size);

    if (old_size == size && memcmp (old, nal, size) == 0)
      return FALSE;
    g_bytes_unref (*slot);
  }
  *slot = g_bytes_new (nal, size);
  return TRUE;
}
