/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection of put-load to kvs-local, plain or TLS. */
#pragma once

#include <gio/gio.h>
#include <openssl/ssl.h>

G_BEGIN_DECLS

/**
 * Server:
 * @host: IP address
 * @port: TCP port
 * @tls: (nullable): set for https
 */
typedef struct {
  gchar *host;
  guint16 port;
  SSL_CTX *tls;
} Server;

/**
 * Wire:
 * @fd: the socket
 * @tls: (nullable): set for https
 */
typedef struct {
  int fd;
  SSL *tls;
} Wire;

gboolean server_set_url (Server *server, const gchar *url, GError **error);
void server_clear (Server *server);
gboolean wire_open (Wire *wire, const Server *server, GError **error);
void wire_close (Wire *wire);
void wire_set_nonblocking (Wire *wire);
gssize wire_write (Wire *wire, const void *data, gsize size);
gssize wire_read (Wire *wire, void *data, gsize size);
gchar *server_post (const Server *server, const gchar *path, const gchar *body, GError **error);

G_END_DECLS
