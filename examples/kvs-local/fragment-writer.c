/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fragment-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdio.h>

struct _KvsLocalFragmentWriter {
  gchar *path; /* NULL once it has its final name */
  FILE *file;
  guint64 size;
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
  gint fd;

  writer->path = g_build_filename (folder, "XXXXXX.part", NULL);
  fd = g_mkstemp_full (writer->path, O_RDWR | O_CLOEXEC, 0666);
  if (fd < 0) {
    fail (writer, error);
    g_clear_pointer (&writer->path, g_free);
    return NULL;
  }
  writer->file = fdopen (fd, "wb");
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
  if (writer->file != NULL)
    fclose (writer->file);
  if (writer->path != NULL)
    g_unlink (writer->path);
  g_free (writer->path);
  g_free (writer);
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
  return size == 0 || fwrite (data, 1, size, writer->file) == size || fail (writer, error);
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
  FILE *file = g_steal_pointer (&writer->file);

  if (fclose (file) != 0 || g_rename (writer->path, path) != 0)
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
