/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys that clients may sign with. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * KvsLocalCredentials:
 * @access_key: public part
 * @secret_key: secret part
 * @session_token: (nullable): what x-amz-security-token must be; %NULL if there must be none
 * @expiration: Unix seconds from when on they are refused, 0 for never
 */
typedef struct {
  gchar *access_key;
  gchar *secret_key;
  gchar *session_token;
  gint64 expiration;
} KvsLocalCredentials;

void kvs_local_credentials_free (KvsLocalCredentials *credentials);
GHashTable *kvs_local_credentials_load (const gchar *path, GError **error);

G_END_DECLS
