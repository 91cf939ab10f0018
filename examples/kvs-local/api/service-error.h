/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the service answers when it refuses a request (kvs-api.md section 5). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_LOCAL_ERROR (kvs_local_error_quark ())

/* Texts seen from the real service (kvs-api.md section 5) */
#define KVS_LOCAL_MESSAGE_NO_STREAM "The requested stream is not found or not active."
#define KVS_LOCAL_MESSAGE_TOKEN_EXPIRED "Streaming session token is expired"
#define KVS_LOCAL_MESSAGE_NO_FRAGMENTS \
  "No fragments found in the stream for the streaming request."

/**
 * KvsLocalError: codes of the error domain %KVS_LOCAL_ERROR, one for each exception in use
 */
typedef enum {
  KVS_LOCAL_ERROR_INVALID_ARGUMENT,
  KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
  KVS_LOCAL_ERROR_RESOURCE_IN_USE,
  KVS_LOCAL_ERROR_VERSION_MISMATCH,
  KVS_LOCAL_ERROR_CONNECTION_LIMIT,
  KVS_LOCAL_ERROR_CLIENT_LIMIT,
  KVS_LOCAL_ERROR_INVALID_ENDPOINT,
  KVS_LOCAL_ERROR_NO_DATA_RETENTION,
  KVS_LOCAL_ERROR_ACCOUNT_STREAM_LIMIT,
  KVS_LOCAL_ERROR_UNSUPPORTED_MEDIA_TYPE,
  KVS_LOCAL_ERROR_MISSING_CODEC_PRIVATE_DATA,
  KVS_LOCAL_ERROR_INVALID_CODEC_PRIVATE_DATA,
  KVS_LOCAL_ERROR_INVALID_MEDIA_FRAME,
  KVS_LOCAL_ERROR_TAGS_PER_RESOURCE,
  KVS_LOCAL_ERROR_INVALID_RESOURCE_FORMAT,
  KVS_LOCAL_ERROR_MISSING_AUTHENTICATION_TOKEN,
  KVS_LOCAL_ERROR_INCOMPLETE_SIGNATURE,
  KVS_LOCAL_ERROR_INVALID_SIGNATURE,
  KVS_LOCAL_ERROR_UNRECOGNIZED_CLIENT,
  KVS_LOCAL_ERROR_EXPIRED_TOKEN,
  KVS_LOCAL_ERROR_VALIDATION,
  KVS_LOCAL_ERROR_SESSION_TOKEN,
  KVS_LOCAL_ERROR_UNKNOWN_OPERATION,
  KVS_LOCAL_ERROR_MALFORMED_REQUEST,
  KVS_LOCAL_ERROR_REQUEST_TOO_LARGE,
  KVS_LOCAL_ERROR_INTERNAL,
} KvsLocalError;

GQuark kvs_local_error_quark (void);

guint kvs_local_error_status (const GError *error);
gchar *kvs_local_error_type (const GError *error);
gchar *kvs_local_error_body (const GError *error);

G_END_DECLS
