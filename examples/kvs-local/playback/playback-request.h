/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parameters of GetHLSStreamingSessionURL and GetDASHStreamingSessionURL. */
#pragma once

#include <json-glib/json-glib.h>

#include "av/codecs.h"
#include "store/store-range.h"

G_BEGIN_DECLS

/* kvs-api.md section 12 */
#define KVS_LOCAL_MIN_EXPIRES_SECONDS 300
#define KVS_LOCAL_MAX_EXPIRES_SECONDS 43200

typedef enum {
  KVS_LOCAL_PLAYBACK_LIVE,
  KVS_LOCAL_PLAYBACK_LIVE_REPLAY,
  KVS_LOCAL_PLAYBACK_ON_DEMAND,
} KvsLocalPlaybackMode;

/**
 * KvsLocalDiscontinuityMode:
 * @KVS_LOCAL_DISCONTINUITY_ALWAYS: a marker before each fragment
 * @KVS_LOCAL_DISCONTINUITY_NEVER: none
 * @KVS_LOCAL_DISCONTINUITY_ON: one where there is a gap or an overlap
 */
typedef enum {
  KVS_LOCAL_DISCONTINUITY_ALWAYS,
  KVS_LOCAL_DISCONTINUITY_NEVER,
  KVS_LOCAL_DISCONTINUITY_ON,
} KvsLocalDiscontinuityMode;

/**
 * KvsLocalPlaybackRequest:
 * @is_dash: DASH, else HLS
 * @is_ts: MPEG-TS, else fragmented MP4
 * @mode: how the list of fragments grows
 * @range: which fragments; all for %KVS_LOCAL_PLAYBACK_LIVE
 * @discontinuity: of HLS
 * @shows_times: the list has the fragments' times
 * @shows_numbers: the list has the fragments' numbers
 * @expires_seconds: how long the session lives
 * @max_results: how many fragments the list has at most
 */
typedef struct {
  gboolean is_dash;
  gboolean is_ts;
  KvsLocalPlaybackMode mode;
  KvsLocalRange range;
  KvsLocalDiscontinuityMode discontinuity;
  gboolean shows_times;
  gboolean shows_numbers;
  gint64 expires_seconds;
  gint64 max_results;
} KvsLocalPlaybackRequest;

gboolean kvs_local_playback_request_parse (JsonObject *args, const KvsLocalStream *stream,
                                           gboolean is_dash, KvsLocalPlaybackRequest *out,
                                           GError **error);
KvsLocalConsumer kvs_local_playback_request_consumer (const KvsLocalPlaybackRequest *request);

G_END_DECLS
