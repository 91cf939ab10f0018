/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "playback/playback-token.h"

#include <string.h>
#include <sys/random.h>

#define MAC_BYTES 32
#define EXPIRY_BYTES 8
#define TOKEN_BYTES (KVS_LOCAL_SESSION_ID_BYTES + EXPIRY_BYTES + MAC_BYTES)

/* The service's tokens are base64 for URLs, with this for the padding (kvs-api.md section 12). */
#define PADDING '~'

/**
 * kvs_local_token_random:
 * @out: (out caller-allocates) (array length=size): where to put bytes
 * @size: how many, at most 256
 *
 * Returns: whether the kernel gave bytes that nobody can guess
 */
gboolean
kvs_local_token_random (guint8 *out, gsize size)
{
  return getrandom (out, size, 0) == (gssize) size;
}

static void
write_signed_part (const KvsLocalToken *token, guint8 *out)
{
  gint64 expiry = GINT64_TO_BE (token->expiry_us);

  memcpy (out, token->id, KVS_LOCAL_SESSION_ID_BYTES);
  memcpy (out + KVS_LOCAL_SESSION_ID_BYTES, &expiry, EXPIRY_BYTES);
}

static void
make_mac (const guint8 *key, const guint8 *bytes, guint8 *mac)
{
  g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_SHA256, key, KVS_LOCAL_TOKEN_KEY_BYTES);
  gsize size = MAC_BYTES;

  g_hmac_update (hmac, bytes, KVS_LOCAL_SESSION_ID_BYTES + EXPIRY_BYTES);
  g_hmac_get_digest (hmac, mac, &size);
}

static void
replace (gchar *text, gchar from, gchar to)
{
  for (; *text != '\0'; text++) {
    if (*text == from)
      *text = to;
  }
}

/**
 * kvs_local_token_seal:
 * @key: (array fixed-size=32): of this run of the server
 * @token: what it stands for
 *
 * Returns: (transfer full): text that only who has @key can make
 */
gchar *
kvs_local_token_seal (const guint8 *key, const KvsLocalToken *token)
{
  guint8 bytes[TOKEN_BYTES];
  gchar *text;

  write_signed_part (token, bytes);
  make_mac (key, bytes, bytes + TOKEN_BYTES - MAC_BYTES);
  text = g_base64_encode (bytes, sizeof bytes);
  replace (text, '+', '-');
  replace (text, '/', '_');
  replace (text, '=', PADDING);
  return text;
}

/* Takes the same time wherever the first difference is. */
static gboolean
equal (const guint8 *a, const guint8 *b, gsize size)
{
  guint8 difference = 0;

  for (gsize i = 0; i < size; i++)
    difference |= a[i] ^ b[i];
  return difference == 0;
}

/**
 * kvs_local_token_open:
 * @key: (array fixed-size=32): of this run of the server
 * @text: from a client
 * @now_us: the monotonic clock
 * @out: (out): what it stands for, unless it is invalid
 *
 * Returns: whether it may be used
 */
KvsLocalTokenResult
kvs_local_token_open (const guint8 *key, const gchar *text, gint64 now_us, KvsLocalToken *out)
{
  g_autofree gchar *copy = g_strdup (text);
  g_autofree gchar *again = NULL;
  g_autofree guint8 *bytes = NULL;
  guint8 mac[MAC_BYTES];
  gsize size;

  replace (copy, '-', '+');
  replace (copy, '_', '/');
  replace (copy, PADDING, '=');
  bytes = g_base64_decode (copy, &size);
  if (size != TOKEN_BYTES)
    return KVS_LOCAL_TOKEN_INVALID;
  make_mac (key, bytes, mac);
  if (!equal (mac, bytes + TOKEN_BYTES - MAC_BYTES, MAC_BYTES))
    return KVS_LOCAL_TOKEN_INVALID;
  memcpy (out->id, bytes, KVS_LOCAL_SESSION_ID_BYTES);
  memcpy (&out->expiry_us, bytes + KVS_LOCAL_SESSION_ID_BYTES, EXPIRY_BYTES);
  out->expiry_us = GINT64_FROM_BE (out->expiry_us);
  /* Decoding passes over letters that do not belong there. */
  again = kvs_local_token_seal (key, out);
  if (!g_str_equal (again, text))
    return KVS_LOCAL_TOKEN_INVALID;
  return now_us < out->expiry_us ? KVS_LOCAL_TOKEN_GOOD : KVS_LOCAL_TOKEN_EXPIRED;
}
