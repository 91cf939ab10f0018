/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/ingest.h"

#include "error.h"
#include "ingest/ingest-private.h"
#include "ingest/mkv-structure.h"
#include "mkv/mkv-ids.h"

/**
 * kvs_local_ingest_end_session:
 * @ingest: an ingest
 * @why: what the ack says, if the session is not over yet
 * @error: where to put %KVS_ERROR_PROTOCOL
 *
 * Nothing that follows can be used.
 *
 * Returns: %FALSE
 */
gboolean
kvs_local_ingest_end_session (KvsLocalIngest *ingest, KvsLocalAckError why, GError **error)
{
  if (!ingest->is_over)
    kvs_local_ingest_send_ack (ingest, KVS_LOCAL_ACK_ERROR, why);
  ingest->is_over = TRUE;
  kvs_local_ingest_reset_fragment (ingest);
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
      return kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_MORE_THAN_ALLOWED_TRACKS, error);
    default:
      return kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  }
}

/* Gives what the bytes of an element at the top, or right in the Segment, belong to. */
static gboolean
start_section (KvsLocalIngest *ingest, const KvsEbmlElement *element, GError **error)
{
  const KvsLocalMkvHeader *header = &ingest->header;

  if (!kvs_local_ingest_complete_fragment (ingest, error))
    return FALSE;
  switch (element->id) {
    case KVS_MKV_ID_CLUSTER:
      if (!header->has_info || !header->has_tracks)
        return kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
      ingest->target = KVS_LOCAL_TARGET_FRAGMENT;
      kvs_local_ingest_open_fragment (ingest);
      return TRUE;
    case KVS_MKV_ID_TAGS:
      ingest->target = KVS_LOCAL_TARGET_TAGS;
      return TRUE;
    case KVS_MKV_ID_INFO:
    case KVS_MKV_ID_TRACKS:
      if (ingest->had_cluster)
        return kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
      ingest->target = KVS_LOCAL_TARGET_HEADER;
      return TRUE;
    case KVS_MKV_ID_EBML:
    case KVS_MKV_ID_SEGMENT:
      ingest->target = KVS_LOCAL_TARGET_HEADER;
      return TRUE;
    default:
      /* padding and indexes after the first Cluster are of no use in files of one fragment each */
      ingest->target = ingest->had_cluster || element->level == 0 ? KVS_LOCAL_TARGET_NONE
                                                                  : KVS_LOCAL_TARGET_HEADER;
      return TRUE;
  }
}

static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  KvsLocalIngest *ingest = user_data;

  if (!kvs_local_mkv_may_be_in (element->id, element->parent_id))
    return kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, error);
  if ((element->level == 0 || element->parent_id == KVS_MKV_ID_SEGMENT)
      && !start_section (ingest, element, error))
    return FALSE;
  switch (ingest->target) {
    case KVS_LOCAL_TARGET_HEADER:
      return check_header (ingest, kvs_local_mkv_header_start (&ingest->header, element), error);
    case KVS_LOCAL_TARGET_TAGS:
      kvs_local_fragment_tags_start (&ingest->tags, element);
      return TRUE;
    case KVS_LOCAL_TARGET_FRAGMENT:
      kvs_local_ingest_append (ingest, element->header, element->header_size);
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
    case KVS_LOCAL_TARGET_HEADER:
      return check_header (ingest, kvs_local_mkv_header_append (&ingest->header, data, size),
                           error);
    case KVS_LOCAL_TARGET_TAGS:
      kvs_local_fragment_tags_append (&ingest->tags, data, size);
      return TRUE;
    case KVS_LOCAL_TARGET_FRAGMENT:
      kvs_local_ingest_append (ingest, data, size);
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
      return kvs_local_ingest_take_timecode (ingest, payload, (gsize) element->size, error);
    case KVS_MKV_ID_SIMPLE_BLOCK:
    case KVS_MKV_ID_BLOCK:
      return kvs_local_ingest_take_block (ingest, payload, payload_size, error);
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
    case KVS_LOCAL_TARGET_HEADER:
      return check_header (
        ingest, kvs_local_mkv_header_end (&ingest->header, element, payload, payload_size), error);
    case KVS_LOCAL_TARGET_TAGS:
      kvs_local_fragment_tags_end (&ingest->tags, element, payload, payload_size);
      return TRUE;
    case KVS_LOCAL_TARGET_FRAGMENT:
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
  kvs_local_ingest_reset_fragment (ingest);
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
    return kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_STREAM_NOT_ACTIVE, NULL);
  kvs_local_activity_add_bytes (ingest->stream->activity, size);
  return kvs_ebml_reader_push (ingest->reader, data, size, NULL)
         || kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, NULL);
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
    kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_STREAM_NOT_ACTIVE, NULL);
  } else if (!kvs_ebml_reader_finish (ingest->reader, NULL)
             || !kvs_local_ingest_complete_fragment (ingest, NULL)) {
    kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_INVALID_MKV_DATA, NULL);
  } else if (ingest->tags.is_bad) {
    kvs_local_ingest_end_session (ingest, ingest->tags.error, NULL);
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
    kvs_local_ingest_complete_fragment (ingest, NULL);
  kvs_local_ingest_end_session (ingest, why, NULL);
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
    kvs_local_ingest_complete_fragment (ingest, NULL);
  if (ingest->fragment.is_open)
    kvs_local_ingest_end_session (ingest, KVS_LOCAL_ACK_STREAM_READ_ERROR, NULL);
  ingest->is_over = TRUE;
}
