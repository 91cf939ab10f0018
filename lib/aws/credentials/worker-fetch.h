/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fetch of credentials that blocks, and so is done on a worker. */
#pragma once

#include "aws/credentials/provider.h"
#include "net/worker.h"

G_BEGIN_DECLS

/**
 * KvsWorkerFetchFuncs:
 * @run: gets the credentials, on a worker; %NULL without an error means: not configured
 * @stop: (nullable): makes a @run that is under way return soon; on the I/O thread
 * @free: frees the job
 *
 * What a provider does on a worker.
 */
typedef struct {
  KvsCredentials *(*run) (gpointer job, GError **error);
  void (*stop) (gpointer job);
  void (*free) (gpointer job);
} KvsWorkerFetchFuncs;

KvsCredentialsFetch *kvs_worker_fetch_start (KvsLoop *loop, const KvsWorkerFetchFuncs *funcs,
                                             gpointer job, KvsCredentialsFunc func,
                                             gpointer user_data);

G_END_DECLS
