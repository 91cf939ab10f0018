/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a request was signed by somebody who is known (kvs-api.md section 17). */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/**
 * KvsLocalAuthRequest:
 * @method: such as "POST"
 * @path: as it was received
 * @query: (nullable): as it was received
 * @headers: as they were received
 * @body: (nullable): the whole body; %NULL for PutMedia, where it has not come yet
 */
typedef struct {
  const gchar *method;
  const gchar *path;
  const gchar *query;
  SoupMessageHeaders *headers;
  GBytes *body;
} KvsLocalAuthRequest;

gboolean kvs_local_auth_check (GHashTable *credentials, const gchar *region,
                               const KvsLocalAuthRequest *request, const gchar **access_key,
                               GError **error);

G_END_DECLS
