/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/images.h"

#include <string.h>

#include "api/service-error.h"
#include "archive/archive.h"
#include "archive/images-request.h"
#include "av/images-decode.h"
#include "http/args.h"
#include "http/jobs.h"
#include "store/store-range.h"

#define NS_PER_MS G_GINT64_CONSTANT (1000000)
#define MS_PER_SECOND 1000.0

/* Values of an image's Error */
#define NO_MEDIA "NO_MEDIA"
#define MEDIA_ERROR "MEDIA_ERROR"

/* What an answer may have, in letters of base64 (kvs-api.md sections 15 and 16) */
#define MAX_IMAGE_CHARS 6291456
#define MAX_ANSWER_CHARS (100 * 1000 * 1000)

/* Fragment-metadata points of an answer, and one more an image (kvs-api.md section 16) */
#define METADATA_POINTS 400

/* The last picture of a fragment stays until the next one if that is not later: times of fragments
 * are whole milliseconds, and those of the server tell when a first byte came. */
#define MAX_GAP_MS 500

/* An image that is to be made. path: (nullable): no media are there */
typedef struct {
  gint64 time_ms;
  gchar *path;
  KvsLocalFragment fragment;
  gint64 offset_ms;
} Point;

/* Made in the main thread, worked on in another.
 * decoder_path: (nullable): of the last point's fragment
 * decoder: (nullable): for that fragment
 * decoder_failure: (nullable): why there is none */
typedef struct {
  KvsLocalImagesRequest request;
  gint64 stream_id;
  GArray *points;
  const gchar *decoder_path;
  KvsLocalImageDecoder *decoder;
  const gchar *decoder_failure;
} Task;

static void
point_clear (gpointer data)
{
  g_free (((Point *) data)->path);
}

static void
task_free (gpointer data)
{
  Task *task = data;

  g_array_unref (task->points);
  kvs_local_image_decoder_free (task->decoder);
  g_free (task);
}

static gboolean
add_point (Task *task, KvsLocalStore *store, KvsLocalStream *stream, gint64 time_ms,
           GError **error)
{
  gboolean by_producer = task->request.by_producer;
  Point point = { .time_ms = time_ms };
  gboolean is_there;

  if (!kvs_local_store_fragment_before (store, stream, by_producer, time_ms, &point.fragment,
                                        &is_there, error))
    return FALSE;
  if (is_there) {
    point.offset_ms
      = time_ms - (by_producer ? point.fragment.producer_ms : point.fragment.server_ms);
    if (point.offset_ms < point.fragment.duration_ms + MAX_GAP_MS)
      point.path = kvs_local_store_get_path (store, stream, point.fragment.number);
  }
  g_array_append_val (task->points, point);
  return TRUE;
}

static Task *
make_task (const KvsLocalImagesRequest *request, KvsLocalStore *store, KvsLocalStream *stream,
           GError **error)
{
  Task *task = g_new0 (Task, 1);

  task->request = *request;
  task->stream_id = stream->id;
  task->points = g_array_new (FALSE, FALSE, sizeof (Point));
  g_array_set_clear_func (task->points, point_clear);
  for (gint64 i = 0; i < request->n_images; i++) {
    gint64 time_ms = request->start_ms + (request->first + i) * request->interval_ms;

    if (!add_point (task, store, stream, time_ms, error)) {
      task_free (task);
      return NULL;
    }
  }
  return task;
}

/* A decoder goes on where the last image of the same fragment was. Gives the image's Error, %NULL if
 * there is none. */
static const gchar *
open_decoder (Task *task, const Point *point)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsLocalMedia) media = NULL;

  if (task->decoder_path != NULL && g_str_equal (task->decoder_path, point->path))
    return task->decoder_failure;
  g_clear_pointer (&task->decoder, kvs_local_image_decoder_free);
  task->decoder_path = point->path;
  media = kvs_local_media_load (point->path, &point->fragment, &error);
  if (media != NULL)
    task->decoder = kvs_local_image_decoder_new (media, NULL);
  if (task->decoder != NULL)
    task->decoder_failure = NULL;
  else if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    task->decoder_failure = NO_MEDIA;
  else
    task->decoder_failure = MEDIA_ERROR;
  return task->decoder_failure;
}

/* Gives the file in base64, or else the image's Error. */
static gchar *
make_image (Task *task, const Point *point, const gchar **failure)
{
  g_autoptr (GBytes) file = NULL;
  g_autofree gchar *text = NULL;
  const AVFrame *picture;

  *failure = point->path != NULL ? open_decoder (task, point) : NO_MEDIA;
  if (*failure != NULL)
    return NULL;
  *failure = MEDIA_ERROR;
  picture
    = kvs_local_image_decoder_get (task->decoder, point->offset_ms * NS_PER_MS, NULL);
  if (picture != NULL)
    file = kvs_local_image_encode (picture, &task->request.format, NULL);
  if (file == NULL)
    return NULL;
  text = g_base64_encode (g_bytes_get_data (file, NULL), g_bytes_get_size (file));
  return strlen (text) <= MAX_IMAGE_CHARS ? g_steal_pointer (&text) : NULL;
}

static void
append_image (GString *answer, const Point *point, const gchar *image, const gchar *failure)
{
  gchar time[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (time, sizeof time, "%.3f", (gdouble) point->time_ms / MS_PER_SECOND);
  g_string_append_printf (answer, "{\"TimeStamp\":%s,\"%s\":\"", time,
                          image != NULL ? "ImageContent" : "Error");
  g_string_append (answer, image != NULL ? image : failure);
  g_string_append (answer, "\"}");
}

/* Nothing in it needs to be escaped: it is numbers, names and base64. */
static GBytes *
run (gpointer data, GCancellable *cancellable, const gchar **content_type, GError **error)
{
  Task *task = data;
  g_autoptr (GString) answer = g_string_new ("{\"Images\":[");
  gint64 next = task->request.first;

  for (guint i = 0; i < task->points->len && answer->len < MAX_ANSWER_CHARS; i++, next++) {
    const Point *point = &g_array_index (task->points, Point, i);
    const gchar *failure;
    g_autofree gchar *image = NULL;

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return NULL;
    image = make_image (task, point, &failure);
    if (i > 0)
      g_string_append_c (answer, ',');
    append_image (answer, point, image, failure);
  }
  g_string_append_c (answer, ']');
  if (next < task->request.n_all) {
    g_autofree gchar *token
      = kvs_local_images_request_token (&task->request, task->stream_id, next);

    g_string_append_printf (answer, ",\"NextToken\":\"%s\"", token);
  }
  g_string_append_c (answer, '}');
  *content_type = "application/json";
  return g_string_free_to_bytes (g_steal_pointer (&answer));
}

static gboolean
take_points (KvsLocalServer *server, KvsLocalStream *stream, guint64 n_images, GError **error)
{
  return kvs_local_server_take_quota (server, &stream->quotas, KVS_LOCAL_QUOTA_MEDIA_POINTS,
                                      n_images, error)
         && kvs_local_server_take_quota (server, &stream->quotas, KVS_LOCAL_QUOTA_METADATA_POINTS,
                                         METADATA_POINTS + n_images, error);
}

static gboolean
start (KvsLocalServer *server, SoupServerMessage *message, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_archive_stream (args, server->store, error);
  KvsLocalImagesRequest request;
  KvsLocalFragment newest;
  Task *task;

  if (stream == NULL || !kvs_local_images_request_parse (args, stream, &request, error)
      || !kvs_local_archive_has_retention (stream, error))
    return FALSE;
  if (!kvs_local_store_newest_fragment (server->store, stream, &newest)) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         "No fragments found in the stream for the images request.");
    return FALSE;
  }
  if (!take_points (server, stream, (guint64) request.n_images, error))
    return FALSE;
  task = make_task (&request, server->store, stream, error);
  if (task == NULL)
    return FALSE;
  kvs_local_jobs_start (server, message, run, task, task_free);
  return TRUE;
}

/**
 * kvs_local_get_images_start:
 * @server: the server
 * @message: a GetImages request
 * @body: its body
 * @error: where to put an error
 *
 * Returns: whether it is being answered; if not, with a %KVS_LOCAL_ERROR
 */
gboolean
kvs_local_get_images_start (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                            GError **error)
{
  JsonObject *args = kvs_local_args_parse (body, error);
  gboolean ok = args != NULL && start (server, message, args, error);

  g_clear_pointer (&args, json_object_unref);
  return ok;
}
