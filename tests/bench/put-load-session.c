/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "put-load-session.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

/* So much goes at a time before the next session has its turn. */
#define MAX_SEND_BYTES (1024 * 1024)
#define LAST_CHUNK "0\r\n\r\n"

static gchar *
create_stream (const Server *server, const gchar *name, guint retention_hours, GError **error)
{
  static const gchar key[] = "\"StreamARN\":\"";
  g_autofree gchar *body = g_strdup_printf (
    "{\"StreamName\":\"%s\",\"DataRetentionInHours\":%u}", name, retention_hours);
  g_autofree gchar *answer = server_post (server, "/createStream", body, error);
  const gchar *arn = answer != NULL ? strstr (answer, key) : NULL;

  if (arn == NULL)
    return NULL;
  arn += strlen (key);
  return g_strndup (arn, strcspn (arn, "\""));
}

/**
 * session_open:
 * @server: whom to connect to
 * @stream: name of its stream, which is made
 * @retention_hours: of the stream
 * @image: what to send; outlives the session
 * @fragment_ms: from one fragment to the next
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): a session whose request's head and header are sent
 */
Session *
session_open (const Server *server, const gchar *stream, guint retention_hours, const Image *image,
              guint fragment_ms, GError **error)
{
  g_autofree gchar *arn = create_stream (server, stream, retention_hours, error);
  g_autofree gchar *request = NULL;
  g_autoptr (GByteArray) header = image_make_header ();
  Session *session;

  if (arn == NULL)
    return NULL;
  session = g_new0 (Session, 1);
  session->arn = g_steal_pointer (&arn);
  session->image = image;
  session->fragment_ms = fragment_ms;
  session->awaited = retention_hours > 0 ? "PERSISTED" : "RECEIVED";
  session->first_timecode_ms = (guint64) g_get_real_time () / 1000;
  session->delays_us = g_array_new (FALSE, FALSE, sizeof (gint64));
  session->completed_us = g_array_new (FALSE, FALSE, sizeof (gint64));
  session->answer = g_string_new (NULL);
  image_write_head (session->head, session->first_timecode_ms);
  request = g_strdup_printf ("POST /putMedia HTTP/1.1\r\nHost: %s:%u\r\n"
                             "x-amzn-stream-name: %s\r\n"
                             "x-amzn-fragment-timecode-type: ABSOLUTE\r\n"
                             "x-amzn-fragment-acknowledgment-required: 1\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n",
                             server->host, server->port, stream);
  if (!wire_open (&session->wire, server, error)) {
    session_free (session);
    return NULL;
  }
  wire_write (&session->wire, request, strlen (request));
  wire_write (&session->wire, header->data, header->len);
  wire_set_nonblocking (&session->wire);
  return session;
}

/**
 * session_free:
 * @session: (transfer full): a session
 */
void
session_free (Session *session)
{
  wire_close (&session->wire);
  g_array_unref (session->delays_us);
  g_array_unref (session->completed_us);
  g_string_free (session->answer, TRUE);
  g_free (session->failure);
  g_free (session->arn);
  g_free (session);
}

static void
fail (Session *session, const gchar *why)
{
  if (session->failure == NULL)
    session->failure = g_strdup (why);
  session->is_over = TRUE;
}

/**
 * session_count_fragments:
 * @session: a session
 *
 * Returns: how many are complete
 */
guint64
session_count_fragments (const Session *session)
{
  return session->completed_us->len;
}

static void
complete_fragment (Session *session)
{
  gint64 now_us = g_get_monotonic_time ();

  g_array_append_val (session->completed_us, now_us);
}

/* The next bytes, up to @limit of them. Those that are the same in each fragment go from the file
 * in memory without being copied, where TLS does not need to look at them. */
static gssize
send_piece (Session *session, gsize limit)
{
  const Image *image = session->image;
  guint64 fragment = session->sent_bytes / image->size;
  gsize position = (gsize) (session->sent_bytes % image->size);
  off_t offset = (off_t) position;

  if (position >= image->head_size) {
    gsize size = MIN (limit, image->size - position);

    if (session->wire.tls == NULL)
      return sendfile (session->wire.fd, image->fd, &offset, size);
    return wire_write (&session->wire, image->bytes + position, size);
  }
  if (fragment != session->head_fragment) {
    image_write_head (session->head,
                      session->first_timecode_ms + fragment * session->fragment_ms);
    session->head_fragment = fragment;
  }
  limit = MIN (limit, image->head_size - position);
  if (session->wire.tls == NULL)
    return send (session->wire.fd, session->head + position, limit, MSG_NOSIGNAL | MSG_MORE);
  return wire_write (&session->wire, session->head + position, limit);
}

/**
 * session_send:
 * @session: a session
 * @until_bytes: how much of the body may be sent in all
 *
 * Sends as much of it as goes without waiting.
 */
void
session_send (Session *session, guint64 until_bytes)
{
  const Image *image = session->image;
  gsize left = MAX_SEND_BYTES;

  while (!session->is_over && left > 0 && session->sent_bytes < until_bytes) {
    gsize limit = (gsize) MIN ((guint64) left, until_bytes - session->sent_bytes);
    gssize sent = send_piece (session, limit);
    guint64 n_begun;

    if (sent <= 0) {
      if (sent == 0 || errno != EAGAIN)
        fail (session, "sending failed");
      return;
    }
    session->sent_bytes += (guint64) sent;
    left -= (gsize) sent;
    n_begun = (session->sent_bytes + image->size - image->head_size) / image->size;
    if (n_begun > 1 && n_begun - 1 > session->completed_us->len)
      complete_fragment (session);
  }
}

/**
 * session_end:
 * @session: a session that has sent whole fragments
 */
void
session_end (Session *session)
{
  if (wire_write (&session->wire, LAST_CHUNK, strlen (LAST_CHUNK)) != (gssize) strlen (LAST_CHUNK))
    return;
  if (session->sent_bytes > 0)
    complete_fragment (session);
  session->is_ended = TRUE;
}

static void
take_ack (Session *session, const gchar *ack)
{
  static const gchar key[] = "\"FragmentTimecode\":";
  const gchar *timecode = strstr (ack, key);
  guint64 fragment;
  gint64 delay_us;

  session->n_acks++;
  if (strstr (ack, "\"ERROR\"") != NULL)
    fail (session, ack);
  if (timecode == NULL || strstr (ack, session->awaited) == NULL)
    return;
  fragment = (g_ascii_strtoull (timecode + strlen (key), NULL, 10) - session->first_timecode_ms)
             / session->fragment_ms;
  if (fragment >= session->completed_us->len || fragment != session->delays_us->len) {
    fail (session, "an ack that nothing asked for");
    return;
  }
  delay_us = g_get_monotonic_time () - g_array_index (session->completed_us, gint64, fragment);
  g_array_append_val (session->delays_us, delay_us);
}

static void
take_answer (Session *session)
{
  gchar *at = session->answer->str;
  gchar *start, *end;

  if (g_str_has_prefix (at, "HTTP/1.1 ") && !g_str_has_prefix (at, "HTTP/1.1 200 ")) {
    fail (session, at);
    return;
  }
  while ((start = strchr (at, '{')) != NULL && (end = strchr (start, '}')) != NULL) {
    *end = '\0';
    take_ack (session, start);
    at = end + 1;
  }
  g_string_erase (session->answer, 0, at - session->answer->str);
}

/**
 * session_receive:
 * @session: a session
 *
 * Takes the acks that are there.
 */
void
session_receive (Session *session)
{
  gchar piece[16384];
  gssize size;

  while (!session->is_over && (size = wire_read (&session->wire, piece, sizeof piece)) != 0) {
    if (size < 0) {
      if (errno != EAGAIN)
        fail (session, g_strerror (errno));
      return;
    }
    g_string_append_len (session->answer, piece, size);
    take_answer (session);
  }
  if (!session->is_ended)
    fail (session, "the connection was closed before its end");
  else if (session->delays_us->len != session->completed_us->len)
    fail (session, "not every fragment is acknowledged");
  session->is_over = TRUE;
}
