/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Eight bytes a step, each with a table of its own ("slicing by 8"): a table for single bytes alone
 * would cost as much as all else the spool does with a byte. */
#include "stream/crc32.h"

#include <string.h>

#define POLYNOMIAL 0xedb88320u /* of ISO 3309, lowest power first */
#define N_TABLES 8

typedef guint32 Tables[N_TABLES][256];

static void
fill_tables (Tables tables)
{
  for (guint i = 0; i < 256; i++) {
    guint32 crc = i;

    for (guint bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (POLYNOMIAL & (0 - (crc & 1)));
    tables[0][i] = crc;
  }
  for (guint n = 1; n < N_TABLES; n++) {
    for (guint i = 0; i < 256; i++)
      tables[n][i] = tables[n - 1][i] >> 8 ^ tables[0][tables[n - 1][i] & 0xff];
  }
}

static const Tables *
get_tables (void)
{
  static Tables tables; /* constant once it is filled */
  static gsize filled;

  if (g_once_init_enter (&filled)) {
    fill_tables (tables);
    g_once_init_leave (&filled, 1);
  }
  return (const Tables *) &tables;
}

/**
 * kvs_crc32:
 * @crc: of the bytes before, 0 where there are none
 * @data: (nullable): bytes
 * @size: how many
 *
 * Safe from any thread.
 *
 * Returns: the CRC-32 of those before and these
 */
guint32
kvs_crc32 (guint32 crc, gconstpointer data, gsize size)
{
  const Tables *tables = get_tables ();
  const guint8 *at = data;

  crc = ~crc;
  for (; size >= 8; at += 8, size -= 8) {
    guint32 low, high;

    memcpy (&low, at, 4);
    memcpy (&high, at + 4, 4);
    low = GUINT32_FROM_LE (low) ^ crc;
    high = GUINT32_FROM_LE (high);
    crc = (*tables)[7][low & 0xff] ^ (*tables)[6][low >> 8 & 0xff] ^ (*tables)[5][low >> 16 & 0xff]
          ^ (*tables)[4][low >> 24] ^ (*tables)[3][high & 0xff] ^ (*tables)[2][high >> 8 & 0xff]
          ^ (*tables)[1][high >> 16 & 0xff] ^ (*tables)[0][high >> 24];
  }
  for (; size > 0; at++, size--)
    crc = crc >> 8 ^ (*tables)[0][(crc ^ *at) & 0xff];
  return ~crc;
}
