/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/worker.h"

/* Until a thread is asked for again where the system had none */
#define RETRY_US (G_USEC_PER_SEC / 10)

struct _KvsWork {
  /* constant */
  KvsLoop *loop;
  KvsWorkFunc func;
  gpointer job;
  GDestroyNotify free_job;
  KvsWorkDoneFunc done;
  gpointer user_data;

  /* the I/O thread alone */
  gboolean cancelled;
};

static void
finish (gpointer user_data)
{
  KvsWork *work = user_data;

  if (!work->cancelled)
    work->done (work->job, work->user_data);
  work->free_job (work->job);
  g_free (work);
}

static gpointer
run (gpointer data)
{
  KvsWork *work = data;
  KvsLoop *loop = work->loop;

  work->func (work->job);
  kvs_loop_invoke (loop, finish, work);
  /* Not before: the work may be gone already, but the loop must see the call to its end. */
  kvs_loop_release (loop);
  return NULL;
}

/* A thread of its own, so that one that hangs holds up no other. */
static void
start_thread (gpointer user_data)
{
  KvsWork *work = user_data;
  GThread *thread;

  if (work->cancelled) {
    kvs_loop_release (work->loop);
    finish (work);
    return;
  }
  thread = g_thread_try_new ("kvs-work", run, work, NULL);
  if (thread != NULL)
    g_thread_unref (thread);
  else
    kvs_loop_add_timer (work->loop, RETRY_US, start_thread, work);
}

/**
 * kvs_work_start:
 * @loop: the loop
 * @func: what to do, on a thread that lives as long as it takes
 * @job: (transfer full): for @func: that thread's alone until @func has returned, but for what has
 *   a lock of its own
 * @free_job: frees @job, on the I/O thread
 * @done: called once, after this function has returned
 * @user_data: for @done
 *
 * I/O thread only. Keeps the loop running until the work is done.
 *
 * Returns: (transfer none): the work, for kvs_work_cancel() until @done is called
 */
KvsWork *
kvs_work_start (KvsLoop *loop, KvsWorkFunc func, gpointer job, GDestroyNotify free_job,
                KvsWorkDoneFunc done, gpointer user_data)
{
  KvsWork *work = g_new0 (KvsWork, 1);

  g_assert (kvs_loop_is_current (loop));
  work->loop = kvs_loop_ref (loop);
  work->func = func;
  work->job = job;
  work->free_job = free_job;
  work->done = done;
  work->user_data = user_data;
  start_thread (work);
  return work;
}

/**
 * kvs_work_cancel:
 * @work: (transfer none): work whose function for the end was not called yet
 *
 * That function will not be called. The work itself goes on to its end. I/O thread only.
 */
void
kvs_work_cancel (KvsWork *work)
{
  g_assert (kvs_loop_is_current (work->loop));
  work->cancelled = TRUE;
}
