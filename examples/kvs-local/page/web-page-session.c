/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "page/web-page-session.h"

#include <string.h>

#include "api/service-error.h"
#include "page/web-page-query.h"
#include "routes.h"

#define MS_PER_SECOND 1000.0

/* The longest that the service gives: whoever leaves a page open wants to see it in the evening. */
#define EXPIRES_SECONDS 43200

/* As many fragments as an answer may list: a range is played to its end. */
#define MAX_ON_DEMAND_FRAGMENTS 5000

static JsonObject *
timestamp_range (const KvsLocalWebPageRange *range)
{
  JsonObject *object = json_object_new ();

  json_object_set_double_member (object, "StartTimestamp", range->from_ms / MS_PER_SECOND);
  json_object_set_double_member (object, "EndTimestamp", range->to_ms / MS_PER_SECOND);
  return object;
}

/* Without "from" it is live media that are asked for. */
static JsonObject *
request_members (GHashTable *query, GError **error)
{
  gboolean is_live = !g_hash_table_contains (query, "from");
  KvsLocalWebPageRange range;
  JsonObject *object, *selector;

  if (!is_live && !kvs_local_web_page_query_range (query, &range, error))
    return NULL;
  object = json_object_new ();
  json_object_set_string_member (object, "StreamName", g_hash_table_lookup (query, "name"));
  json_object_set_string_member (object, "PlaybackMode", is_live ? "LIVE" : "ON_DEMAND");
  json_object_set_string_member (object, "DiscontinuityMode", "ON_DISCONTINUITY");
  json_object_set_string_member (object, "DisplayFragmentTimestamp", "ALWAYS");
  json_object_set_int_member (object, "Expires", EXPIRES_SECONDS);
  selector = json_object_new ();
  if (is_live) {
    json_object_set_string_member (selector, "FragmentSelectorType", "PRODUCER_TIMESTAMP");
  } else {
    json_object_set_string_member (selector, "FragmentSelectorType",
                                   range.kind == KVS_LOCAL_TIME_SERVER ? "SERVER_TIMESTAMP"
                                                                       : "PRODUCER_TIMESTAMP");
    json_object_set_object_member (selector, "TimestampRange", timestamp_range (&range));
    json_object_set_int_member (object, "MaxMediaPlaylistFragmentResults",
                                MAX_ON_DEMAND_FRAGMENTS);
  }
  json_object_set_object_member (object, "HLSFragmentSelector", selector);
  return object;
}

static GBytes *
to_body (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  gchar *text;

  json_node_take_object (node, object);
  text = json_to_string (node, FALSE);
  return g_bytes_new_take (text, strlen (text));
}

/**
 * kvs_local_web_page_make_session:
 * @server: the server
 * @message: a request
 * @query: (element-type utf8 utf8): with "name"; for a range, with "time", "from" and "to" too
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Answers as GetHLSStreamingSessionURL does.
 *
 * Returns: whether there is something to be played
 */
gboolean
kvs_local_web_page_make_session (KvsLocalServer *server, SoupServerMessage *message,
                             GHashTable *query, GError **error)
{
  const KvsLocalRoute *route = kvs_local_route_find ("POST", "/getHLSStreamingSessionURL");
  g_autoptr (GBytes) body = NULL;
  JsonObject *members;

  if (route == NULL) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_UNKNOWN_OPERATION,
                         "getHLSStreamingSessionURL");
    return FALSE;
  }
  if (kvs_local_web_page_query_stream (query, server, error) == NULL)
    return FALSE;
  members = request_members (query, error);
  if (members == NULL)
    return FALSE;
  body = to_body (members);
  return route->handler (server, message, body, error);
}
