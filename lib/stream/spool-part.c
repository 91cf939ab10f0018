/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "error.h"
#include "stream/crc32.h"
#include "stream/spool-io.h"

/* Its lines are short and there are as many as appends; this is beyond any. */
#define MAX_JOURNAL_BYTES (64 << 20)

struct _KvsSpoolPart {
  int folder_fd;
  int fd;
  int journal_fd;
  guint64 sequence;
  KvsSpoolEntry entry; /* once it is whole */
  guint32 header_hash;
  gsize header_size;
  gsize head_size; /* with the spool's tags */
  KvsSpoolRecord record;
  guint32 crc; /* of the header and the Fragment so far */
  guint64 journal_size;
  gboolean name_synced;
  gboolean torn;   /* an append failed, and some of it may still be there */
  gboolean failed; /* it can no longer be relied on, but be recovered */
  gchar name[KVS_SPOOL_NAME_MAX_BYTES];
  gchar journal_name[KVS_SPOOL_NAME_MAX_BYTES];
};

static int
create (int folder_fd, const gchar *name, GError **error)
{
  int fd = openat (folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                   KVS_SPOOL_FILE_MODE);

  if (fd < 0)
    kvs_spool_io_fail (error, errno, "make", name);
  return fd;
}

static gboolean
write_head (KvsSpoolPart *part, GBytes *header, GError **error)
{
  g_autoptr (GBytes) tags = kvs_spool_tags_new (&part->record, 0);
  gsize header_size, tags_size;
  const guint8 *header_data = g_bytes_get_data (header, &header_size);
  const guint8 *tags_data = g_bytes_get_data (tags, &tags_size);
  const KvsSlice slices[] = { { header_data, header_size }, { tags_data, tags_size } };

  part->crc = kvs_crc32 (0, header_data, header_size);
  part->header_size = header_size;
  part->head_size = header_size + tags_size;
  return kvs_spool_io_write (part->fd, slices, 2)
         || kvs_spool_io_fail (error, errno, "write", part->name);
}

/* It may outlive the folder's owner. */
static KvsSpoolPart *
alloc (int folder_fd, guint64 sequence)
{
  KvsSpoolPart *part = g_new0 (KvsSpoolPart, 1);

  part->folder_fd = fcntl (folder_fd, F_DUPFD_CLOEXEC, 0);
  part->fd = part->journal_fd = -1;
  part->sequence = sequence;
  kvs_spool_name_of_part (sequence, part->name);
  kvs_spool_name_of_journal (sequence, part->journal_name);
  return part;
}

/**
 * kvs_spool_part_new:
 * @folder_fd: of the stream's folder
 * @sequence: its place in the order; no other file has it
 * @header: EBML header to Tracks
 * @times: what belongs to the Fragment
 * @error: %KVS_ERROR_BAD_ARGUMENT or %KVS_ERROR_SPOOL; nothing is left behind then
 *
 * Returns: (transfer full) (nullable): an empty part
 */
KvsSpoolPart *
kvs_spool_part_new (int folder_fd, guint64 sequence, GBytes *header, const KvsSpoolTimes *times,
                    GError **error)
{
  KvsSpoolPart *part;

  if (!kvs_spool_header_check (header, error))
    return NULL;
  part = alloc (folder_fd, sequence);
  part->header_hash = kvs_spool_header_hash (header);
  part->record.times = *times;
  /* first, so that there is never a part without one */
  part->journal_fd = create (folder_fd, part->journal_name, error);
  if (part->journal_fd >= 0)
    part->fd = create (folder_fd, part->name, error);
  if (part->fd >= 0 && write_head (part, header, error))
    return part;
  kvs_spool_part_abandon (part);
  return NULL;
}

/**
 * kvs_spool_part_free:
 * @part: (transfer full) (nullable): a part
 *
 * Leaves the files as a crash would.
 */
void
kvs_spool_part_free (KvsSpoolPart *part)
{
  if (part == NULL)
    return;
  if (part->fd >= 0)
    close (part->fd);
  if (part->journal_fd >= 0)
    close (part->journal_fd);
  if (part->folder_fd >= 0)
    close (part->folder_fd);
  g_free (part);
}

/**
 * kvs_spool_part_abandon:
 * @part: (transfer full) (nullable): a part
 *
 * Takes the files away.
 */
void
kvs_spool_part_abandon (KvsSpoolPart *part)
{
  if (part == NULL)
    return;
  if (part->fd >= 0)
    unlinkat (part->folder_fd, part->name, 0);
  if (part->journal_fd >= 0)
    unlinkat (part->folder_fd, part->journal_name, 0);
  kvs_spool_part_free (part);
}

/**
 * kvs_spool_part_get_size:
 * @part: a part
 *
 * Returns: size of its file in bytes, without the journal
 */
guint64
kvs_spool_part_get_size (const KvsSpoolPart *part)
{
  return part->head_size + part->record.extent.size_bytes;
}

/**
 * kvs_spool_piece_get_size:
 * @piece: bytes to append
 *
 * Returns: how many
 */
guint64
kvs_spool_piece_get_size (const KvsSpoolPiece *piece)
{
  guint64 size = 0;

  for (guint i = 0; i < piece->n_slices; i++)
    size += piece->slices[i].size;
  return size;
}

/* Takes away what an append that failed has left. Should this fail for good, the files are
 * recovered to what is good in them, as after a crash. */
static gboolean
mend (KvsSpoolPart *part, GError **error)
{
  if (part->torn
      && (ftruncate (part->fd, (off_t) kvs_spool_part_get_size (part)) != 0
          || ftruncate (part->journal_fd, (off_t) part->journal_size) != 0))
    return kvs_spool_io_fail (error, errno, "cut", part->name);
  part->torn = FALSE;
  return TRUE;
}

static gsize
print_line (const KvsSpoolRecord *record, guint32 crc, gchar *line)
{
  gsize n = kvs_spool_record_print (record, crc, line);

  line[n] = '\n';
  return n + 1;
}

/**
 * kvs_spool_part_append:
 * @part: a part
 * @piece: what to append
 * @error: %KVS_ERROR_SPOOL; the part is as it was before, and may be appended to again
 *
 * Returns: %TRUE if from now on a kill -9 cannot take these frames away
 */
gboolean
kvs_spool_part_append (KvsSpoolPart *part, const KvsSpoolPiece *piece, GError **error)
{
  const KvsSpoolExtent extent
      = { piece->start_ns, piece->end_ns, piece->n_frames, piece->track_mask,
          kvs_spool_piece_get_size (piece) };
  KvsSpoolRecord record = part->record;
  gchar line[KVS_SPOOL_RECORD_MAX_BYTES + 1];
  KvsSlice line_slice = { (const guint8 *) line, 0 };
  guint32 crc = part->crc;
  int number;

  if (!mend (part, error))
    return FALSE;
  kvs_spool_extent_add (&record.extent, &extent);
  for (guint i = 0; i < piece->n_slices; i++)
    crc = kvs_crc32 (crc, piece->slices[i].data, piece->slices[i].size);
  line_slice.size = print_line (&record, crc, line);
  if (kvs_spool_io_write (part->journal_fd, &line_slice, 1)
      && kvs_spool_io_write (part->fd, piece->slices, piece->n_slices)) {
    part->record = record;
    part->crc = crc;
    part->journal_size += line_slice.size;
    return TRUE;
  }
  number = errno;
  part->torn = TRUE;
  mend (part, NULL);
  return kvs_spool_io_fail (error, number, "write", part->name);
}

/**
 * kvs_spool_part_sync:
 * @part: a part
 * @error: %KVS_ERROR_SPOOL
 *
 * Blocks until the disk has it.
 *
 * Returns: %TRUE if from now on a power cut cannot take away what was appended
 */
gboolean
kvs_spool_part_sync (KvsSpoolPart *part, GError **error)
{
  /* after a failed sync Linux forgets the bytes, and the next one would look as if it had worked */
  if (part->failed)
    return kvs_spool_io_fail (error, EIO, "sync", part->name);
  if (fdatasync (part->fd) != 0 || fdatasync (part->journal_fd) != 0) {
    part->failed = TRUE;
    return kvs_spool_io_fail (error, errno, "sync", part->name);
  }
  if (!part->name_synced && !kvs_spool_io_sync_folder (part->folder_fd, error))
    return FALSE;
  part->name_synced = TRUE;
  return TRUE;
}

/* Writes the record, and gives the file the name of a whole one. */
static gboolean
finish (int folder_fd, int fd, const gchar *part_name, gsize header_size,
        const KvsSpoolRecord *record, guint32 crc, const KvsSpoolEntry *entry, GError **error)
{
  g_autoptr (GBytes) tags = kvs_spool_tags_new (record, crc);
  gchar name[KVS_SPOOL_NAME_MAX_BYTES];

  kvs_spool_name_of_fragment (entry, name);
  if (!kvs_spool_io_write_at (fd, header_size, tags))
    return kvs_spool_io_fail (error, errno, "write", part_name);
  if (renameat (folder_fd, part_name, folder_fd, name) != 0)
    return kvs_spool_io_fail (error, errno, "rename", part_name);
  return TRUE;
}

static void
fill_entry (KvsSpoolEntry *entry, guint64 sequence, const KvsSpoolExtent *extent,
            guint32 header_hash, gsize head_size)
{
  kvs_spool_entry_set (entry, sequence, extent->start_ns, extent->end_ns, extent->n_frames);
  entry->header_hash = header_hash;
  entry->size_bytes = head_size + extent->size_bytes;
}

/**
 * kvs_spool_part_commit:
 * @part: a part with at least one frame
 * @error: %KVS_ERROR_SPOOL; it can then be abandoned, or freed for kvs_spool_part_recover()
 *
 * Makes a whole file of it, which outlives a crash, and a power cut after kvs_spool_part_settle().
 *
 * Returns: whether it worked
 */
gboolean
kvs_spool_part_commit (KvsSpoolPart *part, GError **error)
{
  int fd;

  g_return_val_if_fail (part->record.extent.n_frames > 0, FALSE);
  if (part->failed)
    return kvs_spool_io_fail (error, EIO, "sync", part->name);
  if (!mend (part, error))
    return FALSE;
  fill_entry (&part->entry, part->sequence, &part->record.extent, part->header_hash,
              part->head_size);
  /* not the one for appending, with which Linux writes at the end whatever the offset */
  fd = openat (part->folder_fd, part->name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return kvs_spool_io_fail (error, errno, "open", part->name);
  part->failed = !finish (part->folder_fd, fd, part->name, part->header_size, &part->record,
                          part->crc, &part->entry, error);
  close (fd);
  return !part->failed;
}

/**
 * kvs_spool_part_get_entry:
 * @part: a part that was committed or recovered
 *
 * Returns: what it is now
 */
const KvsSpoolEntry *
kvs_spool_part_get_entry (const KvsSpoolPart *part)
{
  return &part->entry;
}

/**
 * kvs_spool_part_settle:
 * @part: a part that was committed or recovered
 * @error: %KVS_ERROR_SPOOL; the file cannot be relied on
 *
 * Blocks until the disk has all of it. Any thread; the folder it is in may be gone.
 *
 * Returns: %TRUE if from now on a power cut cannot take it away
 */
gboolean
kvs_spool_part_settle (KvsSpoolPart *part, GError **error)
{
  if (fdatasync (part->fd) != 0)
    return kvs_spool_io_fail (error, errno, "sync", part->name);
  /* The Fragment is there, so from here on nothing is an error. The journal goes last: should a
   * power cut undo some of this, it has what is needed to judge the file. */
  if (kvs_spool_io_sync_folder (part->folder_fd, NULL))
    unlinkat (part->folder_fd, part->journal_name, 0);
  return TRUE;
}

static KvsSpoolRecovered
set_aside (int folder_fd, const gchar *name, const gchar *journal_name)
{
  if (!kvs_spool_io_set_aside (folder_fd, name, NULL))
    return KVS_SPOOL_RECOVERED_FAILED;
  kvs_spool_io_set_aside (folder_fd, journal_name, NULL);
  return KVS_SPOOL_RECOVERED_DAMAGED;
}

static gboolean
recover_to (KvsSpoolPart *part, gsize header_size, const KvsSpoolRecord *record, guint32 crc)
{
  part->fd = openat (part->folder_fd, part->name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  return part->fd >= 0 && ftruncate (part->fd, (off_t) part->entry.size_bytes) == 0
         && finish (part->folder_fd, part->fd, part->name, header_size, record, crc, &part->entry,
                    NULL);
}

/* What was killed had not come to the first frame. */
static KvsSpoolRecovered
take_away (int folder_fd, const gchar *name, const gchar *journal_name)
{
  if (unlinkat (folder_fd, name, 0) != 0)
    return KVS_SPOOL_RECOVERED_FAILED;
  unlinkat (folder_fd, journal_name, 0);
  return KVS_SPOOL_RECOVERED_NOTHING;
}

/**
 * kvs_spool_part_recover:
 * @folder_fd: of the stream's folder
 * @sequence: of a part that nobody writes any more
 * @recovered: (out) (transfer full) (nullable): what there is more, for kvs_spool_part_settle()
 *
 * Returns: what became of it
 */
KvsSpoolRecovered
kvs_spool_part_recover (int folder_fd, guint64 sequence, KvsSpoolPart **recovered)
{
  g_autoptr (KvsSpoolPart) self = alloc (folder_fd, sequence);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) part = NULL;
  g_autoptr (GBytes) journal = NULL;
  g_autoptr (GBytes) header = NULL;
  g_autoptr (GBytes) tags = NULL;
  KvsSpoolRecord record = { 0 };
  gsize header_size;
  guint32 crc;

  *recovered = NULL;
  part = kvs_spool_io_read (folder_fd, self->name, KVS_SPOOL_FILE_MAX_BYTES, &error);
  if (part != NULL)
    journal = kvs_spool_io_read (folder_fd, self->journal_name, MAX_JOURNAL_BYTES, &error);
  if (journal == NULL) {
    if (!g_error_matches (error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED))
      return KVS_SPOOL_RECOVERED_FAILED;
    return set_aside (folder_fd, self->name, self->journal_name);
  }
  if (!kvs_spool_recover (part, journal, &header_size, &record, &crc, NULL)) {
    if (kvs_spool_is_empty (part))
      return take_away (folder_fd, self->name, self->journal_name);
    return set_aside (folder_fd, self->name, self->journal_name);
  }
  header = g_bytes_new_from_bytes (part, 0, header_size);
  tags = kvs_spool_tags_new (&record, crc);
  fill_entry (&self->entry, sequence, &record.extent, kvs_spool_header_hash (header),
              header_size + g_bytes_get_size (tags));
  if (!recover_to (self, header_size, &record, crc))
    return KVS_SPOOL_RECOVERED_FAILED;
  *recovered = g_steal_pointer (&self);
  return KVS_SPOOL_RECOVERED_FRAGMENT;
}

/**
 * kvs_spool_part_recover_whole:
 * @folder_fd: of the stream's folder
 * @entry: a whole file whose journal is still there: it was not settled
 * @recovered: (out) (transfer full) (nullable): as kvs_spool_part_recover() gives it
 *
 * A crash leaves such a file as it was, a power cut may not.
 *
 * Returns: what became of it
 */
KvsSpoolRecovered
kvs_spool_part_recover_whole (int folder_fd, const KvsSpoolEntry *entry, KvsSpoolPart **recovered)
{
  g_autoptr (KvsSpoolPart) self = alloc (folder_fd, entry->sequence);
  g_autoptr (GBytes) file = NULL;
  g_autoptr (KvsSpoolFragment) fragment = NULL;
  gchar name[KVS_SPOOL_NAME_MAX_BYTES];

  *recovered = NULL;
  kvs_spool_name_of_fragment (entry, name);
  file = kvs_spool_io_read (folder_fd, name, KVS_SPOOL_FILE_MAX_BYTES, NULL);
  if (file == NULL)
    return KVS_SPOOL_RECOVERED_FAILED;
  fragment = kvs_spool_fragment_parse (file, NULL);
  if (fragment != NULL) {
    self->entry = *entry;
    self->fd = openat (folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (self->fd >= 0)
      *recovered = g_steal_pointer (&self);
    return KVS_SPOOL_RECOVERED_FRAGMENT;
  }
  if (renameat (folder_fd, name, folder_fd, self->name) != 0)
    return KVS_SPOOL_RECOVERED_FAILED;
  return kvs_spool_part_recover (folder_fd, entry->sequence, recovered);
}
