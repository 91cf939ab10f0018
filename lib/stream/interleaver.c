/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/interleaver.h"

typedef struct {
  KvsFrame *frame;
  gint64 key_ns; /* what the order goes by */
} Queued;

typedef struct {
  gboolean used;
  gboolean ended;
  KvsTrackType type;
  GQueue frames;           /* of Queued */
  gint64 last_key_ns;      /* of the newest frame */
  gint64 progress_ns;      /* no frame before this time will come */
  gint64 highest_pts_ns;   /* of all frames so far */
} TrackQueue;

struct _KvsInterleaver {
  gint64 max_delay_ns;
  KvsInterleaverFunc func;
  gpointer user_data;
  TrackQueue tracks[KVS_MAX_TRACKS];
};

/**
 * kvs_interleaver_new:
 * @max_delay_ns: how far, in media time, one track may hold back the others
 * @func: gets the frames in order
 * @user_data: for @func
 *
 * For one thread, or under the caller's lock.
 *
 * Returns: (transfer full): an interleaver without tracks
 */
KvsInterleaver *
kvs_interleaver_new (gint64 max_delay_ns, KvsInterleaverFunc func, gpointer user_data)
{
  KvsInterleaver *interleaver = g_new0 (KvsInterleaver, 1);

  interleaver->max_delay_ns = max_delay_ns;
  interleaver->func = func;
  interleaver->user_data = user_data;
  return interleaver;
}

static TrackQueue *
get_track (KvsInterleaver *interleaver, guint track_number)
{
  g_assert (track_number >= 1 && track_number <= KVS_MAX_TRACKS);
  return &interleaver->tracks[track_number - 1];
}

static void
queued_free (gpointer data)
{
  Queued *queued = data;

  kvs_frame_free (queued->frame);
  g_free (queued);
}

static void
clear_track (TrackQueue *track)
{
  g_queue_clear_full (&track->frames, queued_free);
  track->ended = FALSE;
  track->last_key_ns = track->progress_ns = track->highest_pts_ns = G_MININT64;
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
  kvs_interleaver_clear (interleaver);
  g_free (interleaver);
}

/**
 * kvs_interleaver_add_track:
 * @interleaver: an interleaver
 * @track_number: 1 to %KVS_MAX_TRACKS
 * @type: video or audio
 */
void
kvs_interleaver_add_track (KvsInterleaver *interleaver, guint track_number, KvsTrackType type)
{
  TrackQueue *track = get_track (interleaver, track_number);

  track->used = TRUE;
  track->type = type;
  clear_track (track);
}

/* ---- the order ---- */

/* Frames go by their decoding time, but for a video key frame that may start a Fragment: all of a
 * Fragment has to lie, in presentation time, after all of the one before it (kvs-api.md section 8).
 * What the new group of pictures shows lies after the last picture of the old one, leading pictures
 * too; so the border goes right after that picture, and audio is told apart by it. */
static gint64
key_of (TrackQueue *track, const KvsFrame *frame)
{
  gint64 key_ns = frame->info.dts_ns;

  if (track->type == KVS_TRACK_TYPE_AUDIO)
    key_ns = frame->info.pts_ns;
  else if ((frame->info.flags & KVS_FRAME_FLAG_KEY_FRAME) != 0
           && track->highest_pts_ns < frame->info.pts_ns)
    key_ns = MAX (key_ns, track->highest_pts_ns + 1);
  return MAX (key_ns, track->last_key_ns);
}

static TrackQueue *
find_first (KvsInterleaver *interleaver, gint64 *key_ns)
{
  TrackQueue *first = NULL;

  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    TrackQueue *track = &interleaver->tracks[i];
    const Queued *queued = g_queue_peek_head (&track->frames);

    if (queued == NULL || (first != NULL && queued->key_ns >= *key_ns))
      continue;
    first = track;
    *key_ns = queued->key_ns;
  }
  return first;
}

static gint64
newest_key_ns (const KvsInterleaver *interleaver)
{
  gint64 newest_ns = G_MININT64;

  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    if (interleaver->tracks[i].used)
      newest_ns = MAX (newest_ns, interleaver->tracks[i].last_key_ns);
  }
  return newest_ns;
}

/* Whether a track that has nothing queued may still bring something that belongs before @key_ns. */
static gboolean
must_wait (const KvsInterleaver *interleaver, gint64 key_ns)
{
  if (newest_key_ns (interleaver) - key_ns > interleaver->max_delay_ns)
    return FALSE;
  for (guint i = 0; i < KVS_MAX_TRACKS; i++) {
    const TrackQueue *track = &interleaver->tracks[i];

    if (track->used && !track->ended && g_queue_is_empty ((GQueue *) &track->frames)
        && track->progress_ns < key_ns)
      return TRUE;
  }
  return FALSE;
}

static void
release (KvsInterleaver *interleaver, TrackQueue *track)
{
  Queued *queued = g_queue_pop_head (&track->frames);
  KvsFrame *frame = queued->frame;

  g_free (queued);
  interleaver->func (frame, interleaver->user_data);
}

static void
release_ready (KvsInterleaver *interleaver)
{
  TrackQueue *first;
  gint64 key_ns = 0;

  while ((first = find_first (interleaver, &key_ns)) != NULL && !must_wait (interleaver, key_ns))
    release (interleaver, first);
}

/**
 * kvs_interleaver_push:
 * @interleaver: an interleaver
 * @frame: (transfer full): the next frame of its track
 *
 * Gives out what is in order now. A frame that comes too late goes out at once.
 */
void
kvs_interleaver_push (KvsInterleaver *interleaver, KvsFrame *frame)
{
  TrackQueue *track = get_track (interleaver, frame->info.track_number);
  Queued *queued = g_new (Queued, 1);

  queued->frame = frame;
  queued->key_ns = key_of (track, frame);
  track->last_key_ns = queued->key_ns;
  track->highest_pts_ns = MAX (track->highest_pts_ns, frame->info.pts_ns);
  track->ended = FALSE;
  g_queue_push_tail (&track->frames, queued);
  release_ready (interleaver);
}

/**
 * kvs_interleaver_progress:
 * @interleaver: an interleaver
 * @track_number: a track
 * @time_ns: no frame of that track will come before this time
 *
 * Gives out what is in order now.
 */
void
kvs_interleaver_progress (KvsInterleaver *interleaver, guint track_number, gint64 time_ns)
{
  TrackQueue *track = get_track (interleaver, track_number);

  track->progress_ns = MAX (track->progress_ns, time_ns);
  release_ready (interleaver);
}

/**
 * kvs_interleaver_end_track:
 * @interleaver: an interleaver
 * @track_number: a track of which no more frames will come
 *
 * Gives out what is in order now.
 */
void
kvs_interleaver_end_track (KvsInterleaver *interleaver, guint track_number)
{
  get_track (interleaver, track_number)->ended = TRUE;
  release_ready (interleaver);
}

/**
 * kvs_interleaver_remove_track:
 * @interleaver: an interleaver
 * @track_number: a track
 *
 * What it has queued still goes out in its turn.
 */
void
kvs_interleaver_remove_track (KvsInterleaver *interleaver, guint track_number)
{
  TrackQueue *track = get_track (interleaver, track_number);

  track->used = FALSE;
  release_ready (interleaver);
}

/**
 * kvs_interleaver_drain:
 * @interleaver: an interleaver
 *
 * Gives out everything, waiting for no track.
 */
void
kvs_interleaver_drain (KvsInterleaver *interleaver)
{
  TrackQueue *first;
  gint64 key_ns = 0;

  while ((first = find_first (interleaver, &key_ns)) != NULL)
    release (interleaver, first);
}

/**
 * kvs_interleaver_clear:
 * @interleaver: an interleaver
 *
 * Forgets all frames; the tracks stay.
 */
void
kvs_interleaver_clear (KvsInterleaver *interleaver)
{
  for (guint i = 0; i < KVS_MAX_TRACKS; i++)
    clear_track (&interleaver->tracks[i]);
}

/**
 * kvs_interleaver_is_ahead:
 * @interleaver: an interleaver
 * @track_number: a track
 *
 * Returns: whether the track has as much queued as one may hold back the others, so that a source
 *   that can wait should
 */
gboolean
kvs_interleaver_is_ahead (const KvsInterleaver *interleaver, guint track_number)
{
  const TrackQueue *track = get_track ((KvsInterleaver *) interleaver, track_number);
  const Queued *oldest = g_queue_peek_head ((GQueue *) &track->frames);

  return oldest != NULL && track->last_key_ns - oldest->key_ns > interleaver->max_delay_ns / 2;
}
