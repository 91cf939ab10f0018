/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/worker.h"

typedef struct {
  KvsLoop *loop;
  GThreadFunc work;
  GThreadFunc done;
  gpointer user_data;
} Task;

static void
on_worked (gpointer user_data)
{
  Task *task = user_data;

  task->done (task->user_data);
  kvs_loop_release (task->loop);
  g_free (task);
}

static void
run_task (gpointer data, gpointer user_data)
{
  Task *task = data;

  task->work (task->user_data);
  kvs_loop_invoke (task->loop, on_worked, task);
}

/**
 * kvs_worker_run:
 * @loop: the loop
 * @work: called on a thread of GLib's shared pool; may block; what it returns is not used
 * @done: called on the I/O thread after that; what it returns is not used
 * @user_data: for both
 *
 * Cannot be cancelled: @user_data must live until @done is called. I/O thread only.
 */
void
kvs_worker_run (KvsLoop *loop, GThreadFunc work, GThreadFunc done, gpointer user_data)
{
  Task *task = g_new (Task, 1);
  GThreadPool *pool = g_thread_pool_new (run_task, NULL, 1, FALSE, NULL);

  task->loop = kvs_loop_ref (loop);
  task->work = work;
  task->done = done;
  task->user_data = user_data;
  g_thread_pool_push (pool, task, NULL);
  /* The pool goes when its one task has run; the thread returns to GLib, for the next one. */
  g_thread_pool_free (pool, FALSE, FALSE);
}
