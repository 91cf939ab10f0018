/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials of a task (ECS) or a pod (EKS Pod Identity), from the agent beside the container. */
#pragma once

#include "aws/credentials/provider.h"
#include "net/http.h"

G_BEGIN_DECLS

#define KVS_CONTAINER_ECS_URL "http://169.254.170.2"

/**
 * KvsContainerOptions:
 * @url: where to ask; see kvs_container_url_check()
 * @token: (nullable): value of the Authorization header
 * @token_path: (nullable): file with that value, read at each fetch; goes before @token
 * @timeout_ms: bound on each try; 0 for 2000
 */
typedef struct {
  const gchar *url;
  const gchar *token;
  const gchar *token_path;
  guint timeout_ms;
} KvsContainerOptions;

gchar *kvs_container_url_new (const gchar *relative, const gchar *full);
gboolean kvs_container_url_check (const gchar *url, GError **error);
KvsCredentialsProvider *kvs_container_provider_new (KvsLoop *loop, const KvsHttpOptions *http,
                                                    const KvsContainerOptions *options);

G_END_DECLS
