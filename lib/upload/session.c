/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "error.h"
#include "upload/session-private.h"

#define UPLOAD_BUFFER_LIVE_BYTES (64 * 1024)
#define UPLOAD_BUFFER_OFFLINE_BYTES (256 * 1024)
/* What has come since the last flush goes out before its time when it is that much. */
#define WAKE_BYTES (256 * 1024)
#define MAX_ERROR_BODY_BYTES (64 * 1024)
#define DRAIN_US G_USEC_PER_SEC

/* ---- the end ---- */

static void
finish (KvsSession *session, const KvsServiceError *service_error, const GError *error)
{
  kvs_loop_cancel_timer (session->client->loop, &session->flush_timer);
  kvs_loop_cancel_timer (session->client->loop, &session->tick_timer);
  kvs_loop_cancel_timer (session->client->loop, &session->end_timer);
  kvs_loop_remove_transfer (session->client->loop, session->easy);
  session->callbacks.ended (service_error, error, session->user_data);
}

static void
on_end_timer (gpointer user_data)
{
  KvsSession *session = user_data;
  g_autoptr (GError) error = g_steal_pointer (&session->end_error);

  session->end_timer = NULL;
  finish (session, NULL, error);
}

static void
set_end_timer (KvsSession *session, gint64 delay_us)
{
  kvs_loop_cancel_timer (session->client->loop, &session->end_timer);
  session->end_timer
      = kvs_loop_add_timer (session->client->loop, delay_us, on_end_timer, session);
}

/* While a flush is to come anyway, Acks can wait for it. */
static void
set_patient (KvsSession *session, gboolean patient)
{
  kvs_loop_set_patient (session->client->loop, session->easy, patient);
}

/**
 * kvs_session_end:
 * @session: a running session
 * @error: (nullable): what @ended is told
 *
 * Ends the Session at once, in the middle of whatever it does; @ended is called a moment later. May be
 * called from the callbacks. I/O thread only.
 */
void
kvs_session_end (KvsSession *session, const GError *error)
{
  if (session->end_timer != NULL)
    return;
  session->end_error = error != NULL ? g_error_copy (error) : NULL;
  set_end_timer (session, 0);
}

/**
 * kvs_session_drain:
 * @session: a running session that the service is about to end
 * @error: (nullable): what @ended is told
 *
 * Sends nothing more, and ends the Session as kvs_session_end() once the Acks have come for what the
 * service has as a whole, or a moment later. I/O thread only.
 */
void
kvs_session_drain (KvsSession *session, const GError *error)
{
  if (session->end_timer != NULL)
    return;
  session->end_error = error != NULL ? g_error_copy (error) : NULL;
  session->draining = TRUE;
  set_patient (session, FALSE);
  set_end_timer (session, kvs_fragment_buffer_awaits_acks (session->buffer) ? DRAIN_US : 0);
}

void
kvs_session_end_with (KvsSession *session, KvsError code, const gchar *what)
{
  g_autoptr (GError) error = g_error_new (KVS_ERROR, (gint) code, "Upload to stream %s: %s",
                                          session->stream_name, what);

  kvs_session_end (session, error);
}

static void
on_transfer_done (CURLcode result, gpointer user_data)
{
  KvsSession *session = user_data;
  g_autoptr (KvsServiceError) service_error = NULL;
  g_autoptr (GError) error = NULL;

  if (session->end_timer != NULL) {
    /* It was being ended, and the reason for that counts. */
    error = g_steal_pointer (&session->end_error);
    finish (session, NULL, error);
    return;
  }
  if (session->head.status != 0 && session->head.status != 200) {
    g_autofree gchar *operation = g_strdup_printf ("PutMedia of stream %s", session->stream_name);

    service_error = kvs_aws_read_refusal (&session->head, session->error_body->data,
                                          session->error_body->len);
    error = kvs_service_error_to_gerror (service_error, operation);
    /* Signed with the corrected time the next request may pass. */
    if (kvs_aws_client_correct_clock (session->client, service_error, session->head.date_s))
      error->code = KVS_ERROR_SERVICE;
  } else if (result != CURLE_OK) {
    error = kvs_http_error_new (session->easy, &session->client->http, result, session->detail,
                                session->url);
    g_prefix_error (&error, "Upload to stream %s: ", session->stream_name);
  } else if (!session->body_ended) {
    error = g_error_new (KVS_ERROR, KVS_ERROR_NETWORK,
                         "Upload to stream %s: the service ended the session",
                         session->stream_name);
  }
  finish (session, service_error, error);
}

/* ---- what libcurl calls ---- */

gboolean
kvs_session_is_refused (const KvsSession *session)
{
  return session->head.status >= 300;
}

/* libcurl up to 8.8 does not end a transfer by itself when the answer is an error and the upload is
 * paused: it has to be taken out of the pause. */
void
kvs_session_unpause (KvsSession *session)
{
  if (!session->paused)
    return;
  session->paused = FALSE;
  kvs_loop_cancel_timer (session->client->loop, &session->flush_timer);
  kvs_loop_set_gathering (session->client->loop, session->easy, TRUE);
  curl_easy_pause (session->easy, CURLPAUSE_CONT);
}

static void set_flush_timer (KvsSession *session, gint64 delay_us);

/* Returns: whether that is what the upload is paused for. */
static gboolean
wait_for_acks (KvsSession *session)
{
  gint64 hold_us = kvs_fragment_buffer_get_hold_us (session->buffer);

  if (hold_us >= 0)
    set_flush_timer (session, hold_us);
  return hold_us >= 0;
}

static void
on_flush_timer (gpointer user_data)
{
  KvsSession *session = user_data;

  session->flush_timer = NULL;
  if (!session->paused)
    return;
  if (kvs_session_is_refused (session) || kvs_fragment_buffer_wait (session->buffer, 1)) {
    kvs_session_unpause (session);
    return;
  }
  set_patient (session, FALSE);
  wait_for_acks (session);
}

/* libcurl may ask again while it is paused: there is one timer, whatever it does. */
static void
set_flush_timer (KvsSession *session, gint64 delay_us)
{
  kvs_loop_cancel_timer (session->client->loop, &session->flush_timer);
  session->flush_timer
      = kvs_loop_add_timer (session->client->loop, delay_us, on_flush_timer, session);
}

/* Sessions are flushed together: the first byte waits for flush-interval at most, and for three
 * quarters of it at least. */
static void
set_shared_flush_timer (KvsSession *session)
{
  kvs_loop_cancel_timer (session->client->loop, &session->flush_timer);
  session->flush_timer
      = kvs_loop_add_shared_timer (session->client->loop, session->flush_interval_us,
                                   session->flush_interval_us / 4, on_flush_timer, session);
}

static void
pause_upload (KvsSession *session)
{
  session->paused = TRUE;
  kvs_loop_set_gathering (session->client->loop, session->easy, FALSE);
}

/* Returns: whether there is something to read after all. */
static gboolean
run_dry (KvsSession *session)
{
  gboolean flushes;

  if (kvs_fragment_buffer_wait (session->buffer, session->wake_bytes))
    return TRUE;
  pause_upload (session);
  session->dry_since_us = g_get_monotonic_time ();
  flushes = !wait_for_acks (session) && session->wake_bytes > 1;
  set_patient (session, flushes);
  if (flushes)
    set_shared_flush_timer (session);
  return FALSE;
}

static size_t
on_read (char *out, size_t size, size_t n, void *user_data)
{
  KvsSession *session = user_data;
  gsize n_read;

  if (kvs_session_is_refused (session))
    return 0;
  if (session->draining) {
    pause_upload (session);
    return CURL_READFUNC_PAUSE;
  }
  do {
    switch (kvs_fragment_buffer_read (session->buffer, (guint8 *) out, size * n, &n_read)) {
      case KVS_READ_DATA:
        session->has_sent = TRUE;
        if (session->unacked_since_us == 0)
          session->unacked_since_us = g_get_monotonic_time ();
        return n_read;
      case KVS_READ_END:
        session->body_ended = TRUE;
        session->unacked_since_us = g_get_monotonic_time ();
        set_patient (session, FALSE);
        kvs_loop_set_gathering (session->client->loop, session->easy, FALSE);
        return 0;
      case KVS_READ_EMPTY:
      default:
        break;
    }
  } while (run_dry (session));
  return CURL_READFUNC_PAUSE;
}

static void
on_refused (KvsSession *session)
{
  /* From inside a callback the pause cannot be lifted; the timer does it. */
  set_flush_timer (session, 0);
}

static size_t
on_header (char *line, size_t size, size_t n, void *user_data)
{
  KvsSession *session = user_data;
  gboolean is_last = size * n <= 2;

  kvs_http_head_read_line (&session->head, line, size * n);
  if (!is_last)
    return size * n;
  if (kvs_session_is_refused (session))
    on_refused (session);
  else if (session->head.status == 200)
    session->callbacks.opened (session->user_data);
  return size * n;
}

static void
on_ack (const KvsAck *ack, gpointer user_data)
{
  KvsSession *session = user_data;

  if (session->end_timer == NULL || (session->draining && ack->type != KVS_ACK_ERROR))
    session->callbacks.ack (ack, session->user_data);
  /* After the body more has to come, up to the end of the answer. */
  session->unacked_since_us
      = session->body_ended || kvs_fragment_buffer_awaits_acks (session->buffer)
            ? g_get_monotonic_time ()
            : 0;
  if (session->draining && !kvs_fragment_buffer_awaits_acks (session->buffer))
    set_end_timer (session, 0);
  /* From inside a callback the pause cannot be lifted. */
  if (session->paused && kvs_fragment_buffer_get_hold_us (session->buffer) == 0)
    set_flush_timer (session, 0);
}

static size_t
on_body (char *data, size_t size, size_t n, void *user_data)
{
  KvsSession *session = user_data;

  if (session->head.status == 200)
    kvs_ack_parser_push (session->acks, data, size * n);
  else if (session->error_body->len + size * n <= MAX_ERROR_BODY_BYTES)
    g_byte_array_append (session->error_body, (const guint8 *) data, (guint) (size * n));
  return size * n;
}

/* ---- the start ---- */

static void
make_headers (KvsSession *session, const KvsStreamDefinition *definition, const KvsSegment *segment)
{
  gint64 start_ms = segment->start_ns / 1000000;
  /* Decimal seconds, the milliseconds padded (kvs-api.md section 6) */
  g_autofree gchar *start = g_strdup_printf ("%" G_GINT64_FORMAT ".%03d", start_ms / 1000,
                                             (gint) (start_ms % 1000));
  gboolean has_arn = definition->stream_arn != NULL;
  const KvsSigv4Header signed_headers[] = {
    { has_arn ? "x-amzn-stream-arn" : "x-amzn-stream-name",
      has_arn ? definition->stream_arn : definition->stream_name },
    { "x-amzn-fragment-timecode-type",
      segment->is_relative ? "RELATIVE" : "ABSOLUTE" },
    { "x-amzn-producer-start-timestamp", start },
    { "x-amzn-fragment-acknowledgment-required", definition->fragment_acks ? "1" : "0" },
  };

  session->headers = kvs_aws_client_sign (session->client, session->url, signed_headers,
                                          G_N_ELEMENTS (signed_headers),
                                          KVS_SIGV4_EMPTY_PAYLOAD_SHA256);
  session->headers = curl_slist_append (session->headers, "Transfer-Encoding: chunked");
  session->headers = curl_slist_append (session->headers, "Content-Type: application/json");
  /* Waiting for a 100 would cost up to a second, and the service answers at once anyway. */
  session->headers = curl_slist_append (session->headers, "Expect:");
}

static gboolean
configure (KvsSession *session, glong upload_buffer_bytes, GError **error)
{
  CURL *easy = session->easy;

  if (!kvs_http_configure (easy, &session->client->http, session->url, error))
    return FALSE;
  curl_easy_setopt (easy, CURLOPT_ERRORBUFFER, session->detail);
  curl_easy_setopt (easy, CURLOPT_HTTPHEADER, session->headers);
  curl_easy_setopt (easy, CURLOPT_UPLOAD_BUFFERSIZE, upload_buffer_bytes);
  curl_easy_setopt (easy, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt (easy, CURLOPT_READDATA, session);
  curl_easy_setopt (easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt (easy, CURLOPT_HEADERDATA, session);
  curl_easy_setopt (easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt (easy, CURLOPT_WRITEDATA, session);
  /* A server may close a connection after an answer just when the next request goes out on it; libcurl
   * would try again by itself, without what it has read of the body already. */
  curl_easy_setopt (easy, CURLOPT_FRESH_CONNECT, 1L);
  return TRUE;
}

/**
 * kvs_session_new:
 * @client: must outlive the session
 * @data_endpoint: base URL that GetDataEndpoint gave
 * @definition: of the stream; not kept
 * @buffer: where the bytes come from, after kvs_fragment_buffer_begin_session(); must outlive the
 *   session
 * @segment: what that returned; not kept
 * @callbacks: copied
 * @user_data: for @callbacks
 *
 * Starts a PutMedia request (kvs-api.md section 6). I/O thread only. All ways to fail end in
 * @callbacks' ended, never before this function has returned.
 *
 * Returns: (transfer full): a running session
 */
KvsSession *
kvs_session_new (KvsAwsClient *client, const gchar *data_endpoint,
                 const KvsStreamDefinition *definition, KvsFragmentBuffer *buffer,
                 const KvsSegment *segment, const KvsSessionCallbacks *callbacks,
                 gpointer user_data)
{
  KvsSession *session = g_new0 (KvsSession, 1);
  gboolean offline = definition->streaming_type == KVS_STREAMING_TYPE_OFFLINE;
  glong upload_buffer_bytes = offline ? UPLOAD_BUFFER_OFFLINE_BYTES : UPLOAD_BUFFER_LIVE_BYTES;
  g_autoptr (GError) error = NULL;

  session->client = client;
  session->buffer = buffer;
  session->callbacks = *callbacks;
  session->user_data = user_data;
  session->stream_name = g_strdup (definition->stream_name);
  session->url = g_strconcat (data_endpoint, "/putMedia", NULL);
  session->flush_interval_us = definition->flush_interval_ns / 1000;
  session->staleness_us
      = definition->fragment_acks ? definition->connection_staleness_ns / 1000 : 0;
  session->wants_acks = definition->fragment_acks;
  session->wake_bytes = session->flush_interval_us > 0 ? WAKE_BYTES : 1;
  session->error_body = g_byte_array_new ();
  session->acks = kvs_ack_parser_new (on_ack, session);
  session->easy = curl_easy_init ();
  make_headers (session, definition, segment);

  kvs_session_watch (session);
  if (!configure (session, upload_buffer_bytes, &error))
    kvs_session_end (session, error);
  else if (!kvs_loop_add_transfer (client->loop, session->easy, on_transfer_done, session))
    kvs_session_end_with (session, KVS_ERROR_NETWORK, "libcurl did not take the request");
  return session;
}

/**
 * kvs_session_wake:
 * @session: a session
 *
 * There is something to send, or the stream has ended. I/O thread only, and not from the callbacks.
 */
void
kvs_session_wake (KvsSession *session)
{
  kvs_session_unpause (session);
}

/**
 * kvs_session_free:
 * @session: (transfer full) (nullable): a session, running or not
 *
 * No callback is called any more. I/O thread only, and not from @opened or @ack.
 */
void
kvs_session_free (KvsSession *session)
{
  if (session == NULL)
    return;
  kvs_loop_cancel_timer (session->client->loop, &session->flush_timer);
  kvs_loop_cancel_timer (session->client->loop, &session->tick_timer);
  kvs_loop_cancel_timer (session->client->loop, &session->end_timer);
  kvs_loop_remove_transfer (session->client->loop, session->easy);
  curl_easy_cleanup (session->easy);
  curl_slist_free_all (session->headers);
  kvs_http_head_clear (&session->head);
  kvs_ack_parser_free (session->acks);
  g_byte_array_unref (session->error_body);
  g_clear_error (&session->end_error);
  g_free (session->stream_name);
  g_free (session->url);
  g_free (session);
}
