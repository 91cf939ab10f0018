/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/json-text.h"

#define MAX_BYTES (64 * 1024)
/* JSON-GLib calls itself for each nested value: nothing but brackets would use up the stack. */
#define MAX_NESTING_MARKS 256

static gboolean
is_flat (const gchar *text, gsize size)
{
  guint marks = 0;

  for (gsize i = 0; i < size; i++)
    if ((text[i] == '{' || text[i] == '[') && ++marks > MAX_NESTING_MARKS)
      return FALSE;
  return TRUE;
}

/**
 * kvs_json_text_parse:
 * @text: (array length=size): bytes
 * @size: how many
 *
 * There is no error to tell, because those of the parser show what they stumble over.
 *
 * Returns: (transfer full) (nullable): an object, or %NULL where it is none
 */
JsonNode *
kvs_json_text_parse (const gchar *text, gsize size)
{
  g_autoptr (JsonParser) parser = NULL;
  JsonNode *root;

  if (size == 0 || size > MAX_BYTES || !g_utf8_validate_len (text, size, NULL)
      || !is_flat (text, size))
    return NULL;
  parser = json_parser_new ();
  if (!json_parser_load_from_data (parser, text, (gssize) size, NULL))
    return NULL;
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    return NULL;
  return json_parser_steal_root (parser);
}

/**
 * kvs_json_text_get_string:
 * @object: an object
 * @key: a member's name
 *
 * Returns: (transfer none) (nullable): its value, if it is a string
 */
const gchar *
kvs_json_text_get_string (JsonNode *object, const gchar *key)
{
  JsonNode *node = json_object_get_member (json_node_get_object (object), key);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node)
      || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}
