/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/file-provider.h"

#include "aws/credentials/credential-line.h"
#include "aws/credentials/secret.h"
#include "aws/credentials/worker-fetch.h"

typedef struct {
  KvsCredentialsProvider base;
  KvsLoop *loop;
  gchar *path;
} Provider;

static KvsCredentials *
check_expiration (KvsCredentials *credentials, const gchar *path, GError **error)
{
  if (credentials->expiration_us == 0 || credentials->expiration_us > g_get_real_time ())
    return credentials;
  g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The credentials in '%s' have expired; have "
               "new ones written there", path);
  kvs_credentials_unref (credentials);
  return NULL;
}

static KvsCredentials *
read_file (gpointer job, GError **error)
{
  const gchar *path = job;
  gchar *text;
  gsize size;
  KvsCredentials *credentials;

  if (!kvs_secret_file_read (path, &text, &size, error))
    return NULL;
  if (text == NULL) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "There is no credential file '%s'", path);
    return NULL;
  }
  credentials = kvs_credential_line_parse (text, size, error);
  kvs_secret_free_sized (text, size);
  if (credentials == NULL) {
    g_prefix_error (error, "Cannot use the credential file '%s': ", path);
    return NULL;
  }
  return check_expiration (credentials, path, error);
}

static KvsCredentialsFetch *
fetch (KvsCredentialsProvider *base, KvsCredentialsFunc func, gpointer user_data)
{
  static const KvsWorkerFetchFuncs funcs = { read_file, NULL, g_free };
  Provider *provider = (Provider *) base;

  return kvs_worker_fetch_start (provider->loop, &funcs, g_strdup (provider->path), func,
                                 user_data);
}

static void
provider_free (KvsCredentialsProvider *base)
{
  Provider *provider = (Provider *) base;

  kvs_loop_release (provider->loop);
  g_free (provider->path);
  g_free (provider);
}

/**
 * kvs_file_provider_new:
 * @loop: the loop; the provider holds it
 * @path: path of the file
 *
 * Each fetch reads the file anew. A file that is not there is an error: somebody named it. To learn
 * that it changed, see #KvsFileWatch.
 *
 * Returns: (transfer full): a provider
 */
KvsCredentialsProvider *
kvs_file_provider_new (KvsLoop *loop, const gchar *path)
{
  Provider *provider = g_new0 (Provider, 1);

  provider->base.name = "credential file";
  provider->base.fetch = fetch;
  provider->base.free = provider_free;
  provider->loop = kvs_loop_ref (loop);
  provider->path = g_strdup (path);
  return &provider->base;
}
