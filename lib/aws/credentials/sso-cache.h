/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tokens that "aws sso login" leaves in ~/.aws/sso/cache. */
#pragma once

#include "aws/credentials/profile-source.h"

G_BEGIN_DECLS

/**
 * KvsSsoToken:
 * @access_token: what GetRoleCredentials takes
 * @expiration_us: when it ends, as g_get_real_time() counts
 */
typedef struct {
  gchar *access_token;
  gint64 expiration_us;
} KvsSsoToken;

gchar *kvs_sso_cache_get_file_name (const KvsProfileSource *source);
KvsSsoToken *kvs_sso_cache_load (const gchar *folder, const KvsProfileSource *source,
                                 GError **error);
KvsSsoToken *kvs_sso_token_parse (const gchar *text, gsize size);
void kvs_sso_token_free (KvsSsoToken *token);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsSsoToken, kvs_sso_token_free)

G_END_DECLS
