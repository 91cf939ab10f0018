/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first byte chooses a reader: the one-line file, a process's output, an SSO token, a command. */
#include "fuzz.h"

#include "aws/credentials/credential-line.h"
#include "aws/credentials/process-output.h"
#include "aws/credentials/shell-words.h"
#include "aws/credentials/sso-cache.h"

#include <string.h>

typedef KvsCredentials *(*ReadFunc) (const gchar *text, gsize size, GError **error);

static void
check_credentials (ReadFunc read, const gchar *text, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsCredentials) credentials = read (text, size, &error);

  g_assert_true ((credentials == NULL) == (error != NULL));
  if (credentials == NULL)
    return;
  g_assert_cmpint (*credentials->access_key, !=, '\0');
  g_assert_cmpint (*credentials->secret_key, !=, '\0');
  g_assert_true (kvs_credentials_check (credentials->access_key, credentials->secret_key,
                                        credentials->session_token, NULL));
}

static void
check_words (const gchar *bytes, gsize size)
{
  g_autofree gchar *text = g_strndup (bytes, size);
  g_auto (GStrv) words = kvs_shell_words_split (text);
  gsize total = 0;

  for (guint i = 0; words != NULL && words[i] != NULL; i++)
    total += strlen (words[i]);
  g_assert_cmpuint (total, <=, strlen (text));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const gchar *text = (const gchar *) data + 1;
  KvsSsoToken *token;

  if (size < 2)
    return 0;
  size--;
  switch (data[0] % 4) {
    case 0:
      check_credentials (kvs_credential_line_parse, text, size);
      break;
    case 1:
      check_credentials (kvs_process_output_parse, text, size);
      break;
    case 2:
      token = kvs_sso_token_parse (text, size);
      g_assert_true (token == NULL || *token->access_token != '\0');
      kvs_sso_token_free (token);
      break;
    default:
      check_words (text, size);
      break;
  }
  return 0;
}
