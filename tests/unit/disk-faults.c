/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk-faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

guint disk_n_calls;
int disk_fails_with;
gboolean disk_only_removal;
gsize disk_at_most;
GString *disk_trace;

static guint fails_from; /* the first call that fails; 0 for none */
static guint n_fail;     /* how many fail, G_MAXUINT for all */

static gboolean
fails_now (gchar letter)
{
  if (disk_trace != NULL)
    g_string_append_c (disk_trace, letter);
  if (fails_from == 0 || (disk_only_removal && letter != 'u'))
    return FALSE;
  disk_n_calls++;
  if (disk_n_calls < fails_from || disk_n_calls - fails_from >= n_fail)
    return FALSE;
  errno = disk_fails_with;
  return TRUE;
}

/* A pointer to data cannot be made one to a function, other than by its bytes. */
#define REAL(pointer, name) \
  gpointer found_ = dlsym (RTLD_NEXT, name); \
  memcpy (&pointer, &found_, sizeof pointer)

/* Writes one half before it fails, as a disk that becomes full does. */
ssize_t
writev (int fd, const struct iovec *iov, int n)
{
  ssize_t (*real) (int, const struct iovec *, int);
  struct iovec half = iov[0];
  REAL (real, "writev");

  if (disk_at_most > 0) {
    half.iov_len = MIN (half.iov_len, disk_at_most);
    return real (fd, &half, 1);
  }
  if (!fails_now ('w'))
    return real (fd, iov, n);
  half.iov_len /= 2;
  if (half.iov_len > 0)
    (void) real (fd, &half, 1);
  errno = disk_fails_with;
  return -1;
}

#if GLIB_SIZEOF_VOID_P == 8
#define OFFSET_SUFFIX ""
#else
#define OFFSET_SUFFIX "64"
#endif

ssize_t
pwrite (int fd, const void *data, size_t size, off_t offset)
{
  ssize_t (*real) (int, const void *, size_t, off_t);
  REAL (real, "pwrite" OFFSET_SUFFIX);

  if (disk_at_most > 0)
    size = MIN (size, disk_at_most);
  return fails_now ('p') ? -1 : real (fd, data, size, offset);
}

int
ftruncate (int fd, off_t size)
{
  int (*real) (int, off_t);
  REAL (real, "ftruncate" OFFSET_SUFFIX);

  return fails_now ('t') ? -1 : real (fd, size);
}

int
fdatasync (int fd)
{
  return fails_now ('s') ? -1 : 0;
}

int
fsync (int fd)
{
  return fails_now ('d') ? -1 : 0;
}

int
renameat (int from_fd, const char *from, int to_fd, const char *to)
{
  int (*real) (int, const char *, int, const char *);
  REAL (real, "renameat");

  return fails_now ('r') ? -1 : real (from_fd, from, to_fd, to);
}

int
mkdirat (int fd, const char *path, mode_t mode)
{
  int (*real) (int, const char *, mode_t);
  REAL (real, "mkdirat");

  return fails_now ('m') ? -1 : real (fd, path, mode);
}

int
unlinkat (int fd, const char *path, int flags)
{
  int (*real) (int, const char *, int);
  REAL (real, "unlinkat");

  return fails_now ('u') ? -1 : real (fd, path, flags);
}

void
disk_fail_calls (guint from, guint n, int with)
{
  disk_n_calls = 0;
  fails_from = from;
  n_fail = n;
  disk_fails_with = with;
}
