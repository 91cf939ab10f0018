/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/event-tags.h"

#include <string.h>

#include "mkv/ebml-reader.h"
#include "mkv/mkv-ids.h"

#define RESERVED_PREFIX "AWS_"
#define NOTIFICATION "AWS_KINESISVIDEO_NOTIFICATION"
#define IMAGE_GENERATION "AWS_KINESISVIDEO_IMAGE_GENERATION"
#define IMAGE_PREFIX "AWS_KINESISVIDEO_IMAGE_PREFIX"

typedef struct {
  KvsLocalEventTags *tags;
  /* of the Tags element that is being read */
  guint events;
  gchar *prefix;
  GHashTable *pairs;
  /* of the SimpleTag */
  gchar *name;
  gchar *value;
} Parser;

static GHashTable *
new_pairs (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

static gboolean
name_is (const gchar *name, gsize size, const gchar *wanted)
{
  return size == strlen (wanted) && memcmp (name, wanted, size) == 0;
}

/**
 * kvs_local_event_of_tag:
 * @name: of a SimpleTag
 * @size: its bytes
 *
 * Returns: (type KvsLocalEvent): what it asks for, or 0
 */
guint
kvs_local_event_of_tag (const gchar *name, gsize size)
{
  if (name_is (name, size, NOTIFICATION))
    return KVS_LOCAL_EVENT_NOTIFICATION;
  return name_is (name, size, IMAGE_GENERATION) ? KVS_LOCAL_EVENT_IMAGE_GENERATION : 0;
}

static void
start_element (Parser *parser)
{
  parser->events = 0;
  g_clear_pointer (&parser->prefix, g_free);
  g_hash_table_remove_all (parser->pairs);
}

static void
end_simple_tag (Parser *parser)
{
  g_autofree gchar *name = g_steal_pointer (&parser->name);
  g_autofree gchar *value = g_steal_pointer (&parser->value);

  if (name == NULL)
    return;
  parser->events |= kvs_local_event_of_tag (name, strlen (name));
  if (value == NULL)
    value = g_strdup ("");
  if (g_str_equal (name, IMAGE_PREFIX)) {
    g_free (parser->prefix);
    parser->prefix = g_steal_pointer (&value);
  } else if (!g_str_has_prefix (name, RESERVED_PREFIX)) {
    g_hash_table_replace (parser->pairs, g_steal_pointer (&name), g_steal_pointer (&value));
  }
}

static void
add_pairs (GHashTable *to, GHashTable *from)
{
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, from);
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_hash_table_replace (to, g_strdup (name), g_strdup (value));
}

static void
end_element (Parser *parser)
{
  KvsLocalEventTags *tags = parser->tags;

  tags->events |= parser->events;
  if ((parser->events & KVS_LOCAL_EVENT_NOTIFICATION) != 0)
    add_pairs (tags->notification_pairs, parser->pairs);
  if ((parser->events & KVS_LOCAL_EVENT_IMAGE_GENERATION) == 0)
    return;
  add_pairs (tags->image_pairs, parser->pairs);
  if (parser->prefix != NULL) {
    g_free (tags->image_prefix);
    tags->image_prefix = g_steal_pointer (&parser->prefix);
  }
}

static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  Parser *parser = user_data;

  if (element->id == KVS_MKV_ID_TAGS) {
    start_element (parser);
  } else if (element->id == KVS_MKV_ID_SIMPLE_TAG) {
    /* the one around it, if any, has its name already */
    end_simple_tag (parser);
  }
  return TRUE;
}

static void
take_text (gchar **text, const guint8 *payload, gsize size)
{
  g_free (*text);
  *text = size > 0 ? g_strndup ((const gchar *) payload, size) : g_strdup ("");
}

static gboolean
on_end (const KvsEbmlElement *element, const guint8 *payload, gsize payload_size,
        gpointer user_data, GError **error)
{
  Parser *parser = user_data;

  if (element->id == KVS_MKV_ID_TAG_NAME)
    take_text (&parser->name, payload, payload_size);
  else if (element->id == KVS_MKV_ID_TAG_STRING)
    take_text (&parser->value, payload, payload_size);
  else if (element->id == KVS_MKV_ID_SIMPLE_TAG)
    end_simple_tag (parser);
  else if (element->id == KVS_MKV_ID_TAGS)
    end_element (parser);
  return TRUE;
}

/**
 * kvs_local_event_tags_parse:
 * @data: Tags elements of a fragment that was found good
 * @size: their bytes
 *
 * Returns: (transfer full): what they ask for; what cannot be read asks for nothing
 */
KvsLocalEventTags *
kvs_local_event_tags_parse (const guint8 *data, gsize size)
{
  static const KvsEbmlReaderFuncs funcs = { .start = on_start, .end = on_end };
  KvsLocalEventTags *tags = g_new0 (KvsLocalEventTags, 1);
  Parser parser = { .tags = tags, .pairs = new_pairs () };
  g_autoptr (KvsEbmlReader) reader = kvs_ebml_reader_new (&funcs, &parser);

  tags->notification_pairs = new_pairs ();
  tags->image_pairs = new_pairs ();
  if (kvs_ebml_reader_push (reader, data, size, NULL))
    kvs_ebml_reader_finish (reader, NULL);
  g_hash_table_unref (parser.pairs);
  g_free (parser.prefix);
  g_free (parser.name);
  g_free (parser.value);
  return tags;
}

/**
 * kvs_local_event_tags_free:
 * @tags: (transfer full) (nullable): tags
 */
void
kvs_local_event_tags_free (KvsLocalEventTags *tags)
{
  if (tags == NULL)
    return;
  g_hash_table_unref (tags->notification_pairs);
  g_hash_table_unref (tags->image_pairs);
  g_free (tags->image_prefix);
  g_free (tags);
}
