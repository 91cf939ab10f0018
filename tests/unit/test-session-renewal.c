/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One session follows the other, and nothing is lost, doubled or called a failure. */
#include <check.h>
#include <string.h>

#include "../suite.h"
#include "producer-rig.h"

#define MAX_CONNECTION_DURATION_REACHED 4003

static ProducerRig *rig;

static void
setup (void)
{
  rig = producer_rig_new (FALSE);
  /* no Fragment is begun because an Ack took long */
  rig->frame_ns = 3 * MEDIA_S;
  rig->definition->buffer_duration_ns = 3600 * MEDIA_S;
}

static void
teardown (void)
{
  producer_rig_free (rig);
}

static void
assert_was_renewed (guint n_sessions)
{
  KvsProducerStats stats;

  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  kvs_producer_get_stats (rig->producer, &stats);
  ck_assert_uint_eq (stats.sessions, n_sessions);
  ck_assert_uint_eq (stats.reconnects, 0);
  ck_assert_uint_eq (producer_rig_count_warnings (rig), 0);
  ck_assert_uint_eq (rig->reconnects->len, 0);
  ck_assert_uint_eq (rig->failures->len, 0);
}

/* ---- the service ends the connection ---- */

/* In the middle of the second Fragment. */
static void
end_old_connection (Upload *upload)
{
  upload_begin_answer (upload);
  upload_read_until_quiet (upload, 2);
  upload_store (upload, 0);
  upload_ack (upload, "PERSISTED", 0);
  upload_ack_error (upload, MAX_CONNECTION_DURATION_REACHED, 1);
  http_peer_write (upload->peer, "0\r\n\r\n");
  http_peer_wait_until_closed (upload->peer);
}

/* What is stored already is not sent again, though its Ack comes last. */
static void
end_before_the_last_ack (Upload *upload)
{
  upload_begin_answer (upload);
  upload_read_until_quiet (upload, 2);
  upload_ack_error (upload, MAX_CONNECTION_DURATION_REACHED, 1);
  http_peer_is_quiet (upload->peer, 200);
  upload_store (upload, 0);
  upload_ack (upload, "PERSISTED", 0);
  http_peer_wait_until_closed (upload->peer);
}

static const UploadFunc endings[] = { end_old_connection, end_before_the_last_ack };

START_TEST (test_connection_duration)
{
  service_add_upload (rig->service, endings[_i]);
  service_add_upload (rig->service, endings[_i]);
  producer_rig_start (rig);
  producer_rig_push (rig, 5);
  assert_was_renewed (3);
}
END_TEST

/* It is no error that restart-on-error=false is about. */
START_TEST (test_connection_duration_without_restarts)
{
  rig->definition->restart_on_error = FALSE;
  service_add_upload (rig->service, end_old_connection);
  producer_rig_start (rig);
  producer_rig_push (rig, 3);
  assert_was_renewed (2);
}
END_TEST

/* Nobody stays to hear of the rest. */
static void
end_and_forget (Upload *upload)
{
  upload_begin_answer (upload);
  upload_read_until_quiet (upload, 2);
  upload_ack_error (upload, MAX_CONNECTION_DURATION_REACHED, 1);
  http_peer_wait_until_closed (upload->peer);
}

/* A service that takes nothing is not asked again and again. */
START_TEST (test_connection_duration_without_progress)
{
  service_add_upload (rig->service, end_and_forget);
  producer_rig_start (rig);
  producer_rig_push (rig, 3);
  ck_assert (strstr (producer_rig_wait_for_warning (rig, 1)->message, "4003") != NULL);
  producer_rig_finish (rig);
  producer_rig_assert_all_stored (rig);
  ck_assert_uint_eq (rig->reconnects->len, 1);
}
END_TEST

/* ---- the producer ends the session ---- */

/* All is acknowledged, and the end of the answer does not come: nothing waits for it. */
static void
serve_without_an_end (Upload *upload)
{
  upload_begin_answer (upload);
  while (upload_read (upload))
    for (; upload->n_answered + 1 < upload->wire->clusters->len; upload->n_answered++) {
      upload_store (upload, upload->n_answered);
      upload_ack (upload, "PERSISTED", upload->n_answered);
    }
  upload_store (upload, upload->n_answered);
  upload_ack (upload, "PERSISTED", upload->n_answered);
  http_peer_wait_until_closed (upload->peer);
}

START_TEST (test_answer_without_an_end)
{
  service_add_upload (rig->service, serve_without_an_end);
  producer_rig_start (rig);
  producer_rig_push (rig, 2);
  /* another header */
  rig->next_track = media_track_new ();
  rig->next_track->width += 16;
  producer_rig_push (rig, 2);
  ck_assert (service_wait_for_count (rig->service, "/putMedia", 2));
  assert_was_renewed (2);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("session-renewal");
  TCase *tc = tcase_create ("renewal");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_connection_duration, 0, G_N_ELEMENTS (endings));
  tcase_add_test (tc, test_connection_duration_without_restarts);
  tcase_add_test (tc, test_connection_duration_without_progress);
  tcase_add_test (tc, test_answer_without_an_end);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
