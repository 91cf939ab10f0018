/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/frame.h"

#include <string.h>

#define NAL_LENGTH_BYTES 4

/* One allocation: after the slices comes what keeps the payload alive, then room for the caller.
 * @payload: empty afterwards, but for its data and size
 * @extra: (out): the caller's room */
static KvsFrame *
frame_alloc (const KvsFrameInfo *info, KvsPayload *payload, guint n_slices, gsize extra_bytes,
             guint8 **extra)
{
  KvsFrame *frame = g_malloc (sizeof (KvsFrame) + n_slices * sizeof (KvsSlice)
                              + payload->owner_size + extra_bytes);

  frame->info = *info;
  frame->index = 0;
  frame->size_bytes = 0;
  frame->n_slices = n_slices;
  frame->owner = &frame->slices[n_slices];
  memcpy (frame->owner, payload->owner, payload->owner_size);
  frame->release = g_steal_pointer (&payload->release);
  *extra = (guint8 *) frame->owner + payload->owner_size;
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
  KvsPayload held;

  kvs_payload_init_bytes (&held, payload);
  return kvs_frame_new_take (info, &held);
}

/**
 * kvs_frame_new_take:
 * @info: track, flags and times
 * @payload: the whole payload, as it goes into the SimpleBlock; empty afterwards
 *
 * The payload is not copied.
 *
 * Returns: (transfer full): a new frame
 */
KvsFrame *
kvs_frame_new_take (const KvsFrameInfo *info, KvsPayload *payload)
{
  guint8 *extra;
  KvsFrame *frame = frame_alloc (info, payload, 1, 0, &extra);

  frame->slices[0] = (KvsSlice) { payload->data, payload->size };
  frame->size_bytes = payload->size;
  kvs_payload_clear (payload);
  return frame;
}

/**
 * kvs_frame_new_from_nal_units:
 * @info: track, flags and times
 * @annexb: an access unit in byte-stream format (ISO/IEC 14496-10 Annex B); empty afterwards
 * @units: where its NAL units lie in @annexb, as kvs_nal_split_annexb() found them
 * @n_units: how many
 *
 * Gives the access unit with a 4-byte length before each NAL unit (ISO/IEC 14496-15) in place of
 * start codes. Lengths live in the frame, payload bytes stay where they are.
 *
 * Returns: (transfer full): a new frame
 */
KvsFrame *
kvs_frame_new_from_nal_units (const KvsFrameInfo *info, KvsPayload *annexb,
                              const KvsNalUnit *units, guint n_units)
{
  guint8 *lengths;
  KvsFrame *frame = frame_alloc (info, annexb, 2 * n_units, NAL_LENGTH_BYTES * n_units, &lengths);

  for (guint i = 0; i < n_units; i++) {
    guint8 *length = lengths + NAL_LENGTH_BYTES * i;
    guint32 be = GUINT32_TO_BE ((guint32) units[i].size);

    memcpy (length, &be, NAL_LENGTH_BYTES);
    frame->slices[2 * i] = (KvsSlice) { length, NAL_LENGTH_BYTES };
    frame->slices[2 * i + 1] = (KvsSlice) { annexb->data + units[i].offset, units[i].size };
    frame->size_bytes += NAL_LENGTH_BYTES + units[i].size;
  }
  kvs_payload_clear (annexb);
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
  if (frame->release != NULL)
    frame->release (frame->owner);
  g_free (frame);
}
