/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http.h"

#include <string.h>

#include "error.h"
#include "net/http-turns.h"

/* The largest answer of a control-plane call; real ones have a few hundred bytes. */
#define MAX_BODY_BYTES (1024 * 1024)
#define MIN_BODY_BYTES 4096

struct _KvsHttpCall {
  KvsLoop *loop;
  KvsHttpTurn turn;
  CURL *easy;
  KvsHttpOptions options;
  struct curl_slist *headers;
  struct curl_slist *connect_to;
  gchar *url;
  gchar *request_body;
  KvsHttpHead head;
  gchar *body;
  gsize body_size;
  gsize body_capacity;
  gsize max_body_bytes;
  gboolean is_too_long;
  gboolean tells_more;          /* time-outs and long answers have error codes of their own */
  gchar detail[CURL_ERROR_SIZE];
  GError *start_error;          /* why it could not even begin, told on the next turn */
  KvsLoopTimer *start_error_timer;
  KvsHttpDoneFunc func;
  gpointer user_data;
};

/* Headers and answers of calls carry credentials. */
static void
wipe_and_free (gpointer data, gsize size)
{
  if (data == NULL)
    return;
  explicit_bzero (data, size);
  g_free (data);
}

static void
free_headers (struct curl_slist *headers)
{
  for (struct curl_slist *line = headers; line != NULL; line = line->next)
    explicit_bzero (line->data, strlen (line->data));
  curl_slist_free_all (headers);
}

static void
call_free (KvsHttpCall *call)
{
  kvs_http_turn_leave (&call->turn);
  kvs_loop_cancel_timer (call->loop, &call->start_error_timer);
  g_clear_error (&call->start_error);
  curl_easy_cleanup (call->easy);
  free_headers (call->headers);
  curl_slist_free_all (call->connect_to);
  kvs_http_head_clear (&call->head);
  if (call->request_body != NULL)
    wipe_and_free (call->request_body, strlen (call->request_body));
  wipe_and_free (call->body, call->body_capacity);
  kvs_http_options_clear (&call->options);
  g_free (call->url);
  kvs_loop_release (call->loop);
  g_free (call);
}

static size_t
on_header (char *line, size_t size, size_t n, void *user_data)
{
  KvsHttpCall *call = user_data;

  kvs_http_head_read_line (&call->head, line, size * n);
  return size * n;
}

/* Not with g_realloc(), which leaves what it moves where it was. */
static void
grow_body (KvsHttpCall *call, gsize size)
{
  gsize capacity = MAX (2 * call->body_capacity, MAX (size, MIN_BODY_BYTES));
  gchar *body;

  if (size <= call->body_capacity)
    return;
  body = g_malloc0 (capacity);
  if (call->body_size > 0)
    memcpy (body, call->body, call->body_size);
  wipe_and_free (call->body, call->body_capacity);
  call->body = body;
  call->body_capacity = capacity;
}

static size_t
on_body (char *data, size_t size, size_t n, void *user_data)
{
  KvsHttpCall *call = user_data;

  if (size * n > call->max_body_bytes - call->body_size) {
    call->is_too_long = TRUE;
    return 0;
  }
  grow_body (call, call->body_size + size * n);
  memcpy (call->body + call->body_size, data, size * n);
  call->body_size += size * n;
  return size * n;
}

static gboolean
was_connected (const KvsHttpCall *call)
{
  curl_off_t time_us = 0;

  curl_easy_getinfo (call->easy, CURLINFO_PRETRANSFER_TIME_T, &time_us);
  return time_us > 0;
}

static GError *
failure_of (const KvsHttpCall *call, CURLcode result)
{
  GError *error;

  if (call->is_too_long) {
    g_autofree gchar *detail = g_strdup_printf ("the answer is longer than %" G_GSIZE_FORMAT
                                                " bytes", call->max_body_bytes);

    error = kvs_http_error_new (call->easy, &call->options, result, detail, call->url);
    error->code = call->tells_more ? KVS_ERROR_PROTOCOL : error->code;
    return error;
  }
  error = kvs_http_error_new (call->easy, &call->options, result, call->detail, call->url);
  if (call->tells_more && result == CURLE_OPERATION_TIMEDOUT && was_connected (call))
    error->code = KVS_ERROR_TIMEOUT;
  return error;
}

/* The head of a refusal says all that counts, though the connection broke within the body. */
static gboolean
is_refusal_enough (const KvsHttpHead *head)
{
  return head->status >= 400 && head->error_type != NULL;
}

static void
on_done (CURLcode result, gpointer user_data)
{
  KvsHttpCall *call = user_data;

  /* The connection is free for the next one, which may be asked for from inside. */
  kvs_http_turn_leave (&call->turn);
  if (result == CURLE_OK || is_refusal_enough (&call->head)) {
    g_autoptr (GBytes) body = g_bytes_new_static (call->body, call->body_size);

    call->func (&call->head, body, NULL, call->user_data);
  } else {
    g_autoptr (GError) error = failure_of (call, result);

    call->func (NULL, NULL, error, call->user_data);
  }
  call_free (call);
}

static void
on_not_started (gpointer user_data)
{
  KvsHttpCall *call = user_data;

  call->start_error_timer = NULL;
  call->func (NULL, NULL, call->start_error, call->user_data);
  call_free (call);
}

static KvsHttpCall *
call_new (KvsLoop *loop, const KvsHttpOptions *options, const gchar *url, const gchar *body,
          KvsHttpDoneFunc func, gpointer user_data)
{
  KvsHttpCall *call = g_new0 (KvsHttpCall, 1);

  kvs_http_options_copy (&call->options, options);
  call->loop = kvs_loop_ref (loop);
  call->easy = curl_easy_init ();
  call->url = g_strdup (url);
  call->request_body = g_strdup (body);
  call->max_body_bytes = MAX_BODY_BYTES;
  call->func = func;
  call->user_data = user_data;
  return call;
}

static void
call_prepare (KvsHttpCall *call)
{
  curl_easy_setopt (call->easy, CURLOPT_ERRORBUFFER, call->detail);
  curl_easy_setopt (call->easy, CURLOPT_HTTPHEADER, call->headers);
  if (call->request_body != NULL) {
    curl_easy_setopt (call->easy, CURLOPT_POSTFIELDSIZE, (long) strlen (call->request_body));
    curl_easy_setopt (call->easy, CURLOPT_POSTFIELDS, call->request_body);
  }
  curl_easy_setopt (call->easy, CURLOPT_TIMEOUT_MS, (long) call->options.total_timeout_ms);
  curl_easy_setopt (call->easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt (call->easy, CURLOPT_HEADERDATA, call);
  curl_easy_setopt (call->easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt (call->easy, CURLOPT_WRITEDATA, call);
}

static void
call_add (gpointer user_data)
{
  KvsHttpCall *call = user_data;

  if (call->start_error == NULL
      && !kvs_loop_add_transfer (call->loop, call->easy, on_done, call))
    call->start_error
        = kvs_http_error_new (call->easy, &call->options, CURLE_FAILED_INIT, NULL, call->url);
  if (call->start_error != NULL)
    call->start_error_timer = kvs_loop_add_timer (call->loop, 0, on_not_started, call);
}

/**
 * kvs_http_post:
 * @loop: the loop
 * @options: see #KvsHttpOptions
 * @url: where to
 * @headers: (transfer full): header lines
 * @body: what to send
 * @func: called once with the answer, never before this function has returned
 * @user_data: for @func
 *
 * I/O thread only. The answer's body is wiped when @func has returned.
 *
 * Returns: (transfer none): the call, until @func is called or kvs_http_call_cancel()
 */
KvsHttpCall *
kvs_http_post (KvsLoop *loop, const KvsHttpOptions *options, const gchar *url,
               struct curl_slist *headers, const gchar *body, KvsHttpDoneFunc func,
               gpointer user_data)
{
  KvsHttpCall *call = call_new (loop, options, url, body, func, user_data);

  call->headers = headers;
  kvs_http_configure (call->easy, options, url, &call->start_error);
  call_prepare (call);
  if (kvs_http_turn_take (&call->turn, loop, url, call_add, call))
    call_add (call);
  return call;
}

/* ---- short calls of any kind ---- */

static void
set_method (CURL *easy, const gchar *method)
{
  if (g_str_equal (method, "GET"))
    curl_easy_setopt (easy, CURLOPT_HTTPGET, 1L);
  else if (!g_str_equal (method, "POST"))
    curl_easy_setopt (easy, CURLOPT_CUSTOMREQUEST, method);
}

static void
set_blob (CURL *easy, CURLoption option, const gchar *text)
{
  struct curl_blob blob = { .data = (gpointer) text, .len = strlen (text),
                            .flags = CURL_BLOB_COPY };

  curl_easy_setopt (easy, option, &blob);
}

static void
set_client_certificate (CURL *easy, const KvsHttpRequest *request)
{
  if (request->client_certificate_pem == NULL)
    return;
  curl_easy_setopt (easy, CURLOPT_SSLCERTTYPE, "PEM");
  curl_easy_setopt (easy, CURLOPT_SSLKEYTYPE, "PEM");
  set_blob (easy, CURLOPT_SSLCERT_BLOB, request->client_certificate_pem);
  if (request->client_key_pem != NULL)
    set_blob (easy, CURLOPT_SSLKEY_BLOB, request->client_key_pem);
  /* Nobody else may go on with a connection that was opened in this device's name. */
  curl_easy_setopt (easy, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt (easy, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt (easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

/* libcurl takes the name for TLS from the URL alone: so that has the name, and the connection is
 * led to where the URL pointed. */
static gboolean
set_url (KvsHttpCall *call, const KvsHttpRequest *request, GError **error)
{
  g_autoptr (GUri) uri = g_uri_parse (request->url, G_URI_FLAGS_ENCODED, error);
  g_autofree gchar *lead = NULL;
  g_autofree gchar *named = NULL;
  const gchar *scheme = uri != NULL ? g_uri_get_scheme (uri) : NULL;

  if (uri == NULL
      || (!g_str_equal (scheme, "http") && !g_str_equal (scheme, "https"))
      || g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0') {
    g_clear_error (error);
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "\"%s\" is not the URL of a host that speaks HTTP", request->url);
    return FALSE;
  }
  if (request->sni_host == NULL)
    return TRUE;
  lead = g_strdup_printf (strchr (g_uri_get_host (uri), ':') != NULL ? "::[%s]:" : "::%s:",
                          g_uri_get_host (uri));
  named = g_uri_join (G_URI_FLAGS_ENCODED, scheme, NULL, request->sni_host, g_uri_get_port (uri),
                      g_uri_get_path (uri), g_uri_get_query (uri), NULL);
  call->connect_to = curl_slist_append (NULL, lead);
  curl_easy_setopt (call->easy, CURLOPT_CONNECT_TO, call->connect_to);
  curl_easy_setopt (call->easy, CURLOPT_URL, named);
  return TRUE;
}

/* Strings belong to @options and @request. */
static KvsHttpOptions
options_for (const KvsHttpOptions *options, const KvsHttpRequest *request)
{
  KvsHttpOptions own = *options;

  if (request->ca_path != NULL)
    own.ca_path = (gchar *) request->ca_path;
  if (request->connect_timeout_ms != 0)
    own.connect_timeout_ms = request->connect_timeout_ms;
  if (request->total_timeout_ms != 0)
    own.total_timeout_ms = request->total_timeout_ms;
  if (request->no_proxy)
    own.proxy = (gchar *) "";
  return own;
}

/**
 * kvs_http_request:
 * @loop: the loop
 * @options: see #KvsHttpOptions
 * @request: what to ask
 * @func: called once with the answer, never before this function has returned
 * @user_data: for @func
 *
 * Redirects are answers like others. Beyond the errors of kvs_http_post() there are
 * %KVS_ERROR_TIMEOUT, for an answer that did not come in time from a host that was reached, and
 * %KVS_ERROR_PROTOCOL, for one that is too long. The answer's body is wiped when @func has
 * returned. I/O thread only.
 *
 * Returns: (transfer none): the call, until @func is called or kvs_http_call_cancel()
 */
KvsHttpCall *
kvs_http_request (KvsLoop *loop, const KvsHttpOptions *options, const KvsHttpRequest *request,
                  KvsHttpDoneFunc func, gpointer user_data)
{
  gboolean is_get = g_str_equal (request->method, "GET");
  const gchar *body = request->body != NULL ? request->body : "";
  KvsHttpOptions own = options_for (options, request);
  KvsHttpCall *call = call_new (loop, &own, request->url, is_get ? NULL : body, func, user_data);

  if (request->max_answer_bytes != 0)
    call->max_body_bytes = request->max_answer_bytes;
  call->tells_more = TRUE;
  for (guint i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
    call->headers = curl_slist_append (call->headers, request->headers[i]);

  if (kvs_http_configure (call->easy, &own, request->url, &call->start_error))
    set_url (call, request, &call->start_error);
  set_method (call->easy, request->method);
  set_client_certificate (call->easy, request);
  if (request->no_proxy)
    curl_easy_setopt (call->easy, CURLOPT_NOPROXY, "*");
  call_prepare (call);
  call_add (call);
  return call;
}

/**
 * kvs_http_call_cancel:
 * @call: (transfer full): a call whose function was not called yet
 *
 * I/O thread only. The function will not be called.
 */
void
kvs_http_call_cancel (KvsHttpCall *call)
{
  kvs_loop_remove_transfer (call->loop, call->easy);
  call_free (call);
}
