/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers that take long are made in threads of their own, so that ingest is not held up. */
#pragma once

#include "server.h"

G_BEGIN_DECLS

typedef struct _KvsLocalJobs KvsLocalJobs;

/**
 * KvsLocalJobWork:
 * @data: of the job; nobody else touches it meanwhile
 * @cancellable: cancelled when nobody wants the answer any more
 * @content_type: (out) (transfer none): of the answer
 * @error: where to put an error
 *
 * Runs in a thread.
 *
 * Returns: (transfer full) (nullable): the answer's body
 */
typedef GBytes *(*KvsLocalJobWork) (gpointer data, GCancellable *cancellable,
                                    const gchar **content_type, GError **error);

KvsLocalJobs *kvs_local_jobs_new (void);
void kvs_local_jobs_free (KvsLocalJobs *jobs);
void kvs_local_jobs_start (KvsLocalServer *server, SoupServerMessage *message,
                           KvsLocalJobWork work, gpointer data, GDestroyNotify free_data);

G_END_DECLS
