/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-format.h"

#include <stdio.h>
#include <string.h>

#include "error.h"
#include "mkv/ebml-reader.h"
#include "mkv/mkv-ids.h"
#include "mkv/muxer.h"
#include "stream/crc32.h"

#define TAG_NAME "KVSSINK_SPOOL"

/* It changes with whatever an older program would misread. */
#define VERSION "v1"

/* how much is looked at in one go for where the header ends */
#define LOOK_BYTES 4096

/**
 * kvs_spool_extent_add:
 * @extent: (inout): grows; all zeros at the beginning
 * @next: what comes behind it
 */
void
kvs_spool_extent_add (KvsSpoolExtent *extent, const KvsSpoolExtent *next)
{
  if (extent->n_frames == 0 || (next->n_frames > 0 && next->start_ns < extent->start_ns))
    extent->start_ns = next->start_ns;
  if (extent->n_frames == 0 || (next->n_frames > 0 && next->end_ns > extent->end_ns))
    extent->end_ns = next->end_ns;
  extent->n_frames += next->n_frames;
  extent->track_mask |= next->track_mask;
  extent->size_bytes += next->size_bytes;
}

/**
 * kvs_spool_record_print:
 * @record: what to remember
 * @bytes_crc: CRC-32 of header and Fragment
 * @out: (out): room for %KVS_SPOOL_RECORD_MAX_BYTES; ends with a NUL
 *
 * Returns: its length, which is the same for all records
 */
gsize
kvs_spool_record_print (const KvsSpoolRecord *record, guint32 bytes_crc, gchar *out)
{
  const KvsSpoolTimes *times = &record->times;
  const KvsSpoolExtent *extent = &record->extent;
  gint n = g_snprintf (out, KVS_SPOOL_RECORD_MAX_BYTES,
                       VERSION " times=%s segment_start_ns=%+020" G_GINT64_FORMAT
                       " timecode_scale_ns=%+020" G_GINT64_FORMAT
                       " timecode=%020" G_GUINT64_FORMAT " start_ns=%+020" G_GINT64_FORMAT
                       " end_ns=%+020" G_GINT64_FORMAT
                       " frames=%010u tracks=%08x bytes=%020" G_GUINT64_FORMAT,
                       times->absolute ? "absolute" : "relative", times->segment_start_ns,
                       times->timecode_scale_ns, times->timecode, extent->start_ns, extent->end_ns,
                       extent->n_frames, extent->track_mask, extent->size_bytes);

  n += g_snprintf (out + n, (gulong) (KVS_SPOOL_RECORD_MAX_BYTES - n), " crc=%08x",
                   kvs_crc32 (bytes_crc, out, (gsize) n));
  return (gsize) n;
}

static gboolean
fail (GError **error, const gchar *what)
{
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED, what);
  return FALSE;
}

/* G_GINT64_FORMAT is not for this: it may be %li, to which numbers with zeros before them are octal.
 * Lenient, since each user of it prints the record again and compares: that judges form and CRC in
 * one go. */
static gboolean
scan_record (const gchar *text, KvsSpoolRecord *record, GError **error)
{
  KvsSpoolTimes *times = &record->times;
  KvsSpoolExtent *extent = &record->extent;
  gchar kind[9];
  gint n;

  if (!g_str_has_prefix (text, VERSION " "))
    return fail (error, "it is of a version of the spool that is not known here");
  n = sscanf (text,
              VERSION " times=%8s segment_start_ns=%" G_GINT64_MODIFIER "d"
              " timecode_scale_ns=%" G_GINT64_MODIFIER "d timecode=%" G_GUINT64_FORMAT
              " start_ns=%" G_GINT64_MODIFIER "d end_ns=%" G_GINT64_MODIFIER "d"
              " frames=%u tracks=%x bytes=%" G_GUINT64_FORMAT,
              kind, &times->segment_start_ns, &times->timecode_scale_ns, &times->timecode,
              &extent->start_ns, &extent->end_ns, &extent->n_frames, &extent->track_mask,
              &extent->size_bytes);
  if (n != 9)
    return fail (error, "what the spool wrote into it is damaged");
  times->absolute = strcmp (kind, "absolute") == 0;
  return TRUE;
}

/**
 * kvs_spool_tags_new:
 * @record: what to remember
 * @bytes_crc: CRC-32 of header and Fragment
 *
 * Returns: (transfer full): the Tags element of the spool; its size is the same for all records
 */
GBytes *
kvs_spool_tags_new (const KvsSpoolRecord *record, guint32 bytes_crc)
{
  gchar text[KVS_SPOOL_RECORD_MAX_BYTES];
  const KvsMkvTag tag = { TAG_NAME, text };

  kvs_spool_record_print (record, bytes_crc, text);
  return kvs_mkv_tags_new (&tag, 1);
}

/* Where the first Tags of the Segment are and what is in them */
typedef struct {
  guint64 offset;
  gboolean found;
  gboolean over;
  gboolean is_ours;
  gchar text[KVS_SPOOL_RECORD_MAX_BYTES];
} Place;

static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  Place *place = user_data;

  if (place->over || place->found || element->level != 1)
    return TRUE;
  if (element->id == KVS_MKV_ID_CLUSTER) {
    place->over = TRUE;
  } else if (element->id == KVS_MKV_ID_TAGS) {
    place->found = TRUE;
    place->offset = element->offset;
  }
  return TRUE;
}

static gboolean
on_end (const KvsEbmlElement *element, const guint8 *payload, gsize size, gpointer user_data,
        GError **error)
{
  Place *place = user_data;

  if (place->over || !place->found)
    return TRUE;
  if (element->id == KVS_MKV_ID_TAG_NAME)
    place->is_ours = size == strlen (TAG_NAME) && memcmp (payload, TAG_NAME, size) == 0;
  if (element->id == KVS_MKV_ID_TAG_STRING && place->is_ours && size < sizeof place->text)
    memcpy (place->text, payload, size); /* the rest is zero */
  place->over = element->id == KVS_MKV_ID_TAGS;
  return TRUE;
}

static const KvsEbmlReaderFuncs place_funcs = { on_start, NULL, on_end };

static void
find_place (const guint8 *data, gsize size, Place *place)
{
  g_autoptr (KvsEbmlReader) reader = NULL;

  memset (place, 0, sizeof *place);
  reader = kvs_ebml_reader_new (&place_funcs, place);
  while (size > 0 && !place->over) {
    gsize n = MIN (size, LOOK_BYTES);

    if (!kvs_ebml_reader_push (reader, data, n, NULL))
      return;
    data += n;
    size -= n;
  }
}

/* Gives the size of the header, with the spool's tags behind it, or 0. */
static gsize
find_header (const guint8 *data, gsize size, gchar *text, GError **error)
{
  Place place;

  find_place (data, size, &place);
  if (!place.found || !place.is_ours || place.text[0] == '\0') {
    fail (error, "it does not begin as the files of the spool do");
    return 0;
  }
  memcpy (text, place.text, sizeof place.text);
  return (gsize) place.offset;
}

/**
 * kvs_spool_header_check:
 * @header: EBML header to Tracks
 * @error: %KVS_ERROR_BAD_ARGUMENT where it is something else
 *
 * Returns: whether a file that begins with @header can be read again
 */
gboolean
kvs_spool_header_check (GBytes *header, GError **error)
{
  const KvsSpoolRecord record = { 0 };
  g_autoptr (GBytes) tags = kvs_spool_tags_new (&record, 0);
  g_autoptr (GByteArray) file = g_byte_array_new ();
  gchar text[KVS_SPOOL_RECORD_MAX_BYTES];
  gsize size = g_bytes_get_size (header);

  g_byte_array_append (file, g_bytes_get_data (header, NULL), (guint) size);
  g_byte_array_append (file, g_bytes_get_data (tags, NULL), (guint) g_bytes_get_size (tags));
  if (size > 0 && find_header (file->data, file->len, text, NULL) == size)
    return TRUE;
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                       "the header of a fragment for the spool is not EBML header to Tracks");
  return FALSE;
}

static gboolean
is_at (const guint8 *data, gsize size, gsize offset, GBytes *expected)
{
  gsize expected_size;
  gconstpointer expected_data = g_bytes_get_data (expected, &expected_size);

  return expected_size <= size - offset
         && memcmp (data + offset, expected_data, expected_size) == 0;
}

/**
 * kvs_spool_fragment_parse:
 * @file: a whole file of the spool
 * @error: %KVS_ERROR_SPOOL_DAMAGED when it is not, to the last bit, as it was written
 *
 * Safe from any thread.
 *
 * Returns: (transfer full) (nullable): what is in it; refers to @file
 */
KvsSpoolFragment *
kvs_spool_fragment_parse (GBytes *file, GError **error)
{
  gchar text[KVS_SPOOL_RECORD_MAX_BYTES];
  gsize size, header_size, head_size;
  const guint8 *data = g_bytes_get_data (file, &size);
  g_autoptr (GBytes) tags = NULL;
  KvsSpoolRecord record = { 0 };
  KvsSpoolFragment *fragment;
  guint32 crc;

  header_size = find_header (data, size, text, error);
  if (header_size == 0 || !scan_record (text, &record, error))
    return NULL;
  if (record.extent.size_bytes > size) {
    fail (error, "its end is missing");
    return NULL;
  }
  head_size = size - (gsize) record.extent.size_bytes;
  crc = kvs_crc32 (0, data, MIN (header_size, head_size));
  crc = kvs_crc32 (crc, data + head_size, size - head_size);
  tags = kvs_spool_tags_new (&record, crc);
  if (header_size + g_bytes_get_size (tags) != head_size
      || !is_at (data, size, header_size, tags)) {
    fail (error, "its bytes are not those that were written");
    return NULL;
  }

  fragment = g_new0 (KvsSpoolFragment, 1);
  /* a copy, since it may be kept for long and must not keep the whole file */
  fragment->header = g_bytes_new (data, header_size);
  fragment->bytes = g_bytes_new_from_bytes (file, head_size, size - head_size);
  fragment->record = record;
  return fragment;
}

/**
 * kvs_spool_fragment_free:
 * @fragment: (transfer full) (nullable): a fragment
 */
void
kvs_spool_fragment_free (KvsSpoolFragment *fragment)
{
  if (fragment == NULL)
    return;
  g_bytes_unref (fragment->header);
  g_bytes_unref (fragment->bytes);
  g_free (fragment);
}

/* Gives where the Fragment begins, or 0. */
static gsize
find_fragment (GBytes *part, gsize *header_size, GError **error)
{
  const KvsSpoolRecord record = { 0 };
  g_autoptr (GBytes) tags = kvs_spool_tags_new (&record, 0);
  gchar text[KVS_SPOOL_RECORD_MAX_BYTES];
  gsize size;
  const guint8 *data = g_bytes_get_data (part, &size);

  *header_size = find_header (data, size, text, error);
  return *header_size == 0 ? 0 : *header_size + g_bytes_get_size (tags);
}

/**
 * kvs_spool_is_empty:
 * @part: a file that was not finished
 *
 * Returns: whether not a byte of a Fragment is in it
 */
gboolean
kvs_spool_is_empty (GBytes *part)
{
  gsize header_size;

  return g_bytes_get_size (part) == 0
         || find_fragment (part, &header_size, NULL) == g_bytes_get_size (part);
}

/* Where a part that was read from a crash is good to */
typedef struct {
  const guint8 *bytes; /* of the Fragment */
  gsize size;
  gsize good_size;
  guint32 crc; /* of the header and the good bytes */
  KvsSpoolRecord record;
} Recovery;

static gboolean
take_line (Recovery *recovery, const gchar *line, gsize line_size)
{
  gchar text[KVS_SPOOL_RECORD_MAX_BYTES] = { 0 };
  gchar again[KVS_SPOOL_RECORD_MAX_BYTES];
  KvsSpoolRecord record = { 0 };
  guint64 end;
  guint32 crc;

  if (line_size >= sizeof text)
    return FALSE;
  memcpy (text, line, line_size);
  if (!scan_record (text, &record, NULL))
    return FALSE;
  end = record.extent.size_bytes;
  if (end <= recovery->good_size || end > recovery->size)
    return FALSE;
  crc = kvs_crc32 (recovery->crc, recovery->bytes + recovery->good_size,
                   (gsize) end - recovery->good_size);
  if (kvs_spool_record_print (&record, crc, again) != line_size || strcmp (text, again) != 0)
    return FALSE;
  recovery->crc = crc;
  recovery->good_size = (gsize) end;
  recovery->record = record;
  return TRUE;
}

static void
take_lines (Recovery *recovery, const gchar *lines, gsize size)
{
  const gchar *end;

  while ((end = memchr (lines, '\n', size)) != NULL) {
    if (!take_line (recovery, lines, (gsize) (end - lines)))
      return;
    size -= (gsize) (end + 1 - lines);
    lines = end + 1;
  }
}

/**
 * kvs_spool_recover:
 * @part: a file that was not finished
 * @journal: the journal beside it
 * @header_size: (out): of the bytes before the spool's tags
 * @record: (out): what to write into those tags
 * @bytes_crc: (out): to go with it
 * @error: %KVS_ERROR_SPOOL_DAMAGED when there is nothing in it that can be relied on
 *
 * Finds the last append whose bytes are all there and right.
 *
 * Safe from any thread.
 *
 * Returns: whether there is one
 */
gboolean
kvs_spool_recover (GBytes *part, GBytes *journal, gsize *header_size, KvsSpoolRecord *record,
                   guint32 *bytes_crc, GError **error)
{
  gsize size, journal_size;
  const guint8 *data = g_bytes_get_data (part, &size);
  const gchar *lines = g_bytes_get_data (journal, &journal_size);
  gsize head_size = find_fragment (part, header_size, error);
  Recovery recovery = { 0 };

  if (head_size == 0)
    return FALSE;
  if (head_size >= size)
    return fail (error, "it ends before the first frame");
  recovery.bytes = data + head_size;
  recovery.size = size - head_size;
  recovery.crc = kvs_crc32 (0, data, *header_size);
  if (journal_size > 0)
    take_lines (&recovery, lines, journal_size);
  if (recovery.good_size == 0)
    return fail (error, "none of its frames is whole");
  *record = recovery.record;
  *bytes_crc = recovery.crc;
  return TRUE;
}
