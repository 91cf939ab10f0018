/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "get-media.h"

#include <stdio.h>

#include "args.h"
#include "http-connection.h"
#include "service-error.h"
#include "service-tags.h"
#include "start-selector.h"

/* How much of a file is in memory at a time */
#define PIECE_BYTES (256 * 1024)

/* The API names ids of errors within the body, and no texts. */
#define ERROR_ID_NOT_FOUND 4000
#define ERROR_CODE_NOT_FOUND "FRAGMENT_NOT_FOUND"

/* What of a fragment is sent next */
typedef enum {
  STAGE_NONE, /* no fragment is open */
  STAGE_HEADER,
  STAGE_CLUSTER,
  STAGE_END,
} Stage;

struct _KvsLocalGetMedia {
  KvsLocalServer *server;
  SoupServerMessage *message;
  KvsLocalStream *stream;
  guint cell; /* that had the stream at the start */
  GHook *hook;
  gint64 last_id;
  KvsLocalFragment fragment;
  FILE *file;
  guint64 position;
  Stage stage;
  guint empty_timer; /* runs while there is nothing to send */
  gboolean is_waiting;
  gboolean is_over;
  gulong wrote_chunk_handler;
  gulong finished_handler;
};

static void
append (KvsLocalGetMedia *session, GBytes *bytes)
{
  soup_message_body_append_bytes (soup_server_message_get_response_body (session->message), bytes);
}

static void
complete (KvsLocalGetMedia *session)
{
  session->is_over = TRUE;
  soup_message_body_complete (soup_server_message_get_response_body (session->message));
}

static gboolean
stream_is_gone (const KvsLocalGetMedia *session)
{
  return session->stream->deleted || session->stream->cell != session->cell;
}

static void
close_file (KvsLocalGetMedia *session)
{
  if (session->file != NULL)
    fclose (session->file);
  session->file = NULL;
  session->stage = STAGE_NONE;
}

/* A fragment whose time is over meanwhile is passed over. */
static gboolean
open_next (KvsLocalGetMedia *session)
{
  KvsLocalStore *store = session->server->store;

  while (kvs_local_store_next_fragment (store, session->stream, session->last_id,
                                        &session->fragment)) {
    g_autofree gchar *path
      = kvs_local_store_get_path (store, session->stream, session->fragment.number);

    session->last_id = session->fragment.id;
    session->file = fopen (path, "rbe");
    if (session->file != NULL) {
      session->position = 0;
      session->stage = STAGE_HEADER;
      return TRUE;
    }
  }
  return FALSE;
}

/* Gives the bytes of the file up to @end piece by piece, and %FALSE when there are no more. */
static gboolean
append_piece (KvsLocalGetMedia *session, guint64 end)
{
  gsize size = (gsize) MIN ((guint64) PIECE_BYTES, end - session->position);
  guint8 *piece;
  gsize n_read;

  if (size == 0)
    return FALSE;
  piece = g_malloc (size);
  n_read = fread (piece, 1, size, session->file);
  if (n_read == 0) {
    g_free (piece);
    return FALSE;
  }
  session->position += n_read;
  soup_message_body_append_take (soup_server_message_get_response_body (session->message), piece,
                                 n_read);
  return TRUE;
}

/* Appends the next part of the answer; %FALSE if there is none yet. */
static gboolean
append_next (KvsLocalGetMedia *session)
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
      tags = kvs_local_tags_after_fragment (&session->fragment);
      append (session, tags);
      session->stage = STAGE_END;
      return TRUE;
    case STAGE_END:
    case STAGE_NONE:
    default:
      close_file (session);
      return open_next (session) && append_next (session);
  }
}

static gboolean
on_empty (gpointer user_data)
{
  KvsLocalGetMedia *session = user_data;

  session->empty_timer = 0;
  complete (session);
  soup_server_message_unpause (session->message);
  return G_SOURCE_REMOVE;
}

static void
wait_for_fragments (KvsLocalGetMedia *session)
{
  session->is_waiting = TRUE;
  session->empty_timer = g_timeout_add_seconds (
    (guint) session->server->options->get_media_empty_seconds, on_empty, session);
}

/* libsoup comes here when it has written what there was, and pauses if that leaves nothing. */
static void
on_wrote_chunk (SoupServerMessage *message, gpointer user_data)
{
  KvsLocalGetMedia *session = user_data;

  if (session->is_over || session->is_waiting)
    return;
  if (stream_is_gone (session))
    complete (session);
  else if (!append_next (session))
    wait_for_fragments (session);
}

static void
on_stored (gpointer user_data)
{
  KvsLocalGetMedia *session = user_data;

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
  kvs_local_get_media_free (user_data);
}

/**
 * kvs_local_get_media_free:
 * @session: (transfer full): a session
 *
 * Ends it where it is.
 */
void
kvs_local_get_media_free (KvsLocalGetMedia *session)
{
  session->server->get_sessions = g_list_remove (session->server->get_sessions, session);
  g_signal_handler_disconnect (session->message, session->wrote_chunk_handler);
  g_signal_handler_disconnect (session->message, session->finished_handler);
  g_clear_handle_id (&session->empty_timer, g_source_remove);
  close_file (session);
  kvs_local_stream_remove_hook (session->stream, session->hook);
  session->stream->n_get_connections--;
  kvs_local_stream_unref (session->stream);
  g_object_unref (session->message);
  g_free (session);
}

static void
start_session (KvsLocalServer *server, SoupServerMessage *message, KvsLocalStream *stream,
               const KvsLocalStart *start)
{
  KvsLocalGetMedia *session = g_new0 (KvsLocalGetMedia, 1);
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  session->server = server;
  session->message = g_object_ref (message);
  session->stream = kvs_local_stream_ref (stream);
  session->cell = stream->cell;
  session->last_id = start->after_id;
  stream->n_get_connections++;
  session->hook = kvs_local_stream_add_hook (stream, on_stored, session);
  session->wrote_chunk_handler
    = g_signal_connect (message, "wrote-chunk", G_CALLBACK (on_wrote_chunk), session);
  session->finished_handler
    = g_signal_connect (message, "finished", G_CALLBACK (on_finished), session);
  server->get_sessions = g_list_prepend (server->get_sessions, session);
  kvs_local_http_connection_become_session (message);
  kvs_local_http_connection_close_after (message);

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
  soup_message_headers_set_content_type (headers, "video/webm", NULL);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
  if (start->is_missing) {
    g_autoptr (GBytes) tags = kvs_local_tags_of_error (ERROR_ID_NOT_FOUND, ERROR_CODE_NOT_FOUND);

    append (session, tags);
    complete (session);
  } else if (!append_next (session)) {
    wait_for_fragments (session);
  }
}

static gboolean
start (KvsLocalServer *server, SoupServerMessage *message, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_args_stream (args, server->store, error);
  KvsLocalStart where;

  if (stream == NULL
      || !kvs_local_start_selector_resolve (args, server->store, stream, &where, error))
    return FALSE;
  if (stream->n_get_connections >= KVS_LOCAL_MAX_GET_CONNECTIONS) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_CONNECTION_LIMIT,
                         "The limit of concurrent GetMedia connections of the stream is reached.");
    return FALSE;
  }
  start_session (server, message, stream, &where);
  return TRUE;
}

/**
 * kvs_local_get_media_start:
 * @server: the server
 * @message: a GetMedia request
 * @body: its body
 * @error: where to put an error
 *
 * Returns: whether it is being answered; if not, with a %KVS_LOCAL_ERROR
 */
gboolean
kvs_local_get_media_start (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                           GError **error)
{
  JsonObject *args = kvs_local_args_parse (body, error);
  gboolean ok = args != NULL && start (server, message, args, error);

  g_clear_pointer (&args, json_object_unref);
  return ok;
}
