/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials of the role of an EC2 instance, from its metadata service. */
#pragma once

#include "aws/credentials/provider.h"
#include "net/http.h"

G_BEGIN_DECLS

#define KVS_IMDS_URL "http://169.254.169.254"
#define KVS_IMDS_IPV6_URL "http://[fd00:ec2::254]"

/**
 * KvsImdsOptions:
 * @url: (nullable): base URL; %NULL for %KVS_IMDS_URL
 * @v1_disabled: whether to fail where the service gives no token
 * @timeout_ms: bound on each step; 0 for 1000
 * @n_tries: how often a step is tried; 0 for 2
 * @token_ttl_s: how long a token is asked for; 0 for 21600
 */
typedef struct {
  const gchar *url;
  gboolean v1_disabled;
  guint timeout_ms;
  guint n_tries;
  guint token_ttl_s;
} KvsImdsOptions;

KvsCredentialsProvider *kvs_imds_provider_new (KvsLoop *loop, const KvsHttpOptions *http,
                                               const KvsImdsOptions *options);
gchar *kvs_imds_parse_role (const gchar *text, gsize size);

G_END_DECLS
