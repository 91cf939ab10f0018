/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shared config file and the shared credentials file, taken together. */
#pragma once

#include "error.h"

G_BEGIN_DECLS

typedef struct _KvsSharedConfig KvsSharedConfig;

/**
 * KvsSharedConfigFile:
 * @path: for messages
 * @text: (nullable): the bytes; %NULL where there is no such file
 * @size: how many
 */
typedef struct {
  const gchar *path;
  const gchar *text;
  gsize size;
} KvsSharedConfigFile;

KvsSharedConfig *kvs_shared_config_new (const KvsSharedConfigFile *config,
                                        const KvsSharedConfigFile *credentials, GError **error);
KvsSharedConfig *kvs_shared_config_load (const gchar *config_path, const gchar *credentials_path,
                                         GError **error);
void kvs_shared_config_free (KvsSharedConfig *config);

gboolean kvs_shared_config_has_profile (const KvsSharedConfig *config, const gchar *profile);
gboolean kvs_shared_config_has (const KvsSharedConfig *config, const gchar *profile,
                                const gchar *key);
const gchar *kvs_shared_config_get (const KvsSharedConfig *config, const gchar *profile,
                                    const gchar *key);
gboolean kvs_shared_config_has_sso_session (const KvsSharedConfig *config, const gchar *session);
const gchar *kvs_shared_config_get_of_sso_session (const KvsSharedConfig *config,
                                                   const gchar *session, const gchar *key);
const gchar *kvs_shared_config_get_of_services (const KvsSharedConfig *config,
                                                const gchar *services, const gchar *service,
                                                const gchar *key);

/**
 * KvsSharedConfigKeys:
 * @access_key: (nullable): aws_access_key_id
 * @secret_key: (nullable): aws_secret_access_key
 * @session_token: (nullable): aws_session_token, or its old name aws_security_token
 */
typedef struct {
  const gchar *access_key;
  const gchar *secret_key;
  const gchar *session_token;
} KvsSharedConfigKeys;

gboolean kvs_shared_config_get_keys_of_credentials (const KvsSharedConfig *config,
                                                    const gchar *profile,
                                                    KvsSharedConfigKeys *keys);
gboolean kvs_shared_config_get_keys_of_config (const KvsSharedConfig *config, const gchar *profile,
                                               KvsSharedConfigKeys *keys);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsSharedConfig, kvs_shared_config_free)

G_END_DECLS
