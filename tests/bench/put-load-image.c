/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "put-load-image.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Cluster of unknown size, Timecode of 8 bytes */
#define CLUSTER_HEAD "16\r\n\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff\xe7\x88"
#define CLUSTER_HEAD_BYTES (sizeof CLUSTER_HEAD - 1)
#define TIMECODE_BYTES 8
#define HEAD_BYTES (CLUSTER_HEAD_BYTES + TIMECODE_BYTES + 2)

/* SimpleBlock with a size of 4 bytes, track 1, time within the Cluster, flags */
#define BLOCK_HEAD_BYTES 9
#define KEY_FRAME 0x80

static const guint8 segment_header[]
  = "\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska"             /* EBML, DocType */
    "\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"       /* Segment of unknown size */
    "\x15\x49\xa9\x66\x87\x2a\xd7\xb1\x83\x0f\x42\x40"       /* Info, TimecodeScale 1 ms */
    "\x16\x54\xae\x6b\x9d\xae\x9b\xd7\x81\x01\x83\x81\x01"   /* Tracks, TrackEntry 1, video */
    "\x86\x8fV_MPEG4/ISO/AVC\x63\xa2\x81\x01";               /* CodecID, CodecPrivate */

/**
 * image_make_header:
 *
 * Returns: (transfer full): the first chunk of a body, with EBML header to Tracks
 */
GByteArray *
image_make_header (void)
{
  GByteArray *header = g_byte_array_new ();
  gchar chunk[32];
  gint size = g_snprintf (chunk, sizeof chunk, "%zx\r\n", sizeof segment_header - 1);

  g_byte_array_append (header, (const guint8 *) chunk, (guint) size);
  g_byte_array_append (header, segment_header, sizeof segment_header - 1);
  g_byte_array_append (header, (const guint8 *) "\r\n", 2);
  return header;
}

/**
 * image_write_head:
 * @head: room for the head of an #Image
 * @timecode_ms: of the Cluster
 */
void
image_write_head (guint8 *head, guint64 timecode_ms)
{
  guint64 big = GUINT64_TO_BE (timecode_ms);

  memcpy (head, CLUSTER_HEAD, CLUSTER_HEAD_BYTES);
  memcpy (head + CLUSTER_HEAD_BYTES, &big, TIMECODE_BYTES);
  memcpy (head + CLUSTER_HEAD_BYTES + TIMECODE_BYTES, "\r\n", 2);
}

static guint8 *
write_frame (guint8 *at, gsize frame_bytes, guint time_ms)
{
  gsize block_bytes = frame_bytes + 4;
  const guint8 head[BLOCK_HEAD_BYTES] = {
    0xa3,
    (guint8) (0x10 | block_bytes >> 24), (guint8) (block_bytes >> 16), (guint8) (block_bytes >> 8),
    (guint8) block_bytes,
    0x81, (guint8) (time_ms >> 8), (guint8) time_ms, time_ms == 0 ? KEY_FRAME : 0,
  };

  at += g_snprintf ((gchar *) at, 16, "%08zx\r\n", BLOCK_HEAD_BYTES + frame_bytes);
  memcpy (at, head, sizeof head);
  at += sizeof head;
  for (gsize i = 0; i < frame_bytes; i++)
    at[i] = (guint8) (i * 167 + time_ms);
  memcpy (at + frame_bytes, "\r\n", 2);
  return at + frame_bytes + 2;
}

/**
 * image_make:
 * @image: (out): to be cleared with image_clear()
 * @n_frames: in a fragment
 * @frame_bytes: in a frame
 * @frame_ms: from one frame to the next
 * @error: where to put an error
 *
 * Returns: whether there is memory for it
 */
gboolean
image_make (Image *image, guint n_frames, gsize frame_bytes, guint frame_ms, GError **error)
{
  guint8 *at;

  image->head_size = HEAD_BYTES;
  image->frame_size = strlen ("00000000\r\n") + BLOCK_HEAD_BYTES + frame_bytes + 2;
  image->size = image->head_size + n_frames * image->frame_size;
  image->fd = memfd_create ("put-load", MFD_CLOEXEC);
  at = image->fd < 0 || ftruncate (image->fd, (off_t) image->size) != 0
         ? MAP_FAILED
         : mmap (NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd, 0);
  if (at == MAP_FAILED) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "memory: %s", g_strerror (errno));
    return FALSE;
  }
  image->bytes = at;
  image_write_head (at, 0);
  at += image->head_size;
  for (guint i = 0; i < n_frames; i++)
    at = write_frame (at, frame_bytes, i * frame_ms);
  return TRUE;
}

/**
 * image_clear:
 * @image: to be emptied
 */
void
image_clear (Image *image)
{
  munmap ((gpointer) image->bytes, image->size);
  close (image->fd);
}
