/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/fragment-number.h"

#define N_WORDS 5
#define RANDOM_BITS 28
#define SEQUENCE_SHIFT 92
#define TOP_BIT 156

/* @words: least significant first */
static void
or_shifted (guint32 words[N_WORDS], guint64 value, guint shift)
{
  for (guint bit = 0; bit < 64; bit++) {
    guint at = bit + shift;

    if ((value >> bit & 1) != 0 && at < N_WORDS * 32)
      words[at / 32] |= (guint32) 1 << (at % 32);
  }
}

static guint
divide_by_ten (guint32 words[N_WORDS])
{
  guint64 rest = 0;

  for (gint i = N_WORDS - 1; i >= 0; i--) {
    rest = rest << 32 | words[i];
    words[i] = (guint32) (rest / 10);
    rest %= 10;
  }
  return (guint) rest;
}

/**
 * kvs_local_fragment_number_make:
 * @sequence: counts the fragments of a stream
 * @server_ms: when the first byte of the fragment came, ms since 1970
 * @random: of which 28 bits are used
 * @out: (out): the number in decimal digits
 *
 * (1 << 156) | (sequence << 92) | (server ms << 28) | random: always 47 digits, so numbers compare
 * as text.
 */
void
kvs_local_fragment_number_make (guint64 sequence, gint64 server_ms, guint32 random,
                                gchar out[KVS_LOCAL_FRAGMENT_NUMBER_CHARS])
{
  guint32 words[N_WORDS] = { 0 };

  or_shifted (words, 1, TOP_BIT);
  or_shifted (words, sequence, SEQUENCE_SHIFT);
  or_shifted (words, (guint64) server_ms, RANDOM_BITS);
  or_shifted (words, random & ((1u << RANDOM_BITS) - 1), 0);
  out[KVS_LOCAL_FRAGMENT_NUMBER_CHARS - 1] = '\0';
  for (gint i = KVS_LOCAL_FRAGMENT_NUMBER_CHARS - 2; i >= 0; i--)
    out[i] = (gchar) ('0' + divide_by_ten (words));
}
