/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/worker.h"

#define N_THREADS 2

/* jobs: (element-type KvsLocalJob): those that are not over; for the main thread alone */
struct _KvsLocalWorker {
  GThreadPool *pool;
  GQueue jobs;
};

static gboolean
on_done (gpointer user_data)
{
  KvsLocalJob *job = user_data;

  g_queue_remove (&job->worker->jobs, job);
  job->done (job);
  job->free (job);
  return G_SOURCE_REMOVE;
}

static void
run (gpointer data, gpointer user_data)
{
  KvsLocalJob *job = data;

  job->work (job);
  g_idle_add_full (G_PRIORITY_DEFAULT, on_done, job, NULL);
}

/**
 * kvs_local_worker_new:
 *
 * Returns: (transfer full): threads that wait for work
 */
KvsLocalWorker *
kvs_local_worker_new (void)
{
  KvsLocalWorker *worker = g_new0 (KvsLocalWorker, 1);

  worker->pool = g_thread_pool_new (run, worker, N_THREADS, FALSE, NULL);
  return worker;
}

/**
 * kvs_local_worker_free:
 * @worker: (transfer full) (nullable): a worker
 *
 * Waits for what has begun. Nobody is told about it any more.
 */
void
kvs_local_worker_free (KvsLocalWorker *worker)
{
  KvsLocalJob *job;

  if (worker == NULL)
    return;
  g_thread_pool_free (worker->pool, TRUE, TRUE);
  while ((job = g_queue_pop_head (&worker->jobs)) != NULL) {
    g_source_remove_by_user_data (job);
    job->free (job);
  }
  g_free (worker);
}

/**
 * kvs_local_worker_push:
 * @worker: a worker
 * @job: (transfer full): to be done after those that were pushed before
 */
void
kvs_local_worker_push (KvsLocalWorker *worker, KvsLocalJob *job)
{
  job->worker = worker;
  g_queue_push_tail (&worker->jobs, job);
  g_thread_pool_push (worker->pool, job, NULL);
}
