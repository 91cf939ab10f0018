/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/process-output.h"

#include "aws/credentials/expiration.h"
#include "aws/json-text.h"

static KvsCredentials *
fail (const gchar *what, GError **error)
{
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, what);
  return NULL;
}

static gboolean
has_version_1 (JsonNode *object)
{
  JsonNode *node = json_object_get_member (json_node_get_object (object), "Version");

  return node != NULL && JSON_NODE_HOLDS_VALUE (node)
         && json_node_get_value_type (node) == G_TYPE_INT64 && json_node_get_int (node) == 1;
}

static gboolean
get_expiration (JsonNode *object, gint64 *expiration_us)
{
  JsonNode *node = json_object_get_member (json_node_get_object (object), "Expiration");
  const gchar *text = kvs_json_text_get_string (object, "Expiration");

  *expiration_us = 0;
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  return text != NULL && kvs_expiration_parse (text, expiration_us);
}

/**
 * kvs_process_output_parse:
 * @text: (array length=size): what the program wrote
 * @size: how many bytes
 * @error: where to say what is wrong, as %KVS_ERROR_CREDENTIALS; shows nothing of @text
 *
 * Does not look at the clock.
 *
 * Returns: (transfer full) (nullable): credentials
 */
KvsCredentials *
kvs_process_output_parse (const gchar *text, gsize size, GError **error)
{
  g_autoptr (JsonNode) object = kvs_json_text_parse (text, size);
  const gchar *access_key, *secret_key, *session_token;
  gint64 expiration_us;

  if (object == NULL)
    return fail ("its output is no JSON object", error);
  if (!has_version_1 (object))
    return fail ("its output has no \"Version\": 1, the only one there is", error);
  if (!get_expiration (object, &expiration_us))
    return fail ("\"Expiration\" in its output is no time such as 2030-01-31T23:59:59Z", error);
  access_key = kvs_json_text_get_string (object, "AccessKeyId");
  secret_key = kvs_json_text_get_string (object, "SecretAccessKey");
  session_token = kvs_json_text_get_string (object, "SessionToken");
  if (!kvs_credentials_check (access_key, secret_key, session_token, error))
    return NULL;
  return kvs_credentials_new (access_key, secret_key, session_token, expiration_us);
}
