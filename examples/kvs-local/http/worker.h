/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads for what reads and repacks media, so that the main thread goes on taking it in. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _KvsLocalWorker KvsLocalWorker;

/**
 * KvsLocalJob:
 * @work: called in a thread; may touch nothing that the main thread may change meanwhile
 * @done: called in the main thread afterwards; never if the server ends before
 * @free: called in the main thread at last
 *
 * The beginning of the structure that says what is to be done.
 */
typedef struct _KvsLocalJob KvsLocalJob;
struct _KvsLocalJob {
  void (*work) (KvsLocalJob *job);
  void (*done) (KvsLocalJob *job);
  void (*free) (KvsLocalJob *job);
  /*< private >*/
  KvsLocalWorker *worker;
};

KvsLocalWorker *kvs_local_worker_new (void);
void kvs_local_worker_free (KvsLocalWorker *worker);
void kvs_local_worker_push (KvsLocalWorker *worker, KvsLocalJob *job);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalWorker, kvs_local_worker_free)

G_END_DECLS
