/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "page/web-page-data.h"

#include "page/web-page-query.h"

/* Finer than the pixels of the page */
#define TIMELINE_STEPS 1500

/* Fragments follow each other a little early or late, and the duration of a fragment of few frames
 * is not known well. */
#define MIN_GAP_MS 1500

static void
set_extent (JsonObject *object, KvsLocalServer *server, KvsLocalStream *stream,
            KvsLocalTimeKind kind, const gchar *name)
{
  g_autoptr (GError) error = NULL;
  KvsLocalSpan extent;
  JsonArray *pair;

  if (!kvs_local_store_find_extent (server->store, stream, kind, &extent, &error)) {
    g_warning ("%s", error->message);
    return;
  }
  pair = json_array_new ();
  json_array_add_int_element (pair, extent.start_ms);
  json_array_add_int_element (pair, extent.end_ms);
  json_object_set_array_member (object, name, pair);
}

static void
set_text (JsonObject *object, const gchar *name, const gchar *text)
{
  if (text != NULL)
    json_object_set_string_member (object, name, text);
}

static JsonObject *
describe (KvsLocalServer *server, KvsLocalStream *stream)
{
  JsonObject *object = json_object_new ();
  KvsLocalFragment newest;

  json_object_set_string_member (object, "name", stream->name);
  json_object_set_boolean_member (object, "is_active", kvs_local_stream_is_active (stream));
  json_object_set_int_member (object, "retention_hours", stream->retention_hours);
  json_object_set_int_member (object, "n_producers", stream->n_put_connections);
  json_object_set_int_member (object, "n_readers", stream->n_get_connections);
  json_object_set_double_member (object, "bytes_per_second",
                                 kvs_local_activity_get_bytes_per_second (stream->activity));
  set_extent (object, server, stream, KVS_LOCAL_TIME_SERVER, "server");
  set_extent (object, server, stream, KVS_LOCAL_TIME_PRODUCER, "producer");
  if (kvs_local_store_newest_fragment (server->store, stream, &newest)) {
    json_object_set_string_member (object, "newest", newest.number);
    json_object_set_int_member (object, "newest_ms", newest.server_ms + newest.duration_ms);
  }
  return object;
}

static void
answer (SoupServerMessage *message, JsonObject *object)
{
  json_object_set_int_member (object, "now_ms", g_get_real_time () / 1000);
  kvs_local_server_answer_object (message, object);
}

/**
 * kvs_local_web_page_tell_streams:
 * @server: the server
 * @message: a request
 * @query: (element-type utf8 utf8): of the request, not looked at
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Answers with all streams, and the requests that were refused lately.
 *
 * Returns: %TRUE
 */
gboolean
kvs_local_web_page_tell_streams (KvsLocalServer *server, SoupServerMessage *message,
                             GHashTable *query, GError **error)
{
  g_autoptr (GList) streams = kvs_local_store_list (server->store);
  JsonObject *object = json_object_new ();
  JsonArray *array = json_array_new ();

  for (GList *l = streams; l != NULL; l = l->next)
    json_array_add_object_element (array, describe (server, l->data));
  json_object_set_string_member (object, "region", server->options->region);
  json_object_set_string_member (object, "version", KVS_VERSION);
  json_object_set_array_member (object, "streams", array);
  json_object_set_array_member (object, "refusals", kvs_local_refusals_to_json (server->refusals));
  answer (message, object);
  return TRUE;
}

static JsonObject *
tags_of (KvsLocalStream *stream)
{
  JsonObject *tags = json_object_new ();
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, stream->tags);
  while (g_hash_table_iter_next (&iter, &key, &value))
    json_object_set_string_member (tags, key, value);
  return tags;
}

/**
 * kvs_local_web_page_tell_stream:
 * @server: the server
 * @message: a request
 * @query: (element-type utf8 utf8): with "name"
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Answers with one stream, and what happened to it lately.
 *
 * Returns: whether there is such a stream
 */
gboolean
kvs_local_web_page_tell_stream (KvsLocalServer *server, SoupServerMessage *message, GHashTable *query,
                            GError **error)
{
  KvsLocalStream *stream = kvs_local_web_page_query_stream (query, server, error);
  JsonObject *object;

  if (stream == NULL)
    return FALSE;
  object = describe (server, stream);
  json_object_set_string_member (object, "arn", stream->arn);
  json_object_set_int_member (object, "creation_ms", stream->creation_ms);
  set_text (object, "media_type", stream->media_type);
  set_text (object, "device_name", stream->device_name);
  json_object_set_object_member (object, "tags", tags_of (stream));
  json_object_set_array_member (object, "rates", kvs_local_activity_get_rates (stream->activity));
  json_object_set_array_member (object, "acks",
                                kvs_local_activity_get_acks (stream->activity, FALSE));
  json_object_set_array_member (object, "errors",
                                kvs_local_activity_get_acks (stream->activity, TRUE));
  answer (message, object);
  return TRUE;
}

/**
 * kvs_local_web_page_tell_timeline:
 * @server: the server
 * @message: a request
 * @query: (element-type utf8 utf8): with "name", "time", "from" and "to"
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Answers with the times for which there are fragments; what is no wider than a pixel is no gap.
 *
 * Returns: whether it could be found out
 */
gboolean
kvs_local_web_page_tell_timeline (KvsLocalServer *server, SoupServerMessage *message,
                              GHashTable *query, GError **error)
{
  KvsLocalStream *stream = kvs_local_web_page_query_stream (query, server, error);
  g_autoptr (GArray) spans = NULL;
  KvsLocalWebPageRange range;
  JsonObject *object;
  JsonArray *array;
  gint64 tolerance_ms;

  if (stream == NULL || !kvs_local_web_page_query_range (query, &range, error))
    return FALSE;
  tolerance_ms = MAX (MIN_GAP_MS, (range.to_ms - range.from_ms) / TIMELINE_STEPS);
  spans = kvs_local_store_list_spans (server->store, stream, range.kind, range.from_ms,
                                      range.to_ms, tolerance_ms, error);
  if (spans == NULL)
    return FALSE;
  array = json_array_sized_new (spans->len);
  for (guint i = 0; i < spans->len; i++) {
    const KvsLocalSpan *span = &g_array_index (spans, KvsLocalSpan, i);
    JsonArray *pair = json_array_new ();

    json_array_add_int_element (pair, span->start_ms);
    json_array_add_int_element (pair, span->end_ms);
    json_array_add_array_element (array, pair);
  }
  object = json_object_new ();
  json_object_set_int_member (object, "tolerance_ms", tolerance_ms);
  json_object_set_array_member (object, "spans", array);
  answer (message, object);
  return TRUE;
}
