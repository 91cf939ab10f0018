/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What players fetch with a session's token: playlists, manifests, initialisations, segments. */
#include <string.h>

#include "api/service-error.h"
#include "av/remux.h"
#include "playback/dash-manifest.h"
#include "playback/hls-playlist.h"
#include "playback/playback-probe.h"
#include "playback/playback-segment.h"
#include "playback/playback.h"

/* RFC 8216, section 4; FFmpeg complains of others */
#define TYPE_HLS "application/vnd.apple.mpegurl"
#define TYPE_DASH "application/dash+xml"
#define HLS_FOLDER "/hls/v1/"
#define DASH_FOLDER "/dash/v1/"

/* A request with a good token */
typedef struct {
  KvsLocalServer *server;
  SoupServerMessage *message;
  GHashTable *query;
  KvsLocalPlaybackSession *session;
} Request;

typedef gboolean (*Answer) (const Request *request, GError **error);

/* Pages of other origins play, too: the token is all that counts. */
static void
allow_origins (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_message_headers_append (headers, "Access-Control-Allow-Origin", "*");
  soup_message_headers_append (headers, "Access-Control-Expose-Headers",
                               "x-amzn-ErrorType, x-amzn-RequestId");
}

/* A whole number in the query; @out is left alone if it is not there. */
static gboolean
read_number (const Request *request, const gchar *name, guint64 max, guint64 *out, GError **error)
{
  const gchar *text = g_hash_table_lookup (request->query, name);

  if (text == NULL || g_ascii_string_to_unsigned (text, 10, 0, max, out, NULL))
    return TRUE;
  g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT, "%s is not valid.", name);
  return FALSE;
}

/* TrackNumber, from 1, as a place among the tracks */
static gboolean
read_track (const Request *request, guint *track, GError **error)
{
  const KvsLocalMedia *media = g_ptr_array_index (request->session->generations, 0);
  guint64 number = 1;

  if (!read_number (request, "TrackNumber", G_MAXUINT, &number, error))
    return FALSE;
  if (number < 1 || number > media->tracks->len) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                         "TrackNumber is not that of a track.");
    return FALSE;
  }
  *track = (guint) number - 1;
  return TRUE;
}

static gboolean
refuse_container (GError **error)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                       "The session has another container format.");
  return FALSE;
}

static GBytes *
take_text (gchar *text)
{
  return g_bytes_new_take (text, strlen (text));
}

static gboolean
answer_master (const Request *request, GError **error)
{
  g_autoptr (GBytes) text = take_text (kvs_local_hls_master_playlist (request->session));

  kvs_local_server_answer_bytes (request->message, TYPE_HLS, text);
  return TRUE;
}

/* What a list is made for when the session has its new fragments */
typedef struct {
  KvsLocalReply *reply;
  guint track;
} ListRequest;

static void
free_list_request (gpointer data)
{
  kvs_local_reply_free (((ListRequest *) data)->reply);
  g_free (data);
}

static void
on_list (KvsLocalPlaybackSession *session, const GError *error, gpointer user_data)
{
  const ListRequest *list = user_data;
  gboolean is_dash = session->request.is_dash;
  g_autoptr (GBytes) text = NULL;

  if (error != NULL) {
    kvs_local_reply_error (list->reply, error);
    return;
  }
  text = take_text (is_dash ? kvs_local_dash_manifest (session)
                            : kvs_local_hls_media_playlist (session, list->track + 1));
  kvs_local_reply_bytes (list->reply, is_dash ? TYPE_DASH : TYPE_HLS, text);
}

static gboolean
answer_list (const Request *request, GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (request->message);
  KvsLocalServer *server = request->server;
  g_autoptr (GArray) fragments = NULL;
  ListRequest *list;
  guint track;

  if (!read_track (request, &track, error)
      || !kvs_local_server_take_quota (server, &request->session->stream->quotas,
                                       KVS_LOCAL_QUOTA_METADATA_POINTS,
                                       (guint64) request->session->request.max_results, error))
    return FALSE;
  fragments = kvs_local_playback_session_find_new (request->session, server->store, error);
  if (fragments == NULL)
    return FALSE;
  soup_message_headers_append (headers, "Cache-Control", "no-cache");
  list = g_new0 (ListRequest, 1);
  list->track = track;
  list->reply = kvs_local_reply_new (server, request->message);
  if (fragments->len == 0) {
    on_list (request->session, NULL, list);
    free_list_request (list);
  } else {
    kvs_local_probe_start (kvs_local_playback_get_worker (server->playback), server->store,
                           request->session, fragments, on_list, list, free_list_request);
  }
  return TRUE;
}

static gboolean
answer_init (const Request *request, GError **error)
{
  const KvsLocalPlaybackSession *session = request->session;
  guint64 generation = 0;
  g_autoptr (GBytes) bytes = NULL;
  guint track;

  if (session->request.is_ts)
    return refuse_container (error);
  if (!read_track (request, &track, error)
      || !read_number (request, "SequenceNumber", session->generations->len - 1, &generation,
                       error))
    return FALSE;
  bytes = kvs_local_remux_mp4_init (g_ptr_array_index (session->generations, generation), track,
                                    error);
  if (bytes == NULL)
    return FALSE;
  kvs_local_server_answer_bytes (request->message, kvs_local_segment_mp4_type (session, track),
                                 bytes);
  return TRUE;
}

/* In DASH, fragments go by their place in the session. */
static const KvsLocalPlaybackEntry *
find_entry (const Request *request, GError **error)
{
  const gchar *number = g_hash_table_lookup (request->query, "FragmentNumber");
  const KvsLocalPlaybackEntry *entry = NULL;
  guint64 place = 0;

  if (number != NULL && !request->session->request.is_dash)
    entry = kvs_local_playback_session_find (request->session, number);
  else if (number != NULL
           && g_ascii_string_to_unsigned (number, 10, 1, G_MAXUINT64, &place, NULL))
    entry = kvs_local_playback_session_find_sequence (request->session, place - 1);
  if (entry == NULL)
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         "The fragment is not one of the session's.");
  return entry;
}

static gboolean
start_segment (const Request *request, guint track, GError **error)
{
  KvsLocalServer *server = request->server;
  const KvsLocalPlaybackEntry *entry = find_entry (request, error);

  if (entry == NULL || !kvs_local_segment_check (request->session, entry, error)
      || !kvs_local_server_take_quota (server, &request->session->stream->quotas,
                                       KVS_LOCAL_QUOTA_MEDIA_POINTS, 1, error))
    return FALSE;
  kvs_local_segment_start (kvs_local_playback_get_worker (server->playback), server->store,
                           request->session, entry, track,
                           kvs_local_reply_new (server, request->message));
  return TRUE;
}

static gboolean
answer_mp4_segment (const Request *request, GError **error)
{
  guint track;

  if (request->session->request.is_ts)
    return refuse_container (error);
  return read_track (request, &track, error) && start_segment (request, track, error);
}

static gboolean
answer_ts_segment (const Request *request, GError **error)
{
  return request->session->request.is_ts ? start_segment (request, 0, error)
                                         : refuse_container (error);
}

static const struct {
  const gchar *path;
  gboolean is_dash;
  KvsLocalQuota quota;
  Answer answer;
} resources[] = {
  { HLS_FOLDER "getHLSMasterPlaylist.m3u8", FALSE, KVS_LOCAL_QUOTA_MASTER_PLAYLISTS,
    answer_master },
  { HLS_FOLDER "getHLSMediaPlaylist.m3u8", FALSE, KVS_LOCAL_QUOTA_MEDIA_PLAYLISTS, answer_list },
  { HLS_FOLDER "getMP4InitFragment.mp4", FALSE, KVS_LOCAL_QUOTA_INIT_FRAGMENTS, answer_init },
  { HLS_FOLDER "getMP4MediaFragment.mp4", FALSE, KVS_LOCAL_QUOTA_MP4_FRAGMENTS,
    answer_mp4_segment },
  { HLS_FOLDER "getTSFragment.ts", FALSE, KVS_LOCAL_QUOTA_TS_FRAGMENTS, answer_ts_segment },
  { DASH_FOLDER "getDASHManifest.mpd", TRUE, KVS_LOCAL_QUOTA_MANIFESTS, answer_list },
  { DASH_FOLDER "getMP4InitFragment.mp4", TRUE, KVS_LOCAL_QUOTA_INIT_FRAGMENTS, answer_init },
  { DASH_FOLDER "getMP4MediaFragment.mp4", TRUE, KVS_LOCAL_QUOTA_MP4_FRAGMENTS,
    answer_mp4_segment },
};

static gboolean
answer (KvsLocalServer *server, SoupServerMessage *message, gsize resource, GError **error)
{
  const gchar *text = g_uri_get_query (soup_server_message_get_uri (message));
  g_autoptr (GHashTable) query = soup_form_decode (text != NULL ? text : "");
  Request request = { .server = server, .message = message, .query = query };

  request.session
    = kvs_local_playback_find (server->playback, g_hash_table_lookup (query, "SessionToken"),
                               resources[resource].is_dash, error);
  return request.session != NULL
         && kvs_local_server_take_quota (server, &request.session->quotas,
                                         resources[resource].quota, 1, error)
         && resources[resource].answer (&request, error);
}

/**
 * kvs_local_playback_get:
 * @server: the server
 * @message: a GET in /hls/v1/ or /dash/v1/
 * @body: its body
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether it is answered, or going to be
 */
gboolean
kvs_local_playback_get (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                        GError **error)
{
  const gchar *path = g_uri_get_path (soup_server_message_get_uri (message));

  allow_origins (message);
  for (gsize i = 0; i < G_N_ELEMENTS (resources); i++) {
    if (g_str_equal (resources[i].path, path))
      return answer (server, message, i, error);
  }
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_UNKNOWN_OPERATION, path);
  return FALSE;
}

/**
 * kvs_local_playback_tell_options:
 * @server: the server
 * @message: an OPTIONS request in /hls/v1/ or /dash/v1/
 * @body: its body
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Browsers ask before they send what a page of another origin may not send by itself.
 *
 * Returns: %TRUE
 */
gboolean
kvs_local_playback_tell_options (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                                 GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  allow_origins (message);
  soup_message_headers_append (headers, "Access-Control-Allow-Methods", "GET, OPTIONS");
  soup_message_headers_append (headers, "Access-Control-Allow-Headers", "*");
  soup_message_headers_append (headers, "Access-Control-Max-Age", "3600");
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_STATIC, "", 0);
  return TRUE;
}
