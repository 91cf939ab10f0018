/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials.h"

#include <openssl/crypto.h>
#include <string.h>

#define MAX_KEY_BYTES 1024

typedef struct {
  KvsCredentials public;
  gatomicrefcount references;
} Credentials;

static gchar *
duplicate (const gchar *text)
{
  return text != NULL && *text != '\0' ? g_strdup (text) : NULL;
}

static void
wipe_and_free (const gchar *text)
{
  gchar *secret = (gchar *) text;

  if (secret == NULL)
    return;
  OPENSSL_cleanse (secret, strlen (secret));
  g_free (secret);
}

/* Everything a header can carry and AWS gives out. Says what is wrong, never shows the value. */
static gboolean
check_part (const gchar *name, const gchar *value, gsize max_bytes, GError **error)
{
  gsize size = strlen (value);

  if (size > max_bytes) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The %s is longer than %" G_GSIZE_FORMAT
                 " characters", name, max_bytes);
    return FALSE;
  }
  for (gsize i = 0; i < size; i++) {
    if (g_ascii_isgraph (value[i]))
      continue;
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The %s holds a space, line end or other "
                 "character that cannot be part of it", name);
    return FALSE;
  }
  return TRUE;
}

/**
 * kvs_credentials_check:
 * @access_key: (nullable): access key id
 * @secret_key: (nullable): secret access key
 * @session_token: (nullable): session token
 * @error: where to say what is wrong, as %KVS_ERROR_CREDENTIALS
 *
 * Providers call it on what they got from outside. The message never shows a value.
 *
 * Returns: whether these could be credentials
 */
gboolean
kvs_credentials_check (const gchar *access_key, const gchar *secret_key,
                       const gchar *session_token, GError **error)
{
  if (access_key == NULL || *access_key == '\0') {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The access key is missing");
    return FALSE;
  }
  if (secret_key == NULL || *secret_key == '\0') {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The secret key is missing");
    return FALSE;
  }
  return check_part ("access key", access_key, MAX_KEY_BYTES, error)
         && check_part ("secret key", secret_key, MAX_KEY_BYTES, error)
         && (session_token == NULL
             || check_part ("session token", session_token, KVS_CREDENTIALS_MAX_TOKEN_BYTES,
                            error));
}

/**
 * kvs_credentials_new:
 * @access_key: access key id
 * @secret_key: secret access key
 * @session_token: (nullable): session token; an empty one counts as none
 * @expiration_us: when they end, as g_get_real_time() counts, or 0
 *
 * Takes the values as they are; see kvs_credentials_check().
 *
 * Returns: (transfer full): new credentials
 */
KvsCredentials *
kvs_credentials_new (const gchar *access_key, const gchar *secret_key,
                     const gchar *session_token, gint64 expiration_us)
{
  Credentials *credentials = g_new0 (Credentials, 1);

  credentials->public.access_key = g_strdup (access_key);
  credentials->public.secret_key = g_strdup (secret_key);
  credentials->public.session_token = duplicate (session_token);
  credentials->public.expiration_us = expiration_us;
  g_atomic_ref_count_init (&credentials->references);
  return &credentials->public;
}

/**
 * kvs_credentials_from_strings:
 * @access_key: (nullable): access key id
 * @secret_key: (nullable): secret access key
 * @session_token: (nullable): session token; an empty one counts as none
 * @error: where to say what is wrong, as %KVS_ERROR_CREDENTIALS
 *
 * Returns: (transfer full) (nullable): credentials that do not expire by themselves
 */
KvsCredentials *
kvs_credentials_from_strings (const gchar *access_key, const gchar *secret_key,
                              const gchar *session_token, GError **error)
{
  if (!kvs_credentials_check (access_key, secret_key, session_token, error))
    return NULL;
  return kvs_credentials_new (access_key, secret_key, session_token, 0);
}

static const gchar *
variable (const gchar *name)
{
  const gchar *value = g_getenv (name);

  return value != NULL && *value != '\0' ? value : NULL;
}

/**
 * kvs_credentials_from_environment:
 * @error: where to say what is missing or wrong, as %KVS_ERROR_CREDENTIALS
 *
 * Reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if there, AWS_SESSION_TOKEN. An empty
 * variable counts as unset.
 *
 * Returns: (transfer full) (nullable): credentials
 */
KvsCredentials *
kvs_credentials_from_environment (GError **error)
{
  const gchar *access_key = variable ("AWS_ACCESS_KEY_ID");
  const gchar *secret_key = variable ("AWS_SECRET_ACCESS_KEY");
  KvsCredentials *credentials;

  if (access_key == NULL && secret_key == NULL) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "No credentials in the "
                         "environment: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and "
                         "AWS_SESSION_TOKEN for temporary ones)");
    return NULL;
  }
  if (access_key == NULL || secret_key == NULL) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                 "%s is set in the environment, but %s is not",
                 access_key != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                 access_key != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    return NULL;
  }
  credentials = kvs_credentials_from_strings (access_key, secret_key,
                                              variable ("AWS_SESSION_TOKEN"), error);
  if (credentials == NULL)
    g_prefix_error (error, "Credentials in the environment: ");
  return credentials;
}

/**
 * kvs_credentials_ref:
 * @credentials: credentials
 *
 * Returns: (transfer full): @credentials
 */
KvsCredentials *
kvs_credentials_ref (KvsCredentials *credentials)
{
  g_atomic_ref_count_inc (&((Credentials *) credentials)->references);
  return credentials;
}

/**
 * kvs_credentials_unref:
 * @credentials: (transfer full) (nullable): credentials
 *
 * The last one wipes the keys from memory.
 */
void
kvs_credentials_unref (KvsCredentials *credentials)
{
  Credentials *self = (Credentials *) credentials;

  if (self == NULL || !g_atomic_ref_count_dec (&self->references))
    return;
  wipe_and_free (self->public.access_key);
  wipe_and_free (self->public.secret_key);
  wipe_and_free (self->public.session_token);
  g_free (self);
}
