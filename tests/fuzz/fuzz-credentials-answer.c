/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A byte that says what it is, and an answer of a source of credentials. */
#include "fuzz.h"

#include "aws/credentials/answer.h"
#include "aws/credentials/imds-provider.h"
#include "aws/credentials/sts.h"

#include <string.h>

static const KvsAnswerClock test_clock = { G_GINT64_CONSTANT (1516266000) * G_USEC_PER_SEC, 0 };

static void
check_credentials (KvsCredentials *credentials, GError *error)
{
  g_assert_true ((credentials == NULL) == (error != NULL));
  if (credentials != NULL) {
    g_assert_true (kvs_credentials_check (credentials->access_key, credentials->secret_key,
                                          credentials->session_token, NULL));
    g_assert_true (credentials->expiration_us == 0
                   || credentials->expiration_us > test_clock.now_us);
  } else {
    g_assert_true (g_error_matches (error, KVS_ERROR, KVS_ERROR_CREDENTIALS));
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    g_assert_null (strchr (error->message, '\n'));
  }
  kvs_credentials_unref (credentials);
  g_clear_error (&error);
}

static void
try_json (const gchar *text, gsize size)
{
  static const KvsAnswerForm forms[] = {
    { NULL, "AccessKeyId", "SecretAccessKey", "Token", "Expiration" },
    { "credentials", "accessKeyId", "secretAccessKey", "sessionToken", "expiration" },
    { "roleCredentials", "accessKeyId", "secretAccessKey", "sessionToken", "expiration" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++) {
    GError *error = NULL;
    KvsCredentials *credentials
        = kvs_answer_parse_json (text, size, &forms[i], &test_clock, &error);

    check_credentials (credentials, error);
  }
}

static void
try_sts (const gchar *text, gsize size)
{
  GError *error = NULL;
  KvsCredentials *credentials
      = kvs_sts_parse_answer (KVS_STS_ASSUME_ROLE, text, size, &test_clock, &error);
  g_autoptr (KvsServiceError) refusal = kvs_sts_parse_refusal (400, text, size);

  check_credentials (credentials, error);
  if (refusal->message != NULL) {
    g_assert_true (g_utf8_validate (refusal->message, -1, NULL));
    g_assert_null (strpbrk (refusal->message, "\r\n"));
    g_assert_cmpuint (strlen (refusal->message), <, 1024);
  }
  (void) kvs_sts_is_passing (400, text, size);
}

static void
try_words (const gchar *bytes, gsize size)
{
  g_autofree gchar *role = kvs_imds_parse_role (bytes, size);
  g_autofree gchar *text = g_strndup (bytes, size);
  gint64 time_us = 0;

  if (role != NULL)
    g_assert_null (strpbrk (role, "/?#% \r\n"));
  if (kvs_answer_parse_time (text, &time_us))
    g_assert_cmpint (time_us, >, 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const gchar *text = (const gchar *) data + 1;

  if (size < 1)
    return 0;
  switch (data[0] % 3) {
    case 0:
      try_json (text, size - 1);
      break;
    case 1:
      try_sts (text, size - 1);
      break;
    default:
      try_words (text, size - 1);
  }
  return 0;
}
