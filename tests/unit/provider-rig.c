/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "provider-rig.h"

#include <check.h>
#include <string.h>

#include "wait.h"

typedef struct {
  guint status; /* 0: the connection is reset */
  gchar *body;
  gint64 date_s;
  gboolean is_bit_by_bit;
} RigAnswer;

/* ---- the server ---- */

static void
answer_free (gpointer data)
{
  RigAnswer *answer = data;

  g_free (answer->body);
  g_free (answer);
}

static void
request_free (gpointer data)
{
  RigRequest *request = data;

  g_free (request->method);
  g_free (request->path);
  g_free (request->body);
  g_free (request->sni);
  g_hash_table_unref (request->headers);
  g_free (request);
}

static RigRequest *
request_new (HttpPeer *peer, const gchar *path, gboolean is_tls)
{
  RigRequest *request = g_new0 (RigRequest, 1);
  GHashTableIter iter;
  gpointer name, value;

  request->method = g_strdup (http_peer_get_method (peer));
  request->path = g_strdup (path);
  request->sni = is_tls ? g_strdup (http_peer_get_sni (peer)) : NULL;
  request->headers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_iter_init (&iter, http_peer_get_headers (peer));
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_hash_table_insert (request->headers, g_strdup (name), g_strdup (value));
  request->body = http_peer_read_body (peer);
  return request;
}

static void
write_answer (HttpPeer *peer, const RigAnswer *answer)
{
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (answer->date_s);
  g_autofree gchar *date_line
      = answer->date_s != 0 ? g_date_time_format (date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n")
                            : g_strdup ("");
  g_autofree gchar *text
      = g_strdup_printf ("HTTP/1.1 %u Some Reason\r\n%sContent-Length: %" G_GSIZE_FORMAT
                         "\r\n\r\n%s", answer->status, date_line, strlen (answer->body),
                         answer->body);

  if (!answer->is_bit_by_bit) {
    http_peer_write (peer, text);
    return;
  }
  for (const gchar *c = text; *c != '\0'; c++) {
    const gchar bit[] = { *c, '\0' };

    http_peer_write (peer, bit);
    if (c == text)
      http_peer_is_quiet (peer, 20);
  }
}

static void
handle (HttpPeer *peer, const gchar *path, gpointer user_data)
{
  ProviderRig *rig = user_data;
  RigRequest *request = request_new (peer, path, rig->is_tls);
  RigAnswer *answer;

  g_mutex_lock (&rig->lock);
  g_ptr_array_add (rig->requests, request);
  answer = g_queue_pop_head (&rig->answers);
  g_cond_broadcast (&rig->changed);
  g_mutex_unlock (&rig->lock);

  if (answer == NULL)
    http_peer_wait_until_closed (peer);
  else if (answer->status == 0)
    http_peer_reset (peer);
  else
    write_answer (peer, answer);
  if (answer != NULL)
    answer_free (answer);
}

static RigAnswer *
add_answer (ProviderRig *rig, guint status, const gchar *body)
{
  RigAnswer *answer = g_new0 (RigAnswer, 1);

  answer->status = status;
  answer->body = g_strdup (body);
  g_mutex_lock (&rig->lock);
  g_queue_push_tail (&rig->answers, answer);
  g_mutex_unlock (&rig->lock);
  return answer;
}

void
provider_rig_answer (ProviderRig *rig, guint status, const gchar *body)
{
  add_answer (rig, status, body);
}

void
provider_rig_answer_dated (ProviderRig *rig, guint status, const gchar *body, gint64 date_s)
{
  add_answer (rig, status, body)->date_s = date_s;
}

void
provider_rig_answer_bit_by_bit (ProviderRig *rig, guint status, const gchar *body)
{
  add_answer (rig, status, body)->is_bit_by_bit = TRUE;
}

void
provider_rig_answer_reset (ProviderRig *rig)
{
  add_answer (rig, 0, NULL);
}

/* ---- the rig ---- */

ProviderRig *
provider_rig_new (gboolean tls)
{
  ProviderRig *rig = g_new0 (ProviderRig, 1);

  rig->n_threads_before = count_threads_before ();
  g_queue_init (&rig->answers);
  rig->requests = g_ptr_array_new_with_free_func (request_free);
  rig->is_tls = tls;
  rig->server = http_server_new (tls, handle, rig);
  rig->url = g_strdup (http_server_get_url (rig->server));
  rig->loop = kvs_loop_acquire ();
  rig->http.user_agent = (gchar *) "test";
  rig->http.ca_path = g_strdup (http_server_get_ca_path (rig->server));
  rig->http.connect_timeout_ms = 20000;
  rig->http.total_timeout_ms = 20000;
  return rig;
}

/* The address stays, but nobody listens there any more, and its certificate is gone too. */
void
provider_rig_refuse_connections (ProviderRig *rig)
{
  g_clear_pointer (&rig->http.ca_path, g_free);
  g_clear_pointer (&rig->server, http_server_free);
}

static void
free_provider (gpointer user_data)
{
  ProviderRig *rig = user_data;

  kvs_credentials_provider_free (g_steal_pointer (&rig->provider));
}

static void
tell_freed (gpointer user_data)
{
  ProviderRig *rig = user_data;

  g_mutex_lock (&rig->lock);
  rig->is_freed = TRUE;
  g_cond_broadcast (&rig->changed);
  g_mutex_unlock (&rig->lock);
}

static void
wait_until_freed (ProviderRig *rig)
{
  gint64 deadline_us = g_get_monotonic_time () + WAIT_LIMIT_US;

  g_mutex_lock (&rig->lock);
  while (!rig->is_freed)
    ck_assert (g_cond_wait_until (&rig->changed, &rig->lock, deadline_us));
  g_mutex_unlock (&rig->lock);
}

static void
clear_result (ProviderRig *rig)
{
  kvs_credentials_unref (g_steal_pointer (&rig->credentials));
  g_clear_error (&rig->error);
  rig->is_done = FALSE;
}

/* GLib keeps the threads of its pool for a while after their work. */
static gboolean
are_threads_gone (gpointer user_data)
{
  ProviderRig *rig = user_data;

  g_thread_pool_stop_unused_threads ();
  return count_threads () == rig->n_threads_before;
}

void
provider_rig_free (ProviderRig *rig)
{
  kvs_loop_invoke (rig->loop, free_provider, rig);
  kvs_loop_invoke (rig->loop, tell_freed, rig);
  wait_until_freed (rig);
  kvs_loop_release (rig->loop);
  if (rig->server != NULL)
    http_server_free (rig->server);
  ck_assert (wait_until (are_threads_gone, rig));
  clear_result (rig);
  g_queue_clear_full (&rig->answers, answer_free);
  g_ptr_array_unref (rig->requests);
  g_free (rig->http.ca_path);
  g_free (rig->url);
  g_free (rig);
}

void
provider_rig_use (ProviderRig *rig, KvsCredentialsProvider *provider)
{
  rig->provider = provider;
}

/* The next one can be used then. */
void
provider_rig_drop (ProviderRig *rig)
{
  rig->is_done = FALSE;
  kvs_loop_invoke (rig->loop, free_provider, rig);
  provider_rig_cancel (rig);
}

/* ---- fetches ---- */

static void
on_result (KvsCredentials *credentials, const GError *error, gpointer user_data)
{
  ProviderRig *rig = user_data;

  g_mutex_lock (&rig->lock);
  ck_assert_msg (!rig->is_starting, "called before fetch() has returned");
  ck_assert_msg (rig->fetch != NULL, "called after the end");
  rig->fetch = NULL;
  rig->credentials = credentials != NULL ? kvs_credentials_ref (credentials) : NULL;
  rig->error = error != NULL ? g_error_copy (error) : NULL;
  rig->is_done = TRUE;
  g_cond_broadcast (&rig->changed);
  g_mutex_unlock (&rig->lock);
}

static void
start (gpointer user_data)
{
  ProviderRig *rig = user_data;

  rig->is_starting = TRUE;
  rig->fetch = kvs_credentials_provider_fetch (rig->provider, on_result, rig);
  rig->is_starting = FALSE;
}

static void
cancel (gpointer user_data)
{
  ProviderRig *rig = user_data;

  if (rig->fetch != NULL)
    kvs_credentials_fetch_cancel (g_steal_pointer (&rig->fetch));
  g_mutex_lock (&rig->lock);
  rig->is_done = TRUE;
  g_cond_broadcast (&rig->changed);
  g_mutex_unlock (&rig->lock);
}

static void
start_and_cancel (gpointer user_data)
{
  start (user_data);
  cancel (user_data);
}

void
provider_rig_start (ProviderRig *rig)
{
  clear_result (rig);
  kvs_loop_invoke (rig->loop, start, rig);
}

void
provider_rig_wait (ProviderRig *rig)
{
  gint64 deadline_us = g_get_monotonic_time () + WAIT_LIMIT_US;

  g_mutex_lock (&rig->lock);
  while (!rig->is_done)
    ck_assert (g_cond_wait_until (&rig->changed, &rig->lock, deadline_us));
  g_mutex_unlock (&rig->lock);
}

void
provider_rig_fetch (ProviderRig *rig)
{
  provider_rig_start (rig);
  provider_rig_wait (rig);
}

/* Until it has been cancelled. */
void
provider_rig_cancel (ProviderRig *rig)
{
  kvs_loop_invoke (rig->loop, cancel, rig);
  provider_rig_wait (rig);
}

void
provider_rig_start_and_cancel (ProviderRig *rig)
{
  clear_result (rig);
  kvs_loop_invoke (rig->loop, start_and_cancel, rig);
  provider_rig_wait (rig);
}

/* Returns: how many have come, @n at least. */
guint
provider_rig_wait_for_requests (ProviderRig *rig, guint n)
{
  gint64 deadline_us = g_get_monotonic_time () + WAIT_LIMIT_US;

  g_mutex_lock (&rig->lock);
  while (rig->requests->len < n)
    ck_assert (g_cond_wait_until (&rig->changed, &rig->lock, deadline_us));
  n = rig->requests->len;
  g_mutex_unlock (&rig->lock);
  return n;
}

/* ---- what is expected ---- */

void
provider_rig_assert_credentials (ProviderRig *rig, const gchar *access_key)
{
  ck_assert_msg (rig->error == NULL, "%s", rig->error != NULL ? rig->error->message : "");
  ck_assert_ptr_nonnull (rig->credentials);
  ck_assert_str_eq (rig->credentials->access_key, access_key);
  ck_assert_str_eq (rig->credentials->secret_key, SESAME "/secret+key");
  ck_assert_str_eq (rig->credentials->session_token, SESAME "+token==");
}

void
provider_rig_assert_error (ProviderRig *rig, KvsError code, const gchar *words)
{
  ck_assert_ptr_null (rig->credentials);
  ck_assert_ptr_nonnull (rig->error);
  ck_assert_msg (rig->error->domain == KVS_ERROR && rig->error->code == (gint) code, "%d: %s",
                 rig->error->code, rig->error->message);
  ck_assert_msg (g_str_has_prefix (rig->error->message, rig->provider->name), "%s",
                 rig->error->message);
  ck_assert_msg (strstr (rig->error->message, words) != NULL, "no \"%s\" in: %s", words,
                 rig->error->message);
  ck_assert_msg (strstr (rig->error->message, SESAME) == NULL, "%s", rig->error->message);
}

const RigRequest *
provider_rig_get_request (ProviderRig *rig, guint index)
{
  ck_assert_uint_gt (provider_rig_wait_for_requests (rig, index + 1), index);
  return g_ptr_array_index (rig->requests, index);
}

void
provider_rig_assert_header (ProviderRig *rig, guint index, const gchar *name,
                            const gchar *expected)
{
  const gchar *value
      = g_hash_table_lookup (provider_rig_get_request (rig, index)->headers, name);

  if (expected == NULL) {
    ck_assert_msg (value == NULL, "%s: %s", name, value);
  } else {
    ck_assert_msg (value != NULL, "no %s", name);
    ck_assert_str_eq (value, expected);
  }
}
