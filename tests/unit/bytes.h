/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes as hex digits, for tables and for messages of failed tests. */
#pragma once

#include <check.h>
#include <glib.h>

/* Blanks between digits are passed over. */
static inline GBytes *
bytes_from_hex (const gchar *hex)
{
  GByteArray *out = g_byte_array_new ();

  while (*hex != '\0') {
    guint8 byte;

    if (*hex == ' ') {
      hex++;
      continue;
    }
    byte = (guint8) (g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));
    g_byte_array_append (out, &byte, 1);
    hex += 2;
  }
  return g_byte_array_free_to_bytes (out);
}

static inline gchar *
hex_from_data (gconstpointer data, gsize size)
{
  GString *hex = g_string_new (NULL);

  for (gsize i = 0; i < size; i++)
    g_string_append_printf (hex, "%02x", ((const guint8 *) data)[i]);
  return g_string_free (hex, FALSE);
}

static inline void
assert_bytes_eq_hex (GBytes *bytes, const gchar *expected_hex)
{
  g_autoptr (GBytes) expected = bytes_from_hex (expected_hex);
  gsize size, expected_size;
  gconstpointer data = g_bytes_get_data (bytes, &size);
  gconstpointer expected_data = g_bytes_get_data (expected, &expected_size);
  g_autofree gchar *got = hex_from_data (data, size);
  g_autofree gchar *want = hex_from_data (expected_data, expected_size);

  ck_assert_str_eq (got, want);
}
