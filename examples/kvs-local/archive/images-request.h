/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a GetImages request asks for (kvs-api.md section 15). */
#pragma once

#include <json-glib/json-glib.h>

#include "av/images-encode.h"
#include "store/store.h"

G_BEGIN_DECLS

/**
 * KvsLocalImagesRequest:
 * @by_producer: times are the producer's, else the server's
 * @start_ms: time of the first image of all pages
 * @end_ms: no image is later
 * @interval_ms: between images
 * @first: which image the page begins with, from 0
 * @n_images: on the page
 * @n_all: of all pages
 * @format: of each
 */
typedef struct {
  gboolean by_producer;
  gint64 start_ms;
  gint64 end_ms;
  gint64 interval_ms;
  gint64 first;
  gint64 n_images;
  gint64 n_all;
  KvsLocalImageFormat format;
} KvsLocalImagesRequest;

gboolean kvs_local_images_request_parse_format (JsonObject *args, KvsLocalImageFormat *out,
                                                GError **error);
gboolean kvs_local_images_request_parse (JsonObject *args, const KvsLocalStream *stream,
                                         KvsLocalImagesRequest *out, GError **error);
gchar *kvs_local_images_request_token (const KvsLocalImagesRequest *request, gint64 stream_id,
                                       gint64 next);

G_END_DECLS
