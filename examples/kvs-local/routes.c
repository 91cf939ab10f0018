/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "routes.h"

#include "archive/clip.h"
#include "archive/get-fragment-list.h"
#include "archive/get-media.h"
#include "archive/images.h"
#include "page/web-page.h"
#include "playback/playback.h"

static gboolean
tell_health (KvsLocalServer *server, SoupServerMessage *message, GBytes *body, GError **error)
{
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_STATIC, "ok", 2);
  return TRUE;
}

static const KvsLocalRoute routes[] = {
  { "GET", "/kvs-local/health", tell_health, .is_open = TRUE },
  { "GET", "/kvs-local/", kvs_local_web_page_answer, .is_open = TRUE },
  { "GET", "/", kvs_local_web_page_answer, .is_open = TRUE },
  { "POST", "/getClip", kvs_local_get_clip_start },
  { "POST", "/getImages", kvs_local_get_images_start },
  { "POST", "/getMedia", kvs_local_get_media_start, .is_endless = TRUE },
  { "POST", "/getMediaForFragmentList", kvs_local_get_fragment_list_start, .is_endless = TRUE },
  { "POST", "/getHLSStreamingSessionURL", kvs_local_playback_start_hls },
  { "POST", "/getDASHStreamingSessionURL", kvs_local_playback_start_dash },
  { "GET", "/hls/v1/", kvs_local_playback_get, .is_open = TRUE },
  { "GET", "/dash/v1/", kvs_local_playback_get, .is_open = TRUE },
  { "OPTIONS", "/hls/v1/", kvs_local_playback_tell_options, .is_open = TRUE },
  { "OPTIONS", "/dash/v1/", kvs_local_playback_tell_options, .is_open = TRUE },
};

static gboolean
is_on_route (const KvsLocalRoute *route, const gchar *method, const gchar *path)
{
  if (!g_str_equal (route->method, method))
    return FALSE;
  return route->path[1] != '\0' && g_str_has_suffix (route->path, "/")
           ? g_str_has_prefix (path, route->path)
           : g_str_equal (path, route->path);
}

/**
 * kvs_local_route_find:
 * @method: of a request
 * @path: of a request; case matters
 *
 * Returns: (nullable): who answers it
 */
const KvsLocalRoute *
kvs_local_route_find (const gchar *method, const gchar *path)
{
  for (gsize i = 0; i < G_N_ELEMENTS (routes); i++) {
    if (is_on_route (&routes[i], method, path))
      return &routes[i];
  }
  return NULL;
}
