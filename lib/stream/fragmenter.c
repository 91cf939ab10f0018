/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/fragmenter.h"

/* A key frame that lies this far or less before what was already stored is late by jitter or
 * rounding; anything more is a new time line. */
#define MAX_JITTER_NS (G_GINT64_CONSTANT (1000) * 1000000)
/* Room for the Cluster's own bytes under the service's limit. */
#define FRAGMENT_SPARE_BYTES 4096

struct _KvsFragmenter {
  gint64 scale_ns;
  gint64 fragment_duration_ns;
  gboolean key_frame_fragmentation;
  gboolean absolute_times;

  GBytes *header;
  guint lead_track; /* the track whose key frames start Fragments: the first video one, if any */
  KvsSegment *segment;
  guint64 next_index;

  /* the current Fragment */
  gboolean is_open;
  gint64 cluster_timecode;
  gint64 start_ns;
  gint64 earliest_ns; /* of all frames: leading pictures lie before the start */
  gsize size_bytes;
  gint64 newest_timecode; /* over the whole Segment */
  gint64 floor_timecode;  /* newest timecode of the Fragments before the current one */
};

/**
 * kvs_fragmenter_new:
 * @definition: what the user wants; not kept
 *
 * Returns: (transfer full): a fragmenter that has no tracks yet
 */
KvsFragmenter *
kvs_fragmenter_new (const KvsStreamDefinition *definition)
{
  KvsFragmenter *fragmenter = g_new0 (KvsFragmenter, 1);

  fragmenter->scale_ns = definition->timecode_scale_ns;
  fragmenter->fragment_duration_ns = definition->fragment_duration_ns;
  fragmenter->key_frame_fragmentation = definition->key_frame_fragmentation;
  fragmenter->absolute_times = definition->absolute_fragment_times;
  return fragmenter;
}

/**
 * kvs_fragmenter_free:
 * @fragmenter: (transfer full): a fragmenter
 */
void
kvs_fragmenter_free (KvsFragmenter *fragmenter)
{
  g_clear_pointer (&fragmenter->segment, kvs_segment_unref);
  g_clear_pointer (&fragmenter->header, g_bytes_unref);
  g_free (fragmenter);
}

static guint
find_lead_track (const KvsTrack *const *tracks, guint n_tracks)
{
  for (guint i = 0; i < n_tracks; i++) {
    if (tracks[i]->type == KVS_TRACK_TYPE_VIDEO)
      return tracks[i]->number;
  }
  return tracks[0]->number;
}

/**
 * kvs_fragmenter_set_tracks:
 * @fragmenter: a fragmenter
 * @tracks: all tracks of the stream
 * @n_tracks: how many, at least one
 *
 * The current Fragment is over, and the next one, which a key frame has to start, gets a header of
 * its own: a Session has one header only (kvs-api.md section 8).
 */
void
kvs_fragmenter_set_tracks (KvsFragmenter *fragmenter, const KvsTrack *const *tracks, guint n_tracks)
{
  guint8 uid[16];

  for (guint i = 0; i < G_N_ELEMENTS (uid); i++)
    uid[i] = (guint8) g_random_int ();
  g_clear_pointer (&fragmenter->header, g_bytes_unref);
  g_clear_pointer (&fragmenter->segment, kvs_segment_unref);
  fragmenter->header = kvs_mkv_header_new (tracks, n_tracks, (guint64) fragmenter->scale_ns, uid);
  fragmenter->lead_track = find_lead_track (tracks, n_tracks);
  fragmenter->is_open = FALSE;
}

/**
 * kvs_fragmenter_close:
 * @fragmenter: a fragmenter
 *
 * The current Fragment is over; a key frame has to start the next one.
 */
void
kvs_fragmenter_close (KvsFragmenter *fragmenter)
{
  fragmenter->is_open = FALSE;
}

static gint64
floor_div (gint64 a, gint64 b)
{
  return a / b - (a % b < 0 ? 1 : 0);
}

static gint64
timecode_of (const KvsFragmenter *fragmenter, gint64 pts_ns)
{
  gint64 base_ns = fragmenter->absolute_times ? 0 : fragmenter->segment->start_ns;

  return floor_div (pts_ns - base_ns, fragmenter->scale_ns);
}

static void
start_segment (KvsFragmenter *fragmenter, const KvsFrame *frame)
{
  g_clear_pointer (&fragmenter->segment, kvs_segment_unref);
  fragmenter->segment = kvs_segment_new (fragmenter->header, frame->info.pts_ns);
  fragmenter->newest_timecode = -1;
}

static gboolean
starts_fragment (const KvsFragmenter *fragmenter, const KvsFrame *frame)
{
  gint64 elapsed_ns = frame->info.pts_ns - fragmenter->start_ns;

  if (elapsed_ns < KVS_FRAGMENT_MIN_DURATION_NS)
    return FALSE;
  return fragmenter->key_frame_fragmentation || elapsed_ns >= fragmenter->fragment_duration_ns;
}

static gboolean
has_room (const KvsFragmenter *fragmenter, const KvsFrame *frame)
{
  return fragmenter->size_bytes + frame->size_bytes + FRAGMENT_SPARE_BYTES
         <= KVS_FRAGMENT_MAX_BYTES;
}

static gboolean
fits (const KvsFragmenter *fragmenter, const KvsFrame *frame, gint64 timecode)
{
  gint64 offset = timecode - fragmenter->cluster_timecode;

  if (offset < G_MININT16 || offset > G_MAXINT16)
    return FALSE;
  if (frame->info.pts_ns + frame->info.duration_ns - fragmenter->earliest_ns
      > KVS_FRAGMENT_MAX_DURATION_NS)
    return FALSE;
  return has_room (fragmenter, frame);
}

/* Where a key frame comes, or a limit, at a time that lies behind: small steps back are jitter and
 * stay in the current Fragment, large ones are a new time line, which needs a Session of its own. */
static gboolean
is_new_time_line (const KvsFragmenter *fragmenter, gint64 timecode)
{
  return (fragmenter->newest_timecode - timecode) > MAX_JITTER_NS / fragmenter->scale_ns;
}

static KvsFragmenterVerdict
decide (KvsFragmenter *fragmenter, const KvsFrame *frame, gboolean *forced)
{
  gboolean is_key = (frame->info.flags & KVS_FRAME_FLAG_KEY_FRAME) != 0
                    && frame->info.track_number == fragmenter->lead_track;
  gint64 timecode;

  if (fragmenter->header == NULL || (!fragmenter->is_open && !is_key))
    return KVS_FRAGMENTER_NOT_DECODABLE;
  if (fragmenter->segment == NULL)
    start_segment (fragmenter, frame);
  timecode = timecode_of (fragmenter, frame->info.pts_ns);
  if (timecode <= fragmenter->newest_timecode
      && (!fragmenter->is_open || is_new_time_line (fragmenter, timecode))) {
    if (!is_key && timecode - fragmenter->cluster_timecode >= G_MININT16
        && has_room (fragmenter, frame))
      return KVS_FRAGMENTER_ADD;
    *forced = !is_key;
    start_segment (fragmenter, frame);
    return KVS_FRAGMENTER_OPEN;
  }
  if (!fragmenter->is_open)
    return KVS_FRAGMENTER_OPEN;
  if (timecode <= fragmenter->newest_timecode && has_room (fragmenter, frame))
    return KVS_FRAGMENTER_ADD;
  if (is_key && starts_fragment (fragmenter, frame))
    return KVS_FRAGMENTER_OPEN;
  if (fits (fragmenter, frame, timecode))
    return KVS_FRAGMENTER_ADD;
  *forced = !is_key;
  return KVS_FRAGMENTER_OPEN;
}

static void
open_fragment (KvsFragmenter *fragmenter, const KvsFrame *frame, KvsFragmenterStep *step)
{
  /* Behind what was stored only where a Fragment is full of frames whose times do not rise. */
  gint64 timecode = MAX (timecode_of (fragmenter, frame->info.pts_ns),
                         fragmenter->newest_timecode + 1);

  fragmenter->is_open = TRUE;
  fragmenter->floor_timecode = fragmenter->newest_timecode;
  fragmenter->cluster_timecode = timecode;
  fragmenter->start_ns = fragmenter->earliest_ns = frame->info.pts_ns;
  fragmenter->size_bytes = 0;
  step->segment = fragmenter->segment;
  step->timecode = (guint64) timecode;
  step->head_size = kvs_mkv_write_cluster_start (step->head, step->timecode);
}

/**
 * kvs_fragmenter_step:
 * @fragmenter: a fragmenter
 * @frame: the next frame in decoding order; gets its index
 * @step: (out): what becomes of it
 *
 * Rules, in this order: nothing before a key frame; each key frame starts a Fragment (or the first
 * one past fragment-duration), but not more often than the service takes; a Fragment is closed
 * before it would pass a limit of the service, if need be without a key frame, because a stored
 * frame is worth more than a refused Fragment.
 */
void
kvs_fragmenter_step (KvsFragmenter *fragmenter, KvsFrame *frame, KvsFragmenterStep *step)
{
  gint64 timecode;

  step->forced = FALSE;
  step->segment = NULL;
  step->head_size = 0;
  step->verdict = decide (fragmenter, frame, &step->forced);
  if (step->verdict == KVS_FRAGMENTER_NOT_DECODABLE)
    return;
  if (step->verdict == KVS_FRAGMENTER_OPEN)
    open_fragment (fragmenter, frame, step);

  frame->index = fragmenter->next_index++;
  /* A leading picture that rounding puts on the last frame of the Fragment before it would have the
   * whole Fragment refused (error 4004). */
  timecode = MAX (timecode_of (fragmenter, frame->info.pts_ns), fragmenter->floor_timecode + 1);
  step->head_size += kvs_mkv_write_simple_block_start (
      step->head + step->head_size, frame->info.track_number,
      (gint16) CLAMP (timecode - fragmenter->cluster_timecode, G_MININT16, G_MAXINT16),
      frame->info.flags, frame->size_bytes);
  fragmenter->earliest_ns = MIN (fragmenter->earliest_ns, frame->info.pts_ns);
  fragmenter->size_bytes += step->head_size + frame->size_bytes;
  fragmenter->newest_timecode = MAX (fragmenter->newest_timecode, timecode);
}
