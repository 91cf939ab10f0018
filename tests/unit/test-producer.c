/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream's life against a scripted service: the control plane, error Acks, retries, the end. */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../suite.h"
#include "producer-rig.h"

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

static void
assert_goes_on (void)
{
  producer_rig_push (rig, 2);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  ck_assert_uint_eq (rig->failures->len, 0);
}

static void
add_missing (void)
{
  service_add_error (rig->service, "/describeStream", 404, "ResourceNotFoundException",
                     "The requested stream is not found or not active.");
}

static void
add_status (const gchar *status)
{
  g_autofree gchar *body = g_strdup_printf (
      "{\"StreamInfo\":{\"Status\":\"%s\",\"DataRetentionInHours\":2}}", status);

  service_add_error (rig->service, "/describeStream", 200, NULL, body);
}

/* ---- the control plane: faults that pass ---- */

static const struct {
  const gchar *path;
  guint status;
  const gchar *type;
  const gchar *text;
  KvsError code;
} passing_faults[] = {
  { "/describeStream", 500, "InternalFailure", "oops", KVS_ERROR_SERVICE },
  { "/describeStream", 503, NULL, "", KVS_ERROR_SERVICE },
  { "/describeStream", 400, "ClientLimitExceededException", "slow down", KVS_ERROR_LIMIT },
  { "/describeStream", 200, NULL, "<html>", KVS_ERROR_SERVICE },
  { "/describeStream", 200, NULL, "[]", KVS_ERROR_SERVICE },
  { "/describeStream", 200, NULL, "{}", KVS_ERROR_SERVICE },
  { "/describeStream", 200, NULL, "{\"StreamInfo\":[]}", KVS_ERROR_SERVICE },
  { "/describeStream", 200, NULL, "{\"StreamInfo\":{\"Status\":", KVS_ERROR_SERVICE },
  { "/createStream", 500, NULL, "oops", KVS_ERROR_SERVICE },
  { "/createStream", 200, NULL, "nonsense", KVS_ERROR_SERVICE },
  { "/getDataEndpoint", 500, "InternalFailure", "oops", KVS_ERROR_SERVICE },
  { "/getDataEndpoint", 200, NULL, "\"https://x\"", KVS_ERROR_SERVICE },
  { "/getDataEndpoint", 200, NULL, "{\"DataEndpoint\":7}", KVS_ERROR_SERVICE },
  { "/getDataEndpoint", 200, NULL, "{\"DataEndpoint\":null}", KVS_ERROR_SERVICE },
  { "/getDataEndpoint", 200, NULL, "{\"DataEndpoint\":\"ftp://x\"}", KVS_ERROR_SERVICE },
  { "/getDataEndpoint", 200, NULL, "{\"DataEndpoint\":\"https://a b\"}", KVS_ERROR_SERVICE },
};

START_TEST (test_passing_fault)
{
  const Told *warning;

  if (strcmp (passing_faults[_i].path, "/createStream") == 0) {
    add_missing ();
    add_missing ();
  }
  service_add_error (rig->service, passing_faults[_i].path, passing_faults[_i].status,
                     passing_faults[_i].type, passing_faults[_i].text);
  producer_rig_start (rig);
  warning = producer_rig_wait_for_warning (rig, 1);
  ck_assert_msg (warning->code == passing_faults[_i].code, "%s", warning->message);
  ck_assert_uint_eq (warning->http_status,
                     passing_faults[_i].status == 200 ? 0 : passing_faults[_i].status);
  assert_goes_on ();
  ck_assert_uint_ge (service_count (rig->service, passing_faults[_i].path), 2);
  /* one outage, one warning */
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 1);
}
END_TEST

/* A parser that calls itself for each of them would overflow the stack. */
START_TEST (test_answer_of_brackets)
{
  g_autofree gchar *arrays = g_strnfill (1000 * 1000, '[');
  g_autofree gchar *quoted = g_strdup_printf ("{'\"':1,\"a\":%s", arrays);

  service_add_error (rig->service, "/describeStream", 200, NULL, arrays);
  service_add_error (rig->service, "/describeStream", 200, NULL, quoted);
  service_add_error (rig->service, "/describeStream", 500, NULL, arrays);
  producer_rig_start (rig);
  assert_goes_on ();
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 4);
}
END_TEST

START_TEST (test_many_faults)
{
  for (guint i = 0; i < 4; i++)
    service_add_error (rig->service, "/describeStream", 500, NULL, "oops");
  producer_rig_start (rig);
  assert_goes_on ();
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 5);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 1);
}
END_TEST

static const struct {
  const gchar *path;
  guint status;
  const gchar *type;
  KvsError code;
} lasting_faults[] = {
  { "/describeStream", 403, "UnrecognizedClientException", KVS_ERROR_CREDENTIALS },
  { "/describeStream", 403, "AccessDeniedException", KVS_ERROR_ACCESS_DENIED },
  { "/describeStream", 400, "InvalidArgumentException", KVS_ERROR_BAD_ARGUMENT },
  { "/getDataEndpoint", 403, "AccessDeniedException", KVS_ERROR_ACCESS_DENIED },
};

START_TEST (test_lasting_fault)
{
  const Told *failure;

  service_add_error (rig->service, lasting_faults[_i].path, lasting_faults[_i].status,
                     lasting_faults[_i].type, "no");
  producer_rig_start (rig);
  failure = producer_rig_wait_for_failure (rig);
  ck_assert_msg (failure->code == lasting_faults[_i].code, "%d %s", failure->code,
                 failure->message);
  ck_assert_str_eq (failure->aws_type, lasting_faults[_i].type);
  /* it has let go of everything by itself */
  g_clear_pointer (&rig->producer, kvs_producer_unref);
  ck_assert (producer_rig_wait (rig, &rig->n_destroyed, 1));
}
END_TEST

START_TEST (test_no_restart_on_error)
{
  rig->definition->restart_on_error = FALSE;
  service_add_error (rig->service, "/describeStream", 500, NULL, "oops");
  producer_rig_start (rig);
  ck_assert_int_eq (producer_rig_wait_for_failure (rig)->code, KVS_ERROR_SERVICE);
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 1);
}
END_TEST

START_TEST (test_retry_after)
{
  gint64 start_us = g_get_monotonic_time ();

  service_add_answer (rig->service, "/describeStream",
                      "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n");
  producer_rig_start (rig);
  ck_assert (service_wait_for_count (rig->service, "/describeStream", 2));
  ck_assert_int_ge (g_get_monotonic_time () - start_us, 2 * (gint64) G_USEC_PER_SEC);
}
END_TEST

/* ---- the stream: missing, being made, tagged ---- */

START_TEST (test_missing_stream_is_made)
{
  g_autofree gchar *request = NULL;

  rig->definition->retention_hours = 24;
  rig->definition->kms_key_id = g_strdup ("alias/k");
  add_missing ();
  add_status ("CREATING");
  add_status ("CREATING");
  producer_rig_start (rig);
  assert_goes_on ();
  request = service_get_last_body (rig->service, "/createStream");
  ck_assert_str_eq (request, "{\"StreamName\":\"cam\",\"MediaType\":\"video/h264\","
                             "\"DataRetentionInHours\":24,\"KmsKeyId\":\"alias/k\"}");
  ck_assert_uint_eq (service_count (rig->service, "/createStream"), 1);
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 4);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
}
END_TEST

START_TEST (test_somebody_else_made_it)
{
  add_missing ();
  service_add_error (rig->service, "/createStream", 400, "ResourceInUseException", "exists");
  producer_rig_start (rig);
  assert_goes_on ();
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
}
END_TEST

START_TEST (test_missing_stream_may_not_be_made)
{
  rig->definition->allow_create = FALSE;
  add_missing ();
  producer_rig_start (rig);
  {
    const Told *failure = producer_rig_wait_for_failure (rig);

    ck_assert_int_eq (failure->code, KVS_ERROR_NOT_FOUND);
    ck_assert (strstr (failure->message, "allow-create-stream") != NULL);
  }
  ck_assert_uint_eq (service_count (rig->service, "/createStream"), 0);
}
END_TEST

/* The media type is only known once frames have come. */
START_TEST (test_content_type_later)
{
  g_clear_pointer (&rig->definition->content_type, g_free);
  add_missing ();
  producer_rig_start (rig);
  ck_assert (service_wait_for_count (rig->service, "/describeStream", 1));
  rig->next_track->content_type = g_strdup ("video/h264");
  producer_rig_push (rig, 1);
  ck_assert (service_wait_for_count (rig->service, "/createStream", 1));
  assert_goes_on ();
}
END_TEST

START_TEST (test_tags)
{
  g_autofree gchar *request = NULL;

  rig->definition->tags = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert (rig->definition->tags, g_strdup ("site"), g_strdup ("gate \"2\""));
  if (_i == 1)
    service_add_error (rig->service, "/tagStream", 400, "InvalidArgumentException", "bad tag");
  producer_rig_start (rig);
  assert_goes_on ();
  request = service_get_last_body (rig->service, "/tagStream");
  ck_assert_str_eq (request,
                    "{\"StreamARN\":\"arn:aws:kinesisvideo:us-west-2:1:stream/cam/1\","
                    "\"Tags\":{\"site\":\"gate \\\"2\\\"\"}}");
  ck_assert_uint_eq (service_count (rig->service, "/tagStream"), 1);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), (guint) _i);
}
END_TEST

static void
serve_received_only (Upload *upload)
{
  upload_begin_answer (upload);
  while (upload_read (upload))
    ;
  for (guint i = 0; i < upload->wire->clusters->len; i++) {
    upload_store (upload, i);
    upload_ack (upload, "RECEIVED", i);
  }
  http_peer_write (upload->peer, "0\r\n\r\n");
}

START_TEST (test_retention_0)
{
  service_add_error (rig->service, "/describeStream", 200, NULL,
                     "{\"StreamInfo\":{\"Status\":\"ACTIVE\",\"DataRetentionInHours\":0}}");
  service_add_upload (rig->service, serve_received_only);
  producer_rig_start (rig);
  assert_goes_on ();
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 1);
}
END_TEST

/* ---- without Acks ---- */

static void
serve_without_acks (Upload *upload)
{
  upload_begin_answer (upload);
  while (upload_read (upload))
    ;
  for (guint i = 0; i < upload->wire->clusters->len; i++)
    upload_store (upload, i);
  http_peer_write (upload->peer, "0\r\n\r\n");
}

START_TEST (test_no_acks)
{
  g_autofree gchar *asked = NULL;

  rig->definition->fragment_acks = FALSE;
  service_add_upload (rig->service, serve_without_acks);
  producer_rig_start (rig);
  assert_goes_on ();
  asked = service_get_last_upload_header (rig->service, "x-amzn-fragment-acknowledgment-required");
  ck_assert_str_eq (asked, "0");
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
}
END_TEST

static void
refuse_upload (Upload *upload)
{
  while (upload_read (upload))
    ;
  http_peer_write (upload->peer, "HTTP/1.1 403 Forbidden\r\n"
                   "x-amzn-ErrorType: AccessDeniedException\r\nConnection: close\r\n"
                   "Content-Length: 0\r\n\r\n");
}

/* What was sent is forgotten, but not in silence. */
START_TEST (test_no_acks_and_refused)
{
  rig->definition->fragment_acks = FALSE;
  service_add_upload (rig->service, refuse_upload);
  producer_rig_start (rig);
  producer_rig_push (rig, 2);
  producer_rig_finish (rig);
  ck_assert_uint_eq (producer_rig_wait_for_warning (rig, 1)->http_status, 403);
}
END_TEST

/* ---- the way there ---- */

/* A port that nobody listens at, and nobody else gets while @fd is open. */
static gchar *
make_deaf_url (int *fd)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t size = sizeof address;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  *fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq (bind (*fd, (struct sockaddr *) &address, sizeof address), 0);
  getsockname (*fd, (struct sockaddr *) &address, &size);
  return g_strdup_printf ("http://127.0.0.1:%u", ntohs (address.sin_port));
}

START_TEST (test_control_plane_refuses_connections)
{
  int fd;
  const Told *warning;

  rig->endpoint = make_deaf_url (&fd);
  producer_rig_start (rig);
  producer_rig_push (rig, 1);
  warning = producer_rig_wait_for_warning (rig, 1);
  ck_assert_int_eq (warning->code, KVS_ERROR_NETWORK);
  ck_assert (strstr (warning->message, "127.0.0.1") != NULL);
  close (fd);
}
END_TEST

START_TEST (test_offline_and_nobody_there)
{
  int fd;

  rig->definition->streaming_type = KVS_STREAMING_TYPE_OFFLINE;
  rig->endpoint = make_deaf_url (&fd);
  producer_rig_start (rig);
  ck_assert_int_eq (producer_rig_wait_for_failure (rig)->code, KVS_ERROR_NETWORK);
  close (fd);
}
END_TEST

START_TEST (test_data_plane_refuses_connections)
{
  int fd;
  g_autofree gchar *url = make_deaf_url (&fd);
  g_autofree gchar *answer = g_strdup_printf ("{\"DataEndpoint\":\"%s\"}", url);

  service_add_error (rig->service, "/getDataEndpoint", 200, NULL, answer);
  producer_rig_start (rig);
  assert_goes_on ();
  ck_assert_uint_eq (producer_rig_wait_for_warning (rig, 1)->code, KVS_ERROR_NETWORK);
  ck_assert_uint_eq (service_count (rig->service, "/getDataEndpoint"), 2);
  close (fd);
}
END_TEST

START_TEST (test_missing_ca_file)
{
  g_free (rig->ca_path);
  rig->ca_path = g_strdup ("/nonexistent/ca.pem");
  producer_rig_start (rig);
  ck_assert_int_eq (producer_rig_wait_for_failure (rig)->code, KVS_ERROR_BAD_ARGUMENT);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("producer");
  TCase *tc = tcase_create ("producer");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_passing_fault, 0, G_N_ELEMENTS (passing_faults));
  tcase_add_test (tc, test_answer_of_brackets);
  tcase_add_test (tc, test_many_faults);
  tcase_add_loop_test (tc, test_lasting_fault, 0, G_N_ELEMENTS (lasting_faults));
  tcase_add_test (tc, test_no_restart_on_error);
  tcase_add_test (tc, test_retry_after);
  tcase_add_test (tc, test_missing_stream_is_made);
  tcase_add_test (tc, test_somebody_else_made_it);
  tcase_add_test (tc, test_missing_stream_may_not_be_made);
  tcase_add_test (tc, test_content_type_later);
  tcase_add_loop_test (tc, test_tags, 0, 2);
  tcase_add_test (tc, test_retention_0);
  tcase_add_test (tc, test_no_acks);
  tcase_add_test (tc, test_no_acks_and_refused);
  tcase_add_test (tc, test_control_plane_refuses_connections);
  tcase_add_test (tc, test_offline_and_nobody_there);
  tcase_add_test (tc, test_data_plane_refuses_connections);
  tcase_add_test (tc, test_missing_ca_file);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
