/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/remote-step.h"

#include <string.h>

#include "aws/credentials/secret.h"
#include "net/worker.h"

/* Doubles with each try. */
#define FIRST_RETRY_DELAY_US (100 * G_TIME_SPAN_MILLISECOND)

typedef struct {
  KvsRemoteStep *step; /* the I/O thread alone; %NULL once the fetch was cancelled */
  KvsRemoteWorkFunc work;
  gpointer input;
  GDestroyNotify input_free;
  gpointer result;
  GDestroyNotify result_free;
  GError *error;
} Job;

struct _KvsRemoteStep {
  KvsRemoteFetch *fetch;
  KvsLoopTimer *timer;

  /* a request */
  KvsHttpRequest request;
  KvsRemotePassesFunc passes;
  KvsRemoteAnswerFunc answer_func;
  KvsHttpCall *call;
  guint n_tried;

  /* work */
  Job *job;
  KvsRemoteResultFunc result_func;

  /* a failure */
  GError *error;
};

static KvsRemoteStep *
step_new (KvsRemoteFetch *fetch)
{
  KvsRemoteStep *step = g_new0 (KvsRemoteStep, 1);

  step->fetch = fetch;
  return step;
}

static void
wipe_strv (gchar **strings)
{
  for (guint i = 0; strings != NULL && strings[i] != NULL; i++)
    kvs_secret_free (strings[i]);
  g_free (strings);
}

static void
step_free (KvsRemoteStep *step)
{
  KvsHttpRequest *request = &step->request;

  kvs_loop_cancel_timer (step->fetch->provider->loop, &step->timer);
  wipe_strv ((gchar **) request->headers);
  g_free ((gchar *) request->method);
  kvs_secret_free ((gchar *) request->url);
  kvs_secret_free ((gchar *) request->body);
  kvs_secret_free ((gchar *) request->client_key_pem);
  g_free ((gchar *) request->client_certificate_pem);
  g_free ((gchar *) request->ca_path);
  g_free ((gchar *) request->sni_host);
  g_clear_error (&step->error);
  g_free (step);
}

/* ---- a request ---- */

static gboolean
is_passing_status (guint status, const gchar *body, gsize size)
{
  return status >= 500 || status == 429;
}

static gboolean
is_passing_error (const GError *error)
{
  return error->code == KVS_ERROR_NETWORK || error->code == KVS_ERROR_TIMEOUT
         || error->code == KVS_ERROR_UNKNOWN_HOST;
}

static void send_request (KvsRemoteStep *step);

static void
on_retry_time (gpointer user_data)
{
  KvsRemoteStep *step = user_data;

  step->timer = NULL;
  send_request (step);
}

static gboolean
may_pass (KvsRemoteStep *step, const KvsHttpHead *head, GBytes *body, const GError *error)
{
  gsize size;
  const gchar *text;

  if (error != NULL)
    return is_passing_error (error);
  text = g_bytes_get_data (body, &size);
  return head->status >= 300 && step->passes (head->status, text, size);
}

static GError *
name_source (KvsRemoteFetch *fetch, const GError *error)
{
  GError *named = g_error_copy (error);

  /* libkvs's own words for an answer that cannot be one */
  if (named->code == KVS_ERROR_PROTOCOL)
    named->code = KVS_ERROR_CREDENTIALS;
  g_prefix_error (&named, "%s: ", fetch->provider->base.name);
  return named;
}

static void
on_answer (const KvsHttpHead *head, GBytes *body, const GError *error, gpointer user_data)
{
  KvsRemoteStep *step = user_data;
  KvsRemoteFetch *fetch = step->fetch;
  KvsRemoteAnswerFunc func = step->answer_func;
  g_autoptr (GError) named = NULL;

  step->call = NULL;
  if (step->n_tried < fetch->provider->n_tries && may_pass (step, head, body, error)) {
    step->timer = kvs_loop_add_timer (fetch->provider->loop,
                                      FIRST_RETRY_DELAY_US << (step->n_tried - 1), on_retry_time,
                                      step);
    return;
  }
  fetch->step = NULL;
  step_free (step);
  if (error != NULL)
    named = name_source (fetch, error);
  func (fetch, head, body, named);
}

static void
send_request (KvsRemoteStep *step)
{
  KvsRemoteProvider *provider = step->fetch->provider;

  step->n_tried++;
  step->call = kvs_http_request (provider->loop, &provider->http, &step->request, on_answer, step);
}

/**
 * kvs_remote_step_new_request:
 * @fetch: see kvs_remote_fetch_ask()
 * @request: see kvs_remote_fetch_ask()
 * @passes: (nullable): see kvs_remote_fetch_ask()
 * @func: see kvs_remote_fetch_ask()
 *
 * Returns: (transfer full): the step
 */
KvsRemoteStep *
kvs_remote_step_new_request (KvsRemoteFetch *fetch, const KvsHttpRequest *request,
                             KvsRemotePassesFunc passes, KvsRemoteAnswerFunc func)
{
  KvsRemoteStep *step = step_new (fetch);

  step->request = *request;
  step->request.method = g_strdup (request->method);
  step->request.url = g_strdup (request->url);
  step->request.headers
      = (const gchar *const *) g_strdupv ((gchar **) (gpointer) request->headers);
  step->request.body = g_strdup (request->body);
  step->request.client_certificate_pem = g_strdup (request->client_certificate_pem);
  step->request.client_key_pem = g_strdup (request->client_key_pem);
  step->request.ca_path = g_strdup (request->ca_path);
  step->request.sni_host = g_strdup (request->sni_host);
  step->request.max_answer_bytes = KVS_REMOTE_MAX_ANSWER_BYTES;
  step->passes = passes != NULL ? passes : is_passing_status;
  step->answer_func = func;
  send_request (step);
  return step;
}

/* ---- work ---- */

static void
run_job (gpointer data)
{
  Job *job = data;

  job->result = job->work (job->input, &job->error);
}

static void
job_free (gpointer data)
{
  Job *job = data;

  job->input_free (job->input);
  if (job->result != NULL)
    job->result_free (job->result);
  g_clear_error (&job->error);
  g_free (job);
}

static void
on_job_done (gpointer data, gpointer user_data)
{
  Job *job = data;
  KvsRemoteStep *step = job->step;

  if (step != NULL) {
    KvsRemoteFetch *fetch = step->fetch;
    KvsRemoteResultFunc func = step->result_func;

    fetch->step = NULL;
    step_free (step);
    func (fetch, job->result, job->error);
  }
}

/**
 * kvs_remote_step_new_work:
 * @fetch: see kvs_remote_fetch_work()
 * @work: see kvs_remote_fetch_work()
 * @input: (transfer full): see kvs_remote_fetch_work()
 * @input_free: see kvs_remote_fetch_work()
 * @func: see kvs_remote_fetch_work()
 * @result_free: see kvs_remote_fetch_work()
 *
 * Returns: (transfer full): the step
 */
KvsRemoteStep *
kvs_remote_step_new_work (KvsRemoteFetch *fetch, KvsRemoteWorkFunc work, gpointer input,
                          GDestroyNotify input_free, KvsRemoteResultFunc func,
                          GDestroyNotify result_free)
{
  KvsRemoteStep *step = step_new (fetch);
  Job *job = g_new0 (Job, 1);

  job->step = step;
  job->work = work;
  job->input = input;
  job->input_free = input_free;
  job->result_free = result_free;
  step->job = job;
  step->result_func = func;
  kvs_work_start (fetch->provider->loop, run_job, job, job_free, on_job_done, NULL);
  return step;
}

/* ---- a failure ---- */

static void
on_failure_time (gpointer user_data)
{
  KvsRemoteStep *step = user_data;
  KvsRemoteFetch *fetch = step->fetch;
  GError *error = g_steal_pointer (&step->error);

  step->timer = NULL;
  fetch->step = NULL;
  step_free (step);
  kvs_remote_fetch_fail (fetch, error);
}

/**
 * kvs_remote_step_new_failure:
 * @fetch: see kvs_remote_fetch_fail_later()
 * @error: (transfer full): see kvs_remote_fetch_fail_later()
 *
 * Returns: (transfer full): the step
 */
KvsRemoteStep *
kvs_remote_step_new_failure (KvsRemoteFetch *fetch, GError *error)
{
  KvsRemoteStep *step = step_new (fetch);

  step->error = error;
  step->timer = kvs_loop_add_timer (fetch->provider->loop, 0, on_failure_time, step);
  return step;
}

/**
 * kvs_remote_step_cancel:
 * @step: (transfer full): a step whose function was not called yet
 */
void
kvs_remote_step_cancel (KvsRemoteStep *step)
{
  if (step->call != NULL)
    kvs_http_call_cancel (step->call);
  if (step->job != NULL)
    step->job->step = NULL;
  step_free (step);
}
