/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tags-text.h"

#include "ingest/fragment-tags.h"
#include "mkv/ebml-reader.h"
#include "mkv/mkv-ids.h"

typedef struct {
  GString *text;
  KvsLocalFragmentTags judge;
} Reading;

static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  Reading *reading = user_data;

  switch (element->id) {
    case KVS_MKV_ID_TAGS:
      ck_assert_uint_eq (element->level, 0);
      kvs_local_fragment_tags_start (&reading->judge, element);
      return TRUE;
    case KVS_MKV_ID_TAG:
      ck_assert_uint_eq (element->parent_id, KVS_MKV_ID_TAGS);
      g_string_append_c (reading->text, '[');
      break;
    case KVS_MKV_ID_SIMPLE_TAG:
      ck_assert_uint_eq (element->parent_id, KVS_MKV_ID_TAG);
      if (!g_str_has_suffix (reading->text->str, "["))
        g_string_append (reading->text, ", ");
      break;
    case KVS_MKV_ID_TAG_NAME:
    case KVS_MKV_ID_TAG_STRING:
      ck_assert_uint_eq (element->parent_id, KVS_MKV_ID_SIMPLE_TAG);
      break;
    default:
      ck_abort_msg ("element %x among Tags", element->id);
  }
  kvs_local_fragment_tags_start (&reading->judge, element);
  return TRUE;
}

static gboolean
on_data (const KvsEbmlElement *element, const guint8 *data, gsize size, gpointer user_data,
         GError **error)
{
  Reading *reading = user_data;

  kvs_local_fragment_tags_append (&reading->judge, data, size);
  return TRUE;
}

static gboolean
on_end (const KvsEbmlElement *element, const guint8 *payload, gsize payload_size,
        gpointer user_data, GError **error)
{
  Reading *reading = user_data;

  if (element->id == KVS_MKV_ID_TAG_NAME || element->id == KVS_MKV_ID_TAG_STRING) {
    ck_assert_uint_eq (payload_size, element->size);
    g_string_append_len (reading->text, (const gchar *) payload, (gssize) payload_size);
  }
  if (element->id == KVS_MKV_ID_TAG_NAME)
    g_string_append_c (reading->text, '=');
  if (element->id == KVS_MKV_ID_TAG)
    g_string_append_c (reading->text, ']');
  kvs_local_fragment_tags_end (&reading->judge, element, payload, payload_size);
  return TRUE;
}

/**
 * tags_to_text:
 * @tags: (nullable): Tags elements
 *
 * Fails the test if they are not what the service takes for one Fragment.
 *
 * Returns: (transfer full): such as "[site=gate, door=][...]", brackets around a Tag
 */
gchar *
tags_to_text (GBytes *tags)
{
  static const KvsEbmlReaderFuncs funcs = { on_start, on_data, on_end };
  Reading reading = { .text = g_string_new (NULL) };
  g_autoptr (KvsEbmlReader) reader = kvs_ebml_reader_new (&funcs, &reading);
  g_autoptr (GError) error = NULL;
  gconstpointer data;
  gsize size = 0;

  if (tags == NULL)
    return g_string_free (reading.text, FALSE);
  data = g_bytes_get_data (tags, &size);
  kvs_local_fragment_tags_init (&reading.judge);
  ck_assert_msg (kvs_ebml_reader_push (reader, data, size, &error)
                 && kvs_ebml_reader_finish (reader, &error), "%s", error ? error->message : "");
  ck_assert_msg (!reading.judge.is_bad, "the service would answer with error %d",
                 (gint) reading.judge.error);
  kvs_local_fragment_tags_clear (&reading.judge);
  return g_string_free (reading.text, FALSE);
}
