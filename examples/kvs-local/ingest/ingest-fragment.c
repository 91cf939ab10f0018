/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fragment from the first byte of its Cluster until it is stored, or dropped. */
#include <glib/gstdio.h>

#include "ingest/ingest-private.h"

/**
 * kvs_local_ingest_send_ack:
 * @ingest: an ingest
 * @type: event
 * @error: for %KVS_LOCAL_ACK_ERROR
 *
 * Gives out an ack, of the open fragment if that is not dropped.
 */
void
kvs_local_ingest_send_ack (KvsLocalIngest *ingest, KvsLocalAckType type, KvsLocalAckError error)
{
  const KvsLocalOpenFragment *fragment = &ingest->fragment;
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

/**
 * kvs_local_ingest_reset_fragment:
 * @ingest: an ingest
 *
 * No fragment is open any more. One that was not stored is lost.
 */
void
kvs_local_ingest_reset_fragment (KvsLocalIngest *ingest)
{
  g_clear_pointer (&ingest->fragment.writer, kvs_local_fragment_writer_free);
  ingest->fragment = (KvsLocalOpenFragment) { 0 };
}

/* The fragment alone is refused. Which one it is cannot be said before its Timecode is there. */
static void
drop_fragment (KvsLocalIngest *ingest, KvsLocalAckError why)
{
  KvsLocalOpenFragment *fragment = &ingest->fragment;

  if (fragment->is_dropped)
    return;
  if (fragment->has_timecode)
    kvs_local_ingest_send_ack (ingest, KVS_LOCAL_ACK_ERROR, why);
  fragment->is_dropped = TRUE;
  fragment->drop_error = why;
  g_clear_pointer (&fragment->writer, kvs_local_fragment_writer_free);
}

static void
drop_after_failure (KvsLocalIngest *ingest, const GError *error)
{
  g_warning ("stream %s: %s", ingest->stream->name, error->message);
  drop_fragment (ingest, KVS_LOCAL_ACK_ARCHIVAL_ERROR);
}

/**
 * kvs_local_ingest_append:
 * @ingest: an ingest with an open fragment
 * @data: next bytes of the Cluster
 * @size: how many
 */
void
kvs_local_ingest_append (KvsLocalIngest *ingest, gconstpointer data, gsize size)
{
  KvsLocalOpenFragment *fragment = &ingest->fragment;
  g_autoptr (GError) error = NULL;
  KvsLocalAckError why;

  if (fragment->is_dropped)
    return;
  fragment->cluster_bytes += size;
  if (!kvs_local_ingest_check_size (ingest, &why))
    drop_fragment (ingest, why);
  else if (!kvs_local_fragment_writer_append (fragment->writer, data, size, &error))
    drop_after_failure (ingest, error);
}

/**
 * kvs_local_ingest_open_fragment:
 * @ingest: an ingest without an open fragment
 *
 * A Cluster begins. Its number waits for the Timecode, which acks need.
 */
void
kvs_local_ingest_open_fragment (KvsLocalIngest *ingest)
{
  KvsLocalOpenFragment *fragment = &ingest->fragment;
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

/**
 * kvs_local_ingest_take_timecode:
 * @ingest: an ingest with an open fragment
 * @payload: of the Cluster's Timecode
 * @size: of @payload
 * @error: where to put %KVS_ERROR_PROTOCOL
 *
 * Returns: %FALSE if the session is over
 */
gboolean
kvs_local_ingest_take_timecode (KvsLocalIngest *ingest, const guint8 *payload, gsize size,
                                GError **error)
{
  KvsLocalOpenFragment *fragment = &ingest->fragment;
  KvsLocalFragment *info = &fragment->info;
  gboolean is_dropped = fragment->is_dropped;
  KvsLocalAckError why = fragment->drop_error;

  if (fragment->has_timecode || !kvs_ebml_parse_uint (payload, size, &info->timecode))
    return kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  take_number (ingest);
  fragment->has_timecode = TRUE;
  fragment->is_dropped = FALSE;
  kvs_local_ingest_send_ack (ingest, KVS_LOCAL_ACK_BUFFERING, 0);
  if (is_dropped || !kvs_local_ingest_check_timecode (ingest, &info->producer_ms, &why))
    drop_fragment (ingest, why);
  return TRUE;
}

static void
take_frame (KvsLocalIngest *ingest, guint64 track, gint64 at)
{
  KvsLocalOpenFragment *fragment = &ingest->fragment;
  gint index = kvs_local_mkv_header_find_track (&ingest->header, track);
  KvsLocalTrackSpan *span;
  KvsLocalAckError why;

  if (!kvs_local_ingest_check_frame (ingest, index, at, &why)) {
    drop_fragment (ingest, why);
    return;
  }
  span = &fragment->spans[index];
  span->first = span->n_frames > 0 ? MIN (span->first, at) : at;
  span->last = span->n_frames > 0 ? MAX (span->last, at) : at;
  span->n_frames++;
  fragment->first = fragment->has_frames ? MIN (fragment->first, at) : at;
  fragment->last = fragment->has_frames ? MAX (fragment->last, at) : at;
  fragment->has_frames = TRUE;
}

/**
 * kvs_local_ingest_take_block:
 * @ingest: an ingest with an open fragment
 * @payload: beginning of a SimpleBlock or Block: track number, signed 16-bit time relative to the
 *   Cluster, flags (RFC 9559 section 10.1)
 * @size: of @payload
 * @error: where to put %KVS_ERROR_PROTOCOL
 *
 * Returns: %FALSE if the session is over
 */
gboolean
kvs_local_ingest_take_block (KvsLocalIngest *ingest, const guint8 *payload, gsize size,
                             GError **error)
{
  guint64 track;
  gsize track_bytes = kvs_ebml_parse_vint (payload, size, &track);
  gint16 relative;

  if (track_bytes == 0 || size < track_bytes + 3)
    return kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  if (ingest->fragment.is_dropped)
    return TRUE;
  if (!ingest->fragment.has_timecode)
    return kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
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
    const KvsLocalTrackSpan *span = &ingest->fragment.spans[i];
    gint64 length = span->last - span->first;

    if (span->n_frames < 2)
      continue;
    kvs_local_ingest_scale_to_ms (ingest, (guint64) (length + length / (span->n_frames - 1)), &ms);
    return ms;
  }
  return ms;
}

static void
store_fragment (KvsLocalIngest *ingest)
{
  KvsLocalOpenFragment *fragment = &ingest->fragment;
  KvsLocalFragment *info = &fragment->info;
  g_autofree gchar *path
    = kvs_local_store_get_path (ingest->store, ingest->stream, info->number);
  g_autoptr (GError) error = NULL;

  info->duration_ms = duration_ms (ingest);
  info->file_size = kvs_local_fragment_writer_get_size (fragment->writer);
  if (!kvs_local_fragment_writer_commit (fragment->writer, path, &error)) {
    drop_after_failure (ingest, error);
    return;
  }
  if (!kvs_local_store_add_fragment (ingest->store, ingest->stream, info, &error)) {
    g_unlink (path);
    drop_after_failure (ingest, error);
    return;
  }
  ingest->has_previous = TRUE;
  ingest->previous_timecode = info->timecode;
  ingest->previous_last = fragment->last;
  if (ingest->stream->retention_hours == 0)
    return;
  kvs_local_ingest_send_ack (ingest, KVS_LOCAL_ACK_PERSISTED, 0);
  if (fragment->events != 0 && ingest->config.deliver != NULL)
    kvs_local_deliver_fragment (ingest->config.deliver, ingest->stream, info, fragment->events);
}

/**
 * kvs_local_ingest_complete_fragment:
 * @ingest: an ingest
 * @error: where to put %KVS_ERROR_PROTOCOL
 *
 * Something came that is not part of the Cluster, or the body is over: stores the open fragment, if
 * there is one.
 *
 * Returns: %FALSE if the session is over
 */
gboolean
kvs_local_ingest_complete_fragment (KvsLocalIngest *ingest, GError **error)
{
  KvsLocalOpenFragment *fragment = &ingest->fragment;
  KvsLocalAckError why;

  if (!fragment->is_open)
    return TRUE;
  if (!fragment->has_timecode)
    return kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  if (!fragment->is_dropped && !kvs_local_ingest_check_tracks (ingest, &why))
    drop_fragment (ingest, why);
  if (!fragment->is_dropped) {
    kvs_local_ingest_send_ack (ingest, KVS_LOCAL_ACK_RECEIVED, 0);
    store_fragment (ingest);
  }
  kvs_local_ingest_reset_fragment (ingest);
  return TRUE;
}
