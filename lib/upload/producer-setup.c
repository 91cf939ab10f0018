/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way to a data endpoint: DescribeStream, CreateStream, TagStream, GetDataEndpoint. */
#include "aws/control-plane.h"
#include "aws/endpoint.h"
#include "error.h"
#include "upload/endpoint-cache.h"
#include "upload/producer-private.h"
#include "upload/stream-differences.h"

#define MAX_TAG_TRIES 5
#define STATUS_POLL_US (G_USEC_PER_SEC / 2)

/* Tags may be what the service does not take, or what the caller may not set: a stream without is
 * better than none. */
static gboolean
may_create_without_tags (KvsProducer *producer, const GError *error)
{
  if (producer->definition->tags == NULL || producer->creates_without_tags
      || (error->code != KVS_ERROR_ACCESS_DENIED && error->code != KVS_ERROR_BAD_ARGUMENT))
    return FALSE;
  producer->creates_without_tags = TRUE;
  return TRUE;
}

static void
on_created (JsonObject *answer, const KvsServiceError *service_error, const GError *error,
            gpointer user_data)
{
  KvsProducer *producer = user_data;

  producer->call = NULL;
  if (service_error != NULL)
    kvs_producer_mark_contact (producer);
  if (error != NULL && may_create_without_tags (producer, error)) {
    kvs_producer_advance (producer);
    return;
  }
  producer->must_create = FALSE;
  if (error == NULL) {
    producer->tagged = !producer->creates_without_tags;
    kvs_producer_advance (producer);
  } else if (service_error != NULL && kvs_service_error_is (service_error, "ResourceInUse")) {
    /* Somebody else was faster: then it is there, or DescribeStream will know of it soon. */
    kvs_producer_wait (producer, STATUS_POLL_US);
  } else {
    kvs_producer_handle_call_failure (producer, service_error, error);
  }
}

static KvsAwsCall *
create_stream (KvsProducer *producer)
{
  const KvsStreamDefinition *definition = producer->definition;
  const KvsNewStream stream = {
    .name = definition->stream_name,
    .media_type = producer->content_type,
    .retention_hours = definition->retention_hours,
    .kms_key_id = definition->kms_key_id,
    .storage_tier = definition->storage_tier,
    .tags = producer->creates_without_tags ? NULL : definition->tags,
  };

  return kvs_control_plane_create_stream (producer->client, &stream, on_created, producer);
}

/* ---- the stream that is there ---- */

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
keep_what_was_found (KvsProducer *producer, const KvsStreamInfo *info)
{
  producer->found_retention_hours = info->retention_hours;
  g_free (producer->found_kms_key_id);
  producer->found_kms_key_id = g_strdup (info->kms_key_id);
  g_free (producer->found_media_type);
  producer->found_media_type = g_strdup (info->media_type);
}

/* Once, when the media type is known too: so that all is said in one warning. */
void
kvs_producer_tell_differences (KvsProducer *producer)
{
  const KvsStreamInfo info = {
    .retention_hours = producer->found_retention_hours,
    .kms_key_id = producer->found_kms_key_id,
    .media_type = producer->found_media_type,
  };
  g_autofree gchar *differences = NULL;
  g_autoptr (GError) error = NULL;

  if (producer->compared || !producer->described || producer->content_type == NULL)
    return;
  producer->compared = TRUE;
  differences = kvs_stream_differences (producer->definition, producer->content_type, &info);
  if (differences == NULL)
    return;
  error = g_error_new (KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                       "Stream %s exists with other settings, and stays as it is: %s",
                       producer->definition->stream_name, differences);
  producer->events.warning (error, NULL, producer->user_data);
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
  keep_what_was_found (producer, info);
  if (producer->definition->fragment_acks)
    kvs_fragment_buffer_set_release (producer->buffer,
                                     info->retention_hours > 0 ? KVS_FRAGMENT_RELEASE_PERSISTED
                                                               : KVS_FRAGMENT_RELEASE_RECEIVED);
  kvs_producer_tell_differences (producer);
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

/* Where a proxy's page comes with status 404, nobody knows what the service would have said. */
static gboolean
is_missing (const KvsServiceError *service_error)
{
  return service_error != NULL && kvs_service_error_is (service_error, "ResourceNotFound");
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
  if (is_missing (service_error)) {
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
    producer->call = create_stream (producer);
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
