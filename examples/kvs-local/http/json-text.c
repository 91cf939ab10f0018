/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/json-text.h"

static void append_node (GString *text, JsonNode *node);

static void
append_string (GString *text, const gchar *string)
{
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), string);
  g_autofree gchar *quoted = json_to_string (node, FALSE);

  g_string_append (text, quoted);
}

static void
append_object (GString *text, JsonObject *object)
{
  const gchar *separator = "";
  JsonObjectIter iter;
  const gchar *name;
  JsonNode *value;

  g_string_append_c (text, '{');
  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, &value)) {
    g_string_append (text, separator);
    append_string (text, name);
    g_string_append_c (text, ':');
    append_node (text, value);
    separator = ",";
  }
  g_string_append_c (text, '}');
}

static void
append_array (GString *text, JsonArray *array)
{
  g_string_append_c (text, '[');
  for (guint i = 0; i < json_array_get_length (array); i++) {
    if (i > 0)
      g_string_append_c (text, ',');
    append_node (text, json_array_get_element (array, i));
  }
  g_string_append_c (text, ']');
}

static void
append_value (GString *text, JsonNode *node)
{
  gchar number[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree gchar *value = NULL;

  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_DOUBLE) {
    g_ascii_formatd (number, sizeof number, "%.3f", json_node_get_double (node));
    g_string_append (text, number);
    return;
  }
  value = json_to_string (node, FALSE);
  g_string_append (text, value);
}

static void
append_node (GString *text, JsonNode *node)
{
  if (JSON_NODE_HOLDS_OBJECT (node))
    append_object (text, json_node_get_object (node));
  else if (JSON_NODE_HOLDS_ARRAY (node))
    append_array (text, json_node_get_array (node));
  else
    append_value (text, node);
}

/**
 * kvs_local_json_text:
 * @node: what to write
 *
 * Numbers with a fraction get three decimals, as they are seconds and the service gives milliseconds:
 * json-glib writes 17 digits, 1700000000.8399999 for 1700000000.84, of which clients that read
 * decimals make the millisecond before.
 *
 * Returns: (transfer full): its JSON
 */
gchar *
kvs_local_json_text (JsonNode *node)
{
  GString *text = g_string_new (NULL);

  append_node (text, node);
  return g_string_free (text, FALSE);
}
