/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties and what is refused before anything is sent. */
#include <check.h>
#include <gst/gst.h>
#include <string.h>

#include "../suite.h"

static GstElement *sink;
static GstBus *bus;

static void
unset_environment (void)
{
  static const gchar *const names[] = {
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION",
    "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS_VIDEO",
    "CONTROL_PLANE_URI", "AWS_CA_BUNDLE", "KVSSINK_CA_CERT_PATH", "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_unsetenv (names[i]);
  g_setenv ("AWS_CONFIG_FILE", "/nonexistent/config", TRUE);
  g_setenv ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", TRUE);
  g_setenv ("AWS_EC2_METADATA_DISABLED", "true", TRUE);
}

static void
setup (void)
{
  unset_environment ();
  sink = gst_element_factory_make ("kvssink", NULL);
  ck_assert_msg (sink != NULL, "the plugin is not found");
  bus = gst_bus_new ();
  gst_element_set_bus (sink, bus);
}

static void
teardown (void)
{
  gst_element_set_state (sink, GST_STATE_NULL);
  gst_element_set_bus (sink, NULL);
  gst_object_unref (bus);
  gst_object_unref (sink);
}

/* ---- properties ---- */

#define UINT "guint"
#define BOOLEAN "gboolean"
#define STRING "gchararray"
#define STRUCTURE "GstStructure"

/* As the AWS producer SDK's element has them; a default of %NULL is NULL. */
static const struct {
  const gchar *name;
  const gchar *type;
  const gchar *default_value;
} properties[] = {
  { "stream-name", STRING, "DEFAULT_STREAM" },
  { "user-agent", STRING, "kvssink/" KVS_VERSION },
  { "retention-period", UINT, "2" },
  { "streaming-type", "GstKvsSinkStreamingType", "realtime" },
  { "content-type", STRING, NULL },
  { "max-latency", UINT, "0" },
  { "fragment-duration", UINT, "2000" },
  { "timecode-scale", UINT, "1" },
  { "key-frame-fragmentation", BOOLEAN, "true" },
  { "frame-timecodes", BOOLEAN, "true" },
  { "absolute-fragment-times", BOOLEAN, "true" },
  { "fragment-acks", BOOLEAN, "true" },
  { "restart-on-error", BOOLEAN, "true" },
  { "recalculate-metrics", BOOLEAN, "true" },
  { "framerate", UINT, "25" },
  { "avg-bandwidth-bps", UINT, "4194304" },
  { "buffer-duration", UINT, "120" },
  { "replay-duration", UINT, "40" },
  { "connection-staleness", UINT, "60" },
  { "codec-id", STRING, NULL },
  { "track-name", STRING, "kinesis_video" },
  { "access-key", STRING, NULL },
  { "secret-key", STRING, NULL },
  { "session-token", STRING, NULL },
  { "aws-region", STRING, NULL },
  { "rotation-period", UINT, "3600" },
  { "log-config", STRING, "../kvs_log_configuration" },
  { "storage-size", UINT, "128" },
  { "stop-stream-timeout", UINT, "120" },
  { "connection-timeout", UINT, "5" },
  { "completion-timeout", UINT, "10" },
  { "credential-path", STRING, ".kvs/credential" },
  { "iot-certificate", STRUCTURE, NULL },
  { "stream-tags", STRUCTURE, NULL },
  { "disable-buffer-clipping", BOOLEAN, "false" },
  { "use-original-pts", BOOLEAN, "false" },
  { "get-kvs-metrics", BOOLEAN, "false" },
  { "allow-create-stream", BOOLEAN, "true" },
  { "flush-interval", UINT, "100" },
  { "kms-key-id", STRING, NULL },
  { "endpoint", STRING, NULL },
  { "data-endpoint", STRING, NULL },
  { "storage-tier", "GstKvsSinkStorageTier", "default" },
  { "proxy", STRING, NULL },
  { "ip-version", "GstKvsSinkIpVersion", "any" },
  { "tls-client-cert", STRING, NULL },
  { "tls-client-key", STRING, NULL },
  { "stream-arn", STRING, NULL },
  { "use-fips", BOOLEAN, "false" },
  { "use-dual-stack", BOOLEAN, "false" },
  { "allow-insecure-endpoint", BOOLEAN, "false" },
  { "ca-path", STRING, NULL },
};

static GParamSpec *
find_property (const gchar *name)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (sink), name);

  ck_assert_msg (pspec != NULL, "no property %s", name);
  return pspec;
}

START_TEST (test_property)
{
  GParamSpec *pspec = find_property (properties[_i].name);
  g_auto (GValue) value = G_VALUE_INIT, expected = G_VALUE_INIT;

  ck_assert_str_eq (g_type_name (pspec->value_type), properties[_i].type);
  ck_assert ((pspec->flags & G_PARAM_READWRITE) == G_PARAM_READWRITE);
  ck_assert ((pspec->flags & (G_PARAM_CONSTRUCT | G_PARAM_CONSTRUCT_ONLY)) == 0);
  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (sink), pspec->name, &value);
  /* the instance has what gst-inspect-1.0 shows */
  ck_assert_int_eq (g_param_values_cmp (pspec, &value, g_param_spec_get_default_value (pspec)), 0);
  if (properties[_i].default_value == NULL) {
    ck_assert_ptr_null (g_value_peek_pointer (&value));
    return;
  }
  g_value_init (&expected, pspec->value_type);
  ck_assert (gst_value_deserialize (&expected, properties[_i].default_value));
  ck_assert_msg (g_param_values_cmp (pspec, &value, &expected) == 0, "%s", pspec->name);
}
END_TEST

START_TEST (test_file_start_time)
{
  guint64 seconds, now = (guint64) (g_get_real_time () / G_USEC_PER_SEC);

  ck_assert_str_eq (g_type_name (find_property ("file-start-time")->value_type), "guint64");
  g_object_get (sink, "file-start-time", &seconds, NULL);
  ck_assert_uint_le (seconds, now);
  ck_assert_uint_ge (seconds + 60, now);
}
END_TEST

START_TEST (test_streaming_types)
{
  static const gchar *const nicks[] = { "realtime", "near-realtime", "offline" };

  for (gint i = 0; i < 3; i++) {
    gint value;

    gst_util_set_object_arg (G_OBJECT (sink), "streaming-type", nicks[i]);
    g_object_get (sink, "streaming-type", &value, NULL);
    ck_assert_int_eq (value, i);
  }
}
END_TEST

static const gchar *const secrets[] = { "access-key", "secret-key", "session-token", "proxy" };

START_TEST (test_secret_reads_as_null)
{
  g_autofree gchar *value = NULL;

  g_object_set (sink, secrets[_i], "hush", NULL);
  g_object_set (sink, secrets[_i], "hushhush", NULL);
  g_object_get (sink, secrets[_i], &value, NULL);
  ck_assert_ptr_null (value);
}
END_TEST

START_TEST (test_structure_from_text)
{
  g_autoptr (GstStructure) tags = NULL;

  gst_util_set_object_arg (G_OBJECT (sink), "stream-tags", "tags,site=(string)gate");
  g_object_get (sink, "stream-tags", &tags, NULL);
  ck_assert_str_eq (gst_structure_get_string (tags, "site"), "gate");
}
END_TEST

START_TEST (test_stats_before_start)
{
  g_autoptr (GstStructure) stats = NULL;
  guint64 frames = 1;

  ck_assert ((find_property ("stats")->flags & G_PARAM_WRITABLE) == 0);
  g_object_get (sink, "stats", &stats, NULL);
  ck_assert (gst_structure_get_uint64 (stats, "frames-in", &frames));
  ck_assert_uint_eq (frames, 0);
}
END_TEST

START_TEST (test_element)
{
  GstElementFactory *factory = gst_element_get_factory (sink);

  ck_assert_uint_eq (gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE (factory)), GST_RANK_NONE);
  ck_assert_str_eq (gst_element_factory_get_metadata (factory, GST_ELEMENT_METADATA_KLASS),
                    "Sink/Network");
  ck_assert (GST_OBJECT_FLAG_IS_SET (sink, GST_ELEMENT_FLAG_SINK));
}
END_TEST

/* ---- what is wrong is said before anything is sent: in one error message ---- */

#define LONG_NAME \
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
set_good_settings (void)
{
  g_object_set (sink, "stream-name", "cam", "access-key", "AKID", "secret-key", "hushhush",
                "aws-region", "us-west-2", "endpoint", "http://127.0.0.1:9",
                "stop-stream-timeout", 0, NULL);
}

/* @value NULL: unset */
static const struct {
  const gchar *property;
  const gchar *value;
  const gchar *in_message;
  gint code;
} bad_settings[] = {
  { "stream-name", "", "stream-name", GST_RESOURCE_ERROR_SETTINGS },
  { "stream-name", NULL, "stream-name", GST_RESOURCE_ERROR_SETTINGS },
  { "stream-name", LONG_NAME, "stream-name", GST_RESOURCE_ERROR_SETTINGS },
  { "stream-name", "my stream", "stream-name", GST_RESOURCE_ERROR_SETTINGS },
  { "stream-name", "cam/1", "stream-name", GST_RESOURCE_ERROR_SETTINGS },
  { "stream-name", "k\303\266ln", "stream-name", GST_RESOURCE_ERROR_SETTINGS },
  { "aws-region", "us west", "aws-region", GST_RESOURCE_ERROR_SETTINGS },
  { "aws-region", "../x", "aws-region", GST_RESOURCE_ERROR_SETTINGS },
  { "aws-region", "", "aws-region", GST_RESOURCE_ERROR_SETTINGS },
  { "endpoint", "http://kinesisvideo.example.com", "endpoint", GST_RESOURCE_ERROR_SETTINGS },
  { "endpoint", "kinesisvideo.example.com", "endpoint", GST_RESOURCE_ERROR_SETTINGS },
  { "endpoint", "ftp://127.0.0.1", "endpoint", GST_RESOURCE_ERROR_SETTINGS },
  { "data-endpoint", "http://kinesisvideo.example.com", "data-endpoint",
    GST_RESOURCE_ERROR_SETTINGS },
  { "stream-arn", "arn:aws:kinesisvideo:us-west-2:1:stream/cam", "stream-arn",
    GST_RESOURCE_ERROR_SETTINGS },
  { "stream-arn", "arn:aws:kinesisvideo:us-west-2:1:stream/other/1", "stream-name",
    GST_RESOURCE_ERROR_SETTINGS },
  { "stream-arn", "arn:aws:kinesisvideo:us-east-1:1:stream/cam/1", "aws-region",
    GST_RESOURCE_ERROR_SETTINGS },
  { "proxy", "ftp://me:hush@x:1", "proxy", GST_RESOURCE_ERROR_SETTINGS },
  { "tls-client-cert", "/nonexistent/client.pem", "/nonexistent/client.pem",
    GST_RESOURCE_ERROR_SETTINGS },
  { "tls-client-key", "/nonexistent/key.pem", "tls-client-cert", GST_RESOURCE_ERROR_SETTINGS },
  { "use-fips", "true", "use-fips", GST_RESOURCE_ERROR_SETTINGS },
  { "use-dual-stack", "true", "use-dual-stack", GST_RESOURCE_ERROR_SETTINGS },
  { "ca-path", "/nonexistent/ca.pem", "ca-path", GST_RESOURCE_ERROR_SETTINGS },
  { "access-key", NULL, "access-key", GST_RESOURCE_ERROR_NOT_AUTHORIZED },
  { "secret-key", NULL, "secret-key", GST_RESOURCE_ERROR_NOT_AUTHORIZED },
  { "retention-period", "87601", "retention-period", GST_RESOURCE_ERROR_SETTINGS },
  { "timecode-scale", "1001", "timecode-scale", GST_RESOURCE_ERROR_SETTINGS },
  { "content-type", "h264", "content-type", GST_RESOURCE_ERROR_SETTINGS },
  { "codec-id", "V_MPEG4/ISO/AVC/AND/A/LOT/MORE/OF/IT", "codec-id", GST_RESOURCE_ERROR_SETTINGS },
  { "track-name", "a track name of far too many bytes", "track-name",
    GST_RESOURCE_ERROR_SETTINGS },
  { "stream-tags", "tags,site=(int)5", "stream-tags", GST_RESOURCE_ERROR_SETTINGS },
  { "stream-tags", "tags,site=(string)\"\\$\"", "stream-tags", GST_RESOURCE_ERROR_SETTINGS },
  { "iot-certificate", "iot,endpoint=(string)x", "iot-certificate", GST_RESOURCE_ERROR_SETTINGS },
};

static void
play (void)
{
  ck_assert_int_eq (gst_element_set_state (sink, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
}

/* Once it is corrected. */
static void
assert_runs (void)
{
  ck_assert_int_eq (gst_element_set_state (sink, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  play ();
  ck_assert_ptr_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR));
}

static void
assert_one_error (gint code, const gchar *in_message)
{
  g_autoptr (GstMessage) message
      = gst_bus_timed_pop_filtered (bus, 20 * GST_SECOND, GST_MESSAGE_ERROR);
  g_autoptr (GstMessage) second = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_nonnull (message);
  ck_assert_ptr_null (second);
  gst_message_parse_error (message, &error, NULL);
  ck_assert_msg (g_error_matches (error, GST_RESOURCE_ERROR, code), "%d: %s", error->code,
                 error->message);
  ck_assert_msg (strstr (error->message, in_message) != NULL, "%s", error->message);
  ck_assert_msg (strstr (error->message, "hush") == NULL, "%s", error->message);
}

START_TEST (test_bad_setting)
{
  set_good_settings ();
  if (bad_settings[_i].value != NULL)
    gst_util_set_object_arg (G_OBJECT (sink), bad_settings[_i].property,
                             bad_settings[_i].value);
  else
    g_object_set (sink, bad_settings[_i].property, NULL, NULL);
  play ();
  assert_one_error (bad_settings[_i].code, bad_settings[_i].in_message);

  /* once it is corrected it runs */
  g_object_set (sink, "ca-path", NULL, "retention-period", 2, "timecode-scale", 1, "content-type",
                NULL, "codec-id", NULL, "track-name", "cam", "stream-tags", NULL,
                "iot-certificate", NULL, "use-fips", FALSE, "use-dual-stack", FALSE,
                "data-endpoint", NULL, "stream-arn", NULL, "proxy", NULL,
                "tls-client-cert", NULL, "tls-client-key", NULL, NULL);
  set_good_settings ();
  assert_runs ();
}
END_TEST

START_TEST (test_no_credentials)
{
  set_good_settings ();
  g_object_set (sink, "access-key", NULL, "secret-key", NULL, NULL);
  play ();
  assert_one_error (GST_RESOURCE_ERROR_NOT_AUTHORIZED, "AWS_ACCESS_KEY_ID");

  g_setenv ("AWS_ACCESS_KEY_ID", "AKID", TRUE);
  g_setenv ("AWS_SECRET_ACCESS_KEY", "SECRET", TRUE);
  assert_runs ();
}
END_TEST

START_TEST (test_ca_path_of_the_environment)
{
  set_good_settings ();
  g_setenv ("AWS_CA_BUNDLE", "/nonexistent/bundle.pem", TRUE);
  play ();
  assert_one_error (GST_RESOURCE_ERROR_SETTINGS, "AWS_CA_BUNDLE");
}
END_TEST

START_TEST (test_insecure_endpoint_if_allowed)
{
  set_good_settings ();
  g_object_set (sink, "endpoint", "http://kinesisvideo.example.com", "allow-insecure-endpoint",
                TRUE, NULL);
  assert_runs ();
}
END_TEST

/* Frames that come nevertheless end the stream, once it was said why. */
START_TEST (test_buffer_in_spite_of_bad_settings)
{
  g_autoptr (GstPad) pad = gst_element_request_pad_simple (sink, "video_%u");

  set_good_settings ();
  g_object_set (sink, "stream-name", "", NULL);
  gst_element_set_state (sink, GST_STATE_PAUSED);
  gst_pad_send_event (pad, gst_event_new_stream_start ("x"));
  ck_assert_int_eq (gst_pad_chain (pad, gst_buffer_new ()), GST_FLOW_ERROR);
  assert_one_error (GST_RESOURCE_ERROR_SETTINGS, "stream-name");
  play ();
  ck_assert_ptr_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR));
  gst_element_release_request_pad (sink, pad);
}
END_TEST

/* ---- pads ---- */

static GstPad *
request (const gchar *name)
{
  return gst_element_request_pad_simple (sink, name);
}

static void
release (GstPad *pad)
{
  gst_element_release_request_pad (sink, pad);
  gst_object_unref (pad);
}

/* A stream has three tracks, of any kind. */
START_TEST (test_request_pads)
{
  GstPad *video = request ("video_%u");
  GstPad *audio = request ("audio_%u");
  GstPad *second = request ("video_5");

  ck_assert_str_eq (GST_PAD_NAME (video), "video_0");
  ck_assert_str_eq (GST_PAD_NAME (audio), "audio_0");
  ck_assert_str_eq (GST_PAD_NAME (second), "video_5");
  ck_assert_ptr_null (request ("video_%u"));
  ck_assert_ptr_null (request ("audio_%u"));
  release (video);
  video = request ("video_%u");
  ck_assert_str_eq (GST_PAD_NAME (video), "video_0");
  release (video);
  release (second);
  release (audio);
  ck_assert_uint_eq (sink->numsinkpads, 0);
}
END_TEST

static const struct {
  const gchar *caps;
  gboolean is_video;
  gboolean is_audio;
} caps_cases[] = {
  { "video/x-h264,stream-format=avc,alignment=au", TRUE, FALSE },
  { "video/x-h264,stream-format=byte-stream,alignment=au", TRUE, FALSE },
  { "video/x-h264,stream-format=avc3,alignment=au", TRUE, FALSE },
  { "video/x-h264,stream-format=byte-stream,alignment=nal", TRUE, FALSE },
  { "video/x-h265,stream-format=hvc1,alignment=au", TRUE, FALSE },
  { "video/x-h265,stream-format=hev1,alignment=au", TRUE, FALSE },
  { "video/x-h265,stream-format=byte-stream,alignment=au", TRUE, FALSE },
  { "video/x-h265,stream-format=byte-stream,alignment=nal", TRUE, FALSE },
  { "video/x-raw,format=I420", FALSE, FALSE },
  { "audio/mpeg,mpegversion=4", FALSE, FALSE },
  { "audio/mpeg,mpegversion=4,stream-format=raw", FALSE, TRUE },
  { "audio/mpeg,mpegversion=2,stream-format=adts", FALSE, TRUE },
  { "audio/mpeg,mpegversion=4,stream-format=loas", FALSE, FALSE },
  { "audio/mpeg,mpegversion=1,layer=3", FALSE, FALSE },
  { "audio/x-alaw,rate=8000,channels=1", FALSE, TRUE },
  { "audio/x-mulaw,rate=8000,channels=1", FALSE, TRUE },
  { "audio/x-raw,format=S16LE", FALSE, FALSE },
};

START_TEST (test_caps)
{
  GstPad *video = request ("video_%u");
  GstPad *audio = request ("audio_%u");
  g_autoptr (GstCaps) caps = gst_caps_from_string (caps_cases[_i].caps);

  ck_assert_int_eq (gst_pad_query_accept_caps (video, caps), caps_cases[_i].is_video);
  ck_assert_int_eq (gst_pad_query_accept_caps (audio, caps), caps_cases[_i].is_audio);
  release (video);
  release (audio);
}
END_TEST

static Suite *
kvssink_settings_suite (void)
{
  Suite *s = suite_create ("kvssink-settings");
  TCase *tc = tcase_create ("settings");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_property, 0, G_N_ELEMENTS (properties));
  tcase_add_test (tc, test_file_start_time);
  tcase_add_test (tc, test_streaming_types);
  tcase_add_loop_test (tc, test_secret_reads_as_null, 0, G_N_ELEMENTS (secrets));
  tcase_add_test (tc, test_structure_from_text);
  tcase_add_test (tc, test_stats_before_start);
  tcase_add_test (tc, test_element);
  tcase_add_loop_test (tc, test_bad_setting, 0, G_N_ELEMENTS (bad_settings));
  tcase_add_test (tc, test_no_credentials);
  tcase_add_test (tc, test_ca_path_of_the_environment);
  tcase_add_test (tc, test_insecure_endpoint_if_allowed);
  tcase_add_test (tc, test_buffer_in_spite_of_bad_settings);
  tcase_add_test (tc, test_request_pads);
  tcase_add_loop_test (tc, test_caps, 0, G_N_ELEMENTS (caps_cases));
  suite_add_tcase (s, tc);
  return s;
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  return run_suite (kvssink_settings_suite ());
}
