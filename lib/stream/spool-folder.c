/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "stream/spool-io.h"
#include "stream/spool-name.h"
#include "stream/stream-definition.h"

/* Locked while the folder is in use; never removed, or else two could hold the lock on two files.
 * It says which stream it is, since "Cam" and "cam" are one folder on an SD card's file system. */
#define LOCK_NAME ".stream"

struct _KvsSpoolFolder {
  gchar *path;
  int fd;
  int lock_fd;
};

static gboolean
is_stream_name (const gchar *name)
{
  gsize size = strlen (name);

  return size >= 1 && size <= KVS_MAX_STREAM_NAME_BYTES
         && strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-") == size;
}

static gboolean
check_owner (KvsSpoolFolder *folder, const gchar *stream_name, GError **error)
{
  g_autoptr (GBytes) line
      = kvs_spool_io_read (folder->fd, LOCK_NAME, KVS_MAX_STREAM_NAME_BYTES + 1, error);
  g_autofree gchar *own_line = g_strconcat (stream_name, "\n", NULL);
  g_autoptr (GBytes) own_bytes = g_bytes_new (own_line, strlen (own_line));
  gsize size;
  gconstpointer data;

  if (line == NULL)
    return FALSE;
  if (g_bytes_equal (line, own_bytes))
    return TRUE;
  data = g_bytes_get_data (line, &size);
  /* new, or the disk was full when it was */
  if (size == 0 || (size < strlen (own_line) && memcmp (data, own_line, size) == 0))
    return kvs_spool_io_write_at (folder->lock_fd, 0, own_bytes)
           || kvs_spool_io_fail (error, errno, "write", LOCK_NAME);
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
               "%s is the disk spool of another stream; give this one another spool-location",
               folder->path);
  return FALSE;
}

static gboolean
take_lock (KvsSpoolFolder *folder, GError **error)
{
  folder->lock_fd = openat (folder->fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                            KVS_SPOOL_FILE_MODE);
  if (folder->lock_fd < 0)
    return kvs_spool_io_fail (error, errno, "open", LOCK_NAME);
  if (flock (folder->lock_fd, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  if (errno != EWOULDBLOCK)
    return kvs_spool_io_fail (error, errno, "lock", LOCK_NAME);
  g_set_error (error, KVS_ERROR, KVS_ERROR_SPOOL,
               "the disk spool %s is in use by another kvssink; stop that one, or give this one "
               "another spool-location", folder->path);
  return FALSE;
}

/* What is synced in a new folder is lost in a power cut unless the folder's own name is synced. */
static void
sync_name (const KvsSpoolFolder *folder)
{
  int fd = openat (folder->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return;
  kvs_spool_io_sync_folder (fd, NULL);
  close (fd);
}

/**
 * kvs_spool_folder_open:
 * @folder: where spools are; made if missing
 * @stream_name: of the stream
 * @error: %KVS_ERROR_BAD_ARGUMENT for a bad stream name or a folder that is another stream's,
 *   %KVS_ERROR_SPOOL if the disk does not let it happen or somebody else has it open
 *
 * Returns: (transfer full) (nullable): the stream's own folder below @folder, locked
 */
KvsSpoolFolder *
kvs_spool_folder_open (const gchar *folder, const gchar *stream_name, GError **error)
{
  g_autoptr (KvsSpoolFolder) self = NULL;
  g_autofree gchar *name = NULL;

  if (!is_stream_name (stream_name)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "\"%s\" is not a stream name: 1 to 256 letters, digits, '_', '.' and '-'",
                 stream_name);
    return NULL;
  }
  self = g_new0 (KvsSpoolFolder, 1);
  self->fd = -1;
  self->lock_fd = -1;
  name = kvs_spool_name_of_stream (stream_name);
  self->path = g_build_filename (folder, name, NULL);
  if (g_mkdir_with_parents (self->path, KVS_SPOOL_FOLDER_MODE) != 0) {
    kvs_spool_io_fail (error, errno, "make", self->path);
    return NULL;
  }
  self->fd = open (self->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (self->fd < 0) {
    kvs_spool_io_fail (error, errno, "open", self->path);
    return NULL;
  }
  if (!take_lock (self, error) || !check_owner (self, stream_name, error))
    return NULL;
  sync_name (self);
  return g_steal_pointer (&self);
}

/**
 * kvs_spool_folder_close:
 * @folder: (transfer full) (nullable): a folder
 *
 * Gives back the lock.
 */
void
kvs_spool_folder_close (KvsSpoolFolder *folder)
{
  if (folder == NULL)
    return;
  if (folder->lock_fd >= 0)
    close (folder->lock_fd);
  if (folder->fd >= 0)
    close (folder->fd);
  g_free (folder->path);
  g_free (folder);
}

/**
 * kvs_spool_folder_get_fd:
 * @folder: a folder
 *
 * Returns: what openat() and the like take
 */
int
kvs_spool_folder_get_fd (const KvsSpoolFolder *folder)
{
  return folder->fd;
}

/**
 * kvs_spool_folder_is_current:
 * @folder: a folder
 *
 * Returns: %FALSE when its path is no longer this folder: it was removed, or a disk was taken out
 *   or put in
 */
gboolean
kvs_spool_folder_is_current (const KvsSpoolFolder *folder)
{
  struct stat at_path, own;

  return stat (folder->path, &at_path) == 0 && fstat (folder->fd, &own) == 0
         && at_path.st_dev == own.st_dev && at_path.st_ino == own.st_ino;
}
