/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * kvs_secret_free_sized:
 * @text: (transfer full) (nullable): bytes
 * @size: how many
 *
 * Wipes and frees. Any thread.
 */
void
kvs_secret_free_sized (gchar *text, gsize size)
{
  if (text == NULL)
    return;
  OPENSSL_cleanse (text, size);
  g_free (text);
}

/**
 * kvs_secret_free:
 * @text: (transfer full) (nullable): a string
 *
 * Wipes and frees. Any thread.
 */
void
kvs_secret_free (gchar *text)
{
  if (text != NULL)
    kvs_secret_free_sized (text, strlen (text));
}

static gboolean
fail (const gchar *path, int number, GError **error)
{
  g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "Cannot read '%s': %s", path,
               g_strerror (number));
  return FALSE;
}

/* What nobody can see is not there: a service may run with a home folder that is not its own. */
static gboolean
is_missing (int number)
{
  return number == ENOENT || number == ENOTDIR || number == EACCES || number == ELOOP
         || number == ENAMETOOLONG;
}

/* No buffer that grows: what growing leaves behind could not be wiped. */
static gboolean
read_all (int fd, const gchar *path, gsize capacity, gchar **text, gsize *size, GError **error)
{
  gchar *bytes = g_malloc (capacity + 1);
  gsize used = 0;

  while (used < capacity) {
    gssize n = read (fd, bytes + used, capacity - used);

    if (n == 0)
      break;
    if (n > 0) {
      used += (gsize) n;
    } else if (errno != EINTR) {
      int number = errno;

      kvs_secret_free_sized (bytes, used);
      return fail (path, number, error);
    }
  }
  bytes[used] = '\0';
  *text = bytes;
  *size = used;
  return TRUE;
}

/**
 * kvs_secret_file_read:
 * @path: path of a file
 * @text: (out) (transfer full) (nullable): its bytes with a NUL behind them, for
 *   kvs_secret_free_sized(); %NULL where there is no such file
 * @size: (out): how many
 * @error: where to say why a file that is there cannot be used, as %KVS_ERROR_CREDENTIALS
 *
 * Reads a regular file of at most %KVS_SECRET_FILE_MAX_BYTES. Blocks: not for the I/O thread.
 *
 * Returns: whether it was read, or is not there
 */
gboolean
kvs_secret_file_read (const gchar *path, gchar **text, gsize *size, GError **error)
{
  struct stat status;
  gboolean done;
  int fd;

  *text = NULL;
  *size = 0;
  if (stat (path, &status) < 0)
    return is_missing (errno) || fail (path, errno, error);
  if (!S_ISREG (status.st_mode))
    return TRUE;
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return errno == ENOENT || fail (path, errno, error);
  if (fstat (fd, &status) < 0 || status.st_size > KVS_SECRET_FILE_MAX_BYTES) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "'%s' is larger than %d KiB, which no "
                 "file of credentials or settings is", path, KVS_SECRET_FILE_MAX_BYTES / 1024);
    close (fd);
    return FALSE;
  }
  done = read_all (fd, path, (gsize) status.st_size, text, size, error);
  close (fd);
  return done;
}
