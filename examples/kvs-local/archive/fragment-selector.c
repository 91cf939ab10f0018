/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/fragment-selector.h"

#include "api/service-error.h"
#include "http/args.h"

#define MS_PER_HOUR G_GINT64_CONSTANT (3600000)

static gboolean
refuse (GError **error, const gchar *message)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT, message);
  return FALSE;
}

static gboolean
parse_type (JsonObject *selector, const KvsLocalSelectorRules *rules, KvsLocalRange *out,
            GError **error)
{
  static const gchar *const types[] = { "PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP", NULL };
  const gchar *type;

  if (rules->type_is_optional && !kvs_local_args_has (selector, "FragmentSelectorType"))
    return TRUE;
  if (!kvs_local_args_choice (selector, "FragmentSelectorType", types, &type, error))
    return FALSE;
  out->by_producer = g_str_equal (type, types[0]);
  return TRUE;
}

static gboolean
parse_ends (JsonObject *range, const KvsLocalSelectorRules *rules, KvsLocalRange *out,
            GError **error)
{
  if (!kvs_local_args_time_ms (range, "StartTimestamp", &out->start_ms, error))
    return FALSE;
  if (rules->need == KVS_LOCAL_RANGE_START && !kvs_local_args_has (range, "EndTimestamp"))
    return TRUE;
  if (!kvs_local_args_time_ms (range, "EndTimestamp", &out->end_ms, error))
    return FALSE;
  return out->end_ms >= out->start_ms
         || refuse (error, "EndTimestamp must not be earlier than StartTimestamp.");
}

static gboolean
check_playback (const KvsLocalRange *range, const KvsLocalStream *stream, GError **error)
{
  gint64 now_ms = g_get_real_time () / 1000;

  if (range->end_ms <= range->start_ms)
    return refuse (error, "EndTimestamp must be later than StartTimestamp.");
  if (range->end_ms != G_MAXINT64
      && range->end_ms - range->start_ms > KVS_LOCAL_MAX_PLAYBACK_RANGE_MS)
    return refuse (error, "EndTimestamp must be within 24 hours of StartTimestamp.");
  if (range->by_producer)
    return TRUE;
  if (range->end_ms != G_MAXINT64 && range->end_ms >= now_ms)
    return refuse (error, "EndTimestamp must be in the past for SERVER_TIMESTAMP.");
  return range->start_ms >= now_ms - stream->retention_hours * MS_PER_HOUR
         || refuse (error, "StartTimestamp must be later than the stream head.");
}

/**
 * kvs_local_fragment_selector_parse:
 * @args: a request
 * @rules: what it must be like
 * @stream: of the request
 * @out: (out): which fragments; all of them if there is no TimestampRange
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * Returns: whether the selector is good
 */
gboolean
kvs_local_fragment_selector_parse (JsonObject *args, const KvsLocalSelectorRules *rules,
                                   const KvsLocalStream *stream, KvsLocalRange *out,
                                   GError **error)
{
  JsonObject *selector, *range;

  *out = (KvsLocalRange) { .start_ms = 0, .end_ms = G_MAXINT64 };
  if (!kvs_local_args_object (args, rules->member, &selector, error))
    return FALSE;
  if (selector == NULL && rules->type_is_optional && rules->need == KVS_LOCAL_RANGE_NONE)
    return TRUE;
  if (selector == NULL) {
    g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT, "%s is required.",
                 rules->member);
    return FALSE;
  }
  if (!parse_type (selector, rules, out, error)
      || !kvs_local_args_object (selector, "TimestampRange", &range, error))
    return FALSE;
  if (rules->need == KVS_LOCAL_RANGE_NONE)
    return range == NULL || refuse (error, "TimestampRange must not be specified for LIVE.");
  if (range == NULL)
    return refuse (error, "TimestampRange is required.");
  return parse_ends (range, rules, out, error)
         && (!rules->is_playback || check_playback (out, stream, error));
}
