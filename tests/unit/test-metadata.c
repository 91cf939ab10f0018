/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/metadata.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "bytes.h"
#include "error.h"
#include "tags-text.h"

#define IMAGE KVS_METADATA_EVENT_IMAGE_GENERATION
#define NOTIFICATION KVS_METADATA_EVENT_NOTIFICATION

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
add (const gchar *name, const gchar *value, gboolean persist)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (kvs_metadata_add (metadata, name, value, persist, &error), "%s",
                 error ? error->message : "");
  ck_assert_ptr_null (error);
}

static void
add_event (KvsMetadataEvent kinds, const gchar *prefix, const KvsMkvTag *pairs, guint n_pairs)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (kvs_metadata_add_event (metadata, kinds, prefix, pairs, n_pairs, &error), "%s",
                 error ? error->message : "");
  ck_assert_ptr_null (error);
}

static void
assert_error (const GError *error, KvsError code, const gchar *message)
{
  ck_assert_ptr_nonnull (error);
  ck_assert_msg (g_error_matches (error, KVS_ERROR, (gint) code), "%d: %s", error->code,
                 error->message);
  ck_assert_msg (strstr (error->message, message) != NULL, "\"%s\" does not say \"%s\"",
                 error->message, message);
}

static void
refuse (const gchar *name, const gchar *value, gboolean persist, KvsError code,
        const gchar *message)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!kvs_metadata_add (metadata, name, value, persist, &error));
  assert_error (error, code, message);
  /* and without anybody who wants to know why */
  ck_assert (!kvs_metadata_add (metadata, name, value, persist, NULL));
}

static void
refuse_event (KvsMetadataEvent kinds, const gchar *prefix, const KvsMkvTag *pairs, guint n_pairs,
              KvsError code, const gchar *message)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!kvs_metadata_add_event (metadata, kinds, prefix, pairs, n_pairs, &error));
  assert_error (error, code, message);
}

static void
assert_next (const gchar *expected)
{
  assert_tags (kvs_metadata_take (metadata), expected);
}

/* ---- names and values ---- */

START_TEST (test_none)
{
  assert_next ("");
  ck_assert_ptr_null (kvs_metadata_take (metadata));
  kvs_metadata_unref (NULL);
}
END_TEST

START_TEST (test_one_shot)
{
  add ("door", "open", FALSE);
  add ("bell", "", FALSE);
  assert_next ("[door=open, bell=]");
  assert_next ("");
}
END_TEST

START_TEST (test_one_shot_twice)
{
  add ("door", "open", FALSE);
  add ("door", "shut", FALSE);
  assert_next ("[door=open, door=shut]");
}
END_TEST

START_TEST (test_persistent)
{
  add ("site", "gate", TRUE);
  add ("camera", "2", TRUE);
  for (guint i = 0; i < 3; i++)
    assert_next ("[site=gate, camera=2]");
  add ("site", "yard", TRUE);
  assert_next ("[site=yard, camera=2]");
  add ("site", "", TRUE);
  assert_next ("[camera=2]");
  add ("site", "", TRUE);
  assert_next ("[camera=2]");
  add ("camera", "", TRUE);
  assert_next ("");
}
END_TEST

/* So that a reader who keeps one value a name has the Fragment's own. */
START_TEST (test_persistent_comes_first)
{
  add ("door", "open", FALSE);
  add ("door", "unknown", TRUE);
  assert_next ("[door=unknown, door=open]");
  assert_next ("[door=unknown]");
}
END_TEST

START_TEST (test_bytes)
{
  g_autoptr (GBytes) bytes = NULL;

  add ("place", "door", TRUE);
  add ("n", "", FALSE);
  bytes = kvs_metadata_take (metadata);
  assert_bytes_eq_hex (bytes, "1254c367 9f 7373 9c 67c8 8f 45a385 706c616365 448784 646f6f72"
                              "67c8 87 45a381 6e 448780");
}
END_TEST

/* ---- limits ---- */

static gchar *
text_of (gsize n_bytes)
{
  return g_strnfill (n_bytes, 'x');
}

START_TEST (test_longest)
{
  g_autofree gchar *name = text_of (128);
  g_autofree gchar *value = text_of (256);
  g_autofree gchar *expected = g_strdup_printf ("[%s=%s][AWS_KINESISVIDEO_IMAGE_GENERATION=, "
                                                "AWS_KINESISVIDEO_IMAGE_PREFIX=%s]",
                                                name, value, value);

  add (name, value, FALSE);
  add_event (IMAGE, value, NULL, 0);
  assert_next (expected);
}
END_TEST

START_TEST (test_too_long)
{
  g_autofree gchar *name = text_of (129);
  g_autofree gchar *value = text_of (257);

  for (gboolean persist = FALSE; persist <= TRUE; persist++) {
    refuse (name, "v", persist, KVS_ERROR_BAD_ARGUMENT, "xxx...\" has 129 bytes, the service takes "
                                                        "128 at most");
    refuse ("n", value, persist, KVS_ERROR_BAD_ARGUMENT,
            "\"n\" has 257 bytes, the service takes 256 at most");
  }
  refuse_event (IMAGE, value, NULL, 0, KVS_ERROR_BAD_ARGUMENT, "prefix has 257 bytes");
  assert_next ("");
}
END_TEST

/* 65 letters, but 130 bytes */
START_TEST (test_bytes_count_not_letters)
{
  g_autoptr (GString) name = g_string_new (NULL);

  for (guint i = 0; i < 64; i++)
    g_string_append (name, "ü");
  add (name->str, "v", FALSE);
  g_string_append (name, "ü");
  refuse (name->str, "v", FALSE, KVS_ERROR_BAD_ARGUMENT, "130 bytes");
}
END_TEST

static const struct {
  const gchar *name;
  const gchar *value;
  const gchar *message;
} bad_pairs[] = {
  { "", "v", "name of metadata is empty" },
  { "AWS", "v", "\"AWS\" begins with AWS" },
  { "AWSOME", "v", "\"AWSOME\" begins with AWS" },
  { "AWS_x", "v", "\"AWS_x\" begins with AWS" },
  { "aws_x", "v", "\"aws_x\" begins with AWS" },
  { "AWS_KINESISVIDEO_IMAGE_GENERATION", "", "begins with AWS" },
  { "AWS_KINESISVIDEO_END_OF_FRAGMENT", "", "begins with AWS" },
  { "a\xff", "v", "\"a\\377\" is not UTF-8" },
  { "a", "\xc3", "value of metadata \"a\" is not UTF-8" },
  /* a log has one line for it */
  { "two\nlines", "\xc3", "\"two\\nlines\"" },
};

START_TEST (test_bad_pair)
{
  const KvsMkvTag pairs[] = { { "good", "1" }, { bad_pairs[_i].name, bad_pairs[_i].value } };

  refuse (pairs[1].name, pairs[1].value, FALSE, KVS_ERROR_BAD_ARGUMENT, bad_pairs[_i].message);
  refuse (pairs[1].name, pairs[1].value, TRUE, KVS_ERROR_BAD_ARGUMENT, bad_pairs[_i].message);
  refuse_event (IMAGE, NULL, pairs, 2, KVS_ERROR_BAD_ARGUMENT, bad_pairs[_i].message);
  assert_next ("");
}
END_TEST

START_TEST (test_names_that_the_service_takes)
{
  add ("aws", "1", FALSE);
  add ("awsome", "2", FALSE);
  add ("my_AWS_x", "3", FALSE);
  add ("tür", "süß", FALSE);
  assert_next ("[aws=1, awsome=2, my_AWS_x=3, tür=süß]");
}
END_TEST

static const struct {
  KvsMetadataEvent kinds;
  const gchar *prefix;
  const gchar *message;
} bad_events[] = {
  { KVS_METADATA_EVENT_NONE, NULL, "asks for nothing" },
  { (KvsMetadataEvent) 4, NULL, "asks for nothing" },
  { IMAGE, "", "prefix is empty" },
  { IMAGE, "\xff", "prefix is not UTF-8" },
  { NOTIFICATION, "p", "asks for no images" },
};

START_TEST (test_bad_event)
{
  refuse_event (bad_events[_i].kinds, bad_events[_i].prefix, NULL, 0, KVS_ERROR_BAD_ARGUMENT,
                bad_events[_i].message);
  assert_next ("");
}
END_TEST

/* ---- ten a Fragment ---- */

static void
add_many (guint n, gboolean persist)
{
  for (guint i = 0; i < n; i++) {
    g_autofree gchar *name = g_strdup_printf ("%c%u", persist ? 'p' : 'o', i);

    add (name, "1", persist);
  }
}

#define FOUR_PERSISTENT "p0=1, p1=1, p2=1, p3=1"
#define FOUR "o0=1, o1=1, o2=1, o3=1"

START_TEST (test_ten_a_fragment)
{
  static const KvsMkvTag pairs[] = { { "e0", "1" }, { "e1", "1" }, { "e2", "1" } };

  add_many (4, TRUE);
  add_many (4, FALSE);
  refuse_event (IMAGE, NULL, pairs, 3, KVS_ERROR_LIMIT, "\"e0\" and what came with it");
  add_event (IMAGE, NULL, pairs, 2);
  refuse ("more", "1", FALSE, KVS_ERROR_LIMIT,
          "\"more\" was not added: the service takes 10 names and values a fragment, and the next "
          "one has 4 persistent and 6 other already");
  refuse ("more", "1", TRUE, KVS_ERROR_LIMIT, "\"more\"");
  refuse_event (IMAGE, NULL, pairs, 1, KVS_ERROR_LIMIT, "\"e0\" was not added");
  /* takes no room */
  add ("p0", "1", TRUE);
  add ("unknown", "", TRUE);
  add_event (IMAGE | NOTIFICATION, "p", NULL, 0);
  assert_next ("[" FOUR_PERSISTENT ", " FOUR "]"
               "[AWS_KINESISVIDEO_IMAGE_GENERATION=, AWS_KINESISVIDEO_IMAGE_PREFIX=p, "
               "AWS_KINESISVIDEO_NOTIFICATION=, e0=1, e1=1]");
  /* there is room again */
  add ("more", "1", FALSE);
  assert_next ("[" FOUR_PERSISTENT ", more=1]");
}
END_TEST

START_TEST (test_ten_persistent)
{
  add_many (10, TRUE);
  refuse ("door", "open", FALSE, KVS_ERROR_LIMIT, "10 persistent and 0 other");
  refuse ("site", "gate", TRUE, KVS_ERROR_LIMIT, "setting it to an empty value");
  add ("p9", "2", TRUE);
  assert_next ("[" FOUR_PERSISTENT ", p4=1, p5=1, p6=1, p7=1, p8=1, p9=2]");
  refuse ("door", "open", FALSE, KVS_ERROR_LIMIT, "10 persistent");
  add ("p5", "", TRUE);
  add ("door", "open", FALSE);
  assert_next ("[" FOUR_PERSISTENT ", p4=1, p6=1, p7=1, p8=1, p9=2, door=open]");
}
END_TEST

START_TEST (test_event_of_ten)
{
  KvsMkvTag pairs[11];

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    pairs[i] = (KvsMkvTag) { "a", "1" };
  refuse_event (NOTIFICATION, NULL, pairs, 11, KVS_ERROR_LIMIT, "\"a\" and what came with it");
  add_event (NOTIFICATION, NULL, pairs, 10);
  assert_next ("[AWS_KINESISVIDEO_NOTIFICATION=, a=1, a=1, a=1, a=1, a=1, a=1, a=1, a=1, a=1, "
               "a=1]");
}
END_TEST

/* ---- events ---- */

START_TEST (test_event_kinds)
{
  static const KvsMkvTag pairs[] = { { "who", "cat" }, { "sure", "" } };

  add_event (IMAGE, NULL, NULL, 0);
  assert_next ("[AWS_KINESISVIDEO_IMAGE_GENERATION=]");
  add_event (NOTIFICATION, NULL, pairs, 2);
  assert_next ("[AWS_KINESISVIDEO_NOTIFICATION=, who=cat, sure=]");
  add_event (IMAGE | NOTIFICATION, "yard/", pairs, 1);
  assert_next ("[AWS_KINESISVIDEO_IMAGE_GENERATION=, AWS_KINESISVIDEO_IMAGE_PREFIX=yard/, "
               "AWS_KINESISVIDEO_NOTIFICATION=, who=cat]");
  assert_next ("");
}
END_TEST

START_TEST (test_events_of_a_fragment_are_one)
{
  static const KvsMkvTag cat[] = { { "who", "cat" } }, dog[] = { { "who", "dog" } };

  add_event (IMAGE, "a", cat, 1);
  add_event (NOTIFICATION, NULL, dog, 1);
  add_event (IMAGE, "b", NULL, 0);
  add_event (IMAGE, NULL, NULL, 0);
  add ("site", "gate", FALSE);
  assert_next ("[site=gate]"
               "[AWS_KINESISVIDEO_IMAGE_GENERATION=, AWS_KINESISVIDEO_IMAGE_PREFIX=b, "
               "AWS_KINESISVIDEO_NOTIFICATION=, who=cat, who=dog]");
  assert_next ("");
}
END_TEST

START_TEST (test_every_fragment)
{
  static const KvsMkvTag cat[] = { { "who", "cat" } };

  ck_assert (kvs_metadata_set_every_fragment (metadata, IMAGE, "a", NULL));
  for (guint i = 0; i < 2; i++)
    assert_next ("[AWS_KINESISVIDEO_IMAGE_GENERATION=, AWS_KINESISVIDEO_IMAGE_PREFIX=a]");
  add_event (IMAGE, NULL, cat, 1);
  assert_next ("[AWS_KINESISVIDEO_IMAGE_GENERATION=, AWS_KINESISVIDEO_IMAGE_PREFIX=a, who=cat]");
  add_event (IMAGE | NOTIFICATION, "b", NULL, 0);
  assert_next ("[AWS_KINESISVIDEO_IMAGE_GENERATION=, AWS_KINESISVIDEO_IMAGE_PREFIX=b, "
               "AWS_KINESISVIDEO_NOTIFICATION=]");
  assert_next ("[AWS_KINESISVIDEO_IMAGE_GENERATION=, AWS_KINESISVIDEO_IMAGE_PREFIX=a]");
  ck_assert (kvs_metadata_set_every_fragment (metadata, NOTIFICATION, NULL, NULL));
  assert_next ("[AWS_KINESISVIDEO_NOTIFICATION=]");
  ck_assert (kvs_metadata_set_every_fragment (metadata, KVS_METADATA_EVENT_NONE, "c", NULL));
  assert_next ("");
  add_event (IMAGE, NULL, NULL, 0);
  assert_next ("[AWS_KINESISVIDEO_IMAGE_GENERATION=, AWS_KINESISVIDEO_IMAGE_PREFIX=c]");
}
END_TEST

START_TEST (test_every_fragment_bad_prefix)
{
  g_autofree gchar *prefix = text_of (257);
  g_autoptr (GError) error = NULL;

  ck_assert (kvs_metadata_set_every_fragment (metadata, IMAGE, "a", NULL));
  ck_assert (!kvs_metadata_set_every_fragment (metadata, NOTIFICATION, prefix, &error));
  assert_error (error, KVS_ERROR_BAD_ARGUMENT, "prefix has 257 bytes");
  ck_assert (!kvs_metadata_set_every_fragment (metadata, NOTIFICATION, "", NULL));
  assert_next ("[AWS_KINESISVIDEO_IMAGE_GENERATION=, AWS_KINESISVIDEO_IMAGE_PREFIX=a]");
}
END_TEST

static Suite *
metadata_suite (void)
{
  Suite *s = suite_create ("metadata");
  TCase *tc = tcase_create ("metadata");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_none);
  tcase_add_test (tc, test_one_shot);
  tcase_add_test (tc, test_one_shot_twice);
  tcase_add_test (tc, test_persistent);
  tcase_add_test (tc, test_persistent_comes_first);
  tcase_add_test (tc, test_bytes);
  tcase_add_test (tc, test_longest);
  tcase_add_test (tc, test_too_long);
  tcase_add_test (tc, test_bytes_count_not_letters);
  tcase_add_loop_test (tc, test_bad_pair, 0, G_N_ELEMENTS (bad_pairs));
  tcase_add_test (tc, test_names_that_the_service_takes);
  tcase_add_loop_test (tc, test_bad_event, 0, G_N_ELEMENTS (bad_events));
  tcase_add_test (tc, test_ten_a_fragment);
  tcase_add_test (tc, test_ten_persistent);
  tcase_add_test (tc, test_event_of_ten);
  tcase_add_test (tc, test_event_kinds);
  tcase_add_test (tc, test_events_of_a_fragment_are_one);
  tcase_add_test (tc, test_every_fragment);
  tcase_add_test (tc, test_every_fragment_bad_prefix);
  suite_add_tcase (s, tc);
  return s;
}

int
main (void)
{
  return run_suite (metadata_suite ());
}
