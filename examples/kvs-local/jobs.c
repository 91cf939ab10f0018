/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jobs.h"

/* Ingest comes first: no more than this many processors are busy with answers. */
#define MAX_THREADS 2

/* pool: runs jobs
 * pending: (element-type Job): jobs that are not answered yet; for the main thread only */
struct _KvsLocalJobs {
  GThreadPool *pool;
  GList *pending;
};

/* done: attached by the thread when it is done with the job, which is the main thread's again then */
typedef struct {
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
  GSource *done;
} Job;

static void
job_free (Job *job)
{
  g_source_destroy (job->done);
  g_source_unref (job->done);
  g_signal_handler_disconnect (job->message, job->finished_handler);
  job->free_data (job->data);
  g_object_unref (job->cancellable);
  g_clear_pointer (&job->body, g_bytes_unref);
  g_clear_error (&job->error);
  g_object_unref (job->message);
  g_free (job);
}

static void
run (gpointer data, gpointer user_data)
{
  Job *job = data;
  g_autoptr (GSource) done = g_source_ref (job->done);

  if (!g_cancellable_set_error_if_cancelled (job->cancellable, &job->error))
    job->body = job->work (job->data, job->cancellable, &job->content_type, &job->error);
  g_source_attach (done, NULL);
}

static void
answer (Job *job)
{
  SoupServerMessage *message = job->message;

  if (job->body != NULL) {
    soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
    soup_message_headers_set_content_type (soup_server_message_get_response_headers (message),
                                           job->content_type, NULL);
    soup_message_body_append_bytes (soup_server_message_get_response_body (message), job->body);
  } else {
    kvs_local_server_answer_error (job->server, message, job->error);
  }
  soup_server_message_unpause (message);
}

static gboolean
on_done (gpointer user_data)
{
  Job *job = user_data;
  KvsLocalJobs *jobs = job->server->jobs;

  jobs->pending = g_list_remove (jobs->pending, job);
  if (!g_cancellable_is_cancelled (job->cancellable))
    answer (job);
  job_free (job);
  return G_SOURCE_REMOVE;
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

  jobs->pool = g_thread_pool_new (run, NULL, MAX_THREADS, FALSE, NULL);
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
  g_thread_pool_free (jobs->pool, FALSE, TRUE);
  g_list_free_full (jobs->pending, (GDestroyNotify) job_free);
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

  job->server = server;
  job->message = g_object_ref (message);
  job->finished_handler = g_signal_connect (message, "finished", G_CALLBACK (on_finished), job);
  job->work = work;
  job->data = data;
  job->free_data = free_data;
  job->cancellable = g_cancellable_new ();
  job->done = g_idle_source_new ();
  g_source_set_priority (job->done, G_PRIORITY_DEFAULT);
  g_source_set_callback (job->done, on_done, job, NULL);
  server->jobs->pending = g_list_prepend (server->jobs->pending, job);
  soup_server_message_pause (message);
  g_thread_pool_push (server->jobs->pool, job, NULL);
}
