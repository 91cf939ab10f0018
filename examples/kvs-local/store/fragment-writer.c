/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/fragment-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

struct _KvsLocalFragmentWriter {
  KvsLocalWriteBehind *behind;
  gchar *path; /* NULL once it has its final name */
  KvsLocalBehindFile file;
  guint64 size;
  guint8 *buffer; /* NULL while there is nothing in it */
  gsize n_buffered;
};

static gboolean
fail (const KvsLocalFragmentWriter *writer, int why, GError **error)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (why), "%s: %s", writer->path,
               g_strerror (why));
  return FALSE;
}

/**
 * kvs_local_fragment_writer_new:
 * @behind: writes the file; must outlive the writer
 * @folder: of the stream
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): a writer with an empty file
 */
KvsLocalFragmentWriter *
kvs_local_fragment_writer_new (KvsLocalWriteBehind *behind, const gchar *folder, GError **error)
{
  g_autoptr (KvsLocalFragmentWriter) writer = g_new0 (KvsLocalFragmentWriter, 1);

  writer->behind = behind;
  writer->path = g_build_filename (folder, "XXXXXX.part", NULL);
  writer->file.fd = g_mkstemp_full (writer->path, O_RDWR | O_CLOEXEC, 0666);
  if (writer->file.fd < 0) {
    fail (writer, errno, error);
    g_clear_pointer (&writer->path, g_free);
    return NULL;
  }
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
  if (writer->file.fd >= 0) {
    kvs_local_write_behind_wait (writer->behind, &writer->file);
    close (writer->file.fd);
  }
  if (writer->path != NULL)
    g_unlink (writer->path);
  g_free (writer->path);
  g_free (writer->buffer);
  g_free (writer);
}

static gboolean
flush (KvsLocalFragmentWriter *writer, GError **error)
{
  gsize size = writer->n_buffered;
  int failure;

  if (writer->buffer == NULL)
    return TRUE;
  writer->n_buffered = 0;
  failure = kvs_local_write_behind_put (writer->behind, &writer->file,
                                        g_steal_pointer (&writer->buffer), size,
                                        writer->size - size);
  return failure == 0 || fail (writer, failure, error);
}

/**
 * kvs_local_fragment_writer_append:
 * @writer: a writer
 * @data: (nullable): next bytes of the file
 * @size: how many
 * @error: where to put an error
 *
 * Returns: whether they were taken; that an earlier write failed may be known only now, or when the
 *   file is committed
 */
gboolean
kvs_local_fragment_writer_append (KvsLocalFragmentWriter *writer, gconstpointer data, gsize size,
                                  GError **error)
{
  while (size > 0) {
    gsize taken = MIN (size, KVS_LOCAL_WRITE_BYTES - writer->n_buffered);

    if (writer->buffer == NULL)
      writer->buffer = kvs_local_write_behind_take_buffer (writer->behind);
    memcpy (writer->buffer + writer->n_buffered, data, taken);
    writer->n_buffered += taken;
    writer->size += taken;
    if (writer->n_buffered == KVS_LOCAL_WRITE_BYTES && !flush (writer, error))
      return FALSE;
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
  int failure, fd;

  if (!flush (writer, error))
    return FALSE;
  failure = kvs_local_write_behind_wait (writer->behind, &writer->file);
  if (failure != 0)
    return fail (writer, failure, error);
  fd = writer->file.fd;
  writer->file.fd = -1;
  if (close (fd) != 0 || g_rename (writer->path, path) != 0)
    return fail (writer, errno, error);
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
