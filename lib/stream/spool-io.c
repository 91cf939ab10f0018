/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "error.h"

#define DAMAGED_FOLDER "damaged"

/* how many slices go to the kernel at once; 16 is what POSIX promises */
#define MAX_IOV 16

#define MAX_SAME_NAME 1000

/**
 * kvs_spool_io_fail:
 * @error: where to put %KVS_ERROR_SPOOL
 * @number: errno
 * @doing: such as "write"
 * @name: of the file
 *
 * Returns: %FALSE
 */
gboolean
kvs_spool_io_fail (GError **error, int number, const gchar *doing, const gchar *name)
{
  g_set_error (error, KVS_ERROR, KVS_ERROR_SPOOL, "cannot %s %s in the disk spool: %s", doing, name,
               g_strerror (number));
  return FALSE;
}

static gsize
fill_iov (struct iovec *iov, const KvsSlice *slices, guint n_slices, gsize skip)
{
  gsize n = 0;

  for (; n < MAX_IOV && n < n_slices; n++) {
    iov[n].iov_base = (gpointer) (slices[n].data + (n == 0 ? skip : 0));
    iov[n].iov_len = slices[n].size - (n == 0 ? skip : 0);
  }
  return n;
}

/**
 * kvs_spool_io_write:
 * @fd: where to write, at its end
 * @slices: (array length=n_slices): bytes
 * @n_slices: how many
 *
 * Returns: %FALSE with errno set; some of the bytes may have been written
 */
gboolean
kvs_spool_io_write (int fd, const KvsSlice *slices, guint n_slices)
{
  gsize skip = 0; /* of the first slice */

  while (n_slices > 0) {
    struct iovec iov[MAX_IOV];
    gssize n;

    if (skip == slices->size) {
      slices++;
      n_slices--;
      skip = 0;
      continue;
    }
    n = writev (fd, iov, (int) fill_iov (iov, slices, n_slices, skip));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      if (n == 0)
        errno = ENOSPC;
      return FALSE;
    }
    skip += (gsize) n;
    while (n_slices > 0 && skip >= slices->size) {
      skip -= slices->size;
      slices++;
      n_slices--;
    }
  }
  return TRUE;
}

/**
 * kvs_spool_io_write_at:
 * @fd: where to write
 * @offset: from the beginning of the file
 * @bytes: what
 *
 * Returns: %FALSE with errno set; some of the bytes may have been written
 */
gboolean
kvs_spool_io_write_at (int fd, guint64 offset, GBytes *bytes)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  while (size > 0) {
    gssize n = pwrite (fd, data, size, (off_t) offset);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      if (n == 0)
        errno = ENOSPC;
      return FALSE;
    }
    data += n;
    size -= (gsize) n;
    offset += (guint64) n;
  }
  return TRUE;
}

static gboolean
read_all (int fd, guint8 *out, gsize size)
{
  while (size > 0) {
    gssize n = read (fd, out, size);

    if (n < 0 && errno == EINTR)
      continue;
    if (n == 0)
      errno = EIO; /* it shrinks while it is read */
    if (n <= 0)
      return FALSE;
    out += n;
    size -= (gsize) n;
  }
  return TRUE;
}

/* Returns: %NULL, with errno set */
static GBytes *
fail_read (GError **error, int number, const gchar *doing, const gchar *name)
{
  kvs_spool_io_fail (error, number, doing, name);
  errno = number;
  return NULL;
}

/**
 * kvs_spool_io_read:
 * @folder_fd: where the file is
 * @name: its name
 * @max_bytes: how long it may be
 * @error: %KVS_ERROR_SPOOL_DAMAGED if it is longer or gone, else %KVS_ERROR_SPOOL
 *
 * Returns: (transfer full) (nullable): all of it; else errno says why not, 0 if by no error
 */
GBytes *
kvs_spool_io_read (int folder_fd, const gchar *name, guint64 max_bytes, GError **error)
{
  int fd = openat (folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  g_autofree guint8 *data = NULL;
  struct stat st;
  int number;

  if (fd < 0 && errno == ENOENT) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED,
                 "%s was taken out of the disk spool by somebody else", name);
    errno = ENOENT;
    return NULL;
  }
  if (fd < 0)
    return fail_read (error, errno, "open", name);
  if (fstat (fd, &st) != 0) {
    number = errno;
    close (fd);
    return fail_read (error, number, "look at", name);
  }
  if (!S_ISREG (st.st_mode) || (guint64) st.st_size > max_bytes) {
    close (fd);
    g_set_error (error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED,
                 "%s in the disk spool is no file of the spool: it is too large", name);
    errno = 0;
    return NULL;
  }
  data = g_malloc ((gsize) st.st_size + 1);
  number = read_all (fd, data, (gsize) st.st_size) ? 0 : errno;
  close (fd);
  if (number != 0)
    return fail_read (error, number, "read", name);
  return g_bytes_new_take (g_steal_pointer (&data), (gsize) st.st_size);
}

/**
 * kvs_spool_io_sync_folder:
 * @folder_fd: a folder
 * @error: %KVS_ERROR_SPOOL
 *
 * After it, names that were given or taken away in it outlive a power cut.
 *
 * Returns: whether it worked
 */
gboolean
kvs_spool_io_sync_folder (int folder_fd, GError **error)
{
  /* EINVAL: some file systems have no such thing for folders */
  if (fsync (folder_fd) == 0 || errno == EINVAL)
    return TRUE;
  return kvs_spool_io_fail (error, errno, "sync", "the folder");
}

/**
 * kvs_spool_io_set_aside:
 * @folder_fd: where the file is
 * @name: its name
 * @error: %KVS_ERROR_SPOOL
 *
 * Moves it to the folder "damaged" below, where nothing is ever replaced or deleted.
 *
 * Returns: whether it worked
 */
gboolean
kvs_spool_io_set_aside (int folder_fd, const gchar *name, GError **error)
{
  g_autofree gchar *path = g_strconcat (DAMAGED_FOLDER "/", name, NULL);
  struct stat st;

  if (fstatat (folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return kvs_spool_io_fail (error, errno, "set aside", name);
  if (mkdirat (folder_fd, DAMAGED_FOLDER, KVS_SPOOL_FOLDER_MODE) != 0 && errno != EEXIST)
    return kvs_spool_io_fail (error, errno, "make", "the folder " DAMAGED_FOLDER);
  for (guint i = 1; fstatat (folder_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0; i++) {
    if (i == MAX_SAME_NAME)
      return kvs_spool_io_fail (error, EEXIST, "set aside", name);
    g_free (path);
    path = g_strdup_printf (DAMAGED_FOLDER "/%s.%u", name, i);
  }
  if (renameat (folder_fd, name, folder_fd, path) != 0)
    return kvs_spool_io_fail (error, errno, "set aside", name);
  return TRUE;
}
