/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/frame.h"

#include <string.h>

#define NAL_LENGTH_BYTES 4

static KvsFrame *
frame_alloc (const KvsFrameInfo *info, GBytes *owner, guint n_slices, gsize extra_bytes)
{
  KvsFrame *frame = g_malloc (sizeof (KvsFrame) + n_slices * sizeof (KvsSlice) + extra_bytes);

  frame->info = *info;
  frame->index = 0;
  frame->size_bytes = 0;
  frame->owner = g_bytes_ref (owner);
  frame->n_slices = n_slices;
  return frame;
}

/**
 * kvs_frame_new:
 * @info: track, flags and times
 * @payload: the whole payload, as it goes into the SimpleBlock
 *
 * The payload is referred to, not copied.
 *
 * Returns: (transfer full): a new frame
 */
KvsFrame *
kvs_frame_new (const KvsFrameInfo *info, GBytes *payload)
{
  KvsFrame *frame = frame_alloc (info, payload, 1, 0);

  frame->slices[0].data = g_bytes_get_data (payload, &frame->slices[0].size);
  frame->size_bytes = frame->slices[0].size;
  return frame;
}

/**
 * kvs_frame_new_from_nal_units:
 * @info: track, flags and times
 * @annexb: an access unit in byte-stream format (ISO/IEC 14496-10 Annex B)
 * @units: where its NAL units lie in @annexb, as kvs_nal_split_annexb() found them
 * @n_units: how many
 *
 * Gives the access unit with a 4-byte length before each NAL unit (ISO/IEC 14496-15) in place of
 * start codes. Lengths live in the frame, payload bytes stay where they are.
 *
 * Returns: (transfer full): a new frame
 */
KvsFrame *
kvs_frame_new_from_nal_units (const KvsFrameInfo *info, GBytes *annexb,
                              const KvsNalUnit *units, guint n_units)
{
  KvsFrame *frame = frame_alloc (info, annexb, 2 * n_units, NAL_LENGTH_BYTES * n_units);
  const guint8 *base = g_bytes_get_data (annexb, NULL);
  guint8 *lengths = (guint8 *) &frame->slices[2 * n_units];

  for (guint i = 0; i < n_units; i++) {
    guint8 *length = lengths + NAL_LENGTH_BYTES * i;
    guint32 be = GUINT32_TO_BE ((guint32) units[i].size);

    memcpy (length, &be, NAL_LENGTH_BYTES);
    frame->slices[2 * i] = (KvsSlice) { length, NAL_LENGTH_BYTES };
    frame->slices[2 * i + 1] = (KvsSlice) { base + units[i].offset, units[i].size };
    frame->size_bytes += NAL_LENGTH_BYTES + units[i].size;
  }
  return frame;
}

/**
 * kvs_frame_free:
 * @frame: (transfer full) (nullable): a frame
 */
void
kvs_frame_free (KvsFrame *frame)
{
  if (frame == NULL)
    return;
  g_bytes_unref (frame->owner);
  g_free (frame);
}
