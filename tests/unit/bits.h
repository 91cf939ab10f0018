/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bit fields by hand, for what no encoder at hand writes. */
#pragma once

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

typedef struct {
  GByteArray *bytes;
  guint n_bits;
} Bits;

static inline void
bits_put (Bits *bits, guint64 value, guint n_bits)
{
  static const guint8 zero = 0;

  while (n_bits-- > 0) {
    if (bits->n_bits % 8 == 0)
      g_byte_array_append (bits->bytes, &zero, 1);
    if ((value >> n_bits & 1) != 0)
      bits->bytes->data[bits->bytes->len - 1] |= (guint8) (0x80 >> bits->n_bits % 8);
    bits->n_bits++;
  }
}

static inline void
bits_put_ue (Bits *bits, guint64 value)
{
  guint n_bits = g_bit_storage (value + 1);

  bits_put (bits, 0, n_bits - 1);
  bits_put (bits, value + 1, n_bits);
}

/* Fields with blanks between them: "4:15" is four bits, "e:7" is ue(v), "s:-3" is se(v), "a:" fills
 * the byte. Numbers as in C. */
static inline GBytes *
bits_from_fields (const gchar *fields)
{
  g_auto (GStrv) list = g_strsplit (fields, " ", -1);
  Bits bits = { .bytes = g_byte_array_new () };

  for (gchar **field = list; *field != NULL; field++) {
    const gchar *colon = strchr (*field, ':');
    gint64 value;

    if (**field == '\0')
      continue;
    ck_assert_msg (colon != NULL, "field \"%s\"", *field);
    value = g_ascii_strtoll (colon + 1, NULL, 0);
    if (**field == 'e')
      bits_put_ue (&bits, (guint64) value);
    else if (**field == 's')
      bits_put_ue (&bits, (guint64) (value > 0 ? 2 * value - 1 : -2 * value));
    else if (**field == 'a')
      bits_put (&bits, 0, (8 - bits.n_bits % 8) % 8);
    else
      bits_put (&bits, (guint64) value, (guint) atoi (*field));
  }
  return g_byte_array_free_to_bytes (bits.bytes);
}

/* Header and payload with emulation prevention bytes, as an encoder must put them in (ISO/IEC
 * 14496-10 7.4.1). */
static inline GBytes *
nal_from_fields (const gchar *header_hex, const gchar *fields)
{
  g_autoptr (GBytes) header = bytes_from_hex (header_hex);
  g_autoptr (GBytes) payload = bits_from_fields (fields);
  GByteArray *nal = g_byte_array_new ();
  const guint8 *data;
  gsize size;
  guint zeros = 0;

  g_byte_array_append (nal, g_bytes_get_data (header, NULL), (guint) g_bytes_get_size (header));
  data = g_bytes_get_data (payload, &size);
  for (gsize i = 0; i < size; i++) {
    static const guint8 three = 3;

    if (zeros >= 2 && data[i] <= 3) {
      g_byte_array_append (nal, &three, 1);
      zeros = 0;
    }
    g_byte_array_append (nal, &data[i], 1);
    zeros = data[i] == 0 ? zeros + 1 : 0;
  }
  return g_byte_array_free_to_bytes (nal);
}
