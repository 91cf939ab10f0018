/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/sso-cache.h"

#include "aws/credentials/expiration.h"
#include "aws/json-text.h"
#include "aws/credentials/secret.h"

#define MAX_TOKEN_BYTES (16 * 1024)

/**
 * kvs_sso_token_free:
 * @token: (transfer full) (nullable): a token
 */
void
kvs_sso_token_free (KvsSsoToken *token)
{
  if (token == NULL)
    return;
  kvs_secret_free (token->access_token);
  g_free (token);
}

/**
 * kvs_sso_token_parse:
 * @text: (array length=size): the bytes of a file of the cache
 * @size: how many
 *
 * Does not look at the clock.
 *
 * Returns: (transfer full) (nullable): the token, or %NULL where there is none
 */
KvsSsoToken *
kvs_sso_token_parse (const gchar *text, gsize size)
{
  g_autoptr (JsonNode) object = kvs_json_text_parse (text, size);
  const gchar *access_token, *expires_at;
  KvsSsoToken *token;
  gint64 expiration_us;

  if (object == NULL)
    return NULL;
  access_token = kvs_json_text_get_string (object, "accessToken");
  expires_at = kvs_json_text_get_string (object, "expiresAt");
  if (access_token == NULL || expires_at == NULL
      || !kvs_expiration_parse (expires_at, &expiration_us))
    return NULL;
  /* It becomes a header. */
  for (gsize i = 0; access_token[i] != '\0'; i++)
    if (!g_ascii_isgraph (access_token[i]) || i >= MAX_TOKEN_BYTES)
      return NULL;
  if (*access_token == '\0')
    return NULL;
  token = g_new0 (KvsSsoToken, 1);
  token->access_token = g_strdup (access_token);
  token->expiration_us = expiration_us;
  return token;
}

/**
 * kvs_sso_cache_get_file_name:
 * @source: a source of kind %KVS_PROFILE_SOURCE_SSO
 *
 * Returns: (transfer full): the name of the file that has its token
 */
gchar *
kvs_sso_cache_get_file_name (const KvsProfileSource *source)
{
  const gchar *key = source->sso_session != NULL ? source->sso_session : source->sso_start_url;
  g_autofree gchar *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA1, key, -1);

  return g_strconcat (sum, ".json", NULL);
}

static void
set_error (const KvsProfileSource *source, const gchar *what, GError **error)
{
  g_autofree gchar *login = NULL;

  if (source->sso_session != NULL)
    login = g_strdup_printf ("aws sso login --sso-session %s", source->sso_session);
  else
    login = g_strdup_printf ("aws sso login --profile %s", source->profile);
  g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The SSO log-in of profile '%s' %s: run '%s'",
               source->profile, what, login);
}

/**
 * kvs_sso_cache_load:
 * @folder: the cache, usually ~/.aws/sso/cache
 * @source: a source of kind %KVS_PROFILE_SOURCE_SSO
 * @error: where to say what to do, as %KVS_ERROR_CREDENTIALS
 *
 * Blocks: not for the I/O thread, but for a #KvsWork.
 *
 * Returns: (transfer full) (nullable): a token that is valid now
 */
KvsSsoToken *
kvs_sso_cache_load (const gchar *folder, const KvsProfileSource *source, GError **error)
{
  g_autofree gchar *name = kvs_sso_cache_get_file_name (source);
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  g_autoptr (KvsSsoToken) token = NULL;
  gchar *text;
  gsize size;

  if (!kvs_secret_file_read (path, &text, &size, error))
    return NULL;
  if (text != NULL) {
    token = kvs_sso_token_parse (text, size);
    kvs_secret_free_sized (text, size);
  }
  if (text == NULL)
    set_error (source, "is not there", error);
  else if (token == NULL)
    set_error (source, "cannot be read", error);
  else if (token->expiration_us <= g_get_real_time ())
    set_error (source, "has expired", error);
  else
    return g_steal_pointer (&token);
  return NULL;
}
