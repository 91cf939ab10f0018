/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As much of Kinesis Video Streams as an upload sees, with answers from a script. */
#pragma once

#include <glib.h>

#include "http-server.h"
#include "media.h"

G_BEGIN_DECLS

#define SERVICE_OK "HTTP/1.1 200 OK\r\n"
#define SERVICE_CHUNKED_HEAD SERVICE_OK "Transfer-Encoding: chunked\r\n\r\n"

typedef struct _Service Service;

/**
 * Upload: one PutMedia request.
 * @service: that it came to
 * @peer: its connection
 * @wire: what came
 * @n_answered: clusters that were acknowledged
 */
typedef struct {
  Service *service;
  HttpPeer *peer;
  Wire *wire;
  guint n_answered;
} Upload;

/**
 * UploadFunc: handles one PutMedia request, on its connection's thread.
 */
typedef void (*UploadFunc) (Upload *upload);

Service *service_new (gboolean tls);
void service_free (Service *service);
const gchar *service_get_url (Service *service);
const gchar *service_get_ca_path (Service *service);

/* the script */
void service_add_answer (Service *service, const gchar *path, const gchar *head_and_body);
void service_add_error (Service *service, const gchar *path, guint status, const gchar *type,
                        const gchar *message);
void service_add_upload (Service *service, UploadFunc func);
void service_set_data_endpoint (Service *service, const gchar *url);

/* what came */
guint service_count (Service *service, const gchar *path);
gchar *service_get_last_body (Service *service, const gchar *path);
gchar *service_get_last_upload_header (Service *service, const gchar *name);
guint service_count_stored (Service *service);
gboolean service_wait_for_stored (Service *service, guint n);
gboolean service_wait_for_count (Service *service, const gchar *path, guint n);
void service_assert_stored_once (Service *service, guint n);

/* for UploadFuncs */
gboolean upload_read (Upload *upload);
void upload_begin_answer (Upload *upload);
gchar *upload_make_ack (Upload *upload, const gchar *type, guint cluster);
void upload_ack (Upload *upload, const gchar *type, guint cluster);
void upload_ack_error (Upload *upload, guint error_id, guint cluster);
void upload_store (Upload *upload, guint cluster);
void upload_serve (Upload *upload);
void upload_refuse_endpoint (Upload *upload);
void upload_serve_from_now (Upload *upload);
void upload_read_until_quiet (Upload *upload, guint n_clusters);

G_END_DECLS
