/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An HTTP/1.1 server on loopback whose every byte, and every way to break off, is up to the test.
 * A thread for the listening socket and one for each connection; plain sockets, or TLS. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _HttpServer HttpServer;
typedef struct _HttpPeer HttpPeer;

/**
 * HttpHandler:
 * @peer: a connection
 * @path: of the request that came
 * @user_data: what was given with it
 *
 * Called for each request, after its head was read, on the connection's own thread. The connection is
 * closed when this has returned, unless the request's body was read to its end.
 */
typedef void (*HttpHandler) (HttpPeer *peer, const gchar *path, gpointer user_data);

HttpServer *http_server_new (gboolean tls, HttpHandler handler, gpointer user_data);
void http_server_require_certificate (HttpServer *server, const gchar *path);
const gchar *http_server_get_url (HttpServer *server);
const gchar *http_server_get_ca_path (HttpServer *server);
guint http_server_count_connections (HttpServer *server);
void http_server_free (HttpServer *server);

/* for handlers */
const gchar *http_peer_get_method (HttpPeer *peer);
GHashTable *http_peer_get_headers (HttpPeer *peer);
const gchar *http_peer_get_sni (HttpPeer *peer);
const gchar *http_peer_get_header (HttpPeer *peer, const gchar *name);
gchar *http_peer_read_body (HttpPeer *peer);
gboolean http_peer_read_chunk (HttpPeer *peer, GByteArray *out);
gboolean http_peer_is_body_ended (HttpPeer *peer);
gboolean http_peer_is_quiet (HttpPeer *peer, gint for_ms);
void http_peer_wait_until_closed (HttpPeer *peer);
void http_peer_write (HttpPeer *peer, const gchar *text);
void http_peer_write_chunk (HttpPeer *peer, const gchar *text);
void http_peer_close (HttpPeer *peer);
void http_peer_reset (HttpPeer *peer);

G_END_DECLS
