/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-name.h"

#include <stdio.h>
#include <string.h>

#define NS_PER_MS G_GINT64_CONSTANT (1000000)
#define MS_PER_S 1000

/* as many as names have digits, so that names sort as numbers do; a century takes 2 * 10^9 */
#define MAX_SEQUENCE G_GUINT64_CONSTANT (999999999999)

/* What names say at most, so that sums of them stay in range: 146 years around the epoch, and more
 * than any Fragment lasts. Exact times are in the files. */
#define MAX_TIME_NS (G_MAXINT64 / 2)
#define MAX_DURATION_MS (60 * 60 * MS_PER_S)

/* Room below the 255 bytes that file systems take, and the 143 of those that encrypt names. */
#define MAX_FOLDER_BYTES 128
#define KEPT_FOLDER_BYTES 80

/* not in stream names */
#define ESCAPE "%"

/**
 * kvs_spool_name_of_stream:
 * @stream_name: name of a stream
 *
 * Streams may be called ".." or have names longer than a file's may be. Different streams get
 * different names.
 *
 * Returns: (transfer full): a name for its folder
 */
gchar *
kvs_spool_name_of_stream (const gchar *stream_name)
{
  g_autofree gchar *hash = NULL;

  if (strlen (stream_name) > MAX_FOLDER_BYTES) {
    hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, stream_name, -1);
    hash[32] = '\0';
    return g_strdup_printf ("%s%.*s%s%s", stream_name[0] == '.' ? ESCAPE : "",
                            KEPT_FOLDER_BYTES, stream_name, ESCAPE, hash);
  }
  /* hidden folders, this one and the one above */
  return g_strconcat (stream_name[0] == '.' ? ESCAPE : "", stream_name, NULL);
}

static gint64
floor_ms (gint64 ns)
{
  gint64 ms = ns / NS_PER_MS;

  return ms * NS_PER_MS > ns ? ms - 1 : ms;
}

static gint64
ceil_ms (gint64 ns)
{
  gint64 ms = ns / NS_PER_MS;

  return ms * NS_PER_MS < ns ? ms + 1 : ms;
}

/**
 * kvs_spool_entry_set:
 * @entry: (out): header_hash and size_bytes stay as they are
 * @sequence: its place in the order
 * @start_ns: earliest presentation timestamp
 * @end_ns: latest end of a frame
 * @n_frames: how many frames
 *
 * Rounds the times as names do.
 */
void
kvs_spool_entry_set (KvsSpoolEntry *entry, guint64 sequence, gint64 start_ns, gint64 end_ns,
                     guint n_frames)
{
  gint64 start_ms = floor_ms (CLAMP (start_ns, -MAX_TIME_NS, MAX_TIME_NS));
  gint64 end_ms = ceil_ms (CLAMP (end_ns, -MAX_TIME_NS, MAX_TIME_NS));

  entry->sequence = sequence;
  entry->start_ns = start_ms * NS_PER_MS;
  entry->end_ns = CLAMP (end_ms, start_ms, start_ms + MAX_DURATION_MS) * NS_PER_MS;
  entry->n_frames = n_frames;
}

/**
 * kvs_spool_header_hash:
 * @header: EBML header to Tracks
 *
 * Returns: what tells headers apart in names
 */
guint32
kvs_spool_header_hash (GBytes *header)
{
  g_autofree gchar *hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, header);

  hash[8] = '\0';
  return (guint32) g_ascii_strtoull (hash, NULL, 16);
}

/**
 * kvs_spool_name_of_fragment:
 * @entry: times as kvs_spool_entry_set() rounds them
 * @out: (out): room for %KVS_SPOOL_NAME_MAX_BYTES
 */
void
kvs_spool_name_of_fragment (const KvsSpoolEntry *entry, gchar *out)
{
  gint64 start_ms = entry->start_ns / NS_PER_MS;
  gint64 ms = start_ms % MS_PER_S;
  g_autoptr (GDateTime) second = NULL;
  g_autofree gchar *time = NULL;

  if (ms < 0)
    ms += MS_PER_S;
  second = g_date_time_new_from_unix_utc ((start_ms - ms) / MS_PER_S);
  time = g_date_time_format (second, "%Y%m%dT%H%M%S");
  g_snprintf (out, KVS_SPOOL_NAME_MAX_BYTES,
              "%012" G_GUINT64_FORMAT "-%s.%03uZ-%" G_GINT64_FORMAT "ms-%uf-%08x.mkv",
              entry->sequence, time, (guint) ms, entry->end_ns / NS_PER_MS - start_ms,
              entry->n_frames, entry->header_hash);
}

/**
 * kvs_spool_name_of_part:
 * @sequence: of a Fragment that grows
 * @out: (out): room for %KVS_SPOOL_NAME_MAX_BYTES
 */
void
kvs_spool_name_of_part (guint64 sequence, gchar *out)
{
  g_snprintf (out, KVS_SPOOL_NAME_MAX_BYTES, "%012" G_GUINT64_FORMAT ".part", sequence);
}

/**
 * kvs_spool_name_of_journal:
 * @sequence: of a Fragment that grows
 * @out: (out): room for %KVS_SPOOL_NAME_MAX_BYTES
 */
void
kvs_spool_name_of_journal (guint64 sequence, gchar *out)
{
  g_snprintf (out, KVS_SPOOL_NAME_MAX_BYTES, "%012" G_GUINT64_FORMAT ".journal", sequence);
}

static gboolean
scan_fragment (const gchar *name, KvsSpoolEntry *entry)
{
  guint year, month, day, hour, minute, second, ms, hash;
  gint64 duration_ms;
  gint64 start_ms;
  g_autoptr (GDateTime) time = NULL;

  if (sscanf (name,
              "%" G_GUINT64_FORMAT "-%4u%2u%2uT%2u%2u%2u.%3uZ-%" G_GINT64_MODIFIER
              "dms-%uf-%8x.mkv",
              &entry->sequence, &year, &month, &day, &hour, &minute, &second, &ms, &duration_ms,
              &entry->n_frames, &hash)
      != 11)
    return FALSE;
  time = g_date_time_new_utc ((gint) year, (gint) month, (gint) day, (gint) hour, (gint) minute,
                              second);
  if (time == NULL || entry->sequence > MAX_SEQUENCE)
    return FALSE;
  start_ms = g_date_time_to_unix (time) * MS_PER_S + ms;
  if (duration_ms < 0 || duration_ms > MAX_DURATION_MS
      || start_ms < floor_ms (-MAX_TIME_NS) || start_ms > floor_ms (MAX_TIME_NS))
    return FALSE;
  entry->start_ns = start_ms * NS_PER_MS;
  entry->end_ns = (start_ms + duration_ms) * NS_PER_MS;
  entry->header_hash = hash;
  return TRUE;
}

/**
 * kvs_spool_name_parse:
 * @name: name of a file in a stream's folder
 * @entry: (out): what it tells; of a part and a journal the sequence alone
 *
 * A name counts only if it is, to the letter, what would be written for what it tells.
 *
 * Returns: what kind of file it is
 */
KvsSpoolNameKind
kvs_spool_name_parse (const gchar *name, KvsSpoolEntry *entry)
{
  gchar again[KVS_SPOOL_NAME_MAX_BYTES];

  memset (entry, 0, sizeof *entry);
  if (!g_ascii_isdigit (name[0]))
    return KVS_SPOOL_NAME_OTHER;
  if (g_str_has_suffix (name, ".mkv") && scan_fragment (name, entry)) {
    kvs_spool_name_of_fragment (entry, again);
    return strcmp (name, again) == 0 ? KVS_SPOOL_NAME_FRAGMENT : KVS_SPOOL_NAME_OTHER;
  }
  entry->sequence = g_ascii_strtoull (name, NULL, 10);
  if (entry->sequence > MAX_SEQUENCE)
    return KVS_SPOOL_NAME_OTHER;
  kvs_spool_name_of_part (entry->sequence, again);
  if (strcmp (name, again) == 0)
    return KVS_SPOOL_NAME_PART;
  kvs_spool_name_of_journal (entry->sequence, again);
  return strcmp (name, again) == 0 ? KVS_SPOOL_NAME_JOURNAL : KVS_SPOOL_NAME_OTHER;
}

/**
 * kvs_spool_entry_compare:
 * @a: an entry
 * @b: another one
 *
 * The sequence decides. Somebody may have put the files of two spools together; then times do.
 *
 * Returns: below, at or above 0, as @a comes before @b, is it, or comes after it
 */
gint
kvs_spool_entry_compare (const KvsSpoolEntry *a, const KvsSpoolEntry *b)
{
  if (a->sequence != b->sequence)
    return a->sequence < b->sequence ? -1 : 1;
  if (a->start_ns != b->start_ns)
    return a->start_ns < b->start_ns ? -1 : 1;
  if (a->end_ns != b->end_ns)
    return a->end_ns < b->end_ns ? -1 : 1;
  if (a->n_frames != b->n_frames)
    return a->n_frames < b->n_frames ? -1 : 1;
  if (a->header_hash != b->header_hash)
    return a->header_hash < b->header_hash ? -1 : 1;
  return 0;
}
