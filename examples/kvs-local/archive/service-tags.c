/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/service-tags.h"

#include <string.h>

#include "mkv/ebml-writer.h"
#include "mkv/mkv-ids.h"

#define MS_PER_SECOND 1000

static void
append_tag (GByteArray *tag, const gchar *name, const gchar *value)
{
  g_autoptr (GByteArray) simple_tag = g_byte_array_new ();

  kvs_ebml_append_string (simple_tag, KVS_MKV_ID_TAG_NAME, name);
  kvs_ebml_append_string (simple_tag, KVS_MKV_ID_TAG_STRING, value);
  kvs_ebml_append_master (tag, KVS_MKV_ID_SIMPLE_TAG, simple_tag);
}

static void
append_seconds (GByteArray *tag, const gchar *name, gint64 ms)
{
  g_autofree gchar *text
    = g_strdup_printf ("%" G_GINT64_FORMAT ".%03d", ms / MS_PER_SECOND,
                       (gint) (ms % MS_PER_SECOND));

  append_tag (tag, name, text);
}

static void
append_tags (GByteArray *out, const GByteArray *tag)
{
  g_autoptr (GByteArray) tags = g_byte_array_new ();

  kvs_ebml_append_master (tags, KVS_MKV_ID_TAG, tag);
  kvs_ebml_append_master (out, KVS_MKV_ID_TAGS, tags);
}

/**
 * kvs_local_tags_before_fragment:
 * @fragment: a fragment
 *
 * Returns: (transfer full): the Tags element that comes before its Cluster
 */
GBytes *
kvs_local_tags_before_fragment (const KvsLocalFragment *fragment)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GByteArray) tag = g_byte_array_new ();

  append_tag (tag, "AWS_KINESISVIDEO_FRAGMENT_NUMBER", fragment->number);
  append_seconds (tag, "AWS_KINESISVIDEO_SERVER_TIMESTAMP", fragment->server_ms);
  append_seconds (tag, "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP", fragment->producer_ms);
  append_tags (out, tag);
  return g_byte_array_free_to_bytes (out);
}

/**
 * kvs_local_tags_after_fragment:
 * @fragment: a fragment
 *
 * Returns: (transfer full): the Tags element that comes after its Cluster
 */
GBytes *
kvs_local_tags_after_fragment (const KvsLocalFragment *fragment)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GByteArray) tag = g_byte_array_new ();
  g_autofree gchar *behind
    = g_strdup_printf ("%" G_GINT64_FORMAT,
                       MAX (0, g_get_real_time () / 1000 - fragment->server_ms));

  append_tag (tag, "AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", behind);
  append_tag (tag, "AWS_KINESISVIDEO_CONTINUATION_TOKEN", fragment->number);
  append_tags (out, tag);
  return g_byte_array_free_to_bytes (out);
}

/* A whole document that consists of these Tags */
static GBytes *
document_of_tag (const GByteArray *tag)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GByteArray) ebml = g_byte_array_new ();

  kvs_ebml_append_string (ebml, KVS_MKV_ID_DOC_TYPE, "matroska");
  kvs_ebml_append_uint (ebml, KVS_MKV_ID_DOC_TYPE_VERSION, 2);
  kvs_ebml_append_uint (ebml, KVS_MKV_ID_DOC_TYPE_READ_VERSION, 2);
  kvs_ebml_append_master (out, KVS_MKV_ID_EBML, ebml);
  kvs_ebml_append_unknown_size (out, KVS_MKV_ID_SEGMENT);
  append_tags (out, tag);
  return g_byte_array_free_to_bytes (out);
}

/**
 * kvs_local_tags_of_error:
 * @id: AWS_KINESISVIDEO_ERROR_ID
 * @code: AWS_KINESISVIDEO_ERROR_CODE
 *
 * Returns: (transfer full): a Matroska document in which GetMedia says why it ends
 */
GBytes *
kvs_local_tags_of_error (guint id, const gchar *code)
{
  g_autoptr (GByteArray) tag = g_byte_array_new ();
  g_autofree gchar *id_text = g_strdup_printf ("%u", id);

  append_tag (tag, "AWS_KINESISVIDEO_ERROR_CODE", code);
  append_tag (tag, "AWS_KINESISVIDEO_ERROR_ID", id_text);
  return document_of_tag (tag);
}

/**
 * kvs_local_tags_of_exception:
 * @number: of a fragment that is not there any more
 *
 * Returns: (transfer full): a Matroska document in which GetMediaForFragmentList says why it ends
 */
GBytes *
kvs_local_tags_of_exception (const gchar *number)
{
  g_autoptr (GByteArray) tag = g_byte_array_new ();

  append_tag (tag, "AWS_KINESISVIDEO_FRAGMENT_NUMBER", number);
  append_tag (tag, "AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE",
              G_STRINGIFY (KVS_LOCAL_MEDIA_ERROR_NOT_FOUND));
  append_tag (tag, "AWS_KINESISVIDEO_EXCEPTION_MESSAGE", "The requested fragment is not found.");
  return document_of_tag (tag);
}
