/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/early-frames.h"

typedef struct {
  KvsFrame *frame;
  guint time_line;
} EarlyFrame;

struct _KvsEarlyFrames {
  KvsFragmentBuffer *buffer;
  GQueue frames; /* of EarlyFrame, oldest first */
  guint n_frames[KVS_MAX_TRACKS]; /* of each track */
  gsize bytes;
  gsize max_bytes;
};

/**
 * kvs_early_frames_new:
 * @buffer: where the frames go once they can; counts those that are dropped; must outlive this
 * @max_bytes: how much may wait
 *
 * Not thread safe.
 *
 * Returns: (transfer full): an empty queue
 */
KvsEarlyFrames *
kvs_early_frames_new (KvsFragmentBuffer *buffer, gsize max_bytes)
{
  KvsEarlyFrames *early = g_new0 (KvsEarlyFrames, 1);

  early->buffer = buffer;
  g_queue_init (&early->frames);
  early->max_bytes = max_bytes;
  return early;
}

static void
early_frame_free (gpointer data)
{
  EarlyFrame *item = data;

  kvs_frame_free (item->frame);
  g_free (item);
}

/**
 * kvs_early_frames_free:
 * @early: (transfer full): a queue; what is in it is not counted
 */
void
kvs_early_frames_free (KvsEarlyFrames *early)
{
  g_queue_clear_full (&early->frames, early_frame_free);
  g_free (early);
}

/**
 * kvs_early_frames_get_length:
 * @early: a queue
 *
 * Returns: how many frames wait
 */
guint
kvs_early_frames_get_length (const KvsEarlyFrames *early)
{
  return early->frames.length;
}

/**
 * kvs_early_frames_get_tracks:
 * @early: a queue
 *
 * Returns: mask of the tracks that have frames here
 */
guint
kvs_early_frames_get_tracks (const KvsEarlyFrames *early)
{
  guint mask = 0;

  for (guint number = 1; number <= KVS_MAX_TRACKS; number++) {
    if (early->n_frames[number - 1] > 0)
      mask |= KVS_TRACK_BIT (number);
  }
  return mask;
}

/**
 * kvs_early_frames_get_earliest_ns:
 * @early: a queue
 *
 * Returns: the earliest presentation timestamp; %G_MAXINT64 of no frames
 */
gint64
kvs_early_frames_get_earliest_ns (const KvsEarlyFrames *early)
{
  gint64 earliest_ns = G_MAXINT64;

  for (const GList *link = early->frames.head; link != NULL; link = link->next)
    earliest_ns = MIN (earliest_ns, ((const EarlyFrame *) link->data)->frame->info.pts_ns);
  return earliest_ns;
}

/**
 * kvs_early_frames_drop:
 * @early: a queue
 * @frame: (transfer full): a frame that is not in it
 *
 * Counts it as one that nothing came before to decode it with.
 */
void
kvs_early_frames_drop (KvsEarlyFrames *early, KvsFrame *frame)
{
  kvs_fragment_buffer_count_drop (early->buffer, KVS_DROP_BEFORE_KEY_FRAME, frame->size_bytes);
  kvs_frame_free (frame);
}

/* @link: is freed
 * Returns: (transfer full): its frame */
static KvsFrame *
take_link (KvsEarlyFrames *early, GList *link)
{
  g_autofree EarlyFrame *item = link->data;

  g_queue_delete_link (&early->frames, link);
  early->n_frames[item->frame->info.track_number - 1]--;
  early->bytes -= item->frame->size_bytes;
  return item->frame;
}

/**
 * kvs_early_frames_take:
 * @early: a queue that is not empty
 * @time_line: (out): what came with it
 *
 * Returns: (transfer full): the frame that has waited longest
 */
KvsFrame *
kvs_early_frames_take (KvsEarlyFrames *early, guint *time_line)
{
  *time_line = ((const EarlyFrame *) early->frames.head->data)->time_line;
  return take_link (early, early->frames.head);
}

/**
 * kvs_early_frames_keep:
 * @early: a queue
 * @frame: (transfer full): waits for a key frame
 * @time_line: of the frame; those of others are dropped
 *
 * What is too far back, or too much, is dropped.
 */
void
kvs_early_frames_keep (KvsEarlyFrames *early, KvsFrame *frame, guint time_line)
{
  EarlyFrame *item = g_new (EarlyFrame, 1);
  const EarlyFrame *oldest;

  *item = (EarlyFrame) { frame, time_line };
  g_queue_push_tail (&early->frames, item);
  early->n_frames[frame->info.track_number - 1]++;
  early->bytes += frame->size_bytes;
  while ((oldest = g_queue_peek_head (&early->frames)) != item
         && (oldest->time_line != time_line || early->bytes > early->max_bytes
             || frame->info.pts_ns - oldest->frame->info.pts_ns > KVS_EARLY_FRAMES_MAX_NS))
    kvs_early_frames_drop (early, take_link (early, early->frames.head));
}

/* Those of a track that wait before @end. */
static void
drop_until (KvsEarlyFrames *early, guint track_number, const GList *end)
{
  GList *next;

  for (GList *link = early->frames.head; link != end; link = next) {
    const EarlyFrame *item = link->data;

    next = link->next;
    if (item->frame->info.track_number == track_number)
      kvs_early_frames_drop (early, take_link (early, link));
  }
}

/**
 * kvs_early_frames_drop_track:
 * @early: a queue
 * @track_number: a track
 *
 * Drops the frames that wait for a header that never came.
 */
void
kvs_early_frames_drop_track (KvsEarlyFrames *early, guint track_number)
{
  drop_until (early, track_number, NULL);
}

/* What is not stored stays.
 * @only_first: the first one that a Fragment can start with; nothing decodes those of its track before
 *   it */
static void
push_of (KvsEarlyFrames *early, guint mask, gboolean only_first, KvsPushEffect *effect)
{
  GList *next;

  for (GList *link = early->frames.head; link != NULL; link = next) {
    EarlyFrame *item = link->data;
    guint number = item->frame->info.track_number;
    gsize size_bytes = item->frame->size_bytes;

    next = link->next;
    if ((mask & KVS_TRACK_BIT (number)) == 0
        || kvs_fragment_buffer_push (early->buffer, &item->frame, effect) != KVS_PUSH_STORED)
      continue;
    g_queue_delete_link (&early->frames, link);
    early->n_frames[number - 1]--;
    early->bytes -= size_bytes;
    g_free (item);
    if (only_first) {
      drop_until (early, number, next);
      return;
    }
  }
}

/**
 * kvs_early_frames_push_alone:
 * @early: a queue
 * @mask: tracks that have a header of their own by now
 * @effect: (inout): gets what has to be done
 *
 * Gives the buffer the frames of some tracks, from the first one on that can start a Fragment; those
 * that do not fit are dropped.
 */
void
kvs_early_frames_push_alone (KvsEarlyFrames *early, guint mask, KvsPushEffect *effect)
{
  push_of (early, mask, TRUE, effect);
  push_of (early, mask, FALSE, effect);
  for (guint number = 1; number <= KVS_MAX_TRACKS; number++) {
    if ((mask & KVS_TRACK_BIT (number)) != 0)
      kvs_early_frames_drop_track (early, number);
  }
}
