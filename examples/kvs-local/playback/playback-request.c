/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "playback/playback-request.h"

#include "archive/fragment-selector.h"
#include "http/args.h"

/* kvs-api.md section 12 */
#define DEFAULT_LIVE_RESULTS 5
#define DEFAULT_ON_DEMAND_RESULTS 1000
#define MAX_RESULTS 5000

/* A member that may be left out; @out is the place of its value among @choices. */
static gboolean
parse_choice (JsonObject *args, const gchar *name, const gchar *const *choices, guint *out,
              GError **error)
{
  const gchar *value;

  if (!kvs_local_args_has (args, name))
    return TRUE;
  if (!kvs_local_args_choice (args, name, choices, &value, error))
    return FALSE;
  for (*out = 0; !g_str_equal (choices[*out], value);)
    (*out)++;
  return TRUE;
}

static gboolean
parse_flag (JsonObject *args, const gchar *name, gboolean *out, GError **error)
{
  static const gchar *const choices[] = { "NEVER", "ALWAYS", NULL };
  guint place = 0;

  if (!parse_choice (args, name, choices, &place, error))
    return FALSE;
  *out = place == 1;
  return TRUE;
}

static gboolean
parse_selector (JsonObject *args, const KvsLocalStream *stream, KvsLocalPlaybackRequest *out,
                GError **error)
{
  static const KvsLocalRangeNeed needs[] = {
    [KVS_LOCAL_PLAYBACK_LIVE] = KVS_LOCAL_RANGE_NONE,
    [KVS_LOCAL_PLAYBACK_LIVE_REPLAY] = KVS_LOCAL_RANGE_START,
    [KVS_LOCAL_PLAYBACK_ON_DEMAND] = KVS_LOCAL_RANGE_BOTH_ENDS,
  };
  KvsLocalSelectorRules rules = {
    .member = out->is_dash ? "DASHFragmentSelector" : "HLSFragmentSelector",
    .type_is_optional = TRUE,
    .need = needs[out->mode],
    .is_playback = TRUE,
  };

  if (!kvs_local_fragment_selector_parse (args, &rules, stream, &out->range, error))
    return FALSE;
  out->range.is_deduplicated = out->range.by_producer;
  return TRUE;
}

static gboolean
parse_hls (JsonObject *args, KvsLocalPlaybackRequest *out, GError **error)
{
  static const gchar *const containers[] = { "FRAGMENTED_MP4", "MPEG_TS", NULL };
  static const gchar *const modes[] = {
    [KVS_LOCAL_DISCONTINUITY_ALWAYS] = "ALWAYS",
    [KVS_LOCAL_DISCONTINUITY_NEVER] = "NEVER",
    [KVS_LOCAL_DISCONTINUITY_ON] = "ON_DISCONTINUITY",
    NULL,
  };
  guint container = 0;
  guint mode = out->range.by_producer ? KVS_LOCAL_DISCONTINUITY_NEVER
                                      : KVS_LOCAL_DISCONTINUITY_ALWAYS;

  if (!parse_choice (args, "ContainerFormat", containers, &container, error)
      || !parse_choice (args, "DiscontinuityMode", modes, &mode, error))
    return FALSE;
  out->is_ts = container == 1;
  out->discontinuity = (KvsLocalDiscontinuityMode) mode;
  return TRUE;
}

/**
 * kvs_local_playback_request_parse:
 * @args: a request
 * @stream: of the request
 * @is_dash: which of the two it is
 * @out: (out): what it wants
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether it is good
 */
gboolean
kvs_local_playback_request_parse (JsonObject *args, const KvsLocalStream *stream,
                                  gboolean is_dash, KvsLocalPlaybackRequest *out, GError **error)
{
  static const gchar *const modes[] = {
    [KVS_LOCAL_PLAYBACK_LIVE] = "LIVE",
    [KVS_LOCAL_PLAYBACK_LIVE_REPLAY] = "LIVE_REPLAY",
    [KVS_LOCAL_PLAYBACK_ON_DEMAND] = "ON_DEMAND",
    NULL,
  };
  guint mode = KVS_LOCAL_PLAYBACK_LIVE;

  *out = (KvsLocalPlaybackRequest) {
    .is_dash = is_dash,
    .discontinuity = KVS_LOCAL_DISCONTINUITY_NEVER,
    .expires_seconds = KVS_LOCAL_MIN_EXPIRES_SECONDS,
  };
  if (!parse_choice (args, "PlaybackMode", modes, &mode, error))
    return FALSE;
  out->mode = (KvsLocalPlaybackMode) mode;
  out->max_results = out->mode == KVS_LOCAL_PLAYBACK_ON_DEMAND ? DEFAULT_ON_DEMAND_RESULTS
                                                               : DEFAULT_LIVE_RESULTS;
  return parse_selector (args, stream, out, error)
         && (is_dash || parse_hls (args, out, error))
         && parse_flag (args, "DisplayFragmentTimestamp", &out->shows_times, error)
         && (!is_dash || parse_flag (args, "DisplayFragmentNumber", &out->shows_numbers, error))
         && kvs_local_args_int (args, "Expires", KVS_LOCAL_MIN_EXPIRES_SECONDS,
                                KVS_LOCAL_MAX_EXPIRES_SECONDS, &out->expires_seconds, error)
         && kvs_local_args_int (
           args, is_dash ? "MaxManifestFragmentResults" : "MaxMediaPlaylistFragmentResults", 1,
           MAX_RESULTS, &out->max_results, error);
}

/**
 * kvs_local_playback_request_consumer:
 * @request: what is wanted
 *
 * Returns: what decides which tracks can be played
 */
KvsLocalConsumer
kvs_local_playback_request_consumer (const KvsLocalPlaybackRequest *request)
{
  if (request->is_dash)
    return KVS_LOCAL_CONSUMER_DASH;
  return request->is_ts ? KVS_LOCAL_CONSUMER_HLS_TS : KVS_LOCAL_CONSUMER_HLS_MP4;
}
