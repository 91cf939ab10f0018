/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/fragmenter.h"

/* A key frame that lies this far or less before what was already stored is late by jitter or
 * rounding; anything more is a new time line. */
#define MAX_JITTER_NS (G_GINT64_CONSTANT (1000) * 1000000)
/* How far rounding may move a Fragment. */
#define MAX_MOVE_NS (G_GINT64_CONSTANT (10) * 1000000)
/* Room for the Cluster's own bytes under the service's limit. */
#define FRAGMENT_SPARE_BYTES 4096

struct _KvsFragmenter {
  gint64 scale_ns;
  gint64 fragment_duration_ns;
  gboolean key_frame_fragmentation;
  gboolean absolute_times;

  KvsTrack *tracks[KVS_MAX_TRACKS];
  guint n_tracks;
  guint declared; /* masks of track numbers */
  guint active;
  guint ended;
  guint lead_track; /* the track whose key frames start Fragments: the first video one, if any */
  gboolean lead_is_video;
  GBytes *header;
  KvsSegment *segment;
  gint64 earliest_hint_ns; /* of what will be added to the first Fragment of the next segment */
  guint64 next_index;

  /* the current Fragment */
  gboolean is_open;
  gint64 cluster_timecode;
  gint64 start_ns;
  gint64 earliest_ns; /* of all frames: leading pictures lie before the start */
  gsize size_bytes;
  guint seen;             /* mask of tracks that have a frame in it */
  gint64 lead_ns;         /* newest frame of the leading track */
  gint64 newest_timecode; /* over the whole Segment */
  gint64 newest_ns;
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
  fragmenter->active = KVS_ALL_TRACKS;
  fragmenter->earliest_hint_ns = G_MAXINT64;
  return fragmenter;
}

static void
clear_tracks (KvsFragmenter *fragmenter)
{
  for (guint i = 0; i < fragmenter->n_tracks; i++)
    kvs_track_free (fragmenter->tracks[i]);
  fragmenter->n_tracks = 0;
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
  clear_tracks (fragmenter);
  g_free (fragmenter);
}

/* ---- tracks ---- */

static void
find_lead_track (KvsFragmenter *fragmenter)
{
  const KvsTrack *lead = fragmenter->tracks[0];

  for (guint i = 0; i < fragmenter->n_tracks; i++) {
    if (lead->type != KVS_TRACK_TYPE_VIDEO
        && fragmenter->tracks[i]->type == KVS_TRACK_TYPE_VIDEO)
      lead = fragmenter->tracks[i];
  }
  fragmenter->lead_track = lead->number;
  fragmenter->lead_is_video = lead->type == KVS_TRACK_TYPE_VIDEO;
}

/* Returns: (transfer full): a header with those tracks that are in @mask, one at least */
static GBytes *
header_for (const KvsFragmenter *fragmenter, guint mask)
{
  const KvsTrack *tracks[KVS_MAX_TRACKS];
  guint8 uid[KVS_MKV_SEGMENT_UID_BYTES];
  guint n_tracks = 0;

  for (guint i = 0; i < fragmenter->n_tracks; i++) {
    if ((mask & KVS_TRACK_BIT (fragmenter->tracks[i]->number)) != 0)
      tracks[n_tracks++] = fragmenter->tracks[i];
  }
  for (guint i = 0; i < G_N_ELEMENTS (uid); i++)
    uid[i] = (guint8) g_random_int ();
  return kvs_mkv_header_new (tracks, n_tracks, (guint64) fragmenter->scale_ns, uid);
}

static void
make_header (KvsFragmenter *fragmenter)
{
  g_clear_pointer (&fragmenter->header, g_bytes_unref);
  fragmenter->header = header_for (fragmenter, KVS_ALL_TRACKS);
  fragmenter->declared = 0;
  for (guint i = 0; i < fragmenter->n_tracks; i++)
    fragmenter->declared |= KVS_TRACK_BIT (fragmenter->tracks[i]->number);
  find_lead_track (fragmenter);
}

static gboolean
is_covered (const KvsFragmenter *fragmenter)
{
  return (fragmenter->seen & fragmenter->declared) == fragmenter->declared;
}

/* Takes all tracks but those of @mask out of the header; @mask has one of them at least. Times go on
 * as before, which keeps Fragments that are moved to the new segment as they are. */
static void
keep_tracks (KvsFragmenter *fragmenter, guint mask)
{
  KvsSegment *segment = fragmenter->segment;
  guint n_kept = 0;

  for (guint i = 0; i < fragmenter->n_tracks; i++) {
    KvsTrack *track = fragmenter->tracks[i];

    if ((mask & KVS_TRACK_BIT (track->number)) != 0)
      fragmenter->tracks[n_kept++] = track;
    else
      kvs_track_free (track);
  }
  fragmenter->n_tracks = n_kept;
  make_header (fragmenter);
  if (segment == NULL)
    return;
  fragmenter->segment = kvs_segment_new (fragmenter->header, segment->start_ns,
                                         !fragmenter->absolute_times);
  kvs_segment_unref (segment);
}

/* The service refuses a Fragment in which a track of the header has no frame (error 4011). Such a
 * one was never sent: it gets a header without that track.
 * Returns: (transfer full) (nullable): the segment that the current Fragment belongs to now */
static KvsSegment *
settle (KvsFragmenter *fragmenter)
{
  if (!fragmenter->is_open || is_covered (fragmenter))
    return NULL;
  keep_tracks (fragmenter, fragmenter->seen);
  return kvs_segment_ref (fragmenter->segment);
}

/* As settle(). Where @frame, which opens the next Fragment, is of a track that brought nothing, the
 * next one keeps the header as it was. */
static KvsSegment *
settle_before (KvsFragmenter *fragmenter, const KvsFrame *frame)
{
  g_autoptr (GBytes) header = NULL;

  if (!fragmenter->is_open || is_covered (fragmenter)
      || (fragmenter->seen & KVS_TRACK_BIT (frame->info.track_number)) != 0)
    return settle (fragmenter);
  header = header_for (fragmenter, fragmenter->seen);
  return kvs_segment_new (header, fragmenter->segment->start_ns, !fragmenter->absolute_times);
}

/**
 * kvs_fragmenter_set_tracks:
 * @fragmenter: a fragmenter
 * @tracks: all tracks of the stream; copied
 * @n_tracks: how many, at least one
 * @earliest_ns: of the frames that will follow the first one, where they lie before it; else
 *   %G_MAXINT64. Relative times count from there.
 *
 * The current Fragment is over, and the next one, which a key frame of the leading track has to
 * start, gets a header of its own: a Session has one header only (kvs-api.md section 8).
 *
 * Returns: as kvs_fragmenter_close()
 */
KvsSegment *
kvs_fragmenter_set_tracks (KvsFragmenter *fragmenter, const KvsTrack *const *tracks,
                           guint n_tracks, gint64 earliest_ns)
{
  KvsSegment *closed_segment = kvs_fragmenter_close (fragmenter);

  clear_tracks (fragmenter);
  fragmenter->n_tracks = n_tracks;
  for (guint i = 0; i < n_tracks; i++)
    fragmenter->tracks[i] = kvs_track_copy (tracks[i]);
  g_clear_pointer (&fragmenter->segment, kvs_segment_unref);
  fragmenter->earliest_hint_ns = earliest_ns;
  make_header (fragmenter);
  return closed_segment;
}

/**
 * kvs_fragmenter_set_live_tracks:
 * @fragmenter: a fragmenter
 * @active: mask of the tracks of which frames are expected
 * @ended: mask of the tracks of which no more frames will come
 *
 * A Fragment waits for active tracks only, and the next one is opened without the others. A track
 * that comes back needs kvs_fragmenter_set_tracks() if the header lacks it by then. When the leading
 * track has ended, the others go on without it.
 *
 * Returns: (transfer full) (nullable): as kvs_fragmenter_close(), but the current Fragment goes on
 */
KvsSegment *
kvs_fragmenter_set_live_tracks (KvsFragmenter *fragmenter, guint active, guint ended)
{
  guint missing = fragmenter->declared & ~fragmenter->seen;

  fragmenter->active = active;
  fragmenter->ended = ended;
  if (!fragmenter->is_open || missing == 0 || (missing & active) != 0)
    return NULL;
  return settle (fragmenter);
}

/**
 * kvs_fragmenter_close:
 * @fragmenter: a fragmenter
 *
 * The current Fragment is over; a key frame has to start the next one.
 *
 * Returns: (transfer full) (nullable): the segment that the Fragment belongs to from now on, where it
 *   has to have a header without the tracks that brought nothing
 */
KvsSegment *
kvs_fragmenter_close (KvsFragmenter *fragmenter)
{
  KvsSegment *closed_segment = settle (fragmenter);

  fragmenter->is_open = FALSE;
  return closed_segment;
}

/* ---- Fragments ---- */

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
  fragmenter->segment = kvs_segment_new (
      fragmenter->header, MIN (frame->info.pts_ns, fragmenter->earliest_hint_ns),
      !fragmenter->absolute_times);
  fragmenter->earliest_hint_ns = G_MAXINT64;
  fragmenter->newest_timecode = -1;
  fragmenter->newest_ns = G_MININT64;
}

static gboolean
is_lead (const KvsFragmenter *fragmenter, const KvsFrame *frame)
{
  return frame->info.track_number == fragmenter->lead_track;
}

/* Without its leading track the current Fragment has no border to wait for. */
static gboolean
is_left_behind (const KvsFragmenter *fragmenter, const KvsFrame *frame)
{
  return (fragmenter->ended & KVS_TRACK_BIT (fragmenter->lead_track)) != 0
         && frame->info.pts_ns - fragmenter->lead_ns >= fragmenter->fragment_duration_ns;
}

static gboolean
starts_fragment (const KvsFragmenter *fragmenter, const KvsFrame *frame)
{
  gint64 elapsed_ns = frame->info.pts_ns - fragmenter->start_ns;

  if (elapsed_ns < KVS_FRAGMENT_MIN_DURATION_NS)
    return FALSE;
  if ((fragmenter->declared & fragmenter->active & ~fragmenter->seen) != 0
      && elapsed_ns < KVS_FRAGMENT_MAX_MERGE_NS)
    return FALSE;
  /* Every audio frame is a key frame. */
  return (fragmenter->key_frame_fragmentation && fragmenter->lead_is_video)
         || elapsed_ns >= fragmenter->fragment_duration_ns;
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

/* For a time before that of frames that the Fragment has already. */
static gboolean
fits_backwards (const KvsFragmenter *fragmenter, const KvsFrame *frame, gint64 timecode)
{
  return timecode - fragmenter->cluster_timecode >= G_MININT16
         && fragmenter->newest_ns - frame->info.pts_ns <= KVS_FRAGMENT_MAX_DURATION_NS;
}

/* Where a key frame comes, or a limit, at a time that lies behind: small steps back are jitter and
 * stay in the current Fragment, large ones are a new time line, which needs a Session of its own. */
static gboolean
is_new_time_line (const KvsFragmenter *fragmenter, gint64 timecode)
{
  return (fragmenter->newest_timecode - timecode) > MAX_JITTER_NS / fragmenter->scale_ns;
}

/* The frames of the leading track are what the others are told apart by: they are never late. Others
 * are where they belong to an earlier Fragment, or would make the current one too long. */
static gboolean
is_late (const KvsFragmenter *fragmenter, const KvsFrame *frame, gint64 timecode)
{
  if (!fragmenter->is_open || is_lead (fragmenter, frame))
    return FALSE;
  return (fragmenter->floor_timecode >= 0
          && fragmenter->floor_timecode - timecode > MAX_JITTER_NS / fragmenter->scale_ns)
         || !fits_backwards (fragmenter, frame, timecode);
}

/* Later than all that was stored, though rounding has it at the time of the newest frame: audio often
 * lies right before a key frame. To move it by a unit hurts nobody where units are small. */
static gboolean
is_just_later (const KvsFragmenter *fragmenter, const KvsFrame *frame, gint64 timecode)
{
  return timecode == fragmenter->newest_timecode && frame->info.pts_ns > fragmenter->newest_ns
         && fragmenter->scale_ns <= MAX_MOVE_NS;
}

typedef enum {
  STEP_ADD,
  STEP_OPEN,
  STEP_OPEN_NEW_TIME_LINE,
} Step;

static Step
choose_step (const KvsFragmenter *fragmenter, const KvsFrame *frame, gint64 timecode,
             gboolean is_key)
{
  gboolean is_behind = timecode <= fragmenter->newest_timecode;

  if (is_behind && is_lead (fragmenter, frame)
      && (!fragmenter->is_open || is_new_time_line (fragmenter, timecode))) {
    if (!is_key && fits_backwards (fragmenter, frame, timecode) && has_room (fragmenter, frame))
      return STEP_ADD;
    return STEP_OPEN_NEW_TIME_LINE;
  }
  if (!fragmenter->is_open)
    return STEP_OPEN;
  if (is_behind && !is_just_later (fragmenter, frame, timecode) && has_room (fragmenter, frame))
    return STEP_ADD;
  if ((is_key && starts_fragment (fragmenter, frame)) || is_left_behind (fragmenter, frame))
    return STEP_OPEN;
  return fits (fragmenter, frame, timecode) ? STEP_ADD : STEP_OPEN;
}

static void
open_fragment (KvsFragmenter *fragmenter, const KvsFrame *frame, gboolean new_time_line,
               KvsFragmenterStep *step)
{
  const guint track_bit = KVS_TRACK_BIT (frame->info.track_number);
  gint64 timecode;

  step->closed_segment = settle_before (fragmenter, frame);
  if ((fragmenter->declared & ~fragmenter->active) != 0)
    keep_tracks (fragmenter, fragmenter->active | track_bit);
  if (new_time_line)
    start_segment (fragmenter, frame);
  /* Behind what was stored only by rounding, or where a Fragment is full of frames whose times do
   * not rise. */
  timecode = MAX (timecode_of (fragmenter, frame->info.pts_ns), fragmenter->newest_timecode + 1);
  fragmenter->is_open = TRUE;
  fragmenter->seen = 0;
  fragmenter->floor_timecode = fragmenter->newest_timecode;
  fragmenter->cluster_timecode = timecode;
  fragmenter->start_ns = fragmenter->earliest_ns = fragmenter->lead_ns = frame->info.pts_ns;
  fragmenter->size_bytes = 0;
  step->segment = fragmenter->segment;
  step->timecode = (guint64) timecode;
  step->head_size = kvs_mkv_write_cluster_start (step->head, step->timecode);
}

static void
append (KvsFragmenter *fragmenter, KvsFrame *frame, KvsFragmenterStep *step)
{
  /* A leading picture that rounding puts on the last frame of the Fragment before it would have the
   * whole Fragment refused (error 4004). */
  gint64 timecode = MAX (timecode_of (fragmenter, frame->info.pts_ns),
                         fragmenter->floor_timecode + 1);

  frame->index = fragmenter->next_index++;
  step->head_size += kvs_mkv_write_simple_block_start (
      step->head + step->head_size, frame->info.track_number,
      (gint16) CLAMP (timecode - fragmenter->cluster_timecode, G_MININT16, G_MAXINT16),
      frame->info.flags, frame->size_bytes);
  fragmenter->seen |= KVS_TRACK_BIT (frame->info.track_number);
  fragmenter->earliest_ns = MIN (fragmenter->earliest_ns, frame->info.pts_ns);
  fragmenter->size_bytes += step->head_size + frame->size_bytes;
  fragmenter->newest_timecode = MAX (fragmenter->newest_timecode, timecode);
  fragmenter->newest_ns = MAX (fragmenter->newest_ns, frame->info.pts_ns);
  if (is_lead (fragmenter, frame))
    fragmenter->lead_ns = MAX (fragmenter->lead_ns, frame->info.pts_ns);
  step->is_sendable = is_covered (fragmenter);
}

/**
 * kvs_fragmenter_step:
 * @fragmenter: a fragmenter
 * @frame: the next frame in decoding order; gets its index if it is stored
 * @step: (out): what becomes of it
 *
 * Rules, in this order: nothing before a key frame of the leading track; each key frame starts a
 * Fragment (or the first one past fragment-duration; without video that always decides), but not more
 * often than the service takes, and not while a track of the header has brought nothing, for
 * %KVS_FRAGMENT_MAX_MERGE_NS at most; a Fragment is closed before it would pass a limit of the
 * service, if need be without a key frame, because a stored frame is worth more than a refused
 * Fragment. The leading track is the first video track, or the first one where there is none.
 */
void
kvs_fragmenter_step (KvsFragmenter *fragmenter, KvsFrame *frame, KvsFragmenterStep *step)
{
  gboolean is_key = is_lead (fragmenter, frame)
                    && (frame->info.flags & KVS_FRAME_FLAG_KEY_FRAME) != 0;
  gint64 timecode;
  Step chosen;

  *step = (KvsFragmenterStep) { .verdict = KVS_FRAGMENTER_ADD };
  if ((fragmenter->declared & KVS_TRACK_BIT (frame->info.track_number)) == 0) {
    step->verdict = KVS_FRAGMENTER_UNDECLARED;
    return;
  }
  if (!fragmenter->is_open && !is_key) {
    step->verdict = KVS_FRAGMENTER_NOT_DECODABLE;
    return;
  }
  if (fragmenter->segment == NULL)
    start_segment (fragmenter, frame);
  timecode = timecode_of (fragmenter, frame->info.pts_ns);
  if (is_late (fragmenter, frame, timecode)) {
    step->verdict = KVS_FRAGMENTER_LATE;
    return;
  }
  chosen = choose_step (fragmenter, frame, timecode, is_key);
  if (chosen != STEP_ADD) {
    step->verdict = KVS_FRAGMENTER_OPEN;
    step->forced = !is_key
                   && (!is_left_behind (fragmenter, frame)
                       || (frame->info.flags & KVS_FRAME_FLAG_KEY_FRAME) == 0);
    open_fragment (fragmenter, frame, chosen == STEP_OPEN_NEW_TIME_LINE, step);
  }
  append (fragmenter, frame, step);
}
