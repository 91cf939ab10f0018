/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clip.h"

#include <gio/gio.h>
#include <string.h>

#define MAGIC "KVSCLIP1"
#define NS_PER_SECOND G_GINT64_CONSTANT (1000000000)

/* What clip.py writes, in the byte order of the machine; codec data and the frames' table follow. */
typedef struct {
  gchar magic[8];
  guint32 n_frames;
  guint32 fps;
  guint32 width;
  guint32 height;
  guint64 codec_data_bytes;
  guint64 table_offset;
} Head;

static gboolean
is_whole (const BenchClip *clip, const Head *head, gsize size)
{
  if (memcmp (head->magic, MAGIC, sizeof head->magic) != 0 || head->n_frames == 0 || head->fps == 0
      || head->codec_data_bytes > size - sizeof *head || head->table_offset > size
      || head->table_offset % G_ALIGNOF (BenchFrame) != 0
      || head->n_frames > (size - head->table_offset) / sizeof (BenchFrame))
    return FALSE;
  for (guint i = 0; i < clip->n_frames; i++)
    if (clip->frames[i].offset > size || clip->frames[i].size > size - clip->frames[i].offset)
      return FALSE;
  return TRUE;
}

/**
 * bench_clip_open:
 * @path: a file that clip.py made
 *
 * Returns: (transfer full) (nullable): the clip
 */
BenchClip *
bench_clip_open (const gchar *path, GError **error)
{
  g_autoptr (BenchClip) clip = g_new0 (BenchClip, 1);
  const Head *head;
  gsize size;

  clip->file = g_mapped_file_new (path, FALSE, error);
  if (clip->file == NULL)
    return NULL;
  size = g_mapped_file_get_length (clip->file);
  clip->bytes = (const guint8 *) g_mapped_file_get_contents (clip->file);
  head = (const Head *) (gconstpointer) clip->bytes;
  if (size < sizeof *head) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s is too short", path);
    return NULL;
  }
  clip->n_frames = head->n_frames;
  clip->fps = head->fps;
  clip->width = head->width;
  clip->height = head->height;
  clip->codec_data = clip->bytes + sizeof *head;
  clip->codec_data_bytes = head->codec_data_bytes;
  clip->frames = (const BenchFrame *) (gconstpointer) (clip->bytes + head->table_offset);
  if (!is_whole (clip, head, size)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s is not a whole clip", path);
    return NULL;
  }
  return g_steal_pointer (&clip);
}

void
bench_clip_free (BenchClip *clip)
{
  g_clear_pointer (&clip->file, g_mapped_file_unref);
  g_free (clip);
}

/**
 * bench_clip_frame:
 * @index: counts on where the clip begins again
 *
 * Returns: the frame's bytes
 */
const guint8 *
bench_clip_frame (const BenchClip *clip, guint64 index, guint32 *size, gboolean *is_key)
{
  const BenchFrame *frame = &clip->frames[index % clip->n_frames];

  *size = frame->size;
  *is_key = frame->is_key != 0;
  return clip->bytes + frame->offset;
}

/**
 * bench_clip_time_ns:
 *
 * Returns: when frame @index is due, from the first one
 */
gint64
bench_clip_time_ns (const BenchClip *clip, guint64 index)
{
  return (gint64) (index * NS_PER_SECOND / clip->fps);
}
