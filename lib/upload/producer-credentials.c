/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a producer signs with. */
#include "error.h"
#include "upload/producer-private.h"

/* A Session is renewed this long before its credentials end, or a part of their time. */
#define MAX_MARGIN_US (60 * G_USEC_PER_SEC)
#define LEAST_SESSION_US (5 * G_USEC_PER_SEC)

static void
on_credentials (KvsCredentials *credentials, const GError *error, gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->credentials_waiter = NULL;
  if (error != NULL)
    kvs_producer_handle_call_failure (producer, NULL, error);
  else
    kvs_producer_advance (producer);
}

gboolean
kvs_producer_ensure_credentials (KvsProducer *producer)
{
  KvsCredentials *credentials;

  if (producer->credentials_waiter != NULL)
    return FALSE;
  if (producer->credentials == NULL)
    producer->credentials
        = producer->credentials_source.open (producer->loop, producer->credentials_source.user_data);
  credentials = kvs_credentials_cache_peek (producer->credentials);
  if (credentials != NULL) {
    kvs_aws_client_set_credentials (producer->client, credentials);
    g_atomic_int_set (&producer->credentials_expiration_s,
                      (guint) (credentials->expiration_us / G_USEC_PER_SEC));
    return TRUE;
  }
  producer->credentials_waiter
      = kvs_credentials_cache_get (producer->credentials, on_credentials, producer);
  return FALSE;
}

static void
on_replaced (KvsCredentials *credentials, const GError *error, gpointer user_data)
{
  KvsProducer *producer = user_data;
  g_autoptr (KvsServiceError) service_error = g_steal_pointer (&producer->refusal);
  g_autoptr (GError) refusal = g_steal_pointer (&producer->refusal_error);

  producer->credentials_waiter = NULL;
  if (credentials != NULL)
    kvs_producer_advance (producer);
  else if (error != NULL)
    kvs_producer_handle_call_failure (producer, NULL, error);
  else
    kvs_producer_give_up_or_wait (producer, KVS_RETRY_REFRESH_CREDENTIALS, service_error, refusal);
}

gboolean
kvs_producer_replace_credentials (KvsProducer *producer, const KvsServiceError *service_error,
                                  const GError *error)
{
  if (producer->credentials == NULL || producer->client->credentials == NULL)
    return FALSE;
  producer->refusal = kvs_service_error_copy (service_error);
  producer->refusal_error = g_error_copy (error);
  producer->credentials_waiter
      = kvs_credentials_cache_replace (producer->credentials, producer->client->credentials,
                                       on_replaced, producer);
  return TRUE;
}

void
kvs_producer_stop_waiting_for_credentials (KvsProducer *producer)
{
  g_clear_pointer (&producer->credentials_waiter, kvs_credentials_waiter_cancel);
  g_clear_pointer (&producer->refusal, kvs_service_error_free);
  g_clear_error (&producer->refusal_error);
}

void
kvs_producer_close_credentials (KvsProducer *producer)
{
  kvs_producer_stop_waiting_for_credentials (producer);
  g_clear_pointer (&producer->credentials, kvs_credentials_cache_unref);
}

gint64
kvs_producer_get_session_us (KvsProducer *producer, gint64 max_us)
{
  gint64 expiration_us = producer->client->credentials->expiration_us;
  gint64 left_us = expiration_us - g_get_real_time ();

  if (expiration_us == 0)
    return max_us;
  return CLAMP (left_us - MIN (left_us / 4, MAX_MARGIN_US), LEAST_SESSION_US, max_us);
}
