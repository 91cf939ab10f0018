/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deliver/deliver-images.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "archive/images-request.h"
#include "av/demux.h"
#include "av/images-decode.h"

#define NS_PER_MS G_GINT64_CONSTANT (1000000)

/* Who asks for more images than can be made loses some, and not the memory. */
#define MAX_ORDERS 64

/* Who ends kvs-local waits for it: what a fragment or two ask for is made then, and not all that may be
 * waiting, which takes minutes. */
#define END_US (5 * G_USEC_PER_SEC)

#define S3_SCHEME "s3://"

struct _KvsLocalDeliverImages {
  GThreadPool *pool;
  gint has_end; /* atomic; end_us is set before it */
  gint64 end_us;
};

/* What the configuration of an order says */
typedef struct {
  JsonNode *node;
  KvsLocalImageFormat format;
  gint64 interval_ms;
  gboolean by_producer;
  const gchar *uri;
} Configuration;

/**
 * kvs_local_image_order_free:
 * @order: (transfer full) (nullable): an order
 */
void
kvs_local_image_order_free (KvsLocalImageOrder *order)
{
  if (order == NULL)
    return;
  g_free (order->path);
  g_free (order->folder);
  g_free (order->stream_name);
  g_free (order->account);
  g_free (order->configuration);
  kvs_local_event_tags_free (order->tags);
  g_free (order);
}

static gboolean
read_configuration (const gchar *text, Configuration *out, GError **error)
{
  JsonObject *object;

  out->node = json_from_string (text, error);
  if (out->node == NULL)
    return FALSE;
  object = json_node_get_object (out->node);
  out->interval_ms = json_object_get_int_member (object, "SamplingInterval");
  out->by_producer = g_str_equal (json_object_get_string_member (object, "ImageSelectorType"),
                                  "PRODUCER_TIMESTAMP");
  out->uri = json_object_get_string_member (
    json_object_get_object_member (object, "DestinationConfig"), "Uri");
  return kvs_local_images_request_parse_format (object, &out->format, error);
}

static void
set_ms (JsonObject *object, const gchar *name, gint64 ms)
{
  g_autofree gchar *text = g_strdup_printf ("%" G_GINT64_FORMAT, ms);

  json_object_set_string_member (object, name, text);
}

/* {ImagePrefix}_{AccountID}_{StreamName}_{ImageTimecode}_{GUID}.{extension}, in the folder of the
 * bucket that the URI names */
static gchar *
make_key (const KvsLocalImageOrder *order, const gchar *folder, gint64 time_ms,
          const gchar *extension)
{
  const gchar *prefix = order->tags->image_prefix;
  gboolean has_folder = *folder != '\0';
  g_autofree gchar *guid = g_uuid_string_random ();

  return g_strdup_printf ("%s%s%s%s%s_%s_%" G_GINT64_FORMAT "_%s.%s", folder,
                          has_folder && !g_str_has_suffix (folder, "/") ? "/" : "",
                          prefix != NULL ? prefix : "", prefix != NULL ? "_" : "", order->account,
                          order->stream_name, time_ms, guid, extension);
}

/* Bucket, key and metadata of the object that S3 would get */
static gchar *
describe_object (const KvsLocalImageOrder *order, const gchar *uri, gint64 offset_ms,
                 gint64 time_ms, const gchar *extension)
{
  const KvsLocalFragment *fragment = &order->fragment;
  const gchar *bucket = uri + strlen (S3_SCHEME);
  gsize bucket_size = strcspn (bucket, "/");
  const gchar *folder = bucket + bucket_size;
  g_autofree gchar *bucket_name = g_strndup (bucket, bucket_size);
  g_autofree gchar *key
    = make_key (order, *folder == '/' ? folder + 1 : folder, time_ms, extension);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object = json_object_new ();
  JsonObject *metadata = json_object_new ();
  GHashTableIter iter;
  gpointer name, value;

  json_node_take_object (node, object);
  json_object_set_string_member (object, "Bucket", bucket_name);
  json_object_set_string_member (object, "Key", key);
  json_object_set_object_member (object, "Metadata", metadata);
  json_object_set_string_member (metadata, "aws_kinesisvideo_fragment_number", fragment->number);
  set_ms (metadata, "aws_kinesisvideo_producer_timestamp", fragment->producer_ms + offset_ms);
  set_ms (metadata, "aws_kinesisvideo_server_timestamp", fragment->server_ms + offset_ms);
  g_hash_table_iter_init (&iter, order->tags->image_pairs);
  while (g_hash_table_iter_next (&iter, &name, &value))
    json_object_set_string_member (metadata, name, value);
  return json_to_string (node, FALSE);
}

/* The image comes last, so that whoever sees it finds what is known of it. */
static gboolean
write_image (const KvsLocalImageOrder *order, const Configuration *configuration, GBytes *image,
             gint64 offset_ms, GError **error)
{
  const KvsLocalFragment *fragment = &order->fragment;
  const gchar *extension = configuration->format.is_png ? "png" : "jpg";
  gint64 start_ms = configuration->by_producer ? fragment->producer_ms : fragment->server_ms;
  g_autofree gchar *object = describe_object (order, configuration->uri, offset_ms,
                                              start_ms + offset_ms, extension);
  g_autofree gchar *object_name
    = g_strdup_printf ("%s-%" G_GINT64_FORMAT ".json", fragment->number, offset_ms);
  g_autofree gchar *object_path = g_build_filename (order->folder, object_name, NULL);
  g_autofree gchar *image_name
    = g_strdup_printf ("%s-%" G_GINT64_FORMAT ".%s", fragment->number, offset_ms, extension);
  g_autofree gchar *image_path = g_build_filename (order->folder, image_name, NULL);
  gsize size;
  const gchar *data = g_bytes_get_data (image, &size);

  return g_file_set_contents (object_path, object, -1, error)
         && g_file_set_contents (image_path, data, (gssize) size, error);
}

static gboolean
has_time (KvsLocalDeliverImages *images, GError **error)
{
  if (!g_atomic_int_get (&images->has_end) || g_get_monotonic_time () < images->end_us)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "not made, as kvs-local ends");
  return FALSE;
}

/* The first picture, and those at each interval after it */
static gboolean
make_images (KvsLocalDeliverImages *images, const KvsLocalImageOrder *order,
             const Configuration *configuration, GError **error)
{
  gint64 duration_ms = MAX (order->fragment.duration_ms, 1);
  g_autoptr (KvsLocalMedia) media = NULL;
  g_autoptr (KvsLocalImageDecoder) decoder = NULL;

  if (!has_time (images, error))
    return FALSE;
  media = kvs_local_media_load (order->path, &order->fragment, error);
  if (media == NULL)
    return FALSE;
  decoder = kvs_local_image_decoder_new (media, error);
  if (decoder == NULL)
    return FALSE;
  for (gint64 ms = 0; ms < duration_ms; ms += configuration->interval_ms) {
    const AVFrame *picture = NULL;
    g_autoptr (GBytes) image = NULL;

    if (has_time (images, error))
      picture = kvs_local_image_decoder_get (decoder, ms * NS_PER_MS, error);
    if (picture != NULL)
      image = kvs_local_image_encode (picture, &configuration->format, error);
    if (image == NULL || !write_image (order, configuration, image, ms, error))
      return FALSE;
  }
  return TRUE;
}

/* Nobody wants images of a fragment whose time was over, or whose stream was deleted, meanwhile. */
static gboolean
is_gone (const GError *error)
{
  return g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

static void
carry_out (gpointer data, gpointer user_data)
{
  g_autoptr (KvsLocalImageOrder) order = data;
  g_autoptr (GError) error = NULL;
  Configuration configuration = { 0 };

  if ((!read_configuration (order->configuration, &configuration, &error)
       || !make_images (user_data, order, &configuration, &error))
      && !is_gone (error))
    g_warning ("stream %s: images: %s", order->stream_name, error->message);
  g_clear_pointer (&configuration.node, json_node_unref);
}

/**
 * kvs_local_deliver_images_new:
 *
 * Returns: (transfer full): what makes images
 */
KvsLocalDeliverImages *
kvs_local_deliver_images_new (void)
{
  KvsLocalDeliverImages *images = g_new0 (KvsLocalDeliverImages, 1);

  images->pool = g_thread_pool_new (carry_out, images, 1, FALSE, NULL);
  return images;
}

/**
 * kvs_local_deliver_images_free:
 * @images: (transfer full): what makes images
 *
 * Waits until all that was ordered is there, for five seconds at most.
 */
void
kvs_local_deliver_images_free (KvsLocalDeliverImages *images)
{
  images->end_us = g_get_monotonic_time () + END_US;
  g_atomic_int_set (&images->has_end, TRUE);
  g_thread_pool_free (images->pool, FALSE, TRUE);
  g_free (images);
}

/**
 * kvs_local_deliver_images_put:
 * @images: what makes images
 * @order: (transfer full): what to make
 * @error: where to put an error
 *
 * Returns: %FALSE if too much is waiting already
 */
gboolean
kvs_local_deliver_images_put (KvsLocalDeliverImages *images, KvsLocalImageOrder *order,
                              GError **error)
{
  if (g_thread_pool_unprocessed (images->pool) < MAX_ORDERS)
    return g_thread_pool_push (images->pool, order, error);
  kvs_local_image_order_free (order);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "those of %d fragments are waiting to be made",
               MAX_ORDERS);
  return FALSE;
}
