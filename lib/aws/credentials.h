/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys that sign requests. Where they come from is the business of the providers. */
#pragma once

#include "error.h"

G_BEGIN_DECLS

/* Longest session token that is taken; AWS names no limit, theirs are about 1 KiB */
#define KVS_CREDENTIALS_MAX_TOKEN_BYTES (16 * 1024)

/**
 * KvsCredentials:
 * @access_key: access key id
 * @secret_key: secret access key
 * @session_token: (nullable): session token of temporary credentials
 * @expiration_us: when they end, as g_get_real_time() counts, or 0 when they do not
 *
 * Immutable and counted, so that any thread may hold them. Wiped from memory at the last unref.
 */
typedef struct {
  const gchar *access_key;
  const gchar *secret_key;
  const gchar *session_token;
  gint64 expiration_us;
} KvsCredentials;

gboolean kvs_credentials_check (const gchar *access_key, const gchar *secret_key,
                                const gchar *session_token, GError **error);
KvsCredentials *kvs_credentials_new (const gchar *access_key, const gchar *secret_key,
                                     const gchar *session_token, gint64 expiration_us);
KvsCredentials *kvs_credentials_from_strings (const gchar *access_key, const gchar *secret_key,
                                              const gchar *session_token, GError **error);
KvsCredentials *kvs_credentials_from_environment (GError **error);
KvsCredentials *kvs_credentials_ref (KvsCredentials *credentials);
void kvs_credentials_unref (KvsCredentials *credentials);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsCredentials, kvs_credentials_unref)

G_END_DECLS
