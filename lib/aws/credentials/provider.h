/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsCredentialsProvider: one source of credentials. All of it on the I/O thread, which it never blocks. */
#pragma once

#include "aws/credentials.h"

G_BEGIN_DECLS

typedef struct _KvsCredentialsProvider KvsCredentialsProvider;
typedef struct _KvsCredentialsFetch KvsCredentialsFetch;

/**
 * KvsCredentialsFunc:
 * @credentials: (transfer none) (nullable): what was got
 * @error: (nullable): why there is nothing
 * @user_data: what was given with it
 *
 * Both %NULL: this source is not configured, ask the next one. The fetch is gone when it is called.
 */
typedef void (*KvsCredentialsFunc) (KvsCredentials *credentials, const GError *error,
                                    gpointer user_data);

/**
 * KvsCredentialsProvider:
 * @name: for messages: "environment", "EC2 instance metadata", ...
 * @fetch: starts a fetch; the function comes later, never before it has returned
 * @free: frees the provider; no fetch is under way
 *
 * First member of each provider's own struct.
 */
struct _KvsCredentialsProvider {
  const gchar *name;
  KvsCredentialsFetch *(*fetch) (KvsCredentialsProvider *provider, KvsCredentialsFunc func,
                                 gpointer user_data);
  void (*free) (KvsCredentialsProvider *provider);
};

/**
 * KvsCredentialsFetch:
 * @cancel: the function will not be called; frees the fetch
 *
 * One fetch under way; each provider derives its own.
 */
struct _KvsCredentialsFetch {
  void (*cancel) (KvsCredentialsFetch *fetch);
};

static inline KvsCredentialsFetch *
kvs_credentials_provider_fetch (KvsCredentialsProvider *provider, KvsCredentialsFunc func,
                                gpointer user_data)
{
  return provider->fetch (provider, func, user_data);
}

static inline void
kvs_credentials_provider_free (KvsCredentialsProvider *provider)
{
  if (provider != NULL)
    provider->free (provider);
}

static inline void
kvs_credentials_fetch_cancel (KvsCredentialsFetch *fetch)
{
  if (fetch != NULL)
    fetch->cancel (fetch);
}

G_END_DECLS
