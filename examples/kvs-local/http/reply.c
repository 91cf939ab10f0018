/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/reply.h"

struct _KvsLocalReply {
  KvsLocalServer *server;
  SoupServerMessage *message;
  gulong finished_handler;
  gboolean is_over; /* answered, or the client has gone */
};

static void
on_finished (SoupServerMessage *message, gpointer user_data)
{
  ((KvsLocalReply *) user_data)->is_over = TRUE;
}

/**
 * kvs_local_reply_new:
 * @server: the server
 * @message: a request
 *
 * Has the client wait until one of the functions below is called.
 *
 * Returns: (transfer full): what to answer with
 */
KvsLocalReply *
kvs_local_reply_new (KvsLocalServer *server, SoupServerMessage *message)
{
  KvsLocalReply *reply = g_new0 (KvsLocalReply, 1);

  reply->server = server;
  reply->message = g_object_ref (message);
  reply->finished_handler
    = g_signal_connect (message, "finished", G_CALLBACK (on_finished), reply);
  soup_server_message_pause (message);
  return reply;
}

/**
 * kvs_local_reply_free:
 * @reply: (transfer full) (nullable): answered or not
 */
void
kvs_local_reply_free (KvsLocalReply *reply)
{
  if (reply == NULL)
    return;
  g_signal_handler_disconnect (reply->message, reply->finished_handler);
  g_object_unref (reply->message);
  g_free (reply);
}

static void
go_on (KvsLocalReply *reply)
{
  reply->is_over = TRUE;
  soup_server_message_unpause (reply->message);
}

/**
 * kvs_local_reply_object:
 * @reply: not answered yet
 * @object: (transfer full): what to answer
 *
 * Answers with status 200 and JSON.
 */
void
kvs_local_reply_object (KvsLocalReply *reply, JsonObject *object)
{
  if (reply->is_over) {
    json_object_unref (object);
    return;
  }
  kvs_local_server_answer_object (reply->message, object);
  go_on (reply);
}

/**
 * kvs_local_reply_bytes:
 * @reply: not answered yet
 * @content_type: of @bytes; a constant
 * @bytes: what to answer
 *
 * Answers with status 200.
 */
void
kvs_local_reply_bytes (KvsLocalReply *reply, const gchar *content_type, GBytes *bytes)
{
  if (reply->is_over)
    return;
  kvs_local_server_answer_bytes (reply->message, content_type, bytes);
  go_on (reply);
}

/**
 * kvs_local_reply_error:
 * @reply: not answered yet
 * @error: why the request is refused
 */
void
kvs_local_reply_error (KvsLocalReply *reply, const GError *error)
{
  if (reply->is_over)
    return;
  kvs_local_server_answer_error (reply->server, reply->message, error);
  go_on (reply);
}
