/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kvssink with a scripted service, or with one that does not answer. */
#include <arpa/inet.h>
#include <check.h>
#include <gst/check/gstharness.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../suite.h"
#include "kvs-service.h"
#include "wait.h"

#define CAPS \
  "video/x-h264,stream-format=avc,alignment=au,width=320,height=240,framerate=10/1," \
  "codec_data=(buffer)" MEDIA_AVCC_HEX
#define FRAMES_A_FRAGMENT 5
#define FRAME_TIME (GST_SECOND / 10)
/* far more than a state change takes that waits for nobody */
#define QUICKLY_US (3 * (gint64) G_USEC_PER_SEC)

static Service *service;
static GstElement *sink;
static GstBus *bus;
static GstHarness *harness;
static guint n_threads_before;
static int deaf_fd;

static void
setup (void)
{
  n_threads_before = count_threads_before ();
  service = service_new (FALSE);
  deaf_fd = -1;
  sink = gst_element_factory_make ("kvssink", NULL);
  ck_assert_msg (sink != NULL, "the plugin is not found");
  gst_object_ref_sink (sink);
  bus = gst_bus_new ();
  gst_element_set_bus (sink, bus);
  g_object_set (sink, "stream-name", "cam", "access-key", "AKID", "secret-key", "SECRET",
                "aws-region", "us-west-2", "endpoint", service_get_url (service),
                "flush-interval", 10, "stop-stream-timeout", 0, NULL);
}

static gboolean
is_last_reference (gpointer object)
{
  return GST_OBJECT_REFCOUNT_VALUE (object) == 1;
}

static void
teardown (void)
{
  if (harness != NULL)
    gst_harness_teardown (harness);
  harness = NULL;
  gst_element_set_state (sink, GST_STATE_NULL);
  gst_element_set_bus (sink, NULL);
  gst_object_unref (bus);
  /* the I/O thread may be in the middle of a message */
  ck_assert (wait_until (is_last_reference, sink));
  gst_object_unref (sink);
  service_free (service);
  if (deaf_fd >= 0)
    close (deaf_fd);
  ck_assert (wait_until_threads_are (n_threads_before));
}

/* Plays. */
static void
start (void)
{
  harness = gst_harness_new_with_element (sink, "video_%u", NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
}

static GstBuffer *
make_buffer (guint id, gsize size)
{
  gboolean is_key = id % FRAMES_A_FRAGMENT == 0;
  g_autoptr (GBytes) payload = media_payload_new (id, is_key, size);
  GstBuffer *buffer = gst_buffer_new_wrapped_bytes (payload);

  GST_BUFFER_PTS (buffer) = id * FRAME_TIME;
  GST_BUFFER_DURATION (buffer) = FRAME_TIME;
  if (!is_key)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  return buffer;
}

static void
push (guint first, guint n)
{
  for (guint i = first; i < first + n; i++)
    ck_assert_int_eq (gst_harness_push (harness, make_buffer (i, 100)), GST_FLOW_OK);
}

static GstMessage *
wait_for (GstMessageType type)
{
  GstMessage *message = gst_bus_timed_pop_filtered (bus, WAIT_LIMIT_US * 1000,
                                                    type | GST_MESSAGE_ERROR);

  ck_assert_msg (message != NULL, "no message");
  ck_assert_msg ((GST_MESSAGE_TYPE (message) & type) != 0, "%s", GST_MESSAGE_TYPE_NAME (message));
  return message;
}

/* Until all is delivered. */
static void
end_stream (void)
{
  g_autoptr (GstMessage) message = NULL;

  gst_harness_push_event (harness, gst_event_new_eos ());
  message = wait_for (GST_MESSAGE_EOS);
}

/* ---- where the stream ends ---- */

START_TEST (test_eos)
{
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GstMessage) second = NULL;
  GstEvent *eos = gst_event_new_eos ();
  guint32 seqnum = gst_event_get_seqnum (eos);

  g_object_set (sink, "stop-stream-timeout", 60, NULL);
  start ();
  push (0, 12);
  ck_assert (gst_harness_push_event (harness, eos));
  message = wait_for (GST_MESSAGE_EOS);
  ck_assert_uint_eq (gst_message_get_seqnum (message), seqnum);
  service_assert_stored_once (service, 12);
  ck_assert_int_eq (gst_harness_push (harness, make_buffer (12, 100)), GST_FLOW_EOS);
  /* once */
  gst_element_set_state (sink, GST_STATE_PAUSED);
  gst_element_set_state (sink, GST_STATE_PLAYING);
  second = gst_bus_pop_filtered (bus, GST_MESSAGE_EOS);
  ck_assert_ptr_null (second);
}
END_TEST

static gboolean
has_ended (gpointer user_data)
{
  g_autoptr (GstMessage) message = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT);

  return message != NULL && gst_message_has_name (message, "kvs-session-ended");
}

START_TEST (test_eos_while_paused)
{
  g_autoptr (GstMessage) early = NULL;
  g_autoptr (GstMessage) message = NULL;

  g_object_set (sink, "stop-stream-timeout", 60, NULL);
  start ();
  gst_element_set_state (sink, GST_STATE_PAUSED);
  push (0, 12);
  gst_harness_push_event (harness, gst_event_new_eos ());
  ck_assert (service_wait_for_stored (service, 12));
  ck_assert (wait_until (has_ended, NULL));
  early = gst_bus_pop_filtered (bus, GST_MESSAGE_EOS);
  ck_assert_ptr_null (early);
  gst_element_set_state (sink, GST_STATE_PLAYING);
  message = wait_for (GST_MESSAGE_EOS);
}
END_TEST

START_TEST (test_eos_without_media)
{
  start ();
  end_stream ();
  ck_assert_uint_eq (service_count (service, "/putMedia"), 0);
}
END_TEST

/* ---- a service that does not answer ---- */

/* Connections are made by the kernel, and nothing comes over them. */
static void
use_deaf_endpoint (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t size = sizeof address;
  g_autofree gchar *url = NULL;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  deaf_fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq (bind (deaf_fd, (struct sockaddr *) &address, sizeof address), 0);
  ck_assert_int_eq (listen (deaf_fd, 4), 0);
  getsockname (deaf_fd, (struct sockaddr *) &address, &size);
  url = g_strdup_printf ("http://127.0.0.1:%u", ntohs (address.sin_port));
  g_object_set (sink, "endpoint", url, NULL);
}

static void
never_answer (Upload *upload)
{
  http_peer_wait_until_closed (upload->peer);
}

static void
use_silent_service (void)
{
  for (guint i = 0; i < 10; i++)
    service_add_upload (service, never_answer);
}

static void (*const deaf_services[]) (void) = { use_deaf_endpoint, use_silent_service };

static void
set_state_quickly (GstState state)
{
  gint64 start_us = g_get_monotonic_time ();

  ck_assert_int_eq (gst_element_set_state (sink, state), GST_STATE_CHANGE_SUCCESS);
  ck_assert_int_lt (g_get_monotonic_time () - start_us, QUICKLY_US);
}

START_TEST (test_state_changes_do_not_wait)
{
  deaf_services[_i] ();
  start ();
  for (guint i = 0; i < 3; i++) {
    push (0, 12);
    set_state_quickly (GST_STATE_PAUSED);
    set_state_quickly (GST_STATE_PLAYING);
    set_state_quickly (GST_STATE_READY);
    set_state_quickly (GST_STATE_NULL);
    gst_harness_teardown (harness);
    start ();
  }
}
END_TEST

static gint n_pushed; /* atomic */
static gint last_flow;

static gpointer
push_until_refused (gpointer data)
{
  GstFlowReturn flow = GST_FLOW_OK;

  for (guint i = 0; i < 1000 && flow == GST_FLOW_OK; i++) {
    flow = gst_harness_push (harness, make_buffer (i, 100));
    if (flow == GST_FLOW_OK)
      g_atomic_int_inc (&n_pushed);
  }
  g_atomic_int_set (&last_flow, (gint) flow);
  return NULL;
}

/* A second and a bit, in whole Fragments: the next buffer waits. */
static gboolean
is_full (gpointer user_data)
{
  return g_atomic_int_get (&n_pushed) >= 11;
}

static GThread *
block_a_source (void)
{
  GThread *thread;

  g_object_set (sink, "buffer-duration", 1, NULL);
  gst_util_set_object_arg (G_OBJECT (sink), "streaming-type", "offline");
  deaf_services[0] ();
  start ();
  g_atomic_int_set (&n_pushed, 0);
  thread = g_thread_new ("source", push_until_refused, NULL);
  ck_assert (wait_until (is_full, NULL));
  return thread;
}

START_TEST (test_flush_releases_the_source)
{
  GThread *thread = block_a_source ();

  gst_harness_push_event (harness, gst_event_new_flush_start ());
  g_thread_join (thread);
  ck_assert_int_eq (last_flow, GST_FLOW_FLUSHING);
  ck_assert_int_le (n_pushed, 12);
  gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE));
}
END_TEST

START_TEST (test_ready_releases_the_source)
{
  GThread *thread = block_a_source ();

  set_state_quickly (GST_STATE_READY);
  g_thread_join (thread);
  ck_assert_int_eq (last_flow, GST_FLOW_FLUSHING);
}
END_TEST

/* ---- again and again ---- */

START_TEST (test_reuse)
{
  const guint n_frames = 2 * FRAMES_A_FRAGMENT;

  g_object_set (sink, "stop-stream-timeout", 60, NULL);
  for (guint i = 1; i <= 10; i++) {
    start ();
    push (0, n_frames);
    end_stream ();
    ck_assert_uint_eq (service_count_stored (service), i * n_frames);
    set_state_quickly (i % 2 == 0 ? GST_STATE_NULL : GST_STATE_READY);
    gst_harness_teardown (harness);
    harness = NULL;
  }
}
END_TEST

START_TEST (test_ready_and_back_delivers_both)
{
  g_object_set (sink, "stop-stream-timeout", 60, NULL);
  for (guint i = 0; i < 3; i++) {
    start ();
    push (0, FRAMES_A_FRAGMENT);
    set_state_quickly (GST_STATE_READY);
    gst_harness_teardown (harness);
    harness = NULL;
  }
  ck_assert (service_wait_for_stored (service, 3 * FRAMES_A_FRAGMENT));
}
END_TEST

/* ---- frames ---- */

START_TEST (test_asks_for_a_key_frame)
{
  g_autoptr (GstEvent) event = NULL;

  start ();
  for (guint i = 1; i < 4; i++)
    ck_assert_int_eq (gst_harness_push (harness, make_buffer (i, 100)), GST_FLOW_OK);
  while ((event = gst_harness_try_pull_upstream_event (harness)) != NULL
         && !gst_event_has_name (event, "GstForceKeyUnit"))
    gst_event_unref (event);
  ck_assert_ptr_nonnull (event);
  /* not for each frame */
  {
    GstEvent *other;

    while ((other = gst_harness_try_pull_upstream_event (harness)) != NULL) {
      ck_assert (!gst_event_has_name (other, "GstForceKeyUnit"));
      gst_event_unref (other);
    }
  }
}
END_TEST

/* A hardware encoder may have only these. */
START_TEST (test_pool_buffers_are_copied)
{
  g_autoptr (GstBufferPool) pool = gst_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);

  gst_buffer_pool_config_set_params (config, NULL, 100, 2, 2);
  ck_assert (gst_buffer_pool_set_config (pool, config));
  ck_assert (gst_buffer_pool_set_active (pool, TRUE));
  deaf_services[0] ();
  start ();
  for (guint i = 0; i < 20; i++) {
    const GstBufferPoolAcquireParams params = { .flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT };
    g_autoptr (GBytes) payload = media_payload_new (i, i == 0, 100);
    GstBuffer *buffer = NULL;

    ck_assert_int_eq (
        gst_buffer_pool_acquire_buffer (pool, &buffer, (GstBufferPoolAcquireParams *) &params),
        GST_FLOW_OK);
    gst_buffer_fill (buffer, 0, g_bytes_get_data (payload, NULL), 100);
    GST_BUFFER_PTS (buffer) = i * FRAME_TIME;
    ck_assert_int_eq (gst_harness_push (harness, buffer), GST_FLOW_OK);
  }
  gst_buffer_pool_set_active (pool, FALSE);
}
END_TEST

static gboolean
is_let_go (gpointer memory)
{
  return GST_MINI_OBJECT_REFCOUNT_VALUE (memory) == 1;
}

START_TEST (test_memory_is_referred_to)
{
  GstBuffer *buffer = make_buffer (0, 5000);
  GstMemory *memory = gst_buffer_get_memory (buffer, 0);
  GstBuffer *kept = gst_buffer_ref (buffer);

  g_object_set (sink, "stop-stream-timeout", 60, NULL);
  start ();
  /* a reference of the buffer, ours, and the sink's: it was not copied */
  ck_assert_int_eq (gst_harness_push (harness, buffer), GST_FLOW_OK);
  ck_assert_int_eq (GST_MINI_OBJECT_REFCOUNT_VALUE (memory), 3);
  ck_assert_int_eq (GST_MINI_OBJECT_REFCOUNT_VALUE (kept), 1);
  gst_buffer_unref (kept);
  push (1, FRAMES_A_FRAGMENT);
  end_stream ();
  ck_assert (wait_until (is_let_go, memory));
  /* and nobody wrote to it */
  {
    GstMapInfo map;

    ck_assert (gst_memory_map (memory, &map, GST_MAP_READ));
    ck_assert_uint_eq (media_payload_id (map.data, map.size), 0);
    gst_memory_unmap (memory, &map);
  }
  gst_memory_unref (memory);
}
END_TEST

START_TEST (test_damaged_buffers)
{
  static const guint8 damaged[] = { 0, 0, 0, 200, 0x65, 1, 2 };
  g_autoptr (GstMessage) warning = NULL;

  g_object_set (sink, "stop-stream-timeout", 60, NULL);
  start ();
  push (0, 1);
  ck_assert_int_eq (gst_harness_push (harness, gst_buffer_new ()), GST_FLOW_OK);
  ck_assert_int_eq (
      gst_harness_push (harness, gst_buffer_new_memdup (damaged, sizeof damaged)), GST_FLOW_OK);
  warning = wait_for (GST_MESSAGE_WARNING);
  push (1, FRAMES_A_FRAGMENT);
  end_stream ();
  service_assert_stored_once (service, FRAMES_A_FRAGMENT + 1);
}
END_TEST

START_TEST (test_lasting_error)
{
  g_autoptr (GstMessage) message = NULL;
  GstFlowReturn flow = GST_FLOW_OK;
  g_autoptr (GError) error = NULL;

  service_add_error (service, "/describeStream", 403, "AccessDeniedException", "no");
  start ();
  message = wait_for (GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  ck_assert (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED));
  for (guint i = 0; flow == GST_FLOW_OK && i < G_MAXINT; i++)
    flow = gst_harness_push (harness, make_buffer (0, 100));
  ck_assert_int_eq (flow, GST_FLOW_ERROR);
}
END_TEST

static Suite *
kvssink_suite (void)
{
  Suite *s = suite_create ("kvssink");
  TCase *tc = tcase_create ("kvssink");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_eos);
  tcase_add_test (tc, test_eos_while_paused);
  tcase_add_test (tc, test_eos_without_media);
  tcase_add_loop_test (tc, test_state_changes_do_not_wait, 0, G_N_ELEMENTS (deaf_services));
  tcase_add_test (tc, test_flush_releases_the_source);
  tcase_add_test (tc, test_ready_releases_the_source);
  tcase_add_test (tc, test_reuse);
  tcase_add_test (tc, test_ready_and_back_delivers_both);
  tcase_add_test (tc, test_asks_for_a_key_frame);
  tcase_add_test (tc, test_pool_buffers_are_copied);
  tcase_add_test (tc, test_memory_is_referred_to);
  tcase_add_test (tc, test_damaged_buffers);
  tcase_add_test (tc, test_lasting_error);
  suite_add_tcase (s, tc);
  return s;
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  return run_suite (kvssink_suite ());
}
