/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TagResource, UntagResource, ListTagsForResource: the same tags as those of tags.c, of what an ARN
 * alone names. The service has them for signaling channels, of which there are none here, and lets
 * them be granted for streams. */
#include "api/service-error.h"
#include "control/control-plane.h"
#include "control/tags.h"
#include "http/args.h"

static KvsLocalStream *
find_resource (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream;
  const gchar *arn;

  if (!kvs_local_args_required_string (args, "ResourceARN", &kvs_local_shape_arn, &arn, error))
    return NULL;
  stream = kvs_local_store_find_by_arn (plane->store, arn);
  if (stream == NULL)
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_STREAM);
  return stream;
}

static gboolean
invalid (GError **error, const gchar *message)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT, message);
  return FALSE;
}

static gboolean
take_entry (JsonNode *entry, GHashTable *tags, GError **error)
{
  const gchar *key, *value;
  JsonObject *tag;

  if (!JSON_NODE_HOLDS_OBJECT (entry))
    return invalid (error, "A tag must be an object.");
  tag = json_node_get_object (entry);
  if (!kvs_local_args_required_string (tag, "Key", &kvs_local_shape_tag_key, &key, error)
      || !kvs_local_args_required_string (tag, "Value", &kvs_local_shape_tag_value, &value, error))
    return FALSE;
  g_hash_table_insert (tags, g_strdup (key), g_strdup (value));
  return TRUE;
}

static gboolean
take_entries (JsonObject *args, GHashTable *tags, GError **error)
{
  JsonArray *entries;
  guint n_entries;

  if (!kvs_local_args_has (args, "Tags")
      || !JSON_NODE_HOLDS_ARRAY (json_object_get_member (args, "Tags")))
    return invalid (error, "Tags must be a list.");
  entries = json_object_get_array_member (args, "Tags");
  n_entries = json_array_get_length (entries);
  if (n_entries == 0)
    return invalid (error, "Tags must have at least one entry.");
  for (guint i = 0; i < n_entries; i++) {
    if (!take_entry (json_array_get_element (entries, i), tags, error))
      return FALSE;
  }
  return kvs_local_check_tag_count (tags, error);
}

/**
 * kvs_local_tag_resource:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_tag_resource (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = find_resource (plane, args, error);
  g_autoptr (GHashTable) tags = NULL;

  if (stream == NULL || !kvs_local_may_be_tagged (stream, error))
    return NULL;
  tags = kvs_local_copy_tags (stream->tags);
  if (!take_entries (args, tags, error))
    return NULL;
  return kvs_local_replace_tags (plane->store, stream, tags, error);
}

/**
 * kvs_local_untag_resource:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_untag_resource (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = find_resource (plane, args, error);

  return stream != NULL ? kvs_local_remove_tags (plane->store, stream, args, error) : NULL;
}

/**
 * kvs_local_list_tags_for_resource:
 * @plane: control plane
 * @args: request
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): answer, in which the tags are a map
 */
JsonObject *
kvs_local_list_tags_for_resource (const KvsLocalControlPlane *plane, JsonObject *args,
                                  GError **error)
{
  KvsLocalStream *stream = find_resource (plane, args, error);

  return stream != NULL ? kvs_local_describe_tags (stream, args, error) : NULL;
}
