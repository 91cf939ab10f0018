/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/images-request.h"

#include "api/service-error.h"
#include "archive/archive.h"
#include "archive/page-token.h"
#include "http/args.h"

#define TOKEN_KIND "images"
#define MAX_RANGE_MS (300 * 1000)
#define MIN_INTERVAL_MS 200
/* What was the least until it could be left out */
#define DEFAULT_INTERVAL_MS 3000
#define MAX_RESULTS 100
#define MAX_PAGE 25
#define MAX_WIDTH 3840
#define MAX_HEIGHT 2160
#define DEFAULT_QUALITY 80
#define QUALITY_KEY "JPEGQuality"

enum {
  TOKEN_STREAM,
  TOKEN_BY_PRODUCER,
  TOKEN_START,
  TOKEN_END,
  TOKEN_INTERVAL,
  TOKEN_NEXT,
  N_TOKEN_NUMBERS,
};

static const KvsLocalStringShape config_value = { 0, 256, "[a-zA-Z_0-9]+" };

static gboolean
refuse (GError **error, KvsLocalError code, const gchar *message)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, (gint) code, message);
  return FALSE;
}

static gboolean
parse_times (JsonObject *args, KvsLocalImagesRequest *out, GError **error)
{
  static const gchar *const types[] = { "PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP", NULL };
  const gchar *type;

  if (!kvs_local_args_choice (args, "ImageSelectorType", types, &type, error)
      || !kvs_local_args_time_ms (args, "StartTimestamp", &out->start_ms, error)
      || !kvs_local_args_time_ms (args, "EndTimestamp", &out->end_ms, error)
      || !kvs_local_args_int (args, "SamplingInterval", MIN_INTERVAL_MS, G_MAXINT32,
                              &out->interval_ms, error))
    return FALSE;
  out->by_producer = g_str_equal (type, types[0]);
  if (out->end_ms < out->start_ms)
    return refuse (error, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                   "EndTimestamp must not be earlier than StartTimestamp.");
  if (out->end_ms - out->start_ms > MAX_RANGE_MS)
    return refuse (error, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                   "EndTimestamp must be within 300 seconds of StartTimestamp.");
  out->n_all = (out->end_ms - out->start_ms) / out->interval_ms + 1;
  return TRUE;
}

static gboolean
parse_quality (JsonObject *args, guint *quality, GError **error)
{
  JsonObject *config;
  const gchar *text;
  guint64 value;

  *quality = DEFAULT_QUALITY;
  if (!kvs_local_args_object (args, "FormatConfig", &config, error))
    return FALSE;
  if (config == NULL)
    return TRUE;
  if (json_object_get_size (config) != 1 || !json_object_has_member (config, QUALITY_KEY))
    return refuse (error, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                   "FormatConfig must have the one key JPEGQuality.");
  if (!kvs_local_args_required_string (config, QUALITY_KEY, &config_value, &text, error))
    return FALSE;
  if (!g_ascii_string_to_unsigned (text, 10, 1, 100, &value, NULL))
    return refuse (error, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                   "JPEGQuality must be between 1 and 100.");
  *quality = (guint) value;
  return TRUE;
}

/**
 * kvs_local_images_request_parse_format:
 * @args: request, or a stream's configuration of images
 * @out: (out): how images are to be made
 * @error: where to put an error
 *
 * A width alone is an error, a height alone is not: so the service's reference says.
 *
 * Returns: whether the members that say so are good
 */
gboolean
kvs_local_images_request_parse_format (JsonObject *args, KvsLocalImageFormat *out, GError **error)
{
  static const gchar *const formats[] = { "JPEG", "PNG", NULL };
  const gchar *format;
  gint64 width = 0, height = 0;

  if (!kvs_local_args_choice (args, "Format", formats, &format, error)
      || !parse_quality (args, &out->quality, error)
      || !kvs_local_args_int (args, "WidthPixels", 1, MAX_WIDTH, &width, error)
      || !kvs_local_args_int (args, "HeightPixels", 1, MAX_HEIGHT, &height, error))
    return FALSE;
  if (width > 0 && height == 0)
    return refuse (error, KVS_LOCAL_ERROR_VALIDATION, "WidthPixels requires HeightPixels.");
  out->is_png = g_str_equal (format, formats[1]);
  out->width = (guint) width;
  out->height = (guint) height;
  return TRUE;
}

/* The other members are sent again with a token, and must be the same. */
static gboolean
parse_page (JsonObject *args, const KvsLocalStream *stream, KvsLocalImagesRequest *out,
            GError **error)
{
  gint64 numbers[N_TOKEN_NUMBERS];
  gint64 max_results = MAX_RESULTS;
  gboolean has_token;

  if (!kvs_local_args_int (args, "MaxResults", 1, MAX_RESULTS, &max_results, error)
      || !kvs_local_archive_token (args, TOKEN_KIND, numbers, N_TOKEN_NUMBERS, &has_token, error))
    return FALSE;
  if (has_token
      && (numbers[TOKEN_STREAM] != stream->id || numbers[TOKEN_BY_PRODUCER] != out->by_producer
          || numbers[TOKEN_START] != out->start_ms || numbers[TOKEN_END] != out->end_ms
          || numbers[TOKEN_INTERVAL] != out->interval_ms || numbers[TOKEN_NEXT] < 0
          || numbers[TOKEN_NEXT] >= out->n_all))
    return refuse (error, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                   "The NextToken is that of another request.");
  out->first = has_token ? numbers[TOKEN_NEXT] : 0;
  out->n_images = MIN (out->n_all - out->first, MIN (max_results, MAX_PAGE));
  return TRUE;
}

/**
 * kvs_local_images_request_parse:
 * @args: request
 * @stream: of the request
 * @out: (out): what it asks for
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether it is good
 */
gboolean
kvs_local_images_request_parse (JsonObject *args, const KvsLocalStream *stream,
                                KvsLocalImagesRequest *out, GError **error)
{
  *out = (KvsLocalImagesRequest) { .interval_ms = DEFAULT_INTERVAL_MS };
  return parse_times (args, out, error)
         && kvs_local_images_request_parse_format (args, &out->format, error)
         && parse_page (args, stream, out, error);
}

/**
 * kvs_local_images_request_token:
 * @request: what was asked for
 * @stream_id: of the stream
 * @next: which image the next page begins with
 *
 * Returns: (transfer full): the NextToken
 */
gchar *
kvs_local_images_request_token (const KvsLocalImagesRequest *request, gint64 stream_id,
                                gint64 next)
{
  const gint64 numbers[N_TOKEN_NUMBERS] = {
    [TOKEN_STREAM] = stream_id,
    [TOKEN_BY_PRODUCER] = request->by_producer,
    [TOKEN_START] = request->start_ms,
    [TOKEN_END] = request->end_ms,
    [TOKEN_INTERVAL] = request->interval_ms,
    [TOKEN_NEXT] = next,
  };

  return kvs_local_page_token_make (TOKEN_KIND, numbers, N_TOKEN_NUMBERS);
}
