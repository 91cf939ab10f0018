/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/remote-provider.h"

#include "aws/credentials/remote-step.h"

#define DEFAULT_TRIES 3
/* Below that, two clocks agree; the Date header counts whole seconds and took its time. */
#define MIN_CLOCK_SKEW_US (60 * G_USEC_PER_SEC)

/**
 * kvs_remote_provider_init:
 * @provider: a provider that is all zeros
 * @name: what messages call it; must outlive it
 * @loop: where it runs
 * @http: copied
 */
void
kvs_remote_provider_init (KvsRemoteProvider *provider, const gchar *name, KvsLoop *loop,
                          const KvsHttpOptions *http)
{
  provider->base.name = name;
  provider->loop = kvs_loop_ref (loop);
  kvs_http_options_copy (&provider->http, http);
  provider->n_tries = DEFAULT_TRIES;
}

/**
 * kvs_remote_provider_clear:
 * @provider: a provider whose fetches have ended
 */
void
kvs_remote_provider_clear (KvsRemoteProvider *provider)
{
  kvs_http_options_clear (&provider->http);
  kvs_loop_release (provider->loop);
}

/**
 * kvs_remote_provider_refusal:
 * @provider: a provider
 * @refusal: what it was answered
 * @hint: what the user can do about it
 *
 * Returns: (transfer full): %KVS_ERROR_SERVICE for what may pass, else %KVS_ERROR_CREDENTIALS
 */
GError *
kvs_remote_provider_refusal (KvsRemoteProvider *provider, const KvsServiceError *refusal,
                             const gchar *hint)
{
  KvsError code = kvs_service_error_classify (refusal);
  gboolean passes = code == KVS_ERROR_SERVICE || code == KVS_ERROR_LIMIT
                    || kvs_service_error_is (refusal, "IDPCommunicationError");
  g_autoptr (GString) text = g_string_new (provider->base.name);

  g_string_append (text, passes ? ": the request failed for now: " : ": the request was refused: ");
  if (refusal->type != NULL)
    g_string_append_printf (text, "%s, ", refusal->type);
  g_string_append_printf (text, "HTTP %u", refusal->http_status);
  if (refusal->message != NULL)
    g_string_append_printf (text, ": %s", refusal->message);
  if (!passes)
    g_string_append_printf (text, "; %s", hint);
  return g_error_new_literal (KVS_ERROR, passes ? KVS_ERROR_SERVICE : KVS_ERROR_CREDENTIALS,
                              text->str);
}

/**
 * kvs_remote_provider_json_refusal:
 * @provider: a provider
 * @head: head of an answer other than 200
 * @body: its body, JSON or not
 * @hint: what the user can do about it
 *
 * Returns: (transfer full): as kvs_remote_provider_refusal()
 */
GError *
kvs_remote_provider_json_refusal (KvsRemoteProvider *provider, const KvsHttpHead *head,
                                  GBytes *body, const gchar *hint)
{
  gsize size;
  const gchar *text = g_bytes_get_data (body, &size);
  const KvsServiceAnswer answer = {
    .http_status = head->status,
    .error_type = head->error_type,
    .request_id = head->request_id,
    .body = text,
    .body_size = size,
  };
  g_autoptr (KvsServiceError) refusal = kvs_service_error_parse (&answer);

  return kvs_remote_provider_refusal (provider, refusal, hint);
}

/**
 * kvs_remote_clock:
 * @head: head of an answer
 *
 * A camera's clock is often wrong until its network is up: expirations are held against the time of
 * who gave them.
 *
 * Returns: the answer's time and how far it is ahead of this machine's
 */
KvsAnswerClock
kvs_remote_clock (const KvsHttpHead *head)
{
  KvsAnswerClock clock = { .now_us = g_get_real_time () };
  gint64 ahead_us = head->date_s * G_USEC_PER_SEC - clock.now_us;

  if (head->date_s == 0 || ABS (ahead_us) < MIN_CLOCK_SKEW_US)
    return clock;
  clock.ahead_us = ahead_us;
  clock.now_us += ahead_us;
  return clock;
}

/* ---- fetches ---- */

static void
fetch_free (KvsRemoteFetch *fetch)
{
  if (fetch->step != NULL)
    kvs_remote_step_cancel (fetch->step);
  if (fetch->clear != NULL)
    fetch->clear (fetch);
  g_free (fetch);
}

static void
cancel_fetch (KvsCredentialsFetch *fetch)
{
  fetch_free ((KvsRemoteFetch *) fetch);
}

/**
 * kvs_remote_fetch_init:
 * @fetch: a fetch that is all zeros, from g_new0()
 * @provider: whose it is
 * @clear: (nullable): frees what comes after @fetch in its struct
 * @func: for the result
 * @user_data: for @func
 */
void
kvs_remote_fetch_init (KvsRemoteFetch *fetch, KvsRemoteProvider *provider,
                       void (*clear) (KvsRemoteFetch *fetch), KvsCredentialsFunc func,
                       gpointer user_data)
{
  fetch->base.cancel = cancel_fetch;
  fetch->provider = provider;
  fetch->clear = clear;
  fetch->func = func;
  fetch->user_data = user_data;
}

/**
 * kvs_remote_fetch_ask:
 * @fetch: a fetch with nothing under way
 * @request: what to ask; copied
 * @passes: (nullable): which answers are worth another try; %NULL for HTTP 5xx and 429
 * @func: called once, not before this function has returned
 */
void
kvs_remote_fetch_ask (KvsRemoteFetch *fetch, const KvsHttpRequest *request,
                      KvsRemotePassesFunc passes, KvsRemoteAnswerFunc func)
{
  g_assert (fetch->step == NULL);
  fetch->step = kvs_remote_step_new_request (fetch, request, passes, func);
}

/**
 * kvs_remote_fetch_work:
 * @fetch: a fetch with nothing under way
 * @work: what may block
 * @input: (transfer full): for @work alone; may outlive @fetch
 * @input_free: for @input
 * @func: called once, not before this function has returned
 * @result_free: for what @work returns
 */
void
kvs_remote_fetch_work (KvsRemoteFetch *fetch, KvsRemoteWorkFunc work, gpointer input,
                       GDestroyNotify input_free, KvsRemoteResultFunc func,
                       GDestroyNotify result_free)
{
  g_assert (fetch->step == NULL);
  fetch->step = kvs_remote_step_new_work (fetch, work, input, input_free, func, result_free);
}

/**
 * kvs_remote_fetch_finish:
 * @fetch: (transfer full): a fetch
 * @credentials: (nullable): its result
 * @error: (nullable): why there is none
 *
 * Not before the function that began the fetch has returned.
 */
void
kvs_remote_fetch_finish (KvsRemoteFetch *fetch, KvsCredentials *credentials, const GError *error)
{
  KvsCredentialsFunc func = fetch->func;
  gpointer user_data = fetch->user_data;

  fetch_free (fetch);
  func (credentials, error, user_data);
}

/**
 * kvs_remote_fetch_fail:
 * @fetch: (transfer full): a fetch
 * @error: (transfer full): why
 */
void
kvs_remote_fetch_fail (KvsRemoteFetch *fetch, GError *error)
{
  kvs_remote_fetch_finish (fetch, NULL, error);
  g_error_free (error);
}

/**
 * kvs_remote_fetch_fail_named:
 * @fetch: (transfer full): a fetch
 * @error: why; the provider's name goes before its message
 */
void
kvs_remote_fetch_fail_named (KvsRemoteFetch *fetch, const GError *error)
{
  kvs_remote_fetch_fail (fetch, g_error_new (KVS_ERROR, error->code, "%s: %s",
                                             fetch->provider->base.name, error->message));
}

/**
 * kvs_remote_fetch_finish_json:
 * @fetch: (transfer full): a fetch
 * @head: (nullable): the answer's head; %NULL with @error
 * @body: (nullable): the answer's body; %NULL with @error
 * @error: (nullable): why there is no answer
 * @form: where an answer with status 200 has the credentials
 * @hint: what the user can do about a refusal
 *
 * For a source whose last answer is JSON with nothing else in it.
 */
void
kvs_remote_fetch_finish_json (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body,
                              const GError *error, const KvsAnswerForm *form, const gchar *hint)
{
  KvsAnswerClock clock;
  g_autoptr (KvsCredentials) credentials = NULL;
  g_autoptr (GError) wrong = NULL;
  const gchar *text;
  gsize size;

  if (error != NULL) {
    kvs_remote_fetch_finish (fetch, NULL, error);
    return;
  }
  if (head->status != 200) {
    kvs_remote_fetch_fail (fetch,
                           kvs_remote_provider_json_refusal (fetch->provider, head, body, hint));
    return;
  }
  clock = kvs_remote_clock (head);
  text = g_bytes_get_data (body, &size);
  credentials = kvs_answer_parse_json (text, size, form, &clock, &wrong);
  g_prefix_error (&wrong, "%s: ", fetch->provider->base.name);
  kvs_remote_fetch_finish (fetch, credentials, wrong);
}

/**
 * kvs_remote_fetch_fail_later:
 * @fetch: a fetch with nothing under way
 * @error: (transfer full): why
 *
 * For the function that begins a fetch.
 */
void
kvs_remote_fetch_fail_later (KvsRemoteFetch *fetch, GError *error)
{
  g_assert (fetch->step == NULL);
  fetch->step = kvs_remote_step_new_failure (fetch, error);
}
