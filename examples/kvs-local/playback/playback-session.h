/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one HLS or DASH session has shown to its player: which fragments, where on the time line. For
 * the main thread alone. */
#pragma once

#include "av/demux.h"
#include "playback/playback-request.h"
#include "playback/playback-token.h"

G_BEGIN_DECLS

/* kvs-api.md section 12 */
#define KVS_LOCAL_MAX_CODEC_CHANGES 500

/**
 * KvsLocalPlaybackEntry:
 * @fragment: a fragment of the stream; its duration is never 0
 * @sequence: 0 for the first one of the session
 * @time_ms: its beginning, in the session's kind of time
 * @position_ms: where it is on the session's time line
 * @is_discontinuity: a marker is before it
 * @n_discontinuities: markers before that one
 * @generation: which of the session's tracks are its own
 * @refusal: 0, or the %KvsLocalError which its media is refused with
 */
typedef struct {
  KvsLocalFragment fragment;
  guint64 sequence;
  gint64 time_ms;
  gint64 position_ms;
  gboolean is_discontinuity;
  guint64 n_discontinuities;
  guint generation;
  gint refusal;
} KvsLocalPlaybackEntry;

/**
 * KvsLocalPlaybackSession:
 * @id: of the token
 * @token: as it is in URLs
 * @stream: whose media is played
 * @request: what is wanted
 * @quotas: what was used of late
 * @expiry_us: when it is over, by the monotonic clock
 * @started_us: when it began, by the monotonic clock
 * @started_ms: when it began, since 1970
 * @entries: (element-type KvsLocalPlaybackEntry): those in the list, and some that have left it
 * @generations: (element-type KvsLocalMedia): tracks, without frames, in the order of their coming
 * @header: (nullable): of the fragment before, up to its Cluster
 * @tracks: (nullable): what @header says
 * @initial_ms: of the time line when it began
 * @delay_ms: see KvsLocalRemuxTime
 * @frame_rate: of the first fragment, 0 if it has no video
 * @target_seconds: of HLS; at least as long as each fragment so far
 * @peak_bytes_per_second: of the fragment that has most
 * @is_complete: nothing is going to be added
 */
typedef struct {
  guint ref_count;
  guint8 id[KVS_LOCAL_SESSION_ID_BYTES];
  gchar *token;
  KvsLocalStream *stream;
  KvsLocalPlaybackRequest request;
  KvsLocalQuotas quotas;
  gint64 expiry_us;
  gint64 started_us;
  gint64 started_ms;
  GArray *entries;
  GPtrArray *generations;
  GBytes *header;
  KvsLocalMedia *tracks;
  gint64 initial_ms;
  gint64 delay_ms;
  gdouble frame_rate;
  gint64 target_seconds;
  guint64 peak_bytes_per_second;
  gboolean is_complete;
  /*< private >*/
  guint64 next_sequence;
  guint64 n_discontinuities;
  gint64 replayed_ms;
} KvsLocalPlaybackSession;

KvsLocalPlaybackSession *kvs_local_playback_session_new (KvsLocalStream *stream,
                                                         const KvsLocalPlaybackRequest *request);
KvsLocalPlaybackSession *kvs_local_playback_session_ref (KvsLocalPlaybackSession *session);
void kvs_local_playback_session_unref (KvsLocalPlaybackSession *session);
GArray *kvs_local_playback_session_find_new (KvsLocalPlaybackSession *session,
                                             KvsLocalStore *store, GError **error);
void kvs_local_playback_session_append (KvsLocalPlaybackSession *session,
                                        const KvsLocalFragment *fragment, GBytes *header,
                                        KvsLocalMedia *tracks);
guint kvs_local_playback_session_first_listed (const KvsLocalPlaybackSession *session);
const KvsLocalPlaybackEntry *kvs_local_playback_session_get (const KvsLocalPlaybackSession *session,
                                                             guint place);
const KvsLocalPlaybackEntry *
kvs_local_playback_session_find (const KvsLocalPlaybackSession *session, const gchar *number);
const KvsLocalPlaybackEntry *
kvs_local_playback_session_find_sequence (const KvsLocalPlaybackSession *session,
                                          guint64 sequence);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalPlaybackSession, kvs_local_playback_session_unref)

G_END_DECLS
