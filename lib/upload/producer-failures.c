/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a producer does about what fails. */
#include "aws/endpoint.h"
#include "error.h"
#include "upload/producer-private.h"

static void
on_retry_timer (gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->retry_timer = NULL;
  kvs_producer_advance (producer);
}

void
kvs_producer_wait (KvsProducer *producer, gint64 delay_us)
{
  producer->retry_timer = kvs_loop_add_timer (producer->loop, delay_us, on_retry_timer, producer);
}

static gboolean
gives_up (const KvsProducer *producer, KvsRetryAction action)
{
  if (action == KVS_RETRY_FATAL || !producer->definition->restart_on_error)
    return TRUE;
  /* Policies and keys are changed by people who change them back. */
  if (action == KVS_RETRY_REFRESH_CREDENTIALS && !producer->was_let_in)
    return TRUE;
  /* A file is not a camera: who uploads one wants to hear that it does not work at all. */
  return producer->definition->streaming_type == KVS_STREAMING_TYPE_OFFLINE
         && !producer->contacted;
}

static gboolean
is_unknown_region (const KvsProducer *producer, const GError *error)
{
  return error->code == KVS_ERROR_UNKNOWN_HOST && !producer->contacted
         && !kvs_region_is_known (producer->client->region);
}

static void
fail_region (KvsProducer *producer)
{
  g_autoptr (GError) error
      = g_error_new (KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                     "There is no region %s: %s cannot be resolved; correct aws-region or "
                     "AWS_REGION", producer->client->region, producer->client->endpoint);

  kvs_producer_fail (producer, NULL, error);
}

void
kvs_producer_give_up_or_wait (KvsProducer *producer, KvsRetryAction action,
                              const KvsServiceError *service_error, const GError *error)
{
  guint retry_after_s;
  gint64 delay_us;

  if (gives_up (producer, action)) {
    kvs_producer_fail (producer, service_error, error);
    return;
  }
  if (!producer->ack_was_told)
    kvs_producer_warn_sometimes (producer, service_error, error);
  producer->ack_was_told = FALSE;
  retry_after_s = service_error != NULL ? service_error->retry_after_s : 0;
  delay_us = kvs_retry_delay_us (producer->n_failures, g_random_double (), retry_after_s);
  producer->events.reconnecting (error, delay_us, producer->n_failures, producer->user_data);
  kvs_producer_wait (producer, delay_us);
}

void
kvs_producer_handle_failure (KvsProducer *producer, KvsRetryAction action,
                             const KvsServiceError *service_error, const GError *error)
{
  producer->n_failures++;
  if (is_unknown_region (producer, error)) {
    fail_region (producer);
    return;
  }
  if (kvs_producer_leaves_rest_to_spool (producer)) {
    kvs_producer_give_up_delivery (producer, "before the end");
    return;
  }
  if (action == KVS_RETRY_REFRESH_CREDENTIALS && service_error != NULL
      && kvs_producer_replace_credentials (producer, service_error, error))
    return;
  if (action == KVS_RETRY_DESCRIBE)
    producer->described = FALSE;
  if (action == KVS_RETRY_DESCRIBE || action == KVS_RETRY_REFRESH_ENDPOINT)
    kvs_producer_forget_endpoint (producer);
  kvs_producer_give_up_or_wait (producer, action, service_error, error);
}

/* Once the service has let it in, an answer that is not one of the service's own says nothing about
 * what the next one will be: it is a proxy's, say, or of a newer service. */
static gboolean
may_pass (const KvsProducer *producer, const KvsServiceError *service_error)
{
  return producer->was_let_in && service_error != NULL
         && !kvs_service_error_is_known (service_error);
}

void
kvs_producer_handle_call_failure (KvsProducer *producer, const KvsServiceError *service_error,
                                  const GError *error)
{
  KvsRetryAction action = kvs_retry_for_error (
      (KvsError) error->code, service_error != NULL ? service_error->type : NULL);

  if (action == KVS_RETRY_FATAL && may_pass (producer, service_error))
    action = KVS_RETRY_REFRESH_ENDPOINT;
  kvs_producer_handle_failure (producer, action, service_error, error);
}
