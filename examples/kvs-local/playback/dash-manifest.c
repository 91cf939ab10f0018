/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "playback/dash-manifest.h"

#include "av/codecs.h"
#include "playback/playback-text.h"

#define MS_PER_SECOND 1000.0

/* The service's documents name the attributes of this namespace, and not the namespace. */
#define KVS_NAMESPACE "urn:amazon:kinesisvideo:2017"

static void
append_seconds (GString *text, const gchar *attribute, gint64 ms)
{
  gchar number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (text, " %s=\"PT%sS\"", attribute,
                          g_ascii_formatd (number, sizeof number, "%.3f",
                                           (gdouble) ms / MS_PER_SECOND));
}

static const KvsLocalPlaybackEntry *
last_entry (const KvsLocalPlaybackSession *session)
{
  return kvs_local_playback_session_get (session, session->entries->len - 1);
}

static gint64
end_ms (const KvsLocalPlaybackSession *session)
{
  const KvsLocalPlaybackEntry *last = last_entry (session);

  return last->position_ms + last->fragment.duration_ms;
}

/* The first list was whole when the session began, so that is when its end became available. */
static void
append_head (GString *text, const KvsLocalPlaybackSession *session)
{
  guint first = kvs_local_playback_session_first_listed (session);
  gint64 start_ms = kvs_local_playback_session_get (session, first)->position_ms;
  g_autofree gchar *available
    = kvs_local_playback_date_time (session->started_ms - session->initial_ms);
  g_autofree gchar *now = kvs_local_playback_date_time (g_get_real_time () / 1000);

  g_string_append_printf (text,
                          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                          "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" xmlns:kvs=\"%s\""
                          " profiles=\"urn:mpeg:dash:profile:isoff-live:2011\""
                          " availabilityStartTime=\"%s\"",
                          KVS_NAMESPACE, available);
  append_seconds (text, "minBufferTime", session->target_seconds * 1000);
  append_seconds (text, "maxSegmentDuration", session->target_seconds * 1000);
  if (session->is_complete) {
    g_string_append (text, " type=\"static\"");
    append_seconds (text, "mediaPresentationDuration", end_ms (session));
  } else {
    g_string_append_printf (text, " type=\"dynamic\" publishTime=\"%s\"", now);
    append_seconds (text, "minimumUpdatePeriod", 1000);
    append_seconds (text, "timeShiftBufferDepth", end_ms (session) - start_ms);
  }
  g_string_append (text, ">\n <Period id=\"1\" start=\"PT0S\">\n");
}

static void
append_segment (GString *text, const KvsLocalPlaybackSession *session, guint place)
{
  const KvsLocalPlaybackEntry *entry = kvs_local_playback_session_get (session, place);
  gint64 length_ms = entry->fragment.duration_ms;

  if (place + 1 < session->entries->len)
    length_ms = kvs_local_playback_session_get (session, place + 1)->position_ms
                - entry->position_ms;
  g_string_append_printf (text,
                          "      <S t=\"%" G_GINT64_FORMAT "\" d=\"%" G_GINT64_FORMAT "\"",
                          entry->position_ms + session->delay_ms, length_ms);
  if (session->request.shows_times) {
    gchar number[G_ASCII_DTOSTR_BUF_SIZE];

    g_string_append_printf (text, " kvs:ts=\"%s\"",
                            g_ascii_formatd (number, sizeof number, "%.3f",
                                             (gdouble) entry->time_ms / MS_PER_SECOND));
  }
  if (session->request.shows_numbers)
    g_string_append_printf (text, " kvs:fn=\"%s\"", entry->fragment.number);
  g_string_append (text, "/>\n");
}

static void
append_track (GString *text, const KvsLocalPlaybackSession *session, guint track)
{
  const KvsLocalMedia *media = g_ptr_array_index (session->generations, 0);
  const AVCodecParameters *codec = g_ptr_array_index (media->tracks, track);
  gboolean is_video = codec->codec_type == AVMEDIA_TYPE_VIDEO;
  guint first = kvs_local_playback_session_first_listed (session);
  g_autofree gchar *name = kvs_local_codecs_name (codec);
  const gchar *kind = is_video ? "video" : "audio";

  g_string_append_printf (text,
                          "  <AdaptationSet id=\"%u\" contentType=\"%s\" mimeType=\"%s/mp4\""
                          " segmentAlignment=\"true\" startWithSAP=\"1\">\n"
                          "   <Representation id=\"%u\" codecs=\"%s\""
                          " bandwidth=\"%" G_GUINT64_FORMAT "\"",
                          track + 1, kind, kind, track + 1, name,
                          kvs_local_playback_bandwidth (session));
  if (is_video)
    g_string_append_printf (text, " width=\"%d\" height=\"%d\">\n", codec->width, codec->height);
  else
    g_string_append_printf (text, " audioSamplingRate=\"%d\">\n", codec->sample_rate);
  g_string_append_printf (
    text,
    "    <SegmentTemplate timescale=\"1000\" presentationTimeOffset=\"%" G_GINT64_FORMAT "\""
    " startNumber=\"%" G_GUINT64_FORMAT "\""
    " initialization=\"getMP4InitFragment.mp4?SessionToken=%s&amp;TrackNumber=%u\""
    " media=\"getMP4MediaFragment.mp4?FragmentNumber=$Number$&amp;SessionToken=%s"
    "&amp;TrackNumber=%u\">\n"
    "     <SegmentTimeline>\n",
    session->delay_ms, kvs_local_playback_session_get (session, first)->sequence + 1,
    session->token, track + 1, session->token, track + 1);
  for (guint i = first; i < session->entries->len; i++)
    append_segment (text, session, i);
  g_string_append (text,
                   "     </SegmentTimeline>\n"
                   "    </SegmentTemplate>\n"
                   "   </Representation>\n"
                   "  </AdaptationSet>\n");
}

/**
 * kvs_local_dash_manifest:
 * @session: a session with fragments
 *
 * Fragments are numbered from 1 as they come into the session, and follow each other without gaps:
 * players do not cope with gaps.
 *
 * Returns: (transfer full): the manifest of what is in the list now
 */
gchar *
kvs_local_dash_manifest (const KvsLocalPlaybackSession *session)
{
  const KvsLocalMedia *media = g_ptr_array_index (session->generations, 0);
  GString *text = g_string_new (NULL);

  append_head (text, session);
  for (guint i = 0; i < media->tracks->len; i++)
    append_track (text, session, i);
  g_string_append (text, " </Period>\n</MPD>\n");
  return g_string_free (text, FALSE);
}
