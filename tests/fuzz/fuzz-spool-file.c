/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes as a file of the spool, as one that was left unfinished with its journal, as a name, as
 * a header, and as footage that goes through a file. What is taken for good must be what would be
 * written for it. */
#include "fuzz.h"

#include <string.h>

#include "media/track.h"
#include "mkv/muxer.h"
#include "stream/crc32.h"
#include "stream/spool-format.h"
#include "stream/spool-header.h"
#include "stream/spool-name.h"

static void
append (GByteArray *out, GBytes *bytes)
{
  g_byte_array_append (out, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
}

static guint32
crc_of (GBytes *header, GBytes *bytes)
{
  guint32 crc = kvs_crc32 (0, g_bytes_get_data (header, NULL), g_bytes_get_size (header));

  return kvs_crc32 (crc, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static GBytes *
build (GBytes *header, GBytes *bytes, const KvsSpoolRecord *record)
{
  g_autoptr (GBytes) tags = kvs_spool_tags_new (record, crc_of (header, bytes));
  GByteArray *file = g_byte_array_new ();

  append (file, header);
  append (file, tags);
  append (file, bytes);
  return g_byte_array_free_to_bytes (file);
}

static void
try_file (GBytes *file)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsSpoolFragment) fragment = kvs_spool_fragment_parse (file, &error);
  g_autoptr (GBytes) again = NULL;

  g_assert_cmpint (fragment == NULL, ==, error != NULL);
  if (fragment == NULL)
    return;
  again = build (fragment->header, fragment->bytes, &fragment->record);
  g_assert_true (g_bytes_equal (file, again));
}

/* The first bytes say how long the journal is. */
static void
try_recovery (const guint8 *data, gsize size)
{
  gsize journal_size = size >= 2 ? MIN (size - 2, (gsize) data[0] << 8 | data[1]) : 0;
  gsize part_at = MIN (size, 2 + journal_size);
  g_autoptr (GBytes) journal = g_bytes_new (data + part_at - journal_size, journal_size);
  g_autoptr (GBytes) part = g_bytes_new (data + part_at, size - part_at);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) header = NULL;
  g_autoptr (GBytes) tags = NULL;
  g_autoptr (GBytes) bytes = NULL;
  KvsSpoolRecord record;
  gsize header_size;
  guint32 crc;

  if (!kvs_spool_recover (part, journal, &header_size, &record, &crc, &error)) {
    g_assert_nonnull (error);
    return;
  }
  g_assert_false (kvs_spool_is_empty (part));
  tags = kvs_spool_tags_new (&record, crc);
  header = g_bytes_new_from_bytes (part, 0, header_size);
  bytes = g_bytes_new_from_bytes (part, header_size + g_bytes_get_size (tags),
                                  (gsize) record.extent.size_bytes);
  g_assert_cmpuint (crc, ==, crc_of (header, bytes));
}

/* What is taken away leaves a header, and is not there to be taken away again. */
static void
try_header (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) header = g_bytes_new (data, size);
  guint32 mask = size > 0 ? data[size - 1] : 0;
  g_autoptr (GBytes) kept = kvs_spool_header_keep_tracks (header, mask);
  g_autoptr (GBytes) again = kvs_spool_header_keep_tracks (kept, mask);

  g_assert_cmpuint (g_bytes_get_size (kept), <=, size);
  g_assert_true (g_bytes_equal (kept, again));
}

static void
try_name (const guint8 *data, gsize size)
{
  g_autofree gchar *name = size > 0 ? g_strndup ((const gchar *) data, size) : g_strdup ("");
  gchar again[KVS_SPOOL_NAME_MAX_BYTES];
  KvsSpoolEntry entry;

  if (kvs_spool_name_parse (name, &entry) != KVS_SPOOL_NAME_FRAGMENT)
    return;
  g_assert_cmpint (entry.start_ns, <=, entry.end_ns);
  kvs_spool_name_of_fragment (&entry, again);
  g_assert_cmpstr (name, ==, again);
}

static GBytes *
make_header (void)
{
  static const guint8 uid[KVS_MKV_SEGMENT_UID_BYTES] = { 1 };
  g_autoptr (KvsTrack) track
      = kvs_track_new (1, KVS_TRACK_TYPE_VIDEO, KVS_CODEC_ID_AVC, NULL, NULL);
  const KvsTrack *tracks[] = { track };

  return kvs_mkv_header_new (tracks, 1, 1000000, uid);
}

/* A file that carries these bytes gives them back, and nothing else once a bit has changed. */
static void
try_footage (const guint8 *data, gsize size)
{
  KvsSpoolRecord record = { .extent.size_bytes = size };
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GBytes) header = make_header ();
  g_autoptr (GBytes) file = build (header, bytes, &record);
  g_autoptr (KvsSpoolFragment) fragment = kvs_spool_fragment_parse (file, NULL);
  g_autoptr (GBytes) flipped = NULL;
  g_autofree guint8 *copy = NULL;
  gsize file_size = g_bytes_get_size (file);

  g_assert_nonnull (fragment);
  g_assert_true (g_bytes_equal (fragment->bytes, bytes));
  g_assert_true (g_bytes_equal (fragment->header, header));
  copy = g_memdup2 (g_bytes_get_data (file, NULL), file_size);
  copy[kvs_crc32 (0, data, size) % file_size] ^= (guint8) (1 << size % 8);
  flipped = g_bytes_new (copy, file_size);
  g_assert_null (kvs_spool_fragment_parse (flipped, NULL));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) file = g_bytes_new (data, size);

  try_file (file);
  try_recovery (data, size);
  try_header (data, size);
  try_name (data, MIN (size, 200));
  try_footage (data, size);
  return 0;
}
