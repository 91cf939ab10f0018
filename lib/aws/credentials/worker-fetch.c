/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/worker-fetch.h"

/* The worker's side, and what it came to */
typedef struct {
  const KvsWorkerFetchFuncs *funcs;
  gpointer job;
  KvsCredentials *credentials;
  GError *error;
} Task;

typedef struct {
  KvsCredentialsFetch base;
  KvsWork *work;
  Task *task; /* the work's */
  KvsCredentialsFunc func;
  gpointer user_data;
} Fetch;

static void
run_task (gpointer data)
{
  Task *task = data;

  task->credentials = task->funcs->run (task->job, &task->error);
}

static void
task_free (gpointer data)
{
  Task *task = data;

  task->funcs->free (task->job);
  kvs_credentials_unref (task->credentials);
  g_clear_error (&task->error);
  g_free (task);
}

static void
on_done (gpointer data, gpointer user_data)
{
  Task *task = data;
  Fetch *fetch = user_data;
  KvsCredentialsFunc func = fetch->func;
  gpointer func_data = fetch->user_data;

  g_free (fetch);
  func (task->credentials, task->error, func_data);
}

static void
cancel (KvsCredentialsFetch *base)
{
  Fetch *fetch = (Fetch *) base;

  kvs_work_cancel (fetch->work);
  if (fetch->task->funcs->stop != NULL)
    fetch->task->funcs->stop (fetch->task->job);
  g_free (fetch);
}

/**
 * kvs_worker_fetch_start:
 * @loop: the loop
 * @funcs: what to do; must stay valid
 * @job: (transfer full): for @funcs
 * @func: called once, after this function has returned
 * @user_data: for @func
 *
 * I/O thread only.
 *
 * Returns: (transfer full): the fetch
 */
KvsCredentialsFetch *
kvs_worker_fetch_start (KvsLoop *loop, const KvsWorkerFetchFuncs *funcs, gpointer job,
                        KvsCredentialsFunc func, gpointer user_data)
{
  Task *task = g_new0 (Task, 1);
  Fetch *fetch = g_new0 (Fetch, 1);

  task->funcs = funcs;
  task->job = job;
  fetch->base.cancel = cancel;
  fetch->task = task;
  fetch->func = func;
  fetch->user_data = user_data;
  fetch->work = kvs_work_start (loop, run_task, task, task_free, on_done, fetch);
  return &fetch->base;
}
