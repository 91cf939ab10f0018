/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/interleaver.h"

/* A Track whose time goes back further has begun a new time line: a loop, a seek, a clock that was
 * set. The frames of the old one come first, whatever their times. */
#define MAX_STEP_BACK_NS (G_GINT64_CONSTANT (1000) * 1000000)
/* How much media of one Track may wait before its source should. */
#define AHEAD_NS (G_GINT64_CONSTANT (1000) * 1000000)
/* Places in the queues that are kept for the next frames. */
#define MAX_SPARE 16

/* Where a frame stands in the order. */
typedef struct {
  guint time_line;
  gint64 time_ns;
} Position;

typedef struct {
  GList link; /* of the queue that it is in; its data is this very struct */
  KvsInterleaved item;
  Position position;
  gint64 arrival_us;
} Queued;

typedef struct {
  gboolean used;
  gboolean ended;
  gboolean silent; /* was waited for in vain; not waited for until it brings something */
  KvsTrackType type;
  GQueue frames;         /* of Queued */
  Position newest;       /* of the newest frame */
  Position progress;     /* no frame before this will come */
  gint64 highest_pts_ns; /* of all frames of the time line */
} TrackQueue;

struct _KvsInterleaver {
  gint64 max_delay_us;
  gsize max_bytes;
  gsize held_bytes;
  GQueue spare; /* of Queued without a frame */
  TrackQueue tracks[KVS_MAX_TRACKS];
};

/**
 * kvs_interleaver_new:
 * @max_delay_us: how long a frame waits for what another Track may still bring before it, in
 *   microseconds of the monotonic clock
 * @max_bytes: how much may wait, whatever the delay
 *
 * For one thread, or under the caller's lock.
 *
 * Returns: (transfer full): an interleaver without tracks
 */
KvsInterleaver *
kvs_interleaver_new (gint64 max_delay_us, gsize max_bytes)
{
  KvsInterleaver *interleaver = g_new0 (KvsInterleaver, 1);

  interleaver->max_delay_us = max_delay_us;
  interleaver->max_bytes = max_bytes;
  return interleaver;
}

static TrackQueue *
get_track (KvsInterleaver *interleaver, guint track_number)
{
  g_assert (track_number >= 1 && track_number <= KVS_MAX_TRACKS);
  return &interleaver->tracks[track_number - 1];
}

static Queued *
pop (GQueue *queue)
{
  GList *link = g_queue_pop_head_link (queue);

  return link != NULL ? link->data : NULL;
}

static const Queued *
head_of (const TrackQueue *track)
{
  return track->frames.head != NULL ? track->frames.head->data : NULL;
}

static Queued *
queued_new (KvsInterleaver *interleaver)
{
  Queued *queued = pop (&interleaver->spare);

  if (queued == NULL) {
    queued = g_new0 (Queued, 1);
    queued->link.data = queued;
  }
  return queued;
}

static void
queued_recycle (KvsInterleaver *interleaver, Queued *queued)
{
  if (interleaver->spare.length < MAX_SPARE)
    g_queue_push_head_link (&interleaver->spare, &queued->link);
  else
    g_free (queued);
}

static void
free_queue (GQueue *queue)
{
  Queued *queued;

  while ((queued = pop (queue)) != NULL) {
    kvs_frame_free (queued->item.frame);
    kvs_track_free (queued->item.track);
    g_free (queued);
  }
}

/**
 * kvs_interleaver_free:
 * @interleaver: (transfer full) (nullable): an interleaver; queued frames are lost
 */
void
kvs_interleaver_free (KvsInterleaver *interleaver)
{
  if (interleaver == NULL)
    return;
  for (guint i = 0; i < KVS_MAX_TRACKS; i++)
    free_queue (&interleaver->tracks[i].frames);
  free_queue (&interleaver->spare);
  g_free (interleaver);
}

static void
begin_time_line (TrackQueue *track, guint time_line)
{
  track->newest = track->progress = (Position) { time_line, G_MININT64 };
  track->highest_pts_ns = G_MININT64;
}

/**
 * kvs_interleaver_add_track:
 * @interleaver: an interleaver
 * @track_number: 1 to %KVS_MAX_TRACKS
 * @type: video or audio
 *
 * From now on the other Tracks wait for this one too.
 */
void
kvs_interleaver_add_track (KvsInterleaver *interleaver, guint track_number, KvsTrackType type)
{
  TrackQueue *track = get_track (interleaver, track_number);
  guint time_line = 0;

  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    if (interleaver->tracks[i].used)
      time_line = MAX (time_line, interleaver->tracks[i].newest.time_line);
  }
  track->used = TRUE;
  track->ended = track->silent = FALSE;
  track->type = type;
  begin_time_line (track, time_line);
}

/**
 * kvs_interleaver_remove_track:
 * @interleaver: an interleaver
 * @track_number: a track that brings nothing more
 *
 * What it has queued still goes out in its turn.
 */
void
kvs_interleaver_remove_track (KvsInterleaver *interleaver, guint track_number)
{
  get_track (interleaver, track_number)->ended = TRUE;
}

/* ---- the order ---- */

static gint
compare (Position a, Position b)
{
  if (a.time_line != b.time_line)
    return a.time_line < b.time_line ? -1 : 1;
  return a.time_ns < b.time_ns ? -1 : a.time_ns > b.time_ns;
}

/* Frames go by their decoding time, but for a video key frame, which may start a Fragment: all of a
 * Fragment has to lie, in presentation time, after all of the one before it (kvs-api.md section 8).
 * What the new group of pictures shows lies after the last picture of the old one, leading pictures
 * too; so the border goes right after that picture, and audio is told apart by it. */
static gint64
time_of (const TrackQueue *track, const KvsFrame *frame)
{
  gint64 time_ns = frame->info.dts_ns;

  if (track->type == KVS_TRACK_TYPE_AUDIO)
    return frame->info.pts_ns;
  if ((frame->info.flags & KVS_FRAME_FLAG_KEY_FRAME) != 0
      && track->highest_pts_ns < frame->info.pts_ns)
    time_ns = MAX (time_ns, track->highest_pts_ns + 1);
  return time_ns;
}

static gboolean
is_step_back (gint64 from_ns, gint64 to_ns)
{
  return from_ns >= G_MININT64 + MAX_STEP_BACK_NS && to_ns < from_ns - MAX_STEP_BACK_NS;
}

static Position
place (TrackQueue *track, const KvsFrame *frame)
{
  if (is_step_back (track->newest.time_ns, time_of (track, frame)))
    begin_time_line (track, track->newest.time_line + 1);
  return (Position) { track->newest.time_line,
                      MAX (time_of (track, frame), track->newest.time_ns) };
}

/* At equal times video goes first: what belongs to a key frame shall come after it. */
static gboolean
goes_before (const TrackQueue *a, const TrackQueue *b)
{
  gint order = compare (head_of (a)->position, head_of (b)->position);

  return order < 0
         || (order == 0 && a->type == KVS_TRACK_TYPE_VIDEO && b->type != KVS_TRACK_TYPE_VIDEO);
}

static TrackQueue *
find_first (const KvsInterleaver *interleaver)
{
  const TrackQueue *first = NULL;

  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    const TrackQueue *track = &interleaver->tracks[i];

    if (track->frames.head != NULL && (first == NULL || goes_before (track, first)))
      first = track;
  }
  return (TrackQueue *) first;
}

/* Not of the first frame: another one that came later may have gone before one that has waited. */
static gint64
oldest_arrival_us (const KvsInterleaver *interleaver)
{
  gint64 oldest_us = G_MAXINT64;

  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    const Queued *head = head_of (&interleaver->tracks[i]);

    if (head != NULL)
      oldest_us = MIN (oldest_us, head->arrival_us);
  }
  return oldest_us;
}

/* Whether a Track that has nothing queued may still bring something that belongs before. */
static gboolean
is_awaited (const TrackQueue *track, Position position)
{
  return track->used && !track->ended && !track->silent
         && track->frames.head == NULL
         && compare (track->newest, position) < 0 && compare (track->progress, position) < 0;
}

static gboolean
must_wait (const KvsInterleaver *interleaver, Position position)
{
  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    if (is_awaited (&interleaver->tracks[i], position))
      return TRUE;
  }
  return FALSE;
}

static void
give_up_waiting (KvsInterleaver *interleaver, Position position)
{
  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    if (is_awaited (&interleaver->tracks[i], position))
      interleaver->tracks[i].silent = TRUE;
  }
}

/* Where one Track has begun a new time line, what the others still bring belongs to it too. */
static void
follow_time_line (KvsInterleaver *interleaver, guint time_line)
{
  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    TrackQueue *track = &interleaver->tracks[i];

    if (track->newest.time_line < time_line && track->frames.head == NULL)
      begin_time_line (track, time_line);
  }
}

/* ---- in and out ---- */

/**
 * kvs_interleaver_push:
 * @interleaver: an interleaver
 * @frame: (transfer full): the next frame of its track
 * @track: (transfer full) (nullable): what its track is from this frame on, if that is new
 * @now_us: the monotonic clock
 */
void
kvs_interleaver_push (KvsInterleaver *interleaver, KvsFrame *frame, KvsTrack *track,
                      gint64 now_us)
{
  TrackQueue *queue = get_track (interleaver, frame->info.track_number);
  Queued *queued = queued_new (interleaver);

  queued->position = place (queue, frame);
  queued->item = (KvsInterleaved) { frame, track, queued->position.time_line };
  queued->arrival_us = now_us;
  queue->newest = queued->position;
  queue->highest_pts_ns = MAX (queue->highest_pts_ns, frame->info.pts_ns);
  queue->ended = queue->silent = FALSE;
  g_queue_push_tail_link (&queue->frames, &queued->link);
  interleaver->held_bytes += frame->size_bytes;
}

/**
 * kvs_interleaver_progress:
 * @interleaver: an interleaver
 * @track_number: a track
 * @time_ns: no frame of that track will come before this time
 */
void
kvs_interleaver_progress (KvsInterleaver *interleaver, guint track_number, gint64 time_ns)
{
  TrackQueue *track = get_track (interleaver, track_number);

  if (is_step_back (track->newest.time_ns, time_ns))
    begin_time_line (track, track->newest.time_line + 1);
  track->progress = (Position) { track->newest.time_line, MAX (track->progress.time_ns, time_ns) };
  track->silent = FALSE;
}

/**
 * kvs_interleaver_end_track:
 * @interleaver: an interleaver
 * @track_number: a track of which no more frames are expected; if some come still, it goes on
 */
void
kvs_interleaver_end_track (KvsInterleaver *interleaver, guint track_number)
{
  get_track (interleaver, track_number)->ended = TRUE;
}

/**
 * kvs_interleaver_end_all:
 * @interleaver: an interleaver
 *
 * As kvs_interleaver_end_track() for each track.
 */
void
kvs_interleaver_end_all (KvsInterleaver *interleaver)
{
  for (guint i = 0; i < KVS_MAX_TRACKS; i++)
    interleaver->tracks[i].ended = TRUE;
}

/**
 * kvs_interleaver_pop:
 * @interleaver: an interleaver
 * @now_us: the monotonic clock
 * @out: (out): the next frame in order
 *
 * A frame waits while another track may bring one that belongs before it; a track that has kept it
 * waiting for too long counts as silent, and is not waited for until it brings something.
 *
 * Returns: whether there is a frame that may go now
 */
gboolean
kvs_interleaver_pop (KvsInterleaver *interleaver, gint64 now_us, KvsInterleaved *out)
{
  TrackQueue *first = find_first (interleaver);
  const Queued *head = first != NULL ? head_of (first) : NULL;
  Queued *queued;

  if (head == NULL)
    return FALSE;
  if (must_wait (interleaver, head->position)) {
    if (now_us - oldest_arrival_us (interleaver) < interleaver->max_delay_us
        && interleaver->held_bytes <= interleaver->max_bytes)
      return FALSE;
    give_up_waiting (interleaver, head->position);
  }
  queued = pop (&first->frames);
  follow_time_line (interleaver, queued->position.time_line);
  interleaver->held_bytes -= queued->item.frame->size_bytes;
  *out = queued->item;
  queued->item = (KvsInterleaved) { NULL, NULL, 0 };
  queued_recycle (interleaver, queued);
  return TRUE;
}

/**
 * kvs_interleaver_take_next_track:
 * @interleaver: an interleaver
 * @track_number: a track
 *
 * Returns: (transfer full) (nullable): what the track is from its next frame on, if that is new; the
 *   frame comes without it then
 */
KvsTrack *
kvs_interleaver_take_next_track (KvsInterleaver *interleaver, guint track_number)
{
  Queued *next = g_queue_peek_head (&get_track (interleaver, track_number)->frames);

  return next != NULL ? g_steal_pointer (&next->item.track) : NULL;
}

/**
 * kvs_interleaver_get_deadline_us:
 * @interleaver: an interleaver, after kvs_interleaver_pop() had nothing to give
 *
 * Returns: the time of the monotonic clock at which a frame that waits may go; -1 if none waits
 */
gint64
kvs_interleaver_get_deadline_us (const KvsInterleaver *interleaver)
{
  if (find_first (interleaver) == NULL)
    return -1;
  return oldest_arrival_us (interleaver) + interleaver->max_delay_us;
}

/**
 * kvs_interleaver_is_ahead:
 * @interleaver: an interleaver
 * @track_number: a track
 *
 * Returns: whether so much of the track waits for others that a source that can wait should
 */
gboolean
kvs_interleaver_is_ahead (const KvsInterleaver *interleaver, guint track_number)
{
  const TrackQueue *track = get_track ((KvsInterleaver *) interleaver, track_number);
  const Queued *oldest = head_of (track);

  if (oldest == NULL)
    return FALSE;
  return oldest->position.time_line != track->newest.time_line
         || track->newest.time_ns - oldest->position.time_ns > AHEAD_NS;
}

/**
 * kvs_interleaver_get_silent_tracks:
 * @interleaver: an interleaver
 *
 * Returns: mask with bit n set where track number n was waited for in vain and has brought nothing since
 */
guint
kvs_interleaver_get_silent_tracks (const KvsInterleaver *interleaver)
{
  guint mask = 0;

  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    if (interleaver->tracks[i].used && interleaver->tracks[i].silent)
      mask |= 1u << (i + 1);
  }
  return mask;
}

/**
 * kvs_interleaver_get_live_tracks:
 * @interleaver: an interleaver
 * @active: (out): mask with bit n set where track number n has frames queued, or has neither ended
 *   nor is silent
 * @ended: (out): mask of the tracks that have ended and have nothing queued
 */
void
kvs_interleaver_get_live_tracks (const KvsInterleaver *interleaver, guint *active, guint *ended)
{
  *active = *ended = 0;
  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    const TrackQueue *track = &interleaver->tracks[i];
    gboolean has_frames = track->frames.head != NULL;

    if (!track->used)
      continue;
    if (has_frames || (!track->ended && !track->silent))
      *active |= 1u << (i + 1);
    else if (track->ended)
      *ended |= 1u << (i + 1);
  }
}
