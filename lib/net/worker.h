/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsWork: something that blocks, done on another thread for the I/O thread. */
#pragma once

#include "net/loop.h"

G_BEGIN_DECLS

typedef struct _KvsWork KvsWork;

/**
 * KvsWorkFunc:
 * @job: what was given with it
 *
 * Runs on a worker thread; may block.
 */
typedef void (*KvsWorkFunc) (gpointer job);

/**
 * KvsWorkDoneFunc:
 * @job: what was given with it
 * @user_data: what was given with it
 *
 * Runs on the I/O thread; the work is gone.
 */
typedef void (*KvsWorkDoneFunc) (gpointer job, gpointer user_data);

KvsWork *kvs_work_start (KvsLoop *loop, KvsWorkFunc func, gpointer job, GDestroyNotify free_job,
                         KvsWorkDoneFunc done, gpointer user_data);
void kvs_work_cancel (KvsWork *work);

G_END_DECLS
