/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PutMedia against a scripted service: how a session may go, and each way it may end. */
#include <check.h>
#include <string.h>

#include "../suite.h"
#include "producer-rig.h"

static ProducerRig *rig;

static void
setup_plain (void)
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

/* ---- the usual way ---- */

static void
assert_header (const gchar *name, const gchar *expected)
{
  g_autofree gchar *value = service_get_last_upload_header (rig->service, name);

  if (expected == NULL)
    ck_assert_ptr_null (value);
  else
    ck_assert_str_eq (value, expected);
}

START_TEST (test_usual)
{
  g_autofree gchar *authorization = NULL;
  KvsProducerStats stats;

  producer_rig_start (rig);
  producer_rig_push (rig, 4);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
  ck_assert_uint_eq (service_count (rig->service, "/describeStream"), 1);
  ck_assert_uint_eq (service_count (rig->service, "/getDataEndpoint"), 1);
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 1);
  ck_assert_uint_eq (service_count (rig->service, "/createStream"), 0);
  kvs_producer_get_stats (rig->producer, &stats);
  ck_assert_uint_eq (stats.sessions, 1);
  ck_assert_uint_eq (stats.reconnects, 0);
  ck_assert_uint_eq (rig->n_persisted, 4);
  ck_assert_uint_eq (rig->n_started, 1);

  assert_header ("x-amzn-stream-name", "cam");
  assert_header ("x-amzn-fragment-timecode-type", "ABSOLUTE");
  assert_header ("x-amzn-producer-start-timestamp", "1700000000.000");
  assert_header ("x-amzn-fragment-acknowledgment-required", "1");
  assert_header ("transfer-encoding", "chunked");
  assert_header ("expect", NULL);
  assert_header ("user-agent", "test");
  authorization = service_get_last_upload_header (rig->service, "authorization");
  ck_assert (strstr (authorization, "Credential=AKIDEXAMPLE/") != NULL);
  ck_assert (strstr (authorization, "/us-west-2/kinesisvideo/aws4_request") != NULL);
}
END_TEST

/* Media that come bit by bit, so that the upload pauses and goes on many times. */
START_TEST (test_bit_by_bit)
{
  producer_rig_start (rig);
  for (guint i = 1; i <= 20; i++) {
    producer_rig_push (rig, 1);
    /* all but the newest Fragment, which is open */
    ck_assert (service_wait_for_stored (rig->service, (i - 1) * FRAMES_A_FRAGMENT));
  }
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 1);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
}
END_TEST

static void
serve_acks_byte_by_byte (Upload *upload)
{
  upload_begin_answer (upload);
  upload_read_until_quiet (upload, 3);
  for (; upload->n_answered < 2; upload->n_answered++) {
    g_autofree gchar *received = upload_make_ack (upload, "RECEIVED", upload->n_answered);
    g_autofree gchar *persisted = upload_make_ack (upload, "PERSISTED", upload->n_answered);
    g_autofree gchar *acks = g_strconcat (received, persisted, NULL);

    upload_store (upload, upload->n_answered);
    /* each byte a chunk; and, since Nagle's algorithm is off on neither side, some in one read */
    for (const gchar *p = acks; *p != '\0'; p++) {
      const gchar byte[] = { *p, '\0' };

      http_peer_write_chunk (upload->peer, byte);
    }
  }
  upload_serve_from_now (upload);
}

/* Split in two at each byte, in a chunk each. */
static void
serve_split_acks (Upload *upload)
{
  upload_begin_answer (upload);
  upload_read_until_quiet (upload, 3);
  for (; upload->n_answered < 2; upload->n_answered++) {
    g_autofree gchar *ack = upload_make_ack (upload, "BUFFERING", upload->n_answered);

    for (gsize i = 1; i < strlen (ack); i++) {
      g_autofree gchar *head = g_strndup (ack, i);

      http_peer_write_chunk (upload->peer, head);
      http_peer_write_chunk (upload->peer, ack + i);
    }
    upload_store (upload, upload->n_answered);
    upload_ack (upload, "PERSISTED", upload->n_answered);
  }
  upload_serve_from_now (upload);
}

static void
serve_before_reading (Upload *upload)
{
  http_peer_write (upload->peer, "HTTP/1.1 100 Continue\r\n\r\n");
  upload_serve (upload);
}

static void
serve_late (Upload *upload)
{
  upload_read_until_quiet (upload, 3);
  upload_serve (upload);
}

static const UploadFunc good_services[] = {
  serve_acks_byte_by_byte, serve_split_acks, serve_before_reading, serve_late,
};

START_TEST (test_good_service)
{
  service_add_upload (rig->service, good_services[_i]);
  producer_rig_start (rig);
  producer_rig_push (rig, 3);
  if (_i != 3)
    ck_assert (producer_rig_wait (rig, &rig->n_started, 1));
  if (_i < 2)
    ck_assert (producer_rig_wait (rig, &rig->n_persisted, 2));
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 1);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
}
END_TEST

/* ---- the window ---- */

/* A backlog: one Ack a time, for what the next Fragment has closed. */
static void
serve_one_by_one (Upload *upload)
{
  const GPtrArray *clusters = upload->wire->clusters;

  upload_begin_answer (upload);
  for (; upload->n_answered < 3; upload->n_answered++) {
    upload_read_until_quiet (upload, upload->n_answered + 2);
    ck_assert_uint_eq (clusters->len, upload->n_answered + 2);
    upload_store (upload, upload->n_answered);
    upload_ack (upload, "PERSISTED", upload->n_answered);
  }
  upload_serve_from_now (upload);
}

/* Each Ack lets the next one go at once: waiting for the end of the hold would take too long. */
START_TEST (test_backlog)
{
  rig->frame_ns = 3 * MEDIA_S;
  rig->definition->buffer_duration_ns = 3600 * MEDIA_S;
  service_add_upload (rig->service, serve_one_by_one);
  producer_rig_start (rig);
  producer_rig_push (rig, 12);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 1);
}
END_TEST

/* ---- endings, most of them while the upload is paused (perf.md 1.4) ---- */

/* Acknowledges the first Fragment only, so that the second has to come again. */
static void
begin_and_let_pause (Upload *upload)
{
  upload_begin_answer (upload);
  upload_read_until_quiet (upload, 2);
  upload_store (upload, 0);
  upload_ack (upload, "PERSISTED", 0);
}

static void
end_by_fin (Upload *upload)
{
  begin_and_let_pause (upload);
  http_peer_close (upload->peer);
  http_peer_wait_until_closed (upload->peer);
}

static void
end_answer_and_fin (Upload *upload)
{
  begin_and_let_pause (upload);
  http_peer_write (upload->peer, "0\r\n\r\n");
  http_peer_close (upload->peer);
  http_peer_wait_until_closed (upload->peer);
}

static void
end_answer (Upload *upload)
{
  begin_and_let_pause (upload);
  http_peer_write (upload->peer, "0\r\n\r\n");
  http_peer_wait_until_closed (upload->peer);
}

static void
end_by_rst (Upload *upload)
{
  begin_and_let_pause (upload);
  http_peer_reset (upload->peer);
}

/* While the next flush is due, and with it the Acks would be read. */
static void
end_by_rst_before_the_flush (Upload *upload)
{
  upload_begin_answer (upload);
  while (upload->wire->clusters->len < 2)
    ck_assert (upload_read (upload));
  upload_store (upload, 0);
  upload_ack (upload, "PERSISTED", 0);
  http_peer_reset (upload->peer);
}

static void
end_by_silence (Upload *upload)
{
  begin_and_let_pause (upload);
  http_peer_wait_until_closed (upload->peer);
}

static const struct {
  const gchar *what;
  UploadFunc func;
} endings[] = {
  { "FIN", end_by_fin },
  { "end of the answer, then FIN", end_answer_and_fin },
  { "end of the answer", end_answer },
  { "RST", end_by_rst },
  { "RST before the flush", end_by_rst_before_the_flush },
  { "silence", end_by_silence },
};

/* See kvs_transfers_has_peer_ended(). */
static gboolean
is_silence (guint index)
{
  gboolean is_hidden = curl_version_info (CURLVERSION_NOW)->version_num >> 8 == 0x0805;

  return endings[index].func == end_by_silence
         || (is_hidden && endings[index].func == end_answer);
}

/* @goes_on: the source does not wait for the end to be seen */
static void
check_ending (guint index, gboolean goes_on)
{
  KvsError code = is_silence (index) ? KVS_ERROR_TIMEOUT : KVS_ERROR_NETWORK;
  const Told *warning;

  /* only silence may need it */
  if (is_silence (index))
    rig->definition->connection_staleness_ns = MEDIA_S;
  if (endings[index].func == end_by_rst_before_the_flush)
    rig->definition->flush_interval_ns = 200 * MEDIA_MS;
  service_add_upload (rig->service, endings[index].func);
  producer_rig_start (rig);
  producer_rig_push (rig, 2);
  ck_assert (producer_rig_wait (rig, &rig->n_persisted, 1));
  if (goes_on || is_silence (index))
    producer_rig_push (rig, 2);
  warning = producer_rig_wait_for_warning (rig, 1);
  ck_assert_msg (warning->code == code, "%s: %s", endings[index].what, warning->message);
  if (!goes_on)
    producer_rig_push (rig, 1);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 2);
}

START_TEST (test_ending_while_paused)
{
  check_ending ((guint) _i, FALSE);
}
END_TEST

START_TEST (test_ending_while_media_come)
{
  check_ending ((guint) _i, TRUE);
}
END_TEST

static void
close_unanswered (Upload *upload)
{
  upload_read_until_quiet (upload, 2);
  http_peer_close (upload->peer);
  http_peer_wait_until_closed (upload->peer);
}

START_TEST (test_end_without_an_answer)
{
  const Told *warning;

  service_add_upload (rig->service, close_unanswered);
  producer_rig_start (rig);
  producer_rig_push (rig, 2);
  warning = producer_rig_wait_for_warning (rig, 1);
  ck_assert_msg (warning->code == KVS_ERROR_NETWORK, "%s", warning->message);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 2);
}
END_TEST

/* ---- refusals ---- */

#define REFUSAL "x-amzn-ErrorType: ClientLimitExceededException\r\n"
#define REFUSAL_BODY "{\"Message\":\"slow down\"}"

static void
refuse_with_body (Upload *upload)
{
  upload_read_until_quiet (upload, 2);
  http_peer_write (upload->peer,
                   "HTTP/1.1 400 Bad Request\r\n" REFUSAL "Content-Length: 23\r\n\r\n" REFUSAL_BODY);
  http_peer_wait_until_closed (upload->peer);
}

static void
refuse_with_chunks (Upload *upload)
{
  upload_read_until_quiet (upload, 2);
  http_peer_write (upload->peer,
                   "HTTP/1.1 400 Bad Request\r\n" REFUSAL "Transfer-Encoding: chunked\r\n\r\n");
  http_peer_write_chunk (upload->peer, REFUSAL_BODY);
  http_peer_write (upload->peer, "0\r\n\r\n");
  http_peer_wait_until_closed (upload->peer);
}

static void
refuse_without_body (Upload *upload)
{
  upload_read_until_quiet (upload, 2);
  http_peer_write (upload->peer,
                   "HTTP/1.1 400 Bad Request\r\n" REFUSAL "Content-Length: 0\r\n\r\n");
  http_peer_wait_until_closed (upload->peer);
}

static void
refuse_and_close (Upload *upload)
{
  upload_read_until_quiet (upload, 2);
  http_peer_write (upload->peer,
                   "HTTP/1.1 400 Bad Request\r\n" REFUSAL "Connection: close\r\n\r\n" REFUSAL_BODY);
  http_peer_close (upload->peer);
  http_peer_wait_until_closed (upload->peer);
}

static void
refuse_at_once (Upload *upload)
{
  http_peer_write (upload->peer,
                   "HTTP/1.1 400 Bad Request\r\n" REFUSAL "Content-Length: 23\r\n\r\n" REFUSAL_BODY);
  http_peer_wait_until_closed (upload->peer);
}

static const UploadFunc refusals[] = {
  refuse_with_body, refuse_with_chunks, refuse_without_body, refuse_and_close, refuse_at_once,
};

START_TEST (test_refusal)
{
  const Told *warning;

  service_add_upload (rig->service, refusals[_i]);
  producer_rig_start (rig);
  producer_rig_push (rig, 2);
  warning = producer_rig_wait_for_warning (rig, 1);
  ck_assert_msg (warning->code == KVS_ERROR_LIMIT, "%s", warning->message);
  ck_assert_uint_eq (warning->http_status, 400);
  ck_assert_str_eq (warning->aws_type, "ClientLimitExceededException");
  if (refusals[_i] != refuse_without_body)
    ck_assert_msg (strstr (warning->message, "slow down") != NULL, "%s", warning->message);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
}
END_TEST

/* ---- the end of the body ---- */

/* Acknowledges all but the last one and then says nothing more. */
static void
forget_the_last (Upload *upload)
{
  upload_begin_answer (upload);
  while (upload_read (upload))
    ;
  for (guint i = 0; i + 1 < upload->wire->clusters->len; i++) {
    upload_store (upload, i);
    upload_ack (upload, "PERSISTED", i);
  }
  http_peer_wait_until_closed (upload->peer);
}

START_TEST (test_silence_after_the_body)
{
  rig->definition->stop_timeout_ns = 60 * MEDIA_S;
  service_add_upload (rig->service, forget_the_last);
  producer_rig_start (rig);
  producer_rig_push (rig, 3);
  kvs_producer_finish (rig->producer);
  /* the service's time to answer to the rest is over, and the last Fragment goes again */
  ck_assert (service_wait_for_stored (rig->service, 2 * FRAMES_A_FRAGMENT));
  while (!producer_rig_wait (rig, &rig->n_drained, 1))
    ck_assert_uint_le (producer_rig_count_warnings (rig), 1);
  producer_rig_assert_all_stored (rig);
}
END_TEST

/* Ends its answer without a word on the last Fragment. */
static void
end_without_the_last (Upload *upload)
{
  upload_begin_answer (upload);
  while (upload_read (upload))
    ;
  for (guint i = 0; i + 1 < upload->wire->clusters->len; i++) {
    upload_store (upload, i);
    upload_ack (upload, "PERSISTED", i);
  }
  http_peer_write (upload->peer, "0\r\n\r\n");
}

START_TEST (test_answer_without_the_last)
{
  service_add_upload (rig->service, end_without_the_last);
  producer_rig_start (rig);
  producer_rig_push (rig, 3);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  ck_assert_uint_eq (service_count (rig->service, "/putMedia"), 2);
}
END_TEST

int
main (void)
{
  static const struct {
    const gchar *name;
    void (*setup) (void);
  } transports[] = { { "plain", setup_plain }, { "tls", setup_tls } };
  Suite *s = suite_create ("session");

  for (guint i = 0; i < G_N_ELEMENTS (transports); i++) {
    TCase *tc = tcase_create (transports[i].name);

    tcase_set_timeout (tc, 60);
    tcase_add_checked_fixture (tc, transports[i].setup, teardown);
    tcase_add_test (tc, test_usual);
    tcase_add_test (tc, test_bit_by_bit);
    tcase_add_test (tc, test_backlog);
    tcase_add_loop_test (tc, test_good_service, 0, G_N_ELEMENTS (good_services));
    tcase_add_loop_test (tc, test_ending_while_paused, 0, G_N_ELEMENTS (endings));
    tcase_add_loop_test (tc, test_ending_while_media_come, 0, G_N_ELEMENTS (endings));
    tcase_add_test (tc, test_end_without_an_answer);
  tcase_add_loop_test (tc, test_refusal, 0, G_N_ELEMENTS (refusals));
    tcase_add_test (tc, test_answer_without_the_last);
    if (i == 0)
      tcase_add_test (tc, test_silence_after_the_body);
    suite_add_tcase (s, tc);
  }
  return run_suite (s);
}
