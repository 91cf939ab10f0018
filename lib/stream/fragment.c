/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/fragment.h"

#include <string.h>

/**
 * kvs_segment_new:
 * @header: EBML header to Tracks, as kvs_mkv_header_new() gives it
 * @start_ns: epoch time that relative Cluster timecodes count from
 * @is_relative: whether they do
 *
 * Returns: (transfer full): a new segment
 */
KvsSegment *
kvs_segment_new (GBytes *header, gint64 start_ns, gboolean is_relative)
{
  KvsSegment *segment = g_new (KvsSegment, 1);

  g_atomic_ref_count_init (&segment->refs);
  segment->header = g_bytes_ref (header);
  segment->start_ns = start_ns;
  segment->is_relative = is_relative;
  return segment;
}

/**
 * kvs_segment_ref:
 * @segment: a segment
 *
 * Any thread.
 *
 * Returns: (transfer full): the same segment
 */
KvsSegment *
kvs_segment_ref (KvsSegment *segment)
{
  g_atomic_ref_count_inc (&segment->refs);
  return segment;
}

/**
 * kvs_segment_unref:
 * @segment: (transfer full): a segment
 *
 * Any thread.
 */
void
kvs_segment_unref (KvsSegment *segment)
{
  if (!g_atomic_ref_count_dec (&segment->refs))
    return;
  g_bytes_unref (segment->header);
  g_free (segment);
}

static void
part_clear (gpointer data)
{
  kvs_frame_free (((KvsFragmentPart *) data)->frame);
}

/**
 * kvs_fragment_new:
 * @segment: what it belongs to
 * @timecode: of the Cluster
 * @tags: (nullable) (transfer full): Matroska Tags that go before it
 *
 * Returns: (transfer full): an empty fragment
 */
KvsFragment *
kvs_fragment_new (KvsSegment *segment, guint64 timecode, GBytes *tags)
{
  KvsFragment *fragment = g_new0 (KvsFragment, 1);

  g_atomic_ref_count_init (&fragment->refs);
  fragment->segment = kvs_segment_ref (segment);
  fragment->timecode = timecode;
  fragment->tags = tags;
  fragment->size_bytes = tags != NULL ? g_bytes_get_size (tags) : 0;
  fragment->parts = g_array_new (FALSE, FALSE, sizeof (KvsFragmentPart));
  g_array_set_clear_func (fragment->parts, part_clear);
  fragment->start_ns = G_MAXINT64;
  fragment->end_ns = G_MININT64;
  return fragment;
}

/**
 * kvs_fragment_new_from_raw:
 * @segment: what it belongs to
 * @timecode: of the Cluster
 * @raw: all of it, as it was read back from disk
 *
 * Returns: (transfer full): a complete fragment; its times, tracks and number of frames are the
 *   caller's to set
 */
KvsFragment *
kvs_fragment_new_from_raw (KvsSegment *segment, guint64 timecode, GBytes *raw)
{
  KvsFragment *fragment = kvs_fragment_new (segment, timecode, NULL);

  fragment->raw = g_bytes_ref (raw);
  fragment->size_bytes = g_bytes_get_size (raw);
  fragment->complete = fragment->sendable = TRUE;
  fragment->disk = KVS_FRAGMENT_DISK_STORED;
  return fragment;
}

/**
 * kvs_fragment_append:
 * @fragment: a fragment that is not complete
 * @head: Matroska bytes that go before the payload
 * @head_size: up to %KVS_FRAME_HEAD_MAX_BYTES
 * @frame: (transfer full): the frame
 */
void
kvs_fragment_append (KvsFragment *fragment, const guint8 *head, gsize head_size, KvsFrame *frame)
{
  KvsFragmentPart part = { .frame = frame, .head_size = (guint8) head_size };

  memcpy (part.head, head, head_size);
  g_array_append_val (fragment->parts, part);
  fragment->n_frames++;
  fragment->track_mask |= 1u << frame->info.track_number;
  fragment->size_bytes += head_size + frame->size_bytes;
  fragment->start_ns = MIN (fragment->start_ns, frame->info.pts_ns);
  fragment->end_ns = MAX (fragment->end_ns, frame->info.pts_ns + frame->info.duration_ns);
}

/**
 * kvs_fragment_ref:
 * @fragment: a fragment
 *
 * Any thread.
 *
 * Returns: (transfer full): the same fragment
 */
KvsFragment *
kvs_fragment_ref (KvsFragment *fragment)
{
  g_atomic_ref_count_inc (&fragment->refs);
  return fragment;
}

/**
 * kvs_fragment_unref:
 * @fragment: (transfer full) (nullable): a fragment
 *
 * Any thread.
 */
void
kvs_fragment_unref (KvsFragment *fragment)
{
  if (fragment == NULL || !g_atomic_ref_count_dec (&fragment->refs))
    return;
  kvs_segment_unref (fragment->segment);
  g_clear_pointer (&fragment->tags, g_bytes_unref);
  g_clear_pointer (&fragment->raw, g_bytes_unref);
  g_array_unref (fragment->parts);
  g_free (fragment);
}

/**
 * kvs_fragment_copy_bytes:
 * @fragment: a fragment whose frames are in memory
 * @first_part: index of the first part that is wanted; with 0 the tags come before it
 *
 * Returns: (transfer full): what goes on the wire from there on
 */
GBytes *
kvs_fragment_copy_bytes (const KvsFragment *fragment, guint first_part)
{
  GByteArray *bytes = g_byte_array_new ();

  if (first_part == 0 && fragment->tags != NULL)
    g_byte_array_append (bytes, g_bytes_get_data (fragment->tags, NULL),
                         (guint) g_bytes_get_size (fragment->tags));
  for (guint i = first_part; i < fragment->parts->len; i++) {
    const KvsFragmentPart *part = &g_array_index (fragment->parts, KvsFragmentPart, i);

    g_byte_array_append (bytes, part->head, part->head_size);
    for (guint k = 0; k < part->frame->n_slices; k++)
      g_byte_array_append (bytes, part->frame->slices[k].data,
                           (guint) part->frame->slices[k].size);
  }
  return g_byte_array_free_to_bytes (bytes);
}

/* What comes before the parts, or all there is. */
static GBytes *
first_bytes (const KvsFragment *fragment)
{
  return fragment->raw != NULL ? fragment->raw : fragment->tags;
}

static KvsSlice
slice_at (const KvsFragment *fragment, const KvsFragmentCursor *cursor)
{
  const KvsFragmentPart *part = &g_array_index (fragment->parts, KvsFragmentPart, cursor->part);

  if (cursor->slice == 0)
    return (KvsSlice) { part->head, part->head_size };
  return part->frame->slices[cursor->slice - 1];
}

static void
leave_slice (const KvsFragment *fragment, KvsFragmentCursor *cursor)
{
  const KvsFragmentPart *part = &g_array_index (fragment->parts, KvsFragmentPart, cursor->part);

  cursor->offset = 0;
  if (cursor->slice++ < part->frame->n_slices)
    return;
  cursor->slice = 0;
  cursor->part++;
}

static KvsSlice
rest_of (KvsSlice slice, gsize offset, gsize max_bytes)
{
  return (KvsSlice) { slice.data + offset, MIN (slice.size - offset, max_bytes) };
}

static KvsSlice
rest_of_first_bytes (const KvsFragment *fragment, const KvsFragmentCursor *cursor, gsize max_bytes)
{
  GBytes *first = first_bytes (fragment);
  KvsSlice slice = { NULL, 0 };

  if (first != NULL)
    slice.data = g_bytes_get_data (first, &slice.size);
  return rest_of (slice, cursor->first_bytes, max_bytes);
}

/**
 * kvs_fragment_next_slice:
 * @fragment: a fragment
 * @cursor: (inout): where to go on; all zeros for the beginning
 * @max_bytes: how much is wanted, at least 1
 * @slice: (out): the next bytes that lie together; the head of a Frame only until the fragment grows,
 *   all others for as long as it lives
 *
 * Returns: whether there are any for now
 */
gboolean
kvs_fragment_next_slice (const KvsFragment *fragment, KvsFragmentCursor *cursor, gsize max_bytes,
                         KvsSlice *slice)
{
  *slice = rest_of_first_bytes (fragment, cursor, max_bytes);
  cursor->first_bytes += slice->size;
  while (slice->size == 0 && cursor->part < fragment->parts->len) {
    KvsSlice whole = slice_at (fragment, cursor);

    *slice = rest_of (whole, cursor->offset, max_bytes);
    cursor->offset += slice->size;
    if (cursor->offset == whole.size)
      leave_slice (fragment, cursor);
  }
  return slice->size > 0;
}

/**
 * kvs_fragment_is_begun:
 * @cursor: how far a fragment was read
 *
 * Returns: whether anything of it was read
 */
gboolean
kvs_fragment_is_begun (const KvsFragmentCursor *cursor)
{
  return cursor->first_bytes > 0 || cursor->part > 0 || cursor->slice > 0 || cursor->offset > 0;
}

/**
 * kvs_fragment_is_read:
 * @fragment: a fragment
 * @cursor: how far it was read
 *
 * Returns: whether there is nothing more to read, now and later
 */
gboolean
kvs_fragment_is_read (const KvsFragment *fragment, const KvsFragmentCursor *cursor)
{
  GBytes *first = first_bytes (fragment);

  return fragment->complete && cursor->part == fragment->parts->len
         && (first == NULL || cursor->first_bytes == g_bytes_get_size (first));
}
