/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/static-provider.h"

typedef struct {
  KvsCredentialsProvider parent;
  KvsLoop *loop;
  KvsCredentials *credentials;
} StaticProvider;

typedef struct {
  KvsCredentialsFetch parent;
  KvsLoop *loop;
  KvsLoopTimer *timer;
  KvsCredentials *credentials;
  KvsCredentialsFunc func;
  gpointer user_data;
} StaticFetch;

static void
fetch_free (StaticFetch *fetch)
{
  g_clear_pointer (&fetch->credentials, kvs_credentials_unref);
  g_free (fetch);
}

static void
cancel (KvsCredentialsFetch *parent)
{
  StaticFetch *fetch = (StaticFetch *) parent;

  kvs_loop_cancel_timer (fetch->loop, &fetch->timer);
  fetch_free (fetch);
}

static void
on_timer (gpointer user_data)
{
  StaticFetch *fetch = user_data;
  g_autoptr (KvsCredentials) credentials = g_steal_pointer (&fetch->credentials);
  KvsCredentialsFunc func = fetch->func;
  gpointer func_data = fetch->user_data;

  fetch_free (fetch);
  func (credentials, NULL, func_data);
}

static KvsCredentialsFetch *
start_fetch (KvsCredentialsProvider *parent, KvsCredentialsFunc func, gpointer user_data)
{
  StaticProvider *provider = (StaticProvider *) parent;
  StaticFetch *fetch = g_new0 (StaticFetch, 1);

  fetch->parent.cancel = cancel;
  fetch->loop = provider->loop;
  fetch->credentials
      = provider->credentials != NULL ? kvs_credentials_ref (provider->credentials) : NULL;
  fetch->func = func;
  fetch->user_data = user_data;
  fetch->timer = kvs_loop_add_timer (provider->loop, 0, on_timer, fetch);
  return &fetch->parent;
}

static void
provider_free (KvsCredentialsProvider *parent)
{
  StaticProvider *provider = (StaticProvider *) parent;

  g_clear_pointer (&provider->credentials, kvs_credentials_unref);
  g_free (provider);
}

/**
 * kvs_static_provider_new:
 * @loop: must outlive the provider
 * @name: static string, for messages
 * @credentials: (nullable): what is given; %NULL for a source that is not configured
 *
 * Returns: (transfer full): a provider
 */
KvsCredentialsProvider *
kvs_static_provider_new (KvsLoop *loop, const gchar *name, KvsCredentials *credentials)
{
  StaticProvider *provider = g_new0 (StaticProvider, 1);

  provider->parent = (KvsCredentialsProvider) { name, start_fetch, provider_free };
  provider->loop = loop;
  provider->credentials = credentials != NULL ? kvs_credentials_ref (credentials) : NULL;
  return &provider->parent;
}
