/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/jobs.h"

#include "http/worker.h"

/* worker: of its own, as what waits for short jobs must not wait for these
 * pending: (element-type Job): jobs that are not over; for the main thread only */
struct _KvsLocalJobs {
  KvsLocalWorker *worker;
  GList *pending;
};

typedef struct {
  KvsLocalJob job;
  KvsLocalServer *server;
  SoupServerMessage *message;
  gulong finished_handler;
  KvsLocalJobWork work;
  gpointer data;
  GDestroyNotify free_data;
  GCancellable *cancellable;
  const gchar *content_type;
  GBytes *body;
  GError *error;
} Job;

static void
free_job (KvsLocalJob *base)
{
  Job *job = (Job *) base;

  job->server->jobs->pending = g_list_remove (job->server->jobs->pending, job);
  g_signal_handler_disconnect (job->message, job->finished_handler);
  job->free_data (job->data);
  g_object_unref (job->cancellable);
  g_clear_pointer (&job->body, g_bytes_unref);
  g_clear_error (&job->error);
  g_object_unref (job->message);
  g_free (job);
}

static void
run (KvsLocalJob *base)
{
  Job *job = (Job *) base;

  if (!g_cancellable_set_error_if_cancelled (job->cancellable, &job->error))
    job->body = job->work (job->data, job->cancellable, &job->content_type, &job->error);
}

static void
answer (KvsLocalJob *base)
{
  Job *job = (Job *) base;
  SoupServerMessage *message = job->message;

  if (g_cancellable_is_cancelled (job->cancellable))
    return;
  if (job->body != NULL)
    kvs_local_server_answer_bytes (message, job->content_type, job->body);
  else
    kvs_local_server_answer_error (job->server, message, job->error);
  soup_server_message_unpause (message);
}

/* The client is gone. */
static void
on_finished (SoupServerMessage *message, gpointer user_data)
{
  Job *job = user_data;

  g_cancellable_cancel (job->cancellable);
}

/**
 * kvs_local_jobs_new:
 *
 * Returns: (transfer full): threads that have nothing to do yet
 */
KvsLocalJobs *
kvs_local_jobs_new (void)
{
  KvsLocalJobs *jobs = g_new0 (KvsLocalJobs, 1);

  jobs->worker = kvs_local_worker_new ();
  return jobs;
}

/**
 * kvs_local_jobs_free:
 * @jobs: (transfer full) (nullable): threads
 *
 * Waits for the jobs that are being done. None is answered any more.
 */
void
kvs_local_jobs_free (KvsLocalJobs *jobs)
{
  if (jobs == NULL)
    return;
  for (GList *l = jobs->pending; l != NULL; l = l->next)
    g_cancellable_cancel (((Job *) l->data)->cancellable);
  kvs_local_worker_free (jobs->worker);
  g_free (jobs);
}

/**
 * kvs_local_jobs_start:
 * @server: the server
 * @message: a request; paused until it is answered
 * @work: makes the answer
 * @data: (transfer full): for @work
 * @free_data: frees @data, in the main thread
 *
 * Has the request answered with what @work makes, or the error that it gives.
 */
void
kvs_local_jobs_start (KvsLocalServer *server, SoupServerMessage *message, KvsLocalJobWork work,
                      gpointer data, GDestroyNotify free_data)
{
  Job *job = g_new0 (Job, 1);

  job->job = (KvsLocalJob) { .work = run, .done = answer, .free = free_job };
  job->server = server;
  job->message = g_object_ref (message);
  job->finished_handler = g_signal_connect (message, "finished", G_CALLBACK (on_finished), job);
  job->work = work;
  job->data = data;
  job->free_data = free_data;
  job->cancellable = g_cancellable_new ();
  server->jobs->pending = g_list_prepend (server->jobs->pending, job);
  soup_server_message_pause (message);
  kvs_local_worker_push (server->jobs->worker, &job->job);
}
