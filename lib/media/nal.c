/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/nal.h"

#include <string.h>

#include "error.h"

/* Bytes are looked at a word at a time; where the machine has vectors, a stripe of these first. Neither
 * is slower for some bytes than for others, as memchr() for 0x01 is where there are many of them. */
#define WORD_BYTES 8
#define EACH_BYTE G_GUINT64_CONSTANT (0x0101010101010101)

static guint64
load_word (const guint8 *at)
{
  guint64 word;

  memcpy (&word, at, WORD_BYTES);
  return GUINT64_FROM_LE (word);
}

/* Looks for the 0x01 that ends 00 00 01, among the bytes of the word at third.
 * Returns: 0 if there is none; else the lowest bit that is set is in the place of the first one */
static guint64
match_word (const guint8 *third)
{
  guint64 off = load_word (third - 2) | load_word (third - 1) | (load_word (third) ^ EACH_BYTE);

  return (off - EACH_BYTE) & ~off & (EACH_BYTE << 7);
}

#if defined(__SSE2__) || defined(__ARM_NEON) || defined(__ALTIVEC__)
#define VECTOR_BYTES 16
#define STRIPE_BYTES (4 * VECTOR_BYTES)

typedef guint8 Vector __attribute__ ((vector_size (VECTOR_BYTES)));
typedef guint64 Halves __attribute__ ((vector_size (VECTOR_BYTES)));

static Vector
load_vector (const guint8 *at)
{
  Vector vector;

  memcpy (&vector, at, VECTOR_BYTES);
  return vector;
}

/* As match_word(): all bits of a byte are set where it is the one. */
static Halves
match_vector (const guint8 *third)
{
  Vector off = load_vector (third - 2) | load_vector (third - 1) | (load_vector (third) ^ 1);

  return (Halves) (off == 0);
}

/* Returns: where the first stripe begins that has a start code's 0x01, or that is not whole */
static gsize
skip_stripes (const guint8 *data, gsize size, gsize third)
{
  for (; size - third >= STRIPE_BYTES; third += STRIPE_BYTES) {
    const guint8 *at = data + third;
    Halves found = match_vector (at) | match_vector (at + VECTOR_BYTES)
                   | match_vector (at + 2 * VECTOR_BYTES) | match_vector (at + 3 * VECTOR_BYTES);

    if ((found[0] | found[1]) != 0)
      break;
  }
  return third;
}
#else
static gsize
skip_stripes (const guint8 *data, gsize size, gsize third)
{
  return third;
}
#endif

/* Gives the index of the 0x01 of the first start code whose 0x01 is at third or later, or size. */
static gsize
find_start_code (const guint8 *data, gsize size, gsize third)
{
  if (third >= size)
    return size;
  third = skip_stripes (data, size, third);
  for (; size - third >= WORD_BYTES; third += WORD_BYTES) {
    guint64 found = match_word (data + third);

    if (found != 0)
      return third + (gsize) __builtin_ctzll (found) / 8;
  }
  for (; third < size; third++) {
    if (data[third] == 1 && data[third - 1] == 0 && data[third - 2] == 0)
      return third;
  }
  return size;
}

static gsize
trim_zeros (const guint8 *data, gsize start, gsize end)
{
  while (end - start >= WORD_BYTES && load_word (data + end - WORD_BYTES) == 0)
    end -= WORD_BYTES;
  while (end > start && data[end - 1] == 0)
    end--;
  return end;
}

static void
append_unit (GArray *units, const guint8 *data, gsize start, gsize end)
{
  KvsNalUnit unit;

  end = trim_zeros (data, start, end);
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
