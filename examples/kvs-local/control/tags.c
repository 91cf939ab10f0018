/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TagStream, UntagStream, ListTagsForStream */
#include "control/tags.h"

#include "api/service-error.h"
#include "control/control-plane.h"
#include "http/args.h"

static gboolean
invalid (GError **error, const gchar *message)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT, message);
  return FALSE;
}

static gboolean
take_tag (JsonObject *object, const gchar *key, GHashTable *tags, GError **error)
{
  const gchar *value;

  if (!kvs_local_check_string ("A tag's key", key, &kvs_local_shape_tag_key, error)
      || !kvs_local_args_required_string (object, key, &kvs_local_shape_tag_value, &value, error))
    return FALSE;
  g_hash_table_insert (tags, g_strdup (key), g_strdup (value));
  return TRUE;
}

/**
 * kvs_local_take_tags:
 * @args: request
 * @tags: (element-type utf8 utf8): where to add the tags of its member "Tags"
 * @required: whether there must be some
 * @error: where to put an error
 *
 * Returns: %FALSE if a tag is not good, or @tags holds more than 50 now
 */
gboolean
kvs_local_take_tags (JsonObject *args, GHashTable *tags, gboolean required, GError **error)
{
  g_autoptr (GList) keys = NULL;
  JsonObject *object;

  if (!kvs_local_args_object (args, "Tags", &object, error))
    return FALSE;
  if (object == NULL || json_object_get_size (object) == 0)
    return !required || invalid (error, "Tags must have at least one entry.");
  keys = json_object_get_members (object);
  for (GList *key = keys; key != NULL; key = key->next) {
    if (!take_tag (object, key->data, tags, error))
      return FALSE;
  }
  return kvs_local_check_tag_count (tags, error);
}

/**
 * kvs_local_check_tag_count:
 * @tags: (element-type utf8 utf8): tags of a stream
 * @error: where to put an error
 *
 * Returns: whether a stream may have so many
 */
gboolean
kvs_local_check_tag_count (GHashTable *tags, GError **error)
{
  if (g_hash_table_size (tags) <= KVS_LOCAL_MAX_TAGS)
    return TRUE;
  g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_TAGS_PER_RESOURCE,
               "A stream can have at most %u tags.", KVS_LOCAL_MAX_TAGS);
  return FALSE;
}

/**
 * kvs_local_copy_tags:
 * @tags: (element-type utf8 utf8): tags
 *
 * Returns: (transfer full) (element-type utf8 utf8): the same tags, to be changed
 */
GHashTable *
kvs_local_copy_tags (GHashTable *tags)
{
  GHashTable *copy = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, tags);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_hash_table_insert (copy, g_strdup (key), g_strdup (value));
  return copy;
}

/**
 * kvs_local_may_be_tagged:
 * @stream: a stream
 * @error: where to put an error
 *
 * Returns: whether it is ACTIVE, else with %KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND: the model of the
 *   operations on tags knows no other exception for it (kvs-api.md Annex A.1)
 */
gboolean
kvs_local_may_be_tagged (const KvsLocalStream *stream, GError **error)
{
  if (kvs_local_stream_is_active (stream))
    return TRUE;
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                       KVS_LOCAL_MESSAGE_NO_STREAM);
  return FALSE;
}

/**
 * kvs_local_replace_tags:
 * @store: the store
 * @stream: a stream
 * @tags: (element-type utf8 utf8): its new tags; taken over only if they are in the index
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer, which is empty
 */
JsonObject *
kvs_local_replace_tags (KvsLocalStore *store, KvsLocalStream *stream, GHashTable *tags,
                        GError **error)
{
  g_autoptr (GHashTable) before = stream->tags;

  stream->tags = g_hash_table_ref (tags);
  if (kvs_local_store_save_tags (store, stream, error))
    return json_object_new ();
  g_hash_table_unref (stream->tags);
  stream->tags = g_steal_pointer (&before);
  return NULL;
}

/* What is wrong with an ARN has an exception of its own here. */
static KvsLocalStream *
find_stream (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  const gchar *arn;
  GError *why = NULL;

  if (kvs_local_args_string (args, "StreamARN", &kvs_local_shape_arn, &arn, &why))
    return kvs_local_args_stream (args, plane->store, error);
  why->code = KVS_LOCAL_ERROR_INVALID_RESOURCE_FORMAT;
  g_propagate_error (error, why);
  return NULL;
}

/**
 * kvs_local_tag_stream:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_tag_stream (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = find_stream (plane, args, error);
  g_autoptr (GHashTable) tags = NULL;

  if (stream == NULL || !kvs_local_may_be_tagged (stream, error))
    return NULL;
  tags = kvs_local_copy_tags (stream->tags);
  if (!kvs_local_take_tags (args, tags, TRUE, error))
    return NULL;
  return kvs_local_replace_tags (plane->store, stream, tags, error);
}

static gboolean
remove_keys (JsonObject *args, GHashTable *tags, GError **error)
{
  JsonArray *keys;
  guint n_keys;

  if (!kvs_local_args_has (args, "TagKeyList")
      || !JSON_NODE_HOLDS_ARRAY (json_object_get_member (args, "TagKeyList")))
    return invalid (error, "TagKeyList must be a list.");
  keys = json_object_get_array_member (args, "TagKeyList");
  n_keys = json_array_get_length (keys);
  if (n_keys < 1 || n_keys > KVS_LOCAL_MAX_TAGS)
    return invalid (error, "TagKeyList must have between 1 and 50 entries.");
  for (guint i = 0; i < n_keys; i++) {
    JsonNode *key = json_array_get_element (keys, i);

    if (!JSON_NODE_HOLDS_VALUE (key) || json_node_get_value_type (key) != G_TYPE_STRING)
      return invalid (error, "A tag's key must be a string.");
    if (!kvs_local_check_string ("A tag's key", json_node_get_string (key),
                                 &kvs_local_shape_tag_key, error))
      return FALSE;
    g_hash_table_remove (tags, json_node_get_string (key));
  }
  return TRUE;
}

/**
 * kvs_local_remove_tags:
 * @store: the store
 * @stream: a stream
 * @args: request, with the keys in its member "TagKeyList"
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer, which is empty
 */
JsonObject *
kvs_local_remove_tags (KvsLocalStore *store, KvsLocalStream *stream, JsonObject *args,
                       GError **error)
{
  g_autoptr (GHashTable) tags = NULL;

  if (!kvs_local_may_be_tagged (stream, error))
    return NULL;
  tags = kvs_local_copy_tags (stream->tags);
  if (!remove_keys (args, tags, error))
    return NULL;
  return kvs_local_replace_tags (store, stream, tags, error);
}

/**
 * kvs_local_untag_stream:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_untag_stream (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = find_stream (plane, args, error);

  return stream != NULL ? kvs_local_remove_tags (plane->store, stream, args, error) : NULL;
}

/**
 * kvs_local_describe_tags:
 * @stream: a stream
 * @args: request
 * @error: where to put an error
 *
 * All tags of a stream fit into one page, so that no token for another is ever given out.
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_describe_tags (KvsLocalStream *stream, JsonObject *args, GError **error)
{
  const gchar *next_token;
  JsonObject *answer, *tags;
  GHashTableIter iter;
  gpointer key, value;

  if (!kvs_local_args_string (args, "NextToken", &kvs_local_shape_next_token, &next_token, error))
    return NULL;
  if (next_token != NULL && *next_token != '\0') {
    invalid (error, "The NextToken is not valid.");
    return NULL;
  }
  tags = json_object_new ();
  g_hash_table_iter_init (&iter, stream->tags);
  while (g_hash_table_iter_next (&iter, &key, &value))
    json_object_set_string_member (tags, key, value);
  answer = json_object_new ();
  json_object_set_null_member (answer, "NextToken");
  json_object_set_object_member (answer, "Tags", tags);
  return answer;
}

/**
 * kvs_local_list_tags_for_stream:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_list_tags_for_stream (const KvsLocalControlPlane *plane, JsonObject *args,
                                GError **error)
{
  KvsLocalStream *stream = find_stream (plane, args, error);

  return stream != NULL ? kvs_local_describe_tags (stream, args, error) : NULL;
}
