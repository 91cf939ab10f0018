/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/process-provider.h"

#include "aws/credentials/process-output.h"
#include "aws/credentials/process.h"
#include "aws/credentials/secret.h"
#include "aws/credentials/shell-words.h"
#include "aws/credentials/worker-fetch.h"

#define NAME "credential_process"

typedef struct {
  KvsCredentialsProvider base;
  KvsLoop *loop;
  gchar *command;
  gint64 timeout_us;
} Provider;

static KvsCredentials *
check_expiration (KvsCredentials *credentials, GError **error)
{
  if (credentials->expiration_us == 0 || credentials->expiration_us > g_get_real_time ())
    return credentials;
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "the credentials that it gives "
                       "have expired; log in anew where it gets them from");
  kvs_credentials_unref (credentials);
  return NULL;
}

static KvsCredentials *
run_process (KvsProcess *process, GError **error)
{
  KvsCredentials *credentials;
  const gchar *output;
  gsize size;

  if (!kvs_process_run (process, error))
    return NULL;
  output = kvs_process_get_output (process, &size);
  credentials = kvs_process_output_parse (output, size, error);
  return credentials != NULL ? check_expiration (credentials, error) : NULL;
}

/* @job: (nullable): %NULL where the command cannot be split */
static KvsCredentials *
run (gpointer job, GError **error)
{
  KvsCredentials *credentials;

  if (job == NULL) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, NAME ": the command is empty, or "
                         "a quote in it is not closed");
    return NULL;
  }
  credentials = run_process (job, error);
  if (credentials == NULL)
    g_prefix_error (error, NAME ": ");
  return credentials;
}

static void
stop (gpointer job)
{
  if (job != NULL)
    kvs_process_stop (job);
}

static void
job_free (gpointer job)
{
  kvs_process_free (job);
}

static KvsCredentialsFetch *
fetch (KvsCredentialsProvider *base, KvsCredentialsFunc func, gpointer user_data)
{
  static const KvsWorkerFetchFuncs funcs = { run, stop, job_free };
  Provider *provider = (Provider *) base;
  g_auto (GStrv) argv = kvs_shell_words_split (provider->command);
  KvsProcess *process = NULL;

  if (argv != NULL && argv[0] != NULL)
    process = kvs_process_new (g_steal_pointer (&argv), provider->timeout_us);
  return kvs_worker_fetch_start (provider->loop, &funcs, process, func, user_data);
}

static void
provider_free (KvsCredentialsProvider *base)
{
  Provider *provider = (Provider *) base;

  kvs_loop_release (provider->loop);
  kvs_secret_free (provider->command);
  g_free (provider);
}

/**
 * kvs_process_provider_new:
 * @loop: the loop; the provider holds it
 * @command: program and arguments as a shell would split them; no shell is run
 * @timeout_us: how long it may take, such as %KVS_PROCESS_PROVIDER_TIMEOUT_US
 *
 * Each fetch runs it once. Cancelling a fetch kills it.
 *
 * Returns: (transfer full): a provider
 */
KvsCredentialsProvider *
kvs_process_provider_new (KvsLoop *loop, const gchar *command, gint64 timeout_us)
{
  Provider *provider = g_new0 (Provider, 1);

  provider->base.name = NAME;
  provider->base.fetch = fetch;
  provider->base.free = provider_free;
  provider->loop = kvs_loop_ref (loop);
  provider->command = g_strdup (command);
  provider->timeout_us = timeout_us;
  return &provider->base;
}
