/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a producer makes of sessions: error Acks, refusals, borders, trust, the end of it all. */
#include <check.h>
#include <string.h>

#include "../suite.h"
#include "producer-rig.h"
#include "upload/retry.h"

static ProducerRig *rig;

static void
setup (void)
{
  rig = producer_rig_new (FALSE);
}

static void
setup_tls (void)
{
  rig = producer_rig_new (TRUE);
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

/* ---- error Acks ---- */

static guint error_id;

static void
answer_with_error (Upload *upload)
{
  upload_begin_answer (upload);
  upload_read_until_quiet (upload, 2);
  upload_ack_error (upload, error_id, 0);
  http_peer_wait_until_closed (upload->peer);
}

/* In one packet, so that all is read before the session can be ended. */
static void
answer_with_error_and_end (Upload *upload)
{
  g_autofree gchar *ack = NULL;
  g_autofree gchar *all = NULL;

  upload_begin_answer (upload);
  while (upload_read (upload))
    ;
  ack = g_strdup_printf ("{\"EventType\":\"ERROR\",\"FragmentTimecode\":%" G_GUINT64_FORMAT
                         ",\"ErrorCode\":\"SOME_ERROR\",\"ErrorId\":%u}\n",
                         ((WireCluster *) upload->wire->clusters->pdata[0])->timecode, error_id);
  all = g_strdup_printf ("%" G_GSIZE_MODIFIER "x\r\n%s\r\n0\r\n\r\n", strlen (ack), ack);
  http_peer_write (upload->peer, all);
}

static void
assert_tells_ack (const Told *told)
{
  ck_assert_uint_eq (told->ack_id, error_id);
  ck_assert_int_eq (told->ack_timecode, G_GINT64_CONSTANT (1700000000000));
  ck_assert_str_eq (told->aws_type, "SOME_ERROR");
  ck_assert_uint_eq (told->http_status, 0);
}

static const guint passing_ids[] = { 4000, 4008, 4503, 4507, 5000, 5001, 4999 };

START_TEST (test_passing_error_ack)
{
  KvsProducerStats stats;

  error_id = passing_ids[_i];
  service_add_upload (rig->service, answer_with_error);
  producer_rig_start (rig);
  assert_goes_on ();
  kvs_producer_get_stats (rig->producer, &stats);
  ck_assert_uint_eq (stats.error_acks, 1);
  ck_assert_uint_eq (stats.sessions, 2);
  ck_assert_uint_eq (stats.reconnects, 1);
  ck_assert_uint_eq (rig->n_error_acks, 1);
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"),
                     kvs_retry_for_ack (error_id) == KVS_RETRY_DESCRIBE ? 2 : 1);
}
END_TEST

START_TEST (test_error_ack_at_the_end)
{
  error_id = 5000;
  service_add_upload (rig->service, answer_with_error_and_end);
  producer_rig_start (rig);
  assert_goes_on ();
  ck_assert (strstr (producer_rig_wait_for_warning (rig, 1)->message, "5000") != NULL);
}
END_TEST

static const guint lasting_ids[] = { 4005, 4500, 4501, 4502, 4504, 4505, 4506 };

START_TEST (test_lasting_error_ack)
{
  const Told *failure;

  error_id = lasting_ids[_i];
  service_add_upload (rig->service, answer_with_error);
  producer_rig_start (rig);
  producer_rig_push (rig, 2);
  failure = producer_rig_wait_for_failure (rig);
  ck_assert (strstr (failure->message, kvs_retry_describe_ack (error_id)) != NULL);
  assert_tells_ack (failure);
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 1);
}
END_TEST

static const guint dropping_ids[] = { 4001, 4002, 4004, 4006, 4007, 4009, 4010, 4011, 4012 };

/* The Fragment goes, alone; the rest is stored. */
START_TEST (test_dropping_error_ack)
{
  KvsProducerStats stats;
  const Told *warning;

  error_id = dropping_ids[_i];
  service_add_upload (rig->service, answer_with_error);
  producer_rig_start (rig);
  producer_rig_push (rig, 3);
  warning = producer_rig_wait_for_warning (rig, 1);
  ck_assert (strstr (warning->message, "dropped") != NULL);
  assert_tells_ack (warning);
  producer_rig_finish (rig);
  kvs_producer_get_stats (rig->producer, &stats);
  ck_assert_uint_eq (stats.buffer.frames_dropped[KVS_DROP_REFUSED], FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (stats.buffer.frames_persisted, 2 * FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (service_count_stored (rig->service), 2 * FRAMES_A_FRAGMENT);
}
END_TEST

/* A Fragment that always fails does not hold up the stream for ever. */
START_TEST (test_fragment_is_given_up)
{
  KvsProducerStats stats;

  error_id = 5000;
  for (guint i = 0; i <= KVS_RETRY_MAX_FRAGMENT_TRIES; i++)
    service_add_upload (rig->service, answer_with_error);
  producer_rig_start (rig);
  producer_rig_push (rig, 3);
  ck_assert (service_wait_for_count (rig->service, "/putMedia", 4));
  kvs_producer_finish (rig->producer);
  while (!producer_rig_wait (rig, &rig->n_drained, 1))
    ck_assert_uint_lt (service_count (rig->service, "/putMedia"), 20);
  kvs_producer_get_stats (rig->producer, &stats);
  ck_assert_uint_eq (stats.buffer.frames_dropped[KVS_DROP_REFUSED], FRAMES_A_FRAGMENT);
  ck_assert_uint_eq (stats.buffer.frames_persisted, 2 * FRAMES_A_FRAGMENT);
}
END_TEST

/* ---- refusals that are mended ---- */

static void
refuse_as_moved (Upload *upload)
{
  http_peer_write (upload->peer,
                   "HTTP/1.1 400 Bad Request\r\nx-amzn-ErrorType: InvalidEndpointException\r\n"
                   "Connection: close\r\nContent-Length: 0\r\n\r\n");
  http_peer_wait_until_closed (upload->peer);
}

START_TEST (test_data_endpoint_moved)
{
  service_add_upload (rig->service, refuse_as_moved);
  producer_rig_start (rig);
  assert_goes_on ();
  ck_assert_uint_eq (service_count (rig->service, "/getDataEndpoint"), 2);
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 1);
}
END_TEST

#define SKEW_HEAD \
  "HTTP/1.1 403 Forbidden\r\nDate: Tue, 02 Jan 2024 03:04:05 GMT\r\nConnection: close\r\n" \
  "x-amzn-ErrorType: InvalidSignatureException\r\nContent-Length: 69\r\n\r\n"
#define SKEW_BODY "{\"message\":\"Signature expired: 20231107T0447 is now earlier than ..\"}"

static void
assert_date_is_corrected (void)
{
  g_autofree gchar *date = service_get_last_upload_header (rig->service, "x-amz-date");

  ck_assert_msg (g_str_has_prefix (date, "20240102T03"), "%s", date);
}

START_TEST (test_clock_skew)
{
  ck_assert_uint_eq (strlen (SKEW_BODY), 69);
  service_add_answer (rig->service, "/describeStream", SKEW_HEAD SKEW_BODY);
  producer_rig_start (rig);
  assert_goes_on ();
  assert_date_is_corrected ();
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 2);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
}
END_TEST

static void
refuse_for_skew (Upload *upload)
{
  http_peer_write (upload->peer, SKEW_HEAD SKEW_BODY);
  http_peer_wait_until_closed (upload->peer);
}

START_TEST (test_clock_skew_of_an_upload)
{
  service_add_upload (rig->service, refuse_for_skew);
  producer_rig_start (rig);
  assert_goes_on ();
  assert_date_is_corrected ();
}
END_TEST

/* A wrong key is not a wrong clock. */
START_TEST (test_clock_is_not_to_blame)
{
  for (guint i = 0; i < 3; i++)
    service_add_answer (rig->service, "/describeStream", SKEW_HEAD SKEW_BODY);
  producer_rig_start (rig);
  ck_assert_int_eq (producer_rig_wait_for_failure (rig)->code, KVS_ERROR_CREDENTIALS);
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 2);
}
END_TEST

/* ---- borders between sessions ---- */

START_TEST (test_tracks_change)
{
  producer_rig_start (rig);
  producer_rig_push (rig, 2);
  rig->next_track = media_track_new ();
  rig->next_track->width = 640;
  assert_goes_on ();
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 2);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
  ck_assert_uint_eq (rig->n_started, 2);
}
END_TEST

/* A microphone that has no link. Nobody waits longer for it than is said here. */
START_TEST (test_missing_track)
{
  rig->definition->track_timeout_ns = MEDIA_MS;
  rig->frame_ns = 500 * MEDIA_MS;
  producer_rig_start (rig);
  kvs_producer_add_track (rig->producer, 2, KVS_TRACK_TYPE_AUDIO);
  producer_rig_push (rig, 1);
  ck_assert (producer_rig_wait (rig, &rig->n_started, 1));
  producer_rig_push (rig, 6);
  ck_assert (producer_rig_wait (rig, &rig->n_missing, 1));
  assert_goes_on ();
  ck_assert_uint_eq (rig->n_missing, 1);
}
END_TEST

/* ---- trust ---- */

START_TEST (test_wrong_ca)
{
  Service *other = service_new (TRUE);
  const Told *warning;

  g_free (rig->ca_path);
  rig->ca_path = g_strdup (service_get_ca_path (other));
  producer_rig_start (rig);
  producer_rig_push (rig, 1);
  warning = producer_rig_wait_for_warning (rig, 1);
  ck_assert_msg (warning->code == KVS_ERROR_TLS, "%s", warning->message);
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 0);
  service_free (other);
}
END_TEST

START_TEST (test_plain_data_endpoint)
{
  const Told *warning;

  service_add_error (rig->service, "/getDataEndpoint", 200, NULL,
                     "{\"DataEndpoint\":\"http://media.example.com\"}");
  producer_rig_start (rig);
  producer_rig_push (rig, 1);
  warning = producer_rig_wait_for_warning (rig, 1);
  ck_assert_int_eq (warning->code, KVS_ERROR_SERVICE);
  assert_goes_on ();
}
END_TEST

/* ---- the end ---- */

START_TEST (test_finish_without_media)
{
  producer_rig_start (rig);
  producer_rig_finish (rig);
  kvs_producer_finish (rig->producer);
  g_clear_pointer (&rig->producer, kvs_producer_unref);
  ck_assert (producer_rig_wait (rig, &rig->n_destroyed, 1));
  ck_assert_uint_eq (rig->n_drained, 1);
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 0);
}
END_TEST

/* Nobody holds it any more, and it delivers all the same. */
START_TEST (test_finish_and_let_go)
{
  producer_rig_start (rig);
  producer_rig_push (rig, 5);
  kvs_producer_finish (rig->producer);
  kvs_producer_finish (rig->producer);
  g_clear_pointer (&rig->producer, kvs_producer_unref);
  ck_assert (producer_rig_wait (rig, &rig->n_destroyed, 1));
  ck_assert_uint_eq (rig->n_drained, 1);
  service_assert_stored_once (rig->service, 5 * FRAMES_A_FRAGMENT);
}
END_TEST

static void
never_answer (Upload *upload)
{
  http_peer_wait_until_closed (upload->peer);
}

START_TEST (test_finish_timeout)
{
  const Told *warning;

  rig->definition->stop_timeout_ns = MEDIA_S / 2;
  service_add_upload (rig->service, never_answer);
  producer_rig_start (rig);
  producer_rig_push (rig, 2);
  producer_rig_finish (rig);
  warning = producer_rig_wait_for_warning (rig, 1);
  ck_assert_int_eq (warning->code, KVS_ERROR_TIMEOUT);
  ck_assert (strstr (warning->message, "2 fragments") != NULL);
  g_clear_pointer (&rig->producer, kvs_producer_unref);
  ck_assert (producer_rig_wait (rig, &rig->n_destroyed, 1));
  ck_assert_uint_eq (rig->n_drained, 1);
}
END_TEST

START_TEST (test_abort)
{
  service_add_upload (rig->service, never_answer);
  producer_rig_start (rig);
  producer_rig_push (rig, 2);
  if (_i > 0)
    ck_assert (service_wait_for_count (rig->service, "/putMedia", 1));
  kvs_producer_abort (rig->producer);
  if (_i > 1)
    kvs_producer_finish (rig->producer);
  g_clear_pointer (&rig->producer, kvs_producer_unref);
  ck_assert (producer_rig_wait (rig, &rig->n_destroyed, 1));
  ck_assert_uint_eq (rig->n_drained, 0);
}
END_TEST

START_TEST (test_never_started)
{
  producer_rig_start (rig);
  kvs_producer_abort (rig->producer);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("producer-uploads");
  TCase *tc = tcase_create ("plain"), *tls = tcase_create ("tls");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_passing_error_ack, 0, G_N_ELEMENTS (passing_ids));
  tcase_add_test (tc, test_error_ack_at_the_end);
  tcase_add_loop_test (tc, test_lasting_error_ack, 0, G_N_ELEMENTS (lasting_ids));
  tcase_add_loop_test (tc, test_dropping_error_ack, 0, G_N_ELEMENTS (dropping_ids));
  tcase_add_test (tc, test_fragment_is_given_up);
  tcase_add_test (tc, test_data_endpoint_moved);
  tcase_add_test (tc, test_clock_skew);
  tcase_add_test (tc, test_clock_skew_of_an_upload);
  tcase_add_test (tc, test_clock_is_not_to_blame);
  tcase_add_test (tc, test_tracks_change);
  tcase_add_test (tc, test_missing_track);
  tcase_add_test (tc, test_finish_without_media);
  tcase_add_test (tc, test_finish_and_let_go);
  tcase_add_test (tc, test_finish_timeout);
  tcase_add_loop_test (tc, test_abort, 0, 3);
  tcase_add_test (tc, test_never_started);
  suite_add_tcase (s, tc);
  tcase_set_timeout (tls, 60);
  tcase_add_checked_fixture (tls, setup_tls, teardown);
  tcase_add_test (tls, test_wrong_ca);
  tcase_add_test (tls, test_plain_data_endpoint);
  suite_add_tcase (s, tls);
  return run_suite (s);
}
