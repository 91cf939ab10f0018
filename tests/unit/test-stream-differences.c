/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upload/stream-differences.h"

#include <check.h>

#include "../suite.h"

#define KEY "arn:aws:kms:us-west-2:1:key/1234abcd-12ab"
#define ALIAS "arn:aws:kms:us-west-2:1:alias/cam"
#define OWN "arn:aws:kms:us-west-2:1:alias/aws/kinesisvideo"

/* @wished_retention: -1 for the default, which is not a wish */
static const struct {
  gint wished_retention;
  const gchar *wished_key;
  const gchar *wished_type;
  const gchar *caps_type;
  KvsStreamInfo found;
  const gchar *differences;
} rows[] = {
  { -1, NULL, NULL, "video/h264", { .retention_hours = 2, .kms_key_id = OWN }, NULL },
  { -1, NULL, NULL, "video/h264", { .retention_hours = 24, .kms_key_id = KEY }, NULL },
  { 24, NULL, NULL, "video/h264", { .retention_hours = 24 }, NULL },
  { 24, NULL, NULL, "video/h264", { .retention_hours = 2 },
    "retention-period is 24 hours, but the stream has 2" },
  { 0, NULL, NULL, "video/h264", { .retention_hours = 2 },
    "retention-period is 0 hours, but the stream has 2" },

  { -1, KEY, NULL, "video/h264", { .kms_key_id = KEY }, NULL },
  { -1, "1234abcd-12ab", NULL, "video/h264", { .kms_key_id = KEY }, NULL },
  { -1, "34abcd-12ab", NULL, "video/h264", { .kms_key_id = KEY },
    "kms-key-id is 34abcd-12ab, but the stream has " KEY },
  { -1, KEY, NULL, "video/h264", { .kms_key_id = OWN },
    "kms-key-id is " KEY ", but the stream has " OWN },
  { -1, "alias/cam", NULL, "video/h264", { .kms_key_id = ALIAS }, NULL },
  { -1, ALIAS, NULL, "video/h264", { .kms_key_id = ALIAS }, NULL },
  { -1, "alias/cam", NULL, "video/h264", { .kms_key_id = OWN },
    "kms-key-id is alias/cam, but the stream has " OWN },
  /* which key it stands for cannot be told */
  { -1, "alias/cam", NULL, "video/h264", { .kms_key_id = KEY }, NULL },
  { -1, KEY, NULL, "video/h264", { .kms_key_id = NULL }, NULL },

  { -1, NULL, "video/h264", "video/h264", { .media_type = "video/h264" }, NULL },
  { -1, NULL, "video/h264", "video/h264", { .media_type = "Video/H264" }, NULL },
  { -1, NULL, "video/h264", "video/h264", { .media_type = NULL }, NULL },
  { -1, NULL, "video/h264", "video/h264", { .media_type = "" }, NULL },
  { -1, NULL, "video/h265", "video/h265", { .media_type = "video/h264" },
    "content-type is video/h265, but the stream has video/h264" },
  { -1, NULL, NULL, "video/h264,audio/aac", { .media_type = "video/h264" }, NULL },
  { -1, NULL, NULL, "video/h264", { .media_type = "audio/aac,video/h264" }, NULL },
  { -1, NULL, NULL, "video/h265,audio/aac", { .media_type = "video/h264,audio/aac" },
    "the media type of the caps is video/h265,audio/aac, but the stream has video/h264,audio/aac" },

  { 5, "alias/x", "video/h265", "video/h265",
    { .retention_hours = 2, .kms_key_id = OWN, .media_type = "video/h264" },
    "retention-period is 5 hours, but the stream has 2; kms-key-id is alias/x, but the stream has "
    OWN "; content-type is video/h265, but the stream has video/h264" },
};

START_TEST (test_row)
{
  g_autoptr (KvsStreamDefinition) definition = kvs_stream_definition_new ("cam");
  g_autofree gchar *got = NULL;

  definition->retention_is_wish = rows[_i].wished_retention >= 0;
  if (definition->retention_is_wish)
    definition->retention_hours = (guint) rows[_i].wished_retention;
  definition->kms_key_id = g_strdup (rows[_i].wished_key);
  g_free (definition->content_type);
  definition->content_type = g_strdup (rows[_i].wished_type);
  got = kvs_stream_differences (definition, rows[_i].caps_type, &rows[_i].found);
  ck_assert_pstr_eq (got, rows[_i].differences);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("stream-differences");
  TCase *tc = tcase_create ("stream-differences");

  tcase_add_loop_test (tc, test_row, 0, G_N_ELEMENTS (rows));
  suite_add_tcase (s, tc);
  return run_suite (s);
}
