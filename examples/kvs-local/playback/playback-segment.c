/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "playback/playback-segment.h"

#include "api/service-error.h"
#include "av/remux.h"

#define NS_PER_MS G_GINT64_CONSTANT (1000000)

typedef struct {
  KvsLocalJob job;
  KvsLocalFragment fragment;
  gchar *path;
  gboolean is_ts;
  guint track;
  KvsLocalRemuxTime time;
  const gchar *content_type;
  KvsLocalReply *reply;
  GBytes *segment;
  GError *error;
} Segment;

static void
work (KvsLocalJob *job)
{
  Segment *segment = (Segment *) job;
  g_autoptr (KvsLocalMedia) media
    = kvs_local_media_load (segment->path, &segment->fragment, &segment->error);

  if (media == NULL)
    return;
  segment->segment
    = segment->is_ts
        ? kvs_local_remux_ts_segment (media, &segment->time, &segment->error)
        : kvs_local_remux_mp4_segment (media, segment->track, &segment->time, &segment->error);
  if (segment->segment != NULL && g_bytes_get_size (segment->segment) == 0)
    g_set_error (&segment->error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_MEDIA_FRAME,
                 "Fragment %s has no frame that can be read.", segment->fragment.number);
}

/* A file that is not there any more was deleted because its time was over. */
static void
done (KvsLocalJob *job)
{
  Segment *segment = (Segment *) job;

  if (g_error_matches (segment->error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
    g_clear_error (&segment->error);
    g_set_error_literal (&segment->error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_FRAGMENTS);
  }
  if (segment->error != NULL)
    kvs_local_reply_error (segment->reply, segment->error);
  else
    kvs_local_reply_bytes (segment->reply, segment->content_type, segment->segment);
}

static void
free_segment (KvsLocalJob *job)
{
  Segment *segment = (Segment *) job;

  g_free (segment->path);
  g_clear_pointer (&segment->segment, g_bytes_unref);
  g_clear_error (&segment->error);
  kvs_local_reply_free (segment->reply);
  g_free (segment);
}

/**
 * kvs_local_segment_mp4_type:
 * @session: a session with fragments
 * @track: place of a track
 *
 * Returns: the content type of an MP4 file of that track
 */
const gchar *
kvs_local_segment_mp4_type (const KvsLocalPlaybackSession *session, guint track)
{
  const KvsLocalMedia *media = g_ptr_array_index (session->generations, 0);
  const AVCodecParameters *codec = g_ptr_array_index (media->tracks, track);

  return codec->codec_type == AVMEDIA_TYPE_VIDEO ? "video/mp4" : "audio/mp4";
}

/**
 * kvs_local_segment_check:
 * @session: a session
 * @entry: one of its fragments
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether the session takes its media: tracks may not change, and codec private data not
 *   in DASH (kvs-api.md sections 12 and 13)
 */
gboolean
kvs_local_segment_check (const KvsLocalPlaybackSession *session,
                         const KvsLocalPlaybackEntry *entry, GError **error)
{
  if (session->stream->deleted) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_STREAM);
    return FALSE;
  }
  if (entry->refusal == 0)
    return TRUE;
  g_set_error (error, KVS_LOCAL_ERROR, entry->refusal,
               "The tracks of fragment %s differ from those that the session began with.",
               entry->fragment.number);
  return FALSE;
}

/**
 * kvs_local_segment_start:
 * @worker: who makes it
 * @store: the store
 * @session: a session
 * @entry: one of its fragments that kvs_local_segment_check() takes
 * @track: place of the track, for MP4
 * @reply: (transfer full): answered when it is made
 */
void
kvs_local_segment_start (KvsLocalWorker *worker, KvsLocalStore *store,
                         const KvsLocalPlaybackSession *session,
                         const KvsLocalPlaybackEntry *entry, guint track, KvsLocalReply *reply)
{
  Segment *segment = g_new0 (Segment, 1);

  segment->job = (KvsLocalJob) { .work = work, .done = done, .free = free_segment };
  segment->fragment = entry->fragment;
  segment->path = kvs_local_store_get_path (store, session->stream, entry->fragment.number);
  segment->is_ts = session->request.is_ts;
  segment->track = track;
  segment->time.position_ns = entry->position_ms * NS_PER_MS;
  segment->time.delay_ns = session->delay_ms * NS_PER_MS;
  segment->content_type
    = segment->is_ts ? KVS_LOCAL_TYPE_TS : kvs_local_segment_mp4_type (session, track);
  segment->reply = reply;
  kvs_local_worker_push (worker, &segment->job);
}
