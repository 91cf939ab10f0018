/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/media-session.h"

#include <stdio.h>

#include "archive/service-tags.h"
#include "http/http-connection.h"
#include "http/pace.h"

/* How much of a file is in memory at a time */
#define PIECE_BYTES (256 * 1024)

/* What of a fragment is sent next */
typedef enum {
  STAGE_NONE, /* no fragment is open */
  STAGE_HEADER,
  STAGE_CLUSTER,
  STAGE_END,
} Stage;

struct _KvsLocalMediaSession {
  KvsLocalServer *server;
  SoupServerMessage *message;
  KvsLocalStream *stream;
  guint cell; /* that had the stream at the start */
  GHook *hook;
  guint *n_connections;
  GArray *fragments; /* (nullable): gives no more than these */
  guint n_given;     /* of @fragments */
  gint64 last_id;
  KvsLocalFragment fragment;
  FILE *file;
  guint64 position;
  Stage stage;
  KvsLocalPace *pace; /* NULL without --quotas */
  guint empty_timer;  /* runs while there is nothing to send */
  gboolean is_waiting;
  gboolean is_held; /* nothing is appended until the pace allows it */
  gboolean is_over;
  gulong wrote_chunk_handler;
  gulong finished_handler;
};

static void
spend_bytes (KvsLocalMediaSession *session, gsize n)
{
  kvs_local_pace_spend (
    session->pace,
    session->fragments != NULL ? KVS_LOCAL_QUOTA_LIST_BYTES : KVS_LOCAL_QUOTA_GET_BYTES, n);
}

static void
append (KvsLocalMediaSession *session, GBytes *bytes)
{
  spend_bytes (session, g_bytes_get_size (bytes));
  soup_message_body_append_bytes (soup_server_message_get_response_body (session->message), bytes);
}

static void
complete (KvsLocalMediaSession *session)
{
  session->is_over = TRUE;
  soup_message_body_complete (soup_server_message_get_response_body (session->message));
}

static gboolean
stream_is_gone (const KvsLocalMediaSession *session)
{
  return session->stream->deleted || session->stream->cell != session->cell;
}

static gboolean append_next (KvsLocalMediaSession *session);

static void
close_file (KvsLocalMediaSession *session)
{
  if (session->file != NULL)
    fclose (session->file);
  session->file = NULL;
  session->stage = STAGE_NONE;
}

static gboolean
open_file (KvsLocalMediaSession *session)
{
  g_autofree gchar *path = kvs_local_store_get_path (session->server->store, session->stream,
                                                     session->fragment.number);

  session->file = fopen (path, "rbe");
  if (session->file == NULL)
    return FALSE;
  session->position = 0;
  session->stage = STAGE_HEADER;
  return TRUE;
}

/* A fragment whose time is over meanwhile is passed over. */
static gboolean
open_next_stored (KvsLocalMediaSession *session)
{
  while (kvs_local_store_next_fragment (session->server->store, session->stream, session->last_id,
                                        &session->fragment)) {
    session->last_id = session->fragment.id;
    if (open_file (session)) {
      kvs_local_pace_spend (session->pace, KVS_LOCAL_QUOTA_GET_FRAGMENTS, 1);
      return TRUE;
    }
  }
  return FALSE;
}

/* Appends the beginning of what comes next of a list, be it the list's end. */
static void
append_next_listed (KvsLocalMediaSession *session)
{
  g_autoptr (GBytes) tags = NULL;

  if (session->n_given == session->fragments->len) {
    complete (session);
    return;
  }
  session->fragment = g_array_index (session->fragments, KvsLocalFragment, session->n_given++);
  if (open_file (session)) {
    append_next (session);
    return;
  }
  tags = kvs_local_tags_of_exception (session->fragment.number);
  append (session, tags);
  complete (session);
}

/* Gives the bytes of the file up to @end piece by piece, and %FALSE when there are no more. */
static gboolean
append_piece (KvsLocalMediaSession *session, guint64 end)
{
  gsize size = (gsize) MIN ((guint64) PIECE_BYTES, end - session->position);
  guint8 *piece;
  gsize n_read;

  if (size == 0)
    return FALSE;
  piece = g_malloc (size);
  n_read = fread (piece, 1, size, session->file);
  if (n_read == 0) {
    /* A chunk that is cut off says that something is wrong, one that looks whole would not. */
    g_free (piece);
    g_warning ("fragment %s is not whole", session->fragment.number);
    complete (session);
    return TRUE;
  }
  session->position += n_read;
  spend_bytes (session, n_read);
  soup_message_body_append_take (soup_server_message_get_response_body (session->message), piece,
                                 n_read);
  return TRUE;
}

/* Appends the next part of the answer; %FALSE if there is none yet. */
static gboolean
append_next (KvsLocalMediaSession *session)
{
  g_autoptr (GBytes) tags = NULL;

  switch (session->stage) {
    case STAGE_HEADER:
      if (append_piece (session, session->fragment.cluster_offset))
        return TRUE;
      tags = kvs_local_tags_before_fragment (&session->fragment);
      append (session, tags);
      session->stage = STAGE_CLUSTER;
      return TRUE;
    case STAGE_CLUSTER:
      if (append_piece (session, session->fragment.file_size))
        return TRUE;
      session->stage = STAGE_END;
      if (session->fragments != NULL)
        return append_next (session);
      tags = kvs_local_tags_after_fragment (&session->fragment);
      append (session, tags);
      return TRUE;
    case STAGE_END:
    case STAGE_NONE:
    default:
      close_file (session);
      if (session->fragments == NULL)
        return open_next_stored (session) && append_next (session);
      append_next_listed (session);
      return TRUE;
  }
}

static gboolean
on_empty (gpointer user_data)
{
  KvsLocalMediaSession *session = user_data;

  session->empty_timer = 0;
  complete (session);
  soup_server_message_unpause (session->message);
  return G_SOURCE_REMOVE;
}

static void
wait_for_fragments (KvsLocalMediaSession *session)
{
  session->is_waiting = TRUE;
  session->empty_timer = g_timeout_add_seconds (
    (guint) session->server->options->get_media_empty_seconds, on_empty, session);
}

/* Gives %FALSE if there is nothing yet to send. */
static gboolean
send_more (KvsLocalMediaSession *session)
{
  if (stream_is_gone (session)) {
    complete (session);
    return TRUE;
  }
  if (append_next (session))
    return TRUE;
  wait_for_fragments (session);
  return FALSE;
}

/* libsoup comes here when it has written what there was, and pauses if that leaves nothing. */
static void
on_wrote_chunk (SoupServerMessage *message, gpointer user_data)
{
  KvsLocalMediaSession *session = user_data;

  if (session->is_over || session->is_waiting)
    return;
  session->is_held = kvs_local_pace_is_held (session->pace);
  if (!session->is_held)
    send_more (session);
}

static void
on_paid (gpointer user_data)
{
  KvsLocalMediaSession *session = user_data;

  if (!session->is_held)
    return;
  session->is_held = FALSE;
  if (send_more (session))
    soup_server_message_unpause (session->message);
}

static void
on_stored (gpointer user_data)
{
  KvsLocalMediaSession *session = user_data;

  if (session->is_over || !session->is_waiting)
    return;
  if (stream_is_gone (session))
    complete (session);
  else if (!append_next (session))
    return;
  session->is_waiting = FALSE;
  g_clear_handle_id (&session->empty_timer, g_source_remove);
  soup_server_message_unpause (session->message);
}

static void
on_finished (SoupServerMessage *message, gpointer user_data)
{
  kvs_local_media_session_free (user_data);
}

/**
 * kvs_local_media_session_free:
 * @session: (transfer full): a session
 *
 * Ends it where it is.
 */
void
kvs_local_media_session_free (KvsLocalMediaSession *session)
{
  session->server->media_sessions = g_list_remove (session->server->media_sessions, session);
  g_signal_handler_disconnect (session->message, session->wrote_chunk_handler);
  g_signal_handler_disconnect (session->message, session->finished_handler);
  g_clear_handle_id (&session->empty_timer, g_source_remove);
  close_file (session);
  kvs_local_pace_free (session->pace);
  kvs_local_stream_remove_hook (session->stream, session->hook);
  (*session->n_connections)--;
  g_clear_pointer (&session->fragments, g_array_unref);
  kvs_local_stream_unref (session->stream);
  g_object_unref (session->message);
  g_free (session);
}

static void
set_head (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  kvs_local_http_connection_become_session (message);
  kvs_local_http_connection_close_after (message);
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
  soup_message_headers_set_content_type (headers, "video/webm", NULL);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
}

/**
 * kvs_local_media_session_start:
 * @server: the server
 * @message: a request
 * @stream: of the request
 * @plan: what to give
 *
 * Answers with it, as fast as the client takes it. The session ends by itself.
 */
void
kvs_local_media_session_start (KvsLocalServer *server, SoupServerMessage *message,
                               KvsLocalStream *stream, const KvsLocalMediaPlan *plan)
{
  KvsLocalMediaSession *session = g_new0 (KvsLocalMediaSession, 1);

  session->server = server;
  session->message = g_object_ref (message);
  session->stream = kvs_local_stream_ref (stream);
  session->cell = stream->cell;
  session->last_id = plan->after_id;
  if (plan->fragments != NULL)
    session->fragments = g_array_ref (plan->fragments);
  if (server->options->quotas)
    session->pace = kvs_local_pace_new (stream, on_paid, session);
  session->n_connections = plan->n_connections;
  (*session->n_connections)++;
  session->hook = kvs_local_stream_add_hook (stream, on_stored, session);
  session->wrote_chunk_handler
    = g_signal_connect (message, "wrote-chunk", G_CALLBACK (on_wrote_chunk), session);
  session->finished_handler
    = g_signal_connect (message, "finished", G_CALLBACK (on_finished), session);
  server->media_sessions = g_list_prepend (server->media_sessions, session);
  set_head (message);
  if (plan->only != NULL) {
    append (session, plan->only);
    complete (session);
  } else if (!append_next (session)) {
    wait_for_fragments (session);
  }
}
