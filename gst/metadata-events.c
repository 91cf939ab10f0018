/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metadata-events.h"

#include <string.h>

#include "error.h"

#define FIELD_NAME "name"
#define FIELD_VALUE "value"
#define FIELD_PERSIST "persist"
#define FIELD_IMAGE_PREFIX "image-prefix"

/* The types of fields are up to an application, or to what gst-launch-1.0 makes of their text. */
static gboolean
check_type (const GstStructure *structure, const gchar *field, const GValue *value, GType type,
            GError **error)
{
  const gchar *type_name = type == G_TYPE_STRING ? "string" : "boolean";

  if (G_VALUE_HOLDS (value, type))
    return TRUE;
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
               "The field \"%s\" of %s is a %s, but must be a %s; as text, write %s=(%s)...",
               field, gst_structure_get_name (structure), G_VALUE_TYPE_NAME (value), type_name,
               field, type_name);
  return FALSE;
}

static const gchar *
check_text (const GstStructure *structure, const gchar *field, const GValue *value, GError **error)
{
  const gchar *text;

  if (!check_type (structure, field, value, G_TYPE_STRING, error))
    return NULL;
  text = g_value_get_string (value);
  if (text == NULL)
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The field \"%s\" of %s is NULL; set it to a string", field,
                 gst_structure_get_name (structure));
  return text;
}

static const gchar *
get_required_text (const GstStructure *structure, const gchar *field, GError **error)
{
  const GValue *value = gst_structure_get_value (structure, field);

  if (value != NULL)
    return check_text (structure, field, value, error);
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
               "%s has no field \"%s\"; it needs the strings " FIELD_NAME " and " FIELD_VALUE
               ", and may have the boolean " FIELD_PERSIST, gst_structure_get_name (structure),
               field);
  return NULL;
}

static gboolean
read_add_metadata (const GstStructure *structure, KvsMetadata *metadata, GError **error)
{
  const GValue *persist = gst_structure_get_value (structure, FIELD_PERSIST);
  const gchar *name = get_required_text (structure, FIELD_NAME, error);
  const gchar *value;

  if (name == NULL)
    return FALSE;
  value = get_required_text (structure, FIELD_VALUE, error);
  if (value == NULL)
    return FALSE;
  if (persist != NULL
      && !check_type (structure, FIELD_PERSIST, persist, G_TYPE_BOOLEAN, error))
    return FALSE;
  return kvs_metadata_add (metadata, name, value, persist != NULL && g_value_get_boolean (persist),
                           error);
}

/* (element-type KvsMkvTag): all fields but @except; the texts stay the structure's. */
static GArray *
pairs_of (const GstStructure *structure, const gchar *except, GError **error)
{
  g_autoptr (GArray) pairs = g_array_new (FALSE, FALSE, sizeof (KvsMkvTag));

  for (gint i = 0; i < gst_structure_n_fields (structure); i++) {
    const gchar *field = gst_structure_nth_field_name (structure, (guint) i);
    const GValue *value = gst_structure_get_value (structure, field);
    KvsMkvTag pair = { .name = field };

    if (g_strcmp0 (field, except) == 0)
      continue;
    pair.value = check_text (structure, field, value, error);
    if (pair.value == NULL)
      return NULL;
    g_array_append_val (pairs, pair);
  }
  return g_steal_pointer (&pairs);
}

static gboolean
add_event (const GstStructure *structure, KvsMetadataEvent kind, const gchar *image_prefix,
           const gchar *except, KvsMetadata *metadata, GError **error)
{
  g_autoptr (GArray) pairs = pairs_of (structure, except, error);

  if (pairs == NULL)
    return FALSE;
  return kvs_metadata_add_event (metadata, kind, image_prefix,
                                 (const KvsMkvTag *) (gpointer) pairs->data, pairs->len, error);
}

static gboolean
read_image_generation (const GstStructure *structure, KvsMetadata *metadata, GError **error)
{
  const GValue *value = gst_structure_get_value (structure, FIELD_IMAGE_PREFIX);
  const gchar *image_prefix = NULL;

  if (value != NULL) {
    image_prefix = check_text (structure, FIELD_IMAGE_PREFIX, value, error);
    if (image_prefix == NULL)
      return FALSE;
  }
  return add_event (structure, KVS_METADATA_EVENT_IMAGE_GENERATION, image_prefix,
                    FIELD_IMAGE_PREFIX, metadata, error);
}

static gboolean
read_notification (const GstStructure *structure, KvsMetadata *metadata, GError **error)
{
  return add_event (structure, KVS_METADATA_EVENT_NOTIFICATION, NULL, NULL, metadata, error);
}

static const struct {
  const gchar *name;
  gboolean (*read) (const GstStructure *structure, KvsMetadata *metadata, GError **error);
} readers[] = {
  { GST_KVS_EVENT_ADD_METADATA, read_add_metadata },
  { GST_KVS_EVENT_IMAGE_GENERATION, read_image_generation },
  { GST_KVS_EVENT_NOTIFICATION, read_notification },
};

/**
 * gst_kvs_metadata_read_event:
 * @event: any event
 * @metadata: where what it says goes
 * @handled: (out): whether it is one of these
 * @error: %KVS_ERROR_BAD_ARGUMENT when a field is missing or of a wrong type, else as
 *   kvs_metadata_add() and kvs_metadata_add_event() have it
 *
 * Reads the custom downstream events for metadata:
 *
 * - `kvs-add-metadata`: the strings `name` and `value`, the boolean `persist`, which is %FALSE
 *   where it is missing
 * - `kvs-image-generation`: the string `image-prefix`, which may be missing; any other field is a
 *   string, and goes with the images
 * - `kvs-notification`: any field is a string, and goes into the notification
 *
 * Any thread.
 *
 * Returns: %FALSE if it is one of these but could not be used; nothing of it was
 */
gboolean
gst_kvs_metadata_read_event (GstEvent *event, KvsMetadata *metadata, gboolean *handled,
                             GError **error)
{
  const GstStructure *structure = gst_event_get_structure (event);

  *handled = FALSE;
  if (structure == NULL || !GST_EVENT_IS_DOWNSTREAM (event))
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (readers); i++) {
    if (!gst_structure_has_name (structure, readers[i].name))
      continue;
    *handled = TRUE;
    return readers[i].read (structure, metadata, error);
  }
  return TRUE;
}

/* Of "key[language]=value", the language tells nothing about the key. */
static gchar *
key_of (const gchar *comment, const gchar *equals)
{
  gchar *key = g_strndup (comment, (gsize) (equals - comment));
  gchar *bracket = strchr (key, '[');

  if (bracket != NULL && g_str_has_suffix (key, "]"))
    *bracket = '\0';
  return key;
}

static gboolean
read_comment (const gchar *comment, const gchar *key_prefix, KvsMetadata *metadata,
              GError **error)
{
  const gchar *equals = strchr (comment, '=');
  g_autofree gchar *key = NULL;

  if (equals == NULL || equals == comment)
    return TRUE;
  key = key_of (comment, equals);
  if (!g_str_has_prefix (key, key_prefix))
    return TRUE;
  return kvs_metadata_add (metadata, key + strlen (key_prefix), equals + 1, TRUE, error);
}

/**
 * gst_kvs_metadata_read_tags:
 * @tags: a tag list
 * @key_prefix: only keys that begin with this are read, without it; "" for all
 * @metadata: where they go
 * @error: of the first that could not be added, as kvs_metadata_add() has it
 *
 * Makes persistent metadata of the extended comments that look like "key=value" or
 * "key[language]=value"; an empty value removes it. All other tags are passed over: parsers and
 * encoders write codec, bitrate and the like there, and change them as they go, which nobody meant
 * to have stored with each Fragment. Extended comments are what taginject can write and what has
 * room for any name; but matroskademux, for one, puts tags of its files there (DURATION, ENCODER,
 * HANDLER_NAME, statistics of the muxer), which @key_prefix tells apart from what is meant for the
 * stream.
 *
 * Any thread.
 *
 * Returns: %FALSE if one could not be added; the others were
 */
gboolean
gst_kvs_metadata_read_tags (const GstTagList *tags, const gchar *key_prefix,
                            KvsMetadata *metadata, GError **error)
{
  guint n = gst_tag_list_get_tag_size (tags, GST_TAG_EXTENDED_COMMENT);
  gboolean all_added = TRUE;

  for (guint i = 0; i < n; i++) {
    const gchar *comment = NULL;

    if (!gst_tag_list_peek_string_index (tags, GST_TAG_EXTENDED_COMMENT, i, &comment)
        || read_comment (comment, key_prefix, metadata, all_added ? error : NULL))
      continue;
    all_added = FALSE;
  }
  return all_added;
}

/**
 * gst_kvs_metadata_read_structure:
 * @structure: such as "metadata,site=gate,camera=(string)2"
 * @metadata: where its fields go
 * @error: %KVS_ERROR_BAD_ARGUMENT when a field is no string, else as kvs_metadata_add() has it
 *
 * Makes persistent metadata of all fields.
 *
 * Any thread.
 *
 * Returns: %FALSE if a field could not be used: none was if it is no string, else those before it
 */
gboolean
gst_kvs_metadata_read_structure (const GstStructure *structure, KvsMetadata *metadata,
                                 GError **error)
{
  g_autoptr (GArray) pairs = pairs_of (structure, NULL, error);

  if (pairs == NULL)
    return FALSE;
  for (guint i = 0; i < pairs->len; i++) {
    const KvsMkvTag *pair = &g_array_index (pairs, KvsMkvTag, i);

    if (!kvs_metadata_add (metadata, pair->name, pair->value, TRUE, error))
      return FALSE;
  }
  return TRUE;
}
