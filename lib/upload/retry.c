/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upload/retry.h"

/* Exponential with full jitter: a random time up to a bound that doubles from half a second. */
#define FIRST_BOUND_US (G_USEC_PER_SEC / 2)
#define LAST_BOUND_US (30 * G_USEC_PER_SEC)
/* Even the luckiest jitter leaves the service this long. */
#define LEAST_US (G_USEC_PER_SEC / 20)

typedef struct {
  guint error_id;
  KvsRetryAction action;
  const gchar *meaning;
} AckRow;

/* kvs-api.md section 7 */
static const AckRow ack_rows[] = {
  { 4000, KVS_RETRY_RESEND, "the service could not read the data" },
  { 4001, KVS_RETRY_DROP_FRAGMENT, "the fragment is larger than 50 MB" },
  { 4002, KVS_RETRY_DROP_FRAGMENT, "the fragment is longer than the service takes" },
  { 4003, KVS_RETRY_RENEW, "the connection is older than the service allows" },
  { 4004, KVS_RETRY_DROP_FRAGMENT, "the fragment's time is not after that of the one before it" },
  { 4005, KVS_RETRY_FATAL, "the stream has more tracks than the service takes" },
  { 4006, KVS_RETRY_DROP_FRAGMENT, "the service could not parse the media" },
  { 4007, KVS_RETRY_DROP_FRAGMENT, "the service refuses the producer timestamp" },
  { 4008, KVS_RETRY_DESCRIBE, "the stream is not active" },
  { 4009, KVS_RETRY_DROP_FRAGMENT, "the fragment has too much metadata" },
  { 4010, KVS_RETRY_DROP_FRAGMENT, "a frame has a track number that was not declared" },
  { 4011, KVS_RETRY_DROP_FRAGMENT, "a track has no frame in the fragment" },
  { 4012, KVS_RETRY_DROP_FRAGMENT, "the service refuses the fragment's metadata or tracks" },
  { 4500, KVS_RETRY_FATAL, "access to the stream's KMS key is denied" },
  { 4501, KVS_RETRY_FATAL, "the stream's KMS key is disabled" },
  { 4502, KVS_RETRY_FATAL, "the stream's KMS key failed validation" },
  { 4503, KVS_RETRY_RESEND, "the stream's KMS key is unavailable for now" },
  { 4504, KVS_RETRY_FATAL, "the stream's KMS key is not meant for this use" },
  { 4505, KVS_RETRY_FATAL, "the stream's KMS key is in an invalid state" },
  { 4506, KVS_RETRY_FATAL, "the stream's KMS key does not exist" },
  { 4507, KVS_RETRY_DESCRIBE, "the stream was deleted" },
  { 5000, KVS_RETRY_RESEND, "the service had an internal error" },
  { 5001, KVS_RETRY_RESEND, "the service could not store the fragment" },
};

static const AckRow *
find_row (guint error_id)
{
  for (guint i = 0; i < G_N_ELEMENTS (ack_rows); i++) {
    if (ack_rows[i].error_id == error_id)
      return &ack_rows[i];
  }
  return NULL;
}

/**
 * kvs_retry_for_ack:
 * @error_id: of an ERROR Ack
 *
 * Returns: what to do; an unknown id is taken for one that passes
 */
KvsRetryAction
kvs_retry_for_ack (guint error_id)
{
  const AckRow *row = find_row (error_id);

  return row != NULL ? row->action : KVS_RETRY_RESEND;
}

/**
 * kvs_retry_describe_ack:
 * @error_id: of an ERROR Ack
 *
 * Returns: what it means, to follow a colon
 */
const gchar *
kvs_retry_describe_ack (guint error_id)
{
  const AckRow *row = find_row (error_id);

  return row != NULL ? row->meaning : "an error this version does not know";
}

/**
 * kvs_retry_for_error:
 * @code: what failed
 * @aws_error_type: (nullable): as kvs_service_error_parse() gives it
 *
 * Returns: what to do about a request that failed, where retrying is wanted at all
 */
KvsRetryAction
kvs_retry_for_error (KvsError code, const gchar *aws_error_type)
{
  if (g_strcmp0 (aws_error_type, "InvalidEndpointException") == 0)
    return KVS_RETRY_REFRESH_ENDPOINT;
  /* "not ACTIVE", as a stream is that was just made or is being changed */
  if (g_strcmp0 (aws_error_type, "ResourceInUseException") == 0)
    return KVS_RETRY_DESCRIBE;
  switch (code) {
    case KVS_ERROR_BAD_ARGUMENT:
    case KVS_ERROR_BAD_MEDIA:
      return KVS_RETRY_FATAL;
    case KVS_ERROR_CREDENTIALS:
    case KVS_ERROR_ACCESS_DENIED:
      return KVS_RETRY_REFRESH_CREDENTIALS;
    case KVS_ERROR_NOT_FOUND:
      return KVS_RETRY_DESCRIBE;
    case KVS_ERROR_NETWORK:
    case KVS_ERROR_UNKNOWN_HOST:
    case KVS_ERROR_TLS:
    case KVS_ERROR_TIMEOUT:
      return KVS_RETRY_REFRESH_ENDPOINT;
    default:
      return KVS_RETRY_RESEND;
  }
}

/**
 * kvs_retry_delay_us:
 * @n_failures: failures in a row, at least 1
 * @jitter: at random from 0 up to, but without, 1
 * @retry_after_s: what the service asked for; 0 if nothing
 *
 * Returns: how long to wait before the next try, in microseconds
 */
gint64
kvs_retry_delay_us (guint n_failures, gdouble jitter, guint retry_after_s)
{
  gint64 bound_us = MIN (FIRST_BOUND_US << MIN (n_failures - 1, 6), LAST_BOUND_US);
  gint64 delay_us = (gint64) (jitter * (gdouble) bound_us);

  return MAX (MAX (delay_us, LEAST_US), retry_after_s * G_USEC_PER_SEC);
}
