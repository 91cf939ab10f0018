/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "page/web-page.h"

#include "api/service-error.h"
#include "listener.h"
#include "page/web-page-data.h"
#include "page/web-page-session.h"

/* Nothing but what comes from here: no script in the page, no other host. MediaSource is a blob. */
#define POLICY                                                                               \
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "                \
  "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "        \
  "frame-ancestors 'none'"

#define HLS_JS "/kvs-local/hls.js"
#define HLS "/hls/v1/"
#define RESOURCE_FOLDER "/page"

typedef gboolean (*Answer) (KvsLocalServer *server, SoupServerMessage *message,
                            GHashTable *query, GError **error);

static const struct {
  const gchar *path;
  const gchar *resource;
  const gchar *type;
} files[] = {
  { "/", "page.html", "text/html; charset=utf-8" },
  { "/kvs-local/page.css", "page.css", "text/css; charset=utf-8" },
  { "/kvs-local/page.js", "page.js", "text/javascript; charset=utf-8" },
  { "/kvs-local/icon.svg", "icon.svg", "image/svg+xml" },
};

static const struct {
  const gchar *path;
  Answer answer;
} data[] = {
  { "/kvs-local/streams", kvs_local_web_page_tell_streams },
  { "/kvs-local/stream", kvs_local_web_page_tell_stream },
  { "/kvs-local/timeline", kvs_local_web_page_tell_timeline },
  { "/kvs-local/session", kvs_local_web_page_make_session },
};

static gboolean
is_loopback (const gchar *text)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (text);

  return address != NULL && g_inet_address_get_is_loopback (address);
}

/* A name that a stranger's server resolves to 127.0.0.1 would make the stranger's page and this one
 * the same to a browser. */
static gboolean
is_called_by_local_name (SoupMessageHeaders *headers)
{
  const gchar *host = soup_message_headers_get_one (headers, "Host");
  g_autoptr (GSocketConnectable) address = NULL;
  const gchar *name;

  if (host == NULL)
    return FALSE;
  address = g_network_address_parse (host, 0, NULL);
  if (address == NULL)
    return FALSE;
  name = g_network_address_get_hostname (G_NETWORK_ADDRESS (address));
  return g_ascii_strcasecmp (name, "localhost") == 0 || is_loopback (name);
}

/* Browsers say whether another site's page has them ask; other programs say nothing. */
static gboolean
is_asked_by_other_site (SoupMessageHeaders *headers)
{
  const gchar *site = soup_message_headers_get_one (headers, "Sec-Fetch-Site");

  return site != NULL && !g_str_equal (site, "same-origin") && !g_str_equal (site, "none");
}

static void
set_headers (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_message_headers_append (headers, "Content-Security-Policy", POLICY);
  soup_message_headers_append (headers, "X-Content-Type-Options", "nosniff");
  soup_message_headers_append (headers, "Referrer-Policy", "no-referrer");
  soup_message_headers_append (headers, "Cross-Origin-Resource-Policy", "same-origin");
  soup_message_headers_append (headers, "Cache-Control", "no-store");
}

static void
answer_bytes (SoupServerMessage *message, const gchar *type, GBytes *bytes)
{
  SoupMessageBody *body = soup_server_message_get_response_body (message);

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_replace (soup_server_message_get_response_headers (message),
                                "Content-Type", type);
  soup_message_body_append_bytes (body, bytes);
  soup_message_body_complete (body);
}

/* Players ask where the page comes from for media, which the data plane has. */
static gboolean
redirect_to_data_plane (KvsLocalServer *server, SoupServerMessage *message, const gchar *path)
{
  g_autofree gchar *url = NULL;
  g_autofree gchar *location = NULL;

  if (!g_str_equal (path, "/")
      || kvs_local_listener_serves (kvs_local_listener_of_message (server, message), HLS))
    return FALSE;
  url = kvs_local_listener_get_url (kvs_local_listener_of_cell (server, 0));
  location = g_strconcat (url, path, NULL);
  soup_server_message_set_redirect (message, SOUP_STATUS_TEMPORARY_REDIRECT, location);
  return TRUE;
}

static gboolean
answer_resource (SoupServerMessage *message, const gchar *name, const gchar *type, GError **error)
{
  g_autofree gchar *path = g_build_path ("/", RESOURCE_FOLDER, name, NULL);
  g_autoptr (GBytes) bytes = g_resources_lookup_data (path, G_RESOURCE_LOOKUP_FLAGS_NONE, error);

  if (bytes == NULL)
    return FALSE;
  answer_bytes (message, type, bytes);
  return TRUE;
}

/* Read each time: it may come while this runs, and browsers ask for it once. */
static gboolean
answer_hls_js (KvsLocalServer *server, SoupServerMessage *message, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  gchar *contents;
  gsize size;

  if (server->options->hls_js == NULL
      || !g_file_get_contents (server->options->hls_js, &contents, &size, NULL)) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_UNKNOWN_OPERATION,
                         "There is no hls.js here; see --hls-js.");
    return FALSE;
  }
  bytes = g_bytes_new_take (contents, size);
  answer_bytes (message, "text/javascript; charset=utf-8", bytes);
  return TRUE;
}

static gboolean
answer_data (KvsLocalServer *server, SoupServerMessage *message, Answer answer, GError **error)
{
  const gchar *query_text = g_uri_get_query (soup_server_message_get_uri (message));
  g_autoptr (GHashTable) query
    = query_text != NULL ? soup_form_decode (query_text)
                         : g_hash_table_new (g_str_hash, g_str_equal);

  return answer (server, message, query, error);
}

static gboolean
fail_unknown (const gchar *path, GError **error)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_UNKNOWN_OPERATION, path);
  return FALSE;
}

/**
 * kvs_local_web_page_answer:
 * @server: the server
 * @message: a GET request for the page, or for something that belongs to it
 * @body: of the request, not looked at
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Where the page is turned off, nothing tells that there is one.
 *
 * Returns: whether it is answered
 */
gboolean
kvs_local_web_page_answer (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                       GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const gchar *path = g_uri_get_path (soup_server_message_get_uri (message));

  if (server->options->no_page || !is_loopback (server->options->bind)
      || !is_called_by_local_name (headers))
    return fail_unknown (path, error);
  set_headers (message);
  if (redirect_to_data_plane (server, message, path))
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++) {
    if (g_str_equal (files[i].path, path))
      return answer_resource (message, files[i].resource, files[i].type, error);
  }
  if (is_asked_by_other_site (headers))
    return fail_unknown (path, error);
  if (g_str_equal (path, HLS_JS))
    return answer_hls_js (server, message, error);
  for (gsize i = 0; i < G_N_ELEMENTS (data); i++) {
    if (g_str_equal (data[i].path, path))
      return answer_data (server, message, data[i].answer, error);
  }
  return fail_unknown (path, error);
}
