/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/chain.h"

typedef struct {
  KvsCredentialsProvider parent;
  GPtrArray *providers;
  KvsCredentialsProvider *last_resort; /* the last of them, or NULL */
  gboolean last_resort_works;          /* it did once */
} Chain;

typedef struct {
  KvsCredentialsFetch parent;
  Chain *chain;
  guint next;
  KvsCredentialsFetch *current;
  KvsCredentialsFunc func;
  gpointer user_data;
} ChainFetch;

static void ask_next (ChainFetch *fetch);

static void
cancel (KvsCredentialsFetch *parent)
{
  ChainFetch *fetch = (ChainFetch *) parent;

  kvs_credentials_fetch_cancel (fetch->current);
  g_free (fetch);
}

static GError *
make_error (const Chain *chain)
{
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; i < chain->providers->len; i++) {
    const KvsCredentialsProvider *provider = g_ptr_array_index (chain->providers, i);

    g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", provider->name);
  }
  return g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS,
                      "There are no AWS credentials. Looked at: %s. Set AWS_ACCESS_KEY_ID and "
                      "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role",
                      names->str);
}

static void
finish (ChainFetch *fetch, KvsCredentials *credentials, const GError *error)
{
  KvsCredentialsFunc func = fetch->func;
  gpointer user_data = fetch->user_data;

  g_free (fetch);
  func (credentials, error, user_data);
}

static gboolean
is_last_resort (const ChainFetch *fetch)
{
  return g_ptr_array_index (fetch->chain->providers, fetch->next - 1)
         == fetch->chain->last_resort;
}

static void
on_answer (KvsCredentials *credentials, const GError *error, gpointer user_data)
{
  ChainFetch *fetch = user_data;
  g_autoptr (GError) none = NULL;

  fetch->current = NULL;
  if (is_last_resort (fetch)) {
    fetch->chain->last_resort_works |= credentials != NULL;
    if (error != NULL && !fetch->chain->last_resort_works
        && (error->code == KVS_ERROR_NETWORK || error->code == KVS_ERROR_TIMEOUT))
      error = NULL;
  }
  if (credentials != NULL || error != NULL) {
    finish (fetch, credentials, error);
  } else if (fetch->next < fetch->chain->providers->len) {
    ask_next (fetch);
  } else {
    none = make_error (fetch->chain);
    finish (fetch, NULL, none);
  }
}

static void
ask_next (ChainFetch *fetch)
{
  KvsCredentialsProvider *provider
      = g_ptr_array_index (fetch->chain->providers, fetch->next++);

  fetch->current = kvs_credentials_provider_fetch (provider, on_answer, fetch);
}

static KvsCredentialsFetch *
start_fetch (KvsCredentialsProvider *parent, KvsCredentialsFunc func, gpointer user_data)
{
  ChainFetch *fetch = g_new0 (ChainFetch, 1);

  fetch->parent.cancel = cancel;
  fetch->chain = (Chain *) parent;
  fetch->func = func;
  fetch->user_data = user_data;
  ask_next (fetch);
  return &fetch->parent;
}

static void
chain_free (KvsCredentialsProvider *parent)
{
  Chain *chain = (Chain *) parent;

  g_ptr_array_unref (chain->providers);
  g_free (chain);
}

/**
 * kvs_credentials_chain_new:
 *
 * A chain asks its providers in order. One that is not configured passes on to the next; the first
 * one that is decides, also where it fails: other credentials than those that were meant are worse than
 * none.
 *
 * Returns: (transfer full): a provider that needs at least one other before its first fetch
 */
KvsCredentialsProvider *
kvs_credentials_chain_new (void)
{
  Chain *chain = g_new0 (Chain, 1);

  chain->parent
      = (KvsCredentialsProvider) { "credentials chain", start_fetch, chain_free };
  chain->providers
      = g_ptr_array_new_with_free_func ((GDestroyNotify) kvs_credentials_provider_free);
  return &chain->parent;
}

/**
 * kvs_credentials_chain_add:
 * @chain: what kvs_credentials_chain_new() returned
 * @provider: (transfer full) (nullable): asked after those that were added before
 */
void
kvs_credentials_chain_add (KvsCredentialsProvider *chain, KvsCredentialsProvider *provider)
{
  if (provider != NULL)
    g_ptr_array_add (((Chain *) chain)->providers, provider);
}

/**
 * kvs_credentials_chain_add_last_resort:
 * @chain: what kvs_credentials_chain_new() returned
 * @provider: (transfer full): asked after all others
 *
 * For a source of which nothing tells whether it is there: one that has never answered counts as not
 * configured, not as failing.
 */
void
kvs_credentials_chain_add_last_resort (KvsCredentialsProvider *chain,
                                       KvsCredentialsProvider *provider)
{
  kvs_credentials_chain_add (chain, provider);
  ((Chain *) chain)->last_resort = provider;
}
