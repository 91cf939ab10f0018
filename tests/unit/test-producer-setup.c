/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way to a data endpoint against a scripted service: which stream is asked for, and how. */
#include <check.h>
#include <string.h>

#include "../suite.h"
#include "producer-rig.h"
#include "upload/endpoint-cache.h"

#define ARN "arn:aws:kinesisvideo:us-west-2:1:stream/cam/1"

static ProducerRig *rig;

static void
setup (void)
{
  rig = producer_rig_new (FALSE);
}

static void
teardown (void)
{
  producer_rig_free (rig);
}

static KvsLoop *loop;

/* An element that stays while others come and go */
static void
setup_shared (void)
{
  loop = kvs_loop_acquire ();
  setup ();
}

static void
teardown_shared (void)
{
  teardown ();
  kvs_loop_release (loop);
}

static void
assert_goes_on (void)
{
  producer_rig_push (rig, 2);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  ck_assert_uint_eq (rig->failures->len, 0);
}

static void
assert_request (const gchar *path, const gchar *expected)
{
  g_autofree gchar *request = service_get_last_body (rig->service, path);

  ck_assert_pstr_eq (request, expected);
}

static void
assert_upload_header (const gchar *name, const gchar *expected)
{
  g_autofree gchar *value = service_get_last_upload_header (rig->service, name);

  ck_assert_pstr_eq (value, expected);
}

static void
add_missing (void)
{
  service_add_error (rig->service, "/describeStream", 404, "ResourceNotFoundException",
                     "The requested stream is not found or not active.");
}

/* ---- which stream ---- */

START_TEST (test_stream_name)
{
  producer_rig_start (rig);
  assert_goes_on ();
  assert_request ("/describeStream", "{\"StreamName\":\"cam\"}");
  assert_request ("/getDataEndpoint", "{\"StreamName\":\"cam\",\"APIName\":\"PUT_MEDIA\"}");
  assert_upload_header ("x-amzn-stream-name", "cam");
  assert_upload_header ("x-amzn-stream-arn", NULL);
}
END_TEST

START_TEST (test_stream_arn)
{
  rig->definition->stream_arn = g_strdup (ARN);
  producer_rig_start (rig);
  assert_goes_on ();
  assert_request ("/describeStream", "{\"StreamARN\":\"" ARN "\"}");
  assert_request ("/getDataEndpoint", "{\"StreamARN\":\"" ARN "\",\"APIName\":\"PUT_MEDIA\"}");
  assert_upload_header ("x-amzn-stream-name", NULL);
  assert_upload_header ("x-amzn-stream-arn", ARN);
}
END_TEST

/* A stream that is created has an ARN of its own. */
START_TEST (test_missing_stream_arn)
{
  rig->definition->stream_arn = g_strdup (ARN);
  add_missing ();
  producer_rig_start (rig);
  {
    const Told *failure = producer_rig_wait_for_failure (rig);

    ck_assert_int_eq (failure->code, KVS_ERROR_NOT_FOUND);
    ck_assert (strstr (failure->message, ARN) != NULL);
  }
  ck_assert_uint_eq (service_count (rig->service, "/createStream"), 0);
}
END_TEST

/* ---- what it is created with, and what it is found with ---- */

static void
add_tag (void)
{
  rig->definition->tags = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert (rig->definition->tags, g_strdup ("site"), g_strdup ("gate"));
}

START_TEST (test_created_with_all)
{
  rig->definition->retention_hours = 24;
  rig->definition->kms_key_id = g_strdup ("alias/k");
  rig->definition->storage_tier = g_strdup ("WARM");
  add_tag ();
  add_missing ();
  producer_rig_start (rig);
  assert_goes_on ();
  assert_request ("/createStream",
                  "{\"StreamName\":\"cam\",\"MediaType\":\"video/h264\","
                  "\"DataRetentionInHours\":24,\"KmsKeyId\":\"alias/k\","
                  "\"StreamStorageConfiguration\":{\"DefaultStorageTier\":\"WARM\"},"
                  "\"Tags\":{\"site\":\"gate\"}}");
  ck_assert_uint_eq (service_count (rig->service, "/tagStream"), 0);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
}
END_TEST

/* Who may not set tags gets a stream all the same, and a warning. */
START_TEST (test_tags_are_refused)
{
  add_tag ();
  add_missing ();
  service_add_error (rig->service, "/createStream", 403, "AccessDeniedException", "no tags");
  service_add_error (rig->service, "/tagStream", 400, "InvalidArgumentException", "no tags");
  producer_rig_start (rig);
  assert_goes_on ();
  ck_assert_uint_eq (service_count (rig->service, "/createStream"), 2);
  assert_request ("/createStream", "{\"StreamName\":\"cam\",\"MediaType\":\"video/h264\","
                                   "\"DataRetentionInHours\":2}");
  ck_assert_uint_eq (service_count (rig->service, "/tagStream"), 1);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 1);
}
END_TEST

/* The tags are not what is wrong. */
START_TEST (test_creation_is_refused)
{
  add_tag ();
  add_missing ();
  for (guint i = 0; i < 2; i++)
    service_add_error (rig->service, "/createStream", 400, "InvalidArgumentException", "bad key");
  producer_rig_start (rig);
  ck_assert_ptr_nonnull (strstr (producer_rig_wait_for_failure (rig)->message, "bad key"));
  ck_assert_uint_eq (service_count (rig->service, "/createStream"), 2);
}
END_TEST

/* DescribeStream and CreateStream may disagree for a while. */
START_TEST (test_not_there_yet)
{
  add_missing ();
  service_add_error (rig->service, "/createStream", 400, "ResourceInUseException", "exists");
  add_missing ();
  service_add_error (rig->service, "/createStream", 400, "ResourceInUseException", "exists");
  producer_rig_start (rig);
  assert_goes_on ();
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 3);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
}
END_TEST

START_TEST (test_differences)
{
  const Told *warning;

  rig->definition->retention_hours = 5;
  rig->definition->retention_is_wish = TRUE;
  g_clear_pointer (&rig->definition->content_type, g_free);
  service_add_error (rig->service, "/describeStream", 200, NULL,
                     "{\"StreamInfo\":{\"Status\":\"ACTIVE\",\"DataRetentionInHours\":2,"
                     "\"MediaType\":\"video/h265\",\"KmsKeyId\":null,"
                     "\"StreamARN\":\"" ARN "\"}}");
  producer_rig_start (rig);
  ck_assert (service_wait_for_count (rig->service, "/getDataEndpoint", 1));
  rig->next_track->content_type = g_strdup ("video/h264");
  assert_goes_on ();
  warning = producer_rig_wait_for_warning (rig, 1);
  ck_assert_ptr_nonnull (strstr (warning->message, "retention-period is 5 hours"));
  ck_assert_ptr_nonnull (strstr (warning->message, "video/h265"));
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 1);
}
END_TEST

/* ---- where to ---- */

START_TEST (test_own_data_endpoint)
{
  service_set_data_endpoint (rig->service, "http://127.0.0.1:1");
  rig->data_endpoint = g_strdup (service_get_url (rig->service));
  service_add_upload (rig->service, upload_refuse_endpoint);
  producer_rig_start (rig);
  assert_goes_on ();
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 2);
  ck_assert_uint_eq (service_count (rig->service, "/getDataEndpoint"), 0);
}
END_TEST

/* ---- what producers share ---- */

/* Uploads a fragment to the service of the first rig, as another element of the process would. */
static void
upload_beside (guint n_stored)
{
  ProducerRig *other = producer_rig_new (FALSE);

  other->endpoint = g_strdup (service_get_url (rig->service));
  other->is_guest = TRUE;
  producer_rig_start (other);
  producer_rig_push (other, 1);
  producer_rig_finish (other);
  ck_assert (service_wait_for_stored (rig->service, n_stored));
  ck_assert_uint_eq (other->failures->len, 0);
  producer_rig_free (other);
}

START_TEST (test_shared_endpoint)
{
  upload_beside (FRAMES_A_FRAGMENT);
  upload_beside (2 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (service_count (rig->service, "/getDataEndpoint"), 1);
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 2);

  /* one of them finds that it is stale; the next one has the new one */
  service_add_upload (rig->service, upload_refuse_endpoint);
  upload_beside (3 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (service_count (rig->service, "/getDataEndpoint"), 2);
  upload_beside (4 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (service_count (rig->service, "/getDataEndpoint"), 2);
}
END_TEST

/* Nobody is there any more. */
START_TEST (test_shared_endpoint_is_gone)
{
  service_add_error (rig->service, "/getDataEndpoint", 200, NULL,
                     "{\"DataEndpoint\":\"http://127.0.0.1:1\"}");
  upload_beside (FRAMES_A_FRAGMENT);
  upload_beside (2 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (service_count (rig->service, "/getDataEndpoint"), 2);
}
END_TEST

/* A stream of the same name that was made later is another one. */
START_TEST (test_stream_made_anew)
{
  upload_beside (FRAMES_A_FRAGMENT);
  service_add_error (rig->service, "/describeStream", 200, NULL,
                     "{\"StreamInfo\":{\"Status\":\"ACTIVE\",\"DataRetentionInHours\":2,"
                     "\"StreamARN\":\"arn:aws:kinesisvideo:us-west-2:1:stream/cam/2\"}}");
  upload_beside (2 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (service_count (rig->service, "/getDataEndpoint"), 2);
}
END_TEST

START_TEST (test_endpoint_cache)
{
  KvsEndpointCache *cache = kvs_endpoint_cache_new ();
  gint64 end_us = KVS_ENDPOINT_LIFETIME_US + 5;

  ck_assert_ptr_null (kvs_endpoint_cache_get (cache, "https://c", ARN, 5));
  kvs_endpoint_cache_set (cache, "https://c", ARN, "https://d", 5);
  ck_assert_str_eq (kvs_endpoint_cache_get (cache, "https://c", ARN, end_us - 1), "https://d");
  ck_assert_ptr_null (kvs_endpoint_cache_get (cache, "https://c", ARN, end_us));
  ck_assert_ptr_null (kvs_endpoint_cache_get (cache, "https://b", ARN, 5));
  ck_assert_ptr_null (kvs_endpoint_cache_get (cache, "https://c", ARN "2", 5));

  /* what is known to be stale is not what somebody got since */
  kvs_endpoint_cache_set (cache, "https://c", ARN, "https://e", 6);
  kvs_endpoint_cache_drop (cache, "https://c", ARN, "https://d");
  ck_assert_str_eq (kvs_endpoint_cache_get (cache, "https://c", ARN, 7), "https://e");
  kvs_endpoint_cache_drop (cache, "https://c", ARN, "https://e");
  ck_assert_ptr_null (kvs_endpoint_cache_get (cache, "https://c", ARN, 7));
  kvs_endpoint_cache_drop (cache, "https://c", ARN, "https://e");
  kvs_endpoint_cache_free (cache);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("producer-setup");
  TCase *tc = tcase_create ("producer-setup");
  TCase *shared = tcase_create ("shared");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_stream_name);
  tcase_add_test (tc, test_stream_arn);
  tcase_add_test (tc, test_missing_stream_arn);
  tcase_add_test (tc, test_created_with_all);
  tcase_add_test (tc, test_tags_are_refused);
  tcase_add_test (tc, test_creation_is_refused);
  tcase_add_test (tc, test_not_there_yet);
  tcase_add_test (tc, test_differences);
  tcase_add_test (tc, test_own_data_endpoint);
  suite_add_tcase (s, tc);
  tcase_set_timeout (shared, 60);
  tcase_add_checked_fixture (shared, setup_shared, teardown_shared);
  tcase_add_test (shared, test_shared_endpoint);
  tcase_add_test (shared, test_shared_endpoint_is_gone);
  tcase_add_test (shared, test_stream_made_anew);
  tcase_add_test (shared, test_endpoint_cache);
  suite_add_tcase (s, shared);
  return run_suite (s);
}
