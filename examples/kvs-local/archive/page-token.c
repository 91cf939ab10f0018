/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/page-token.h"

#include <string.h>

/* Its letters are those of base64, as the service model asks for. */
#define SEPARATOR " "

/**
 * kvs_local_page_token_make:
 * @kind: of the list, without spaces
 * @numbers: (array length=n_numbers): where it goes on
 * @n_numbers: at most %KVS_LOCAL_PAGE_TOKEN_MAX_NUMBERS
 *
 * Returns: (transfer full): the token
 */
gchar *
kvs_local_page_token_make (const gchar *kind, const gint64 *numbers, guint n_numbers)
{
  g_autoptr (GString) text = g_string_new (kind);

  for (guint i = 0; i < n_numbers; i++)
    g_string_append_printf (text, SEPARATOR "%" G_GINT64_FORMAT, numbers[i]);
  return g_base64_encode ((const guchar *) text->str, text->len);
}

/**
 * kvs_local_page_token_read:
 * @token: from a client
 * @kind: of the list
 * @numbers: (out caller-allocates) (array length=n_numbers): where it goes on
 * @n_numbers: how many there must be
 *
 * Returns: whether @token is one that kvs_local_page_token_make() makes for that kind of list
 */
gboolean
kvs_local_page_token_read (const gchar *token, const gchar *kind, gint64 *numbers, guint n_numbers)
{
  g_autofree guchar *bytes = NULL;
  g_autofree gchar *text = NULL;
  g_auto (GStrv) words = NULL;
  g_autofree gchar *again = NULL;
  gsize size;

  bytes = g_base64_decode (token, &size);
  text = g_strndup ((const gchar *) bytes, size);
  words = g_strsplit (text, SEPARATOR, KVS_LOCAL_PAGE_TOKEN_MAX_NUMBERS + 2);
  if (words[0] == NULL || !g_str_equal (words[0], kind) || g_strv_length (words) != n_numbers + 1)
    return FALSE;
  for (guint i = 0; i < n_numbers; i++) {
    if (!g_ascii_string_to_signed (words[i + 1], 10, G_MININT64, G_MAXINT64, &numbers[i], NULL))
      return FALSE;
  }
  again = kvs_local_page_token_make (kind, numbers, n_numbers);
  return g_str_equal (token, again);
}
