/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/ingest.h"

#include "error.h"
#include "ingest/fragment-tags.h"
#include "ingest/mkv-header.h"
#include "ingest/mkv-structure.h"
#include "mkv/mkv-ids.h"
#include "store/fragment-writer.h"

#define NS_PER_MS 1000000

/* Where the service draws the line is not documented; clocks that are merely wrong must pass. */
#define MAX_FUTURE_MS (G_GINT64_CONSTANT (10) * 366 * 24 * 3600 * 1000)

/* Frames of one track in the open fragment, in units of the timecode scale */
typedef struct {
  guint n_frames;
  gint64 first;
  gint64 last;
} TrackSpan;

typedef enum {
  TARGET_NONE,
  TARGET_HEADER,
  TARGET_TAGS,
  TARGET_FRAGMENT,
} Target;

typedef struct {
  gboolean is_open;
  gboolean has_timecode; /* and so a number */
  gboolean is_dropped;   /* an ERROR ack was sent; the rest of it is passed over */
  gboolean is_closed;    /* of known size, and whole */
  gboolean has_bad_tags;
  KvsLocalAckError tag_error;
  guint events;
  KvsLocalFragment info;
  guint64 cluster_bytes;
  TrackSpan spans[KVS_LOCAL_MAX_TRACKS];
  gint64 first, last; /* of all tracks */
  gboolean has_frames;
  KvsLocalFragmentWriter *writer;
} OpenFragment;

struct _KvsLocalIngest {
  KvsLocalStore *store;
  KvsLocalStream *stream;
  KvsLocalIngestConfig config;
  KvsLocalAckFunc ack;
  gpointer user_data;
  KvsEbmlReader *reader;
  KvsLocalMkvHeader header;
  KvsLocalFragmentTags tags;
  OpenFragment fragment;
  Target target; /* what the bytes that arrive belong to */
  gboolean had_cluster;
  guint64 sequence;
  gboolean has_previous;
  guint64 previous_timecode;
  gint64 previous_last;
  gboolean is_over;
};

static void
send_ack (KvsLocalIngest *ingest, KvsLocalAckType type, KvsLocalAckError error)
{
  const OpenFragment *fragment = &ingest->fragment;
  KvsLocalAck ack = {
    .type = type,
    .has_fragment = fragment->is_open && fragment->has_timecode && !fragment->is_dropped,
    .timecode = fragment->info.timecode,
    .number = fragment->info.number,
    .error = error,
  };

  kvs_local_activity_add_ack (ingest->stream->activity, &ack);
  ingest->ack (&ack, ingest->user_data);
}

static void
reset_fragment (KvsLocalIngest *ingest)
{
  g_clear_pointer (&ingest->fragment.writer, kvs_local_fragment_writer_free);
  ingest->fragment = (OpenFragment) { 0 };
}

/* The fragment alone is refused. */
static void
drop_fragment (KvsLocalIngest *ingest, KvsLocalAckError why)
{
  if (ingest->fragment.is_dropped)
    return;
  send_ack (ingest, KVS_LOCAL_ACK_ERROR, why);
  ingest->fragment.is_dropped = TRUE;
  g_clear_pointer (&ingest->fragment.writer, kvs_local_fragment_writer_free);
}

static void
drop_after_failure (KvsLocalIngest *ingest, const GError *error)
{
  g_warning ("stream %s: %s", ingest->stream->name, error->message);
  drop_fragment (ingest, KVS_LOCAL_ACK_ARCHIVAL_ERROR);
}

/* Nothing that follows can be used. */
static gboolean
end_session (KvsLocalIngest *ingest, KvsLocalAckError why, GError **error)
{
  if (!ingest->is_over)
    send_ack (ingest, KVS_LOCAL_ACK_ERROR, why);
  ingest->is_over = TRUE;
  reset_fragment (ingest);
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_PROTOCOL, "the session ends");
  return FALSE;
}

static gboolean
check_header (KvsLocalIngest *ingest, KvsLocalMkvHeaderResult result, GError **error)
{
  switch (result) {
    case KVS_LOCAL_MKV_HEADER_OK:
      return TRUE;
    case KVS_LOCAL_MKV_HEADER_TOO_MANY_TRACKS:
      return end_session (ingest, KVS_LOCAL_ACK_MORE_THAN_ALLOWED_TRACKS, error);
    default:
      return end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  }
}

static void
append_to_fragment (KvsLocalIngest *ingest, gconstpointer data, gsize size)
{
  OpenFragment *fragment = &ingest->fragment;
  g_autoptr (GError) error = NULL;

  if (fragment->is_dropped)
    return;
  fragment->cluster_bytes += size;
  if (fragment->cluster_bytes > ingest->config.max_fragment_bytes)
    drop_fragment (ingest, KVS_LOCAL_ACK_MAX_FRAGMENT_SIZE);
  else if (!kvs_local_fragment_writer_append (fragment->writer, data, size, &error))
    drop_after_failure (ingest, error);
}

/* The Cluster's first bytes are there. Its number waits for the Timecode, which acks need. */
static void
open_fragment (KvsLocalIngest *ingest)
{
  OpenFragment *fragment = &ingest->fragment;
  g_autofree gchar *folder = kvs_local_store_get_folder (ingest->store, ingest->stream);
  const GByteArray *header = ingest->header.bytes;
  const GByteArray *tags = ingest->tags.bytes;
  g_autoptr (GError) error = NULL;

  ingest->had_cluster = TRUE;
  fragment->is_open = TRUE;
  fragment->info.server_ms = g_get_real_time () / 1000;
  fragment->info.header_size = header->len;
  fragment->info.cluster_offset = (guint64) header->len + tags->len;
  fragment->has_bad_tags = ingest->tags.is_bad;
  fragment->tag_error = ingest->tags.error;
  fragment->events = ingest->tags.events;
  fragment->writer = kvs_local_fragment_writer_new (
    kvs_local_store_get_write_behind (ingest->store), folder, &error);
  if (fragment->writer == NULL
      || !kvs_local_fragment_writer_append (fragment->writer, header->data, header->len, &error)
      || !kvs_local_fragment_writer_append (fragment->writer, tags->data, tags->len, &error))
    drop_after_failure (ingest, error);
  kvs_local_fragment_tags_reset (&ingest->tags);
}

static gboolean
scale_to_ms (KvsLocalIngest *ingest, guint64 units, gint64 *ms)
{
  guint64 ns;

  if (!g_uint64_checked_mul (&ns, units, ingest->header.timecode_scale))
    return FALSE;
  *ms = (gint64) (ns / NS_PER_MS);
  return TRUE;
}

static void
take_number (KvsLocalIngest *ingest)
{
  g_autoptr (GError) error = NULL;
  KvsLocalFragment *info = &ingest->fragment.info;

  if (!kvs_local_store_next_sequence (ingest->store, ingest->stream, &ingest->sequence, &error))
    g_warning ("stream %s: %s", ingest->stream->name, error->message);
  kvs_local_fragment_number_make (ingest->sequence, info->server_ms, g_random_int (),
                                  info->number);
}

static gboolean
take_timecode (KvsLocalIngest *ingest, const guint8 *payload, gsize size, GError **error)
{
  OpenFragment *fragment = &ingest->fragment;
  KvsLocalFragment *info = &fragment->info;
  gint64 offset_ms = ingest->config.is_relative ? ingest->config.start_ms : 0;
  gint64 timecode_ms = 0;

  if (fragment->has_timecode || !kvs_ebml_parse_uint (payload, size, &info->timecode))
    return end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  if (fragment->is_dropped)
    return TRUE;
  take_number (ingest);
  fragment->has_timecode = TRUE;
  send_ack (ingest, KVS_LOCAL_ACK_BUFFERING, 0);

  if (!scale_to_ms (ingest, info->timecode, &timecode_ms)
      || timecode_ms > info->server_ms + MAX_FUTURE_MS - offset_ms)
    drop_fragment (ingest, KVS_LOCAL_ACK_INVALID_PRODUCER_TIMESTAMP);
  else if (ingest->has_previous && info->timecode <= ingest->previous_timecode)
    drop_fragment (ingest, KVS_LOCAL_ACK_TIMECODE_LESSER_THAN_PREVIOUS);
  else if (fragment->has_bad_tags)
    drop_fragment (ingest, fragment->tag_error);
  info->producer_ms = offset_ms + timecode_ms;
  return TRUE;
}

static gboolean
span_is_too_long (KvsLocalIngest *ingest, gint64 first, gint64 last)
{
  gint64 ms;

  return !scale_to_ms (ingest, (guint64) (last - first), &ms) || ms > KVS_LOCAL_MAX_FRAGMENT_MS;
}

static void
take_frame (KvsLocalIngest *ingest, guint64 track, gint64 at)
{
  OpenFragment *fragment = &ingest->fragment;
  gint index = kvs_local_mkv_header_find_track (&ingest->header, track);
  TrackSpan *span;

  if (index < 0) {
    drop_fragment (ingest, KVS_LOCAL_ACK_TRACK_NUMBER_MISMATCH);
    return;
  }
  if (ingest->has_previous && at <= ingest->previous_last) {
    drop_fragment (ingest, KVS_LOCAL_ACK_TIMECODE_LESSER_THAN_PREVIOUS);
    return;
  }
  span = &fragment->spans[index];
  span->first = span->n_frames > 0 ? MIN (span->first, at) : at;
  span->last = span->n_frames > 0 ? MAX (span->last, at) : at;
  span->n_frames++;
  fragment->first = fragment->has_frames ? MIN (fragment->first, at) : at;
  fragment->last = fragment->has_frames ? MAX (fragment->last, at) : at;
  fragment->has_frames = TRUE;
  if (span_is_too_long (ingest, fragment->first, fragment->last))
    drop_fragment (ingest, KVS_LOCAL_ACK_MAX_FRAGMENT_DURATION);
}

/* Track number, signed 16-bit time relative to the Cluster, flags (RFC 9559 section 10.1) */
static gboolean
take_block (KvsLocalIngest *ingest, const guint8 *payload, gsize size, GError **error)
{
  guint64 track;
  gsize track_bytes = kvs_ebml_parse_vint (payload, size, &track);
  gint16 relative;

  if (track_bytes == 0 || size < track_bytes + 3)
    return end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  if (ingest->fragment.is_dropped)
    return TRUE;
  if (!ingest->fragment.has_timecode)
    return end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  relative = (gint16) (payload[track_bytes] << 8 | payload[track_bytes + 1]);
  take_frame (ingest, track, (gint64) ingest->fragment.info.timecode + relative);
  return TRUE;
}

/* A fragment lasts as long as its first track, with whose key frames fragments begin: sound goes on for
 * a part of a frame more, and the sum of such lengths would run away from the time of the media. The
 * last frame's own duration is not known: it is taken for that of its track's mean. */
static gint64
duration_ms (KvsLocalIngest *ingest)
{
  gint64 ms = 0;

  for (guint i = 0; i < ingest->header.n_tracks; i++) {
    const TrackSpan *span = &ingest->fragment.spans[i];
    gint64 length = span->last - span->first;

    if (span->n_frames < 2)
      continue;
    scale_to_ms (ingest, (guint64) (length + length / (span->n_frames - 1)), &ms);
    return ms;
  }
  return ms;
}

static gboolean
every_track_has_frames (KvsLocalIngest *ingest)
{
  for (guint i = 0; i < ingest->header.n_tracks; i++) {
    if (ingest->fragment.spans[i].n_frames == 0)
      return FALSE;
  }
  return TRUE;
}

static void
store_fragment (KvsLocalIngest *ingest)
{
  OpenFragment *fragment = &ingest->fragment;
  KvsLocalFragment *info = &fragment->info;
  g_autofree gchar *path
    = kvs_local_store_get_path (ingest->store, ingest->stream, info->number);
  g_autoptr (GError) error = NULL;

  info->duration_ms = duration_ms (ingest);
  info->file_size = kvs_local_fragment_writer_get_size (fragment->writer);
  if (!kvs_local_fragment_writer_commit (fragment->writer, path, &error)
      || !kvs_local_store_add_fragment (ingest->store, ingest->stream, info, &error)) {
    drop_after_failure (ingest, error);
    return;
  }
  ingest->has_previous = TRUE;
  ingest->previous_timecode = info->timecode;
  ingest->previous_last = fragment->last;
  if (ingest->stream->retention_hours == 0)
    return;
  send_ack (ingest, KVS_LOCAL_ACK_PERSISTED, 0);
  if (fragment->events != 0 && ingest->config.deliver != NULL)
    kvs_local_deliver_fragment (ingest->config.deliver, ingest->stream, info, fragment->events);
}

/* Something came that is not part of the Cluster, or the body is over. */
static gboolean
complete_fragment (KvsLocalIngest *ingest, GError **error)
{
  OpenFragment *fragment = &ingest->fragment;

  if (!fragment->is_open)
    return TRUE;
  if (!fragment->has_timecode && !fragment->is_dropped)
    return end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  if (!fragment->is_dropped && !every_track_has_frames (ingest))
    drop_fragment (ingest, KVS_LOCAL_ACK_FRAMES_MISSING_FOR_TRACK);
  if (!fragment->is_dropped) {
    send_ack (ingest, KVS_LOCAL_ACK_RECEIVED, 0);
    store_fragment (ingest);
  }
  reset_fragment (ingest);
  return TRUE;
}

/* Gives what the bytes of an element at the top, or right in the Segment, belong to. */
static gboolean
start_section (KvsLocalIngest *ingest, const KvsEbmlElement *element, GError **error)
{
  const KvsLocalMkvHeader *header = &ingest->header;

  if (!complete_fragment (ingest, error))
    return FALSE;
  switch (element->id) {
    case KVS_MKV_ID_CLUSTER:
      if (!header->has_info || !header->has_tracks)
        return end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
      ingest->target = TARGET_FRAGMENT;
      open_fragment (ingest);
      return TRUE;
    case KVS_MKV_ID_TAGS:
      ingest->target = TARGET_TAGS;
      return TRUE;
    case KVS_MKV_ID_INFO:
    case KVS_MKV_ID_TRACKS:
      if (ingest->had_cluster)
        return end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
      ingest->target = TARGET_HEADER;
      return TRUE;
    case KVS_MKV_ID_EBML:
    case KVS_MKV_ID_SEGMENT:
      ingest->target = TARGET_HEADER;
      return TRUE;
    default:
      /* padding and indexes after the first Cluster are of no use in files of one fragment each */
      ingest->target = ingest->had_cluster || element->level == 0 ? TARGET_NONE : TARGET_HEADER;
      return TRUE;
  }
}

static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  KvsLocalIngest *ingest = user_data;

  if (!kvs_local_mkv_may_be_in (element->id, element->parent_id))
    return end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  if ((element->level == 0 || element->parent_id == KVS_MKV_ID_SEGMENT)
      && !start_section (ingest, element, error))
    return FALSE;
  switch (ingest->target) {
    case TARGET_HEADER:
      return check_header (ingest, kvs_local_mkv_header_start (&ingest->header, element), error);
    case TARGET_TAGS:
      kvs_local_fragment_tags_start (&ingest->tags, element);
      return TRUE;
    case TARGET_FRAGMENT:
      append_to_fragment (ingest, element->header, element->header_size);
      return TRUE;
    default:
      return TRUE;
  }
}

static gboolean
on_data (const KvsEbmlElement *element, const guint8 *data, gsize size, gpointer user_data,
         GError **error)
{
  KvsLocalIngest *ingest = user_data;

  switch (ingest->target) {
    case TARGET_HEADER:
      return check_header (ingest, kvs_local_mkv_header_append (&ingest->header, data, size),
                           error);
    case TARGET_TAGS:
      kvs_local_fragment_tags_append (&ingest->tags, data, size);
      return TRUE;
    case TARGET_FRAGMENT:
      append_to_fragment (ingest, data, size);
      return TRUE;
    default:
      return TRUE;
  }
}

static gboolean
end_in_fragment (KvsLocalIngest *ingest, const KvsEbmlElement *element, const guint8 *payload,
                 gsize payload_size, GError **error)
{
  switch (element->id) {
    case KVS_MKV_ID_TIMECODE:
      return take_timecode (ingest, payload, (gsize) element->size, error);
    case KVS_MKV_ID_SIMPLE_BLOCK:
    case KVS_MKV_ID_BLOCK:
      return take_block (ingest, payload, payload_size, error);
    case KVS_MKV_ID_CLUSTER:
      ingest->fragment.is_closed = TRUE;
      return TRUE;
    default:
      return TRUE;
  }
}

static gboolean
on_end (const KvsEbmlElement *element, const guint8 *payload, gsize payload_size,
        gpointer user_data, GError **error)
{
  KvsLocalIngest *ingest = user_data;

  switch (ingest->target) {
    case TARGET_HEADER:
      return check_header (
        ingest, kvs_local_mkv_header_end (&ingest->header, element, payload, payload_size), error);
    case TARGET_TAGS:
      kvs_local_fragment_tags_end (&ingest->tags, element, payload, payload_size);
      return TRUE;
    case TARGET_FRAGMENT:
      return end_in_fragment (ingest, element, payload, payload_size, error);
    default:
      return TRUE;
  }
}

static const KvsEbmlReaderFuncs reader_funcs = { on_start, on_data, on_end };

/**
 * kvs_local_ingest_new:
 * @store: where fragments go; must outlive the ingest
 * @stream: their stream
 * @config: from the request
 * @ack: called with each ack, from within the functions below
 * @user_data: handed to @ack
 *
 * Returns: (transfer full): an ingest at the start of a body
 */
KvsLocalIngest *
kvs_local_ingest_new (KvsLocalStore *store, KvsLocalStream *stream,
                      const KvsLocalIngestConfig *config, KvsLocalAckFunc ack, gpointer user_data)
{
  KvsLocalIngest *ingest = g_new0 (KvsLocalIngest, 1);

  ingest->store = store;
  ingest->stream = kvs_local_stream_ref (stream);
  ingest->config = *config;
  ingest->ack = ack;
  ingest->user_data = user_data;
  ingest->reader = kvs_ebml_reader_new (&reader_funcs, ingest);
  kvs_local_mkv_header_init (&ingest->header);
  kvs_local_fragment_tags_init (&ingest->tags);
  return ingest;
}

/**
 * kvs_local_ingest_free:
 * @ingest: (transfer full) (nullable): an ingest
 *
 * A fragment that is not complete is lost.
 */
void
kvs_local_ingest_free (KvsLocalIngest *ingest)
{
  if (ingest == NULL)
    return;
  reset_fragment (ingest);
  kvs_ebml_reader_free (ingest->reader);
  kvs_local_mkv_header_clear (&ingest->header);
  kvs_local_fragment_tags_clear (&ingest->tags);
  kvs_local_stream_unref (ingest->stream);
  g_free (ingest);
}

/**
 * kvs_local_ingest_push:
 * @ingest: an ingest
 * @data: next bytes of the body
 * @size: how many
 *
 * Returns: %FALSE if the session is over; the ack that says why was given out
 */
gboolean
kvs_local_ingest_push (KvsLocalIngest *ingest, const guint8 *data, gsize size)
{
  if (ingest->stream->deleted)
    return end_session (ingest, KVS_LOCAL_ACK_STREAM_NOT_ACTIVE, NULL);
  kvs_local_activity_add_bytes (ingest->stream->activity, size);
  return kvs_ebml_reader_push (ingest->reader, data, size, NULL)
         || end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, NULL);
}

/**
 * kvs_local_ingest_finish:
 * @ingest: an ingest
 *
 * The body is over as it should be, which completes the open fragment.
 */
void
kvs_local_ingest_finish (KvsLocalIngest *ingest)
{
  if (ingest->is_over)
    return;
  if (ingest->stream->deleted) {
    end_session (ingest, KVS_LOCAL_ACK_STREAM_NOT_ACTIVE, NULL);
  } else if (!kvs_ebml_reader_finish (ingest->reader, NULL)
             || !complete_fragment (ingest, NULL)) {
    end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, NULL);
  } else if (ingest->tags.is_bad) {
    end_session (ingest, ingest->tags.error, NULL);
  }
  ingest->is_over = TRUE;
}

/**
 * kvs_local_ingest_abort:
 * @ingest: an ingest
 * @why: what the ack says
 *
 * The body is over before its end. A fragment that is not known to be whole is not stored.
 */
void
kvs_local_ingest_abort (KvsLocalIngest *ingest, KvsLocalAckError why)
{
  if (ingest->is_over)
    return;
  if (ingest->fragment.is_closed && !ingest->stream->deleted)
    complete_fragment (ingest, NULL);
  end_session (ingest, why, NULL);
}

/**
 * kvs_local_ingest_time_out:
 * @ingest: an ingest
 *
 * Nothing came for too long. That is no error between fragments (kvs-api.md section 6).
 */
void
kvs_local_ingest_time_out (KvsLocalIngest *ingest)
{
  if (ingest->is_over)
    return;
  if (ingest->fragment.is_closed && !ingest->stream->deleted)
    complete_fragment (ingest, NULL);
  if (ingest->fragment.is_open)
    end_session (ingest, KVS_LOCAL_ACK_STREAM_READ_ERROR, NULL);
  ingest->is_over = TRUE;
}
