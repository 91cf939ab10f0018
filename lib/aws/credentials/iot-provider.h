/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials of an IoT role alias, for a device that has a certificate. */
#pragma once

#include "aws/credentials/provider.h"
#include "net/http.h"

G_BEGIN_DECLS

/**
 * KvsIotOptions:
 * @endpoint: host of the account's credentials endpoint, with ":port" where that is not 443
 * @certificate_path: PEM file
 * @key_path: PEM file
 * @ca_path: (nullable): file or folder of trusted certificates; %NULL for that of #KvsHttpOptions
 * @role_alias: name of the role alias
 * @thing_name: (nullable): name of the thing, for policies with thing variables
 * @sni_host: (nullable): see #KvsHttpRequest
 * @connect_timeout_ms: 0 for 3000
 * @total_timeout_ms: 0 for 5000
 */
typedef struct {
  gchar *endpoint;
  gchar *certificate_path;
  gchar *key_path;
  gchar *ca_path;
  gchar *role_alias;
  gchar *thing_name;
  gchar *sni_host;
  guint connect_timeout_ms;
  guint total_timeout_ms;
} KvsIotOptions;

KvsCredentialsProvider *kvs_iot_provider_new (KvsLoop *loop, const KvsHttpOptions *http,
                                              const KvsIotOptions *options);

G_END_DECLS
