/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fragment-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel's work for each write, and for each page of a small one, is more than copying twice. */
#define BUFFER_BYTES (128 * 1024)

struct _KvsLocalFragmentWriter {
  gchar *path; /* NULL once it has its final name */
  int fd;
  guint64 size;
  guint8 *buffer;
  gsize n_buffered;
};

static gboolean
fail (const KvsLocalFragmentWriter *writer, GError **error)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", writer->path,
               g_strerror (errno));
  return FALSE;
}

/**
 * kvs_local_fragment_writer_new:
 * @folder: of the stream
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): a writer with an empty file
 */
KvsLocalFragmentWriter *
kvs_local_fragment_writer_new (const gchar *folder, GError **error)
{
  g_autoptr (KvsLocalFragmentWriter) writer = g_new0 (KvsLocalFragmentWriter, 1);

  writer->path = g_build_filename (folder, "XXXXXX.part", NULL);
  writer->fd = g_mkstemp_full (writer->path, O_RDWR | O_CLOEXEC, 0666);
  if (writer->fd < 0) {
    fail (writer, error);
    g_clear_pointer (&writer->path, g_free);
    return NULL;
  }
  writer->buffer = g_malloc (BUFFER_BYTES);
  return g_steal_pointer (&writer);
}

/**
 * kvs_local_fragment_writer_free:
 * @writer: (transfer full) (nullable): a writer
 *
 * The file goes with it unless it was committed.
 */
void
kvs_local_fragment_writer_free (KvsLocalFragmentWriter *writer)
{
  if (writer == NULL)
    return;
  if (writer->fd >= 0)
    close (writer->fd);
  if (writer->path != NULL)
    g_unlink (writer->path);
  g_free (writer->path);
  g_free (writer->buffer);
  g_free (writer);
}

static gboolean
write_all (KvsLocalFragmentWriter *writer, const guint8 *data, gsize size, GError **error)
{
  while (size > 0) {
    gssize n_written = write (writer->fd, data, size);

    if (n_written < 0 && errno == EINTR)
      continue;
    if (n_written < 0)
      return fail (writer, error);
    data += n_written;
    size -= (gsize) n_written;
  }
  return TRUE;
}

static gboolean
flush (KvsLocalFragmentWriter *writer, GError **error)
{
  gsize size = writer->n_buffered;

  writer->n_buffered = 0;
  return write_all (writer, writer->buffer, size, error);
}

/**
 * kvs_local_fragment_writer_append:
 * @writer: a writer
 * @data: (nullable): next bytes of the file
 * @size: how many
 * @error: where to put an error
 *
 * Returns: whether they were taken
 */
gboolean
kvs_local_fragment_writer_append (KvsLocalFragmentWriter *writer, gconstpointer data, gsize size,
                                  GError **error)
{
  writer->size += size;
  while (size > 0) {
    gsize taken;

    if (writer->n_buffered == 0 && size >= BUFFER_BYTES) {
      taken = size - size % BUFFER_BYTES;
      if (!write_all (writer, data, taken, error))
        return FALSE;
    } else {
      taken = MIN (size, BUFFER_BYTES - writer->n_buffered);
      memcpy (writer->buffer + writer->n_buffered, data, taken);
      writer->n_buffered += taken;
      if (writer->n_buffered == BUFFER_BYTES && !flush (writer, error))
        return FALSE;
    }
    data = (const guint8 *) data + taken;
    size -= taken;
  }
  return TRUE;
}

/**
 * kvs_local_fragment_writer_commit:
 * @writer: a writer
 * @path: final name
 * @error: where to put an error
 *
 * Returns: whether the whole file is there under that name
 */
gboolean
kvs_local_fragment_writer_commit (KvsLocalFragmentWriter *writer, const gchar *path,
                                  GError **error)
{
  int fd;

  if (!flush (writer, error))
    return FALSE;
  fd = writer->fd;
  writer->fd = -1;
  if (close (fd) != 0 || g_rename (writer->path, path) != 0)
    return fail (writer, error);
  g_clear_pointer (&writer->path, g_free);
  return TRUE;
}

/**
 * kvs_local_fragment_writer_get_size:
 * @writer: a writer
 *
 * Returns: bytes appended so far
 */
guint64
kvs_local_fragment_writer_get_size (const KvsLocalFragmentWriter *writer)
{
  return writer->size;
}
