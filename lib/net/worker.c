/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/worker.h"

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
  kvs_loop_release (work->loop);
  g_free (work);
}

static void
run (gpointer data, gpointer user_data)
{
  KvsWork *work = data;

  work->func (work->job);
  kvs_loop_invoke (work->loop, finish, work);
}

/**
 * kvs_work_start:
 * @loop: the loop
 * @func: what to do, on a thread that GLib lends for it
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
  GThreadPool *pool;

  g_assert (kvs_loop_is_current (loop));
  work->loop = kvs_loop_ref (loop);
  work->func = func;
  work->job = job;
  work->free_job = free_job;
  work->done = done;
  work->user_data = user_data;
  /* A pool for this alone, so that one that hangs holds up no other; it lends and gives back. */
  pool = g_thread_pool_new (run, NULL, 1, FALSE, NULL);
  g_thread_pool_push (pool, work, NULL);
  g_thread_pool_free (pool, FALSE, FALSE);
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
