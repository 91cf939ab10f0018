/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What to do about an error: one table for ERROR Acks, one for failed requests, and the back-off. */
#pragma once

#include <glib.h>

#include "error.h"

G_BEGIN_DECLS

/**
 * KvsRetryAction:
 * @KVS_RETRY_RENEW: nothing failed: a new Session at once, from the first Fragment that is not persisted
 * @KVS_RETRY_RESEND: a new Session, from the first Fragment that is not persisted
 * @KVS_RETRY_DROP_FRAGMENT: this Fragment will never be taken: drop it alone, then as resend
 * @KVS_RETRY_REFRESH_ENDPOINT: ask for the data endpoint again, then as resend
 * @KVS_RETRY_DESCRIBE: look at the stream again (it may have to be created), then as resend
 * @KVS_RETRY_REFRESH_CREDENTIALS: get other credentials, then as resend; no retry can help where none
 *   have ever been accepted
 * @KVS_RETRY_FATAL: no retry can help
 */
typedef enum {
  KVS_RETRY_RENEW,
  KVS_RETRY_RESEND,
  KVS_RETRY_DROP_FRAGMENT,
  KVS_RETRY_REFRESH_ENDPOINT,
  KVS_RETRY_DESCRIBE,
  KVS_RETRY_REFRESH_CREDENTIALS,
  KVS_RETRY_FATAL,
} KvsRetryAction;

/* A Fragment that was answered with a passing error this often is given up. */
#define KVS_RETRY_MAX_FRAGMENT_TRIES 5

KvsRetryAction kvs_retry_for_ack (guint error_id);
const gchar *kvs_retry_describe_ack (guint error_id);
KvsRetryAction kvs_retry_for_error (KvsError code, const gchar *aws_error_type);
gint64 kvs_retry_delay_us (guint n_failures, gdouble jitter, guint retry_after_s);

G_END_DECLS
