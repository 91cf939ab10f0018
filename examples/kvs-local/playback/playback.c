/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "playback/playback.h"

#include <gio/gio.h>
#include <string.h>

#include "api/service-error.h"
#include "archive/archive.h"
#include "http/args.h"
#include "http/reply.h"
#include "playback/playback-probe.h"

#define EXPIRY_SECONDS 10

/* key: of this run's tokens
 * sessions: (element-type KvsLocalPlaybackSession): by their ids */
struct _KvsLocalPlayback {
  KvsLocalServer *server;
  KvsLocalWorker *worker;
  guint8 key[KVS_LOCAL_TOKEN_KEY_BYTES];
  GHashTable *sessions;
  guint expiry_timer;
};

/* What the first list of a new session is waited for with */
typedef struct {
  KvsLocalPlayback *playback;
  KvsLocalReply *reply;
  gchar *endpoint;
} Start;

static guint
hash_id (gconstpointer id)
{
  guint hash;

  memcpy (&hash, id, sizeof hash);
  return hash;
}

static gboolean
ids_are_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, KVS_LOCAL_SESSION_ID_BYTES) == 0;
}

static gboolean
is_over (gpointer key, gpointer value, gpointer user_data)
{
  const KvsLocalPlaybackSession *session = value;

  return session->stream->deleted || session->expiry_us <= g_get_monotonic_time ();
}

static gboolean
on_expiry_timer (gpointer user_data)
{
  KvsLocalPlayback *playback = user_data;

  g_hash_table_foreach_remove (playback->sessions, is_over, NULL);
  return G_SOURCE_CONTINUE;
}

/**
 * kvs_local_playback_new:
 * @server: the server
 * @error: where to put an error
 *
 * Returns: (transfer full) (nullable): no sessions yet. They end with the server: what was made with
 *   another key opens nothing.
 */
KvsLocalPlayback *
kvs_local_playback_new (KvsLocalServer *server, GError **error)
{
  g_autoptr (KvsLocalPlayback) playback = g_new0 (KvsLocalPlayback, 1);

  playback->server = server;
  playback->worker = kvs_local_worker_new ();
  playback->sessions
    = g_hash_table_new_full (hash_id, ids_are_equal, NULL,
                             (GDestroyNotify) kvs_local_playback_session_unref);
  playback->expiry_timer = g_timeout_add_seconds (EXPIRY_SECONDS, on_expiry_timer, playback);
  if (!kvs_local_token_random (playback->key, sizeof playback->key)) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the kernel has no random bytes");
    return NULL;
  }
  return g_steal_pointer (&playback);
}

/**
 * kvs_local_playback_free:
 * @playback: (transfer full) (nullable): sessions, which end
 */
void
kvs_local_playback_free (KvsLocalPlayback *playback)
{
  if (playback == NULL)
    return;
  g_source_remove (playback->expiry_timer);
  kvs_local_worker_free (playback->worker);
  g_hash_table_unref (playback->sessions);
  g_free (playback);
}

/**
 * kvs_local_playback_get_worker:
 * @playback: sessions
 *
 * Returns: (transfer none): the threads that read and repack media
 */
KvsLocalWorker *
kvs_local_playback_get_worker (KvsLocalPlayback *playback)
{
  return playback->worker;
}

/**
 * kvs_local_playback_find:
 * @playback: sessions
 * @token: (nullable): of a request
 * @is_dash: what kind of session the request is for
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: (transfer none) (nullable): the session, if its time is not over
 */
KvsLocalPlaybackSession *
kvs_local_playback_find (KvsLocalPlayback *playback, const gchar *token, gboolean is_dash,
                         GError **error)
{
  KvsLocalPlaybackSession *session = NULL;
  KvsLocalToken opened;
  KvsLocalTokenResult result
    = token != NULL
        ? kvs_local_token_open (playback->key, token, g_get_monotonic_time (), &opened)
        : KVS_LOCAL_TOKEN_INVALID;

  if (result == KVS_LOCAL_TOKEN_GOOD)
    session = g_hash_table_lookup (playback->sessions, opened.id);
  if (session != NULL && session->request.is_dash == is_dash)
    return session;
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_SESSION_TOKEN,
                       result == KVS_LOCAL_TOKEN_EXPIRED ? KVS_LOCAL_MESSAGE_TOKEN_EXPIRED
                                                         : "The streaming session token is not "
                                                           "valid.");
  return NULL;
}

static gboolean
register_session (KvsLocalPlayback *playback, KvsLocalPlaybackSession *session, GError **error)
{
  KvsLocalToken token = { .expiry_us = session->expiry_us };

  if (!kvs_local_token_random (token.id, sizeof token.id)) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INTERNAL,
                         "The kernel has no random bytes.");
    return FALSE;
  }
  memcpy (session->id, token.id, sizeof session->id);
  session->token = kvs_local_token_seal (playback->key, &token);
  g_hash_table_insert (playback->sessions, session->id,
                       kvs_local_playback_session_ref (session));
  return TRUE;
}

static void
free_start (gpointer data)
{
  Start *start = data;

  kvs_local_reply_free (start->reply);
  g_free (start->endpoint);
  g_free (start);
}

static void
answer_url (const Start *start, const KvsLocalPlaybackSession *session)
{
  gboolean is_dash = session->request.is_dash;
  JsonObject *answer = json_object_new ();
  g_autofree gchar *url = g_strconcat (
    start->endpoint, is_dash ? "/dash/v1/getDASHManifest.mpd" : "/hls/v1/getHLSMasterPlaylist.m3u8",
    "?SessionToken=", session->token, NULL);

  json_object_set_string_member (
    answer, is_dash ? "DASHStreamingSessionURL" : "HLSStreamingSessionURL", url);
  kvs_local_reply_object (start->reply, answer);
}

static void
on_first_list (KvsLocalPlaybackSession *session, const GError *error, gpointer user_data)
{
  Start *start = user_data;
  g_autoptr (GError) own_error = NULL;
  const KvsLocalPlaybackEntry *last;

  if (error != NULL || !register_session (start->playback, session, &own_error)) {
    kvs_local_reply_error (start->reply, error != NULL ? error : own_error);
    return;
  }
  last = kvs_local_playback_session_get (session, session->entries->len - 1);
  session->initial_ms = last->position_ms + last->fragment.duration_ms;
  answer_url (start, session);
}

static gboolean
start_session (KvsLocalServer *server, SoupServerMessage *message, JsonObject *args,
               gboolean is_dash, GError **error)
{
  KvsLocalStream *stream = kvs_local_archive_stream (args, server->store, error);
  KvsLocalPlaybackRequest request;
  g_autoptr (KvsLocalPlaybackSession) session = NULL;
  g_autoptr (GArray) fragments = NULL;
  Start *start;

  if (stream == NULL
      || !kvs_local_playback_request_parse (args, stream, is_dash, &request, error)
      || !kvs_local_archive_has_retention (stream, error)
      || !kvs_local_server_take_quota (
        server, &stream->quotas, is_dash ? KVS_LOCAL_QUOTA_DASH_URLS : KVS_LOCAL_QUOTA_HLS_URLS, 1,
        error))
    return FALSE;
  if (server->options->playback_seconds > 0)
    request.expires_seconds = server->options->playback_seconds;
  session = kvs_local_playback_session_new (stream, &request);
  fragments = kvs_local_playback_session_find_new (session, server->store, error);
  if (fragments == NULL)
    return FALSE;
  if (fragments->len == 0) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_FRAGMENTS);
    return FALSE;
  }
  start = g_new0 (Start, 1);
  start->playback = server->playback;
  start->reply = kvs_local_reply_new (server, message);
  start->endpoint = kvs_local_server_get_endpoint (server, message);
  kvs_local_probe_start (server->playback->worker, server->store, session, fragments,
                         on_first_list, start, free_start);
  return TRUE;
}

static gboolean
start_parsed (KvsLocalServer *server, SoupServerMessage *message, GBytes *body, gboolean is_dash,
              GError **error)
{
  JsonObject *args = kvs_local_args_parse (body, error);
  gboolean ok = args != NULL && start_session (server, message, args, is_dash, error);

  g_clear_pointer (&args, json_object_unref);
  return ok;
}

/**
 * kvs_local_playback_start_hls:
 * @server: the server
 * @message: a GetHLSStreamingSessionURL request
 * @body: its body
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether it is going to be answered
 */
gboolean
kvs_local_playback_start_hls (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                              GError **error)
{
  return start_parsed (server, message, body, FALSE, error);
}

/**
 * kvs_local_playback_start_dash:
 * @server: the server
 * @message: a GetDASHStreamingSessionURL request
 * @body: its body
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether it is going to be answered
 */
gboolean
kvs_local_playback_start_dash (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                               GError **error)
{
  return start_parsed (server, message, body, TRUE, error);
}
