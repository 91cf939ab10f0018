/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/credential-line.h"

#include <string.h>

#include "aws/credentials/expiration.h"
#include "aws/credentials/secret.h"

#define MAX_WORDS 5

static gboolean
is_white (gchar c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Up to @max words, which the caller wipes and frees; one more means that there are too many. */
static guint
split (const gchar *text, gsize size, gchar **words, guint max)
{
  gsize at = 0;
  guint n = 0;

  while (n <= max) {
    gsize start;

    while (at < size && is_white (text[at]))
      at++;
    start = at;
    while (at < size && !is_white (text[at]))
      at++;
    if (at == start)
      break;
    if (n < max)
      words[n] = g_strndup (text + start, at - start);
    n++;
  }
  return n;
}

static KvsCredentials *
from_words (gchar **words, guint n, GError **error)
{
  gboolean temporary = n == 5;
  const gchar *secret_key, *session_token;
  gint64 expiration_us = 0;

  if (n == 0 || strcmp (words[0], "CREDENTIALS") != 0 || (n != 3 && n != 5)) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                         "it does not hold one line of " KVS_CREDENTIAL_LINE_FORMAT);
    return NULL;
  }
  if (temporary && !kvs_expiration_parse (words[2], &expiration_us)) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "the third word is no expiration "
                         "such as 2030-01-31T23:59:59Z");
    return NULL;
  }
  secret_key = words[temporary ? 3 : 2];
  session_token = temporary ? words[4] : NULL;
  if (!kvs_credentials_check (words[1], secret_key, session_token, error))
    return NULL;
  return kvs_credentials_new (words[1], secret_key, session_token, expiration_us);
}

/**
 * kvs_credential_line_parse:
 * @text: (array length=size): the bytes of the file
 * @size: how many
 * @error: where to say what is wrong, as %KVS_ERROR_CREDENTIALS; shows nothing of @text
 *
 * Words may stand on lines of their own. Does not look at the clock.
 *
 * Returns: (transfer full) (nullable): credentials
 */
KvsCredentials *
kvs_credential_line_parse (const gchar *text, gsize size, GError **error)
{
  gchar *words[MAX_WORDS] = { NULL };
  KvsCredentials *credentials;

  if (memchr (text, '\0', size) != NULL) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "it is no text file");
    return NULL;
  }
  credentials = from_words (words, split (text, size, words, MAX_WORDS), error);
  for (guint i = 0; i < MAX_WORDS; i++)
    kvs_secret_free (words[i]);
  return credentials;
}
