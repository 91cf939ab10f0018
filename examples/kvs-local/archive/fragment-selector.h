/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The FragmentSelector, HLSFragmentSelector, ... of a request. */
#pragma once

#include <json-glib/json-glib.h>

#include "store/store-range.h"

G_BEGIN_DECLS

/* How long a range for playback or a clip may be (kvs-api.md sections 12 and 14) */
#define KVS_LOCAL_MAX_PLAYBACK_RANGE_MS (24 * 60 * 60 * G_GINT64_CONSTANT (1000))

/**
 * KvsLocalRangeNeed:
 * @KVS_LOCAL_RANGE_BOTH_ENDS: StartTimestamp and EndTimestamp must be there
 * @KVS_LOCAL_RANGE_START: EndTimestamp may be left out
 * @KVS_LOCAL_RANGE_NONE: there must be no TimestampRange
 */
typedef enum {
  KVS_LOCAL_RANGE_BOTH_ENDS,
  KVS_LOCAL_RANGE_START,
  KVS_LOCAL_RANGE_NONE,
} KvsLocalRangeNeed;

/**
 * KvsLocalSelectorRules:
 * @member: of the request
 * @type_is_optional: without the member or its FragmentSelectorType it is SERVER_TIMESTAMP
 * @need: of TimestampRange
 * @is_playback: the range is no longer than %KVS_LOCAL_MAX_PLAYBACK_RANGE_MS and not empty; by the
 *   server's time it ends in the past and begins within the retention
 */
typedef struct {
  const gchar *member;
  gboolean type_is_optional;
  KvsLocalRangeNeed need;
  gboolean is_playback;
} KvsLocalSelectorRules;

gboolean kvs_local_fragment_selector_parse (JsonObject *args, const KvsLocalSelectorRules *rules,
                                            const KvsLocalStream *stream, KvsLocalRange *out,
                                            GError **error);

G_END_DECLS
