/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way to a data endpoint: DescribeStream, CreateStream, TagStream, GetDataEndpoint. */
#include "aws/control-plane.h"
#include "aws/endpoint.h"
#include "error.h"
#include "upload/endpoint-cache.h"
#include "upload/producer-private.h"

#define MAX_TAG_TRIES 5
#define STATUS_POLL_US (G_USEC_PER_SEC / 2)

static void
on_created (JsonObject *answer, const KvsServiceError *service_error, const GError *error,
            gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->call = NULL;
  producer->must_create = FALSE;
  if (service_error != NULL)
    kvs_producer_mark_contact (producer);
  /* Somebody else was faster: then it is there. */
  if (error != NULL && (service_error == NULL
                        || !kvs_service_error_is (service_error, "ResourceInUse"))) {
    kvs_producer_handle_call_failure (producer, service_error, error);
    return;
  }
  kvs_producer_advance (producer);
}

/* Created anew, it would have another ARN. */
static void
fail_missing_arn (KvsProducer *producer, const KvsServiceError *service_error)
{
  g_autoptr (GError) error
      = g_error_new (KVS_ERROR, KVS_ERROR_NOT_FOUND,
                     "There is no stream %s; correct stream-arn, or set stream-name instead, which "
                     "can create a stream", producer->definition->stream_arn);

  kvs_producer_fail (producer, service_error, error);
}

static void
fail_missing_stream (KvsProducer *producer, const KvsServiceError *service_error)
{
  g_autoptr (GError) error
      = g_error_new (KVS_ERROR, KVS_ERROR_NOT_FOUND,
                     "Stream %s does not exist in region %s, and allow-create-stream is false; "
                     "create it, correct stream-name or aws-region, or set "
                     "allow-create-stream=true",
                     producer->definition->stream_name, producer->client->region);

  kvs_producer_fail (producer, service_error, error);
}

static void
take_stream_info (KvsProducer *producer, const KvsStreamInfo *info)
{
  if (info->status != KVS_STREAM_STATUS_ACTIVE && info->status != KVS_STREAM_STATUS_UPDATING) {
    kvs_producer_wait (producer, STATUS_POLL_US);
    return;
  }
  producer->described = TRUE;
  g_free (producer->stream_arn);
  producer->stream_arn = g_strdup (info->arn);
  if (producer->definition->fragment_acks)
    kvs_fragment_buffer_set_release (producer->buffer,
                                     info->retention_hours > 0 ? KVS_FRAGMENT_RELEASE_PERSISTED
                                                               : KVS_FRAGMENT_RELEASE_RECEIVED);
  kvs_producer_advance (producer);
}

static void
handle_bad_answer (KvsProducer *producer, const gchar *operation)
{
  g_autoptr (GError) error
      = g_error_new (KVS_ERROR, KVS_ERROR_SERVICE,
                     "%s of stream %s was answered with something else than it should", operation,
                     producer->definition->stream_name);

  kvs_producer_handle_call_failure (producer, NULL, error);
}

static void
on_described (JsonObject *answer, const KvsServiceError *service_error, const GError *error,
              gpointer user_data)
{
  KvsProducer *producer = user_data;
  KvsStreamInfo info;

  producer->call = NULL;
  if (error == NULL || service_error != NULL)
    kvs_producer_mark_contact (producer);
  if (error != NULL && error->code == KVS_ERROR_NOT_FOUND) {
    if (producer->definition->stream_arn != NULL) {
      fail_missing_arn (producer, service_error);
      return;
    }
    if (!producer->definition->allow_create) {
      fail_missing_stream (producer, service_error);
      return;
    }
    producer->must_create = TRUE;
    kvs_producer_advance (producer);
  } else if (error != NULL) {
    kvs_producer_handle_call_failure (producer, service_error, error);
  } else if (!kvs_control_plane_read_stream_info (answer, &info)) {
    handle_bad_answer (producer, "DescribeStream");
  } else {
    take_stream_info (producer, &info);
  }
}

/* What passes is waited for, but not for ever where the rest of the service answers. */
static gboolean
may_tag_later (KvsProducer *producer, const KvsServiceError *service_error, const GError *error)
{
  if (service_error != NULL && ++producer->n_tag_tries >= MAX_TAG_TRIES)
    return FALSE;
  return producer->definition->restart_on_error
         && kvs_retry_for_error ((KvsError) error->code,
                                 service_error != NULL ? service_error->type : NULL)
                < KVS_RETRY_DESCRIBE;
}

static void
on_tagged (JsonObject *answer, const KvsServiceError *service_error, const GError *error,
           gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->call = NULL;
  if (error != NULL && may_tag_later (producer, service_error, error)) {
    kvs_producer_handle_call_failure (producer, service_error, error);
    return;
  }
  /* Footage without tags is worth more than no footage. */
  producer->tagged = TRUE;
  if (error != NULL)
    producer->events.warning (error, service_error, producer->user_data);
  kvs_producer_advance (producer);
}

/* ---- the data endpoint ---- */

void
kvs_producer_forget_endpoint (KvsProducer *producer)
{
  if (producer->data_endpoint != NULL && producer->stream_arn != NULL)
    kvs_endpoint_cache_drop (kvs_endpoint_cache_of (producer->loop), producer->client->endpoint,
                             producer->stream_arn, producer->data_endpoint);
  g_clear_pointer (&producer->data_endpoint, g_free);
}

/* A producer goes on with the one it has for as long as that works; only newcomers depend on what the
 * cache still has. Returns: whether it is known without a question. */
static gboolean
find_endpoint (KvsProducer *producer)
{
  const gchar *endpoint = producer->own_data_endpoint;

  if (endpoint == NULL && producer->stream_arn != NULL)
    endpoint = kvs_endpoint_cache_get (kvs_endpoint_cache_of (producer->loop),
                                       producer->client->endpoint, producer->stream_arn,
                                       g_get_monotonic_time ());
  producer->data_endpoint = g_strdup (endpoint);
  return endpoint != NULL;
}

static void
on_endpoint (JsonObject *answer, const KvsServiceError *service_error, const GError *error,
             gpointer user_data)
{
  KvsProducer *producer = user_data;
  const gchar *endpoint;

  producer->call = NULL;
  if (error != NULL) {
    kvs_producer_handle_call_failure (producer, service_error, error);
    return;
  }
  endpoint = kvs_control_plane_read_data_endpoint (answer);
  /* What was not trusted to plain http for one call is not sent over it for another. */
  if (endpoint == NULL
      || !kvs_endpoint_check_url (endpoint, g_str_has_prefix (producer->client->endpoint, "http:"),
                                  &producer->data_endpoint, NULL)) {
    handle_bad_answer (producer, "GetDataEndpoint");
    return;
  }
  if (producer->stream_arn != NULL)
    kvs_endpoint_cache_set (kvs_endpoint_cache_of (producer->loop), producer->client->endpoint,
                            producer->stream_arn, producer->data_endpoint,
                            g_get_monotonic_time ());
  kvs_producer_advance (producer);
}

gboolean
kvs_producer_set_up (KvsProducer *producer)
{
  const KvsStreamDefinition *definition = producer->definition;
  const KvsStreamId stream = { definition->stream_name, definition->stream_arn };
  KvsAwsClient *client = producer->client;

  if (producer->must_create && producer->content_type == NULL)
    return TRUE;
  if (producer->must_create)
    producer->call = kvs_control_plane_create_stream (
        client, definition->stream_name, producer->content_type, definition->retention_hours,
        definition->kms_key_id, on_created, producer);
  else if (!producer->described)
    producer->call = kvs_control_plane_describe_stream (client, &stream, on_described, producer);
  else if (!producer->tagged && definition->tags != NULL && producer->stream_arn != NULL)
    producer->call = kvs_control_plane_tag_stream (client, producer->stream_arn, definition->tags,
                                                   on_tagged, producer);
  else if (producer->data_endpoint == NULL && !find_endpoint (producer))
    producer->call
        = kvs_control_plane_get_data_endpoint (client, &stream, on_endpoint, producer);
  return producer->call != NULL;
}
