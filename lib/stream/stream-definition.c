/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/stream-definition.h"

#include <string.h>

#include "error.h"

/**
 * kvs_stream_definition_new:
 * @stream_name: (nullable): name of the stream
 *
 * Returns: (transfer full): a definition with the defaults of the kvssink properties
 */
KvsStreamDefinition *
kvs_stream_definition_new (const gchar *stream_name)
{
  KvsStreamDefinition *definition = g_new0 (KvsStreamDefinition, 1);

  definition->stream_name = g_strdup (stream_name);
  definition->retention_hours = 2;
  definition->content_type = g_strdup ("video/h264");
  definition->fragment_duration_ns = 2 * G_GINT64_CONSTANT (1000000000);
  definition->timecode_scale_ns = 1000000;
  definition->key_frame_fragmentation = TRUE;
  definition->absolute_fragment_times = TRUE;
  definition->fragment_acks = TRUE;
  definition->max_unacknowledged = 1;
  definition->restart_on_error = TRUE;
  definition->buffer_duration_ns = 120 * G_GINT64_CONSTANT (1000000000);
  definition->storage_bytes = 128 * 1024 * 1024;
  definition->connection_staleness_ns = 60 * G_GINT64_CONSTANT (1000000000);
  definition->stop_timeout_ns = 120 * G_GINT64_CONSTANT (1000000000);
  definition->flush_interval_ns = 100 * 1000000;
  definition->track_timeout_ns = 2000 * G_GINT64_CONSTANT (1000000);
  definition->spool_bytes = G_GUINT64_CONSTANT (10) * 1024 * 1024 * 1024;
  definition->allow_create = TRUE;
  return definition;
}

/**
 * kvs_stream_definition_copy:
 * @definition: a definition
 *
 * Returns: (transfer full): one with the same content
 */
KvsStreamDefinition *
kvs_stream_definition_copy (const KvsStreamDefinition *definition)
{
  KvsStreamDefinition *copy = g_new (KvsStreamDefinition, 1);

  *copy = *definition;
  copy->stream_name = g_strdup (definition->stream_name);
  copy->stream_arn = g_strdup (definition->stream_arn);
  copy->tags = definition->tags != NULL ? g_hash_table_ref (definition->tags) : NULL;
  copy->kms_key_id = g_strdup (definition->kms_key_id);
  copy->storage_tier = g_strdup (definition->storage_tier);
  copy->content_type = g_strdup (definition->content_type);
  copy->spool_folder = g_strdup (definition->spool_folder);
  return copy;
}

static gboolean
is_name_char (gchar c)
{
  return g_ascii_isalnum (c) || c == '_' || c == '.' || c == '-';
}

/* kvs-api.md Annex A.1, StreamName: 1 to 256 of [a-zA-Z0-9_.-] */
static gboolean
check_name (const gchar *name, GError **error)
{
  gsize size = name != NULL ? strlen (name) : 0;

  if (size == 0) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The stream name is empty; set stream-name to the name of a Kinesis Video stream");
    return FALSE;
  }
  if (size > KVS_MAX_STREAM_NAME_BYTES) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The stream name has %" G_GSIZE_FORMAT " characters, the service takes %d at "
                 "most; choose a shorter stream-name", size, KVS_MAX_STREAM_NAME_BYTES);
    return FALSE;
  }
  for (gsize i = 0; i < size; i++) {
    g_autofree gchar *shown = NULL;

    if (is_name_char (name[i]))
      continue;
    shown = g_strescape (name, NULL);
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The stream name \"%s\" has a character that the service refuses (the one at "
                 "position %" G_GSIZE_FORMAT "); use letters, digits, '_', '.' and '-' in "
                 "stream-name", shown, i + 1);
    return FALSE;
  }
  return TRUE;
}

static gboolean
is_tag_char (gunichar c)
{
  switch (g_unichar_type (c)) {
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_OTHER_NUMBER:
    case G_UNICODE_SPACE_SEPARATOR:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
      return TRUE;
    default:
      return c < 128 && strchr ("_.:/=+-@", (int) c) != NULL;
  }
}

static gboolean
check_tag_text (const gchar *text, glong min_chars, glong max_chars)
{
  if (!g_utf8_validate (text, -1, NULL))
    return FALSE;
  if (g_utf8_strlen (text, -1) < min_chars || g_utf8_strlen (text, -1) > max_chars)
    return FALSE;
  for (const gchar *p = text; *p != '\0'; p = g_utf8_next_char (p)) {
    if (!is_tag_char (g_utf8_get_char (p)))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_tags (GHashTable *tags, GError **error)
{
  GHashTableIter iter;
  gpointer key, value;

  if (tags == NULL)
    return TRUE;
  if (g_hash_table_size (tags) > KVS_MAX_TAGS) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "stream-tags has %u tags, a stream takes %d at most",
                 g_hash_table_size (tags), KVS_MAX_TAGS);
    return FALSE;
  }
  g_hash_table_iter_init (&iter, tags);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    if (check_tag_text (key, 1, KVS_MAX_TAG_KEY_CHARS)
        && check_tag_text (value, 0, KVS_MAX_TAG_VALUE_CHARS))
      continue;
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The tag \"%s\" of stream-tags is not one the service takes: a key has 1 to %d "
                 "characters, a value up to %d, of letters, digits, spaces and _.:/=+-@",
                 (const gchar *) key, KVS_MAX_TAG_KEY_CHARS, KVS_MAX_TAG_VALUE_CHARS);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_numbers (const KvsStreamDefinition *definition, GError **error)
{
  if (definition->retention_hours > KVS_MAX_RETENTION_HOURS) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "retention-period is %u hours, the service takes %d at most",
                 definition->retention_hours, KVS_MAX_RETENTION_HOURS);
    return FALSE;
  }
  if (definition->timecode_scale_ns < 100
      || definition->timecode_scale_ns > G_GINT64_CONSTANT (1000000000)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "timecode-scale must lie between 100 ns and 1 s");
    return FALSE;
  }
  if (definition->content_type != NULL
      && (strchr (definition->content_type, '/') == NULL
          || strlen (definition->content_type) > 128)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "content-type must look like video/h264 and have 128 characters at most");
    return FALSE;
  }
  return TRUE;
}

/**
 * kvs_stream_definition_check:
 * @definition: a definition
 * @error: %KVS_ERROR_BAD_ARGUMENT, which names the property at fault
 *
 * Holds the definition against what the service would refuse, before anything is sent (kvs-api.md
 * Annex A.1).
 *
 * Returns: whether it is good
 */
gboolean
kvs_stream_definition_check (const KvsStreamDefinition *definition, GError **error)
{
  return check_name (definition->stream_name, error) && check_tags (definition->tags, error)
         && check_numbers (definition, error);
}

/**
 * kvs_stream_definition_free:
 * @definition: (transfer full) (nullable): a definition
 */
void
kvs_stream_definition_free (KvsStreamDefinition *definition)
{
  if (definition == NULL)
    return;
  g_free (definition->stream_name);
  g_free (definition->stream_arn);
  g_clear_pointer (&definition->tags, g_hash_table_unref);
  g_free (definition->kms_key_id);
  g_free (definition->storage_tier);
  g_free (definition->content_type);
  g_free (definition->spool_folder);
  g_free (definition);
}
