/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a producer spaces its tries: what counts as a failure in a row, and what ends the row. */
#include <check.h>
#include <string.h>

#include "../suite.h"
#include "producer-rig.h"

#define N_FAULTS 3

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

/* The retries @from to @from + @n - 1 count failures from @n_failures on. */
static void
assert_row (guint from, guint n, guint n_failures)
{
  for (guint i = 0; i < n; i++) {
    Reconnect reconnect = producer_rig_wait_for_reconnect (rig, from + i);
    gint64 bound_us = (G_USEC_PER_SEC / 2) << (n_failures + i - 1);

    ck_assert_uint_eq (reconnect.n_failures, n_failures + i);
    ck_assert_int_le (reconnect.delay_us, bound_us);
  }
}

static void
add_faults (void)
{
  for (guint i = 0; i < N_FAULTS; i++)
    service_add_error (rig->service, "/describeStream", 500, NULL, "oops");
}

/* All of it is stored and told, and then the network breaks. */
static const gchar *last_ack;

static void
serve_and_break (Upload *upload)
{
  upload_begin_answer (upload);
  upload_read_until_quiet (upload, 2);
  for (guint i = 0; i < 2; i++) {
    upload_store (upload, i);
    if (last_ack != NULL)
      upload_ack (upload, last_ack, i);
  }
  if (last_ack != NULL)
    ck_assert (producer_rig_wait (rig, &rig->n_acks, 2));
  http_peer_reset (upload->peer);
}

/* @ends: whether the Session ends the row of failures. */
static void
check_break (gboolean ends)
{
  add_faults ();
  service_add_upload (rig->service, serve_and_break);
  producer_rig_start (rig);
  assert_row (1, N_FAULTS, 1);
  /* three fragments, of which the service reads two */
  producer_rig_push (rig, 2);
  ck_assert (service_wait_for_stored (rig->service, 2 * FRAMES_A_FRAGMENT));
  producer_rig_push (rig, 1);
  assert_row (N_FAULTS + 1, 1, ends ? 1 : N_FAULTS + 1);
}

START_TEST (test_persisted_ends_the_row)
{
  last_ack = "PERSISTED";
  check_break (TRUE);
}
END_TEST

/* A service that takes in all and stores nothing is not well. */
START_TEST (test_received_does_not)
{
  last_ack = "RECEIVED";
  check_break (FALSE);
}
END_TEST

START_TEST (test_received_does_where_nothing_is_kept)
{
  last_ack = "RECEIVED";
  add_faults ();
  service_add_error (rig->service, "/describeStream", 200, NULL,
                     "{\"StreamInfo\":{\"Status\":\"ACTIVE\",\"DataRetentionInHours\":0}}");
  service_add_upload (rig->service, serve_and_break);
  producer_rig_start (rig);
  assert_row (1, N_FAULTS, 1);
  producer_rig_push (rig, 2);
  ck_assert (service_wait_for_stored (rig->service, 2 * FRAMES_A_FRAGMENT));
  producer_rig_push (rig, 1);
  assert_row (N_FAULTS + 1, 1, 1);
}
END_TEST

/* No Ack ever comes: what was sent has to do. */
START_TEST (test_sent_does_without_acks)
{
  rig->definition->fragment_acks = FALSE;
  last_ack = NULL;
  check_break (TRUE);
}
END_TEST

static void
answer_with_error (Upload *upload)
{
  upload_begin_answer (upload);
  upload_read_until_quiet (upload, 2);
  upload_ack (upload, "RECEIVED", 0);
  upload_ack_error (upload, 5001, 0);
  http_peer_wait_until_closed (upload->peer);
}

START_TEST (test_error_acks_are_a_row)
{
  for (guint i = 0; i < N_FAULTS; i++)
    service_add_upload (rig->service, answer_with_error);
  producer_rig_start (rig);
  producer_rig_push (rig, 2);
  assert_row (1, N_FAULTS, 1);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
}
END_TEST

/* ---- Retry-After ---- */

static void
refuse_for_a_while (Upload *upload)
{
  http_peer_write (upload->peer, "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nConnection: close\r\n"
                   "Content-Length: 0\r\n\r\n");
  http_peer_wait_until_closed (upload->peer);
}

START_TEST (test_retry_after_of_an_upload)
{
  service_add_upload (rig->service, refuse_for_a_while);
  producer_rig_start (rig);
  producer_rig_push (rig, 1);
  ck_assert_int_eq (producer_rig_wait_for_reconnect (rig, 1).delay_us, 2 * G_USEC_PER_SEC);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
}
END_TEST

static const struct {
  const gchar *headers;
  gint64 least_us;
  gint64 most_us;
} retry_afters[] = {
  { "Retry-After: 120\r\n", 120 * G_USEC_PER_SEC, 120 * G_USEC_PER_SEC },
  /* an hour at most, whoever asks for more */
  { "Retry-After: 999999999999\r\n", 3600 * (gint64) G_USEC_PER_SEC,
    3600 * (gint64) G_USEC_PER_SEC },
  /* a date counts from the service's own */
  { "Date: Tue, 02 Jan 2024 03:04:05 GMT\r\nRetry-After: Tue, 02 Jan 2024 03:05:05 GMT\r\n",
    60 * G_USEC_PER_SEC, 60 * G_USEC_PER_SEC },
  { "Retry-After: Tue, 02 Jan 2024 03:05:05 GMT\r\nDate: Tue, 02 Jan 2024 03:04:05 GMT\r\n",
    60 * G_USEC_PER_SEC, 60 * G_USEC_PER_SEC },
  { "Retry-After: Tue, 02 Jan 2024 03:05:05 GMT\r\n", 1, G_USEC_PER_SEC / 2 },
  { "Retry-After: -1\r\n", 1, G_USEC_PER_SEC / 2 },
  { "Retry-After: soon\r\n", 1, G_USEC_PER_SEC / 2 },
  { "Retry-After:\r\n", 1, G_USEC_PER_SEC / 2 },
};

START_TEST (test_retry_after)
{
  g_autofree gchar *answer = g_strdup_printf ("HTTP/1.1 503 Busy\r\n%sContent-Length: 0\r\n\r\n",
                                              retry_afters[_i].headers);
  Reconnect reconnect;

  service_add_answer (rig->service, "/describeStream", answer);
  producer_rig_start (rig);
  reconnect = producer_rig_wait_for_reconnect (rig, 1);
  ck_assert_int_ge (reconnect.delay_us, retry_afters[_i].least_us);
  ck_assert_int_le (reconnect.delay_us, retry_afters[_i].most_us);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("producer-retry");
  TCase *tc = tcase_create ("producer-retry");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_persisted_ends_the_row);
  tcase_add_test (tc, test_received_does_not);
  tcase_add_test (tc, test_received_does_where_nothing_is_kept);
  tcase_add_test (tc, test_sent_does_without_acks);
  tcase_add_test (tc, test_error_acks_are_a_row);
  tcase_add_test (tc, test_retry_after_of_an_upload);
  tcase_add_loop_test (tc, test_retry_after, 0, G_N_ELEMENTS (retry_afters));
  suite_add_tcase (s, tc);
  return run_suite (s);
}
