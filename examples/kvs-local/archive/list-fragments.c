/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/list-fragments.h"

#include "api/service-error.h"
#include "archive/archive.h"
#include "archive/fragment-selector.h"
#include "archive/page-token.h"
#include "http/args.h"

#define MAX_RESULTS 1000
#define DEFAULT_RESULTS 100
#define MS_PER_SECOND 1000.0
#define TOKEN_KIND "fragments"

/* What a token is made of */
enum {
  TOKEN_STREAM,
  TOKEN_BY_PRODUCER,
  TOKEN_START,
  TOKEN_END,
  TOKEN_AFTER_MS,
  TOKEN_AFTER_ID,
  N_TOKEN_NUMBERS,
};

static const KvsLocalSelectorRules rules = {
  .member = "FragmentSelector",
  .need = KVS_LOCAL_RANGE_BOTH_ENDS,
};

static gboolean
range_of_token (const KvsLocalStream *stream, const gint64 *numbers, KvsLocalRange *out,
                GError **error)
{
  if (numbers[TOKEN_STREAM] != stream->id) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                         "The NextToken is that of another stream.");
    return FALSE;
  }
  *out = (KvsLocalRange) {
    .by_producer = numbers[TOKEN_BY_PRODUCER] != 0,
    .start_ms = numbers[TOKEN_START],
    .end_ms = numbers[TOKEN_END],
    .after_ms = numbers[TOKEN_AFTER_MS],
    .after_id = numbers[TOKEN_AFTER_ID],
  };
  return TRUE;
}

/* Clients that go through the pages send the selector again with each token. */
static gboolean
parse_range (JsonObject *args, const KvsLocalStream *stream, KvsLocalRange *out, GError **error)
{
  gint64 numbers[N_TOKEN_NUMBERS];
  gboolean has_token;

  if (!kvs_local_archive_token (args, TOKEN_KIND, numbers, N_TOKEN_NUMBERS, &has_token, error))
    return FALSE;
  if ((!has_token || kvs_local_args_has (args, rules.member))
      && !kvs_local_fragment_selector_parse (args, &rules, stream, out, error))
    return FALSE;
  return !has_token || range_of_token (stream, numbers, out, error);
}

static JsonObject *
describe (const KvsLocalFragment *fragment)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "FragmentNumber", fragment->number);
  json_object_set_int_member (object, "FragmentSizeInBytes", (gint64) fragment->file_size);
  json_object_set_double_member (object, "ProducerTimestamp",
                                 (gdouble) fragment->producer_ms / MS_PER_SECOND);
  json_object_set_double_member (object, "ServerTimestamp",
                                 (gdouble) fragment->server_ms / MS_PER_SECOND);
  json_object_set_int_member (object, "FragmentLengthInMilliseconds", fragment->duration_ms);
  return object;
}

static gchar *
make_token (const KvsLocalStream *stream, const KvsLocalRange *range, const KvsLocalFragment *last)
{
  const gint64 numbers[N_TOKEN_NUMBERS] = {
    [TOKEN_STREAM] = stream->id,
    [TOKEN_BY_PRODUCER] = range->by_producer,
    [TOKEN_START] = range->start_ms,
    [TOKEN_END] = range->end_ms,
    [TOKEN_AFTER_MS] = kvs_local_range_time_ms (range, last),
    [TOKEN_AFTER_ID] = last->id,
  };

  return kvs_local_page_token_make (TOKEN_KIND, numbers, N_TOKEN_NUMBERS);
}

/* @fragments has one more than @max if there is another page. */
static JsonObject *
make_answer (const KvsLocalStream *stream, const KvsLocalRange *range, const GArray *fragments,
             guint max)
{
  JsonObject *answer = json_object_new ();
  JsonArray *list = json_array_new ();
  g_autofree gchar *token = NULL;

  for (guint i = 0; i < MIN (fragments->len, max); i++)
    json_array_add_object_element (list,
                                   describe (&g_array_index (fragments, KvsLocalFragment, i)));
  json_object_set_array_member (answer, "Fragments", list);
  if (fragments->len > max) {
    token = make_token (stream, range, &g_array_index (fragments, KvsLocalFragment, max - 1));
    json_object_set_string_member (answer, "NextToken", token);
  } else {
    json_object_set_null_member (answer, "NextToken");
  }
  return answer;
}

/**
 * kvs_local_list_fragments:
 * @plane: where
 * @args: request
 * @error: where to put an error
 *
 * Of a stream without retention there are none, as nothing of it is persisted.
 *
 * Returns: (transfer full) (nullable): answer
 */
JsonObject *
kvs_local_list_fragments (const KvsLocalControlPlane *plane, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_archive_stream (args, plane->store, error);
  gint64 max_results = DEFAULT_RESULTS;
  KvsLocalRange range;
  g_autoptr (GArray) fragments = NULL;

  if (stream == NULL
      || !kvs_local_args_int (args, "MaxResults", 1, MAX_RESULTS, &max_results, error)
      || !parse_range (args, stream, &range, error)
      || !kvs_local_server_take_quota (plane->server, &stream->quotas,
                                       KVS_LOCAL_QUOTA_METADATA_POINTS, (guint64) max_results,
                                       error))
    return NULL;
  fragments = kvs_local_store_list_range (plane->store, stream, &range,
                                          stream->retention_hours > 0 ? (guint) max_results + 1 : 0,
                                          error);
  return fragments != NULL ? make_answer (stream, &range, fragments, (guint) max_results) : NULL;
}
