/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Session tokens of HLS and DASH: what opens a session, and nothing else. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_LOCAL_SESSION_ID_BYTES 32
#define KVS_LOCAL_TOKEN_KEY_BYTES 32

/**
 * KvsLocalTokenResult:
 * @KVS_LOCAL_TOKEN_GOOD: it was made here and its time is not over
 * @KVS_LOCAL_TOKEN_EXPIRED: it was made here
 * @KVS_LOCAL_TOKEN_INVALID: it was not
 */
typedef enum {
  KVS_LOCAL_TOKEN_GOOD,
  KVS_LOCAL_TOKEN_EXPIRED,
  KVS_LOCAL_TOKEN_INVALID,
} KvsLocalTokenResult;

/**
 * KvsLocalToken:
 * @id: of the session; random
 * @expiry_us: when its time is over, by the monotonic clock
 */
typedef struct {
  guint8 id[KVS_LOCAL_SESSION_ID_BYTES];
  gint64 expiry_us;
} KvsLocalToken;

gboolean kvs_local_token_random (guint8 *out, gsize size);
gchar *kvs_local_token_seal (const guint8 *key, const KvsLocalToken *token);
KvsLocalTokenResult kvs_local_token_open (const guint8 *key, const gchar *text, gint64 now_us,
                                          KvsLocalToken *out);

G_END_DECLS
