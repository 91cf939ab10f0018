/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Session tokens of players: none is taken but those that were made, letter by letter. */
#include "fuzz.h"

#include <string.h>

#include "playback/playback-token.h"

#define NOW_US 1000

static const guint8 key[KVS_LOCAL_TOKEN_KEY_BYTES] = "thirty-two bytes that are no key";

/* The first byte says which letter of a good token is replaced, the second one by what. */
static void
change_one (const guint8 *data, gsize size)
{
  KvsLocalToken token = { .expiry_us = NOW_US + 1 }, out;
  g_autofree gchar *good = NULL;
  g_autofree gchar *changed = NULL;

  if (size < 2)
    return;
  memcpy (token.id, data, MIN (size, sizeof token.id));
  good = kvs_local_token_seal (key, &token);
  g_assert_cmpint (kvs_local_token_open (key, good, NOW_US, &out), ==, KVS_LOCAL_TOKEN_GOOD);
  g_assert_cmpmem (token.id, sizeof token.id, out.id, sizeof out.id);
  g_assert_cmpint (kvs_local_token_open (key, good, NOW_US + 1, &out), ==,
                   KVS_LOCAL_TOKEN_EXPIRED);
  changed = g_strdup (good);
  changed[data[0] % strlen (good)] = (gchar) data[1];
  if (!g_str_equal (changed, good))
    g_assert_cmpint (kvs_local_token_open (key, changed, NOW_US, &out), ==,
                     KVS_LOCAL_TOKEN_INVALID);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree gchar *text = g_strndup (size > 0 ? (const gchar *) data : "", size);
  KvsLocalToken out;

  if (kvs_local_token_open (key, text, NOW_US, &out) != KVS_LOCAL_TOKEN_INVALID) {
    g_autofree gchar *again = kvs_local_token_seal (key, &out);

    g_assert_cmpstr (again, ==, text);
  }
  change_one (data, size);
  return 0;
}
