/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deliver/deliver.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <stdio.h>

#include "deliver/deliver-images.h"

struct _KvsLocalDeliver {
  KvsLocalStore *store;
  gchar *folder;
  gchar *account;
  KvsLocalDeliverImages *images;
};

/**
 * kvs_local_deliver_new:
 * @store: the store; must outlive what is made
 * @folder: where to deliver to; made when there is something
 * @account: of the streams
 *
 * Returns: (transfer full): what delivers
 */
KvsLocalDeliver *
kvs_local_deliver_new (KvsLocalStore *store, const gchar *folder, const gchar *account)
{
  KvsLocalDeliver *deliver = g_new0 (KvsLocalDeliver, 1);

  deliver->store = store;
  deliver->folder = g_strdup (folder);
  deliver->account = g_strdup (account);
  deliver->images = kvs_local_deliver_images_new ();
  return deliver;
}

/**
 * kvs_local_deliver_free:
 * @deliver: (transfer full) (nullable): what delivers
 */
void
kvs_local_deliver_free (KvsLocalDeliver *deliver)
{
  if (deliver == NULL)
    return;
  kvs_local_deliver_images_free (deliver->images);
  g_free (deliver->folder);
  g_free (deliver->account);
  g_free (deliver);
}

static gboolean
is_enabled (const gchar *configuration)
{
  g_autoptr (JsonNode) node
    = configuration != NULL ? json_from_string (configuration, NULL) : NULL;

  return node != NULL
         && g_str_equal (json_object_get_string_member (json_node_get_object (node), "Status"),
                         "ENABLED");
}

/* The tags stand before the Cluster in the fragment's file. */
static KvsLocalEventTags *
read_tags (KvsLocalDeliver *deliver, const KvsLocalStream *stream,
           const KvsLocalFragment *fragment, GError **error)
{
  g_autofree gchar *path = kvs_local_store_get_path (deliver->store, stream, fragment->number);
  gsize size = (gsize) (fragment->cluster_offset - fragment->header_size);
  g_autofree guint8 *data = g_malloc (size);
  KvsLocalEventTags *tags = NULL;
  FILE *file = fopen (path, "rbe");

  if (file != NULL && fseeko (file, (off_t) fragment->header_size, SEEK_SET) == 0
      && fread (data, 1, size, file) == size)
    tags = kvs_local_event_tags_parse (data, size);
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", path,
                 g_strerror (errno));
  if (file != NULL)
    fclose (file);
  return tags;
}

static JsonObject *
pairs_to_object (GHashTable *pairs)
{
  JsonObject *object = json_object_new ();
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, pairs);
  while (g_hash_table_iter_next (&iter, &name, &value))
    json_object_set_string_member (object, name, value);
  return object;
}

/* What the documentation leaves open: times are ms since 1970. */
static gchar *
make_message (const KvsLocalStream *stream, const KvsLocalFragment *fragment, GHashTable *pairs)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *message = json_object_new ();

  json_object_set_string_member (message, "StreamArn", stream->arn);
  json_object_set_string_member (message, "FragmentNumber", fragment->number);
  json_object_set_int_member (message, "FragmentStartProducerTimestamp", fragment->producer_ms);
  json_object_set_int_member (message, "FragmentStartServerTimestamp", fragment->server_ms);
  json_object_set_string_member (message, "NotificationType", "PERSISTED");
  json_object_set_object_member (message, "NotificationPayload", pairs_to_object (pairs));
  json_node_take_object (node, message);
  return json_to_string (node, FALSE);
}

/* Gives the folder of @kind for the stream, named like that of its media. */
static gchar *
make_folder (KvsLocalDeliver *deliver, const gchar *kind, const KvsLocalStream *stream,
             GError **error)
{
  g_autofree gchar *media = kvs_local_store_get_folder (deliver->store, stream);
  g_autofree gchar *name = g_path_get_basename (media);
  g_autofree gchar *folder = g_build_filename (deliver->folder, kind, name, NULL);

  if (g_mkdir_with_parents (folder, 0777) == 0)
    return g_steal_pointer (&folder);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", folder,
               g_strerror (errno));
  return NULL;
}

static gboolean
deliver_notification (KvsLocalDeliver *deliver, const KvsLocalStream *stream,
                      const KvsLocalFragment *fragment, GError **error)
{
  g_autoptr (KvsLocalEventTags) tags = read_tags (deliver, stream, fragment, error);
  g_autofree gchar *folder = NULL;
  g_autofree gchar *name = g_strconcat (fragment->number, ".json", NULL);
  g_autofree gchar *path = NULL;
  g_autofree gchar *message = NULL;

  if (tags == NULL)
    return FALSE;
  folder = make_folder (deliver, "notifications", stream, error);
  if (folder == NULL)
    return FALSE;
  path = g_build_filename (folder, name, NULL);
  message = make_message (stream, fragment, tags->notification_pairs);
  return g_file_set_contents (path, message, -1, error);
}

static gboolean
order_images (KvsLocalDeliver *deliver, const KvsLocalStream *stream,
              const KvsLocalFragment *fragment, GError **error)
{
  g_autoptr (KvsLocalImageOrder) order = g_new0 (KvsLocalImageOrder, 1);

  order->tags = read_tags (deliver, stream, fragment, error);
  if (order->tags == NULL)
    return FALSE;
  order->folder = make_folder (deliver, "images", stream, error);
  if (order->folder == NULL)
    return FALSE;
  order->path = kvs_local_store_get_path (deliver->store, stream, fragment->number);
  order->fragment = *fragment;
  order->stream_name = g_strdup (stream->name);
  order->account = g_strdup (deliver->account);
  order->configuration = g_strdup (stream->image_generation);
  return kvs_local_deliver_images_put (deliver->images, g_steal_pointer (&order), error);
}

/**
 * kvs_local_deliver_fragment:
 * @deliver: what delivers
 * @stream: a stream
 * @fragment: a fragment of it that was just persisted
 * @events: (type KvsLocalEvent): what its tags ask for
 *
 * Delivers what the stream's configuration allows; images are made later. That it fails is no reason
 * to refuse media.
 */
void
kvs_local_deliver_fragment (KvsLocalDeliver *deliver, const KvsLocalStream *stream,
                            const KvsLocalFragment *fragment, guint events)
{
  g_autoptr (GError) notification_error = NULL;
  g_autoptr (GError) images_error = NULL;

  if ((events & KVS_LOCAL_EVENT_NOTIFICATION) != 0 && is_enabled (stream->notification)
      && !deliver_notification (deliver, stream, fragment, &notification_error))
    g_warning ("stream %s: notification: %s", stream->name, notification_error->message);
  if ((events & KVS_LOCAL_EVENT_IMAGE_GENERATION) != 0 && is_enabled (stream->image_generation)
      && !order_images (deliver, stream, fragment, &images_error))
    g_warning ("stream %s: images: %s", stream->name, images_error->message);
}
