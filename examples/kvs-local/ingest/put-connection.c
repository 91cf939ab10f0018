/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/put-connection.h"

#include <string.h>

#include "api/ack.h"
#include "api/service-error.h"
#include "http/http-connection.h"
#include "http/pace.h"
#include "ingest/ingest.h"
#include "ingest/put-answer.h"
#include "ingest/put-body.h"

/* How long the others wait while one connection is served: many small fragments take their time. */
#define TURN_US 20000
#define MIN_TURN_BYTES 4096

/* With so much unsent the client does not read its acks, and need not send more either. */
#define MAX_UNSENT_BYTES 65536

/* A client of AWS's own loses the 200 if it comes in one read with the 100 (kvs-api.md section
 * 19). */
#define CONTINUE_GAP_MS 20

/* How long bytes that still come are taken and thrown away after the end of the answer: closing
 * before would reset the connection, and the client might lose the answer. */
#define LINGER_MS 2000

/* How long a client may take to read the end of the answer */
#define END_MS 10000

/* An IDLE ack about every 5 s of the usual 30 */
#define IDLE_ACKS_BEFORE_END 6

#define TICK_MS 250

typedef enum {
  STATE_HEAD,   /* 100 is sent, 200 is not */
  STATE_BODY,   /* the body comes */
  STATE_END,    /* all of the answer is written, not all of it sent */
  STATE_LINGER, /* the answer is sent */
  STATE_CLOSED,
} State;

struct _KvsLocalPutConnection {
  guint ref_count;
  KvsLocalServer *server;
  GIOStream *io;
  GCancellable *cancellable;
  KvsLocalStream *stream; /* NULL if the request is refused, or over */
  guint cell;             /* that had the stream at the start */
  gboolean wants_acks;
  KvsLocalPutBody body;
  KvsLocalIngest *ingest;
  KvsLocalPace *pace; /* NULL without --quotas */
  gchar *request_id;
  State state;
  KvsLocalWatch *watch; /* NULL once the connection is closed */
  gboolean has_whole_body;
  gsize turn_bytes; /* taken before the next connection has its turn */
  GByteArray *unsent;
  GByteArray *sending; /* NULL while nothing is */
  guint head_timer;
  gint64 start_us;
  gint64 last_data_us;
  gint64 last_idle_us;
  gint64 state_us; /* since when END or LINGER */
  GList link;      /* of the server's queue */
};

static void update_watch (KvsLocalPutConnection *connection);
static void write_more (KvsLocalPutConnection *connection);

static KvsLocalPutConnection *
connection_ref (KvsLocalPutConnection *connection)
{
  connection->ref_count++;
  return connection;
}

static void
connection_unref (KvsLocalPutConnection *connection)
{
  if (--connection->ref_count > 0)
    return;
  g_queue_unlink (&connection->server->put_connections, &connection->link);
  g_clear_object (&connection->io);
  g_clear_object (&connection->cancellable);
  kvs_local_put_body_clear (&connection->body);
  g_byte_array_unref (connection->unsent);
  g_free (connection->request_id);
  g_free (connection);
}

/* Another may take this one's place on the stream. */
static void
release_stream (KvsLocalPutConnection *connection)
{
  g_clear_pointer (&connection->ingest, kvs_local_ingest_free);
  g_clear_pointer (&connection->pace, kvs_local_pace_free);
  if (connection->stream == NULL)
    return;
  connection->stream->n_put_connections--;
  g_clear_pointer (&connection->stream, kvs_local_stream_unref);
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
  connection_unref (user_data);
}

/* The last reference but those of pending operations goes. */
static void
close_connection (KvsLocalPutConnection *connection)
{
  GCancellable *cancellable = NULL;

  if (connection->state == STATE_CLOSED)
    return;
  /* TLS says good-bye, but not to a client that does not read and leaves no room for it */
  if (connection->state != STATE_LINGER)
    cancellable = connection->cancellable;
  connection->state = STATE_CLOSED;
  release_stream (connection);
  if (connection->head_timer != 0)
    g_source_remove (connection->head_timer);
  g_clear_pointer (&connection->watch, kvs_local_watch_free);
  g_cancellable_cancel (connection->cancellable);
  g_io_stream_close_async (connection->io, G_PRIORITY_DEFAULT, cancellable, on_closed,
                           connection);
}

static void
queue_text (KvsLocalPutConnection *connection, const gchar *text)
{
  g_byte_array_append (connection->unsent, (const guint8 *) text, (guint) strlen (text));
}

static void
on_ack (const KvsLocalAck *ack, gpointer user_data)
{
  KvsLocalPutConnection *connection = user_data;
  g_autofree gchar *json = NULL;
  g_autofree gchar *chunk = NULL;

  if (ack->type == KVS_LOCAL_ACK_BUFFERING)
    kvs_local_pace_spend (connection->pace, KVS_LOCAL_QUOTA_PUT_FRAGMENTS, 1);
  if (!connection->wants_acks && ack->type != KVS_LOCAL_ACK_ERROR)
    return;
  json = kvs_local_ack_to_json (ack);
  kvs_local_server_log (connection->server, "ack %s %s", connection->request_id, json);
  /* one ack a chunk, with its newline (kvs-api.md section 7) */
  chunk = g_strdup_printf ("%zx\r\n%s\n\r\n", strlen (json) + 1, json);
  queue_text (connection, chunk);
}

static void
set_end_state (KvsLocalPutConnection *connection, State state)
{
  connection->state = state;
  connection->state_us = g_get_monotonic_time ();
}

static void
end_answer (KvsLocalPutConnection *connection)
{
  queue_text (connection, "0\r\n\r\n");
  set_end_state (connection, STATE_END);
  release_stream (connection);
}

static void
start_lingering (KvsLocalPutConnection *connection)
{
  set_end_state (connection, STATE_LINGER);
  if (connection->has_whole_body)
    close_connection (connection);
  else
    update_watch (connection);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  KvsLocalPutConnection *connection = user_data;
  gboolean ok = g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);

  g_clear_pointer (&connection->sending, g_byte_array_unref);
  if (connection->state != STATE_CLOSED) {
    if (!ok) {
      close_connection (connection);
    } else {
      write_more (connection);
      update_watch (connection);
    }
  }
  connection_unref (connection);
}

static void
write_more (KvsLocalPutConnection *connection)
{
  if (connection->sending != NULL || connection->state == STATE_CLOSED)
    return;
  if (connection->unsent->len == 0) {
    if (connection->state == STATE_END)
      start_lingering (connection);
    return;
  }
  connection->sending = connection->unsent;
  connection->unsent = g_byte_array_new ();
  g_output_stream_write_all_async (g_io_stream_get_output_stream (connection->io),
                                   connection->sending->data, connection->sending->len,
                                   G_PRIORITY_DEFAULT, connection->cancellable, on_written,
                                   connection_ref (connection));
}

static void
finish_body (KvsLocalPutConnection *connection)
{
  connection->has_whole_body = TRUE;
  kvs_local_ingest_finish (connection->ingest);
  end_answer (connection);
}

static void
abort_body (KvsLocalPutConnection *connection, KvsLocalAckError why)
{
  kvs_local_ingest_abort (connection->ingest, why);
  end_answer (connection);
}

static void
take_bytes (KvsLocalPutConnection *connection, const guint8 *data, gsize size)
{
  connection->last_data_us = connection->last_idle_us = g_get_monotonic_time ();
  kvs_local_pace_spend (connection->pace, KVS_LOCAL_QUOTA_PUT_BYTES, size);
  switch (kvs_local_put_body_push (&connection->body, connection->ingest, data, size)) {
    case KVS_LOCAL_PUT_BODY_END:
      finish_body (connection);
      break;
    case KVS_LOCAL_PUT_BODY_REFUSED:
      end_answer (connection);
      break;
    case KVS_LOCAL_PUT_BODY_ERROR:
      abort_body (connection, KVS_LOCAL_ACK_STREAM_READ_ERROR);
      break;
    case KVS_LOCAL_PUT_BODY_MORE:
    default:
      break;
  }
  write_more (connection);
}

/* @size is 0 at the end, or negative if reading failed. */
static void
take_read (KvsLocalPutConnection *connection, gssize size)
{
  if (connection->state == STATE_BODY && size > 0) {
    take_bytes (connection, connection->server->read_buffer, (gsize) size);
  } else if (connection->state == STATE_BODY) {
    /* half-closed: the client may still read */
    abort_body (connection, KVS_LOCAL_ACK_STREAM_READ_ERROR);
    write_more (connection);
  } else if (size <= 0 && connection->state == STATE_LINGER) {
    close_connection (connection);
  }
}

static gboolean
wants_bytes (const KvsLocalPutConnection *connection)
{
  return connection->state == STATE_LINGER
         || (connection->state == STATE_BODY && connection->unsent->len < MAX_UNSENT_BYTES
             && !kvs_local_pace_is_held (connection->pace));
}

static void
fit_turn (KvsLocalPutConnection *connection, gint64 took_us)
{
  gsize bytes = connection->turn_bytes;

  if (took_us > TURN_US)
    connection->turn_bytes = MAX (MIN_TURN_BYTES, (gsize) ((gint64) bytes * TURN_US / took_us));
  else if (took_us < TURN_US / 4)
    connection->turn_bytes = MIN (KVS_LOCAL_READ_BYTES, bytes * 2);
}

static void
on_readable (gpointer user_data)
{
  KvsLocalPutConnection *connection = connection_ref (user_data);
  GPollableInputStream *stream
    = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (connection->io));
  gint64 start_us = g_get_monotonic_time ();
  gssize n_left = (gssize) connection->turn_bytes;

  /* to the last byte: TLS has a buffer of its own, which the watch knows nothing of */
  while (n_left > 0 && wants_bytes (connection)) {
    g_autoptr (GError) error = NULL;
    gssize size = g_pollable_input_stream_read_nonblocking (
      stream, connection->server->read_buffer, (gsize) n_left, NULL, &error);

    if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
      break;
    take_read (connection, size);
    n_left -= size;
  }
  fit_turn (connection, g_get_monotonic_time () - start_us);
  update_watch (connection);
  if (n_left <= 0 && wants_bytes (connection))
    kvs_local_watch_wake (connection->watch);
  connection_unref (connection);
}

static void
update_watch (KvsLocalPutConnection *connection)
{
  if (connection->watch != NULL)
    kvs_local_watch_set_active (connection->watch, wants_bytes (connection));
}

static void
check_session_times (KvsLocalPutConnection *connection, gint64 now_us)
{
  const KvsLocalOptions *options = connection->server->options;
  gint64 age_limit_us = (gint64) options->max_connection_seconds * G_USEC_PER_SEC;
  gint64 idle_limit_us = (gint64) options->idle_seconds * G_USEC_PER_SEC;

  /* it may be sending all the time */
  if (kvs_local_pace_is_held (connection->pace))
    connection->last_data_us = connection->last_idle_us = now_us;
  if (connection->stream->deleted) {
    abort_body (connection, KVS_LOCAL_ACK_STREAM_NOT_ACTIVE);
  } else if (connection->stream->cell != connection->cell) {
    abort_body (connection, KVS_LOCAL_ACK_INTERNAL_ERROR);
  } else if (now_us - connection->start_us >= age_limit_us) {
    abort_body (connection, KVS_LOCAL_ACK_MAX_CONNECTION_DURATION);
  } else if (now_us - connection->last_data_us >= idle_limit_us) {
    kvs_local_ingest_time_out (connection->ingest);
    end_answer (connection);
  } else if (now_us - connection->last_idle_us >= idle_limit_us / IDLE_ACKS_BEFORE_END) {
    KvsLocalAck idle = { .type = KVS_LOCAL_ACK_IDLE };

    connection->last_idle_us = now_us;
    on_ack (&idle, connection);
  }
  write_more (connection);
}

static void
send_head (KvsLocalPutConnection *connection)
{
  g_autofree gchar *head = kvs_local_put_answer_head (connection->request_id);

  queue_text (connection, head);
  connection->state = STATE_BODY;
  connection->start_us = connection->last_data_us = connection->last_idle_us
    = g_get_monotonic_time ();
  if (!connection->body.is_chunked && connection->body.length_left == 0)
    finish_body (connection);
  write_more (connection);
  update_watch (connection);
}

static gboolean
on_head_timer (gpointer user_data)
{
  KvsLocalPutConnection *connection = user_data;

  connection->head_timer = 0;
  send_head (connection);
  return G_SOURCE_REMOVE;
}

static void
check_times (KvsLocalPutConnection *connection, gint64 now_us)
{
  gint64 state_ms = (now_us - connection->state_us) / 1000;

  if (connection->state == STATE_BODY)
    check_session_times (connection, now_us);
  else if ((connection->state == STATE_LINGER && state_ms >= LINGER_MS)
           || (connection->state == STATE_END && state_ms >= END_MS))
    close_connection (connection);
}

/* One timer for all; what it closes is not gone before it returns. */
static gboolean
on_tick (gpointer user_data)
{
  KvsLocalServer *server = user_data;
  gint64 now_us = g_get_monotonic_time ();

  for (GList *l = server->put_connections.head; l != NULL; l = l->next)
    check_times (l->data, now_us);
  if (server->put_connections.length > 0)
    return G_SOURCE_CONTINUE;
  server->put_timer = 0;
  return G_SOURCE_REMOVE;
}

/* From here on the connection is no longer libsoup's; what it read too much is still in the
 * stream. */
static KvsLocalPutConnection *
take_connection (KvsLocalServer *server, SoupServerMessage *message)
{
  KvsLocalPutConnection *connection = g_new0 (KvsLocalPutConnection, 1);
  GSocket *socket = kvs_local_http_connection_become_session (message);

  connection->ref_count = 1;
  connection->server = server;
  connection->io = soup_server_message_steal_connection (message);
  connection->watch
    = kvs_local_watch_new (server->poller, g_socket_get_fd (socket), on_readable, connection);
  connection->cancellable = g_cancellable_new ();
  connection->request_id = g_uuid_string_random ();
  connection->unsent = g_byte_array_new ();
  connection->turn_bytes = MIN_TURN_BYTES;
  connection->link.data = connection;
  g_queue_push_head_link (&server->put_connections, &connection->link);
  if (server->put_timer == 0)
    server->put_timer = g_timeout_add (TICK_MS, on_tick, server);
  return connection;
}

/**
 * kvs_local_put_connection_start:
 * @server: the server
 * @message: whose headers are there and good
 * @request: what they say
 *
 * Takes the connection from libsoup and serves it until it is closed.
 */
void
kvs_local_put_connection_start (KvsLocalServer *server, SoupServerMessage *message,
                                const KvsLocalPutMediaRequest *request)
{
  KvsLocalPutConnection *connection = take_connection (server, message);

  connection->stream = kvs_local_stream_ref (request->stream);
  connection->cell = connection->stream->cell;
  connection->stream->n_put_connections++;
  connection->wants_acks = request->wants_acks;
  kvs_local_put_body_init (&connection->body, request->is_chunked, request->length);
  connection->ingest = kvs_local_ingest_new (server->store, connection->stream, &request->config,
                                             on_ack, connection);
  if (server->options->quotas)
    connection->pace = kvs_local_pace_new (connection->stream, on_readable, connection);
  kvs_local_server_log (server, "PutMedia %s stream %s", connection->request_id,
                        connection->stream->name);
  if (!request->expects_continue) {
    send_head (connection);
    return;
  }
  connection->state = STATE_HEAD;
  connection->head_timer = g_timeout_add (CONTINUE_GAP_MS, on_head_timer, connection);
  queue_text (connection, "HTTP/1.1 100 Continue\r\n\r\n");
  write_more (connection);
}

/**
 * kvs_local_put_connection_refuse:
 * @server: the server
 * @message: whose headers are there
 * @why: what is wrong with them
 *
 * Answers with an error at once: libsoup would wait for the end of the body, which may be hours
 * away.
 */
void
kvs_local_put_connection_refuse (KvsLocalServer *server, SoupServerMessage *message,
                                 const GError *why)
{
  KvsLocalPutConnection *connection = take_connection (server, message);
  g_autofree gchar *type = kvs_local_error_type (why);
  g_autofree gchar *answer = kvs_local_put_answer_refusal (connection->request_id, why);

  kvs_local_server_log (server, "PutMedia %s %s: %s", connection->request_id, type, why->message);
  kvs_local_refusals_add (server->refusals,
                          g_uri_get_path (soup_server_message_get_uri (message)), why);
  set_end_state (connection, STATE_END);
  queue_text (connection, answer);
  write_more (connection);
}

/**
 * kvs_local_put_connection_cancel:
 * @connection: a connection
 *
 * Ends it where it is. It is gone from the server's list once its operations are over.
 */
void
kvs_local_put_connection_cancel (KvsLocalPutConnection *connection)
{
  close_connection (connection);
}
