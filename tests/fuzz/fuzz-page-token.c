/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NextTokens of clients: one that is taken is exactly what is made for the same numbers. */
#include "fuzz.h"

#include "archive/page-token.h"

#define N_NUMBERS 3

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree gchar *raw = g_strndup (size > 0 ? (const gchar *) data : "", size);
  g_autofree gchar *encoded = g_base64_encode (data, size);
  const gchar *const tokens[] = { raw, encoded };
  gint64 numbers[N_NUMBERS], again[N_NUMBERS];

  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++) {
    g_autofree gchar *made = NULL;

    if (!kvs_local_page_token_read (tokens[i], "list", numbers, N_NUMBERS))
      continue;
    made = kvs_local_page_token_make ("list", numbers, N_NUMBERS);
    g_assert_cmpstr (made, ==, tokens[i]);
    g_assert_true (kvs_local_page_token_read (made, "list", again, N_NUMBERS));
    g_assert_cmpmem (numbers, sizeof numbers, again, sizeof again);
  }
  return 0;
}
