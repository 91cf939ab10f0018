/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata out of events, tag lists and structures, of any shape that an application may send. */
#include "../../gst/metadata-events.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "error.h"
#include "tags-text.h"

#define IMAGE "AWS_KINESISVIDEO_IMAGE_GENERATION="
#define PREFIX "AWS_KINESISVIDEO_IMAGE_PREFIX="
#define NOTIFICATION "AWS_KINESISVIDEO_NOTIFICATION="

static KvsMetadata *metadata;

static void
setup (void)
{
  metadata = kvs_metadata_new ();
}

static void
teardown (void)
{
  kvs_metadata_unref (metadata);
}

static void
assert_next (const gchar *expected)
{
  assert_tags (kvs_metadata_take (metadata), expected);
}

static GstStructure *
structure_of (const gchar *text)
{
  GstStructure *structure = gst_structure_from_string (text, NULL);

  ck_assert_msg (structure != NULL, "%s", text);
  return structure;
}

/* @message is NULL for what is taken. */
static void
assert_outcome (gboolean good, const GError *error, const gchar *message)
{
  ck_assert_msg (good == (message == NULL), "%s", error != NULL ? error->message : "no error");
  ck_assert_int_eq (error == NULL, good);
  if (good)
    return;
  ck_assert_uint_eq (error->domain, KVS_ERROR);
  ck_assert_msg (strstr (error->message, message) != NULL, "\"%s\" does not say \"%s\"",
                 error->message, message);
}

static void
send_structure (GstEventType type, GstStructure *structure, gboolean is_ours, const gchar *message)
{
  g_autoptr (GstEvent) event = gst_event_new_custom (type, structure);
  g_autoptr (GError) error = NULL;
  gboolean handled = !is_ours;
  gboolean good = gst_kvs_metadata_read_event (event, metadata, &handled, &error);

  ck_assert_int_eq (handled, is_ours);
  assert_outcome (good, error, message);
}

/* ---- events ---- */

static const struct {
  const gchar *event;
  const gchar *next;
  const gchar *one_after;
} good_events[] = {
  { "kvs-add-metadata, name=door, value=open, persist=true", "[door=open]", "[door=open]" },
  { "kvs-add-metadata, name=door, value=open, persist=false", "[door=open]", "" },
  { "kvs-add-metadata, name=door, value=open", "[door=open]", "" },
  { "kvs-add-metadata, name=door, value=(string)\"\"", "[door=]", "" },
  { "kvs-add-metadata, name=door, value=(string)\"\", persist=true", "", "" },
  /* as a later version may send it */
  { "kvs-add-metadata, name=door, value=open, more=1", "[door=open]", "" },
  { "kvs-image-generation", "[" IMAGE "]", "" },
  { "kvs-image-generation, image-prefix=yard", "[" IMAGE ", " PREFIX "yard]", "" },
  { "kvs-image-generation, who=cat, image-prefix=yard, sure=(string)\"\"",
    "[" IMAGE ", " PREFIX "yard, who=cat, sure=]", "" },
  { "kvs-notification", "[" NOTIFICATION "]", "" },
  { "kvs-notification, who=cat, where=(string)2", "[" NOTIFICATION ", who=cat, where=2]", "" },
  /* not a prefix here */
  { "kvs-notification, image-prefix=yard", "[" NOTIFICATION ", image-prefix=yard]", "" },
};

START_TEST (test_good_event)
{
  send_structure (GST_EVENT_CUSTOM_DOWNSTREAM, structure_of (good_events[_i].event), TRUE, NULL);
  assert_next (good_events[_i].next);
  assert_next (good_events[_i].one_after);
}
END_TEST

static const struct {
  const gchar *event;
  const gchar *message;
} bad_events[] = {
  { "kvs-add-metadata", "kvs-add-metadata has no field \"name\"" },
  { "kvs-add-metadata, value=open, persist=true", "has no field \"name\"" },
  { "kvs-add-metadata, name=door, persist=true", "has no field \"value\"" },
  { "kvs-add-metadata, name=1, value=open", "\"name\" of kvs-add-metadata is a gint" },
  { "kvs-add-metadata, name=door, value=2.5", "\"value\" of kvs-add-metadata is a gdouble" },
  { "kvs-add-metadata, name=door, value=2", "write value=(string)" },
  { "kvs-add-metadata, name=door, value=(structure)\"x,a=1;\"", "is a GstStructure" },
  { "kvs-add-metadata, name=door, value={ a, b }", "is a GstValueList" },
  { "kvs-add-metadata, name=door, value=open, persist=1", "\"persist\" of kvs-add-metadata is a "
                                                          "gint, but must be a boolean" },
  { "kvs-add-metadata, name=door, value=open, persist=(string)true", "write persist=(boolean)" },
  { "kvs-add-metadata, name=AWS_x, value=open", "begins with AWS" },
  { "kvs-add-metadata, name=(string)\"\", value=open", "name of metadata is empty" },
  { "kvs-image-generation, image-prefix=1", "\"image-prefix\" of kvs-image-generation is a gint" },
  { "kvs-image-generation, image-prefix=(string)\"\"", "image prefix is empty" },
  { "kvs-image-generation, who=cat, where=2", "\"where\" of kvs-image-generation is a gint" },
  { "kvs-notification, who=true", "\"who\" of kvs-notification is a gboolean" },
  { "kvs-notification, AWS_x=cat", "begins with AWS" },
  { "kvs-notification, a=x, b=x, c=x, d=x, e=x, f=x, g=x, h=x, i=x, j=x, k=x",
    "10 names and values" },
};

START_TEST (test_bad_event)
{
  send_structure (GST_EVENT_CUSTOM_DOWNSTREAM, structure_of (bad_events[_i].event), TRUE,
                  bad_events[_i].message);
  assert_next ("");
}
END_TEST

START_TEST (test_null_fields)
{
  static const gchar *const names[] = { "kvs-add-metadata", "kvs-image-generation",
                                        "kvs-notification" };
  GstStructure *structure;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    structure = gst_structure_new (names[i], "name", G_TYPE_STRING, NULL, NULL);
    send_structure (GST_EVENT_CUSTOM_DOWNSTREAM, structure, TRUE, "\"name\" of");
  }
  structure = gst_structure_new ("kvs-add-metadata", "name", G_TYPE_STRING, "a", "value",
                                 G_TYPE_STRING, NULL, NULL);
  send_structure (GST_EVENT_CUSTOM_DOWNSTREAM, structure, TRUE, "is NULL");
  structure = gst_structure_new ("kvs-image-generation", "image-prefix", G_TYPE_STRING, NULL, NULL);
  send_structure (GST_EVENT_CUSTOM_DOWNSTREAM, structure, TRUE, "is NULL");
  structure = gst_structure_new ("kvs-add-metadata", "name", G_TYPE_POINTER, NULL, "value",
                                 GST_TYPE_BUFFER, NULL, NULL);
  send_structure (GST_EVENT_CUSTOM_DOWNSTREAM, structure, TRUE, "is a gpointer");
  assert_next ("");
}
END_TEST

static const GstEventType downstream_types[] = {
  GST_EVENT_CUSTOM_DOWNSTREAM, GST_EVENT_CUSTOM_DOWNSTREAM_OOB, GST_EVENT_CUSTOM_DOWNSTREAM_STICKY,
  GST_EVENT_CUSTOM_BOTH, GST_EVENT_CUSTOM_BOTH_OOB,
};

START_TEST (test_downstream_event)
{
  send_structure (downstream_types[_i], structure_of ("kvs-notification"), TRUE, NULL);
  assert_next ("[" NOTIFICATION "]");
}
END_TEST

START_TEST (test_events_of_others)
{
  g_autoptr (GstEvent) eos = gst_event_new_eos ();
  g_autoptr (GError) error = NULL;
  gboolean handled = TRUE;

  send_structure (GST_EVENT_CUSTOM_UPSTREAM, structure_of ("kvs-notification"), FALSE, NULL);
  send_structure (GST_EVENT_CUSTOM_DOWNSTREAM, structure_of ("kvs-other, name=1"), FALSE, NULL);
  send_structure (GST_EVENT_CUSTOM_DOWNSTREAM, structure_of ("GstForceKeyUnit"), FALSE, NULL);
  send_structure (GST_EVENT_CUSTOM_DOWNSTREAM, NULL, FALSE, NULL);
  ck_assert (gst_kvs_metadata_read_event (eos, metadata, &handled, &error));
  ck_assert (!handled);
  assert_next ("");
}
END_TEST

START_TEST (test_events_of_a_fragment_are_one)
{
  static const gchar *const events[] = { "kvs-image-generation, who=cat",
                                         "kvs-notification, sure=(string)no" };

  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    send_structure (GST_EVENT_CUSTOM_DOWNSTREAM, structure_of (events[i]), TRUE, NULL);
  assert_next ("[" IMAGE ", " NOTIFICATION ", who=cat, sure=no]");
}
END_TEST

/* ---- tag lists ---- */

static void
read_tags (const gchar *text, const gchar *key_prefix, const gchar *message)
{
  g_autoptr (GstTagList) tags = gst_tag_list_new_from_string (text);
  g_autoptr (GError) error = NULL;
  gboolean good;

  ck_assert_msg (tags != NULL, "%s", text);
  good = gst_kvs_metadata_read_tags (tags, key_prefix, metadata, &error);
  assert_outcome (good, error, message);
}

static const struct {
  const gchar *tags;
  const gchar *key_prefix;
  const gchar *next;
} tag_lists[] = {
  { "taglist, extended-comment=\"site=gate\"", "", "[site=gate]" },
  { "taglist, extended-comment={ \"site=gate\", \"camera=2\" }", "", "[site=gate, camera=2]" },
  { "taglist, extended-comment=\"site[en]=gate\"", "", "[site=gate]" },
  { "taglist, extended-comment=\"site[x=gate\"", "", "[site[x=gate]" },
  { "taglist, extended-comment=\"sum=1+1=2\"", "", "[sum=1+1=2]" },
  { "taglist, extended-comment=\"list=a[0]\"", "", "[list=a[0]]" },
  { "taglist, extended-comment={ \"site=gate\", \"site=yard\" }", "", "[site=yard]" },
  { "taglist, extended-comment={ \"site=gate\", \"site=\" }", "", "" },
  /* no name and value */
  { "taglist, extended-comment={ \"gate\", \"=gate\" }", "", "" },
  /* what parsers, encoders and demuxers write */
  { "taglist, video-codec=\"H.264 (High Profile)\", encoder=x264, bitrate=(uint)2048000, "
    "comment=\"site=gate\", title=\"a=b\"", "", "" },
  { "taglist, extended-comment={ \"DURATION=00:00:10.000\", \"kvs:site=gate\" }", "kvs:",
    "[site=gate]" },
  { "taglist, extended-comment={ \"kvs:=gate\", \"kvsx=gate\", \"site=kvs:gate\" }", "kvs:x", "" },
};

START_TEST (test_tags)
{
  read_tags (tag_lists[_i].tags, tag_lists[_i].key_prefix, NULL);
  assert_next (tag_lists[_i].next);
  /* for good, and the list comes again whenever an encoder has a new bitrate */
  read_tags (tag_lists[_i].tags, tag_lists[_i].key_prefix, NULL);
  assert_next (tag_lists[_i].next);
  assert_next (tag_lists[_i].next);
}
END_TEST

/* Such as of a file that was read back from the service */
START_TEST (test_tags_partly_bad)
{
  read_tags ("taglist, extended-comment={ \"a=1\", \"AWS_KINESISVIDEO_FRAGMENT_NUMBER=1\", "
             "\"AWS_KINESISVIDEO_SERVER_TIMESTAMP=1\", \"b=2\" }", "",
             "\"AWS_KINESISVIDEO_FRAGMENT_NUMBER\" begins with AWS");
  assert_next ("[a=1, b=2]");
}
END_TEST

START_TEST (test_more_tags_than_a_fragment_takes)
{
  read_tags ("taglist, extended-comment={ \"a=1\", \"b=1\", \"c=1\", \"d=1\", \"e=1\", \"f=1\", "
             "\"g=1\", \"h=1\", \"i=1\", \"j=1\", \"k=1\", \"a=2\" }", "",
             "\"k\" was not added: the service takes 10 names and values a fragment");
  assert_next ("[a=2, b=1, c=1, d=1, e=1, f=1, g=1, h=1, i=1, j=1]");
}
END_TEST

/* ---- structures ---- */

static void
read_structure (const gchar *text, const gchar *message)
{
  g_autoptr (GstStructure) structure = structure_of (text);
  g_autoptr (GError) error = NULL;
  gboolean good = gst_kvs_metadata_read_structure (structure, metadata, &error);

  assert_outcome (good, error, message);
}

START_TEST (test_structure)
{
  read_structure ("metadata", NULL);
  assert_next ("");
  read_structure ("metadata,site=gate,camera=(string)2,place=\"at the gate\"", NULL);
  for (guint i = 0; i < 2; i++)
    assert_next ("[site=gate, camera=2, place=at the gate]");
  read_structure ("metadata,site=yard,camera=(string)\"\"", NULL);
  assert_next ("[site=yard, place=at the gate]");
}
END_TEST

START_TEST (test_structure_of_wrong_type)
{
  read_structure ("metadata,site=gate,camera=2", "\"camera\" of metadata is a gint, but must be a "
                                                 "string; as text, write camera=(string)");
  assert_next ("");
}
END_TEST

START_TEST (test_structure_with_bad_name)
{
  read_structure ("metadata,site=gate,AWS_x=a,place=yard", "\"AWS_x\" begins with AWS");
  assert_next ("[site=gate]");
}
END_TEST

static Suite *
metadata_events_suite (void)
{
  Suite *s = suite_create ("metadata-events");
  TCase *tc = tcase_create ("metadata-events");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_good_event, 0, G_N_ELEMENTS (good_events));
  tcase_add_loop_test (tc, test_bad_event, 0, G_N_ELEMENTS (bad_events));
  tcase_add_test (tc, test_null_fields);
  tcase_add_loop_test (tc, test_downstream_event, 0, G_N_ELEMENTS (downstream_types));
  tcase_add_test (tc, test_events_of_others);
  tcase_add_test (tc, test_events_of_a_fragment_are_one);
  tcase_add_loop_test (tc, test_tags, 0, G_N_ELEMENTS (tag_lists));
  tcase_add_test (tc, test_tags_partly_bad);
  tcase_add_test (tc, test_more_tags_than_a_fragment_takes);
  tcase_add_test (tc, test_structure);
  tcase_add_test (tc, test_structure_of_wrong_type);
  tcase_add_test (tc, test_structure_with_bad_name);
  suite_add_tcase (s, tc);
  return s;
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  /* such as an error that is set over another one */
  g_log_set_always_fatal (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  return run_suite (metadata_events_suite ());
}
