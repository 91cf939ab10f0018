/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the service asks of a fragment's size, times and frames. The table in ingest.h has all rules. */
#include "ingest/ingest-private.h"

#define NS_PER_MS 1000000

/* Where the service draws the line is not documented; clocks that are merely wrong must pass. */
#define MAX_FUTURE_MS (G_GINT64_CONSTANT (10) * 366 * 24 * 3600 * 1000)

static gboolean
refuse (KvsLocalAckError *why, KvsLocalAckError error)
{
  *why = error;
  return FALSE;
}

/**
 * kvs_local_ingest_scale_to_ms:
 * @ingest: an ingest whose header is there
 * @units: a time or a length, in units of the timecode scale
 * @ms: (out): the same in ms; left alone if that cannot be said
 *
 * Returns: whether it can
 */
gboolean
kvs_local_ingest_scale_to_ms (const KvsLocalIngest *ingest, guint64 units, gint64 *ms)
{
  guint64 ns;

  if (!g_uint64_checked_mul (&ns, units, ingest->header.timecode_scale))
    return FALSE;
  *ms = (gint64) (ns / NS_PER_MS);
  return TRUE;
}

/**
 * kvs_local_ingest_check_size:
 * @ingest: an ingest with an open fragment, whose bytes are counted
 * @why: (out): what the ack says
 *
 * Returns: whether the Cluster may be so large
 */
gboolean
kvs_local_ingest_check_size (const KvsLocalIngest *ingest, KvsLocalAckError *why)
{
  return ingest->fragment.cluster_bytes <= ingest->config.max_fragment_bytes
         || refuse (why, KVS_LOCAL_ACK_MAX_FRAGMENT_SIZE);
}

/**
 * kvs_local_ingest_check_timecode:
 * @ingest: an ingest whose open fragment has a timecode
 * @producer_ms: (out): what that is by the producer's clock; left alone if it is refused
 * @why: (out): what the ack says
 *
 * Returns: whether the fragment may have that time and the Tags before it
 */
gboolean
kvs_local_ingest_check_timecode (const KvsLocalIngest *ingest, gint64 *producer_ms,
                                 KvsLocalAckError *why)
{
  const KvsLocalOpenFragment *fragment = &ingest->fragment;
  gint64 offset_ms = ingest->config.is_relative ? ingest->config.start_ms : 0;
  gint64 timecode_ms;

  if (!kvs_local_ingest_scale_to_ms (ingest, fragment->info.timecode, &timecode_ms)
      || timecode_ms > fragment->info.server_ms + MAX_FUTURE_MS - offset_ms)
    return refuse (why, KVS_LOCAL_ACK_INVALID_PRODUCER_TIMESTAMP);
  if (ingest->has_previous && fragment->info.timecode <= ingest->previous_timecode)
    return refuse (why, KVS_LOCAL_ACK_TIMECODE_LESSER_THAN_PREVIOUS);
  if (fragment->has_bad_tags)
    return refuse (why, fragment->tag_error);
  *producer_ms = offset_ms + timecode_ms;
  return TRUE;
}

/**
 * kvs_local_ingest_check_frame:
 * @ingest: an ingest with an open fragment
 * @track: index of the frame's track, negative if it is not declared
 * @at: the frame's time, in units of the timecode scale
 * @why: (out): what the ack says
 *
 * Returns: whether the fragment may have that frame
 */
gboolean
kvs_local_ingest_check_frame (const KvsLocalIngest *ingest, gint track, gint64 at,
                              KvsLocalAckError *why)
{
  const KvsLocalOpenFragment *fragment = &ingest->fragment;
  gint64 first = fragment->has_frames ? MIN (fragment->first, at) : at;
  gint64 last = fragment->has_frames ? MAX (fragment->last, at) : at;
  gint64 ms;

  if (track < 0)
    return refuse (why, KVS_LOCAL_ACK_TRACK_NUMBER_MISMATCH);
  if (ingest->has_previous && at <= ingest->previous_last)
    return refuse (why, KVS_LOCAL_ACK_TIMECODE_LESSER_THAN_PREVIOUS);
  if (!kvs_local_ingest_scale_to_ms (ingest, (guint64) (last - first), &ms)
      || ms > KVS_LOCAL_MAX_FRAGMENT_MS)
    return refuse (why, KVS_LOCAL_ACK_MAX_FRAGMENT_DURATION);
  return TRUE;
}

/**
 * kvs_local_ingest_check_tracks:
 * @ingest: an ingest whose open fragment has all its frames
 * @why: (out): what the ack says
 *
 * Returns: whether each track has some
 */
gboolean
kvs_local_ingest_check_tracks (const KvsLocalIngest *ingest, KvsLocalAckError *why)
{
  for (guint i = 0; i < ingest->header.n_tracks; i++) {
    if (ingest->fragment.spans[i].n_frames == 0)
      return refuse (why, KVS_LOCAL_ACK_FRAMES_MISSING_FOR_TRACK);
  }
  return TRUE;
}
