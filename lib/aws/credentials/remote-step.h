/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsRemoteStep: what a fetch of credentials waits for: a request and its repetitions, work on
 * another thread, or the next turn of the loop. Inside of remote-provider.c. */
#pragma once

#include "aws/credentials/remote-provider.h"

G_BEGIN_DECLS

KvsRemoteStep *kvs_remote_step_new_request (KvsRemoteFetch *fetch, const KvsHttpRequest *request,
                                            KvsRemotePassesFunc passes, KvsRemoteAnswerFunc func);
KvsRemoteStep *kvs_remote_step_new_work (KvsRemoteFetch *fetch, KvsRemoteWorkFunc work,
                                         gpointer input, GDestroyNotify input_free,
                                         KvsRemoteResultFunc func, GDestroyNotify result_free);
KvsRemoteStep *kvs_remote_step_new_failure (KvsRemoteFetch *fetch, GError *error);
void kvs_remote_step_cancel (KvsRemoteStep *step);

G_END_DECLS
