/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gathers NAL units into access units, for the Python tests:
 *
 *   gather-units h264|h265 byte-stream|lengths
 *
 * Standard input has the buffers, each with its size before it in 4 bytes. Standard output gets the
 * access units in the same way, with 4 more bytes before that: the number of the buffer that its
 * times are of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/access-unit.h"

static gboolean
read_number (guint32 *number)
{
  guint32 be;

  if (fread (&be, sizeof be, 1, stdin) != 1)
    return FALSE;
  *number = GUINT32_FROM_BE (be);
  return TRUE;
}

static void
write_number (guint32 number)
{
  guint32 be = GUINT32_TO_BE (number);

  fwrite (&be, sizeof be, 1, stdout);
}

static GBytes *
read_buffer (void)
{
  guint32 size;
  guint8 *data;

  if (!read_number (&size))
    return NULL;
  data = g_malloc (size);
  if (fread (data, 1, size, stdin) == size)
    return g_bytes_new_take (data, size);
  g_printerr ("the last buffer is cut off\n");
  exit (EXIT_FAILURE);
}

static void
write_units (KvsAccessUnitGatherer *gatherer)
{
  KvsAccessUnit unit;

  while (kvs_access_unit_gatherer_pop (gatherer, &unit)) {
    gsize size;
    gconstpointer data = g_bytes_get_data (unit.bytes, &size);

    write_number ((guint32) unit.pts_ns);
    write_number ((guint32) size);
    fwrite (data, 1, size, stdout);
    kvs_access_unit_clear (&unit);
  }
}

int
main (int argc, char **argv)
{
  g_autoptr (KvsAccessUnitGatherer) gatherer = NULL;
  KvsAccessUnitTag tag = { 0, 0, 0, 0 };
  GBytes *buffer;

  if (argc != 3)
    return EXIT_FAILURE;
  gatherer = kvs_access_unit_gatherer_new (
      strcmp (argv[1], "h265") == 0 ? KVS_VIDEO_CODEC_H265 : KVS_VIDEO_CODEC_H264,
      strcmp (argv[2], "byte-stream") == 0, NULL, NULL);
  while ((buffer = read_buffer ()) != NULL) {
    g_autoptr (GError) error = NULL;

    if (!kvs_access_unit_gatherer_push (gatherer, buffer, &tag, FALSE, &error)) {
      g_printerr ("buffer %d: %s\n", (int) tag.pts_ns, error->message);
      return EXIT_FAILURE;
    }
    g_bytes_unref (buffer);
    tag.pts_ns++;
    write_units (gatherer);
  }
  kvs_access_unit_gatherer_finish (gatherer);
  write_units (gatherer);
  return EXIT_SUCCESS;
}
