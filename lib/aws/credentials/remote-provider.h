/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the credential sources that are asked over HTTP have in common: a fetch goes step by step,
 * each step a request that is tried a few times, or work that may block. I/O thread only. */
#pragma once

#include "aws/credentials/answer.h"
#include "aws/credentials/provider.h"
#include "aws/service-error.h"
#include "net/http.h"

G_BEGIN_DECLS

/* The largest answer that is taken: a session token of 16 KiB and everything around it */
#define KVS_REMOTE_MAX_ANSWER_BYTES (128 * 1024)

/**
 * KvsRemoteProvider:
 * @base: what others see
 * @loop: where it runs
 * @http: time-outs and CA bundle of its requests
 * @n_tries: how often a request is sent before the fetch fails
 *
 * First member of the struct of each such provider.
 */
typedef struct {
  KvsCredentialsProvider base;
  KvsLoop *loop;
  KvsHttpOptions http;
  guint n_tries;
} KvsRemoteProvider;

typedef struct _KvsRemoteFetch KvsRemoteFetch;
typedef struct _KvsRemoteStep KvsRemoteStep;

/**
 * KvsRemoteAnswerFunc:
 * @fetch: the fetch
 * @head: (nullable): the answer's head; %NULL with @error
 * @body: (nullable): the answer's body; %NULL with @error
 * @error: (nullable): why there is no answer
 *
 * The answer to the last try; what may pass was tried again before.
 */
typedef void (*KvsRemoteAnswerFunc) (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body,
                                     const GError *error);

/**
 * KvsRemotePassesFunc:
 * @status: of an answer
 * @body: its body
 * @size: of @body
 *
 * Returns: whether the same request may get another answer a moment later
 */
typedef gboolean (*KvsRemotePassesFunc) (guint status, const gchar *body, gsize size);

/**
 * KvsRemoteWorkFunc:
 * @input: what was given
 * @error: why there is no result
 *
 * Runs on a worker thread, may block.
 *
 * Returns: (transfer full) (nullable): the result
 */
typedef gpointer (*KvsRemoteWorkFunc) (gpointer input, GError **error);

/**
 * KvsRemoteResultFunc:
 * @fetch: the fetch
 * @result: (transfer none) (nullable): what the work gave
 * @error: (nullable): why it gave nothing
 */
typedef void (*KvsRemoteResultFunc) (KvsRemoteFetch *fetch, gpointer result, const GError *error);

/**
 * KvsRemoteFetch:
 * @base: what others see
 * @provider: whose it is
 * @clear: (nullable): frees what a provider's own fetch holds
 * @func: for its result
 * @user_data: for @func
 * @step: (nullable): what is under way
 *
 * First member of the fetch of each such provider.
 */
struct _KvsRemoteFetch {
  KvsCredentialsFetch base;
  KvsRemoteProvider *provider;
  void (*clear) (KvsRemoteFetch *fetch);
  KvsCredentialsFunc func;
  gpointer user_data;
  KvsRemoteStep *step;
};

void kvs_remote_provider_init (KvsRemoteProvider *provider, const gchar *name, KvsLoop *loop,
                               const KvsHttpOptions *http);
void kvs_remote_provider_clear (KvsRemoteProvider *provider);
GError *kvs_remote_provider_refusal (KvsRemoteProvider *provider, const KvsServiceError *refusal,
                                     const gchar *hint);
GError *kvs_remote_provider_json_refusal (KvsRemoteProvider *provider, const KvsHttpHead *head,
                                          GBytes *body, const gchar *hint);

void kvs_remote_fetch_init (KvsRemoteFetch *fetch, KvsRemoteProvider *provider,
                            void (*clear) (KvsRemoteFetch *fetch), KvsCredentialsFunc func,
                            gpointer user_data);
void kvs_remote_fetch_ask (KvsRemoteFetch *fetch, const KvsHttpRequest *request,
                           KvsRemotePassesFunc passes, KvsRemoteAnswerFunc func);
void kvs_remote_fetch_work (KvsRemoteFetch *fetch, KvsRemoteWorkFunc work, gpointer input,
                            GDestroyNotify input_free, KvsRemoteResultFunc func,
                            GDestroyNotify result_free);
void kvs_remote_fetch_finish (KvsRemoteFetch *fetch, KvsCredentials *credentials,
                              const GError *error);
void kvs_remote_fetch_fail (KvsRemoteFetch *fetch, GError *error);
void kvs_remote_fetch_fail_named (KvsRemoteFetch *fetch, const GError *error);
void kvs_remote_fetch_finish_json (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body,
                                   const GError *error, const KvsAnswerForm *form,
                                   const gchar *hint);
void kvs_remote_fetch_fail_later (KvsRemoteFetch *fetch, GError *error);
KvsAnswerClock kvs_remote_clock (const KvsHttpHead *head);

G_END_DECLS
