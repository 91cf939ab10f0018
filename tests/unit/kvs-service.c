/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kvs-service.h"

#include <check.h>
#include <string.h>

#include "wait.h"

/* How long nothing comes when the uploader has run dry; flush intervals of tests are shorter. */
#define QUIET_MS 60

struct _Service {
  HttpServer *http;
  GMutex lock;
  GHashTable *answers; /* path -> GQueue of gchar */
  GQueue uploads;      /* of UploadFunc */
  GHashTable *counts;  /* path -> number of requests */
  GHashTable *bodies;  /* path -> the last one */
  GHashTable *upload_headers;
  gchar *data_endpoint;
  GArray *stored; /* of guint64: the ids of frames, as they were persisted */
};

typedef struct {
  UploadFunc func;
} UploadStep;

/* ---- the control plane ---- */

static gchar *
make_answer (guint status, const gchar *headers, const gchar *body)
{
  return g_strdup_printf ("HTTP/1.1 %u Answer\r\n%sx-amzn-RequestId: 11-22\r\n"
                          "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                          status, headers, strlen (body), body);
}

static gchar *
make_usual_body (Service *service, const gchar *path)
{
  if (strcmp (path, "/describeStream") == 0)
    return g_strdup ("{\"StreamInfo\":{\"Status\":\"ACTIVE\",\"DataRetentionInHours\":2,"
                     "\"StreamARN\":\"arn:aws:kinesisvideo:us-west-2:1:stream/cam/1\"}}");
  if (strcmp (path, "/getDataEndpoint") == 0)
    return g_strdup_printf ("{\"DataEndpoint\":\"%s\"}", service->data_endpoint);
  if (strcmp (path, "/createStream") == 0)
    return g_strdup ("{\"StreamARN\":\"arn:aws:kinesisvideo:us-west-2:1:stream/cam/1\"}");
  return g_strdup ("");
}

static gchar *
next_answer (Service *service, const gchar *path, const gchar *body)
{
  GQueue *queue;
  gchar *answer = NULL;

  g_mutex_lock (&service->lock);
  g_hash_table_insert (service->bodies, g_strdup (path), g_strdup (body));
  queue = g_hash_table_lookup (service->answers, path);
  if (queue != NULL)
    answer = g_queue_pop_head (queue);
  if (answer == NULL) {
    g_autofree gchar *usual = make_usual_body (service, path);

    answer = make_answer (200, "", usual);
  }
  g_mutex_unlock (&service->lock);
  return answer;
}

static void
count_request (Service *service, const gchar *path)
{
  gpointer n;

  g_mutex_lock (&service->lock);
  n = g_hash_table_lookup (service->counts, path);
  g_hash_table_insert (service->counts, g_strdup (path), (gchar *) n + 1);
  g_mutex_unlock (&service->lock);
}

/* ---- uploads ---- */

static void
keep_headers (Service *service, HttpPeer *peer)
{
  static const gchar *const names[] = {
    "x-amzn-stream-name", "x-amzn-stream-arn", "x-amzn-fragment-timecode-type",
    "x-amzn-producer-start-timestamp", "x-amzn-fragment-acknowledgment-required", "authorization",
    "x-amz-date", "expect", "transfer-encoding", "host", "user-agent",
  };

  g_mutex_lock (&service->lock);
  g_hash_table_remove_all (service->upload_headers);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_hash_table_insert (service->upload_headers, g_strdup (names[i]),
                         g_strdup (http_peer_get_header (peer, names[i])));
  g_mutex_unlock (&service->lock);
}

static void
handle_upload (Service *service, HttpPeer *peer)
{
  Upload upload = { service, peer, wire_new (), 0 };
  UploadFunc func = upload_serve;

  keep_headers (service, peer);
  g_mutex_lock (&service->lock);
  if (!g_queue_is_empty (&service->uploads)) {
    UploadStep *step = g_queue_pop_head (&service->uploads);

    func = step->func;
    g_free (step);
  }
  g_mutex_unlock (&service->lock);
  func (&upload);
  wire_free (upload.wire);
}

static void
on_request (HttpPeer *peer, const gchar *path, gpointer user_data)
{
  Service *service = user_data;
  g_autofree gchar *body = NULL;
  g_autofree gchar *answer = NULL;

  count_request (service, path);
  if (strcmp (path, "/putMedia") == 0) {
    handle_upload (service, peer);
    return;
  }
  body = http_peer_read_body (peer);
  answer = next_answer (service, path, body);
  http_peer_write (peer, answer);
}

/* Returns: whether more came; %FALSE at the end of the body or the connection. */
gboolean
upload_read (Upload *upload)
{
  g_autoptr (GByteArray) chunk = g_byte_array_new ();

  if (!http_peer_read_chunk (upload->peer, chunk))
    return FALSE;
  wire_push (upload->wire, chunk->data, chunk->len);
  return TRUE;
}

void
upload_begin_answer (Upload *upload)
{
  http_peer_write (upload->peer, SERVICE_CHUNKED_HEAD);
}

static const WireCluster *
cluster_at (Upload *upload, guint cluster)
{
  ck_assert_uint_lt (cluster, upload->wire->clusters->len);
  return g_ptr_array_index (upload->wire->clusters, cluster);
}

gchar *
upload_make_ack (Upload *upload, const gchar *type, guint cluster)
{
  return g_strdup_printf ("{\"EventType\":\"%s\",\"FragmentTimecode\":%" G_GUINT64_FORMAT
                          ",\"FragmentNumber\":\"91343852333181432392682062%u\"}\n",
                          type, cluster_at (upload, cluster)->timecode, cluster);
}

void
upload_ack (Upload *upload, const gchar *type, guint cluster)
{
  g_autofree gchar *ack = upload_make_ack (upload, type, cluster);

  http_peer_write_chunk (upload->peer, ack);
}

void
upload_ack_error (Upload *upload, guint error_id, guint cluster)
{
  g_autofree gchar *ack = g_strdup_printf (
      "{\"EventType\":\"ERROR\",\"FragmentTimecode\":%" G_GUINT64_FORMAT
      ",\"FragmentNumber\":\"9\",\"ErrorCode\":\"SOME_ERROR\",\"ErrorId\":%u}\n",
      cluster_at (upload, cluster)->timecode, error_id);

  http_peer_write_chunk (upload->peer, ack);
}

/* Stores its frames; the Acks are the caller's. */
void
upload_store (Upload *upload, guint cluster)
{
  const GArray *blocks = cluster_at (upload, cluster)->blocks;

  g_mutex_lock (&upload->service->lock);
  for (guint i = 0; i < blocks->len; i++)
    g_array_append_val (upload->service->stored, g_array_index (blocks, WireBlock, i).id);
  g_mutex_unlock (&upload->service->lock);
}

static void
answer_cluster (Upload *upload, guint cluster)
{
  upload_ack (upload, "BUFFERING", cluster);
  upload_ack (upload, "RECEIVED", cluster);
  upload_store (upload, cluster);
  upload_ack (upload, "PERSISTED", cluster);
}

/* As the service does it, once the head of the answer is out. */
void
upload_serve_from_now (Upload *upload)
{
  while (upload_read (upload))
    for (; upload->n_answered + 1 < upload->wire->clusters->len; upload->n_answered++)
      answer_cluster (upload, upload->n_answered);
  if (!http_peer_is_body_ended (upload->peer))
    return;
  for (; upload->n_answered < upload->wire->clusters->len; upload->n_answered++)
    answer_cluster (upload, upload->n_answered);
  http_peer_write (upload->peer, "0\r\n\r\n");
}

void
upload_serve (Upload *upload)
{
  upload_begin_answer (upload);
  upload_serve_from_now (upload);
}

/* As a data endpoint does it that the stream is not behind. */
void
upload_refuse_endpoint (Upload *upload)
{
  http_peer_write (upload->peer, "HTTP/1.1 400 Bad\r\nx-amzn-ErrorType: InvalidEndpointException\r\n"
                                 "Content-Length: 0\r\n\r\n");
  http_peer_close (upload->peer);
}

/* Until that many Clusters have begun, and then until the uploader has run dry: it is paused. */
void
upload_read_until_quiet (Upload *upload, guint n_clusters)
{
  while (upload->wire->clusters->len < n_clusters || !http_peer_is_quiet (upload->peer, QUIET_MS))
    if (!upload_read (upload))
      return;
}

/* ---- the service ---- */

static void
free_answers (gpointer queue)
{
  g_queue_free_full (queue, g_free);
}

Service *
service_new (gboolean tls)
{
  Service *service = g_new0 (Service, 1);

  service->answers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_answers);
  service->counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  service->bodies = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  service->upload_headers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  service->stored = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_queue_init (&service->uploads);
  g_mutex_lock (&service->lock);
  service->http = http_server_new (tls, on_request, service);
  service->data_endpoint = g_strdup (http_server_get_url (service->http));
  g_mutex_unlock (&service->lock);
  return service;
}

void
service_free (Service *service)
{
  http_server_free (service->http);
  g_queue_clear_full (&service->uploads, g_free);
  g_hash_table_unref (service->answers);
  g_hash_table_unref (service->counts);
  g_hash_table_unref (service->bodies);
  g_hash_table_unref (service->upload_headers);
  g_array_unref (service->stored);
  g_free (service->data_endpoint);
  g_free (service);
}

const gchar *
service_get_url (Service *service)
{
  return http_server_get_url (service->http);
}

const gchar *
service_get_ca_path (Service *service)
{
  return http_server_get_ca_path (service->http);
}

void
service_add_answer (Service *service, const gchar *path, const gchar *head_and_body)
{
  GQueue *queue;

  g_mutex_lock (&service->lock);
  queue = g_hash_table_lookup (service->answers, path);
  if (queue == NULL) {
    queue = g_queue_new ();
    g_hash_table_insert (service->answers, g_strdup (path), queue);
  }
  g_queue_push_tail (queue, g_strdup (head_and_body));
  g_mutex_unlock (&service->lock);
}

/* @message is a JSON text without quotes; a @status of 200 gives a plain answer with it as body. */
void
service_add_error (Service *service, const gchar *path, guint status, const gchar *type,
                   const gchar *message)
{
  g_autofree gchar *headers
      = type != NULL ? g_strdup_printf ("x-amzn-ErrorType: %s:http://x/\r\n", type) : g_strdup ("");
  g_autofree gchar *body = status == 200 ? g_strdup (message)
                                         : g_strdup_printf ("{\"Message\":\"%s\"}", message);
  g_autofree gchar *answer = make_answer (status, headers, body);

  service_add_answer (service, path, answer);
}

void
service_add_upload (Service *service, UploadFunc func)
{
  UploadStep *step = g_new (UploadStep, 1);

  step->func = func;
  g_mutex_lock (&service->lock);
  g_queue_push_tail (&service->uploads, step);
  g_mutex_unlock (&service->lock);
}

void
service_set_data_endpoint (Service *service, const gchar *url)
{
  g_mutex_lock (&service->lock);
  g_free (service->data_endpoint);
  service->data_endpoint = g_strdup (url);
  g_mutex_unlock (&service->lock);
}

/* ---- what came ---- */

guint
service_count (Service *service, const gchar *path)
{
  guint n;

  g_mutex_lock (&service->lock);
  n = GPOINTER_TO_UINT (g_hash_table_lookup (service->counts, path));
  g_mutex_unlock (&service->lock);
  return n;
}

static gchar *
look_up (Service *service, GHashTable *table, const gchar *key)
{
  gchar *value;

  g_mutex_lock (&service->lock);
  value = g_strdup (g_hash_table_lookup (table, key));
  g_mutex_unlock (&service->lock);
  return value;
}

gchar *
service_get_last_body (Service *service, const gchar *path)
{
  return look_up (service, service->bodies, path);
}

gchar *
service_get_last_upload_header (Service *service, const gchar *name)
{
  return look_up (service, service->upload_headers, name);
}

guint
service_count_stored (Service *service)
{
  guint n;

  g_mutex_lock (&service->lock);
  n = service->stored->len;
  g_mutex_unlock (&service->lock);
  return n;
}

typedef struct {
  Service *service;
  const gchar *path;
  guint n;
} Expected;

static gboolean
has_stored (gpointer user_data)
{
  const Expected *expected = user_data;

  return service_count_stored (expected->service) >= expected->n;
}

gboolean
service_wait_for_stored (Service *service, guint n)
{
  Expected expected = { service, NULL, n };

  return wait_until (has_stored, &expected);
}

static gboolean
has_counted (gpointer user_data)
{
  const Expected *expected = user_data;

  return service_count (expected->service, expected->path) >= expected->n;
}

gboolean
service_wait_for_count (Service *service, const gchar *path, guint n)
{
  Expected expected = { service, path, n };

  return wait_until (has_counted, &expected);
}

/* Frames 0 to @n - 1, each once and in order. */
void
service_assert_stored_once (Service *service, guint n)
{
  g_mutex_lock (&service->lock);
  ck_assert_uint_eq (service->stored->len, n);
  for (guint i = 0; i < n; i++)
    ck_assert_uint_eq (g_array_index (service->stored, guint64, i), i);
  g_mutex_unlock (&service->lock);
}
