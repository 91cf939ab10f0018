/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "playback/hls-playlist.h"

#include "av/codecs.h"
#include "playback/playback-text.h"

#define MS_PER_SECOND 1000.0

static gchar *
codec_names (const GPtrArray *tracks)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < tracks->len; i++) {
    g_autofree gchar *name = kvs_local_codecs_name (g_ptr_array_index (tracks, i));

    g_string_append_printf (names, "%s%s", i > 0 ? "," : "", name);
  }
  return g_string_free (names, FALSE);
}

/* In MPEG-TS all tracks are in one playlist. */
static void
append_audio (GString *text, const KvsLocalPlaybackSession *session)
{
  g_string_append_printf (text,
                          "#EXT-X-MEDIA:AUTOSELECT=YES,FORCED=NO,TYPE=AUDIO,"
                          "URI=\"getHLSMediaPlaylist.m3u8?SessionToken=%s&TrackNumber=2\","
                          "GROUP-ID=\"audio\",DEFAULT=NO,NAME=\"audio\"\n",
                          session->token);
}

/**
 * kvs_local_hls_master_playlist:
 * @session: a session with fragments
 *
 * Returns: (transfer full): the playlist of playlists
 */
gchar *
kvs_local_hls_master_playlist (const KvsLocalPlaybackSession *session)
{
  const KvsLocalMedia *media = g_ptr_array_index (session->generations, 0);
  const AVCodecParameters *first = g_ptr_array_index (media->tracks, 0);
  gboolean has_audio_playlist = media->tracks->len > 1 && !session->request.is_ts;
  g_autofree gchar *codecs = codec_names (media->tracks);
  gchar number[G_ASCII_DTOSTR_BUF_SIZE];
  GString *text = g_string_new ("#EXTM3U\n#EXT-X-VERSION:1\n");

  if (has_audio_playlist)
    append_audio (text, session);
  g_string_append_printf (text, "#EXT-X-STREAM-INF:CODECS=\"%s\"", codecs);
  if (first->codec_type == AVMEDIA_TYPE_VIDEO) {
    g_string_append_printf (text, ",RESOLUTION=%dx%d", first->width, first->height);
    if (session->frame_rate > 0.0)
      g_string_append_printf (text, ",FRAME-RATE=%s",
                              g_ascii_formatd (number, sizeof number, "%.3f", session->frame_rate));
  }
  g_string_append_printf (text, ",BANDWIDTH=%" G_GUINT64_FORMAT,
                          kvs_local_playback_bandwidth (session));
  if (has_audio_playlist)
    g_string_append (text, ",AUDIO=\"audio\"");
  g_string_append_printf (text, "\ngetHLSMediaPlaylist.m3u8?SessionToken=%s&TrackNumber=1\n",
                          session->token);
  return g_string_free (text, FALSE);
}

static void
append_entry (GString *text, const KvsLocalPlaybackSession *session,
              const KvsLocalPlaybackEntry *entry, gboolean needs_map, guint track_number)
{
  gchar number[G_ASCII_DTOSTR_BUF_SIZE];

  if (entry->is_discontinuity)
    g_string_append (text, "#EXT-X-DISCONTINUITY\n");
  if (needs_map)
    g_string_append_printf (text,
                            "#EXT-X-MAP:URI=\"getMP4InitFragment.mp4?SessionToken=%s"
                            "&TrackNumber=%u&SequenceNumber=%u\"\n",
                            session->token, track_number, entry->generation);
  if (session->request.shows_times) {
    g_autofree gchar *time = kvs_local_playback_date_time (entry->time_ms);

    g_string_append_printf (text, "#EXT-X-PROGRAM-DATE-TIME:%s\n", time);
  }
  g_string_append_printf (text, "#EXTINF:%s,\n",
                          g_ascii_formatd (number, sizeof number, "%.3f",
                                           (gdouble) entry->fragment.duration_ms / MS_PER_SECOND));
  if (session->request.is_ts)
    g_string_append_printf (text, "getTSFragment.ts?FragmentNumber=%s&SessionToken=%s\n",
                            entry->fragment.number, session->token);
  else
    g_string_append_printf (
      text, "getMP4MediaFragment.mp4?FragmentNumber=%s&SessionToken=%s&TrackNumber=%u\n",
      entry->fragment.number, session->token, track_number);
}

/**
 * kvs_local_hls_media_playlist:
 * @session: a session with fragments
 * @track_number: of the track, from 1; all are in one playlist for MPEG-TS
 *
 * Returns: (transfer full): the playlist of what is in the list now
 */
gchar *
kvs_local_hls_media_playlist (const KvsLocalPlaybackSession *session, guint track_number)
{
  guint first = kvs_local_playback_session_first_listed (session);
  const KvsLocalPlaybackEntry *entry = kvs_local_playback_session_get (session, first);
  GString *text = g_string_new ("#EXTM3U\n#EXT-X-VERSION:7\n");
  guint generation = G_MAXUINT;

  if (session->request.mode == KVS_LOCAL_PLAYBACK_ON_DEMAND)
    g_string_append (text, "#EXT-X-PLAYLIST-TYPE:VOD\n");
  g_string_append_printf (text,
                          "#EXT-X-TARGETDURATION:%" G_GINT64_FORMAT "\n"
                          "#EXT-X-MEDIA-SEQUENCE:%" G_GUINT64_FORMAT "\n",
                          session->target_seconds, entry->sequence);
  if (entry->n_discontinuities > 0)
    g_string_append_printf (text, "#EXT-X-DISCONTINUITY-SEQUENCE:%" G_GUINT64_FORMAT "\n",
                            entry->n_discontinuities);
  g_string_append (text, "#EXT-X-INDEPENDENT-SEGMENTS\n");
  for (guint i = first; i < session->entries->len; i++) {
    entry = kvs_local_playback_session_get (session, i);
    append_entry (text, session, entry,
                  !session->request.is_ts && entry->generation != generation, track_number);
    generation = entry->generation;
  }
  if (session->is_complete)
    g_string_append (text, "#EXT-X-ENDLIST\n");
  return g_string_free (text, FALSE);
}
