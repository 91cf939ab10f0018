/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials of a role, for somebody who signed in with IAM Identity Center. */
#pragma once

#include "aws/credentials/provider.h"
#include "net/http.h"

G_BEGIN_DECLS

/**
 * KvsSsoTokenFunc:
 * @user_data: what was given with it
 * @error: why there is no token that is still valid, as %KVS_ERROR_CREDENTIALS
 *
 * Runs on a worker thread, at each fetch; may block.
 *
 * Returns: (transfer full) (nullable): the access token
 */
typedef gchar *(*KvsSsoTokenFunc) (gpointer user_data, GError **error);

/**
 * KvsSsoOptions:
 * @url: base URL, such as "https://portal.sso.us-west-2.amazonaws.com"
 * @account_id: the account
 * @role_name: the role
 * @token_func: gives the access token
 * @token_data: for @token_func
 * @token_data_copy: copies @token_data for the worker thread
 * @token_data_free: frees such a copy
 */
typedef struct {
  const gchar *url;
  const gchar *account_id;
  const gchar *role_name;
  KvsSsoTokenFunc token_func;
  gpointer token_data;
  gpointer (*token_data_copy) (gpointer token_data);
  GDestroyNotify token_data_free;
} KvsSsoOptions;

KvsCredentialsProvider *kvs_sso_provider_new (KvsLoop *loop, const KvsHttpOptions *http,
                                              const KvsSsoOptions *options);

G_END_DECLS
